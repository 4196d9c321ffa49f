"""Findings as lines: ``file:line:column: severity: message [code]``, then how to mend it, indented."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.findings import Finding, Severity
from reconciler.views.lines import Line, Tone
from reconciler.views.values import paragraph, shortened

MESSAGE_WIDTH = 2000

_TONES: dict[Severity, Tone] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


def finding_lines(findings: Iterable[Finding], *, indent: str = "") -> list[Line]:
    """The findings in the order they come in; two spaces deeper what helps with each."""
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
    for other in finding.related:
        yield ((f"{indent}    see also {shortened(str(other), 300)}", "quiet"),)
