"""A fleet's past, read on request: the deployments of every app since a day. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.engine.apply import run
from reconciler.engine.planner import HISTORY
from reconciler.errors import UsageError
from reconciler.live.rate_limit import OVERHEAD
from reconciler.plan.figures import Figures, figures, together
from reconciler.text import count, in_utc

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.load import RunOptions
    from reconciler.engine.planner import Planned, PlannedApp
    from reconciler.live.client import Client
    from reconciler.live.models import Deployment

Deployments = dict[str, tuple["Deployment", ...]]


@dataclass(frozen=True)
class Observed:
    """A drift plan, and the past of its live apps by name as far as it was read; figures only if asked for."""

    planned: Planned
    deployments: Deployments = field(default_factory=dict, repr=False)
    figures: dict[str, Figures] = field(default_factory=dict)
    fleet: Figures | None = None


async def observe(
    options: RunOptions, front: FrontEnd, clock: Clock, days: int, announce: Callable[[str], None]
) -> Observed:
    """Compare a fleet with Git; with ``days`` also read the deployments of each app that long back.

    ``announce`` says beforehand how many requests that takes.

    Raises:
        UsageError: the token may not send so many within the hour.
        InvalidInput, LiveError: see `engine.apply.run`.
    """
    since = clock.now() - timedelta(days=days)
    read: Deployments = {}

    async def look(planned: Planned, client: Client) -> None:
        read.update(await _read(planned, client, since, announce))

    planned = (await run(options, front, clock, look if days else None)).planned
    known = {app.plan.app: read.get(app.plan.app, app.deployments) for app in planned.apps if app.live is not None}
    if not days:
        return Observed(planned, known)
    policies = {app.plan.app: app.policy for app in planned.apps}
    found = {name: figures(past, policies[name], since, days) for name, past in known.items()}
    return Observed(planned, known, found, together(found.values(), days))


async def _read(planned: Planned, client: Client, since: datetime, announce: Callable[[str], None]) -> Deployments:
    """The deployments of every live app back to that moment, by the app's name."""
    live = [app for app in planned.apps if app.live is not None]
    wanted = sum(not app.deployments for app in live)
    left = client.left
    if wanted > left - OVERHEAD:
        hint = "report on fewer apps at a time (--app, --shard), without --days, or wait for the hour to pass"
        raise UsageError(
            f"--days needs {wanted:,} requests or more, and the token has {left:,} left this hour", hint=hint
        )
    if wanted:
        announce(f"reading the deployments of {count(wanted, 'app')}: {count(wanted, 'request')}, more for busy apps")
    async with asyncio.TaskGroup() as group:
        tasks = {app.plan.app: group.create_task(_since(client, app, since)) for app in live}
    return {name: task.result() for name, task in tasks.items()}


async def _since(client: Client, app: PlannedApp, since: datetime) -> tuple[Deployment, ...]:
    """The deployments of an app, newest first, at least back to that moment."""
    assert app.live is not None
    limit, found = HISTORY, app.deployments or tuple(await client.list_deployments(app.live.id, limit=HISTORY))
    while len(found) == limit and (oldest := found[-1].created_at) is not None and in_utc(oldest) >= since:
        limit *= 2
        found = tuple(await client.list_deployments(app.live.id, limit=limit))
    return found
