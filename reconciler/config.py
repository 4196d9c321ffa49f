"""`reconcile.yaml`: variables, and the policy for planning and rolling out each app.

The models also define the file's schema: `reconcile schema config` prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from reconciler.patterns import compiled
from reconciler.redaction import TOKEN_VARIABLES
from reconciler.text import LONGEST_DURATION, parse_duration


def _in_range(seconds: float) -> float:
    if not 0 <= seconds <= LONGEST_DURATION:
        raise ValueError("a duration must be between 0s and 366d")
    return seconds


def _positive(seconds: float) -> float:
    if not seconds:
        raise ValueError("a timeout must be longer than 0s; write 90s, 5m or 1h30m")
    return seconds


_AS_TEXT = PlainSerializer(lambda seconds: f"{Decimal(str(seconds)).normalize():f}s", return_type=str)  # never 1e+06s
_AS_SCHEMA = WithJsonSchema({"type": ["string", "number"], "description": "a duration such as 90s, 5m or 1h30m"})

Duration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_in_range), _AS_TEXT, _AS_SCHEMA]
"""Seconds, from 0 to 366 days."""

Timeout = Annotated[
    float, BeforeValidator(parse_duration), AfterValidator(_in_range), AfterValidator(_positive), _AS_TEXT, _AS_SCHEMA
]
"""The same, but more than 0."""


def _pointer(value: str) -> str:
    """Refuse an ignored path that does not start at the spec: it would silently match nothing."""
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is not a JSON pointer; write /{value}")
    return value


Pointer = Annotated[str, AfterValidator(_pointer)]


_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FRAMING = ("content-length", "transfer-encoding")
_LONGEST_PATH = 8000


def _header_name(value: str) -> str:
    if not _FIELD_NAME.fullmatch(value):
        raise ValueError("invalid header name; use letters, digits and hyphens, such as X-Probe")
    if value.lower() in _FRAMING:
        raise ValueError("this header is not allowed in a request without a body; remove it")
    return value


def _header_value(value: str) -> str:
    """Messages never contain the value: it may be a credential."""
    if not value.isascii() or _CONTROL.search(value.replace("\t", "")):
        raise ValueError("a header must be ASCII on one line; encode other text, such as with base64")
    if value != value.strip():
        raise ValueError("a header must not begin or end with a space; remove it")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
"""What an HTTP client sends, by RFC 9110; anything else would fail at every try, long after it was written."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Timeouts(_Section):
    """How long each part of a rollout may take."""

    build: Timeout = Field(default=3600.0, description="how long a build may take")
    deploy: Timeout = Field(default=1200.0, description="how long the deploy phase may take after the build")
    health: Timeout = Field(default=300.0, description="how long an active deployment may take to become healthy")
    platform_rollback: Duration = Field(
        default=300.0, description="how long to wait for the platform's own rollback after a failed deployment"
    )


class Probe(_Section):
    """An HTTP request against the app's live URL that must succeed throughout the soak."""

    path: str = Field(default="/", description="request path, relative to the app's live URL")
    method: Literal["GET", "HEAD", "POST"] = Field(default="GET", description="request method")
    status: int | list[int] = Field(default=200, description="expected status or statuses")
    body: str = Field(default="", description="regular expression (RE2 syntax) that the response body must match")
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="request headers")
    count: int = Field(default=1, ge=1, description="consecutive successes required")
    interval: Duration = Field(default=2.0, description="pause between requests")
    timeout: Timeout = Field(default=10.0, description="how long one request may take")
    verify_tls: bool = Field(default=True, description="check the server's certificate")

    @field_validator("status")
    @classmethod
    def _is_a_status(cls, value: int | list[int]) -> int | list[int]:
        for status in value if isinstance(value, list) else [value]:
            if not 100 <= status <= 599:
                raise ValueError(f"{status} is not an HTTP status; use 100 to 599, such as 200")
        return value

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError(f"{value!r} is not a URL path; write /{value}")
        if _CONTROL.search(value) or len(value) > _LONGEST_PATH:
            raise ValueError(f"not a valid request path; use one line of up to {_LONGEST_PATH:,} characters")
        if "#" in value:
            raise ValueError("a fragment (#) is never sent; remove it, or write %23")
        return value

    @field_validator("body")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        if value:
            compiled(value)
        return value


