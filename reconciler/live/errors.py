"""What App Platform's answers mean: error statuses become errors, whatever the answer is made of. Pure.

The platform's own errors are ``{"id", "message", "request_id"}``; gateways before it answer HTML or plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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
from reconciler.live.calls import APPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.live.calls import Call

PER_PAGE = 200
"""Items a page holds at most."""

_STATUS_PAGE = "https://status.digitalocean.com"

UNREADABLE = "the answer makes no sense"

_LONGEST = 500
"""Characters of a message; a gateway's page is no message."""

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
    """The error of an answer whose status is not 2xx; ``request_id`` from its headers, for when the body has none."""
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
    """The error of a call without a usable answer; ``what`` says what came instead, without quoting anything."""
    if call.changes_nothing:
        return unreachable(call, what)
    return AnswerLost(
        f"{call}: {what}, so nobody can tell whether it took effect",
        method=call.method,
        path=call.path,
        hint="look at the app before sending it again",
    )


def elsewhere(problem: LiveError, host: str) -> str:
    """The hint of an error where the address is not the vendor's, so that App Platform may not be there at all."""
    lost = isinstance(problem, TransportFailed | ServerFailed) and _STATUS_PAGE in problem.hint
    if lost or (isinstance(problem, NotFound) and problem.path == APPS):
        return f"look whether App Platform is at {host}, as --api-url or DIGITALOCEAN_API_URL says, and run it again"
    return problem.hint


def mapping(answer: Any, call: Call) -> dict[str, Any]:
    """The answer of a call, as every answer with a body is one object.

    Raises:
        LiveError: it is none.
    """
    if not isinstance(answer, dict):
        raise unusable(call, UNREADABLE)
    return answer


def unreachable(call: Call, what: str, *, hint: str = "") -> TransportFailed:
    """The error of a call that certainly had no effect."""
    return TransportFailed(
        f"{call}: {what}",
        method=call.method,
        path=call.path,
        hint=hint or f"check the connection and {_STATUS_PAGE}, then run it again",
    )


def _hint(call: Call, status: int, message: str) -> str:
    asked = [scope for scope in dict.fromkeys(_SCOPE.findall(message)) if scope != call.scope]
    if status == 401:
        return "the token is unknown, expired or revoked; check DIGITALOCEAN_TOKEN"
    if status == 403 or asked:
        needed = f"this needs a token with the scope {call.scope}"
        return f"{needed}; the answer asks for {', '.join(asked)}" if asked else needed
    if status == 429:
        return "the token's budget is used up (250 requests a minute, 5,000 an hour); run it again later"
    if status >= 500 and not call.changes_nothing:
        return "it may have taken effect all the same: look at the app before sending it again"
    if status >= 500:
        return f"App Platform is in trouble; see {_STATUS_PAGE} and run it again later"
    return ""


def _said(status: int, body: bytes, redact: Callable[[str], str]) -> _Said:
    """What an error's body says, whatever it is made of. A secret goes first: once cut short it is not known again."""
    try:
        told = from_json(body)
    except ValueError:
        return _Said(_page_text(status, body, redact))
    if not isinstance(told, dict):
        return _Said(_phrase(status))
    message = next((told[key] for key in ("message", "error", "detail") if isinstance(told.get(key), str)), "")
    return _Said(tidy(redact(message)) or _phrase(status), _word(told.get("id")), _word(told.get("request_id")))


def _page_text(status: int, body: bytes, redact: Callable[[str], str]) -> str:
    text = redact(body.decode(errors="replace")).strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return f"{tidy(title[1]) if title else _phrase(status)} (an HTML page, not App Platform's own answer)"
    return tidy(text) or _phrase(status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "without a reason"


def _word(value: Any) -> str:
    return tidy(value) if isinstance(value, str) else ""


def tidy(text: str) -> str:
    """A foreign text on one line of bounded length, without what could steer a terminal."""
    text = " ".join(_CONTROL.sub("", text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def tail(log: bytes, lines: int) -> list[str]:
    """The last lines of a log, without blank ones and without what could steer a terminal."""
    kept = [_CONTROL.sub("", line).rstrip() for line in log.decode(errors="replace").splitlines()]
    return [line for line in kept if line][-lines:] if lines > 0 else []


def has_next(page: Mapping[str, Any]) -> bool:
    """Whether a page of a listing says that there is another."""
    links = page.get("links")
    pages = links.get("pages") if isinstance(links, dict) else None
    return isinstance(pages, dict) and bool(pages.get("next"))


def total_of(page: Mapping[str, Any]) -> int:
    """How many items a page says that there are on all pages; 0 where it does not."""
    meta = page.get("meta")
    total = meta.get("total") if isinstance(meta, dict) else None
    return total if isinstance(total, int) and total > 0 else 0


def apps_of(page: Mapping[str, Any], call: Call) -> Sequence[dict[str, Any]]:
    """The apps of a page; an empty account has no list at all.

    Raises:
        LiveError: it is no page of apps. To read it as an empty account would mean to create every app once more.
    """
    items = page.get("apps")
    if items is None and isinstance(page.get("meta"), dict):
        return []
    if not isinstance(items, list):
        raise unusable(call, "the answer has no list of apps")
    if not all(isinstance(item, dict) and item.get("id") for item in items):
        raise unusable(call, "the answer has an app without an id")
    return items


def items_of(page: Mapping[str, Any], key: str) -> Sequence[dict[str, Any]]:
    """The items of a page; of nothing there is no list at all."""
    items = page.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def without_past_progress(app: dict[str, Any]) -> dict[str, Any]:
    """An app whose active and pinned deployments are without the steps that made them."""
    for role in ("active_deployment", "pinned_deployment"):
        deployment = app.get(role)
        if isinstance(deployment, dict) and "progress" in deployment:
            app[role] = {name: value for name, value in deployment.items() if name != "progress"}
    return app


def secrets_in(spec: Mapping[str, Any]) -> frozenset[str]:
    """The plaintext of every secret in an app spec, so that an error quoting the request does not show it."""
    from reconciler.appspec.secrets import secrets  # only errors need it

    return frozenset(str(value) for _, value in secrets(spec))
