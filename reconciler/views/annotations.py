"""Findings as GitHub workflow commands, which annotate the changed lines of a pull request.

Escaped for the runner (actions/runner, ActionCommand): ``%``, CR and LF everywhere, ``:`` and ``,`` in
properties too. GitHub shows at most 10 annotations of a kind per step, so the tenth says how many more there are.
"""

from collections.abc import Sequence

from reconciler.findings import Finding, Severity, ranked
from reconciler.text import count
from reconciler.views.lines import inert, shortened

MOST = 10
"""Maximum number of annotations of one kind that GitHub shows for a step."""

_MESSAGE_WIDTH = 2000


def annotations(found: Sequence[Finding], *, most: int = MOST) -> str:
    """One command per line, errors first; empty for no findings. Findings with a place come before those without."""
    lines = [line for severity in Severity for line in _of_kind(found, severity, most)]
    return "\n".join(lines)


def _of_kind(found: Sequence[Finding], severity: Severity, most: int) -> list[str]:
    of_kind = ranked([finding for finding in found if finding.severity is severity])
    placed = sorted(of_kind, key=lambda finding: finding.location is None)
    if len(placed) <= most:
        return [_command(finding) for finding in placed]
    rest = len(placed) - most + 1
    shown = [_command(finding) for finding in placed[: most - 1]]
    return [*shown, f"::{severity.value}::+{rest:,} more {count(rest, severity.value).partition(' ')[2]}, see the log"]


def _command(finding: Finding) -> str:
    properties: dict[str, str] = {}
    place = finding.location
    if place and place.file:
        properties["file"] = place.file
        if place.line:
            properties |= {"line": str(place.line), "col": str(max(place.column, 1))}
    properties["title"] = shortened(finding.code, 80)
    fields = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    message = shortened(finding.message, _MESSAGE_WIDTH)
    hint = "\n" + shortened(finding.hint, _MESSAGE_WIDTH) if finding.hint else ""
    return f"::{finding.severity.value} {fields}::{_data(message + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(inert(text)).replace(":", "%3A").replace(",", "%2C")
