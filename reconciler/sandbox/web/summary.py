"""What there is at a glance: apps with their last deployments, for the page and `reconcile sandbox show`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.running import state_of

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import World
    from reconciler.sandbox.simulation.store import App, Deployment

LAST = 5
"""How many deployments of an app are shown."""


@dataclass(frozen=True, slots=True)
class SeenDeployment:
    """A deployment at a glance; ``roles`` are what it is to its app: active, in progress, pending, pinned.

    ``created_at`` in seconds since 1970; ``reason`` says why it failed, if it did.
    """

    id: str
    phase: str
    cause: str
    created_at: float
    roles: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SeenApp:
    """An app at a glance; ``live`` says whether a deployment of it is active, ``deployments`` are its last."""

    id: str
    name: str
    status: str
    live: bool
    deployments: tuple[SeenDeployment, ...]


def overview(world: World, limit: int, offset: int = 0) -> list[SeenApp]:
    """Some of the apps, in the order they were made. Everything due must have happened."""
    rows = world.tx.sql("SELECT id FROM apps ORDER BY seq LIMIT ? OFFSET ?", limit, offset)
    found = [world.tx.app(app_id) for (app_id,) in rows]
    return [_seen(world, app) for app in found if app is not None]


def _seen(world: World, app: App) -> SeenApp:
    made = world.tx.deployments(app.id, limit=LAST)
    active = world.tx.deployment(app.active) if app.active else None
    return SeenApp(
        id=app.id,
        name=app.name,
        status=_status(world, app, active, made[0] if made else None),
        live=active is not None,
        deployments=tuple(_deployment(app, item) for item in made),
    )


def _status(world: World, app: App, active: Deployment | None, latest: Deployment | None) -> str:
    """The one thing to know about an app: what needs a person comes first."""
    if app.pinned:
        return "pinned"
    if app.pending or app.in_progress:
        return "deploying"
    if active is None:
        return "not running"
    names = [item["name"] for kind in ("services", "workers") for item in active.spec.get(kind) or []]
    states = {state_of(app, active, name, world.now, world.settings.speed.settle) for name in names}
    if "UNHEALTHY" in states:
        return "unhealthy"
    return "last deployment failed" if latest is not None and latest.phase == "ERROR" else "running"


def _deployment(app: App, item: Deployment) -> SeenDeployment:
    held = {"active": app.active, "in progress": app.in_progress, "pending": app.pending, "pinned": app.pinned}
    failed = item.phase == "ERROR" and item.fate is not None
    return SeenDeployment(
        id=item.id,
        phase=item.phase,
        cause=item.cause,
        created_at=item.created_at,
        roles=tuple(role for role, deployment_id in held.items() if deployment_id == item.id),
        reason=str((item.fate or {}).get("message", "")) if failed else "",
    )
