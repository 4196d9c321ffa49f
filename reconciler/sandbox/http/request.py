"""A call of an operation: who may make it and how often, the errors it may end in, and paginated lists."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from reconciler.sandbox.simulation.store import App, Deployment, Tree, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.sandbox.settings import Settings
    from reconciler.sandbox.simulation.simulation import Platform

MAX_PER_PAGE = 200
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def not_found() -> HTTPException:
    """404 in the platform's words."""
    return HTTPException(404, "The resource you were accessing could not be found.")


def bad_request(message: str) -> HTTPException:
    """400: the request itself is invalid."""
    return HTTPException(400, message)


def require_uuid(value: str) -> str:
    """The value, which must be a UUID.

    Raises:
        HTTPException: 400.
    """
    if not _UUID.fullmatch(value):
        raise bad_request("invalid uuid")
    return value


def conflict(message: str) -> HTTPException:
    """409: the state of the app, or another app, does not allow it."""
    return HTTPException(409, message)


@dataclass(slots=True)
class Call:
    """One call: ``params`` of its path, ``query`` (name: values), the parsed ``body``, and the platform it runs on."""

    platform: Platform
    params: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Any
    base_url: str
    path: str

    @property
    def settings(self) -> Settings:
        """The sandbox's settings."""
        return self.platform.settings

    def app(self, name: str = "app_id") -> App:
        """The app that the path names.

        Raises:
            HTTPException: 404.
        """
        app = self.platform.tx.app(self.params[name])
        if app is None:
            raise not_found()
        return app

    def deployment(self, app: App, deployment_id: str | None = None) -> Deployment:
        """The deployment with an id, or that the path names; it must belong to the app.

        Raises:
            HTTPException: 404; 400 if the id is malformed.
        """
        deployment = self.platform.tx.deployment(require_uuid(deployment_id or self.params["deployment_id"]))
        if deployment is None or deployment.app_id != app.id:
            raise not_found()
        return deployment

    def record(self) -> Tree:
        """The body as an object; a missing body is an empty object.

        Raises:
            HTTPException: 400.
        """
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise bad_request("the body must be a JSON object")
        return self.body

    def field(self, name: str, kind: type, default: Any = None) -> Any:
        """A field of the body; null is the same as absent.

        Raises:
            HTTPException: 400 if it has the wrong type.
        """
        value = self.record().get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise bad_request(f"{name} must be a {kind.__name__}")
        return value

    def strings(self, name: str) -> list[str]:
        """A list of strings in the body; absent: empty.

        Raises:
            HTTPException: 400.
        """
        value: list[Any] = self.field(name, list, [])
        if not all(isinstance(item, str) for item in value):
            raise bad_request(f"{name} must be a list of strings")
        return value

    def one(self, name: str, default: str = "") -> str:
        """A single parameter of the query."""
        values = self.query.get(name)
        return values[-1] if values else default

    def many(self, name: str, choices: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list in the query, written ``a=x&a=y`` or ``a=x,y``.

        Raises:
            HTTPException: 400 for a value that is not among the choices.
        """
        values = [part for value in self.query.get(name, []) for part in value.split(",") if part]
        if choices and not set(values) <= set(choices):
            raise bad_request(f"{name} is one of {', '.join(choices)}")
        return tuple(values)

    def flag(self, name: str) -> bool:
        """A boolean in the query.

        Raises:
            HTTPException: 400.
        """
        value = self.one(name, "false").lower()
        if value not in ("true", "false", "1", "0", "t", "f"):
            raise bad_request(f"{name} must be true or false")
        return value in ("true", "1", "t")

    def number(self, name: str, default: int, most: int) -> int:
        """A number in the query, from 1 to ``most``.

        Raises:
            HTTPException: 400.
        """
        text = self.one(name) or str(default)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise bad_request(f"{name} must be a number from 1 to {most}")
        return int(text)


def require_unpinned(app: App) -> None:
    """Refuse to deploy an app that is pinned.

    Raises:
        HTTPException: 409.
    """
    if app.pinned:
        raise conflict("app is pinned to a rollback deployment; commit or revert the rollback to resume deployments")


class Page(NamedTuple):
    """The requested page, and the number of items before it."""

    number: int
    size: int
    offset: int


def page_of(call: Call) -> Page:
    """``page`` (from 1) and ``per_page`` (1 to 200, default 20) of the query.

    Raises:
        HTTPException: 400 for anything else.
    """
    number, size = call.number("page", 1, 2**31), call.number("per_page", 20, MAX_PER_PAGE)
    return Page(number, size, min((number - 1) * size, 2**62))


def listing(call: Call, name: str, items: list[str], page: Page, total: int) -> str:
    """A page of items (each of them JSON text) in the platform's envelope, with links to the other pages."""
    last = max(1, -(-total // page.size))
    pages: dict[str, int] = {}
    if page.number > 1:
        pages |= {"first": 1, "prev": min(page.number - 1, last)}
    if page.number < last:
        pages |= {"next": page.number + 1, "last": last}
    others = [(key, value) for key, values in call.query.items() if key not in ("page", "per_page") for value in values]

    def link(number: int) -> str:
        query = urlencode([*others, ("page", number), ("per_page", page.size)])
        return f"{call.base_url}{call.path}?{query}"

    links = dumps({"pages": {key: link(number) for key, number in pages.items()}})
    return f'{{"{name}":[{",".join(items)}],"links":{links},"meta":{{"total":{total}}}}}'


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its id, method and path in the API description, and the token scope it needs.

    ``serve`` returns JSON text with `render.BASE` in place of the sandbox's address. ``writes``: it needs a write
    transaction.
    """

    id: str
    method: str
    path: str
    scope: str
    serve: Callable[[Call], str]
    writes: bool = False


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
        limit, reset = _SHOWN if hour is None else hour, (asked[0] if asked else now) + _HOUR
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
