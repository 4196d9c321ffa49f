"""Lines of styled text, plain without rich and coloured through it, and the values in them: inert, shortened.

The contents of specs, logs and API responses are untrusted. Whatever reaches a terminal, a log of
a pipeline or a comment passes through `inert` first, so that it cannot move a cursor, turn the direction of text,
begin a line of its own or command the runner.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from reconciler.appspec.secrets import plain
from reconciler.appspec.walk import field_of, shape_at, within
from reconciler.findings import Finding, Severity, ranked
from reconciler.redaction import LIVE, MASK
from reconciler.text import count

if TYPE_CHECKING:
    from reconciler.appspec.shape import Shape
    from reconciler.plan.model import Change

Tone = Literal["", "strong", "quiet", "good", "bad", "change", "error", "warning", "notice"]
"""The meaning of a piece of text; its look is decided only here."""

Span = tuple[str, Tone]
Line = tuple[Span, ...]

LOOKS: dict[Tone, str] = {
    "strong": "bold",
    "quiet": "dim",
    "good": "green",
    "bad": "red",
    "change": "yellow",
    "error": "bold red",
    "warning": "yellow",
    "notice": "cyan",
}
"""The tones as styles of rich."""

_COMMAND_START = re.compile(r"\A(\s*):(?=:)")
"""GitHub's runner executes a line that begins with ``::`` after spaces (actions/runner, ActionCommand.TryParseV2)."""


def width_of(line: Line) -> int:
    """The width of the line in columns."""
    return sum(cells(text) for text, _ in line)


def render(lines: Iterable[Line], *, color: bool = False) -> str:
    """The lines as one text without a trailing newline. Every span is made inert here."""
    paint = _painter() if color else lambda span: inert(span[0])
    return "\n".join(no_command("".join(paint(span) for span in line).rstrip()) for line in lines)


def no_command(line: str) -> str:
    """The line in a form that GitHub's runner prints but never executes."""
    return _COMMAND_START.sub(r"\1\\x3a", line).replace("##[", r"##\x5b")


def _painter() -> Callable[[Span], str]:
    from rich.style import Style

    styles = {tone: Style.parse(look) for tone, look in LOOKS.items()}

    def paint(span: Span) -> str:
        text, tone = span
        style = styles.get(tone)
        return style.render(inert(text)) if style and text.strip() else inert(text)

    return paint


# --- Findings as lines: ``file:line:column: severity: message [code]``, then how to fix it, indented ---


MESSAGE_WIDTH = 2000
_MOST_RELATED = 3
"""How many other places of a finding people see; machine-readable output has them all."""

_TONES: dict[Severity, Tone] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


def finding_lines(findings: Iterable[Finding], *, indent: str = "") -> list[Line]:
    """The findings in the given order; their hints are indented by two more spaces."""
    return [line for finding in findings for line in _lines(finding, indent)]


def _lines(finding: Finding, indent: str) -> Iterable[Line]:
    place = f"{shortened(str(finding.location), 300)}: " if finding.location else ""
    yield (
        (f"{indent}{place}", ""),
        (finding.severity.value, _TONES[finding.severity]),
        (f": {shortened(finding.message, MESSAGE_WIDTH)} ", ""),
        (f"[{shortened(finding.code, 80)}]", "quiet"),
    )
    for line in paragraph(finding.hint, MESSAGE_WIDTH):
        yield ((f"{indent}    {line}", "quiet"),)
    more = [f"see also {shortened(str(other), 300)}" for other in finding.related[:_MOST_RELATED]]
    if len(finding.related) > _MOST_RELATED:
        more.append(f"and {len(finding.related) - _MOST_RELATED} more")
    yield from (((f"{indent}    {line}", "quiet"),) for line in more)


def finding_counts(findings: Iterable[Finding]) -> str:
    """``3 errors, 1 warning``; ``no findings`` if there are none."""
    tally = Counter(finding.severity for finding in findings)
    found = [count(tally[severity], severity.value) for severity in Severity if tally[severity]]
    return ", ".join(found) or "no findings"


