"""Regular expressions that users write, matched in linear time, so that none of them can hold a run (C59).

RE2's syntax (https://github.com/google/re2/wiki/Syntax): what Python's has, without look-around and back-references.
docs/decisions/012 says why. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MOST_STEPS = 1500
"""Instructions that a pattern may compile to: 64 KiB of text take it seconds at worst, and usually a millisecond."""

_MOST_MEMORY = 1 << 20
"""Bytes that one compiled pattern may take."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The pattern, ready to search with.

    Raises:
        ValueError: it is none, or one that cannot be matched in linear time; the hint follows ``; ``.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"it is not a regular expression: {_words(error)}") from None
    if found.programsize > MOST_STEPS:
        raise ValueError("the regular expression is too large; repeat less, such as {3} in place of {300}")
    return found


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
