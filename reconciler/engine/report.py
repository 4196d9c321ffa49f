"""A fleet's past and health, read on request: a request for each app, counted beforehand. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.engine.apply import run
from reconciler.engine.planner import HISTORY
from reconciler.errors import LiveError, UsageError
from reconciler.live.rate_limit import OVERHEAD
from reconciler.plan.figures import Figures, figures, together
from reconciler.text import count, in_utc

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.load import RunOptions
    from reconciler.engine.planner import Planned, PlannedApp
    from reconciler.live.client import Client
    from reconciler.live.models import Deployment, Health


@dataclass(frozen=True)
class Depth:
    """What is read of each app: its deployments of so many ``days``, its ``health``."""

    days: int = 0
    health: bool = False


@dataclass(frozen=True)
class Observed:
    """A drift plan, and of its live apps by name what was read; figures only if days were asked for."""

    planned: Planned
    deployments: dict[str, tuple[Deployment, ...]] = field(default_factory=dict, repr=False)
    health: dict[str, Health | None] = field(default_factory=dict, repr=False)
    figures: dict[str, Figures] = field(default_factory=dict)
    fleet: Figures | None = None


async def observe(
    options: RunOptions, front: FrontEnd, clock: Clock, depth: Depth, announce: Callable[[str], None]
) -> Observed:
    """Compare a fleet with Git, and read what else is asked for.

    ``announce`` says beforehand how many requests that takes.

    Raises:
        UsageError: the token may not send so many within the hour.
        InvalidInput, LiveError: see `engine.apply.run`.
    """
    since = clock.now() - timedelta(days=depth.days)
    deployments: dict[str, tuple[Deployment, ...]] = {}
    health: dict[str, Health | None] = {}

    async def look(planned: Planned, client: Client) -> None:
        live = [app for app in planned.apps if app.live is not None]
        _announce(live, depth, client.left, announce)
        async with asyncio.TaskGroup() as group:
            past = {app.plan.app: group.create_task(_since(client, app, since)) for app in live if depth.days}
            states = {app.plan.app: group.create_task(_health(client, app)) for app in live if depth.health}
        deployments.update({name: task.result() for name, task in past.items()})
        health.update({name: task.result() for name, task in states.items()})

    planned = (await run(options, front, clock, look if depth != Depth() else None)).planned
    if not depth.days:
        return Observed(planned, health=health)
    policies = {app.plan.app: app.policy for app in planned.apps}
    found = {name: figures(past, policies[name], since, depth.days) for name, past in deployments.items()}
    return Observed(planned, deployments, health, found, together(found.values(), depth.days))


def _announce(live: list[PlannedApp], depth: Depth, left: int, announce: Callable[[str], None]) -> None:
    """Say how many requests follow, or refuse them."""
    unread = sum(not app.deployments for app in live) if depth.days else 0
    wanted = unread + (len(live) if depth.health else 0)
    if wanted > left - OVERHEAD:
        hint = "report on fewer apps at a time (--app, --shard), or wait for the hour to pass"
        flags = " and ".join([*(["--days"] if depth.days else []), *(["--health"] if depth.health else [])])
        message = f"{flags} needs {wanted:,} requests or more, and the token has {left:,} left this hour"
        raise UsageError(message, hint=hint)
    if wanted:
        more = ", more for busy apps" if unread else ""
        announce(f"reading {count(len(live), 'app')}: {count(wanted, 'request')}{more}")


async def _since(client: Client, app: PlannedApp, since: datetime) -> tuple[Deployment, ...]:
    """The deployments of an app, newest first, at least back to that moment."""
    assert app.live is not None
    limit, found = HISTORY, app.deployments or tuple(await client.list_deployments(app.live.id, limit=HISTORY))
    while len(found) == limit and (oldest := found[-1].created_at) is not None and in_utc(oldest) >= since:
        limit *= 2
        found = tuple(await client.list_deployments(app.live.id, limit=limit))
    return found


async def _health(client: Client, app: PlannedApp) -> Health | None:
    """The health of an app; None if the token may not read it, or the app has none."""
    assert app.live is not None
    try:
        return await client.health(app.live.id) if app.live.active_deployment else None
    except LiveError:
        return None
