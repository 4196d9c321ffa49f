"""Rechecks the health of deployments that an interrupted run may not have judged, in the next run that applies.

A run that was killed after its deployment became active leaves an app that is in sync but possibly unhealthy. There is
no state file, and the platform does not know whether a run judged it, so a recent deployment is checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.live.models import LiveApp
from reconciler.plan.deployment_history import unjudged
from reconciler.plan.model import SyncStatus
from reconciler.text import ago

if TYPE_CHECKING:
    from reconciler.engine.planner import PlannedApp
    from reconciler.live.client import Client


async def recheck_health(client: Client, apps: Sequence[PlannedApp], now: datetime) -> tuple[PlannedApp, ...]:
    """The plans; those in sync whose health may not have been checked follow their deployment if it looks unhealthy.

    During its soak a deployment is followed, as no run can have judged it by then. After that, until any
    rollout would have ended, one reading of its health decides whether it must be. Older ones are not checked.
    """
    doubts = {
        place: _doubted(client, app, app.live, age, now)
        for place, app in enumerate(apps)
        if app.live is not None and app.plan.status is SyncStatus.IN_SYNC
        if (age := unjudged(app.live, app.policy, now)) is not None
    }
    looked_at = dict(zip(doubts, await asyncio.gather(*doubts.values()), strict=True))
    return tuple(looked_at.get(place, app) for place, app in enumerate(apps))


async def _doubted(client: Client, app: PlannedApp, live: LiveApp, age: timedelta, now: datetime) -> PlannedApp:
    """The app as planned if it looks healthy, else with its deployment to follow."""
    assert live.active_deployment is not None
    if age.total_seconds() >= app.policy.health.soak and await _looks_well(client, app, live):
        return app
    when = ago(live.active_deployment.phase_last_updated_at, now)
    reason = f"its deployment became active {when}, and an interrupted run may not have checked its health"
    plan = replace(app.plan, status=SyncStatus.PROGRESSING, follow=live.active_deployment.id, reason=reason)
    return replace(app, plan=plan)


async def _looks_well(client: Client, app: PlannedApp, live: LiveApp) -> bool:
    """Whether one reading of an app's health is good, by its policy; if it cannot be read, it is not."""
    from reconciler.rollout.health import Grade
    from reconciler.rollout.probing import read_health

    assert live.active_deployment is not None
    return (await read_health(client, live, live.active_deployment, app.policy)).grade is Grade.GOOD
