"""One watch for all rollouts of a run: many are followed by one listing of the account's apps, few by their ids.

A listing shows the running and the active deployment of 200 apps in one request, so following one more rollout costs
nothing. What it does not show is no evidence: a deployment that ended without becoming active is in no listing, one
that was just made may not be in it yet, and an app can slip between two pages. All of these are read by their ids.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import LiveError
from reconciler.live.models import Rank

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.live.models import Deployment, Health, LiveApp
    from reconciler.rollout.ports import Platform

SHORTEST, LONGEST = 2.0, 10.0
"""Seconds between two readings of one deployment."""

GROWTH = 15.0
"""The interval is a fifteenth of the deployment's age: 2 s until it is half a minute old, 10 s from 2.5 minutes on."""

FEW = 3
"""Rollouts for each page of a listing that are read by their ids: as quick, more detailed, and not worth a listing."""

SHARE = 0.04
"""Share of the requests that the rate limit allows which listings may take."""

LONGEST_GAP = 30.0
"""Seconds between two listings, however little the rate limit allows."""

FRESH = 5.0
"""Seconds before a write in which a listing must have been requested to count as a look at the app."""

AVOIDED = 60.0
"""Seconds without listings after one failed."""

KEY = "the watch"
"""What the requests of listings are counted under."""


def interval(age: float) -> float:
    """Seconds until a deployment of that age, in seconds, is worth another look."""
    return min(LONGEST, max(SHORTEST, age / GROWTH))


@dataclass(frozen=True, slots=True)
class Listing:
    """What one listing showed of the apps in flight. ``at`` is when it was requested, ``pages`` what it took."""

    at: float
    apps: Mapping[str, LiveApp]
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """An app as it was shown; ``listed_at`` is when that listing was requested, None if it was read by its id."""

    app: LiveApp
    listed_at: float | None = None


class Poller:
    """Reads apps, deployments and health for all rollouts of a run, which are those of ``app_ids`` and of new apps.

    ``held`` counts, by app id, the seconds that a rollout waited for a listing which itself waited for the rate limit.
    """

    def __init__(self, client: Platform, clock: Clock, app_ids: Iterable[str] = ()) -> None:
        self.held: defaultdict[str, float] = defaultdict(float)
        self._client = client
        self._clock = clock
        self._to_come = set(app_ids)
        self._in_flight: set[str] = set()
        self._latest = Listing(float("-inf"), {})
        self._listing: asyncio.Task[None] | None = None
        self._avoided_until = float("-inf")

    async def aclose(self) -> None:
        """Stop a listing that is under way."""
        if self._listing is not None:
            self._listing.cancel()
            with suppress(asyncio.CancelledError):
                await self._listing

    def begins(self, app_id: str) -> None:
        """A rollout of the app is under way from now on."""
        self._in_flight.add(app_id)

    def ends(self, app_id: str) -> None:
        """It is over."""
        self._in_flight.discard(app_id)
        self._to_come.discard(app_id)

    async def deployment(self, app_id: str, deployment_id: str, age: float | None) -> Deployment:
        """The deployment, read when its age asks for it (None: at once).

        Raises:
            LiveError: it could not be read; worth another try, within the rollout's own budget.
        """
        self.begins(app_id)
        made_at = float("-inf") if age is None else self._clock.monotonic() - age
        if age is not None:
            await self._clock.sleep(max(interval(age), min(LONGEST_GAP, 60.0 * FEW / self._client.pace())))
        app = await self.listed(app_id, since=max(made_at, self._clock.monotonic() - self._gap()))
        deployments = (app.pending_deployment, app.in_progress_deployment, app.active_deployment) if app else ()
        for deployment in deployments:
            if deployment is not None and deployment.id == deployment_id:
                return deployment
        return await self._client.get_deployment(app_id, deployment_id)

    async def app(self, app_id: str, *, since: float) -> Shown:
        """The app as a listing shows it that was requested at that time or later, else as it is by its id.

        Raises:
            LiveError: it could not be read.
        """
        self.begins(app_id)
        app = await self.listed(app_id, since=since)
        if app is not None:
            return Shown(app, self._latest.at)
        return Shown(await self._client.get_app(app_id))

    async def health(self, app_id: str) -> Health:
        """The health of an app's components.

        Raises:
            LiveError: it could not be read.
        """
        return await self._client.health(app_id)

    def _gap(self) -> float:
        """Seconds between two listings: what they take of the rate limit is bounded, however many pages they have."""
        return min(LONGEST_GAP, max(SHORTEST, self._latest.pages * 60.0 / (SHARE * self._client.pace())))

    @property
    def _pays(self) -> bool:
        """Whether a listing is worth its pages."""
        few = len(self._in_flight) <= FEW * self._latest.pages
        return not few and self._clock.monotonic() >= self._avoided_until

    async def listed(self, app_id: str, *, since: float) -> LiveApp | None:
        """The app by a listing requested at that time or later; None if that does not pay or does not show it."""
        while self._pays and self._latest.at < since:
            asked, held = self._clock.monotonic(), self._client.metered(KEY).held
            if self._listing is None or self._listing.done():
                self._listing = asyncio.create_task(self._list())
            await asyncio.shield(self._listing)
            held = self._client.metered(KEY).held - held
            self.held[app_id] += min(held, self._clock.monotonic() - asked)
        return self._latest.apps.get(app_id) if self._pays else None

    async def _list(self) -> None:
        """List the apps in flight, no sooner than the gap allows; where that fails they are read by their ids."""
        await self._clock.sleep(max(0.0, self._latest.at + self._gap() - self._clock.monotonic()))
        self._client.rank(Rank.WATCH)
        with self._client.meter(KEY):
            at = self._clock.monotonic()
            try:
                apps, pages = await self._client.look_at(frozenset(self._in_flight), frozenset(self._to_come))
            except LiveError:
                self._avoided_until = self._clock.monotonic() + AVOIDED
            else:
                self._latest = Listing(at, apps, pages)
