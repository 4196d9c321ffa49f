"""Deployments as histories: newest first, a minute apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.live.models import Deployment, LiveApp

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Spec = dict[str, Any]


def deployment(
    ident: str, spec: Spec, phase: str, *, minutes_ago: float = 30, user: str = "", rollback: bool = False
) -> Deployment:
    action: Spec = {"name": "ROLLBACK_APP" if rollback else "UPDATE_SPEC"}
    failed = {"name": "deploy", "status": "ERROR", "reason": {"code": "DeployContainerExitNonZero"}}
    if user:
        action["user"] = {"uuid": user, "email": f"{user}@example.com", "full_name": user.title()}
    return Deployment.model_validate(
        {
            "id": ident,
            "spec": spec,
            "phase": phase,
            "progress": {"steps": [failed]} if phase == "ERROR" else None,
            "created_at": (NOW - timedelta(minutes=minutes_ago)).isoformat(),
            "cause_details": {
                "type": "MANUAL_ROLLBACK" if rollback else "MANUAL",
                "digitalocean_user_action": action,
            },
        }
    )


def history(*told: tuple[Any, ...]) -> list[Deployment]:
    """Deployments from (spec, phase) or (spec, phase, more), newest first, ten minutes apart."""
    return [
        deployment(
            f"d{len(told) - place}", spec, phase, **{"minutes_ago": 10 * (place + 1), **(more[0] if more else {})}
        )
        for place, (spec, phase, *more) in enumerate(told)
    ]


def live_app(spec: Spec, **deployments: Deployment | None) -> LiveApp:
    """An app; ``active``, ``in_progress``, ``pending`` and ``pinned`` deployments by keyword."""
    found = {f"{name}_deployment": item for name, item in deployments.items()}
    return LiveApp.model_validate({"id": "app-1", "spec": spec}).model_copy(update=found)
