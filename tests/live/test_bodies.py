"""Bodies are bounded: in what is sent, in what it unpacks to, and in what is kept of it."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from reconciler.errors import AnswerLost, LiveError, TransportFailed
from reconciler.live import fetch
from reconciler.live.client import Client
from reconciler.live.models import LogLinks
from tests.live.fakes import APP, Platform, ok
from tests.support.virtual_time import VirtualClock

LINKS = LogLinks(historic_urls=("https://logs.example/1",))


def packed(content: bytes, coding: str = "gzip") -> httpx.Response:
    pack = gzip.compress if "gzip" in coding else zlib.compress
    return Raw(pack(content), {"content-encoding": coding})


class Raw(httpx.Response):
    """An answer whose body is sent as it stands, whatever its headers say of it."""

    def __init__(self, content: bytes, headers: dict[str, str]) -> None:
        super().__init__(200, headers=headers, stream=_Stream(content))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000


def answering(clock: VirtualClock, make: Any) -> Platform:
    return Platform(clock, lambda request: make())


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", " GZIP "])
def test_a_packed_answer_is_unpacked(clock: VirtualClock, coding: str) -> None:
    body = httpx.Response(200, json={"app": APP}).content
    platform = answering(clock, lambda: packed(body, coding.strip().lower()))
    assert platform.run(lambda client: client.get_app("a1")).id == "a1"
    assert platform.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("make", [lambda: httpx.Response(200, stream=Endless()), lambda: packed(bytes(5 << 20))])
def test_an_answer_that_is_too_large_ends_and_is_not_read_again(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    monkeypatch.setattr(fetch, "MOST", 1 << 20)
    platform = answering(clock, make)
    with pytest.raises(TransportFailed, match="the response is larger than 1 MiB"):
        platform.run(lambda client: client.get_app("a1"))
    with pytest.raises(AnswerLost, match="larger than 1 MiB, so it may or may not have taken effect"):
        platform.run(lambda client: client.create_app({"name": "web"}))
    assert len(platform.requests) == 2


def test_an_answer_is_never_unpacked_much_beyond_the_limit(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < 100_000
    platform = answering(clock, lambda: Raw(bomb, {"content-encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(LiveError):
            platform.run(lambda client: client.get_app("a1"))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_is_packed_twice_or_otherwise_is_no_json(clock: VirtualClock) -> None:
    twice = gzip.compress(gzip.compress(bytes(1000)))
    for coding in ("gzip, gzip", "br", "gzip"):
        with pytest.raises(TransportFailed):
            answering(clock, lambda coding=coding: Raw(twice, {"content-encoding": coding})).run(
                lambda client: client.get_app("a1")
            )


@pytest.mark.parametrize("limit", [7, 70_000])
def test_a_probe_and_a_log_keep_so_much_of_a_packed_body(clock: VirtualClock, limit: int) -> None:
    platform = answering(clock, lambda: packed(b"again\n" * 100_000))

    async def use(client: Client) -> tuple[str, list[str]]:
        answer = await client.probe("https://web.example/", body_limit=limit)
        return answer.body, await client.log_tail(LINKS, 2)

    body, lines = platform.run(use)
    assert body == ("again\n" * 100_000)[:limit]
    assert lines == ["again", "again"]


def test_a_platform_that_answers_with_empty_objects_says_that_there_is_none(clock: VirtualClock) -> None:
    roles = ("active_deployment", "in_progress_deployment", "pending_deployment", "pinned_deployment")
    empty = {"id": "", "spec": {}, "progress": {}, "cause_details": None}
    for nothing in ({}, empty, None, [], "", 0, False):
        platform = Platform(clock, ok({"app": {"id": "a1", **dict.fromkeys(roles, nothing)}}))
        app = platform.run(lambda client: client.get_app("a1"))
        assert [getattr(app, role) for role in roles] == [None] * 4
    rest = {"progress": {}, "cause_details": {"type": "", "digitalocean_user_action": {}}, "created_at": {}}
    platform = Platform(clock, ok({"deployment": {"id": "d1", **rest}}))
    deployment = platform.run(lambda client: client.get_deployment("a1", "d1"))
    assert (deployment.progress, deployment.cause_details, deployment.created_at) == (None, None, None)
    assert not deployment.is_rollback


@pytest.mark.parametrize(
    "body", [{"app": {}}, {"app": None}, {}, {"deployment": {}}, {"app": {"spec": {"name": "web"}}}]
)
def test_an_app_or_a_deployment_without_an_id_is_no_answer(clock: VirtualClock, body: dict[str, Any]) -> None:
    with pytest.raises(TransportFailed, match="unexpected response"):
        Platform(clock, ok(body)).run(lambda client: client.get_app("a1"))
    with pytest.raises(TransportFailed, match="unexpected response"):
        Platform(clock, ok(body)).run(lambda client: client.get_deployment("a1", "d1"))
