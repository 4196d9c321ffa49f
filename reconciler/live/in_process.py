"""The way to an App Platform that runs in this very process: the embedded sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PER_MINUTE = 1_000_000
"""The embedded sandbox has no rate limit of its own: the client's budget is as good as none."""


def transport(app: ASGIApp) -> httpx.AsyncBaseTransport:
    """A transport for `live.client.Client` that calls an ASGI app."""
    return httpx.ASGITransport(app=app)