class HealthPolicy(_Section):
    """When an active deployment counts as healthy."""

    soak: Duration = Field(default=30.0, description="how long the app must stay healthy")
    probe: Probe | None = Field(default=None, description="an HTTP request that must also succeed")
    tolerance: Duration = Field(
        default=20.0, description="how long the app may be continuously unhealthy before the rollout fails"
    )
    components: bool = Field(default=True, description="use the platform's component health")
    unknown: Literal["wait", "healthy"] = Field(
        default="healthy", description="how to treat a component whose state is still unknown after the soak"
    )


class PlatformFaults(_Section):
    """How often a spec is deployed whose deployments fail through a fault of the platform, all runs together."""

    attempts: int = Field(default=3, ge=1, description="attempts within the time below, the first one included")
    within: Timeout = Field(default=21600.0, description="the time in which the attempts are counted")


class Policy(_Section):
    """How one app is planned and rolled out."""

    source_versions: Literal["keep", "latest"] = Field(
        default="keep",
        description="latest: an update also pulls the newest commit or image of every source, and a pipeline redeploys "
        "an app in sync that does not run its commit",
    )
    timeouts: Timeouts = Field(
        default=Timeouts.model_construct(), description="how long each part of a rollout may take"
    )
    health: HealthPolicy = Field(
        default=HealthPolicy.model_construct(), description="when an active deployment counts as healthy"
    )
    on_failure: Literal["rollback", "pin", "leave"] = Field(
        default="rollback", description="rollback (and commit), pin (roll back and leave pinned for a person), leave"
    )
    after_platform_rollback: Literal["adopt", "commit"] = Field(
        default="adopt",
        description="after the platform's own rollback: adopt (leave app.spec as it is), "
        "commit (make the good spec the app's spec again)",
    )
    platform_faults: PlatformFaults = Field(
        default=PlatformFaults(), description="how often to retry a deployment that failed by the platform's fault"
    )
    ignore: list[Pointer] = Field(default=[], description="JSON pointers by name, such as /services/web/instance_count")
    secrets: Literal["keep", "fingerprint"] = Field(
        default="keep", description="fingerprint: detect a changed secret by a keyed fingerprint"
    )
    depends_on: list[str] = Field(default=[], description="apps that must be healthy before this one is rolled out")

    @property
    def secret_values(self) -> frozenset[str]:
        """What must never reach an output: the values of its probe's headers."""
        return frozenset(self.health.probe.headers.values() if self.health.probe else ())


IS_NO_VARIABLE = (
    "is this run's own token, which is never substituted: it would be sent with the spec; "
    "give the app a token of its own under another name"
)
"""Why a token is not substituted, and what to do instead."""


