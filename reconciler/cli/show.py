"""Plans, progress and outcomes on the console, in the format that was asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.cli.console import unbroken
from reconciler.plan.model import PlanReport
from reconciler.rollout.model import Event, RolloutReport

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.views.progress import Progress


def show_plan(console: Console, report: PlanReport, *, drift: bool = False) -> None:
    """A plan, or what drifted."""
    match console.format:
        case "json":
            from reconciler.views import machine

            console.out(machine.plan(report, kind="drift" if drift else "plan"))
        case "markdown":
            from reconciler.views import markdown

            console.out(markdown.plan(report))
        case "sarif":
            from reconciler.views import sarif

            console.out(sarif.sarif([*report.findings, *(found for plan in report.plans for found in plan.findings)]))
        case _:
            from reconciler.views import text

            if report.findings:
                console.err(text.findings(report.findings, color=console.color) + "\n")
            console.out(text.plan(report, color=console.color, width=console.width, verbose=console.verbose))


def show_rollout(console: Console, report: RolloutReport, planned: PlanReport | None) -> None:
    """What a run did; nothing for people if there was nothing to do, as the plan (if there was one) said so already."""
    match console.format:
        case "json":
            from reconciler.views import machine

            console.out(machine.rollout(report))
        case "markdown":
            from reconciler.views import markdown

            console.out(markdown.rollout(report))
        case _:
            from reconciler.views import text

            planned_nothing = planned is not None and not any(plan.writes or plan.follow for plan in planned.plans)
            quiet = planned_nothing and not any(record.deployments for record in report.records)
            if not quiet or report.left_running:
                told = text.rollout(report, color=console.color, width=console.width, verbose=console.verbose)
                console.out("\n" + told)


class Teller:
    """Tells events while they happen: a table that is drawn in place on a terminal, else a line an event."""

    def __init__(self, console: Console, apps: Sequence[str]) -> None:
        self._console = console
        self._names = max(map(len, apps), default=0)
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.live:
            from rich.console import Console as Screen

            from reconciler.views.progress import Progress

            screen = Screen(file=unbroken(sys.stderr), no_color=not self._console.color)
            began = time.monotonic()
            self._progress = Progress(screen, lambda: time.monotonic() - began).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Tell one event."""
        if self._progress is not None:
            self._progress(event)
        elif self._console.format in ("text", "github"):
            from reconciler.views import text

            self._console.err(text.event(event, names=self._names, color=self._console.color))
