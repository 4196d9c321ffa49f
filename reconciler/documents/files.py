"""Reading files within bounds."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity

MAX_BYTES = 10 * 1024 * 1024
"""Longest file that is read; real specs have a few kilobytes."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# JSON writes characters beyond the basic plane as two escapes, which YAML does not know.
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def read_text(path: Path, file: str) -> str:
    """A file's text: UTF-8, with or without a byte order mark. ``file`` is how findings name it.

    Raises:
        InvalidInput: the file cannot be read, is too large, or is not UTF-8; carries one finding.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable("unreadable-file", f"the file cannot be read: {error.strerror}", "", Location(file)) from error
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // (1024 * 1024)} MiB"
        raise _unusable("too-large", message, "split it into several files", Location(file))
    hint = "save the file as UTF-8"
    if raw.startswith(_UTF16):
        raise _unusable("encoding", "the file is UTF-16, not UTF-8", hint, Location(file, 1, 1))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise _unusable("encoding", "the file is not UTF-8", hint, place_after(before, file)) from error
    return _SURROGATES.sub(_joined, text) if file.endswith(".json") and "\\u" in text else text


def place_after(text: str, file: str) -> Location:
    """The location right after a text that begins the file."""
    return Location(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


def _unusable(code: str, message: str, hint: str, location: Location) -> InvalidInput:
    return InvalidInput([Finding(Severity.ERROR, code, message, hint, location)], f"{location}: {message}")


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
