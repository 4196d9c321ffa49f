"""`reconcile.yaml`: variables, and the policy by which each app is planned and rolled out.

The models are the file's schema, too: `reconcile schema config` prints it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cached_property
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

_LONGEST = 366 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def parse_duration(value: object) -> float:
    """Seconds of a duration such as ``90s``, ``5m`` or ``1h30m``; a bare number is seconds.

    Raises:
        ValueError: the text is no duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LONGEST:
        return float(value)
    if value is None:
        raise ValueError("a duration is missing; write 90s, 5m or 1h30m")
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration; write 90s, 5m or 1h30m")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _bearable(seconds: float) -> float:
    if not 0 <= seconds <= _LONGEST:
        raise ValueError("a duration must be between 0s and 366d")
    return seconds


def _some(seconds: float) -> float:
    if not seconds:
        raise ValueError("nothing is done in no time; write 90s, 5m or 1h30m")
    return seconds


_AS_TEXT = PlainSerializer(lambda seconds: f"{seconds:g}s", return_type=str)
_AS_SCHEMA = WithJsonSchema({"type": ["string", "number"], "description": "a duration such as 90s, 5m or 1h30m"})

Duration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_bearable), _AS_TEXT, _AS_SCHEMA]
"""Seconds, from 0 to 366 days."""

Timeout = Annotated[
    float, BeforeValidator(parse_duration), AfterValidator(_bearable), AfterValidator(_some), _AS_TEXT, _AS_SCHEMA
]
"""The same, and more than none."""


def _pointer(value: str) -> str:
    """An ignored path that does not begin at the spec would match nothing, without a word."""
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is no JSON pointer; write /{value}")
    return value


