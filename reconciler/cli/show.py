"""Prints plans, progress and outcomes in the requested format."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler import __version__
from reconciler.cli.console import unbroken
from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import PlanReport
from reconciler.rollout.model import Event, RolloutReport

if TYPE_CHECKING:
    from reconciler.cli.console import Console
    from reconciler.views.progress import LineProgress, ProgressDisplay


def show_plan(console: Console, report: PlanReport, *, drift: bool = False) -> None:
    """Print a plan or a drift report."""
    report = console.redact.within(report)
    match console.format:
        case "json":
            from reconciler.views import json_documents

            console.out(json_documents.plan(report, kind="drift" if drift else "plan"))
        case "markdown":
            from reconciler.views import markdown

            console.out(markdown.plan(report))
        case "sarif":
            from reconciler.views import sarif

            console.out(sarif.sarif(findings_of(report), tool_version=__version__))
        case _:
            from reconciler.views import text

            shown = text.plan(report, color=console.color, width=console.width, verbose=console.verbose)
            console.out(shown.removeprefix("\n"))  # it begins so if there are findings but no apps


def show_rollout(console: Console, report: RolloutReport, planned: PlanReport | None) -> None:
    """Print what a run did; nothing for people if there was nothing to do, as the plan already said so.

    Workflow annotations and SARIF also contain the findings of the plan.
    """
    report, planned = console.redact.within(report), console.redact.within(planned)
    match console.format:
        case "json":
            from reconciler.views import json_documents

            console.out(json_documents.rollout(report))
        case "markdown":
            from reconciler.views import markdown_rollout

            console.out(markdown_rollout.rollout(report, planned))
        case "sarif":
            from reconciler.views import sarif

            console.out(sarif.sarif(_all_findings(report, planned), tool_version=__version__))
        case _:
            from reconciler.views import text

            planned_nothing = planned is not None and not any(plan.writes or plan.follow for plan in planned.plans)
            quiet = planned_nothing and not any(record.deployments for record in report.records)
            if not quiet or report.left_running:
                shown = text.rollout(report, color=console.color, width=console.width, verbose=console.verbose)
                console.out("\n" + shown)
            _show_logs(console, report)
            annotate(console, _all_findings(report, planned))


def _show_logs(console: Console, report: RolloutReport) -> None:
    """Print the logs that were asked for; folded in the log of a runner."""
    from reconciler.views import annotations

    if console.format == "github" and (text := annotations.grouped(report)):
        console.out(text)
    elif console.format != "github":
        for title, text in annotations.log_groups(report):
            console.out(f"\n{title}\n{text}")


def annotate(console: Console, found: Sequence[Finding]) -> None:
    """Print findings as workflow annotations, if requested."""
    if console.format == "github" and found:
        from reconciler.views import annotations

        console.out(annotations.annotations(found))


def findings_of(report: PlanReport) -> tuple[Finding, ...]:
    """All findings: general ones and those of each app."""
    return (*report.findings, *(found for plan in report.plans for found in plan.findings))


def failures(report: RolloutReport, planned: PlanReport | None) -> list[Finding]:
    """Failed rollouts as findings at the specs, so that they appear on a workflow's page with the others."""
    files = {plan.app: plan.file for plan in planned.plans} if planned else {}
    return [
        Finding(
            Severity.ERROR,
            record.outcome.kind.value.replace("_", "-"),
            f"{record.app}: {record.outcome.reason}",
            location=Location(files[record.app]) if files.get(record.app) else None,
        )
        for record in report.records
        if not record.outcome.kind.good
    ]


def _all_findings(report: RolloutReport, planned: PlanReport | None) -> list[Finding]:
    return [*(findings_of(planned) if planned else ()), *failures(report, planned)]


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
        if self._progress is not None:
            self._progress(event)
        elif self._console.format in ("text", "github"):
            from reconciler.views.lines import render
            from reconciler.views.progress import LineProgress

            self._lines = self._lines or LineProgress(self._apps)
            if lines := self._lines.lines(event):
                self._console.err(render(lines, color=self._console.color))
