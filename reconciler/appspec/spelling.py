"""Values that are spelled in several ways and mean one thing.

A canonical spelling is for comparing only; what is sent keeps the user's own.
"""

from __future__ import annotations

import re
from typing import Any

_DATA_CENTER = re.compile(r"^(atl|nyc|sfo|tor|ams|fra|lon|blr|sgp|syd)[1-9]$")
_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def _path(value: str) -> str:
    """``/``, ``.``, ``./x``, ``x/`` and ``/x`` are written for the same directory of a repository."""
    parts = [part for part in value.split("/") if part not in ("", ".")]
    return "/".join(parts) or "/"


def _duration(value: str) -> str:
    """Durations in seconds: Go prints ``5h30m`` as ``5h30m0s``."""
    match = _DURATION.match(value)
    if not match or not value:
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return f"{hours * 3600 + minutes * 60 + seconds}s"


def _hostname(value: str) -> str:
    return value.rstrip(".").lower()


def _region(value: str) -> str:
    """Data centers (``nyc1``) are widely written for regions (``nyc``)."""
    match = _DATA_CENTER.match(value)
    return match[1] if match else value


def _job_kind(value: str) -> str:
    """UNSPECIFIED becomes POST_DEPLOY."""
    return "POST_DEPLOY" if value == "UNSPECIFIED" else value


_SPELLINGS = {
    "path": _path,
    "duration": _duration,
    "hostname": _hostname,
    "region": _region,
    "job-kind": _job_kind,
}


def canonical_spelling(kind: str, value: Any) -> Any:
    """The one spelling of a value for comparing; values that are not strings stay as they are."""
    return _SPELLINGS[kind](value) if isinstance(value, str) else value
