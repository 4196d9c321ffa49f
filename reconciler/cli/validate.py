"""`reconcile validate`: validates specs offline."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from reconciler.cli.console import Console
from reconciler.cli.options import Output, SpecFlags, run_options


def validate(
    *specs: Annotated[Path, Parameter(help="files and folders of app specs [default: specs/]")],
    source: SpecFlags = SpecFlags(),
    output: Output = Output(),
) -> int:
    """Check app specs offline: all problems at once, each with its place and how to fix it."""
    from reconciler.cli.check import check_specs

    return check_specs(run_options(specs, source), Console.of(output, vital=True))
