"""Lines of styled text: plain without rich, coloured through it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from reconciler.findings import Finding, Severity, ranked
from reconciler.views.values import cells, count, inert, paragraph, shortened

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
"""GitHub's runner executes a line as a command if it begins with ``::`` after spaces
(actions/runner, ActionCommand.TryParseV2)."""


def width_of(line: Line) -> int:
    """The width of the line in columns."""
    return sum(cells(text) for text, _ in line)


def render(lines: Iterable[Line], *, color: bool = False) -> str:
    """The lines as one text without a trailing newline. Every span is made inert here."""
    paint = _painter() if color else _unpainted
    return "\n".join(no_command("".join(paint(span) for span in line).rstrip()) for line in lines)


def no_command(line: str) -> str:
    """The line in a form that GitHub's runner prints but never executes."""
    return _COMMAND_START.sub(r"\1\\x3a", line).replace("##[", r"##\x5b")


def _unpainted(span: Span) -> str:
    return inert(span[0])


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
"""How many other places of a finding are shown; machine-readable output has them all."""

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
    for other in finding.related[:_MOST_RELATED]:
        yield ((f"{indent}    see also {shortened(str(other), 300)}", "quiet"),)
    if len(finding.related) > _MOST_RELATED:
        yield ((f"{indent}    and {len(finding.related) - _MOST_RELATED} more", "quiet"),)


def finding_counts(findings: Iterable[Finding]) -> str:
    """``3 errors, 1 warning``; ``no findings`` if there are none."""
    tally = Counter(finding.severity for finding in findings)
    return (
        ", ".join(count(tally[severity], severity.value) for severity in Severity if tally[severity]) or "no findings"
    )


def findings(found: Sequence[Finding], *, color: bool = False) -> str:
    """Findings by place, then ``3 errors, 1 warning``."""
    lines = finding_lines(ranked(list(found)))
    return render([*lines, ((finding_counts(found), "strong"),)], color=color)
