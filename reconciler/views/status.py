"""The state of apps on App Platform: pins, what runs, the last deployments, who made them and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.live.models import ComponentState, Deployment, Health, LiveApp, Phase
from reconciler.plan.platform import failed_push, own_rollback, push_failure
from reconciler.text import ago
from reconciler.views.lines import Line, Tone, cells, json_text, name, padded, render, shortened
from reconciler.views.plan_lines import wrapped
from reconciler.views.summary import SETTLING, explained

_CAUSES = {
    "MANUAL": "by hand or API",
    "DEPLOY_ON_PUSH": "push",
    "MAINTENANCE": "maintenance",
    "MANUAL_ROLLBACK": "rollback",
    "AUTO_ROLLBACK": "rollback by the platform",
    "UPDATE_DATABASE_TRUSTED_SOURCES": "database access",
    "AUTOSCALED": "autoscaling",
}
_ACTIONS = {
    "CREATE_DEPLOYMENT": "deploy",
    "UPDATE_SPEC": "spec update",
    "ROLLBACK_APP": "rollback",
    "REVERT_APP_ROLLBACK": "rollback reverted",
    "RESTART": "restart",
}
_HEALTH: dict[ComponentState, Tone] = {ComponentState.HEALTHY: "good", ComponentState.UNHEALTHY: "bad"}
_TONES: dict[Phase, Tone] = {Phase.ACTIVE: "good", Phase.ERROR: "bad", Phase.CANCELED: "warning"}


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app, its newest deployments (newest first) and the health of its components; None if not requested."""

    app: LiveApp
    deployments: Sequence[Deployment] = ()
    health: Health | None = None


def status(found: Sequence[AppStatus], *, now: datetime, color: bool = False, width: int = 120, flags: str = "") -> str:
    """A table for each app; rows that do not fit into ``width`` columns are split into two lines.

    ``flags`` are added to every suggested command.
    """
    lines: list[Line] = []
    for one in found:
        lines += [*([()] if lines else []), *_app(one, now, width, flags)]
    return render(lines, color=color)


def machine(found: Sequence[AppStatus], redact: Callable[[Any], Any] = lambda data: data) -> str:
    """The same as a JSON document; ``redact`` removes secrets from its data."""
    return json_text({"version": 1, "kind": "status", "apps": redact([_data(one) for one in found])})


def cause(deployment: Deployment, history: Sequence[Deployment] = ()) -> str:
    """Why a deployment exists, in words; ``history`` shows which failure the platform rolled back by itself."""
    if own_rollback(deployment, history) is not None:
        return _CAUSES["AUTO_ROLLBACK"]
    details = deployment.cause_details
    action = details.digitalocean_user_action if details else None
    if action and action.name:
        return _ACTIONS.get(action.name, action.name.lower().replace("_", " "))
    if details and details.type:
        return _CAUSES.get(details.type, details.type.lower().replace("_", " "))
    return deployment.cause


def who(deployment: Deployment) -> str:
    """Who made a deployment, if the platform says."""
    user = deployment.user
    return (user.full_name or user.email or user.uuid) if user else ""


def _app(one: AppStatus, now: datetime, width: int, flags: str) -> Iterator[Line]:
    app = one.app
    yield ((name(app.name), "strong"), ("  " + _state(one), _state_tone(one)))
    if app.live_url:
        yield (("    " + shortened(app.live_url, 200), "quiet"),)
    if failure := push_failure(app, one.deployments):
        yield from wrapped(failure, "    ", width, "warning")
    if pinned := app.pinned_deployment:
        made = ", ".join(part for part in (ago(pinned.created_at, now), who(pinned)) if part)
        yield ((f"    pinned to a rollback: deployment {pinned.id} ({made})", "warning"),)
        commands = (f"reconcile rollback {app.name} {flag} {flags}".rstrip() for flag in SETTLING)
        yield from (((f"      {line}", ""),) for line in explained(tuple(commands)))
    if one.health is not None:
        for component in one.health.components:
            ready = f"{component.replicas_ready}/{component.replicas_desired} ready"
            known = component.replicas_desired is not None and component.replicas_ready is not None
            yield (
                (f"    {padded(name(component.name), 20)}  ", ""),
                (f"{component.state.value.lower():9}", _HEALTH.get(component.state, "warning")),
                (f"  {ready if known else ''}", "quiet"),
            )
    yield from _table(one, now, width)


def _table(one: AppStatus, now: datetime, width: int) -> Iterator[Line]:
    rows = [_cells(deployment, one, now) for deployment in one.deployments]
    widths = [max(cells(row[column]) for row in rows) for column in range(5)] if rows else []
    longest = max((len(deployment.id) for deployment in one.deployments), default=0)
    fits = len("    ") + longest + sum(widths) + len("  ") * len(widths) <= width
    for row, deployment in zip(rows, one.deployments, strict=True):
        mark, phase, when, why, by = (padded(text, width) for text, width in zip(row, widths, strict=True))
        tone = _TONES.get(deployment.phase, "")
        head: Line = ((f"    {mark} {deployment.id}  ", "quiet"), (phase, tone), (f"  {when}", ""))
        beside = f"  {why}  {by}"
        if fits:
            yield (*head, (beside, ""))
            continue
        yield head
        if beside.strip():
            yield ((f"      {beside.strip()}", ""),)


def _cells(deployment: Deployment, one: AppStatus, now: datetime) -> tuple[str, str, str, str, str]:
    active = one.app.active_deployment is not None and one.app.active_deployment.id == deployment.id
    phase = deployment.phase.value.lower().replace("_", " ")
    why, by = shortened(cause(deployment, one.deployments), 40), shortened(who(deployment), 40)
    return ("▸" if active else " ", phase, ago(deployment.created_at, now), why, by)


def _state(one: AppStatus) -> str:
    app = one.app
    if app.pinned_deployment:
        return "pinned"
    if app.running_deployment:
        return app.running_deployment.phase.value.lower().replace("_", " ")
    return "active" if app.active_deployment else "nothing active"


def _state_tone(one: AppStatus) -> Tone:
    return "good" if _state(one) == "active" else "warning"


def _data(one: AppStatus) -> dict[str, object]:
    app = one.app
    return {
        "app": app.name,
        "id": app.id,
        "standing": _state(one),
        "live_url": app.live_url,
        "active": app.active_deployment.id if app.active_deployment else None,
        "running": app.running_deployment.id if app.running_deployment else None,
        "pinned": app.pinned_deployment.id if app.pinned_deployment else None,
        "failed_push": push.id if (push := failed_push(app, one.deployments)) else None,
        "components": [
            {
                "name": component.name,
                "state": component.state.value,
                "replicas_ready": component.replicas_ready,
                "replicas_desired": component.replicas_desired,
            }
            for component in (one.health.components if one.health else ())
        ],
        "deployments": [
            {
                "id": deployment.id,
                "phase": deployment.phase.value,
                "created_at": deployment.created_at.isoformat() if deployment.created_at else None,
                "cause": cause(deployment, one.deployments),
                "user": who(deployment),
            }
            for deployment in one.deployments
        ],
    }
