"""The one module that knows `reconciler`: a whole run, from files to an exit code, over a transport and a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reconciler.clock import SystemClock
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine import safety
from reconciler.engine.load import RunOptions
from reconciler.errors import InvalidInput, ReconcileError
from reconciler.live.client import Client
from reconciler.plan.model import PlanReport
from reconciler.rollout.model import RolloutReport

SAVED = "plan.json"

WORDS = 60.0
"""A line of progress counts as the announcement of so many seconds of silence."""


@dataclass(frozen=True)
class Asked:
    """What a run is asked to do. ``folder`` has Git's specs and `reconcile.yaml`; see `scenario.Run` for the others."""

    folder: Path
    url: str
    token: str
    command: str = "apply"
    save: bool = False
    demand: bool = False
    environ: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Ending:
    """How a run ended: its one app's outcome (``plan`` or ``error`` without one), exit code, what a person reads."""

    kind: str
    code: int
    said: str


async def run(
    asked: Asked, transport: httpx.AsyncBaseTransport | None, clock: Any, on_wait: Callable[[float, str], None]
) -> Ending:
    """Run as the command does; errors end with the command's exit codes. Without a clock: by the machine's."""
    try:
        return await _run(asked, transport, clock or SystemClock(), on_wait)
    except ReconcileError as problem:
        found = problem.findings if isinstance(problem, InvalidInput) else ()
        said = [
            problem.message,
            problem.hint,
            *(f"{finding.code} {finding.message} {finding.hint}" for finding in found),
        ]
        return Ending("error", int(problem.exit_code), "\n".join(said))


async def _run(
    asked: Asked, transport: httpx.AsyncBaseTransport | None, clock: Any, on_wait: Callable[[float, str], None]
) -> Ending:
    options = RunOptions(
        (asked.folder / "specs",),
        config=asked.folder / "reconcile.yaml",
        environ=asked.environ or {},
        drift=asked.command == "drift",
        expect=asked.folder / SAVED if asked.demand else None,
    )
    desired = loading.load(options)
    waiting = {"transport": transport, "clock": clock, "random": lambda: 0.5, "on_wait": on_wait}
    async with Client(asked.token, base_url=asked.url, **waiting) as client:
        planned = await applying.plan(desired, options, client, clock)
        if asked.save:
            safety.save(asked.folder / SAVED, planned)
        if asked.command != "apply":
            code = safety.of_plan(planned.report, differences_matter=asked.command == "drift")
            return Ending("plan", int(code), "\n".join(_of_plan(planned.report)))
        watch = applying.Watch(lambda event: on_wait(WORDS, event.text))
        report = await applying.apply(planned, client, clock, lambda _apps: nullcontext(watch))
    said = "\n".join([*_of_plan(planned.report), *_of_rollout(report)])
    return Ending(report.records[0].outcome.kind.value, int(safety.of_apply(report, planned)), said)


def _of_plan(report: PlanReport) -> Iterator[str]:
    """What a plan says in words."""
    for finding in report.findings:
        yield f"{finding.message} {finding.hint}"
    for plan in report.plans:
        yield f"{plan.status.value} {plan.reason} {plan.override}"
        yield from (note.text for note in plan.notes)
        yield from (f"{finding.code} {finding.message} {finding.hint}" for finding in plan.findings)
        if plan.attribution:
            yield from (plan.attribution.text, *(change.text for change in plan.attribution.changes))


def _of_rollout(report: RolloutReport) -> Iterator[str]:
    """What the account of a rollout says in words."""
    for record in report.records:
        yield record.outcome.reason
        yield from record.outcome.commands
        yield from record.warnings
        if record.failure:
            yield f"{record.failure.component} {record.failure.code} {record.failure.message}"
            yield from record.failure.log_lines
