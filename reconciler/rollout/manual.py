"""What a person asks of a pinned app: keep the rollback, or take it back."""

from __future__ import annotations

from reconciler.clock import Clock
from reconciler.errors import LiveError, UsageError
from reconciler.live.models import Deployment, LiveApp
from reconciler.rollout.ports import ManualPlatform

LOOKS = 5
"""How often the app is read again for the pin to go."""

PAUSE = 2.0
"""Seconds between two looks."""


async def commit(client: ManualPlatform, app: LiveApp, clock: Clock) -> bool:
    """Keep the rollback the app is pinned to; whether the pin was seen to go.

    Raises:
        UsageError: the app is not pinned.
        LiveError: the platform refused, or nobody can tell whether it took effect and the pin is still there.
    """
    _require_pin(app)
    try:
        await client.commit_rollback(app.id)
    except LiveError:
        if await _unpinned(client, app.id, clock, looks=1):
            return True
        raise
    return await _unpinned(client, app.id, clock, looks=LOOKS)


async def revert(client: ManualPlatform, app: LiveApp) -> Deployment:
    """Take the rollback back: the spec before it is deployed again. The deployment to follow is returned.

    Raises:
        UsageError: the app is not pinned.
        LiveError: the platform refused, or nobody can tell whether it took effect.
    """
    _require_pin(app)
    return await client.revert_rollback(app.id)


def _require_pin(app: LiveApp) -> None:
    if app.pinned_deployment is None:
        raise UsageError(
            f"{app.name} is not pinned to a rollback: there is nothing to commit or revert",
            hint=f"reconcile status {app.name}",
        )


async def _unpinned(client: ManualPlatform, app_id: str, clock: Clock, *, looks: int) -> bool:
    for look in range(looks):
        if look:
            await clock.sleep(PAUSE)
        if (await client.get_app(app_id)).pinned_deployment is None:
            return True
    return False