def findings(found: Sequence[Finding], *, color: bool = False) -> str:
    """Findings by place, then ``3 errors, 1 warning``."""
    return render([*finding_lines(ranked(list(found))), ((finding_counts(found), "strong"),)], color=color)


# --- Single values ---


NAME_WIDTH = 64
"""Names longer than this are shortened: the platform's own have at most 32 characters."""

_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\0": r"\0"}
_RUNNER_COMMAND = "##["
"""GitHub's runner reads this as a command anywhere in a line (actions/runner, ActionCommand.TryParse)."""

_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def inert(text: str) -> str:
    r"""The text on one line with unprintable characters escaped: ``\n``, ``\x1b``, ``\u202e``."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _spelled(char) for char in text)
    return text.replace(_RUNNER_COMMAND, r"##\x5b") if _RUNNER_COMMAND in text else text


def _spelled(char: str) -> str:
    code = ord(char)
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def log_line(text: str, width: int = 400) -> str:
    """A readable line of a log: without terminal sequences and overwritten text, inert."""
    last = _TERMINAL_SEQUENCE.sub("", text).rstrip("\r\n").rsplit("\r", 1)[-1]
    return shortened(last.expandtabs(4), width)


def paragraph(text: str, width: int = 2000) -> list[str]:
    """A message of several lines, each inert, without empty lines at both ends."""
    lines = [shortened(line.rstrip(), width) for line in _TERMINAL_SEQUENCE.sub("", text).strip().split("\n")]
    return lines if lines != [""] else []


def cells(text: str) -> int:
    """The width of printable text on a terminal in columns: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text, padded with spaces to that many columns."""
    return text + " " * (width - cells(text))


def shortened(text: str, width: int) -> str:
    """The text, inert, in at most about ``width`` characters; if cut, with its full length."""
    if len(text) <= width:
        safe = inert(text)
        if len(safe) <= width:
            return safe
    tail = f"… ({len(text):,} characters)"
    return _cut(text, max(width - len(tail), 8)) + tail


def cropped(text: str, columns: int) -> str:
    """The text, inert, in at most that many columns; if cut, it ends in ``…``."""
    if len(text) <= columns and cells(whole := inert(text)) <= columns:
        return whole
    for length in range(columns - 1, -1, -1):
        if cells(part := _cut(text, length)) < columns:
            return f"{part.rstrip()}…"
    return ""


def _cut(text: str, width: int) -> str:
    """The start of the text, inert, never cut within an escape."""
    return re.sub(r"\\(?:x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?\Z", "", inert(text[:width])[:width])


def json_text(document: Any, *, indent: int | None = 2) -> str:
    """A document as JSON in ASCII, inert to terminals and runners: DEL and ``##[`` are escaped as well.

    Without an ``indent`` it is one line. pydantic writes it in a fraction of the time that `json` takes, but
    refuses the name of a file that is not UTF-8.
    """
    from pydantic_core import PydanticSerializationError, to_json

    try:
        text = to_json(document, indent=indent, ensure_ascii=True, inf_nan_mode="null", fallback=dict).decode()
    except PydanticSerializationError:
        import json

        text = json.dumps(document, indent=indent, allow_nan=False, default=dict)
    return text.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[")


def name(text: str) -> str:
    """A name, inert and shortened; ``(no name)`` if empty."""
    return shortened(text, NAME_WIDTH) if text else "(no name)"


def bare(value: Any) -> str:
    """A value as one text, not yet inert: strings as they are, the rest as JSON."""
    value = plain(value)
    return value if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    import json  # few findings quote a value

    return json.dumps(value, ensure_ascii=False)


def shown(value: Any, width: int) -> str:
    """A value on one line: strings bare unless that would mislead, the rest as JSON; shortened."""
    text = bare(value)
    if value == text and text not in (LIVE, MASK) and _misleads(text):
        text = _as_json(text)
    return shortened(text, width)


def _misleads(text: str) -> bool:
    """Whether bare text could be mistaken for the plan's own notation. No regex, as values may be long."""
    return not text or text[0].isspace() or text[-1].isspace() or text.startswith(("+ ", "- ", "(")) or " → " in text


