"""Summaries of the apps with their latest deployments: what `reconcile sandbox show` prints. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.sandbox.simulation.running import state_of

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import Platform
    from reconciler.sandbox.simulation.store import App, Deployment

LAST = 5
"""The number of deployments shown of an app."""


@dataclass(frozen=True, slots=True)
class DeploymentSummary:
    """A deployment at a glance; ``roles`` in its app: active, in progress, pending, pinned.

    ``created_at`` in seconds since 1970; ``reason``: why it failed, "" if it did not.
    """

    id: str
    phase: str
    cause: str
    created_at: float
    roles: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AppSummary:
    """An app at a glance with its latest deployments; ``live``: one of its deployments is active."""

    id: str
    name: str
    status: str
    live: bool
    deployments: tuple[DeploymentSummary, ...]


def summaries(platform: Platform, limit: int, offset: int = 0) -> list[AppSummary]:
    """Summaries of the apps, in order of creation. Everything that is due must have been applied."""
    rows = platform.tx.sql("SELECT id FROM apps ORDER BY seq LIMIT ? OFFSET ?", limit, offset)
    found = [platform.tx.app(app_id) for (app_id,) in rows]
    return [_app_summary(platform, app) for app in found if app is not None]


def _app_summary(platform: Platform, app: App) -> AppSummary:
    made = platform.tx.deployments(app.id, limit=LAST)
    active = platform.tx.deployment(app.active)
    return AppSummary(
        id=app.id,
        name=app.name,
        status=status_of(platform, app, active, made[0] if made else None),
        live=active is not None,
        deployments=tuple(_deployment_summary(app, item) for item in made),
    )


def status_of(platform: Platform, app: App, active: Deployment | None, latest: Deployment | None) -> str:
    """The most important thing about an app: what needs a person comes first."""
    if app.pinned:
        return "pinned"
    if app.pending or app.in_progress:
        return "deploying"
    if active is None:
        return "not running"
    names = [item["name"] for _, item in components(active.spec, RUNNING_KINDS)]
    states = {state_of(app, active, name, platform.now, platform.settings.speed.settle) for name in names}
    if "UNHEALTHY" in states:
        return "unhealthy"
    return "last deployment failed" if latest is not None and latest.phase == "ERROR" else "running"


def _deployment_summary(app: App, item: Deployment) -> DeploymentSummary:
    held = {"active": app.active, "in progress": app.in_progress, "pending": app.pending, "pinned": app.pinned}
    return DeploymentSummary(
        id=item.id,
        phase=item.phase,
        cause=item.cause,
        created_at=item.created_at,
        roles=tuple(role for role, deployment_id in held.items() if deployment_id == item.id),
        reason=reason_of(item),
    )


def reason_of(item: Deployment) -> str:
    """Why a deployment failed, "" if it did not."""
    return str((item.fate or {}).get("message", "")) if item.phase == "ERROR" else ""
