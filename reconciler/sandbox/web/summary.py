"""The state of each app and its latest deployment: what `reconcile sandbox show` prints. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.sandbox.simulation.running import state_of

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import Platform
    from reconciler.sandbox.simulation.store import App, Deployment


@dataclass(frozen=True, slots=True)
class AppSummary:
    """An app at a glance; the id, the phase and what is to be said of its latest deployment, "" without one."""

    name: str
    status: str
    deployment: str = ""
    phase: str = ""
    why: str = ""


def summaries(platform: Platform, limit: int) -> list[AppSummary]:
    """Summaries of the apps, in order of creation. Everything that is due must have been applied."""
    rows = platform.tx.sql("SELECT id FROM apps ORDER BY seq LIMIT ?", limit)
    return [_summary(platform, app) for (app_id,) in rows if (app := platform.tx.app(app_id)) is not None]


def _summary(platform: Platform, app: App) -> AppSummary:
    latest, active = latest_of(platform, app), platform.tx.deployment(app.active)
    status = status_of(app, active, unhealthy_components(platform, app, active), latest)
    return (
        AppSummary(app.name, status, latest.id, latest.phase, why(latest)) if latest else AppSummary(app.name, status)
    )


def latest_of(platform: Platform, app: App) -> Deployment | None:
    """The latest deployment of an app."""
    return next(iter(platform.tx.deployments(app.id, limit=1)), None)


def status_of(app: App, active: Deployment | None, ill: tuple[str, ...], latest: Deployment | None) -> str:
    """The most important thing about an app, of which components may be ``ill``: what needs a person comes first."""
    if app.pinned:
        return "pinned"
    if app.pending or app.in_progress:
        return "deploying"
    if active is None:
        return "not running"
    if ill:
        return "unhealthy"
    return "last deployment failed" if latest is not None and latest.phase == "ERROR" else "running"


def unhealthy_components(platform: Platform, app: App, active: Deployment | None) -> tuple[str, ...]:
    """The components of the active deployment that are unhealthy now."""
    if active is None:
        return ()
    names = [item["name"] for _, item in components(active.spec, RUNNING_KINDS)]
    settle = platform.settings.speed.settle
    return tuple(name for name in names if state_of(app, active, name, platform.now, settle) == "UNHEALTHY")


def reason_of(item: Deployment) -> str:
    """Why a deployment failed, "" if it did not."""
    return str((item.fate or {}).get("message", "")) if item.phase == "ERROR" else ""


def why(item: Deployment) -> str:
    """Why a deployment failed, else why there is one."""
    return reason_of(item) or item.cause
