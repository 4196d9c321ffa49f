"""What rollouts under way still need of the token's hour, so that none begins that could not be finished.

A rollout that is out of requests in its soak can neither be judged nor taken back. So each reserves what it may need
to its end, its way back included, before it begins; what it has sent is taken off, and what it did not need is free
once it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from reconciler.live.rate_limit import MOST_HELD, TICK

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.live.models import Usage
    from reconciler.live.rate_limit import RateLimit


OVERHEAD = 100
"""Requests of the hour that are kept for what no single rollout sends: listings, and a second look."""

BATCH = 25
"""How many rollouts begin together once the hour ran short: one by one each would cost more to follow."""


class Reservations:
    """The reservations of one token's rollouts in this process, made in the order of asking."""

    def __init__(
        self,
        limit: RateLimit,
        clock: Clock,
        metered: Mapping[str, Usage],
        refresh: Callable[[], Awaitable[None]],
        on_wait: Callable[[float, str], None],
    ) -> None:
        """``refresh`` sends a request, so that its response says what is left of the hour."""
        self._limit, self._clock, self._metered = limit, clock, metered
        self._refresh, self._on_wait = refresh, on_wait
        self._reserved: dict[str, int] = {}
        self._freed = asyncio.Event()
        self._order = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def reserve(self, key: str, requests: int, take_turn: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
        """Wait until the hour has that many requests to spare and the minute one; inside, they are reserved."""
        self._waiting += 1
        try:
            async with self._order:
                await self._wait_for(requests)
                self._reserved[key] = self._metered[key].requests + requests
                await take_turn()
        except BaseException:
            self._end(key)
            raise
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._end(key)

    def _end(self, key: str) -> None:
        self._reserved.pop(key, None)
        self._freed.set()

    def _free(self, now: float) -> int:
        """Requests that the hour allows and no rollout reserves."""
        promised = sum(max(0, end - self._metered[key].requests) for key, end in self._reserved.items())
        return self._limit.left(now) - promised - min(OVERHEAD, self._limit.per_hour // 10)

    async def _wait_for(self, requests: int) -> None:
        """Wait for others to end or for the hour to move on; where nobody sends anything, a request shows how far."""
        most = self._limit.per_hour // 2
        wanted = min(requests, most)
        while (short := wanted - self._free(now := self._clock.monotonic())) > 0:
            wanted = min(requests * min(self._waiting, BATCH), most)
            wait = self._limit.returns(now, short)
            self._on_wait(wait, f"the rate limit ({self._waiting} waiting to begin)")
            self._freed.clear()
            try:
                async with asyncio.timeout(max(TICK, min(wait, MOST_HELD))):
                    await self._freed.wait()
            except TimeoutError:
                if not self._reserved:
                    await self._refresh()
