"""The budget of the token: what is repeated, what never is, and who waits for how long."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import AnswerLost, ApiError, LiveError, RateLimited, ServerFailed, TransportFailed
from reconciler.live.client import Client
from reconciler.live.rate_limit import MINUTE, PER_MINUTE, TRAVEL
from reconciler.live.throttle import LIMITED_TRIES, LONGEST_TRY, PATIENCE, TRIES
from tests.live.fakes import APP, DEPLOYMENT, Platform, cut_short, error, html, ok
from tests.support.virtual_time import EPOCH, VirtualClock

Use = Callable[[Client], Awaitable[Any]]

READS: dict[str, tuple[Use, dict[str, Any]]] = {
    "get_app": (lambda client: client.get_app("a1"), {"app": APP}),
    "list_deployments": (lambda client: client.list_deployments("a1"), {"deployments": [DEPLOYMENT]}),
    "propose": (lambda client: client.propose({"name": "web"}), {"app_cost": 5}),
    "validate_rollback": (lambda client: client.validate_rollback("a1", "d1"), {"valid": True}),
}
WRITES: dict[str, tuple[Use, dict[str, Any]]] = {
    "create_app": (lambda client: client.create_app({"name": "web"}), {"app": APP}),
    "update_app": (lambda client: client.update_app("a1", {"name": "web"}), {"app": APP}),
    "delete_app": (lambda client: client.delete_app("a1"), {"id": "a1"}),
    "create_deployment": (lambda client: client.create_deployment("a1"), {"deployment": DEPLOYMENT}),
    "cancel_deployment": (lambda client: client.cancel_deployment("a1", "d1"), {"deployment": DEPLOYMENT}),
    "roll_back": (lambda client: client.roll_back("a1", "d1"), {"deployment": DEPLOYMENT}),
    "commit_rollback": (lambda client: client.commit_rollback("a1"), {}),
    "revert_rollback": (lambda client: client.revert_rollback("a1"), {"deployment": DEPLOYMENT}),
}
TROUBLE: dict[str, Any] = {
    "500": error(500, "server_error"),
    "html 504": html(504, "Gateway Time-out"),
    "524": html(524, "A timeout occurred"),
    "disconnected": httpx.RemoteProtocolError("Server disconnected without sending a response."),
    "read timeout": httpx.ReadTimeout("timed out"),
    "write error": httpx.WriteError("broken pipe"),
    "cut short": cut_short(),
    "garbled": httpx.Response(200, content=b'{"app": {"id": "a'),
    "html 200": html(200, "Sign in to the network"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("name", READS)
def test_c32_a_read_is_repeated_until_it_succeeds(clock: VirtualClock, name: str, trouble: str) -> None:
    use, body = READS[name]
    platform = Platform(clock, TROUBLE[trouble], TROUBLE[trouble], ok(body))
    platform.run(use)
    assert len(platform.requests) == 3
    assert platform.times == [0.0, 0.5, 1.5]


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("name", WRITES)
def test_c43_c44_a_write_is_never_repeated_blindly(clock: VirtualClock, name: str, trouble: str) -> None:
    use, body = WRITES[name]
    platform = Platform(clock, TROUBLE[trouble], ok(body))
    with pytest.raises((AnswerLost, ServerFailed)) as caught:
        platform.run(use)
    assert len(platform.requests) == 1
    assert isinstance(caught.value, ServerFailed) == (trouble in ("500", "html 504", "524"))
    assert "check the app" in caught.value.hint


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_everything_is_repeated_after_a_429(clock: VirtualClock, name: str) -> None:
    use, body = (READS | WRITES)[name]
    platform = Platform(clock, error(429, "too_many_requests", retry_after="12"), ok(body))
    platform.run(use)
    assert platform.times == [0.0, 13.0]  # what the header says, and a second of jitter


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_everything_is_repeated_when_the_connection_was_never_there(clock: VirtualClock, name: str) -> None:
    use, body = (READS | WRITES)[name]
    platform = Platform(clock, httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), ok(body))
    platform.run(use)
    assert len(platform.requests) == 3


def test_a_read_gives_up_after_its_tries(clock: VirtualClock) -> None:
    platform = Platform(clock, error(503))
    with pytest.raises(ServerFailed):
        platform.run(lambda client: client.get_app("a1"))
    assert len(platform.requests) == TRIES
    assert [round(b - a, 3) for a, b in pairwise(platform.times)] == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_read_gives_up_after_its_time(clock: VirtualClock) -> None:
    platform = Platform(clock, httpx.ReadTimeout("timed out"), seconds=30.0)
    with pytest.raises(TransportFailed):
        platform.run(lambda client: client.get_app("a1"))
    assert len(platform.requests) < TRIES
    assert platform.times[-1] <= PATIENCE


def test_a_write_gives_up_on_429_as_well(clock: VirtualClock) -> None:
    platform = Platform(clock, error(429, "too_many_requests"))
    with pytest.raises(RateLimited) as caught:
        platform.run(lambda client: client.create_app({"name": "web"}))
    assert len(platform.requests) == LIMITED_TRIES
    assert "5,000 an hour" in caught.value.hint


def test_backoff_is_jittered_between_half_and_all_of_it(clock: VirtualClock) -> None:
    platform = Platform(clock, error(503))
    with pytest.raises(ServerFailed):
        platform.run(lambda client: client.get_app("a1"), random=lambda: 0.0)
    assert [round(b - a, 3) for a, b in pairwise(platform.times)] == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_retry_after_of_a_503_is_heeded(clock: VirtualClock) -> None:
    platform = Platform(clock, error(503, retry_after="7"), ok())
    platform.run(lambda client: client.get_app("a1"))
    assert platform.times == [0.0, 7.0]


def test_an_untrusted_certificate_is_told_at_once(clock: VirtualClock) -> None:
    problem = ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate")
    platform = Platform(clock, httpx.ConnectError(f"[SSL: CERTIFICATE_VERIFY_FAILED] {problem}"))
    with pytest.raises(TransportFailed) as caught:
        platform.run(lambda client: client.create_app({"name": "web"}))
    assert len(platform.requests) == 1
    assert "SSL_CERT_FILE" in caught.value.hint


def test_an_answer_that_trickles_in_ends(clock: VirtualClock) -> None:
    platform = Platform(clock, ok(), seconds=LONGEST_TRY * 10)
    with pytest.raises(AnswerLost):
        platform.run(lambda client: client.create_app({"name": "web"}))
    assert clock.monotonic() == LONGEST_TRY


def test_a_burst_of_240_goes_out_at_once_and_no_minute_sees_more_than_its_limit(clock: VirtualClock) -> None:
    platform = Platform(clock, ok())

    async def many(client: Client) -> None:
        await asyncio.gather(*(client.get_app("a1") for _ in range(1000)))

    platform.run(many)
    assert platform.times[239] == 0.0
    for first, later in zip(platform.times, platform.times[PER_MINUTE:], strict=False):
        assert later - first >= 60.0 - 0.01
    assert platform.times[-1] < 1000 / PER_MINUTE * (MINUTE + TRAVEL)
    assert max(b - a for a, b in pairwise(platform.times)) < 6.0, "it slows down, it does not stand still"


@given(waits=st.lists(st.floats(0.0, 20.0), min_size=1, max_size=120))
def test_however_requests_come_no_minute_sees_more_than_its_limit(waits: list[float]) -> None:
    clock = VirtualClock()
    platform = Platform(clock, ok({"app": APP}, ratelimit_limit="20"))

    async def use(client: Client) -> None:
        async def later(at: float) -> None:
            await clock.sleep(at)
            await client.get_app("a1")

        await client.get_app("a1")
        await asyncio.gather(*(later(wait) for wait in waits))

    try:
        platform.run(use)
    finally:
        clock.close()
    for first, later in zip(platform.times, platform.times[20:], strict=False):
        assert later - first >= 60.0 - 0.01


def test_a_429_makes_everybody_wait(clock: VirtualClock) -> None:
    platform = Platform(clock, error(429, retry_after="30"), ok())

    async def use(client: Client) -> None:
        async def later(seconds: float) -> None:
            await clock.sleep(seconds)
            await client.get_app("a1")

        await asyncio.gather(client.get_app("a1"), later(1.0), later(2.0))

    platform.run(use)
    assert platform.times == [0.0, 31.0, 31.0, 31.0]


def test_a_wait_for_the_rate_limit_takes_no_patience_from_a_failure(clock: VirtualClock) -> None:
    platform = Platform(clock, html(502, "Bad Gateway"), error(429, retry_after="600"), html(502, "Bad Gateway"), ok())
    assert platform.run(lambda client: client.get_app("a1")).id == "a1"
    assert platform.times == [0.0, 0.5, 601.5, 602.5]


def test_many_429s_leave_a_failure_all_its_tries(clock: VirtualClock) -> None:
    limited, failed = [error(429, retry_after="1")] * (LIMITED_TRIES - 1), [html(502, "Bad Gateway")] * (TRIES - 1)
    platform = Platform(clock, *limited, *failed, ok())
    assert platform.run(lambda client: client.get_app("a1")).id == "a1"


def test_limits_and_failures_in_turns_come_to_an_end(clock: VirtualClock) -> None:
    platform = Platform(clock, *[error(429, retry_after="1"), html(502, "Bad Gateway")] * 20)
    with pytest.raises(ApiError):
        platform.run(lambda client: client.get_app("a1"))
    assert len(platform.requests) <= LIMITED_TRIES + TRIES


def test_the_limit_that_a_gateway_tells_with_its_own_error_is_not_the_tokens(clock: VirtualClock) -> None:
    platform = Platform(clock, httpx.Response(502, html="no", headers={"ratelimit-limit": "10"}), ok())

    async def use(client: Client) -> float:
        for _ in range(100):
            await client.get_app("a1")
        return clock.monotonic()

    assert platform.run(use) < 1.0


def test_a_lower_limit_that_is_told_holds_until_a_higher_one_is(clock: VirtualClock) -> None:
    platform = Platform(clock, *[ok(ratelimit_limit="10")] * 12, ok(ratelimit_limit="5000"))

    async def use(client: Client) -> None:
        for _ in range(100):
            await client.get_app("a1")

    platform.run(use)
    assert platform.times[9] < 1.0
    assert platform.times[10] > 50.0
    assert platform.times[99] == platform.times[13]


def test_a_wait_after_a_page_that_is_no_answer_says_so(clock: VirtualClock) -> None:
    told: list[str] = []
    platform = Platform(clock, *[httpx.Response(200, html="<html>")] * 3, ok())
    platform.run(lambda client: client.get_app("a1"), on_wait=lambda _, why: told.append(why))
    assert told == ["App Platform answered 200, which is not JSON"]


@pytest.mark.parametrize("body", [b'{"app_cost": NaN}', b'{"app_cost": Infinity}'])
def test_an_answer_with_what_is_no_number_in_json_is_no_answer(clock: VirtualClock, body: bytes) -> None:
    with pytest.raises(TransportFailed, match="not JSON"):
        Platform(clock, httpx.Response(200, content=body)).run(lambda client: client.propose({"name": "web"}))


def test_a_used_up_budget_is_waited_for_before_the_429(clock: VirtualClock) -> None:
    reset = int(EPOCH.timestamp()) + 40
    platform = Platform(clock, ok(ratelimit_remaining="0", ratelimit_reset=str(reset)), ok())

    async def use(client: Client) -> None:
        await client.get_app("a1")
        await client.get_app("a1")

    platform.run(use)
    assert platform.times == [0.0, 40.0]


def test_the_reset_is_read_by_the_servers_own_clock(clock: VirtualClock) -> None:
    theirs = EPOCH + timedelta(days=1)
    reset = str(int(theirs.timestamp()) + 40)
    used_up = ok(ratelimit_remaining="0", ratelimit_reset=reset, date=format_datetime(theirs, usegmt=True))
    platform = Platform(clock, used_up, ok())

    async def use(client: Client) -> None:
        await client.get_app("a1")
        await client.get_app("a1")

    platform.run(use)
    assert platform.times == [0.0, 40.0]


Waits = list[tuple[float, float]]


def waited(clock: VirtualClock, *answers: Any) -> tuple[Platform, Waits]:
    """Two requests in a row; when each wait was reported, and for how long."""
    platform, reported = Platform(clock, *answers), Waits()

    async def use(client: Client) -> None:
        await client.get_app("a1")
        await client.get_app("a1")

    platform.run(use, on_wait=lambda seconds, _: reported.append((clock.monotonic(), seconds)))
    return platform, reported


def test_a_reset_far_away_is_looked_at_again_after_a_minute(clock: VirtualClock) -> None:
    used_up = {"ratelimit_remaining": "0", "ratelimit_reset": str(int(EPOCH.timestamp()) + 3000)}
    dated = used_up | {"date": format_datetime(EPOCH, usegmt=True)}
    platform, reported = waited(clock, ok(**dated), ok())
    assert platform.times == [0.0, 60.0]
    assert reported == [(0.0, 60.0)]


def test_a_429_whose_reset_is_far_away_is_waited_for_and_said_every_five_minutes(clock: VirtualClock) -> None:
    used_up = {"ratelimit_remaining": "0", "ratelimit_reset": str(int(EPOCH.timestamp()) + 1000)}
    dated = used_up | {"date": format_datetime(EPOCH, usegmt=True)}
    platform, reported = waited(clock, error(429, **dated), ok())
    assert platform.times == [0.0, 1001.0, 1001.0]
    assert reported == [(0.0, 1001.0), (300.0, 701.0), (600.0, 401.0), (900.0, 101.0)]


def test_a_clock_that_is_wrong_holds_nothing_for_an_hour(clock: VirtualClock) -> None:
    """Without the answer's own date the reset is read by our clock, which may be a day behind."""
    used_up = {"ratelimit_remaining": "0", "ratelimit_reset": str(int(EPOCH.timestamp()) + 86400)}
    platform, reported = waited(clock, error(429, **used_up), error(429, **used_up), ok())
    assert platform.times == [0.0, 61.0, 122.0, 122.0]
    assert reported == [(0.0, 61.0), (61.0, 61.0)]


