"""`reconcile.yaml`: variables, and the policy for planning and rolling out each app.

The models also define the file's schema: `reconcile schema config` prints it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from reconciler.config_fields import CONTROL, LONGEST_PATH, Duration, HeaderName, HeaderValue, Pointer, Section, Timeout
from reconciler.config_notify import Channel
from reconciler.config_preview import NO_PREVIEW, Preview
from reconciler.patterns import compiled
from reconciler.redaction import TOKEN_VARIABLES

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class Timeouts(Section):
    """How long each part of a rollout may take."""

    build: Timeout = Field(default=3600.0, description="how long a build may take")
    deploy: Timeout = Field(default=1200.0, description="how long the deploy phase may take after the build")
    health: Timeout = Field(default=300.0, description="how long an active deployment may take to become healthy")
    platform_rollback: Duration = Field(
        default=300.0, description="how long to wait for the platform's own rollback after a failed deployment"
    )


class Probe(Section):
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
        if CONTROL.search(value) or len(value) > LONGEST_PATH:
            raise ValueError(f"not a valid request path; use one line of up to {LONGEST_PATH:,} characters")
        if "#" in value:
            raise ValueError("a fragment (#) is never sent; remove it, or write %23")
        return value

    @field_validator("body")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        if value:
            compiled(value)
        return value


class HealthPolicy(Section):
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


class PlatformFaults(Section):
    """How often all runs together deploy a spec whose deployments fail because of the platform."""

    attempts: int = Field(default=3, ge=1, description="attempts within the period below, including the first")
    within: Timeout = Field(default=21600.0, description="period in which attempts are counted")


class Policy(Section):
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
        default=PlatformFaults.model_construct(),
        description="how often to retry a deployment that failed because of the platform",
    )
    ignore: list[Pointer] = Field(default=[], description="JSON pointers by name, such as /services/web/instance_count")
    secrets: Literal["keep", "fingerprint"] = Field(
        default="keep", description="fingerprint: detect a changed secret by a keyed fingerprint"
    )
    paused: bool = Field(default=False, description="leave the app alone; plans show it, and how it differs, as paused")
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


class Variable(Section):
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


class Account(Section):
    """The account that the apps belong to; a run with any other account's token is refused. Takes one of these."""

    team: str = Field(default="", description="name of the team, which needs the token scope account:read")
    uuid: str = Field(default="", description="id of the team, or the `owner_uuid` of its apps")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.team) == bool(self.uuid):
            raise ValueError("account takes either team or uuid; `doctl account get` shows both")
        return self


class Guards(Section):
    """What a run may not do unless allowed."""

    max_changes: int = Field(default=30, ge=0, le=100, description="percentage of the fleet that one run may change")
    max_changes_from: int = Field(default=10, ge=1, description="fleet size from which max_changes applies")


def _wave(value: object) -> object:
    """One entry of the waves: a number of apps, or a percentage of them."""
    text = str(value)
    if not re.fullmatch(r"[1-9]\d{0,5}|([1-9]\d?|100)%", text):
        raise ValueError(f"{text!r} is not a number of apps or a percentage of them; write 1 or 10%")
    return value if text.endswith("%") else int(text)


Wave = Annotated[int | str, BeforeValidator(_wave)]


class Waves(Section):
    """How a run that changes several apps starts with a few of them."""

    waves: list[Wave] = Field(
        default=[],
        description="how many apps have changed by the end of each wave, such as [1, 10%, 100%]; "
        "the next wave begins once all of them are healthy",
    )
    pause: Duration = Field(default=0.0, description="pause between two waves")

    def sizes(self, apps: int) -> list[int]:
        """How many of so many apps each wave has; the last one has all that are left.

        A percentage is rounded up. A wave that would add no app is left out; without any waves there is none.
        """
        ends = [ceil(apps * int(wave[:-1]) / 100) if isinstance(wave, str) else wave for wave in self.waves]
        sizes: list[int] = []
        for end in (*ends, apps) if ends else ():
            if (more := min(end, apps) - sum(sizes)) > 0:
                sizes.append(more)
        return sizes


NO_WAVES = Waves.model_construct()


class Freeze(Section):
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
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.time_zone)
        return self._moment(self.start, zone), self._moment(self.end, zone)


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AN_ID = "4b7c2f0e-93a5-4f7e-8a55-1d1f0e6c2b11"


class Config(Section):
    """The whole file; every field is optional."""

    project: str = Field(default="", description="id of the project to create new apps in")
    account: Account | None = Field(
        default=None, description="account that the apps belong to; any other account's token is refused"
    )
    variables: list[VariableEntry] = Field(
        default=[], description="variables to substitute in specs: names, or entries as below"
    )
    defaults: Policy = Field(default=Policy.model_construct(), description="policy for every app")
    apps: dict[str, dict[str, Any]] = Field(default={}, description="policy per app; overrides the defaults")
    moved: dict[str, str] = Field(default={}, description="renamed apps, as `old name: new name`")
    rollout: Waves = Field(
        default=NO_WAVES, description="how a run that changes several apps starts with a few of them"
    )
    guards: Guards = Field(default=Guards.model_construct(), description="what a run may not do unless allowed")
    freeze: list[Freeze] = Field(default=[], description="windows in which nothing is applied")
    policies: str = Field(
        default="policies", description="folder of JSON Schemas that specs must satisfy, relative to this file"
    )
    environments: dict[str, dict[str, Any]] = Field(default={}, description="environments by name; pick one with --env")
    preview: Preview = Field(default=NO_PREVIEW, description="previews of pull requests, see `reconcile preview`")
    notify: list[Channel] = Field(default=[], description="where messages about rollouts and drift are sent")

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
