"""A run as spans: the run, its plans, each app's rollout, in that its decisions and the phases of deployments. Pure.

Times are those at which it happened. Attributes have the names of OpenTelemetry's semantic conventions where there is
one (``cicd.*``, ``deployment.*``, ``vcs.*``, ``error.type``, ``process.exit.code``), else ``reconcile.*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.exit_codes import Exit
from reconciler.rollout.model import OutcomeKind, RolloutRecord
from reconciler.telemetry.facts import PlanFacts, RolloutFacts, RunFacts

Value = str | int | float | bool

CHANGING = ("apply", "rollback", "redeploy", "preview up", "preview down", "preview sweep")
"""Commands that deploy something."""


@dataclass(frozen=True, slots=True)
class Span:
    """What took place between two times. ``error``: why it failed; None if it did not."""

    name: str
    began: datetime
    ended: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    children: tuple[Span, ...] = ()


def run_span(run: RunFacts, pipeline: Mapping[str, str]) -> Span:
    """The span of a run, with all others in it; ``pipeline``: the attributes of the pipeline that it is part of."""
    result = _result(run.exit_code)
    attributes: dict[str, Value] = {
        **pipeline,
        "cicd.pipeline.task.name": f"reconcile {run.command}",
        "cicd.pipeline.task.run.id": run.id,
        "cicd.pipeline.task.run.result": result,
        "process.exit.code": run.exit_code,
        "reconcile.requests": run.requests,
        **({"cicd.pipeline.task.type": "deploy"} if run.command in CHANGING else {}),
        **_environment(run.environment),
    }
    error = None
    if result != "success":
        attributes["error.type"] = run.error.type if run.error else Exit(run.exit_code).name.lower()
        error = run.error.message if run.error else ""
    children = (*map(_plan, run.plans), *(span for one in run.rollouts for span in _rollouts(one)))
    return Span(f"reconcile {run.command}", run.began, run.ended, attributes, error, children)


def _result(code: int) -> str:
    """The result of a task, in the words of ``cicd.pipeline.task.run.result``; to find differences is no failure."""
    if code in (Exit.OK, Exit.DIFFERENCES):
        return "success"
    if code == Exit.INTERRUPTED:
        return "cancellation"
    return "error" if code == Exit.ERROR else "failure"


def _environment(name: str) -> dict[str, Value]:
    return {"deployment.environment.name": name} if name else {}


def _plan(made: PlanFacts) -> Span:
    report = made.report
    attributes: dict[str, Value] = {
        "reconcile.apps": len(report.plans),
        "reconcile.apps.changing": sum(plan.writes for plan in report.plans),
        "reconcile.requests": report.requests,
        **_environment(made.environment),
    }
    began = made.made - timedelta(seconds=report.seconds)
    return Span("drift" if made.drift else "plan", began, made.made, attributes)


def _rollouts(done: RolloutFacts) -> Iterator[Span]:
    """The rollouts that ran; an app in sync has none."""
    for record in done.report.records:
        if ended := done.ended.get(record.app):
            yield _rollout(record, ended, done.environment)


def _rollout(record: RolloutRecord, ended: datetime, environment: str) -> Span:
    kind, began = record.outcome.kind, ended - timedelta(seconds=record.seconds)
    failed = not kind.good and kind is not OutcomeKind.TAKEN_BACK
    given: dict[str, str] = {
        "reconcile.app.id": record.app_id,
        "reconcile.reason": record.outcome.reason,
        "deployment.id": record.deployment_id,
        "error.type": kind.value if failed else "",
    }
    if record.failure:
        parts = {"component": record.failure.component, "step": record.failure.step, "code": record.failure.code}
        given |= {f"reconcile.failure.{name}": value for name, value in parts.items()}
        given["reconcile.failure.message"] = record.failure.message
    attributes: dict[str, Value] = {
        "reconcile.app.name": record.app,
        "reconcile.action": record.action.word,
        "reconcile.outcome": kind.value,
        "reconcile.requests": record.requests,
        "deployment.name": record.app,
        "deployment.status": "failed" if failed else "succeeded",
        **{name: value for name, value in given.items() if value},
        **_environment(environment),
    }
    children = tuple(sorted((*_phases(record, began), *_decisions(record, began)), key=lambda span: span.began))
    return Span(f"rollout {record.app}", began, ended, attributes, record.outcome.reason if failed else None, children)


def _phases(record: RolloutRecord, began: datetime) -> Iterator[Span]:
    for deployment in record.deployments:
        for phase in deployment.phases:
            attributes = {"deployment.id": deployment.id, "reconcile.deployment.role": deployment.role}
            error = "" if phase.phase in ("ERROR", "CANCELED") else None
            until = began + timedelta(seconds=phase.ended)
            yield Span(f"phase {phase.phase}", began + timedelta(seconds=phase.began), until, attributes, error)


def _decisions(record: RolloutRecord, began: datetime) -> Iterator[Span]:
    """What the policy decided, each until the next; to finish is no span, as it is the end itself."""
    until = [*(one.at for one in record.decisions[1:]), record.seconds]
    for one, end in zip(record.decisions, until, strict=False):  # without decisions there is one end too many
        if one.step == "Finish":
            continue
        given = {"reconcile.what": one.what, "reconcile.reason": one.reason}
        attributes = {name: value for name, value in given.items() if value}
        times = began + timedelta(seconds=one.at), began + timedelta(seconds=end)
        yield Span(f"decision {one.step}", *times, attributes)