def test_waits_are_told_once_with_their_reason(clock: VirtualClock) -> None:
    told: list[tuple[float, str]] = []
    platform = Platform(clock, error(429, retry_after="30"), error(503, retry_after="3"), ok())

    async def use(client: Client) -> None:
        await asyncio.gather(client.get_app("a1"), client.get_app("a1"))

    platform.run(use, on_wait=lambda seconds, why: told.append((seconds, why)), concurrency=1)
    assert told == [(31.0, "the rate limit"), (3.0, "App Platform answered 503")]


def test_no_more_requests_are_under_way_than_asked_for(clock: VirtualClock) -> None:
    platform = Platform(clock, ok(), seconds=1.0)

    async def use(client: Client) -> None:
        await asyncio.gather(*(client.get_app("a1") for _ in range(20)))

    platform.run(use, concurrency=5)
    assert platform.busiest == 5
    assert clock.monotonic() == 4.0


def test_how_long_requests_waited_for_their_turn_is_counted_by_meter(clock: VirtualClock) -> None:
    platform = Platform(clock, error(429, retry_after="30"), ok(), seconds=1.0)

    async def use(client: Client) -> tuple[float, float, float]:
        with client.meter("web"):
            await client.get_app("a1")
            await asyncio.gather(client.get_app("a1"), client.get_app("a1"))
        return client.metered("web").held, client.metered("nobody").held, clock.monotonic()

    assert platform.run(use, concurrency=1) == (31.0 + 1.0, 0.0, 31.0 + 4.0)


