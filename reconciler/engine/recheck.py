"""Deployments that a run which was cut short may not have judged: looked at again by the next one that applies.

A run that was killed after its deployment became active leaves an app that is in sync and perhaps unhealthy. There is
no state file, and the platform does not know whether somebody judged it, so a young deployment is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.live.models import LiveApp
from reconciler.plan.deployment_history import ago, unjudged
from reconciler.plan.model import SyncStatus

if TYPE_CHECKING:
    from reconciler.engine.planner import PlannedApp
    from reconciler.live.client import Client


async def recheck_health(client: Client, apps: Sequence[PlannedApp], now: datetime) -> tuple[PlannedApp, ...]:
    """The plans; those in sync whose health nobody may have judged follow their deployment, if it looks unwell.

    For as long as its soak a deployment is followed, as no run can have judged it by then. After that, until any
    rollout would have ended, one reading of its health tells whether it must be. An older one costs nothing.
    """
    ages = [_unjudged_for(app, now) for app in apps]
    doubts = [_doubted(client, app, age, now) for app, age in zip(apps, ages, strict=True) if age is not None]
    looked_at = iter(await asyncio.gather(*doubts))
    return tuple(app if age is None else next(looked_at) for app, age in zip(apps, ages, strict=True))


def _unjudged_for(app: PlannedApp, now: datetime) -> timedelta | None:
    live = app.live
    return unjudged(live, app.policy, now) if live is not None and app.plan.status is SyncStatus.IN_SYNC else None


async def _doubted(client: Client, app: PlannedApp, age: timedelta, now: datetime) -> PlannedApp:
    """The app as it was planned if it looks well, else with its deployment to be followed."""
    live = app.live
    assert live is not None
    assert live.active_deployment is not None
    if age.total_seconds() >= app.policy.health.soak and await _looks_well(client, app, live):
        return app
    when = ago(live.active_deployment.phase_last_updated_at, now)
    reason = f"its deployment became active {when}, and a run that was cut short may not have judged it"
    plan = replace(app.plan, status=SyncStatus.PROGRESSING, follow=live.active_deployment.id, reason=reason)
    return replace(app, plan=plan)


async def _looks_well(client: Client, app: PlannedApp, live: LiveApp) -> bool:
    """Whether one reading of an app's health is good; what cannot be read does not look well."""
    from reconciler.rollout.health import Grade
    from reconciler.rollout.probing import read_health

    assert live.active_deployment is not None
    return (await read_health(client, live, live.active_deployment, app.policy)).grade is Grade.GOOD
