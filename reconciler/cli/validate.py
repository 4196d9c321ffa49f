"""`reconcile validate`: validates specs offline."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reconciler.cli.console import Console
from reconciler.cli.options import Output, SpecFlags, run_options
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, has_errors


def validate(
    *specs: Annotated[Path, Parameter(help="files and folders of app specs [default: specs/]")],
    source: SpecFlags = SpecFlags(),
    output: Output = Output(),
) -> int:
    """Check app specs offline: all problems at once, each with its place and how to fix it."""
    from reconciler.engine.load import check

    console = Console(output, vital=True)
    desired = check(run_options(specs, source), offline=True)
    console.keep_secret(desired.secrets)
    show_findings(console, desired.findings, checked=len(desired.apps))
    return Exit.INVALID if has_errors(desired.findings) else Exit.OK


def show_findings(console: Console, findings: tuple[Finding, ...], *, checked: int) -> None:
    """Print findings in the requested format; text also shows how many apps were checked."""
    findings = console.redact.within(findings)
    if console.format == "json":
        from reconciler.views import json_documents

        console.out(json_documents.findings(findings))
    elif console.format == "sarif":
        from reconciler.views import sarif

        console.out(sarif.sarif(findings))
    elif console.format == "markdown":
        from reconciler.views import markdown

        console.out(markdown.findings(findings))
    else:
        from reconciler.views import text

        if findings:
            console.out(text.findings(findings, color=console.color))
        else:
            console.out(f"{checked} app{'' if checked == 1 else 's'} checked, no findings")
        if console.format == "github" and findings:
            from reconciler.views import annotations

            console.out(annotations.annotations(findings))
