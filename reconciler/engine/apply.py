"""Roll out what was planned, and account for every app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engine.plan import Planned
from reconciler.engine.planner import PlannedApp
from reconciler.engine.recheck import recheck_health
from reconciler.plan.model import Plan, SyncStatus
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.rollout.ports import RolloutJob

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from reconciler.clock import Clock
    from reconciler.live.client import Client
    from reconciler.rollout.model import Event

GOES_ON = (OutcomeKind.TIMED_OUT, OutcomeKind.INTERRUPTED)
"""Outcomes after which a deployment goes on without us."""


async def apply(
    planned: Planned,
    client: Client,
    clock: Clock,
    *,
    on_event: Callable[[Event], None],
    concurrency: int = 10,
    fail_fast: bool = False,
    stop: asyncio.Event | None = None,
) -> RolloutReport:
    """Roll out what was planned; every app that is not in sync has a record, however it ends."""
    from reconciler.rollout.ports import SpecKnowledge
    from reconciler.rollout.scheduler import roll_out

    began = clock.monotonic()
    apps = await recheck_health(client, planned.apps, clock.now())
    in_sync = [app.plan for app in apps if app.plan.status is SyncStatus.IN_SYNC]
    records = await roll_out(
        [job(app, planned) for app in apps if app.plan.status is not SyncStatus.IN_SYNC],
        client,
        clock=clock,
        specs=SpecKnowledge,
        on_event=on_event,
        concurrency=concurrency,
        fail_fast=fail_fast,
        stop=stop,
    )
    told = {record.app: record for record in [*map(_unchanged, in_sync), *records]}
    return RolloutReport(
        tuple(told[app.plan.app] for app in planned.apps),
        requests=client.requests,
        seconds=clock.monotonic() - began,
        left_running=tuple(record.app for record in records if record.outcome.kind in GOES_ON),
    )


def _unchanged(plan: Plan) -> RolloutRecord:
    """The record of an app in sync, for which nothing has to run."""
    return RolloutRecord(plan.app, plan.action, Outcome(OutcomeKind.UNCHANGED), app_id=plan.app_id, cost=plan.cost)


def job(app: PlannedApp, planned: Planned) -> RolloutJob:
    """What the rollout room is asked to do for one app."""
    return RolloutJob(
        app.plan,
        app.desired,
        app.policy,
        project_id=planned.config.project,
        secrets=app.secrets,
        rendered=app.rendered,
        follow=app.plan.follow,
        resume_rollback=app.plan.resume_rollback,
    )
