"""The process's streams: what is printed in each format, redacted.

If the reader of a stream has gone, the stream is silenced and nothing else changes: a run never depends on its reader.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self, TextIO, cast

from reconciler import __version__
from reconciler.clock import SystemClock
from reconciler.errors import ReconcileError
from reconciler.redaction import Redactor, tokens_of
from reconciler.telemetry.observer import observer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.cli.options import Output
    from reconciler.cli.pages import Setting
    from reconciler.findings import Finding
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import Event, RolloutReport
    from reconciler.views.errors import Format
    from reconciler.views.progress import LineProgress, ProgressDisplay


_secrets: set[str] = set()
"""Every secret this process has seen. Global, as errors are also printed without a console."""


def redactor() -> Redactor:
    """Redacts any secret that this process has met, and the tokens it was started with."""
    return redactor_of(frozenset(_secrets) | tokens_of(os.environ))


@lru_cache(maxsize=1)
def redactor_of(secrets: frozenset[str]) -> Redactor:
    """Kept, as events are redacted one by one, and to prepare one takes long."""
    return Redactor(secrets)


def plain(text: str) -> str:
    """A text with names from outside in it: each of its lines inert to terminals and runners."""
    from reconciler.views.lines import (
        inert,
        no_command,  # most runs print nothing but views, which do the same
    )

    return "\n".join(no_command(inert(line)) for line in text.split("\n"))


def say(text: str) -> None:
    """Print a line to standard error, or nothing if it is closed; into the log if it is of JSON."""
    if observer().logs:
        observer().said(text)
    else:
        write_log(text)


def write_log(line: str) -> None:
    """Print a line to standard error as it is."""
    _written(line, sys.stderr)


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
    failure of the streams stops the run. ``setting``: see `page`.
    """

    shown: ClassVar[bool] = False
    """Whether this run has printed a result: a later error must not add a second document to it."""

    def __init__(
        self, form: Format = "text", *, verbose: bool = False, color: str = "auto", vital: bool = False
    ) -> None:
        if form == "html":
            from reconciler.cli.connect import check_extra

            check_extra("report", "jinja2")
        self.format = form
        self.setting: Setting | None = None
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

    def page(self) -> Setting:
        """What a page says of the run besides its result."""
        from reconciler.cli.pages import Setting

        return self.setting or Setting(SystemClock().now())

    def waiting(self, seconds: float, why: str) -> None:
        """Report a noticeable pause."""
        observer().waiting(seconds, why)
        if not observer().logs:
            self.err(f"waiting {seconds:.0f} s: {why}")

    def plan(self, report: PlanReport, *, drift: bool = False, annotated: bool = False) -> None:
        """Print a plan or a drift report; workflow annotations, if the format has them, where no rollout follows."""
        report = self.redact.within(report)
        match self.format:
            case "json":
                from reconciler.views import json_documents

                self.out(json_documents.plan(report, kind="drift" if drift else "plan"))
            case "markdown":
                from reconciler.views import markdown

                self.out(markdown.plan(report))
            case "html":
                self.out(self.page().plan(report, self.redact, drift=drift))
            case "sarif":
                from reconciler.views import sarif

                self.out(sarif.sarif(sarif.of_plan(report), tool_version=__version__))
            case _:
                self._plan_text(report, annotated=annotated)

    def _plan_text(self, report: PlanReport, *, annotated: bool) -> None:
        from reconciler.views import text

        shown = text.plan(report, color=self.color, width=self.width, verbose=self.verbose)
        self.out(shown.removeprefix("\n"))  # it begins so if there are findings but no apps
        if self.format == "github" and annotated:
            from reconciler.views import sarif

            self._annotate(sarif.of_plan(report))

    def rollout(self, report: RolloutReport, planned: PlanReport | None) -> None:
        """Print what a run did; nothing for people if there was nothing to do, as the plan already said so.

        Workflow annotations and SARIF also contain the findings of the plan.
        """
        report, planned = self.redact.within(report), self.redact.within(planned)
        match self.format:
            case "json":
                from reconciler.views import json_rollout

                self.out(json_rollout.rollout(report))
            case "markdown":
                from reconciler.views import markdown_rollout

                self.out(markdown_rollout.rollout(report, planned))
            case "html":
                self.out(self.page().rollout(report, planned, self.redact))
            case "sarif":
                from reconciler.views import sarif

                self.out(sarif.sarif(sarif.of_rollout(report, planned), tool_version=__version__))
            case _:
                self._rollout_text(report, planned)

    def _rollout_text(self, report: RolloutReport, planned: PlanReport | None) -> None:
        from reconciler.views import text

        planned_nothing = planned is not None and not any(plan.writes or plan.follow for plan in planned.plans)
        quiet = planned_nothing and not any(record.deployments for record in report.records)
        if not quiet or report.left_running:
            shown = text.rollout(report, color=self.color, width=self.width, verbose=self.verbose)
            self.out("\n" + shown)
        if any(record.logs for record in report.records) or self.format == "github":
            self._logs(report)
        if self.format == "github":
            from reconciler.views import sarif

            self._annotate(sarif.of_rollout(report, planned))

    def _logs(self, report: RolloutReport) -> None:
        """Print the logs that were asked for; folded in the log of a runner."""
        from reconciler.views import annotations

        if self.format == "github" and (text := annotations.grouped(report)):
            self.out(text)
        elif self.format != "github":
            for title, text in annotations.log_groups(report):
                self.out(f"\n{title}\n{text}")

    def _annotate(self, found: Sequence[Finding]) -> None:
        if found:
            from reconciler.views import annotations

            self.out(annotations.annotations(found))

    @property
    def live(self) -> bool:
        """Whether progress can be drawn in place: both streams are terminals."""
        drawn = self.format == "text" and _person(sys.stderr) and os.environ.get("TERM") != "dumb"
        return drawn and not observer().logs

    @property
    def can_ask(self) -> bool:
        """Whether a person reads what is printed and can answer: all streams are terminals, and not a pipeline's."""
        here = all(map(_person, (sys.stdin, sys.stdout, sys.stderr)))
        return self.format == "text" and here and not os.environ.get("CI")


def ask(question: str) -> bool:
    """Ask on standard error, or on standard output if the other is a log; read the answer: yes, or anything else.

    Ctrl-C ends the run immediately: asyncio would only cancel its task, which waits here.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print(question, end="", file=sys.stdout if observer().logs else sys.stderr, flush=True)
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


class ProgressPrinter:
    """Prints events as they happen: a table drawn in place on a terminal, else a line per event."""

    def __init__(self, console: Console, apps: Sequence[str]) -> None:
        self._console = console
        self._apps = apps
        self._lines: LineProgress | None = None
        self._progress: ProgressDisplay | None = None

    def __enter__(self) -> Self:
        if self._console.live:
            from rich.console import Console as Screen

            from reconciler.views.progress import ProgressDisplay

            screen = Screen(file=unbroken(sys.stderr), no_color=not self._console.color)
            began = time.monotonic()
            self._progress = ProgressDisplay(screen, lambda: time.monotonic() - began, len(self._apps)).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.__exit__(kind, error, trace)

    def show(self, event: Event) -> None:
        """Print one event."""
        observer().happened(event)
        if self._progress is not None:
            self._progress(event)
        elif not observer().logs and self._console.format in ("text", "github"):
            from reconciler.views.lines import render
            from reconciler.views.progress import LineProgress

            self._lines = self._lines or LineProgress(self._apps)
            if lines := self._lines.lines(event):
                self._console.err(render(lines, color=self._console.color))
