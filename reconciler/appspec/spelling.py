"""Canonical spellings of values that can be written in several ways.

A canonical spelling is only for comparing; what is sent keeps the user's spelling.
"""

from __future__ import annotations

import re
from typing import Any

_DATA_CENTER = re.compile(r"^(atl|nyc|sfo|tor|ams|fra|lon|blr|sgp|syd)[1-9]$")
_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def _path(value: str) -> str:
    """A directory of a repository: ``./x``, ``x/`` and ``/x`` are the same, and so are ``/`` and ``.``."""
    parts = [part for part in value.split("/") if part not in ("", ".")]
    return "/".join(parts) or "/"


def _duration(value: str) -> str:
    """A duration in seconds: Go prints ``5h30m`` as ``5h30m0s``."""
    match = _DURATION.match(value)
    if not match or not value:
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return f"{hours * 3600 + minutes * 60 + seconds}s"


def _hostname(value: str) -> str:
    return value.rstrip(".").lower()


def _region(value: str) -> str:
    """A region: data centers (``nyc1``) are often written instead of regions (``nyc``)."""
    match = _DATA_CENTER.match(value)
    return match[1] if match else value


def _job_kind(value: str) -> str:
    """A job kind: UNSPECIFIED means POST_DEPLOY."""
    return "POST_DEPLOY" if value == "UNSPECIFIED" else value


_SPELLINGS = {
    "path": _path,
    "duration": _duration,
    "hostname": _hostname,
    "region": _region,
    "job-kind": _job_kind,
}


def canonical_spelling(kind: str, value: Any) -> Any:
    """The canonical spelling of a value; values other than strings are returned unchanged."""
    return _SPELLINGS[kind](value) if isinstance(value, str) else value
