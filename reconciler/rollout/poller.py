"""One poller for every rollout in flight: each is read as often as its age asks for, all together within a budget.

A deployment is read every 2 s while it is young, then more and more seldom, down to every 10 s. Readings of all
rollouts are spaced so that they stay under 200 a minute in all, which leaves room in the platform's 250 for writes:
with N rollouts in flight, each is read every ``max(2..10 s, N * 0.3 s)``. A deployment is read by its id, never by
listing: which deployment is ours is known (C32, C33).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.live.models import Deployment, Health
    from reconciler.rollout.ports import Platform

PER_MINUTE = 200
"""Readings a minute of all rollouts together; the platform allows 250 requests a minute."""

SHORTEST, LONGEST = 2.0, 10.0
"""Seconds between two readings of one deployment."""

GROWTH = 15.0
"""The interval is a fifteenth of the deployment's age: 2 s until it is half a minute old, 10 s from 2.5 minutes on."""


def interval(age: float) -> float:
    """Seconds until a deployment of that age, in seconds, is worth another look."""
    return min(LONGEST, max(SHORTEST, age / GROWTH))


class Poller:
    """Reads deployments and health for all rollouts of a run."""

    def __init__(self, client: Platform, clock: Clock, *, per_minute: int = PER_MINUTE) -> None:
        self._client = client
        self._clock = clock
        self._spacing = 60.0 / per_minute
        self._free_at = clock.monotonic()

    async def deployment(self, app_id: str, deployment_id: str, age: float | None) -> Deployment:
        """The deployment, read when its age asks for it (None: at once) and the budget allows it.

        Raises:
            LiveError: it could not be read; worth another try, within the rollout's own budget.
        """
        if age is not None:
            await self._clock.sleep(interval(age))
        await self._turn()
        return await self._client.get_deployment(app_id, deployment_id)

    async def health(self, app_id: str) -> Health:
        """The health of an app's components, read when the budget allows it.

        Raises:
            LiveError: it could not be read.
        """
        await self._turn()
        return await self._client.health(app_id)

    async def _turn(self) -> None:
        """Wait for the next free reading; taken in the order of asking."""
        now = self._clock.monotonic()
        turn = max(now, self._free_at)
        self._free_at = turn + self._spacing
        if turn > now:
            await self._clock.sleep(turn - now)
