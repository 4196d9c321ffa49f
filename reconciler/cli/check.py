"""Checks specs offline and prints the findings; it imports no argument parser, see `main`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engine.load import check, config_of, each
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, has_errors, ranked

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.engine.load import RunOptions


def check_specs(options: RunOptions, console: Console) -> Exit:
    """Print all findings about the specs; with environments those of each in turn, every finding once."""
    file = config_of(options)
    checked = [check(one, offline=True, file=file) for one in each(options, file)]
    for desired in checked:
        console.keep_secret(desired.secrets)
    findings = tuple(ranked(list(dict.fromkeys(one for desired in checked for one in desired.findings))))
    show_findings(console, findings, checked=sum(len(desired.apps) for desired in checked))
    return Exit.INVALID if has_errors(findings) else Exit.OK


def show_findings(console: Console, findings: tuple[Finding, ...], *, checked: int) -> None:
    """Print findings in the requested format; text also shows how many apps were checked."""
    findings = console.redact.within(findings)
    if console.format == "json":
        from reconciler.views import json_documents

        console.out(json_documents.findings(findings))
    elif console.format == "sarif":
        from reconciler.views import sarif

        console.out(sarif.sarif(findings))
    elif console.format == "html":
        console.out(console.page().findings(findings))
    elif console.format == "markdown":
        from reconciler.views import markdown

        console.out(markdown.findings(findings))
    else:
        from reconciler.views import lines

        if findings:
            console.out(lines.findings(findings, color=console.color))
        else:
            console.out(f"{checked} app{'' if checked == 1 else 's'} checked, no findings")
        if console.format == "github" and findings:
            from reconciler.views import annotations

            console.out(annotations.annotations(findings))
