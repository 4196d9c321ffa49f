"""Time: the machine's clock is read only through a `Clock`, which is injected; durations as people write them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The interface through which code reads the time and sleeps."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let others run for that long."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def now(self) -> datetime:
        """See `Clock`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        import asyncio

        await asyncio.sleep(seconds)


LONGEST = 366 * 86400
"""Seconds; the longest duration."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def parse_duration(value: object) -> float:
    """Seconds of a duration such as ``90s``, ``5m`` or ``1h30m``; a bare number is seconds.

    Raises:
        ValueError: the text is not a duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LONGEST:
        return float(value)
    if value is None:
        raise ValueError("a duration is missing; write 90s, 5m or 1h30m")
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration; write 90s, 5m or 1h30m")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
