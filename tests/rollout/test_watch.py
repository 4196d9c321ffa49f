"""One watch for all: what a listing may say of a rollout, when it is worth one, and what it never may decide."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.errors import NotFound, ServerFailed
from reconciler.live.models import Deployment, LiveApp, Phase, Rank, Usage
from reconciler.rollout.watch import AVOIDED, FEW, FRESH, SHARE, Poller, interval
from tests.support.virtual_time import VirtualClock


class Platform:
    """Apps with one deployment each, and a count of what was asked; listings take ``seconds``."""

    def __init__(self, clock: VirtualClock, apps: int, *, seconds: float = 0.5, pages: int = 1) -> None:
        self.clock, self.seconds, self.pages = clock, seconds, pages
        self.asked: Counter[str] = Counter()
        self.listed_at: list[float] = []
        self.hidden: set[str] = set()
        self.ended: set[str] = set()
        self.fails = False
        self.ids = [f"app-{number}" for number in range(apps)]

    def _deployment(self, app_id: str) -> Deployment:
        return Deployment(id=f"{app_id}-d", phase=Phase.ERROR if app_id in self.ended else Phase.DEPLOYING)

    async def look_at(self, app_ids: Collection[str], others: Collection[str] = ()) -> tuple[dict[str, LiveApp], int]:
        self.asked["listing"] += 1
        self.listed_at.append(self.clock.monotonic())
        await self.clock.sleep(self.seconds)
        if self.fails:
            raise ServerFailed("busy", method="GET", path="/v2/apps", status=503)
        shown = {*app_ids, *others} - self.hidden
        return {one: LiveApp(id=one, in_progress_deployment=self._running(one)) for one in shown}, self.pages

    def _running(self, app_id: str) -> Deployment | None:
        return None if app_id in self.ended else self._deployment(app_id)

    async def get_deployment(self, app_id: str, _deployment_id: str) -> Deployment:
        self.asked["deployment"] += 1
        return self._deployment(app_id)

    async def get_app(self, app_id: str) -> LiveApp:
        self.asked["app"] += 1
        return LiveApp(id=app_id)

    def pace(self) -> float:
        return 250.0

    def rank(self, rank: Rank) -> None:
        assert rank is Rank.WATCH

    def metered(self, _key: str) -> Usage:
        return Usage()

    @contextmanager
    def meter(self, _key: str) -> Iterator[None]:
        yield


def watched(clock: VirtualClock, platform: Platform, rounds: int = 1, age: float = 60.0) -> list[Deployment]:
    """Every app's deployment, read so many times by one poller."""

    async def one(poller: Poller, app_id: str) -> list[Deployment]:
        return [await poller.deployment(app_id, f"{app_id}-d", age) for _ in range(rounds)]

    async def use() -> list[Deployment]:
        poller: Any = Poller(platform, clock, platform.ids)  # type: ignore[arg-type]  # what a watch needs of a client
        for app_id in platform.ids:
            poller.begins(app_id)
        try:
            found = await asyncio.gather(*(one(poller, app_id) for app_id in platform.ids))
        finally:
            await poller.aclose()
        return [deployment for each in found for deployment in each]

    return clock.run(use())


def test_the_interval_grows_with_the_age_of_a_deployment() -> None:
    assert [interval(age) for age in (0, 30, 60, 90, 150, 3600)] == [2, 2, 4, 6, 10, 10]


def test_many_rollouts_are_followed_by_one_listing(clock: VirtualClock) -> None:
    platform = Platform(clock, 100)
    found = watched(clock, platform, rounds=3)
    assert len(found) == 300
    assert platform.asked == {"listing": 2}, "the second round is answered by what the first was"


def test_few_rollouts_are_read_by_their_ids(clock: VirtualClock) -> None:
    platform = Platform(clock, FEW)
    watched(clock, platform)
    assert platform.asked == {"deployment": FEW}


def test_a_listing_of_many_pages_needs_as_many_more_rollouts(clock: VirtualClock) -> None:
    platform = Platform(clock, 10, pages=5)
    watched(clock, platform, rounds=2)
    assert platform.asked == {"listing": 1, "deployment": 20}


