"""A call of App Platform's API: its operation, path and token scope, and what its response says. Pure.

The platform's own errors are ``{"id", "message", "request_id"}``; gateways in front of it answer HTML or plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from pydantic_core import from_json

from reconciler.errors import (
    AnswerLost,
    ApiError,
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    Rejected,
    ServerFailed,
    TransportFailed,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


APPS = "/v2/apps"

READ, CREATE, UPDATE, DELETE = "app:read", "app:create", "app:update", "app:delete"
"""The token scopes, as the API reference names them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: method, path and the token scope it needs.

    ``changes_nothing``: it may be retried like a read, whatever its method.
    """

    method: str
    path: str
    scope: str
    changes_nothing: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read(path: str) -> Call:
    """A GET."""
    return Call("GET", path, READ, changes_nothing=True)


ACCOUNT = Call("GET", "/v2/account", "account:read", changes_nothing=True)
"""The account of the token (vendor's API reference, Account); the only operation outside `APPS`."""


def write(method: str, path: str, scope: str = UPDATE) -> Call:
    """An operation that may change something."""
    return Call(method, path, scope, changes_nothing=False)


def question(path: str, scope: str) -> Call:
    """A POST that changes nothing."""
    return Call("POST", path, scope, changes_nothing=True)


_LONGEST_ID = 255
"""Maximum length of an id in characters; the platform's are UUIDs, and names of components are shorter."""


def quoted(part: str) -> str:
    """Quote one segment of a path, which an earlier answer named.

    Raises:
        Rejected: it is no id, as the platform says of a malformed one: an empty or dotted one would address something
            else, and a long one nothing. No request was sent.
    """
    if part.strip(".") == "" or len(part) > _LONGEST_ID:
        raise Rejected(f"{part[:40]!r} is not an id", method="GET", path=APPS, status=HTTPStatus.BAD_REQUEST)
    return quote(part, safe="")


def named(call: Call) -> str:
    """The id that the path of a call ends with."""
    return unquote(call.path.rpartition("/")[2])


def app_path(app_id: str) -> str:
    """The path of an app."""
    return f"{APPS}/{quoted(app_id)}"


def deployment_path(app_id: str, deployment_id: str) -> str:
    """The path of a deployment."""
    return f"{app_path(app_id)}/deployments/{quoted(deployment_id)}"


PER_PAGE = 200
"""Maximum number of items per page."""

_STATUS_PAGE = "https://status.digitalocean.com"

UNREADABLE = "unexpected response"

_LONGEST = 500
"""Maximum length of a message in characters; a gateway's whole page is longer."""

_KINDS: Mapping[int, type[ApiError]] = {
    400: Rejected,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    422: Rejected,
    429: RateLimited,
}

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_SCOPE = re.compile(r"\b[a-z_]+:(?:read|create|update|delete|admin|access_[a-z]+|view_[a-z]+)\b")
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class _Said:
    message: str
    error_id: str = ""
    request_id: str = ""


def error_for(
    call: Call, status: int, body: bytes, *, request_id: str = "", redact: Callable[[str], str] = str
) -> ApiError:
    """The error for a response whose status is not 2xx; ``request_id`` from its headers, in case the body has none."""
    said = _said(status, body, redact)
    request_id = said.request_id or request_id
    known = ", ".join(
        part for part in (said.error_id and f"id {said.error_id}", request_id and f"request {request_id}") if part
    )
    message = f"{call}: {status} {said.message.removeprefix(f'{status} ')}" + (f" ({known})" if known else "")
    kind = ServerFailed if status >= 500 else _KINDS.get(status, ApiError)
    return kind(
        redact(message),
        method=call.method,
        path=call.path,
        status=status,
        error_id=redact(said.error_id),
        request_id=redact(request_id),
        hint=_hint(call, status, said.message),
    )


def unusable(call: Call, what: str) -> LiveError:
    """The error for a call without a usable response; ``what`` says what came instead, without quoting it."""
    if call.changes_nothing:
        return unreachable(call, what)
    return AnswerLost(
        f"{call}: {what}, so it may or may not have taken effect",
        method=call.method,
        path=call.path,
        hint="check the app before trying again",
    )


def elsewhere(problem: LiveError, host: str) -> str:
    """The hint of an error if the address is not the vendor's, so that App Platform may not be there at all."""
    lost = isinstance(problem, TransportFailed | ServerFailed) and _STATUS_PAGE in problem.hint
    if lost or (isinstance(problem, NotFound) and problem.path == APPS):
        return f"check that App Platform is at {host} (--api-url or DIGITALOCEAN_API_URL), then run it again"
    return problem.hint


def mapping(answer: Any, call: Call) -> dict[str, Any]:
    """The response of a call as an object, which every non-empty response is.

    Raises:
        LiveError: it is not an object.
    """
    if not isinstance(answer, dict):
        raise unusable(call, UNREADABLE)
    return answer


def unreachable(call: Call, what: str, *, hint: str = "") -> TransportFailed:
    """The error for a call that certainly had no effect."""
    return TransportFailed(
        f"{call}: {what}",
        method=call.method,
        path=call.path,
        hint=hint or f"check the connection and {_STATUS_PAGE}, then run it again",
    )


def _hint(call: Call, status: int, message: str) -> str:
    asked = [scope for scope in dict.fromkeys(_SCOPE.findall(message)) if scope != call.scope]
    if status == 401:
        return "the token is invalid, expired or revoked; check DIGITALOCEAN_TOKEN"
    if status == 403 or asked:
        needed = f"the token needs the scope {call.scope}"
        return f"{needed}; the response asks for {', '.join(asked)}" if asked else needed
    if status == 429:
        return "the token's rate limit is exhausted (250 requests a minute, 5,000 an hour); try again later"
    if status >= 500 and not call.changes_nothing:
        return "it may still have taken effect: check the app before trying again"
    if status >= 500:
        return f"App Platform has problems; see {_STATUS_PAGE} and try again later"
    return ""


def _said(status: int, body: bytes, redact: Callable[[str], str]) -> _Said:
    """What an error's body says, in any format. Secrets are redacted first: a truncated one would not be recognised."""
    try:
        parsed = from_json(body)
    except ValueError:
        return _Said(_page_text(status, body, redact))
    if not isinstance(parsed, dict):
        return _Said(_phrase(status))
    message = next((parsed[key] for key in ("message", "error", "detail") if isinstance(parsed.get(key), str)), "")
    return _Said(tidy(redact(message)) or _phrase(status), _word(parsed.get("id")), _word(parsed.get("request_id")))


def _page_text(status: int, body: bytes, redact: Callable[[str], str]) -> str:
    text = redact(body.decode(errors="replace")).strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return f"{tidy(title[1]) if title else _phrase(status)} (an HTML page, not a response of App Platform itself)"
    return tidy(text) or _phrase(status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def _word(value: Any) -> str:
    return tidy(value) if isinstance(value, str) else ""


def tidy(text: str) -> str:
    """Untrusted text on one line of bounded length, without terminal control sequences."""
    text = " ".join(_CONTROL.sub("", text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def tail(log: bytes, lines: int) -> list[str]:
    """The last lines of a log, without blank ones and without terminal control sequences."""
    kept = [_CONTROL.sub("", line).rstrip() for line in log.decode(errors="replace").splitlines()]
    return [line for line in kept if line][-lines:] if lines > 0 else []


def has_next(page: Mapping[str, Any]) -> bool:
    """Whether a page of a listing links to another."""
    links = page.get("links")
    pages = links.get("pages") if isinstance(links, dict) else None
    return isinstance(pages, dict) and bool(pages.get("next"))


def total_of(page: Mapping[str, Any]) -> int:
    """The number of items on all pages according to a page; 0 if it does not say."""
    meta = page.get("meta")
    total = meta.get("total") if isinstance(meta, dict) else None
    return total if isinstance(total, int) and total > 0 else 0


def apps_of(page: Mapping[str, Any], call: Call) -> Sequence[dict[str, Any]]:
    """The apps of a page; an empty account omits the list.

    Raises:
        LiveError: it is not a page of apps. Reading it as an empty account would create every app again.
    """
    items = page.get("apps")
    if items is None and isinstance(page.get("meta"), dict):
        return []
    if not isinstance(items, list):
        raise unusable(call, "the response has no list of apps")
    if not all(isinstance(item, dict) and item.get("id") for item in items):
        raise unusable(call, "the response has an app without an id")
    return items


def items_of(page: Mapping[str, Any], key: str) -> Sequence[dict[str, Any]]:
    """The items of a page; the list is omitted if there are none."""
    items = page.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def without_past_progress(app: dict[str, Any]) -> dict[str, Any]:
    """The app without the progress of its active and pinned deployments."""
    for role in ("active_deployment", "pinned_deployment"):
        deployment = app.get(role)
        if isinstance(deployment, dict) and "progress" in deployment:
            app[role] = {name: value for name, value in deployment.items() if name != "progress"}
    return app


def secrets_in(body: Mapping[str, Any] | None) -> frozenset[str]:
    """The plaintext of every secret in a request's body, so that an error that quotes it does not show it."""
    body = body or {}
    hooks = frozenset(str(hook.get("url") or "") for hook in body.get("slack_webhooks") or ()) - {""}
    if "spec" not in body:
        return hooks
    from reconciler.appspec.secrets import secrets  # only errors need it

    return frozenset(str(value) for _, value in secrets(body["spec"]))
