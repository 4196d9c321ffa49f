"""A run as Prometheus metrics, for the textfile collector of node_exporter. Pure: from samples and a run to samples.

A file is the state of a job that runs now and then, so that it keeps what a run says nothing about: apps that it did
not look at, other commands, counters. An app goes when it is deleted, or when a run that looked at all specs of its
environment does not know it. Timestamps are values: the collector refuses samples that have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler import __version__
from reconciler.plan.model import NO_DRIFT, Action, Plan, SyncStatus
from reconciler.rollout.model import OutcomeKind, RolloutRecord
from reconciler.telemetry.facts import PlanFacts, RolloutFacts, RunFacts


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric: its type, what it says, the names of its labels."""

    kind: Literal["gauge", "counter"]
    about: str
    labels: tuple[str, ...]


RUN = ("command", "environment")
APP = ("environment", "app")

DEFINITIONS: dict[str, Definition] = {
    "reconcile_build_info": Definition("gauge", "Version of reconcile that wrote this file.", ("version",)),
    "reconcile_last_run_timestamp_seconds": Definition("gauge", "When the last run ended.", RUN),
    "reconcile_last_run_duration_seconds": Definition("gauge", "How long the last run took.", RUN),
    "reconcile_last_run_exit_code": Definition("gauge", "Exit code of the last run.", RUN),
    "reconcile_last_run_requests": Definition("gauge", "Requests that the last run sent to the API.", RUN),
    "reconcile_last_run_apps": Definition("gauge", "Apps of the last run by outcome.", (*RUN, "outcome")),
    "reconcile_runs_total": Definition("counter", "Runs by exit code.", (*RUN, "exit_code")),
    "reconcile_requests_total": Definition("counter", "Requests sent to the API.", RUN),
    "reconcile_rollouts_total": Definition("counter", "Rollouts by outcome.", (*APP, "outcome")),
    "reconcile_request_budget_remaining": Definition(
        "gauge", "Requests that the hour of the token still allowed when the last run ended.", ("environment",)
    ),
    "reconcile_app_last_success_timestamp_seconds": Definition(
        "gauge", "When the app was last seen in sync with Git, or made so.", APP
    ),
    "reconcile_app_last_rollout_duration_seconds": Definition("gauge", "How long its last rollout took.", APP),
    "reconcile_app_drift": Definition("gauge", "Whether the app differs from Git: 1 or 0.", APP),
    "reconcile_app_stalled": Definition("gauge", "Whether its spec failed before and is not retried: 1 or 0.", APP),
    "reconcile_app_pinned": Definition("gauge", "Whether the app is pinned to a rollback: 1 or 0.", APP),
    "reconcile_app_monthly_cost_usd": Definition("gauge", "Cost of the app in USD per month.", APP),
}

Samples = Mapping[str, Mapping[tuple[str, ...], float]]
"""Values by the metric's name, and by its labels in the order of the definition."""

DIFFERS = frozenset({
    OutcomeKind.ROLLED_BACK, OutcomeKind.TAKEN_BACK, OutcomeKind.PINNED, OutcomeKind.LEFT, OutcomeKind.DEGRADED,
    OutcomeKind.ROLLBACK_FAILED, OutcomeKind.BLOCKED, OutcomeKind.STALLED, OutcomeKind.SUPERSEDED,
    OutcomeKind.CANCELED, OutcomeKind.DIVERGED,
})  # fmt: skip
"""Outcomes after which App Platform does not run what Git wants. After the others it may; the plan's answer stays."""

STALLED = frozenset({
    OutcomeKind.STALLED, OutcomeKind.ROLLED_BACK, OutcomeKind.TAKEN_BACK, OutcomeKind.PINNED, OutcomeKind.LEFT,
    OutcomeKind.DEGRADED, OutcomeKind.ROLLBACK_FAILED, OutcomeKind.CANCELED,
})  # fmt: skip
"""Outcomes after which the next run does not try the same spec again."""

PINNED = frozenset({OutcomeKind.PINNED, OutcomeKind.BLOCKED})

NO_ROLLOUT = frozenset({OutcomeKind.UNCHANGED, OutcomeKind.PAUSED})


class _Sheet:
    """Samples that are being updated."""

    def __init__(self, samples: Samples) -> None:
        self.values = {name: dict(samples.get(name, {})) for name in DEFINITIONS}

    def set(self, name: str, value: float, *labels: str) -> None:
        self.values[f"reconcile_{name}"][labels] = value

    def add(self, name: str, value: float, *labels: str) -> None:
        known = self.values[f"reconcile_{name}"]
        known[labels] = known.get(labels, 0.0) + value

    def drop(self, keep: frozenset[str], environment: str) -> None:
        """Forget the apps of an environment that are not to be kept."""
        for name, values in self.values.items():
            if DEFINITIONS[name].labels[:2] == APP:
                self.values[name] = {
                    labels: value for labels, value in values.items() if labels[0] != environment or labels[1] in keep
                }

    def known(self, environment: str) -> frozenset[str]:
        """The apps of an environment that there is anything about."""
        found = (values for name, values in self.values.items() if DEFINITIONS[name].labels[:2] == APP)
        return frozenset(labels[1] for values in found for labels in values if labels[0] == environment)


