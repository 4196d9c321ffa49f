"""From the flags and the environment to what hears of a run. Where nothing is asked for, nothing is imported for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.cli.connect import missing_extra
from reconciler.cli.console import Console, redactor, say
from reconciler.cli.words import NAMES
from reconciler.clock import SystemClock
from reconciler.telemetry.observer import observe, observer, traced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from reconciler.cli.options import RunOutput
    from reconciler.engine.planner import Planned
    from reconciler.telemetry.facts import RunFacts
    from reconciler.telemetry.run import RunObserver

_PREVIEW = ("up", "down", "list", "sweep")
_MODES = ("plan", "drift")


def observed_console(output: RunOutput, command: str, environment: str = "", *, vital: bool = False) -> Console:
    """The console that the flags ask for; from now on machines hear of the command, if they are to.

    Raises:
        UsageError: the packages for metrics are not installed.
    """
    if output.metrics_file or traced(os.environ):
        consume(observed(command), output.metrics_file, os.environ)
    observer().within(environment)
    return Console.of(output, vital=vital)


def observed(command: str) -> RunObserver:
    """The observer of this command, which hears of it from now on."""
    from reconciler.telemetry.run import RunObserver

    known = observer()
    if not isinstance(known, RunObserver):
        known = RunObserver(command, SystemClock(), redactor, lambda text: say(f"warning: {text}"))
        observe(known)
    return known


def report_plan(planned: Planned) -> None:
    """Report a plan to the observer."""
    observer().planned(planned.report, drift=planned.options.drift, whole=planned.options.whole)


def command_of(arguments: Sequence[str]) -> str:
    """The command in the words of a command line, such as ``preview up``; without one, what its flags mean."""
    first, second = [*arguments[:2], "", ""][:2]
    if first == "preview" and second in _PREVIEW:
        return f"{first} {second}"
    return first if first in NAMES else next((mode for mode in _MODES if f"--{mode}" in arguments), "apply")


def consume(run: RunObserver, metrics_file: Path | None, environ: Mapping[str, str]) -> None:
    """Let the run write its metrics to the file, and send its trace, if that is asked for.

    Raises:
        UsageError: the packages for metrics are not installed. Those for traces are asked for by the environment, not
            for this command: without them there is a warning at the end.
    """
    if metrics_file:
        try:
            from reconciler.telemetry.metrics_file import MetricsFile
        except ModuleNotFoundError as error:
            raise missing_extra("metrics", error) from error
        run.consumers["metrics"] = MetricsFile(metrics_file).write
    if traced(environ):
        run.consumers["traces"] = lambda facts: _send(facts, environ)


def _send(facts: RunFacts, environ: Mapping[str, str]) -> None:
    try:
        from reconciler.telemetry.otlp import send
    except ModuleNotFoundError as error:
        raise missing_extra("otel", error) from error
    send(facts, environ)
