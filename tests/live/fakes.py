"""A scripted App Platform: answers in order, the last one again and again; every request is kept with its time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import httpx

from reconciler.live.client import Client
from tests.support.virtual_time import VirtualClock

T = TypeVar("T")
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

TOKEN = "dop_v1_0123456789abcdef"
APP = {"id": "a1", "spec": {"name": "web"}}
DEPLOYMENT = {"id": "d1", "phase": "ACTIVE", "spec": {"name": "web"}}


def ok(body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=body if body is not None else {"app": APP}, headers=_spelled(headers))


def error(status: int, error_id: str = "", message: str = "no", **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"id": error_id, "message": message, "request_id": "r-1"}, headers=_spelled(headers)
    )


def html(status: int, title: str) -> httpx.Response:
    return httpx.Response(status, html=f"<html><head><title>{title}</title></head><body>no</body></html>")


def _spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class CutShort(httpx.AsyncByteStream):
    """A body whose connection ends in the middle."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"app": {"id"'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def cut_short() -> httpx.Response:
    return httpx.Response(200, stream=CutShort())


class Platform:
    """The fake. ``seconds`` is how long an answer takes."""

    def __init__(self, clock: VirtualClock, *answers: Answer, seconds: float = 0.0) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.seconds = seconds
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []
        self.busy = 0
        self.busiest = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(self.clock.monotonic())
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await self.clock.sleep(self.seconds)
        finally:
            self.busy -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return _again(answer)
        return answer(request)

    @property
    def seen(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content)

    def client(self, **options: Any) -> Client:
        options = {"random": lambda: 1.0, "clock": self.clock} | options
        return Client(TOKEN, transport=httpx.MockTransport(self), **options)

    def run(self, use: Callable[[Client], Awaitable[T]], **options: Any) -> T:
        """What a use of a fresh client gives."""

        async def main() -> T:
            async with self.client(**options) as client:
                return await use(client)

        coroutine: Coroutine[Any, Any, T] = main()
        return self.clock.run(coroutine)


def _again(answer: httpx.Response) -> httpx.Response:
    """The same answer, unread."""
    if isinstance(answer.stream, CutShort):
        return cut_short()
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
