"""The command line: its commands, each imported only when it is called or when help lists it."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from reconciler import __version__
from reconciler.cli.apply import reconcile
from reconciler.cli.console import show
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

HELP = """Declarative GitOps for DigitalOcean App Platform.

`reconcile` makes App Platform match the specs in Git: it validates them, compares them with what is live, applies
what differs, watches the deployments, and rolls back automatically when one fails. `reconcile --plan` only shows what
it would do.
"""

IMPORT = """Write specs from live apps: defaults omitted, ciphertext kept.

In an existing file, comments and order stay, and only changed values are written.
"""

COMPLETION = "Install completion for bash, zsh or fish."
FMT = """Format specs: a fixed order of fields, two spaces, comments kept, same meaning."""

EPILOGUE = """Exit codes: 0 converged · 1 error · 2 differences (--drift, --plan --exit-code, fmt --check) ·
3 invalid specs · 4 failed and rolled back · 5 a person is needed · 6 stalled · 7 refused · 64 usage ·
130 interrupted"""


def _worth_showing(default: object) -> str | None:
    """How help shows a default: not at all if it is empty."""
    return None if default in (False, (), "", None) else str(getattr(default, "value", default))


def build() -> App:
    """The command line."""
    app = App(
        name="reconcile",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=__version__,
        default_parameter=Parameter(negative=(), show_default=_worth_showing),
        suppress_keyboard_interrupt=False,  # the output must name what is still running
    )
    app.default(reconcile)
    app.command("reconciler.cli.validate:validate", name="validate")
    app.command("reconciler.cli.importing:import_", name="import", help=IMPORT)
    app.command("reconciler.cli.fmt:fmt", name="fmt", help=FMT)
    app.command("reconciler.cli.status:status", name="status")
    app.command("reconciler.cli.rollback:rollback", name="rollback")
    app.command("reconciler.cli.schema:schema", name="schema")
    app.command("reconciler.cli.sandbox:app", name="sandbox")
    app.command("reconciler.cli.action:action", name="action", show=False)
    app.command("reconciler.cli.commands:install_completion", name="--install-completion", help=COMPLETION)
    return app


def install_completion(
    *,
    shell: Annotated[Literal["bash", "zsh", "fish"] | None, Parameter(help="your shell [default: detected]")] = None,
    output: Annotated[Path | None, Parameter(help="write the completion script to this file instead")] = None,
) -> int:
    """Install completion for bash, zsh or fish.

    Raises:
        UsageError: the shell cannot be detected.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = build().install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise UsageError("cannot detect your shell", hint="use --shell bash|zsh|fish") from None
    show(f"written to {path}" if output else f"written to {path}; it takes effect in new shells")
    return Exit.OK
