"""The command `reconcile`: its subcommands, and the exit code of each kind of error."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from reconciler import __version__
from reconciler.cli import apply, rollback, sandbox, schema, status, validate
from reconciler.cli.console import Console, log, readable, redactor, say, settle, show
from reconciler.cli.signals import ending_alike
from reconciler.engine import exits
from reconciler.errors import InternalError, Interrupted, InvalidInput, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.views.errors import Format, document

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    app.default(apply.reconcile)
    app.command(validate.validate)
    app.command("reconciler.cli.importing:import_", name="import", help=IMPORT)
    app.command("reconciler.cli.fmt:fmt", name="fmt", help=FMT)
    app.command(status.status)
    app.command(rollback.rollback)
    app.command(schema.schema)
    app.command(sandbox.build(), name="sandbox")
    app.command("reconciler.cli.action:action", name="action", show=False)  # imported only when it is called
    app.command("reconciler.cli.main:install_completion", name="--install-completion", help=COMPLETION)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, see `exit_codes.MEANINGS`."""
    gc.set_threshold(200_000, 20, 100)  # a short-lived process with a large live heap: little is garbage
    readable()
    Console.shown = False
    form = _format(sys.argv[1:] if arguments is None else arguments)
    try:
        with ending_alike():
            result = build()(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except KeyboardInterrupt:
        return _say(Interrupted("interrupted; nothing was being changed"), form)
    except Exception as error:  # noqa: BLE001  a bug is reported like any error: a traceback would show values
        return _say(_ended(error), form)
    finally:
        settle()
    return result if isinstance(result, int) else Exit.OK


def _format(arguments: Sequence[str]) -> Format:
    """The requested format, known even if the rest of the command line is invalid."""
    form: Format = "text"
    for flag, following in pairwise([*takewhile(lambda argument: argument != "--", arguments), ""]):
        name, equals, value = flag.partition("=")
        if name == "--format":
            wanted = value if equals else following
            form = next((known for known in get_args(Format) if known == wanted), form)
    return form


def _ended(error: Exception) -> ReconcileError:
    """The error that ended the run."""
    frames = traceback.extract_tb(error.__traceback__)
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
        frames += traceback.extract_tb(error.__traceback__)
    match error:
        case CycloptsError():
            return _misread(error)
        case ReconcileError():
            return error
        case OSError(strerror=str()):
            return _refused(error)
        case _:
            return _bug(error, frames)


def _say(error: ReconcileError, form: Format) -> Exit:
    """Report an error: to people on standard error, to programs on standard output unless it already has a result.

    Annotations are lines of a log, so they may follow one.
    """
    code = exits.of_error(error)
    error.redact(redactor().within)
    if isinstance(error, InvalidInput) and error.findings:
        from reconciler.views import text

        say(text.findings(error.findings))
    else:
        say(f"reconcile: {error.message}")
        if error.hint:
            say(f"  {error.hint}")
    if form == "github" or (form != "text" and not Console.shown):
        log(document(error, code, form, tool_version=__version__))
    return code


def _misread(error: CycloptsError) -> UsageError:
    """An invalid command line, with the relevant help."""
    command = " ".join(["reconcile", *(error.command_chain or ())])
    message = str(error)
    if isinstance(error, MissingArgumentError) and error.argument and error.argument.field_info.is_positional:
        message = f"{command} needs {error.argument.name.lstrip('-').upper()}"
    return UsageError(message, hint=f"see: {command} --help")


def _refused(error: OSError) -> ReconcileError:
    """An error of the operating system, in its own words."""
    files = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = f"{' and '.join(files)}: " if files else ""
    hint = "check that it exists, is of the right kind, and that this user may read or write it" if files else ""
    return ReconcileError(f"{where}{error.strerror}", hint=hint)


def _bug(error: Exception, frames: Sequence[traceback.FrameSummary]) -> InternalError:
    """A bug: its type and place, never its message, which may contain a value."""
    root = Path(__file__).parents[1]
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    ours = [f"{file.relative_to(root)}:{line}" for file, line in places if file.is_relative_to(root)]
    where = " < ".join(reversed(ours[-3:])) or "unknown location"
    return InternalError(
        f"internal error: {type(error).__name__} at {where}",
        hint="this is a bug in reconciler: please report it with this line. Deployments continue on App Platform",
    )
