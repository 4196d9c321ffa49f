"""The process's streams and signals: all output goes through the redactor, and a signal stops a run gracefully.

If the reader of a stream has gone, the stream is silenced and nothing else changes: a run never depends on its reader.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, ClassVar, Self, TextIO, cast

from reconciler.errors import ReconcileError
from reconciler.redaction import Redactor, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.cli.options import Output
    from reconciler.views.errors import Format


_secrets: set[str] = set()
"""Every secret this process has seen. Global, as errors are also printed without a console."""


def redactor() -> Redactor:
    """Redacts any secret that this process has met, and the tokens it was started with."""
    return Redactor(_secrets | tokens_of(os.environ))


def plain(text: str) -> str:
    """A text with names from outside in it: each of its lines inert to terminals and runners."""
    from reconciler.views.lines import no_command  # most runs print nothing but views, which do the same
    from reconciler.views.values import inert

    return "\n".join(no_command(inert(line)) for line in text.split("\n"))


def say(text: str) -> None:
    """Print a line to standard error, or nothing if it is closed."""
    _written(text, sys.stderr)


def log(text: str) -> None:
    """Print a line to standard output about something that continues even without a reader."""
    _written(text, sys.stdout)


def show(text: str) -> None:
    """Print a line to standard output that is the command's result.

    Raises:
        ReconcileError: it cannot be written; not if the reader has gone, as it has read enough.
    """
    problem = _written(text, sys.stdout)
    if problem and problem.errno != errno.EPIPE:
        raise ReconcileError(
            f"cannot write to standard output: {problem.strerror}",
            hint="the result is lost; run it again with a working output",
        )


class _Unbroken:
    """A stream that ignores write errors; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def unbroken(stream: TextIO) -> TextIO:
    """The stream for a library that draws on it: if the terminal is gone, drawing has no effect."""
    return cast("TextIO", _Unbroken(stream))


def settle() -> None:
    """Flush both streams now, so that nothing fails at the end of the process."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                _silence(stream)


def _written(text: str, stream: TextIO | None) -> OSError | None:
    if stream is None:  # closed when the process started
        return OSError(errno.EBADF, "it is closed")
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        _silence(stream)
        return error
    return None


def _silence(stream: TextIO) -> None:
    """Discard further output, and what the stream still buffers, which is flushed when the process ends."""
    try:
        number = stream.fileno()
    except OSError:  # a stream without a file, which buffers nothing either
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class Console:
    """Standard output for results, standard error for everything else.

    ``vital``: the output is the purpose of the run, so the run fails if it cannot be written. Without it, no
    failure of the streams stops the run.
    """

    shown: ClassVar[bool] = False
    """Whether this run has printed a result: a later error must not add a second document to it."""

    def __init__(
        self, form: Format = "text", *, verbose: bool = False, color: str = "auto", vital: bool = False
    ) -> None:
        self.format = form
        self.verbose = verbose
        self.color = _color(color, os.environ, sys.stdout)
        self.width = max(60, min(160, shutil.get_terminal_size((100, 24)).columns))
        self.vital = vital
        self.redact = redactor()

    @classmethod
    def of(cls, output: Output, *, vital: bool = False) -> Self:
        """The console that the flags ask for."""
        return cls(output.format, verbose=output.verbose, color=output.color, vital=vital)

    def keep_secret(self, values: Iterable[str]) -> None:
        """Redact these values from now on."""
        _secrets.update(values)
        self.redact = redactor()

    def out(self, text: str) -> None:
        """Print a result, rendered from redacted data: to redact it as text could break the document (C66).

        Raises:
            ReconcileError: it is vital and cannot be written.
        """
        Console.shown = True
        if self.vital:
            show(text)
        else:
            log(text)

    def err(self, text: str) -> None:
        """Print something about the run: an error, a hint, progress."""
        say(self.redact(text))

    def waiting(self, seconds: float, why: str) -> None:
        """Report a noticeable pause."""
        self.err(f"waiting {seconds:.0f} s: {why}")

    @property
    def live(self) -> bool:
        """Whether progress can be drawn in place: both streams are terminals."""
        return self.format == "text" and _person(sys.stderr) and os.environ.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether a person reads what is printed and can answer: all streams are terminals, and not a pipeline's."""
        here = all(map(_person, (sys.stdin, sys.stdout, sys.stderr)))
        return self.format == "text" and here and not os.environ.get("CI")


def ask(question: str) -> bool:
    """Ask on standard error, and read the answer: yes, or anything else.

    Ctrl-C ends the run immediately: asyncio would only cancel its task, which waits here.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print(question, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        signal.signal(signal.SIGINT, before)


def _person(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _color(choice: str, environ: Mapping[str, str], stream: TextIO | None) -> bool:
    """Colour on a terminal, unless NO_COLOR (https://no-color.org) says otherwise."""
    if choice != "auto":
        return choice == "always"
    return _person(stream) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


# --- Output for streams that cannot show every character, such as one of ASCII ---


_ALIKE = {
    "→": "->", "↻": "@", "…": "...", "·": "-", "≈": "~", "─": "-", "━": "=", "│": "|", "▸": ">", "✓": "v", "✗": "x",
}  # fmt: skip
"""Replacements for our own symbols."""

_NAME = "reconcile-readable"


def readable() -> None:
    """Escape what the encodings of standard output and error cannot represent, instead of failing."""
    codecs.register_error(_NAME, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Our own symbols as similar ASCII, every other character as a JSON escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelled = [_ALIKE.get(sign) or json.dumps(sign)[1:-1] for sign in error.object[error.start : error.end]]
    return "".join(spelled), error.end


# --- SIGINT, SIGTERM and SIGHUP: the first stops the run gracefully, a second one ends the process ---
#
# SIGHUP means that the terminal was closed. Under `nohup` it is ignored from the start and stays ignored.


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals without a handler of Python's own."""


def _heard(numbers: tuple[signal.Signals, ...]) -> list[signal.Signals]:
    """The signals that were not ignored when this process started."""
    return [number for number in numbers if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal; then signals have their default effect again.

    Except SIGHUP: a closed terminal sends it more than once, which is no request to end the process immediately.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    heard = _heard(STOPPING)
    before = {number: signal.getsignal(number) for number in heard}

    def first(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            before[number] = signal.SIG_IGN
        else:
            loop.remove_signal_handler(number)
        stop()

    for number in heard:
        loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextmanager
def ending_alike() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, unless handled: with a message and exit 130."""
    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield
        return
    before = {number: signal.signal(number, _as_ctrl_c) for number in _heard(_ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does: asyncio cancels its task, as an exception raised anywhere could be lost."""
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(number, frame)
