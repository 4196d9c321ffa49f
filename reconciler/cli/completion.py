"""`reconcile --install-completion`: completion of commands, flags and files in the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from reconciler.cli.console import show
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit


def install(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="which shell; found out when left out")
    ] = None,
    output: Annotated[Path | None, Parameter(help="only write the script, into this file")] = None,
) -> int:
    """Install completion for bash, zsh or fish.

    Raises:
        UsageError: the shell cannot be found out.
    """
    from cyclopts.completion.detect import ShellDetectionError

    from reconciler.cli.main import build

    try:
        path = build().install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise UsageError("which shell this is cannot be found out", hint="name it: --shell bash|zsh|fish") from None
    show(f"written to {path}" if output else f"written to {path}; it holds from the next shell on")
    return Exit.OK
