"""Matches the user's regular expressions in linear time, so that none can block a run (C59).

RE2's syntax (https://github.com/google/re2/wiki/Syntax): Python's without look-around and back-references.
docs/decisions/012 explains why. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MOST_STEPS = 1500
"""Maximum number of instructions of a compiled pattern: 64 KiB of text then take seconds at worst."""

_MOST_MEMORY = 1 << 20
"""Maximum size of a compiled pattern in bytes."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The compiled pattern.

    Raises:
        ValueError: it is invalid, or cannot be matched in linear time; the hint follows ``; ``.
    """
    try:
        found = _compiled(pattern, _MOST_MEMORY)
    except ValueError as error:
        raise ValueError(f"invalid regular expression: {error}") from None
    if found.programsize > MOST_STEPS:
        raise ValueError("the regular expression is too large; use fewer repetitions, such as {3} instead of {300}")
    return found


def syntax_error(pattern: str) -> str:
    """What RE2 has against a pattern that is not matched here, the hint after ``; ``; empty if nothing."""
    try:
        _compiled(pattern, 8 * _MOST_MEMORY)
    except ValueError as error:
        return str(error)
    return ""


def _compiled(pattern: str, memory: int) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_words(error)) from None


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    missing = ("perl operator: (?", "escape sequence: \\1", "escape sequence: \\2")
    if any(one in text for one in missing):
        return f"{text}; look-around and back-references are not available (RE2 syntax)"
    return f"{text}; write \\z" if text.endswith("\\Z") else text


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in a text; ``$`` also matches before a line break that ends it."""
    search = compiled(pattern).search
    return bool(search(text)) or (text.endswith("\n") and bool(search(text[:-1])))