class Variable(_Section):
    """A variable that is substituted in specs; without a default it must be set."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="its name, also in the environment")
    default: str | None = Field(
        default=None, description="value to use if it is not set; without a default it must be set"
    )
    secret: bool = Field(default=False, description="never show its value anywhere")

    @field_validator("name")
    @classmethod
    def _is_no_token(cls, value: str) -> str:
        if value.upper() in TOKEN_VARIABLES:
            raise ValueError(f"{value} {IS_NO_VARIABLE}")
        return value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class _NameOrEntry:
    """Describes the entry in the JSON Schema, which is made only when it is asked for."""

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, Variable.model_json_schema()]}


VariableEntry = Annotated[
    Variable,
    BeforeValidator(_named),
    _NameOrEntry(),
]


class Guards(_Section):
    """What a run may not do unless allowed."""

    max_changes: int = Field(default=30, ge=0, le=100, description="percentage of the fleet that one run may change")
    max_changes_from: int = Field(default=10, ge=1, description="fleet size from which max_changes applies")


class Freeze(_Section):
    """A window in which nothing is applied: a cron expression with a duration, or between two dates."""

    cron: str = Field(default="", description="when the window starts: a five-field cron expression in time_zone")
    duration: Duration = Field(default=0.0, description="how long a cron window lasts")
    start: str = Field(default="", description="start of the window, ISO 8601")
    end: str = Field(default="", description="end of the window, ISO 8601")
    time_zone: str = Field(default="UTC", description="time zone of cron, and of start and end without an offset")
    reason: str = Field(default="", description="shown when the run is refused")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """Refuse a window that can never open or never close: it would be noticed at the worst time."""
        if bool(self.cron) == bool(self.start or self.end):
            raise ValueError("a freeze window takes either cron and duration, or start and end")
        if bool(self.start) != bool(self.end):
            has, lacks = ("start", "end") if self.start else ("end", "start")
            raise ValueError(f"a freeze window with {has} also needs {lacks}; add `{lacks}: 2026-12-24T18:00`")
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time_zone {self.time_zone!r}") from error
        if self.cron:
            self._check_cron()
        elif self._moment(self.start, zone) >= self._moment(self.end, zone):
            raise ValueError("start must be before end")
        return self

    def _check_cron(self) -> None:
        from cronsim import CronSim, CronSimError

        if not self.duration:
            raise ValueError("a cron window needs a duration; add `duration: 8h`")
        try:
            CronSim(self.cron, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"cron {self.cron!r} is not a cron expression: {error}") from error

    @staticmethod
    def _moment(text: str, zone: ZoneInfo) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is not a date; write 2026-12-24 or 2026-12-24T18:00") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    def begin_and_end(self) -> tuple[datetime, datetime]:
        """The two dates of a dated window."""
        zone = ZoneInfo(self.time_zone)
        return self._moment(self.start, zone), self._moment(self.end, zone)


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AN_ID = "4b7c2f0e-93a5-4f7e-8a55-1d1f0e6c2b11"


class Config(_Section):
    """The whole file; every field is optional."""

    project: str = Field(default="", description="id of the project to create new apps in")
    variables: list[VariableEntry] = Field(
        default=[], description="variables to substitute in specs: names, or entries as below"
    )
    defaults: Policy = Field(default=Policy.model_construct(), description="policy for every app")
    apps: dict[str, dict[str, Any]] = Field(default={}, description="policy per app; overrides the defaults")
    moved: dict[str, str] = Field(default={}, description="renamed apps, as `old name: new name`")
    guards: Guards = Field(default=Guards.model_construct(), description="what a run may not do unless allowed")
    freeze: list[Freeze] = Field(default=[], description="windows in which nothing is applied")
    policies: str = Field(
        default="policies", description="folder of JSON Schemas that specs must satisfy, relative to this file"
    )
    environments: dict[str, dict[str, Any]] = Field(default={}, description="environments by name; pick one with --env")

    @field_validator("project")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if value and not _UUID.fullmatch(value):
            raise ValueError(f"{value!r} is not a project id; run `doctl projects list` for ids such as {_AN_ID}")
        return value

    @field_validator("variables")
    @classmethod
    def _declared_once(cls, value: list[Variable]) -> list[Variable]:
        names = [variable.name for variable in value]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{twice} is declared twice; remove one of them")
        return value

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        base = self.defaults.model_dump(exclude_unset=True)
        return {name: Policy.model_validate(merged(base, own)) for name, own in self.apps.items()}

    def former_names(self, app: str) -> list[str]:
        """An app's earlier names according to ``moved``, the most recent first."""
        before = {new: old for old, new in self.moved.items()}
        names = [app]
        while (old := before.get(names[-1])) and old not in names:
            names.append(old)
        return names[1:]

    def policy(self, app: str) -> Policy:
        """The policy of an app: the defaults, overridden by its own entry.

        A default ``depends_on`` does not make an app depend on itself.
        """
        policy = self._policies.get(app, self.defaults)
        if app not in policy.depends_on or "depends_on" in self.apps.get(app, {}):
            return policy
        return policy.model_copy(update={"depends_on": [other for other in policy.depends_on if other != app]})


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, everything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def find_circle(depends_on: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A cycle of dependent apps, such as ``("api", "web", "api")``; empty if there is none.

    It begins with the one of its apps that comes first in the mapping. Unknown names wait for nothing.
    """
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        circle = error.args[1][:0:-1]  # the sorter has it from the awaited to the waiting, its first app twice
        first = min(map(list(depends_on).index, circle))
        at = circle.index(list(depends_on)[first])
        return (*circle[at:], *circle[: at + 1])
    return ()
