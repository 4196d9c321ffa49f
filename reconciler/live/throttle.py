"""Rate limit, retries and backoff for one token, as an httpx transport that wraps another.

What is retried, and why:

- A 429 has no effect, so every request is retried after it, and all requests wait: the budget is the
  token's, not the request's.
- A connection that was never established carried nothing, so every request is retried.
- A 5xx, a lost connection, a timeout or a garbled response do not show whether the request took effect. Reads are
  retried with jittered exponential backoff; a write never is: it may have taken effect, and its sender checks
  before sending it again.

The limits are the platform's: 250 requests a minute and 5,000 an hour per token, reported in ``ratelimit-limit``,
``ratelimit-remaining``, ``ratelimit-reset`` (epoch at which the oldest request expires) and, on a burst's 429,
``retry-after`` (seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import defaultdict
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from random import random as system_random
from typing import TYPE_CHECKING, Any

import httpx
from pydantic_core import from_json

from reconciler.clock import Clock, SystemClock
from reconciler.live.fetch import LONGEST_PAUSE, Budget, TooLarge, whole
from reconciler.live.models import Rank, Usage
from reconciler.live.rate_limit import PER_MINUTE, TICK, RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

CONCURRENCY = 8
"""Maximum number of concurrent requests."""

TRIES = 6
"""Maximum number of tries of a failing read, or of any request whose connection was never established."""

PATIENCE = 90.0
"""Seconds of failures, pauses included, after which nothing is retried."""

FIRST_BACKOFF = 0.5
"""Seconds; doubled with each try up to `LONGEST_BACKOFF`, and jittered to between half and all of it."""

LONGEST_BACKOFF = 20.0

LIMITED_TRIES = 8
"""Maximum number of tries if every response is 429."""

DEFAULT_PAUSE = 5.0
"""Seconds to pause after a 429 without ``retry-after``; doubled with each try up to a minute."""

LONGEST_TRY = 120.0
"""Seconds for one whole try, so that a response arriving byte by byte also ends."""

WORTH_TELLING = 2.0
"""Seconds; shorter waits are not reported to `on_wait`."""

REPORT_EVERY = 300.0
"""Seconds; a longer wait for the rate limit is reported again each time, with what is left of it."""

CHANGES_NOTHING = "reconciler.changes_nothing"
"""Request extension: True for a POST that may be retried like a read (propose, the validation of a rollback)."""

DECODED = "reconciler.decoded"
"""Response extension: the decoded JSON of a successful response; missing if the body was empty or garbled."""

METER: ContextVar[str] = ContextVar("meter", default="")
"""The key under which requests of the running task and their waits are counted; empty for none."""

RANK: ContextVar[Rank] = ContextVar("rank", default=Rank.WATCH)
"""Whose turn it is when requests of the running task wait for the rate limit."""

SINGLE_TRY = "reconciler.single_try"
"""Request extension: True for a read whose failure is answered by another request instead of a try of the same."""

_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
"""Failures before any byte of the request was sent."""

_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""Failures that will recur at every try: the request itself cannot be sent."""

Failure = httpx.TransportError | httpx.DecodingError


@dataclass(order=True, slots=True)
class _Turn:
    """One request that waits for the rate limit; ``first`` is set when it is the next."""

    rank: Rank
    number: int
    first: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


@dataclass(slots=True)
class _Tries:
    """The history of a request. Waiting for the rate limit does not count as failing."""

    limited: int = 0
    limited_since: float = 0.0
    failed: int = 0
    failing: float = 0.0
    """Seconds spent on failed tries and the pauses after them."""


class RetryDecision(Enum):
    """How to treat the result of one try."""

    FINAL = "a final response, good or bad"
    LIMITED = "429: no effect, wait for the rate limit"
    UNSENT = "the request was never sent"
    UNKNOWN = "the request may or may not have taken effect"


def was_unsent(failure: Failure) -> bool:
    """Whether the request certainly never reached App Platform."""
    return isinstance(failure, (*_UNSENT, *_HOPELESS))


