"""The command `reconcile`: its parts, and what each kind of error ends with."""

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
from reconciler.cli.console import Console, log, readable, redacted, say, settle, show
from reconciler.cli.signals import ending_alike
from reconciler.engine import exits
from reconciler.errors import InternalError, Interrupted, InvalidInput, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.views.errors import Format, document

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """Declarative GitOps for DigitalOcean App Platform.

`reconcile` makes App Platform what the specs in Git say: it validates them, compares them with what is live, applies
what differs, watches the deployments, and rolls back by itself when one fails. `reconcile --plan` only says what it
would do.
"""

IMPORT = """Write specs from live apps: defaults left out, ciphertext kept.

Over an existing file, comments and order stay where values did not change.
"""

COMPLETION = "Install completion for bash, zsh or fish."
FMT = """Format specs: one order of fields, two spaces, comments kept, the meaning never changed."""

EPILOGUE = """Exit codes: 0 converged · 1 error · 2 differences (--drift, --plan --exit-code, fmt --check) ·
3 invalid specs · 4 failed and rolled back · 5 a person is needed · 6 stalled · 7 refused · 64 usage ·
130 interrupted"""


def _worth_showing(default: object) -> str | None:
    """What help says of a default: nothing where it is nothing."""
    return None if default in (False, (), "", None) else str(getattr(default, "value", default))


def build() -> App:
    """The command line."""
    app = App(
        name="reconcile",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=__version__,
        default_parameter=Parameter(negative=(), show_default=_worth_showing),
        suppress_keyboard_interrupt=False,  # what was left running is to be said
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

    try:
        path = build().install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise UsageError("which shell this is cannot be found out", hint="name it: --shell bash|zsh|fish") from None
    show(f"written to {path}" if output else f"written to {path}; it holds from the next shell on")
    return Exit.OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned, see `exit_codes.MEANINGS`."""
    gc.set_threshold(200_000, 20, 100)  # a fleet is a large live heap of a short-lived process: little is garbage
    readable()
    Console.shown = False
    form = _format(sys.argv[1:] if arguments is None else arguments)
    try:
        with ending_alike():
            result = build()(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except KeyboardInterrupt:
        return _say(Interrupted("interrupted; nothing was being changed"), form)
    except Exception as error:  # noqa: BLE001  a bug is told like any error: a traceback would show values
        return _say(_ended(error), form)
    finally:
        settle()
    return result if isinstance(result, int) else Exit.OK


def _format(arguments: Sequence[str]) -> Format:
    """The format that is asked for: known even where the rest of the command line makes no sense."""
    form: Format = "text"
    for flag, following in pairwise([*takewhile(lambda argument: argument != "--", arguments), ""]):
        name, equals, value = flag.partition("=")
        if name == "--format":
            wanted = value if equals else following
            form = next((known for known in get_args(Format) if known == wanted), form)
    return form


def _ended(error: Exception) -> ReconcileError:
    """What ended the run."""
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
    """Report an error: to people on standard error, to programs on standard output unless that has a result already.

    Annotations are lines of a log, and may follow one.
    """
    code = exits.of_error(error)
    if isinstance(error, InvalidInput) and error.findings:
        from reconciler.views import text

        say(redacted(text.findings(error.findings)))
    else:
        say(redacted(f"reconcile: {error.message}"))
        if error.hint:
            say(redacted(f"  {error.hint}"))
    if form == "github" or (form != "text" and not Console.shown):
        log(redacted(document(error, code, form, tool_version=__version__)))
    return code


def _misread(error: CycloptsError) -> UsageError:
    """What the command line could not make sense of, with the help that belongs to it."""
    command = " ".join(["reconcile", *(error.command_chain or ())])
    message = str(error)
    if isinstance(error, MissingArgumentError) and error.argument and error.argument.field_info.is_positional:
        message = f"{command} needs {error.argument.name.lstrip('-').upper()}"
    return UsageError(message, hint=f"see: {command} --help")


def _refused(error: OSError) -> ReconcileError:
    """What the machine refused, in its own words."""
    files = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = f"{' and '.join(files)}: " if files else ""
    hint = "is it there, is it what it should be, and may this user read or write it?" if files else ""
    return ReconcileError(f"{where}{error.strerror}", hint=hint)


def _bug(error: Exception, frames: Sequence[traceback.FrameSummary]) -> InternalError:
    """Its type and place, and never its message, which may hold a value."""
    root = Path(__file__).parents[1]
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    ours = [f"{file.relative_to(root)}:{line}" for file, line in places if file.is_relative_to(root)]
    where = " < ".join(reversed(ours[-3:])) or "an unknown place"
    return InternalError(
        f"internal error: {type(error).__name__} at {where}",
        hint="this is a bug in reconciler, please report it with this line; what is deployed goes on by itself",
    )
