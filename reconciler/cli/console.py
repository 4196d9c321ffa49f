"""Where text leaves the process: every line goes through the redactor.

A stream whose reader has gone falls silent, and nothing else changes: what a run does never depends on who listens.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, TextIO, cast

from reconciler.errors import ReconcileError
from reconciler.redaction import Redactor, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.cli.options import Output


_secrets: set[str] = set()
"""Every secret this process has met. Errors are told when no console is at hand any more, and never with one."""


def redacted(text: str) -> str:
    """The text without any secret that this process has met, and without the tokens it was started with."""
    return Redactor(_secrets | tokens_of(os.environ))(text)


def say(text: str) -> None:
    """A line of standard error, or nothing where nobody can be told any more."""
    _written(text, sys.stderr)


def log(text: str) -> None:
    """A line of standard output about something that goes on whoever reads it."""
    _written(text, sys.stdout)


def show(text: str) -> None:
    """A line of standard output that is what the command was run for.

    Raises:
        ReconcileError: it cannot be written; not for a reader who has gone, as he has what he wanted.
    """
    problem = _written(text, sys.stdout)
    if problem and problem.errno != errno.EPIPE:
        raise ReconcileError(
            f"standard output cannot be written: {problem.strerror}",
            hint="the result is lost; run it again with an output that takes it",
        )


class _Unbroken:
    """A stream that nothing it writes to can break; everything else is the stream's own."""

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
    """The stream for a library that draws on it by itself: when the terminal is gone, drawing changes nothing."""
    return cast("TextIO", _Unbroken(stream))


def settle() -> None:
    """Leave nothing unwritten that would fail once more when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                _silence(stream)


def _written(text: str, stream: TextIO | None) -> OSError | None:
    if stream is None:  # closed when the process began
        return OSError(errno.EBADF, "it is closed")
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        _silence(stream)
        return error
    return None


def _silence(stream: TextIO) -> None:
    """What is still to come goes nowhere, as does what the stream holds back: it is flushed when the process ends."""
    try:
        number = stream.fileno()
    except OSError:  # a stream of no file, in which nothing is held back either
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class Console:
    """Standard output for results, standard error for what is said about them.

    ``vital``: the output is what the run is for, so that it fails if its result cannot be written. Without it nothing
    that becomes of the streams stops the run.
    """

    shown: ClassVar[bool] = False
    """Whether this run has shown a result: an error that comes after one must not add a second document to it."""

    def __init__(self, output: Output, environ: Mapping[str, str] = os.environ, *, vital: bool = False) -> None:
        self.format = output.format
        self.verbose = output.verbose
        self.color = _color(output.color, environ, sys.stdout)
        self.width = max(60, min(160, shutil.get_terminal_size((100, 24)).columns))
        self.vital = vital
        self.redact = Redactor(_secrets | tokens_of(environ))

    def keep_secret(self, values: Iterable[str]) -> None:
        """From now on these values never leave."""
        _secrets.update(values)
        self.redact = Redactor(_secrets | tokens_of(os.environ))

    def out(self, text: str) -> None:
        """A result.

        Raises:
            ReconcileError: it is vital and cannot be written.
        """
        Console.shown = True
        if self.vital:
            show(self.redact(text))
        else:
            log(self.redact(text))

    def err(self, text: str) -> None:
        """Something about the run: an error, a hint, progress."""
        say(self.redact(text))

    def waiting(self, seconds: float, why: str) -> None:
        """A pause that a person would wonder about."""
        self.err(f"waiting {seconds:.0f} s: {why}")

    @property
    def live(self) -> bool:
        """Whether progress can be drawn in place: a person watches."""
        return self.format == "text" and _person(sys.stderr) and os.environ.get("TERM") != "dumb"


def _person(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _color(wish: str, environ: Mapping[str, str], stream: TextIO | None) -> bool:
    """Colour on a terminal, unless NO_COLOR (https://no-color.org) says otherwise."""
    if wish != "auto":
        return wish == "always"
    return _person(stream) and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


# --- Output for streams that cannot show every character, such as one of ASCII ---


_ALIKE = {
    "→": "->", "↻": "@", "…": "...", "·": "-", "≈": "~", "─": "-", "━": "=", "│": "|", "▸": ">", "✓": "v", "✗": "x",
}  # fmt: skip
"""What stands for our own signs."""

_NAME = "reconcile-readable"


def readable() -> None:
    """From now on nothing fails for the encoding of standard output and error: what they cannot show is spelled."""
    codecs.register_error(_NAME, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Our own signs as what looks like them, every other character as JSON escapes it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    spelled = [_ALIKE.get(sign) or json.dumps(sign)[1:-1] for sign in error.object[error.start : error.end]]
    return "".join(spelled), error.end
