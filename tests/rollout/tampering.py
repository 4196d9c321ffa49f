"""A stage whose platform answers some requests otherwise than the sandbox does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from reconciler.live.client import Client
from tests.rollout.stage import Stage

T = TypeVar("T")
Answer = httpx.Response | Exception | None
"""What is answered instead; None: what the sandbox answers."""


class Tampered(Stage):
    """``tamper(request)`` is asked first; ``after(request, response)`` may change what the sandbox answered."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tamper: Callable[[httpx.Request], Answer] = lambda _: None
        self.after: Callable[[httpx.Request, Any], Any] = lambda _, body: body
        self.sent: list[str] = []

    def run(self, use: Callable[[Client], Awaitable[T]]) -> T:
        inner = httpx.ASGITransport(app=self.box.asgi)

        async def answer(request: httpx.Request) -> httpx.Response:
            self.sent.append(f"{request.method} {request.url.path}")
            instead = self.tamper(request)
            if isinstance(instead, Exception):
                raise instead
            if instead is not None:
                return instead
            response = await inner.handle_async_request(request)
            await response.aread()
            if not response.is_success or not response.content.startswith(b"{"):
                return httpx.Response(response.status_code, headers=response.headers, content=response.content)
            return httpx.Response(response.status_code, json=self.after(request, response.json()))

        async def main() -> T:
            transport = httpx.MockTransport(answer)
            async with Client("tok", transport=transport, base_url="http://sandbox", clock=self.clock) as client:
                return await use(client)

        return self.clock.run(main())

    def probes(self) -> int:
        """How many requests the app itself was sent."""
        return sum("/_live/" in line for line in self.sent)

    def writes(self) -> list[str]:
        """The rollbacks, commits and updates that were sent."""
        return [line for line in self.sent if not line.startswith("GET ") and "/_live/" not in line]


def refused(status: int, message: str = "no") -> httpx.Response:
    """An error as the platform writes it."""
    return httpx.Response(status, json={"id": "forbidden", "message": message, "request_id": "r-1"})