def test_requests_are_counted_with_repetitions_and_by_meter(clock: VirtualClock) -> None:
    platform = Platform(clock, error(503), ok())

    async def use(client: Client) -> tuple[int, ...]:
        with client.meter("web"):
            await client.get_app("a1")
            with client.meter("inner"):
                await asyncio.create_task(client.get_app("a1"))
        await client.get_app("a1")
        return client.requests, *(client.metered(key).requests for key in ("web", "inner", "nobody"))

    assert platform.run(use) == (4, 2, 1, 0)


def test_a_canceled_request_frees_its_lane(clock: VirtualClock) -> None:
    platform = Platform(clock, ok(), seconds=10.0)

    async def use(client: Client) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await client.get_app("a1")
        platform.seconds = 0.0
        await client.get_app("a1")
        return clock.monotonic()

    assert platform.run(use, concurrency=1) == 1.0


@given(
    st.lists(
        st.sampled_from(
            [
                error(429),
                error(500),
                error(404),
                html(504, "x"),
                cut_short(),
                ok(),
                httpx.ReadTimeout("x"),
                httpx.ConnectError("x"),
            ]
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_happens_a_write_takes_effect_at_most_once(answers: list[Any]) -> None:
    clock = VirtualClock()
    platform = Platform(clock, *answers)

    async def use(client: Client) -> LiveError | None:
        try:
            await client.create_app({"name": "web"})
        except LiveError as problem:
            return problem
        return None

    try:
        problem = platform.run(use)
    finally:
        clock.close()
    played = [answers[min(i, len(answers) - 1)] for i in range(len(platform.requests))]
    harmless = [
        isinstance(answer, httpx.ConnectError) or (isinstance(answer, httpx.Response) and answer.status_code == 429)
        for answer in played
    ]
    assert all(harmless[:-1]), "only what had no effect is repeated"
    if problem is None:
        assert played[-1].status_code == 200
    if isinstance(problem, ApiError):
        assert played[-1].status_code == problem.status
