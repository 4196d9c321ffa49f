"""Freeze windows: times in which nothing is applied. Pure: the moment is handed in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.config import Freeze


def frozen(windows: Iterable[Freeze], now: datetime) -> str:
    """Why nothing may be applied at that moment, and until when; empty when nothing forbids it."""
    for window in windows:
        until = _cron_end(window, now) if window.cron else _dated_end(window, now)
        if until is not None:
            reason = f" ({window.reason})" if window.reason else ""
            return f"a freeze window is open until {until:%Y-%m-%d %H:%M %Z}{reason}"
    return ""


def _cron_end(window: Freeze, now: datetime) -> datetime | None:
    """The end of the cron window that is open now: one began after now minus its duration, and not after now."""
    from cronsim import CronSim

    local = now.astimezone(ZoneInfo(window.time_zone))
    length = timedelta(seconds=window.duration)
    began = next(CronSim(window.cron, local - length))
    return began + length if began <= local else None


def _dated_end(window: Freeze, now: datetime) -> datetime | None:
    start, end = window.begin_and_end()
    return end if start <= now < end else None
