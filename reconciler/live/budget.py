"""Reads the token's rate limit from the headers of a response. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = 3600.0
"""Seconds; the platform's longest window is an hour. No header makes a run wait longer, nor all 429s together."""

UNTIMED = 60.0
"""Seconds that a reset may hold at most where the answer has no ``date``: our clock may be wrong, and looking again
costs one request."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The rate limit according to a response's headers; None for missing values. Times in seconds from now."""

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None
    retry_after: float | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str], now: datetime) -> Budget:
        """The budget in a response's headers; unreadable values count as missing.

        The reset is relative to the response's own ``date`` if it has one: the two clocks may differ.
        """
        limit, remaining = _number(headers.get("ratelimit-limit")), _number(headers.get("ratelimit-remaining"))
        reset, retry = _number(headers.get("ratelimit-reset")), headers.get("retry-after")
        dated = _moment(headers.get("date"))
        served = dated or now
        wait = _number(retry)
        if wait is None and (at := _moment(retry)):
            wait = (at - served).total_seconds()
        return cls(
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            resets_in=None
            if reset is None
            else _bounded(reset - served.timestamp(), LONGEST_PAUSE if dated else UNTIMED),
            retry_after=None if wait is None else _bounded(wait, LONGEST_PAUSE),
        )

    @property
    def used_up(self) -> float:
        """Seconds until a request may be sent again, 0 if one may be sent now."""
        return (self.resets_in or 0.0) if self.remaining is not None and self.remaining <= 0 else 0.0


def _number(text: str | None) -> float | None:
    """A header's number; digits only, as ``nan`` and ``1e999`` would be floats as well."""
    return float(text) if text and len(text) < 16 and text.replace(".", "", 1).isdecimal() else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else None
    return None


def _bounded(seconds: float, most: float) -> float:
    return min(max(seconds, 0.0), most)
