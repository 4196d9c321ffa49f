"""What a token may still send, within the minute and within the hour, and what rollouts under way reserve of it.

The platform allows 250 requests in any 60 seconds and 5,000 in any hour per token, and counts every process that uses
it. Responses report the hour in ``ratelimit-limit`` and ``ratelimit-remaining``; what others sent is the difference
between that and what was sent here. Nothing reports the minute: what others sent in it is how far their part of the
hour grew meanwhile. `RateLimit` is pure over times that are passed in.

A rollout that is out of requests in its soak can neither be judged nor taken back. So each reserves what it may need
to its end, its way back included, before it begins (`Reservations`); what it has sent is taken off, and what it did not
need is free once it ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.live.fetch import Budget
    from reconciler.live.models import Usage

PER_MINUTE = 250
"""Requests that a token may send in any 60 seconds; the platform's documented limit."""

PER_HOUR = 5_000
"""Requests that a token may send in any hour; the platform's documented limit, unless a response reports another."""

MINUTE, HOUR = 60.0, 3_600.0

TRAVEL = 0.5
"""Seconds that a request may take to be counted: windows are that much longer here than on the platform."""

FREE_SHARE = 0.96
"""Share of the minute's budget that is sent immediately (240 of 250); the rest is spread until the oldest expire.

What goes back from a failure needs few requests at once, and never waits a whole minute for one. A smaller share would
only delay the end: of what is sent late in a minute, as much is missing in the next.
"""

KEPT = 4
"""Requests of the minute's budget that are spread even if no more are waiting."""

NOISE = 8
"""Requests that seem to be others' and are our own, which were under way when a response reported the hour."""

SHARED_SHARE = 0.8
"""Share of the minute's budget that is used while others use it too, as their requests are seen late."""

SHARED_FOR = 600.0
"""Seconds since others were last seen for which the token counts as shared."""

MOST_HELD = 60.0
"""Seconds for which a used-up hour delays requests: afterwards a 429 shows more and costs nothing."""

TICK = 0.001
"""Seconds too short to sleep; a shorter wait counts as over."""

PACE_SECONDS = 600.0
"""Seconds for which a pace must be kept up by what is left of the hour."""


@dataclass(frozen=True, slots=True)
class _Report:
    """What a response said of the hour: how many requests it had left after ``sent`` of ours.

    ``expired`` of ours had left the hour by then; ``returns_at`` is when it allows another at the latest.
    """

    returns_at: float
    remaining: int
    sent: int
    expired: int


class RateLimit:
    """What was sent and what was reported within the last hour. Times are monotonic seconds and never go back."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._most = self._per_minute = per_minute
        self.per_hour = PER_HOUR
        self._minute: deque[float] = deque()
        self._hour: deque[float] = deque()
        self._expired = 0
        self._report: _Report | None = None
        self._others: deque[tuple[float, int]] = deque()
        self._resume_at = self._shared_until = 0.0

    @property
    def sent(self) -> int:
        """How many requests were counted so far."""
        return self._expired + len(self._hour)

    def count(self, now: float) -> None:
        """A request is sent now."""
        self._minute.append(now)
        self._hour.append(now)

    def move(self, counted: float, now: float) -> None:
        """A request that was counted before is sent only now."""
        for window in (self._minute, self._hour):
            if counted in window:
                window.remove(counted)
                window.append(now)

    def hold(self, until: float) -> None:
        """Nothing may be sent before."""
        self._resume_at = max(self._resume_at, until)

    def learn(self, budget: Budget, sent: int, now: float) -> None:
        """Use the headers of a response to the request of that number."""
        if budget.limit:
            self.per_hour = budget.limit
            self._per_minute = min(self._most, budget.limit)
        self.hold(now + min(budget.used_up, MOST_HELD))
        if budget.remaining is None or (self._report and self._report.sent > sent):
            return
        self._forget(now)
        resets_in = MOST_HELD if budget.resets_in is None else min(budget.resets_in, MOST_HELD)
        self._report = _Report(now + resets_in, budget.remaining, sent, self._expired)
        self._others.append((now, max(0, self.per_hour - budget.remaining - (sent - self._expired))))

    def others(self, now: float) -> int:
        """How many requests others sent with the same token within the last minute, as far as responses show it."""
        while len(self._others) > 1 and self._others[1][0] <= now - MINUTE:
            self._others.popleft()  # the latest from before the minute stays: others' requests are counted from it on
        if self._others and self._others[0][0] <= now - 2 * MINUTE:
            self._others.popleft()
        grown = self._others[-1][1] - min(count for _, count in self._others) if self._others else 0
        if grown <= NOISE:
            return 0
        self._shared_until = now + SHARED_FOR
        return grown

    def left(self, now: float) -> int:
        """How many requests the hour still allows: by the latest report, else by what was sent here."""
        self._forget(now)
        report = self._report
        if report is None:
            return max(0, self.per_hour - len(self._hour))
        return max(0, report.remaining - (self.sent - report.sent) + self._expired - report.expired)

    def pace(self, now: float) -> float:
        """Requests a minute that can be kept up for `PACE_SECONDS`."""
        return max(1.0, min(self._per_minute - self.others(now), self.left(now) / PACE_SECONDS * MINUTE))

    def wait(self, now: float, waiting: int = 1) -> float:
        """Seconds for which nothing may be sent, if positive: a pause, or because a window's budget is used up.

        The last requests of the minute are spread over the time until the oldest expires, unless they are enough for
        all that are ``waiting``.
        """
        self._forget(now)
        wait, others = self._resume_at - now, self.others(now)
        shared = now < self._shared_until
        allowed = max(1, int(self._per_minute * SHARED_SHARE)) if shared else self._per_minute
        used = len(self._minute) + others
        if used >= allowed * FREE_SHARE and used + waiting > allowed - KEPT:
            left = allowed - used
            first, last = (self._minute[0], self._minute[-1]) if self._minute else (now - MINUTE, now)
            expires = max(now, first + MINUTE + TRAVEL)
            wait = max(wait, (expires if left <= 0 else last + (expires - last) / (left + 1)) - now)
        if self.left(now) <= 0:
            wait = max(wait, self.returns(now))
        return wait

    def returns(self, now: float, requests: int = 1) -> float:
        """Seconds until the hour allows so many more: when our oldest requests leave it, or sooner if others' may."""
        self._forget(now)
        ours = self._hour[min(requests, len(self._hour)) - 1] + HOUR + TRAVEL - now if self._hour else inf
        report = self._report
        if report is None:
            return ours if self._hour else 0.0
        alone = report.remaining + len(self._hour) >= self.per_hour - NOISE
        return ours if self._hour and alone else min(ours, report.returns_at - now)

    def _forget(self, now: float) -> None:
        while self._minute and self._minute[0] <= now - MINUTE - TRAVEL + TICK:
            self._minute.popleft()
        while self._hour and self._hour[0] <= now - HOUR - TRAVEL + TICK:
            self._hour.popleft()
            self._expired += 1


# ---- reservations: no rollout begins that the hour could not carry to its end ----


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