def judge(result: httpx.Response | Failure) -> RetryDecision:
    """Classify a try by its response or failure."""
    if isinstance(result, httpx.Response):
        if result.status_code == 429:
            return RetryDecision.LIMITED
        garbled = result.is_success and DECODED not in result.extensions
        return RetryDecision.UNKNOWN if result.is_server_error or garbled else RetryDecision.FINAL
    if isinstance(result, (*_HOPELESS, TooLarge)) or "CERTIFICATE_VERIFY_FAILED" in str(result):
        return RetryDecision.FINAL
    return RetryDecision.UNSENT if was_unsent(result) else RetryDecision.UNKNOWN


class Throttle(httpx.AsyncBaseTransport):
    """Sends every request of one token through another transport, within the rate limit, with the permitted retries.

    The body of a response is read here, so that an incomplete one counts as a failed try. ``on_wait(seconds, why)``
    is called before a noticeable wait. Raises httpx's errors after the last retry.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        clock: Clock | None = None,
        random: Callable[[], float] = system_random,
        concurrency: int = CONCURRENCY,
        per_minute: int = PER_MINUTE,
        on_wait: Callable[[float, str], None] | None = None,
    ) -> None:
        self.requests = 0
        self.metered: defaultdict[str, Usage] = defaultdict(Usage)
        self.limit = RateLimit(per_minute)
        self._inner = inner
        self._clock = clock or SystemClock()
        self._random = random
        self._on_wait = on_wait
        self._waiting: list[_Turn] = []
        self._numbers = count()
        self._taken: dict[str, float] = {}
        self._lanes = asyncio.Semaphore(concurrency)
        self._reported_until = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        tries = _Tries()
        while True:
            sent_at, result = await self._try(request)
            pause = self._pause_before_next(request, result, tries, sent_at)
            if pause is None:
                break
            await self._clock.sleep(pause)
        if isinstance(result, httpx.Response):
            return result
        raise result

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()

    async def take_turn(self) -> None:
        """Wait until the rate limit allows another request, and keep that turn for the running task's next one."""
        key = METER.get()
        if key not in self._taken:
            self._taken[key] = await self._admit()
            self._lanes.release()

    def drop_turn(self, key: str) -> None:
        """Forget the turn that the requests of a key have not used."""
        self._taken.pop(key, None)

    async def _try(self, request: httpx.Request) -> tuple[float, httpx.Response | Failure]:
        """One try: wait for the rate limit, send, read the whole response. Also returns when it was sent."""
        asked_at, key = self._clock.monotonic(), METER.get()
        if (taken_at := self._taken.pop(key, None)) is None:
            sent_at = await self._admit()
        else:
            await self._lanes.acquire()
            self.limit.move(taken_at, sent_at := self._clock.monotonic())
        number = self.limit.sent
        try:
            self.requests += 1
            if key:
                usage = self.metered[key]
                self.metered[key] = Usage(usage.requests + 1, usage.held + sent_at - asked_at)
            async with asyncio.timeout(LONGEST_TRY):
                response = await self._inner.handle_async_request(request)
                async with contextlib.aclosing(response):
                    response = await whole(response)
        except TimeoutError:
            return sent_at, httpx.ReadTimeout(f"no complete response within {LONGEST_TRY:g} s", request=request)
        except (httpx.TransportError, httpx.DecodingError) as failure:
            return sent_at, failure
        except ConnectionError as failure:  # raised by an in-process ASGI app that breaks a connection
            return sent_at, httpx.ReadError(str(failure), request=request)
        finally:
            self._lanes.release()
        response = _decoded(request, response)
        if not response.is_server_error:  # a gateway's rate limit is not the token's
            self.limit.learn(Budget.read(response.headers, self._clock.now()), number, self._clock.monotonic())
        return sent_at, response

    async def _admit(self) -> float:
        """Wait for a lane, and until the rate limit allows another request: by rank, then first come, first served.

        Returns the time, at which the request counts as sent; the caller releases the lane.
        """
        turn = _Turn(RANK.get(), next(self._numbers))
        heapq.heappush(self._waiting, turn)
        try:
            while True:
                if self._waiting[0] is not turn:
                    await turn.first.wait()  # or until one of a better rank comes
                    turn.first.clear()
                elif (wait := self.limit.wait(now := self._clock.monotonic(), len(self._waiting))) > TICK:
                    self.report_limit(wait)
                    await self._clock.sleep(min(wait, REPORT_EVERY))
                elif self._lanes.locked():
                    async with self._lanes:  # which shows that one is free, and by then another may be first
                        pass
                else:
                    await self._lanes.acquire()
                    self.limit.count(now)
                    return now
        finally:
            self._waiting.remove(turn)
            heapq.heapify(self._waiting)
            if self._waiting:
                self._waiting[0].first.set()

    def report_limit(self, wait: float, why: str = "the rate limit") -> None:
        """Report a wait for the rate limit, unless one was reported that is not over."""
        now = self._clock.monotonic()
        if wait >= WORTH_TELLING and now >= self._reported_until:
            self._reported_until = now + min(wait, REPORT_EVERY)
            self._report_wait(wait, why)

    def _hold(self, seconds: float) -> None:
        """Send nothing for that long."""
        self.limit.hold(self._clock.monotonic() + seconds)

    def _pause_before_next(
        self, request: httpx.Request, result: httpx.Response | Failure, tries: _Tries, sent_at: float
    ) -> float | None:
        """Seconds to wait before the next try, or None to give up; counts this try."""
        verdict = judge(result)
        match verdict:
            case RetryDecision.FINAL:
                return None
            case RetryDecision.LIMITED:
                assert isinstance(result, httpx.Response)
                return self._after_limit(result, tries, sent_at)
            case RetryDecision.UNKNOWN if not _changes_nothing(request) or request.extensions.get(SINGLE_TRY):
                return None
            case RetryDecision.UNSENT | RetryDecision.UNKNOWN:
                return self._after_failure(result, tries, sent_at)

    def _after_limit(self, answer: httpx.Response, tries: _Tries, sent_at: float) -> float | None:
        """Make every request wait for the rate limit; this one then queues again without a wait of its own."""
        tries.limited_since = tries.limited_since if tries.limited else sent_at
        tries.limited += 1
        elapsed = self._clock.monotonic() - tries.limited_since
        budget = Budget.read(answer.headers, self._clock.now())
        pause = budget.retry_after or budget.used_up or min(DEFAULT_PAUSE * 2.0 ** (tries.limited - 1), 60.0)
        self._hold(pause + self._random())  # jitter: others may share the token
        if tries.limited >= LIMITED_TRIES or elapsed + pause > LONGEST_PAUSE:
            return None
        return 0.0

    def _after_failure(self, result: httpx.Response | Failure, tries: _Tries, sent_at: float) -> float | None:
        pause = min(FIRST_BACKOFF * 2.0**tries.failed, LONGEST_BACKOFF) * (0.5 + 0.5 * self._random())
        tries.failed += 1
        why = "the connection failed"
        if isinstance(result, httpx.Response):
            why = f"App Platform answered {result.status_code}{', which is not JSON' if result.is_success else ''}"
            pause = max(pause, Budget.read(result.headers, self._clock.now()).retry_after or 0.0)
        tries.failing += self._clock.monotonic() - sent_at + pause
        if tries.failed >= TRIES or tries.failing > PATIENCE:
            return None
        self._report_wait(pause, why)
        return pause

    def _report_wait(self, seconds: float, why: str) -> None:
        if self._on_wait and seconds >= WORTH_TELLING:
            self._on_wait(seconds, why)


def _changes_nothing(request: httpx.Request) -> bool:
    return request.method in ("GET", "HEAD") or bool(request.extensions.get(CHANGES_NOTHING))


def _decoded(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """A successful response with its JSON in place of its body; an empty body is complete only for a write.

    httpx's responses hold themselves, so a body of megabytes would be kept until the next search for garbage.
    """
    body = response.content
    decoded: Any = None
    if not response.is_success or (not body and _changes_nothing(request)):
        return response
    if body:
        try:
            decoded = from_json(body, allow_inf_nan=False)
        except ValueError:
            return response
    return httpx.Response(response.status_code, headers=response.headers, extensions={DECODED: decoded})