Pointer = Annotated[str, AfterValidator(_pointer)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Timeouts(_Section):
    """How long each part of a rollout may take."""

    build: Timeout = Field(default=3600.0, description="how long a build may take")
    deploy: Timeout = Field(default=1200.0, description="how long deploying may take once it is built")
    health: Timeout = Field(default=300.0, description="how long it may take to become healthy once it is active")
    platform_rollback: Duration = Field(
        default=300.0, description="how long the platform's own rollback is waited for after a failed deployment"
    )


class Probe(_Section):
    """An HTTP request against the app's live URL that must succeed throughout the soak."""

    path: str = Field(default="/", description="path of the request, below the app's live URL")
    method: Literal["GET", "HEAD", "POST"] = Field(default="GET", description="method of the request")
    status: int | list[int] = Field(default=200, description="status, or statuses, that the answer may have")
    body: str = Field(default="", description="regular expression the answer's body must match")
    headers: dict[str, str] = Field(default={}, description="headers of the request")
    count: int = Field(default=1, ge=1, description="successes in a row that are needed")
    interval: Duration = Field(default=2.0, description="pause between two requests")
    timeout: Timeout = Field(default=10.0, description="how long one request may take")
    verify_tls: bool = Field(default=True, description="check the server's certificate")

    @field_validator("status")
    @classmethod
    def _is_a_status(cls, value: int | list[int]) -> int | list[int]:
        for status in value if isinstance(value, list) else [value]:
            if not 100 <= status <= 599:
                raise ValueError(f"{status} is no status of an HTTP answer; write one from 100 to 599, such as 200")
        return value

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError(f"{value!r} is no path of the app's address; write /{value}")
        return value

    @field_validator("body")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from error
        return value


class HealthPolicy(_Section):
    """When a deployment that is active counts as healthy."""

    soak: Duration = Field(default=30.0, description="how long it must stay healthy")
    probe: Probe | None = Field(default=None, description="a request that must succeed as well")
    tolerance: Duration = Field(
        default=20.0, description="how long it may be unhealthy without a break before it counts as failed"
    )
    components: bool = Field(default=True, description="judge the platform's component health")
    unknown: Literal["wait", "healthy"] = Field(
        default="healthy", description="what a component without a known state counts as once the soak is over"
    )


class PlatformFaults(_Section):
    """How often a spec is deployed whose deployments fail through a fault of the platform, all runs together."""

    attempts: int = Field(default=3, ge=1, description="attempts within the time below, the first one included")
    within: Timeout = Field(default=21600.0, description="the time in which the attempts are counted")


class Policy(_Section):
    """How one app is planned and rolled out."""

    source_versions: Literal["keep", "latest"] = Field(
        default="keep", description="latest: an update also takes the newest commit or image of every source"
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="how long each part of a rollout may take")
    health: HealthPolicy = Field(default=HealthPolicy(), description="when an active deployment counts as healthy")
    on_failure: Literal["rollback", "pin", "leave"] = Field(
        default="rollback", description="rollback (and commit), pin (leave pinned for a person), leave"
    )
    after_platform_rollback: Literal["adopt", "commit"] = Field(
        default="adopt",
        description="once the platform has rolled back by itself: adopt (leave app.spec as it is), "
        "commit (make the good spec the app's again)",
    )
    platform_faults: PlatformFaults = Field(
        default=PlatformFaults(), description="how often a deployment that failed by the platform's fault is retried"
    )
    ignore: list[Pointer] = Field(
        default=[], description="JSON pointers by identity, such as /services/web/instance_count"
    )
    secrets: Literal["keep", "fingerprint"] = Field(
        default="keep", description="fingerprint: notice a changed secret by a keyed fingerprint"
    )
    depends_on: list[str] = Field(default=[], description="apps that must be healthy first")


class Variable(_Section):
    """A variable that is substituted in specs; without a default it must be set."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="its name, also in the environment")
    default: str | None = Field(default=None, description="its value where it is not set; without one it must be set")
    secret: bool = Field(default=False, description="never show its value, wherever it is used")


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


VariableEntry = Annotated[
    Variable,
    BeforeValidator(_named),
    WithJsonSchema({"anyOf": [{"type": "string"}, Variable.model_json_schema()]}),
]


class Guards(_Section):
    """What a run may not do unasked."""

    max_changes: int = Field(default=30, ge=0, le=100, description="percent of the fleet that one run may change")
    max_changes_from: int = Field(default=10, ge=1, description="number of apps from which max_changes holds")


class Freeze(_Section):
    """A time in which nothing is applied: from a cron expression for a duration, or between two dates."""

    cron: str = Field(default="", description="when the window begins, five fields, in time_zone")
    duration: Duration = Field(default=0.0, description="how long a window of a cron expression lasts")
    start: str = Field(default="", description="ISO 8601, the window's begin")
    end: str = Field(default="", description="ISO 8601, the window's end")
    time_zone: str = Field(default="UTC", description="zone of cron, and of start and end without one of their own")
    reason: str = Field(default="", description="told with the refusal")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """A window that can never open, or never close, would be found out at the worst time."""
        if bool(self.cron) == bool(self.start or self.end):
            raise ValueError("a freeze window has either cron and duration, or start and end")
        if bool(self.start) != bool(self.end):
            has, lacks = ("start", "end") if self.start else ("end", "start")
            raise ValueError(f"a freeze window with {has} needs {lacks}, too; add `{lacks}: 2026-12-24T18:00`")
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is not known") from error
        if self.cron:
            self._check_cron()
        elif self._moment(self.start, zone) >= self._moment(self.end, zone):
            raise ValueError("start must be before end")
        return self

    def _check_cron(self) -> None:
        from cronsim import CronSim, CronSimError

        if not self.duration:
            raise ValueError("a window with cron needs a duration; add `duration: 8h`")
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
    """The whole file; every field may be left out."""

    project: str = Field(default="", description="id of the project new apps are created in")
    variables: list[VariableEntry] = Field(default=[], description="names, or entries as below, substituted in specs")
    defaults: Policy = Field(default=Policy(), description="policy for every app")
    apps: dict[str, dict[str, Any]] = Field(default={}, description="policy by app; overrides the defaults")
    moved: dict[str, str] = Field(default={}, description="old app name: new app name")
    guards: Guards = Field(default=Guards(), description="what a run may not do unasked")
    freeze: list[Freeze] = Field(default=[], description="times in which nothing is applied")
    policies: str = Field(
        default="policies", description="folder of JSON Schemas that specs must satisfy, as seen from this file"
    )

    @field_validator("project")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if value and not _UUID.fullmatch(value):
            raise ValueError(f"{value!r} is not the id of a project; `doctl projects list` shows ids, such as {_AN_ID}")
        return value

    @field_validator("variables")
    @classmethod
    def _declared_once(cls, value: list[Variable]) -> list[Variable]:
        names = [variable.name for variable in value]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{twice} is declared twice; keep one of the two")
        return value

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        base = self.defaults.model_dump(exclude_unset=True)
        return {name: Policy.model_validate(_merged(base, own)) for name, own in self.apps.items()}

    def former_names(self, app: str) -> list[str]:
        """What an app was called before by ``moved``, the last name first."""
        before = {new: old for old, new in self.moved.items()}
        names = [app]
        while (old := before.get(names[-1])) and old not in names:
            names.append(old)
        return names[1:]

    def policy(self, app: str) -> Policy:
        """The policy of an app: the defaults, overridden by what stands under its name.

        A default that every app waits for some app means every app but that one itself.
        """
        policy = self._policies.get(app, self.defaults)
        if app not in policy.depends_on or "depends_on" in self.apps.get(app, {}):
            return policy
        return policy.model_copy(update={"depends_on": [other for other in policy.depends_on if other != app]})


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, everything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out
