"""What a token may still send: both windows, what others on the token use, and what rollouts reserve."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.live.client import Client
from reconciler.live.fetch import Budget
from reconciler.live.models import Rank, Usage
from reconciler.live.rate_limit import HOUR, KEPT, MINUTE, NOISE, OVERHEAD, PER_HOUR, TRAVEL, RateLimit, Reservations
from tests.live.fakes import APP, Platform, ok
from tests.support.virtual_time import VirtualClock


def sent(limit: RateLimit, times: int, at: float = 0.0) -> None:
    for _ in range(times):
        limit.count(at)


# ---- the hour -----------------------------------------------------------------------------------------------------


def test_without_reports_the_hour_is_what_was_sent_here() -> None:
    limit = RateLimit()
    sent(limit, 100)
    assert limit.left(10.0) == PER_HOUR - 100
    assert limit.left(HOUR + TRAVEL) == PER_HOUR


def test_a_report_counts_what_others_sent() -> None:
    limit = RateLimit()
    sent(limit, 100)
    limit.learn(Budget(limit=5000, remaining=1200), 90, 1.0)
    assert limit.left(1.0) == 1200 - 10


def test_what_leaves_the_hour_is_there_again() -> None:
    limit = RateLimit()
    sent(limit, 100)
    limit.learn(Budget(limit=5000, remaining=1200), 100, 1.0)
    assert limit.left(HOUR + TRAVEL) == 1300


def test_a_report_that_is_overtaken_by_a_later_one_is_not_used() -> None:
    limit = RateLimit()
    sent(limit, 20)
    limit.learn(Budget(limit=5000, remaining=4000), 20, 1.0)
    limit.learn(Budget(limit=5000, remaining=4900), 10, 1.1)
    assert limit.left(1.1) == 4000


def test_an_hour_used_up_by_ourselves_is_waited_for_until_our_oldest_request_leaves_it() -> None:
    limit = RateLimit(per_minute=10_000)
    sent(limit, 5000)
    limit.learn(Budget(limit=5000, remaining=0), 5000, 10.0)
    assert limit.wait(100.0) == pytest.approx(HOUR + TRAVEL - 100.0)


def test_an_hour_used_up_by_others_is_tried_again_within_a_minute() -> None:
    limit = RateLimit()
    sent(limit, 5)
    limit.learn(Budget(limit=5000, remaining=0), 5, 10.0)
    assert limit.wait(10.0) == pytest.approx(60.0)
    assert limit.wait(70.0) <= 0.0


def test_the_pace_is_what_is_left_of_the_hour_for_ten_minutes() -> None:
    limit = RateLimit()
    assert limit.pace(0.0) == 250
    limit.learn(Budget(limit=5000, remaining=500), 0, 0.0)
    assert limit.pace(0.0) == 50
    limit.learn(Budget(limit=5000, remaining=0), 0, 0.0)
    assert limit.pace(0.0) == 1


# ---- others -------------------------------------------------------------------------------------------------------


def test_what_was_used_before_is_no_use_of_others_in_this_minute() -> None:
    limit = RateLimit()
    sent(limit, 1)
    limit.learn(Budget(limit=5000, remaining=2000), 1, 1.0)
    assert limit.others(1.0) == 0


def test_others_requests_count_in_the_minute_as_ours_do() -> None:
    limit = RateLimit()
    sent(limit, 2)
    limit.learn(Budget(limit=5000, remaining=4999), 1, 1.0)
    limit.learn(Budget(limit=5000, remaining=4798), 2, 2.0)
    assert limit.others(2.0) == 200
    assert limit.wait(2.0) > 0.0
    assert limit.others(2.0 + 2 * MINUTE) == 0


def test_our_own_requests_under_way_are_not_others() -> None:
    limit = RateLimit()
    sent(limit, 20)
    limit.learn(Budget(limit=5000, remaining=4990), 10, 1.0)
    limit.learn(Budget(limit=5000, remaining=4989 - NOISE), 11, 1.1)
    assert limit.others(1.1) == 0


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 5000)), min_size=1, max_size=60))
def test_no_report_makes_more_than_the_minute_allows(steps: list[tuple[float, int]]) -> None:
    limit, now, times = RateLimit(per_minute=20), 0.0, list[float]()
    for pause, remaining in steps:
        now += pause
        while limit.wait(now) <= 0.0 and limit.left(now) > 0 and len(times) < 200:
            limit.count(now)
            times.append(now)
        limit.learn(Budget(limit=5000, remaining=remaining), limit.sent, now)
    for first, later in zip(times, times[20:], strict=False):
        assert later - first >= MINUTE


# ---- whose turn it is ---------------------------------------------------------------------------------------------


def test_what_goes_back_is_sent_first_and_beginnings_last(clock: VirtualClock) -> None:
    platform = Platform(clock, ok({"app": APP}, ratelimit_limit="10"))
    order: list[str] = []

    async def ask(client: Client, rank: Rank, name: str) -> None:
        client.rank(rank)
        await client.get_app("a1")
        order.append(name)

    async def use(client: Client) -> None:
        for _ in range(10):
            await client.get_app("a1")
        names = {"next": Rank.BEGIN, "reading": Rank.WATCH, "update": Rank.WRITE, "rollback": Rank.BACK}
        await asyncio.gather(*(ask(client, rank, name) for name, rank in names.items()))

    platform.run(use)
    assert order == ["rollback", "update", "reading", "next"]


def test_a_turn_that_was_taken_is_used_by_the_next_request_at_once(clock: VirtualClock) -> None:
    platform = Platform(clock, ok({"app": APP}, ratelimit_limit="10"))

    async def use(client: Client) -> None:
        with client.meter("web"):
            await client.get_app("a1")
            await client.take_turn()
            await client.take_turn()  # it is held already
            for _ in range(8):
                with client.meter("other"):
                    await client.get_app("a1")
            await client.get_app("a1")

    platform.run(use)
    assert platform.times == [0.0] * 10


def test_the_last_requests_of_a_minute_are_sent_at_once_if_they_are_enough_for_all(clock: VirtualClock) -> None:
    platform = Platform(clock, ok())

    async def use(client: Client) -> None:
        await asyncio.gather(*(client.get_app("a1") for _ in range(250 - KEPT)))

    platform.run(use)
    assert platform.times == [0.0] * (250 - KEPT)


def test_requests_that_wait_for_a_lane_count_when_they_are_sent(clock: VirtualClock) -> None:
    platform = Platform(clock, ok(), seconds=1.0)

    async def use(client: Client) -> None:
        await asyncio.gather(*(client.get_app("a1") for _ in range(500)))

    platform.run(use)
    for first, later in zip(platform.times, platform.times[250:], strict=False):
        assert later - first >= MINUTE


def test_a_request_that_is_given_up_while_it_waits_lets_the_next_one_go(clock: VirtualClock) -> None:
    platform = Platform(clock, ok({"app": APP}, ratelimit_limit="2"))

    async def use(client: Client) -> None:
        await client.get_app("a1")
        await client.get_app("a1")
        first, second = (asyncio.create_task(client.get_app("a1")) for _ in range(2))
        await clock.sleep(1.0)
        first.cancel()
        await second

    platform.run(use)
    assert len(platform.times) == 3


# ---- reservations -------------------------------------------------------------------------------------------------


class Desk:
    """Reservations over an hour of which so much is left; what is refreshed says that it is all there again."""

    def __init__(self, clock: VirtualClock, left: int) -> None:
        self.clock, self.limit, self.refreshed = clock, RateLimit(), 0
        self.metered: defaultdict[str, Usage] = defaultdict(Usage)
        self.said: list[str] = []
        self.limit.learn(Budget(limit=5000, remaining=left), 0, 0.0)
        self.reservations = Reservations(
            self.limit, clock, self.metered, self._refresh, lambda _, why: self.said.append(why)
        )
        self.begun: list[tuple[str, float]] = []

    async def _refresh(self) -> None:
        self.refreshed += 1
        self.limit.learn(Budget(limit=5000, remaining=5000), 0, self.clock.monotonic())

    async def _turn(self) -> None:
        """There is always one."""

    @asynccontextmanager
    async def one(self, key: str, requests: int = 20) -> AsyncIterator[None]:
        async with self.reservations.reserve(key, requests, self._turn):
            self.begun.append((key, self.clock.monotonic()))
            yield

    async def rollout(self, key: str, seconds: float) -> None:
        async with self.one(key):
            await self.clock.sleep(seconds)


def test_no_more_begin_than_the_hour_can_carry_to_their_end(clock: VirtualClock) -> None:
    desk = Desk(clock, 40 + OVERHEAD)

    async def use() -> None:
        await asyncio.gather(*(desk.rollout(f"app-{number}", 30.0) for number in range(4)))

    clock.run(use())
    assert [at for _, at in desk.begun] == [0.0, 0.0, 30.0, 30.0]
    assert desk.said[0] == "the rate limit (1 waiting to begin)"


def test_what_a_rollout_has_sent_is_not_reserved_any_more(clock: VirtualClock) -> None:
    desk = Desk(clock, 40 + OVERHEAD)

    async def use() -> None:
        async with desk.one("web", 30):
            desk.metered["web"] = Usage(requests=25)
            await asyncio.wait_for(desk.rollout("shop", 0.0), 1.0)

    clock.run(use())
    assert len(desk.begun) == 2


def test_where_nothing_is_sent_a_request_shows_what_is_left(clock: VirtualClock) -> None:
    desk = Desk(clock, 0)
    clock.run(desk.rollout("web", 0.0))
    assert desk.refreshed == 1
    assert desk.begun == [("web", 60.0)]


def test_one_that_is_given_up_while_it_waits_reserves_nothing(clock: VirtualClock) -> None:
    desk = Desk(clock, 20 + OVERHEAD)

    async def use() -> None:
        async with desk.one("web"):
            waiting = asyncio.create_task(desk.rollout("shop", 0.0))
            await clock.sleep(1.0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await desk.rollout("next", 0.0)

    clock.run(use())
    assert [key for key, _ in desk.begun] == ["web", "next"]


def test_an_hour_smaller_than_a_rollout_is_no_reason_to_wait_for_ever(clock: VirtualClock) -> None:
    desk = Desk(clock, 10)
    desk.limit.learn(Budget(limit=10, remaining=10), 0, 0.0)
    clock.run(desk.rollout("web", 0.0))
    assert desk.begun == [("web", 0.0)]


def test_the_client_reserves_and_takes_the_first_turn(clock: VirtualClock) -> None:
    platform = Platform(clock, ok({"app": APP}))

    async def use(client: Client) -> Any:
        async with client.reserve("web", 20):
            await client.get_app("a1")
            await client.get_app("a1")
        return client.metered("web").requests

    assert platform.run(use) == 2
    assert [later - first for first, later in pairwise(platform.times)] == [0.0]
