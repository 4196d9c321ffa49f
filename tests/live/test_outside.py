"""Logs and probes: fetched without the token, bounded, and never a reason to stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from reconciler.live import fetch
from reconciler.live.client import Client
from reconciler.live.fetch import ProbeAnswer
from reconciler.live.models import LogLinks
from tests.live.fakes import TOKEN, CutShort, Platform
from tests.support.virtual_time import VirtualClock

LINKS = LogLinks(historic_urls=("https://logs.example/1?signature=s3cr3t",))


def text(content: str | bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=content)


def tail(clock: VirtualClock, answer: Any, *, lines: int = 20, links: LogLinks = LINKS) -> list[str]:
    return Platform(clock, answer).run(lambda client: client.log_tail(links, lines))


def test_a_log_is_fetched_without_the_token_and_counts_as_no_request(clock: VirtualClock) -> None:
    platform = Platform(clock, text("one\ntwo\n"))

    async def use(client: Client) -> tuple[list[str], int]:
        return await client.log_tail(LINKS), client.requests

    assert platform.run(use) == (["one", "two"], 0)
    assert "authorization" not in platform.requests[0].headers


def test_only_the_last_lines_are_kept(clock: VirtualClock) -> None:
    log = "\n".join(f"line {number}" for number in range(100_000))
    assert tail(clock, text(log), lines=2) == ["line 99998", "line 99999"]
    assert tail(clock, text(log), lines=0) == []


def test_files_are_read_from_the_last_until_there_are_enough_lines(clock: VirtualClock) -> None:
    links = LogLinks(historic_urls=tuple(f"https://logs.example/{name}" for name in "abc"))
    platform = Platform(clock, text("c1"), text("b1\nb2\nb3"), text("a1"))
    assert platform.run(lambda client: client.log_tail(links, 3)) == ["b2", "b3", "c1"]
    assert [request.url.path for request in platform.requests] == ["/c", "/b"]


def test_what_could_steer_a_terminal_is_taken_out(clock: VirtualClock) -> None:
    log = b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07\ttab\x9b2J \xff\n\n   \n"
    assert tail(clock, text(log)) == ["red", "]0;title\ttab�2J �"]


def test_the_token_is_taken_out_of_a_log(clock: VirtualClock) -> None:
    assert tail(clock, text(f"curl -H 'Authorization: Bearer {TOKEN}'")) == ["curl -H 'Authorization: Bearer (secret)'"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (text("<Error/>", 403), ["(the log could not be read: 403)"]),
        (httpx.ReadTimeout("x"), ["(the log could not be read: ReadTimeout)"]),
        (httpx.Response(200, stream=CutShort()), ['{"app": {"id"', "(the log could not be read: RemoteProtocolError)"]),
    ],
)
def test_a_log_that_cannot_be_read_says_so_without_its_address(
    clock: VirtualClock, answer: Any, told: list[str]
) -> None:
    assert tail(clock, answer) == told


@pytest.mark.parametrize("url", ["", "nonsense", "wss://logs.example/live", "http://[::1"])
def test_an_address_of_a_log_may_be_anything(clock: VirtualClock, url: str) -> None:
    async def use(client: Client) -> list[str]:
        return await client.log_tail(LogLinks(historic_urls=(url,)))

    async def main() -> list[str]:
        async with Client(TOKEN, clock=clock) as client:
            return await use(client)

    (line,) = clock.run(main())
    assert line.startswith("(the log could not be read: ")


def test_there_may_be_no_log(clock: VirtualClock) -> None:
    assert tail(clock, text("x"), links=LogLinks(live_url="wss://logs.example/live")) == []


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"again\n" * 10_000


def test_an_endless_log_ends(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LOG_MOST", 1 << 20)
    platform = Platform(clock, lambda request: httpx.Response(200, stream=Endless()))
    assert platform.run(lambda client: client.log_tail(LINKS, 2)) == ["again", "again"]


def probe(clock: VirtualClock, answer: Any, *, seconds: float = 0.0, **options: Any) -> ProbeAnswer:
    platform = Platform(clock, answer, seconds=seconds)
    return platform.run(lambda client: client.probe("https://web.example/healthz", **options))


def test_a_probe_tells_status_and_body_and_carries_no_token(clock: VirtualClock) -> None:
    platform = Platform(clock, text("fine", 503))

    async def use(client: Client) -> tuple[ProbeAnswer, int]:
        answer = await client.probe("https://web.example/healthz", method="POST", headers={"x-key": "k"})
        return answer, client.requests

    assert platform.run(use) == (ProbeAnswer(503, "fine"), 0)
    (request,) = platform.requests
    assert (request.method, request.headers["x-key"]) == ("POST", "k")
    assert "authorization" not in request.headers


def test_no_cookie_of_an_answer_is_sent_with_the_next_request(clock: VirtualClock) -> None:
    app = httpx.Response(200, json={"app": {"id": "a1"}}, headers={"set-cookie": "instance=1; Path=/"})
    platform = Platform(clock, *[app, httpx.Response(200, headers={"set-cookie": "instance=1; Path=/"})] * 2)

    async def use(client: Client) -> None:
        for _ in range(2):
            await client.get_app("a1")
            await client.probe("https://web.example/up")

    platform.run(use)
    assert len(platform.requests) == 4
    assert not any("cookie" in request.headers for request in platform.requests)


def test_a_client_that_keeps_no_cookies_takes_none() -> None:
    with pytest.raises(AttributeError, match="keeps no cookies"):
        fetch.Stateless().cookies = {"a": "b"}


def test_a_probe_follows_no_redirect(clock: VirtualClock) -> None:
    answer = httpx.Response(301, headers={"location": "https://elsewhere.example/"})
    assert probe(clock, answer) == ProbeAnswer(301)


def test_a_probe_keeps_but_the_beginning_of_a_body(clock: VirtualClock) -> None:
    assert probe(clock, lambda request: httpx.Response(200, stream=Endless()), body_limit=7).body == "again\na"


def test_a_probe_ends_in_time(clock: VirtualClock) -> None:
    assert probe(clock, text("late"), seconds=60.0, timeout=3.0) == ProbeAnswer(error="no response within 3 s")
    assert clock.monotonic() == 3.0


@pytest.mark.parametrize(
    ("failure", "told", "sent"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "[Errno 111] Connection refused", False),
        (httpx.ConnectTimeout("x"), "no response within 10 s", False),
        (httpx.ReadTimeout("x"), "no response within 10 s", True),
        (httpx.RemoteProtocolError("Server disconnected"), "Server disconnected", True),
        (httpx.ReadError(""), "ReadError", True),
        (httpx.ProxyError("403 from http://user:s3cr3t@proxy"), "ProxyError", False),
        (httpx.LocalProtocolError("Illegal header value b's3cr3t'"), "LocalProtocolError", False),
    ],
)
def test_c57_a_probe_without_an_answer_says_why_and_whether_it_was_sent(
    clock: VirtualClock, failure: Exception, told: str, sent: bool
) -> None:
    assert probe(clock, failure) == ProbeAnswer(error=told, sent=sent)


@pytest.mark.parametrize("headers", [{"x-key": "schlüssel-s3cr3t"}, {"x-key": "s3cr3t\nx: y"}, {"": "s3cr3t"}])
def test_a_probe_that_cannot_be_sent_shows_no_header(clock: VirtualClock, headers: dict[str, str]) -> None:
    async def main() -> ProbeAnswer:
        async with Client(TOKEN) as client:
            return await client.probe("http://127.0.0.1:9/", headers=headers, timeout=1.0)

    answer = clock.run(main())
    assert answer.status is None
    assert answer.error
    assert "s3cr3t" not in answer.error


@pytest.mark.parametrize("url", ["", "/healthz", "ftp://x/", "http://[::1"])
def test_a_probe_takes_any_address(clock: VirtualClock, url: str) -> None:
    async def main() -> ProbeAnswer:
        async with Client(TOKEN, clock=clock) as client:
            return await client.probe(url)

    answer = clock.run(main())
    assert answer.status is None
    assert answer.error


def test_tls_is_verified_unless_the_probe_says_otherwise(clock: VirtualClock) -> None:
    fetches = fetch.Outside()
    modes = [fetches._client(verify_tls=verify)._transport._pool._ssl_context.verify_mode for verify in (True, False)]  # type: ignore[attr-defined]
    assert [mode.name for mode in modes] == ["CERT_REQUIRED", "CERT_NONE"]
    clock.run(fetches.aclose())
