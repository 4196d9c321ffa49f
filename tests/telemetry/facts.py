"""A run as telemetry has it: one app applied, one rolled back, one in sync; with real times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.plan.model import Action, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.telemetry.facts import PlanFacts, RolloutFacts, RunFacts

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A time of the run, in seconds since it began."""
    return NOON + timedelta(seconds=seconds)


def plan(app: str, status: SyncStatus, action: Action = Action.NONE, **more: Any) -> Plan:
    """The plan of an app that costs 5 USD a month."""
    return Plan(app, status, action, cost=Cost(5.0, 5.0), **more)


def planned(*plans: Plan, environment: str = "", whole: bool = True, drift: bool = False) -> PlanFacts:
    """Plans that were made two seconds after the run began."""
    return PlanFacts(environment, PlanReport(plans, seconds=2.0), at(2), drift, whole)


def ended(app: str, kind: OutcomeKind, seconds: float = 30.0, **more: Any) -> RolloutRecord:
    """The record of an app."""
    outcome = Outcome(kind, "because", pinned=more.pop("pinned", False))
    return RolloutRecord(app, Action.UPDATE, outcome, seconds=seconds, cost=Cost(5.0, 12.0), **more)


def rolled_out(*records: RolloutRecord, environment: str = "") -> RolloutFacts:
    """Rollouts that ended a minute after the run began."""
    return RolloutFacts(environment, RolloutReport(records), {record.app: at(60) for record in records})


RUN = RunFacts("4bf92f3577b34da6", "apply", "", NOON, at(90), 0, requests=42, left=4958)


def run(*parts: PlanFacts | RolloutFacts, **more: Any) -> RunFacts:
    """A run of 90 seconds."""
    plans = tuple(part for part in parts if isinstance(part, PlanFacts))
    rollouts = tuple(part for part in parts if isinstance(part, RolloutFacts))
    return replace(RUN, plans=plans, rollouts=rollouts, **more)
