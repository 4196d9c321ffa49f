"""A receiver of webhooks that checks what it gets as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class Receiver:
    """`answers` are the statuses of the next requests; then it takes everything that is signed, if that is wanted."""

    signed: bool = True
    answers: list[int] = field(default_factory=list)
    tries: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    """The messages that it took."""

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST"])])

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(app=self.app())

    def reset(self) -> None:
        for kept in (self.answers, self.tries, self.bodies, self.events):
            kept.clear()

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        self.tries.append(dict(request.headers))
        self.bodies.append(body)
        status = self.answers.pop(0) if self.answers else 204
        if status < 300 and self.signed:
            assert verified(dict(request.headers), body)
            self.events.append(json.loads(body))
        return Response(status_code=status, headers={"location": "/elsewhere"} if status == 302 else {})

    def titles(self) -> list[str]:
        return [event["data"]["title"] for event in self.events]


def verified(headers: dict[str, str], body: bytes) -> bool:
    """Whether the signature is right."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")