def updated(samples: Samples, run: RunFacts) -> Samples:
    """The samples after a run, of those before it."""
    sheet = _Sheet(samples)
    sheet.values["reconcile_build_info"] = {(__version__,): 1.0}
    _of_run(sheet, run)
    for plan in run.plans:
        _of_plans(sheet, plan)
    for rollout in run.rollouts:
        _of_rollouts(sheet, rollout, run)
    return sheet.values


def _of_run(sheet: _Sheet, run: RunFacts) -> None:
    labels = (run.command, run.environment)
    sheet.set("last_run_timestamp_seconds", run.ended.timestamp(), *labels)
    sheet.set("last_run_duration_seconds", run.seconds, *labels)
    sheet.set("last_run_exit_code", run.exit_code, *labels)
    sheet.set("last_run_requests", run.requests, *labels)
    sheet.add("runs_total", 1, *labels, str(run.exit_code))
    sheet.add("requests_total", run.requests, *labels)
    if run.left is not None:
        sheet.set("request_budget_remaining", run.left, run.environment)
    if run.rollouts:
        ends = [record.outcome.kind for one in run.rollouts for record in one.report.records]
        for kind in OutcomeKind:
            sheet.set("last_run_apps", ends.count(kind), *labels, kind.value)


def _of_plans(sheet: _Sheet, made: PlanFacts) -> None:
    """What a plan says of each app; of one that the platform could not be asked about, nothing."""
    if made.whole:
        sheet.drop(frozenset(plan.app for plan in made.report.plans), made.environment)
    for plan in made.report.plans:
        labels = (made.environment, plan.app)
        if plan.status is SyncStatus.UNKNOWN:
            continue
        if plan.status is SyncStatus.IN_SYNC:
            sheet.set("app_last_success_timestamp_seconds", made.made.timestamp(), *labels)
        for name, value in _planned_state(plan).items():
            sheet.set(f"app_{name}", value, *labels)
        _cost(sheet, labels, plan.cost.before)


def _of_rollouts(sheet: _Sheet, done: RolloutFacts, run: RunFacts) -> None:
    gone = {record.app for record in done.report.records if record.outcome.kind is OutcomeKind.DELETED}
    if gone:
        sheet.drop(sheet.known(done.environment) - gone, done.environment)
    for record in (one for one in done.report.records if one.app not in gone):
        labels, kind = (done.environment, record.app), record.outcome.kind
        if kind not in NO_ROLLOUT:
            sheet.add("rollouts_total", 1, *labels, kind.value)
            sheet.set("app_last_rollout_duration_seconds", record.seconds, *labels)
        if kind in (OutcomeKind.UNCHANGED, OutcomeKind.APPLIED):
            when = done.ended.get(record.app, run.ended)
            sheet.set("app_last_success_timestamp_seconds", when.timestamp(), *labels)
        for name, value in _state_after(record).items():
            sheet.set(f"app_{name}", value, *labels)
        if kind is OutcomeKind.APPLIED:
            _cost(sheet, labels, record.cost.after)


def _planned_state(plan: Plan) -> dict[str, bool]:
    """What a plan shows of an app; to deploy it again is no difference."""
    differs = plan.status not in NO_DRIFT or plan.action not in (Action.NONE, Action.REDEPLOY)
    stalled = plan.status in (SyncStatus.STALLED, SyncStatus.DEGRADED)
    return {"drift": differs, "stalled": stalled, "pinned": plan.status is SyncStatus.BLOCKED}


def _state_after(record: RolloutRecord) -> dict[str, bool]:
    """What a rollout changed of that; what it leaves open is not in it."""
    kind, pinned = record.outcome.kind, record.outcome.pinned or record.outcome.kind in PINNED
    if kind is OutcomeKind.PAUSED:
        return {}
    if kind.good:
        return {"drift": False, "stalled": False, "pinned": False}
    state = {"pinned": pinned} if pinned or kind in DIFFERS else {}
    state |= {"drift": True} if kind in DIFFERS else {}
    return state | ({"stalled": True} if kind in STALLED else {})


def _cost(sheet: _Sheet, labels: tuple[str, str], amount: float | None) -> None:
    if amount is not None:
        sheet.set("app_monthly_cost_usd", amount, *labels)