def test_the_cost_of_listings_is_bounded_however_many_pages_they_have(clock: VirtualClock) -> None:
    platform = Platform(clock, 100, pages=5)
    watched(clock, platform, rounds=10, age=0.0)
    span = platform.listed_at[-1] - platform.listed_at[0]
    assert (len(platform.listed_at) - 1) * platform.pages / span * 60 <= SHARE * platform.pace() + 0.01


def test_an_app_that_no_page_shows_is_read_by_its_id(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)
    platform.hidden = {"app-3"}
    found = watched(clock, platform)
    assert all(one.phase is Phase.DEPLOYING for one in found)
    assert platform.asked == {"listing": 1, "deployment": 1}


def test_a_deployment_that_left_the_listing_is_read_by_its_id(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)
    platform.ended = {"app-3"}
    found = watched(clock, platform)
    assert [one.id for one in found if one.phase is Phase.ERROR] == ["app-3-d"]
    assert platform.asked == {"listing": 1, "deployment": 1}


def test_after_a_listing_that_failed_all_are_read_by_their_ids_for_a_while(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)
    platform.fails = True
    watched(clock, platform, rounds=3)
    assert platform.asked == {"listing": 1, "deployment": 30}
    assert clock.monotonic() < AVOIDED


def test_a_listing_requested_before_a_deployment_was_made_says_nothing_of_it(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)

    async def use() -> None:
        poller: Any = Poller(platform, clock, platform.ids)  # type: ignore[arg-type]  # what a watch needs of a client
        for app_id in platform.ids:
            poller.begins(app_id)
        await poller.listed("app-1", since=0.0)
        await clock.sleep(1.0)
        await poller.deployment("app-1", "app-1-d", 0.0)
        await poller.aclose()

    clock.run(use())
    assert platform.listed_at[1] >= 1.5, "a second one, requested after the deployment was made"


@pytest.mark.parametrize(("later", "listings"), [(FRESH - 1.0, 1), (FRESH + 3.0, 2)])
def test_a_look_before_a_write_takes_a_listing_that_is_fresh(clock: VirtualClock, later: float, listings: int) -> None:
    platform = Platform(clock, 10)

    async def use() -> float | None:
        poller: Any = Poller(platform, clock, platform.ids)  # type: ignore[arg-type]  # what a watch needs of a client
        for app_id in platform.ids:
            poller.begins(app_id)
        await poller.app("app-1", since=0.0)
        await clock.sleep(later)
        shown = await poller.app("app-1", since=clock.monotonic() - FRESH)
        await poller.aclose()
        return shown.listed_at

    listed_at = clock.run(use())
    assert listed_at is not None
    assert platform.asked == {"listing": listings}


def test_an_app_that_a_fresh_listing_does_not_show_is_read_by_its_id(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)
    platform.hidden = {"app-1"}

    async def use() -> float | None:
        poller: Any = Poller(platform, clock, platform.ids)  # type: ignore[arg-type]  # what a watch needs of a client
        for app_id in platform.ids:
            poller.begins(app_id)
        shown = await poller.app("app-1", since=0.0)
        await poller.aclose()
        return shown.listed_at

    assert clock.run(use()) is None
    assert platform.asked == {"listing": 1, "app": 1}


def test_a_listing_under_way_is_given_up_with_the_run(clock: VirtualClock) -> None:
    platform = Platform(clock, 10, seconds=1000.0)

    async def use() -> None:
        poller: Any = Poller(platform, clock, platform.ids)  # type: ignore[arg-type]  # what a watch needs of a client
        for app_id in platform.ids:
            poller.begins(app_id)
        waiting = asyncio.create_task(poller.listed("app-1", since=0.0))
        await clock.sleep(1.0)
        waiting.cancel()
        await poller.aclose()

    clock.run(use())
    assert clock.monotonic() < 10.0


def test_not_found_is_nothing_that_a_listing_answers(clock: VirtualClock) -> None:
    platform = Platform(clock, 10)
    platform.hidden = {"app-2"}

    async def gone(_app_id: str, _deployment_id: str) -> Deployment:
        raise NotFound("no such deployment", method="GET", path="/v2/apps", status=404)

    platform.get_deployment = gone  # type: ignore[method-assign]
    with pytest.raises(NotFound):
        watched(clock, platform)
