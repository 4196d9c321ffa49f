"""Writes plain data as YAML text that every reader interprets the same way.

Text is quoted wherever any YAML (1.1 or 1.2, any vendor's) would read it as something else: ``on``, ``1.2``,
``0x42``, ``12:30``, dates, the empty text. Multi-line text is a literal block. Lines are never folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from reconciler.yamltext import resolve_plain

_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "~", "=", "<<"])
_NUMBER_LIKE = re.compile(
    r"[-+.]?[0-9][-+0-9eE_.,:]*|[-+]?0[xXoObB][0-9a-fA-F_]*|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"
)
_PLAIN = re.compile(r"[A-Za-z0-9_$/.^(\\+;=<~-][^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]*")
_NOT_IN_BLOCK = re.compile(r"[^\n\t\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


@dataclass(frozen=True, slots=True)
class Style:
    """How blocks are laid out: ``step`` spaces a level; ``dash`` spaces before the dashes of a list in a mapping.

    ``json``: the output must also be JSON.
    """

    step: int = 2
    dash: int = 2
    json: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with a comment line above it."""

    value: Any
    comment: str = field(compare=False)


def scalar(value: Any, *, flow: bool = False, quote: str = "") -> str:
    """A scalar on one line. ``flow``: within brackets; ``quote``: the quotes to keep, where they can hold the text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            return _text(str(value), flow=flow, quote=quote)


def is_misread(text: str) -> bool:
    """Whether some reader takes unquoted text for a number, a date, a boolean or null."""
    return (
        text.lower() in _WORDS or _NUMBER_LIKE.fullmatch(text) is not None or not isinstance(resolve_plain(text), str)
    )


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Whether every reader takes unquoted text as it is."""
    return (
        _PLAIN.fullmatch(text) is not None
        and not is_misread(text)
        and not text.startswith(("- ", "---", "...", ".inf", ".nan", ".Inf", ".NaN", ".INF", ".NAN"))
        and text not in ("-", "+", ".")
        and not text.endswith((" ", ":"))
        and ": " not in text
        and " #" not in text
        and not (flow and re.search(r"[\[\]{},]", text))
    )


def _text(text: str, *, flow: bool, quote: str) -> str:
    if not quote and is_plain(text, flow=flow):
        return text
    simple = not _NOT_IN_BLOCK.search(text) and "\n" not in text and "\t" not in text
    if simple and (quote == "'" or (not quote and ('"' in text or "\\" in text))):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_ESCAPED.get(char) or _character(char) for char in text) + '"'


def _character(char: str) -> str:
    """A character between double quotes."""
    if not _NOT_IN_BLOCK.match(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def literal(text: str, column: int) -> str | None:
    """A literal block from its ``|`` on, indented to ``column``; None if a block cannot hold the text."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    if "\n" not in text or not body or _NOT_IN_BLOCK.search(text) or re.search(r"[ \t](\n|$)", text):
        return None
    if body.startswith((" ", "\t", "\n")) or body.lstrip(" ").startswith("\t"):
        return None
    chomp = "-" if ends == 0 else "" if ends == 1 else "+"
    lines = body.split("\n") + [""] * max(ends - 1, 0)
    return "\n".join([f"|{chomp}", *(" " * column + line if line else "" for line in lines)])


def bare(value: Any) -> Any:
    """A value without its comments, as it will be read back."""
    match value:
        case Noted():
            return bare(value.value)
        case Mapping():
            return {key: bare(below) for key, below in value.items()}
        case list():
            return [bare(item) for item in value]
        case _:
            return value


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A value as JSON that is also YAML: characters that YAML does not allow are escaped."""
    text = dumps(bare(value), ensure_ascii=False, indent=indent)
    return _NOT_IN_BLOCK.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def inline(value: Any, *, json: bool = False) -> str:
    """Any value in flow style, on one line."""
    if json:
        return json_text(value)
    match value:
        case Noted():
            return inline(value.value)
        case Mapping():
            return "{" + ", ".join(f"{scalar(key, flow=True)}: {inline(below)}" for key, below in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(inline(item) for item in value) + "]"
        case _:
            return scalar(value, flow=True)


def mapping_lines(value: Mapping[str, Any], column: int, style: Style) -> list[str]:
    """A mapping's lines at a column."""
    return [line for key, below in value.items() for line in entry_lines(key, below, column, style)]


def entry_lines(key: str, value: Any, column: int, style: Style) -> list[str]:
    """The lines of one key and its value."""
    indent = " " * column
    match value:
        case Noted():
            return [f"{indent}# {value.comment}", *entry_lines(key, value.value, column, style)]
        case Mapping() if value:
            return [f"{indent}{scalar(key)}:", *mapping_lines(value, column + style.step, style)]
        case list() | tuple() if value:
            return [f"{indent}{scalar(key)}:", *item_lines(value, column + style.dash, style)]
        case str() if (block := literal(value, column + style.step)) is not None:
            return f"{indent}{scalar(key)}: {block}".split("\n")
        case str():
            return [f"{indent}{scalar(key)}: {scalar(value)}"]
        case _:
            return [f"{indent}{scalar(key)}: {inline(value)}"]


def item_lines(items: Sequence[Any], column: int, style: Style) -> list[str]:
    """The lines of a list's items, their dashes at a column."""
    out: list[str] = []
    for item in items:
        match item:
            case Mapping() if item:
                first, *rest = mapping_lines(item, column + 2, style)
                out += [f"{' ' * column}- {first.lstrip()}", *rest]
            case list() | tuple() if item:
                first, *rest = item_lines(item, column + 2, style)
                out += [f"{' ' * column}- {first.lstrip()}", *rest]
            case str() if (block := literal(item, column + 2)) is not None:
                out += f"{' ' * column}- {block}".split("\n")
            case str():
                out.append(f"{' ' * column}- {scalar(item)}")
            case _:
                out.append(f"{' ' * column}- {inline(item)}")
    return out