def change_text(change: Change, width: int) -> str:
    """A change of a value, on one line of about ``width`` characters."""
    from reconciler.plan.model import ChangeKind  # whoever shows findings only, imports no plan

    match change.kind:
        case ChangeKind.ADDED:
            return f"+ {MASK if change.sensitive else shown(change.after, width - 2)}"
        case ChangeKind.REMOVED:
            return f"- {MASK if change.sensitive else shown(change.before, width - 2)}"
        case ChangeKind.CHANGED:
            return f"{MASK} changed" if change.sensitive else " → ".join(_pair(change.before, change.after, width - 3))
        case ChangeKind.REORDERED if change.place:
            return shortened(f"moved {change.place}", width)
        case ChangeKind.REORDERED:
            if change.sensitive or change.before is None or change.after is None:
                return "order changed"
            before, after = _pair(change.before, change.after, width - 18)
            return f"order changed: {before} → {after}"


def _pair(before: Any, after: Any, width: int) -> tuple[str, str]:
    """Two values cut so that their difference is visible, even if both are long."""
    old, new = bare(before), bare(after)
    if old == new:
        return _typed(before, width // 2), _typed(after, width // 2)
    if len(old) + len(new) <= width:
        first, second = shown(before, width), shown(after, width)
        if len(first) + len(second) <= width and first != second:
            return first, second
    first, second = _around_difference(old, new, width)
    if first != second:
        return first, second
    # A line break and a backslash before an n look the same escaped; JSON distinguishes them.
    return _around_difference(_as_json(old), _as_json(new), width)


def _around_difference(old: str, new: str, width: int) -> tuple[str, str]:
    """Two texts from shortly before their first difference, or from the start if that is near."""
    half = max(width // 2, 24)
    same = _common_prefix(old, new)
    if same <= half // 2 and len(inert(old[:same])) <= half // 2:
        return _from(old, 0, same, half), _from(new, 0, same, half)
    rest = max(len(inert(text[same : same + half])) for text in (old, new))
    start, room = same, max(half - 1 - rest, 4)
    while start and (room := room - len(inert(old[start - 1]))) >= 0:
        start -= 1
    return "…" + _from(old, start, same, half - 1), "…" + _from(new, start, same, half - 1)


def _from(text: str, start: int, until: int, width: int) -> str:
    """The text from ``start``, shortened, but not before the position ``until``."""
    rest = text[start:]
    if len(rest) <= width and len(safe := inert(rest)) <= width:
        return safe
    tail = f"… ({len(text):,} characters)"
    needed = len(inert(text[start : until + 1]))
    return _cut(rest, max(width - len(tail), needed)) + tail


def _typed(value: Any, width: int) -> str:
    """A value whose type matters: ``"80"`` is not ``80``."""
    return shortened(_as_json(plain(value)), max(width, 24))


def _common_prefix(first: str, second: str) -> int:
    """The length of the common prefix of two texts."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=4096)
def _along(path: tuple[str, ...]) -> tuple[bool, Shape | None]:
    """Whether a path leads into a credential, and the shape at its end; a fleet has many paths in common."""
    secret, shape = False, shape_at(())
    for part in path:
        field = field_of(shape, part)
        secret = secret or bool(field and field.secret)
        shape = within(shape, part)
    return secret, shape


def opaque(change: Change) -> Change:
    """The change as it may be shown: values that JSON can represent, credentials as ``(secret)``.

    A change of a credential itself is sensitive and has no values.
    """
    secret, shape = _along(change.path)
    if change.sensitive or secret:
        return replace(change, before=None, after=None, sensitive=True, place="", moves=())
    return replace(change, before=plain(change.before, shape), after=plain(change.after, shape))
