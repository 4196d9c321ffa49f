"""Runs the command `reconcile`; the exit code of each kind of error."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from reconciler import __version__
from reconciler.cli.console import (
    Console,
    log,
    plain,
    redactor,
    say,
    settle,
    show,
    write_log,
)
from reconciler.cli.encoding import readable
from reconciler.cli.signals import early, heard_signals
from reconciler.clock import SystemClock
from reconciler.errors import InternalError, Interrupted, InvalidInput, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.telemetry.observer import Observer, observe, observer
from reconciler.views.errors import Format, document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from traceback import FrameSummary
    from types import FrameType

    from cyclopts import CycloptsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, see `exit_codes.MEANINGS`."""
    readable()
    Console.shown = False
    observe(Observer())
    arguments = sys.argv[1:] if arguments is None else arguments
    form = _format(arguments)
    if _logs_json(arguments):
        from reconciler.cli.observing import command_of, observed

        observed(command_of(arguments)).log_to(write_log)
    try:
        with ending_alike():
            result = _run(arguments)
        code = result if isinstance(result, int) else Exit.OK
    except KeyboardInterrupt:
        code = _say(Interrupted("interrupted; nothing was being changed"), form)
    except Exception as error:  # noqa: BLE001  a bug is reported like any error: a traceback would show values
        code = _say(_ended(error), form)
    with suppress(KeyboardInterrupt), ending_alike():  # the run has ended: a signal only cuts this short
        observer().finished(code)
    settle()
    return code


def _run(arguments: Sequence[str]) -> object:
    """Call the command that the arguments name.

    The version, the help, and validating files without any flag, as hooks do for every commit, need no parser of
    arguments. Importing it takes longer than validating a spec.
    """
    match [*arguments]:
        case ["--version"]:
            show(__version__)
            return Exit.OK
        case ["--help" | "-h"] if text := _help():
            show(text)
            return Exit.OK
        case ["validate", *words] if not any(word.startswith("-") for word in words):
            from reconciler.cli.check import check_specs
            from reconciler.engine.load import RunOptions

            specs = tuple(map(Path, words)) or RunOptions.specs
            return check_specs(RunOptions(specs, environ=dict(os.environ)), Console(vital=True))
    from reconciler.cli.commands import build

    return build()(arguments, exit_on_error=False, print_error=False, result_action="return_value")


def _help() -> str:
    """The help that `checks.pages` rendered for 80 columns; empty where it does not fit, so that the parser renders it.

    Rendering it takes three times as long as importing the parser.
    """
    encoding = getattr(sys.stdout, "encoding", None) or ""
    if shutil.get_terminal_size((80, 24)).columns < 80 or not encoding.lower().startswith("utf"):
        return ""
    text = Path(__file__).with_name("help.txt").read_text(encoding="utf-8")
    return text if Console().color else re.sub(r"\x1b\[[0-9;]*m", "", text)


def _format(arguments: Sequence[str]) -> Format:
    """The requested format, known even if the rest of the command line is invalid."""
    form: Format = "text"
    for wanted in _values(arguments, "--format"):
        form = next((known for known in get_args(Format) if known == wanted), form)
    return form


def _logs_json(arguments: Sequence[str]) -> bool:
    """Whether events are logged as JSON: as the flag says, else the variable, for commands that have the flag."""
    wanted = _values(arguments, "--log-format")
    if not wanted and (wanted := [os.environ.get("RECONCILE_LOG_FORMAT", "")]) == ["json"]:
        from reconciler.cli.words import has_log

        return has_log(next(iter(arguments), ""))
    return wanted[-1] == "json"


def _values(arguments: Sequence[str], name: str) -> list[str]:
    """The values of a flag, as far as they can be known before the command line is parsed."""
    pairs = pairwise([*takewhile(lambda argument: argument != "--", arguments), ""])
    given = [(*flag.partition("="), following) for flag, following in pairs]
    return [value if equals else following for found, equals, value, following in given if found == name]


def _ended(error: Exception) -> ReconcileError:
    """The error that ended the run."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
        frames += traceback.extract_tb(error.__traceback__)
    from cyclopts import CycloptsError

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
    code = error.exit_code
    error.redact(redactor().within)
    observer().failed(error)
    if not observer().logs:
        _print(error)
    if form == "github" or (form != "text" and not Console.shown and _available(form)):
        log(document(error, code, form, tool_version=__version__, made=SystemClock().now()))
    return code


def _print(error: ReconcileError) -> None:
    """Print an error for people: its findings, if the input is invalid."""
    if isinstance(error, InvalidInput) and error.findings:
        from reconciler.views import lines

        say(lines.findings(error.findings))
        return
    say(plain(f"reconcile: {error.message}"))
    if error.hint:
        say(plain(f"  {error.hint}"))


def _available(form: Format) -> bool:
    """Whether the packages of a format are installed: that they are not may be the error."""
    return form != "html" or find_spec("jinja2") is not None


def _misread(error: CycloptsError) -> UsageError:
    """An invalid command line, with the relevant help."""
    from cyclopts import MissingArgumentError, UnknownOptionError

    command = " ".join(["reconcile", *(error.command_chain or ())])
    message = str(error)
    if isinstance(error, UnknownOptionError):
        from reconciler.cli.words import flag_hint

        flag = error.token.keyword or error.token.value
        known = [name for argument in error.argument_collection for name in argument.names]
        return UsageError(f"unknown flag {flag}", hint=flag_hint(flag, known, command) or f"see: {command} --help")
    if isinstance(error, MissingArgumentError) and error.argument and error.argument.field_info.is_positional:
        message = f"{command.removeprefix('reconcile ')} needs {error.argument.name.lstrip('-').upper()}"
    return UsageError(message, hint=f"see: {command} --help")


def _refused(error: OSError) -> ReconcileError:
    """An error of the operating system, in its own words."""
    files = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = f"{' and '.join(files)}: " if files else ""
    hint = "check that it exists, is of the right kind, and that this user may read or write it" if files else ""
    return ReconcileError(f"{where}{error.strerror}", hint=hint)


def _bug(error: Exception, frames: Sequence[FrameSummary]) -> InternalError:
    """A bug: its type and place, never its message, which may contain a value."""
    root = Path(__file__).parents[1]
    places = [(Path(frame.filename), frame.lineno) for frame in frames]
    ours = [f"{file.relative_to(root)}:{line}" for file, line in places if file.is_relative_to(root)]
    where = " < ".join(reversed(ours[-3:])) or "unknown location"
    return InternalError(
        f"internal error: {type(error).__name__} at {where}",
        hint="this is a bug in reconciler: please report it with this line. Deployments continue on App Platform",
    )


# --- SIGTERM and SIGHUP outside a rollout ---


ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals without a handler of Python's own."""


@contextmanager
def ending_alike() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, unless handled: with a message and exit 130."""
    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield
        return
    early.clear()
    before = {number: signal.signal(number, _as_ctrl_c) for number in heard_signals(ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does: asyncio cancels its task, as an exception raised anywhere could be lost."""
    early.append(number)
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(number, frame)
