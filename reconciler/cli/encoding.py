"""Output for streams that cannot show every character, such as one of ASCII."""

from __future__ import annotations

import codecs
import io
import sys

_ALIKE = {
    "→": "->", "↻": "@", "…": "...", "·": "-", "≈": "~", "─": "-", "━": "=", "│": "|", "▸": ">", "✓": "v", "✗": "x",
}  # fmt: skip
"""Replacements for our own symbols."""

_NAME = "reconcile-readable"


def readable() -> None:
    """Escape what the encodings of standard output and error cannot represent, instead of failing."""
    codecs.register_error(_NAME, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Our own symbols as similar ASCII, every other character as a JSON escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    import json

    spelled = [_ALIKE.get(sign) or json.dumps(sign)[1:-1] for sign in error.object[error.start : error.end]]
    return "".join(spelled), error.end
