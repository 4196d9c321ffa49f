"""Tokens, scopes and rate limits; tickets for logs and consoles."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import deque
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from reconciler.sandbox.http.request import Operation
    from reconciler.sandbox.settings import Settings

_MINUTE, _HOUR = 60.0, 3600.0
_SHOWN = 5000
"""The hourly limit in headers while none is enforced: the platform's."""


def bearer(header: str | None, settings: Settings) -> str:
    """The token of an Authorization header.

    Raises:
        HTTPException: 401 if it is missing or unknown.
    """
    kind, _, token = (header or "").partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token or (settings.tokens and token not in settings.tokens):
        raise HTTPException(401, "Unable to authenticate you")
    return token


def require_scope(token: str, operation: Operation, settings: Settings, *, databases: bool) -> None:
    """Check the token's scopes. A spec with managed databases needs ``database:read`` as well.

    Raises:
        HTTPException: 403, naming the missing scope.
    """
    scopes = settings.tokens.get(token, ("*",))
    if "*" in scopes:
        return
    needed = [operation.scope, *(["database:read"] if databases else [])]
    for scope in needed:
        if scope not in scopes:
            raise HTTPException(403, f"You are missing the required permission {scope}")


def ticket(key: bytes, *parts: str) -> str:
    """An unguessable value that makes the URL of a log or a console work without a token."""
    return hmac.digest(key, "/".join(parts).encode(), hashlib.sha256).hex()[:32]


class Limiter:
    """Counts the requests of each token within the last minute and hour; in memory, so each process counts its own."""

    def __init__(self) -> None:
        self._asked: dict[str, deque[float]] = {}

    def admit(self, token: str, now: float, settings: Settings) -> dict[str, str]:
        """Count a request; return the ``ratelimit-*`` headers.

        Raises:
            HTTPException: 429; with ``retry-after`` if the limit per minute is exhausted.
        """
        minute, hour = settings.rate_per_minute, settings.rate_per_hour
        if minute is None and hour is None:
            return _headers(_SHOWN, _SHOWN - 1, now + _HOUR)
        asked = self._asked.setdefault(token, deque())
        while asked and asked[0] <= now - _HOUR:
            asked.popleft()
        limit = hour if hour is not None else _SHOWN
        reset = (asked[0] if asked else now) + _HOUR
        if hour is not None and len(asked) >= hour:
            raise _spent(_headers(limit, 0, reset))
        recent = [at for at in asked if at > now - _MINUTE] if minute is not None else []
        left = max(0, limit - len(asked))
        if minute is not None and len(recent) >= minute:
            wait = max(1, math.ceil(recent[-minute] + _MINUTE - now))
            raise _spent({**_headers(limit, left, reset), "retry-after": str(wait)})
        asked.append(now)
        return _headers(limit, max(0, left - 1), reset)


def _headers(limit: int, left: int, reset: float) -> dict[str, str]:
    return {
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(left),
        "ratelimit-reset": str(math.ceil(reset)),
    }


def _spent(headers: dict[str, str]) -> HTTPException:
    return HTTPException(429, "API Rate limit exceeded.", headers)
