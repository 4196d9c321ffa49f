"""Texts that packages write and read alike: how long ago, durations, counts, did you mean, JSON pointers."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime


def ago(moment: datetime | None, now: datetime) -> str:
    """``2 h ago``, in the largest unit that fits; empty if the moment is not known.

    A moment without a zone is UTC, which is what the API speaks.
    """
    if moment is None:
        return ""
    seconds = (in_utc(now) - in_utc(moment)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if (number := int(seconds // length)) >= 1:
            return f"{number} {unit} ago"
    return "just now"


def in_utc(moment: datetime) -> datetime:
    """A moment that can be compared: one without a zone is taken as UTC, which is what the API speaks."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def did_you_mean(name: str, known: Collection[str], otherwise: str = "", *, cutoff: float = 0.6) -> str:
    """A hint with the name that was probably meant, or ``otherwise``."""
    near = nearest(name, known, cutoff=cutoff)
    return f"did you mean {near}?" if near else otherwise


def nearest(name: str, known: Collection[str], *, cutoff: float = 0.6) -> str:
    """The known name closest to ``name``, ignoring case and dashes; empty if none is close.

    ``cutoff`` is how similar the two must be, from 0 to 1.
    """
    import difflib  # imported only when something is misspelt

    plain = {_plain(one): one for one in known}
    near = difflib.get_close_matches(_plain(name), plain, 1, cutoff)
    return plain[near[0]] if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


# --- JSON pointers (RFC 6901) ---


def pointer_token(name: object) -> str:
    """A name escaped for a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


def segments(pointer: str) -> tuple[str, ...]:
    """The names in a JSON pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


LONGEST_DURATION = 366 * 86400
"""Seconds; a longer duration is taken for a mistake."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def parse_duration(value: object) -> float:
    """Seconds of a duration such as ``90s``, ``5m`` or ``1h30m``; a bare number is seconds.

    Raises:
        ValueError: the text is not a duration.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LONGEST_DURATION:
        return float(value)
    if value is None:
        raise ValueError("a duration is missing; write 90s, 5m or 1h30m")
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration; write 90s, 5m or 1h30m")
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))


def duration(seconds: float) -> str:
    """``0.4s``, ``12s``, ``1m 12s``, ``2h 05m``."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 app``, ``2 apps``, ``1,000 requests``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
