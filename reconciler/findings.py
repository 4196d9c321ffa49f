"""Findings: problems and remarks about a spec, a configuration or a plan, with their places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How serious a finding is: only an error stops the run."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 for the most serious."""
        return ("error", "warning", "notice").index(self.value)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file. Lines and columns count from 1; 0 means that the place is not known.

    ``pointer`` is the JSON Pointer (RFC 6901, with list indexes) within the document.
    """

    file: str
    line: int = 0
    column: int = 0
    pointer: str = ""

    def __str__(self) -> str:
        """``file:line:column``, as editors and terminals make clickable."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem or remark: ``code`` is stable and greppable, ``message`` says what, ``hint`` how to fix it.

    ``related`` are other places involved, such as the first of two equal names.
    """

    severity: Severity
    code: str
    message: str
    hint: str = ""
    location: Location | None = None
    related: tuple[Location, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether this finding stops a run."""
        return self.severity is Severity.ERROR


def has_errors(findings: tuple[Finding, ...] | list[Finding]) -> bool:
    """Whether any of the findings stops a run."""
    return any(finding.is_error for finding in findings)


def ranked(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    """The findings by place (file, line, column), then by severity, the order they are shown in."""

    def key(finding: Finding) -> tuple[str, int, int, int, str]:
        place = finding.location or Location("")
        return (place.file, place.line, place.column, finding.severity.rank, finding.code)

    return sorted(findings, key=key)
