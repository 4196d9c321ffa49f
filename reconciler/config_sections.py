"""Sections of `reconcile.yaml` that few files have: probes, the account, guards, waves, freeze windows.

A start imports them only for a file that has one, see `config_fields.later`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from reconciler.config_fields import CONTROL, LONGEST_PATH, Duration, HeaderName, HeaderValue, Section, Timeout
from reconciler.patterns import compiled

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


AT_MOST_EVERY = 1.0
"""Seconds between two requests of a probe at least."""


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

    @property
    def every(self) -> float:
        """Seconds between two requests; never fewer than `AT_MOST_EVERY`."""
        return max(AT_MOST_EVERY, self.interval)

    @field_validator("status")
    @classmethod
    def _is_a_status(cls, value: int | list[int]) -> int | list[int]:
        if value == []:
            raise ValueError("an empty list expects no status, so that no answer is right; write 200")
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


NO_GUARDS = Guards.model_construct()
"""The section that the file leaves out."""


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
"""The section that the file leaves out."""


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
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, such as Europe
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
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        try:
            moment.astimezone(UTC)  # as moments are compared
        except OverflowError as error:
            raise ValueError(f"{text!r} is too far away; write a date between the years 2 and 9998") from error
        return moment

    def begin_and_end(self) -> tuple[datetime, datetime]:
        """The two dates of a dated window."""
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.time_zone)
        return self._moment(self.start, zone), self._moment(self.end, zone)
