"""Freeze windows: times in which nothing is applied. Pure: the moment is handed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.config import Freeze

_MOST_LINKS = 1000
"""So many windows in a row are followed; those that never end have to be cut somewhere."""


def frozen(windows: Iterable[Freeze], now: datetime) -> str:
    """Why nothing may be applied at that moment, and until when; empty when nothing forbids it.

    Windows that overlap or meet count as one: the end is the first moment that lies in none, the reason that of the
    window that ends there.
    """
    every = tuple(windows)
    last: tuple[datetime, Freeze] | None = None
    for end, window in islice(_chain(every, now), _MOST_LINKS):
        last = end, window
    if last is None:
        return ""
    until, window = last
    reason = f" ({window.reason})" if window.reason else ""
    return f"a freeze window is open until {until:%Y-%m-%d %H:%M %Z}{reason}"


def _chain(windows: Sequence[Freeze], now: datetime) -> Iterator[tuple[datetime, Freeze]]:
    """The end that is last of what is open now, then of what is open then, and so on."""
    moment = now
    while True:
        ends = [(end, window) for window in windows if (end := _end(window, moment)) is not None]
        if not ends:
            return
        # in UTC: datetimes of one time zone are compared by their wall clocks
        moment, window = max(ends, key=lambda found: found[0].astimezone(UTC))
        yield moment, window


def _end(window: Freeze, moment: datetime) -> datetime | None:
    return _cron_end(window, moment) if window.cron else _dated_end(window, moment)


def _cron_end(window: Freeze, now: datetime) -> datetime | None:
    """The last end of the cron windows that are open now: those that began within their duration before now."""
    from cronsim import CronSim

    local = now.astimezone(ZoneInfo(window.time_zone))
    length = timedelta(seconds=window.duration)
    begins = takewhile(lambda began: began <= local, CronSim(window.cron, local - length))
    return max((began + length for began in begins), default=None)


def _dated_end(window: Freeze, now: datetime) -> datetime | None:
    start, end = window.begin_and_end()
    return end if start <= now < end else None
