"""A small GitHub client: pagination, rate limits, and retries where they are safe.

Facts from GitHub's REST documentation: 100 entries per page and ``Link`` headers ("Using pagination"); 403 or 429
with ``retry-after`` or ``x-ratelimit-remaining: 0`` when limited, at least a minute's pause if neither says how long
("Rate limits for the REST API"); one request at a time for what writes ("Best practices").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from reconciler.errors import ReconcileError
from reconciler.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import httpx

    from reconciler.clock import Clock

PAGE = 100
"""Entries per page, GitHub's maximum."""

_ATTEMPTS = 5
_TIMEOUT = 30.0
_PATIENCE = 180.0
_UNSAID_PAUSE = 60.0
_LOST = frozenset({500, 502, 503, 504})


class GitHubError(ReconcileError):
    """GitHub could not be reached, or refused; ``status`` is 0 without a response. Holds neither token nor body."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def sentence(self) -> str:
        """The message, with the permission that is missing."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    @property
    def forbidden(self) -> bool:
        """Whether the token lacks the permission, or cannot even see the object."""
        return self.status in (401, 403, 404)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A request that failed. ``pause`` in seconds, None for a backoff; ``untouched``: it had no effect."""

    error: GitHubError
    untouched: bool
    pause: float | None = None
    limited: bool = False


def number_of(entry: object, name: str) -> int:
    """A number that GitHub's response must have.

    Raises:
        GitHubError: it is missing.
    """
    value = within(entry, name)
    if not isinstance(value, int):
        raise GitHubError(f"GitHub's response has no {name}")
    return value


def within(tree: object, *keys: str) -> Any:
    """The value below nested keys, or None."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def text_of(tree: object, *keys: str) -> str:
    """The text below nested keys; empty if there is none."""
    value = within(tree, *keys)
    return value if isinstance(value, str) else ""


class GitHub:
    """A repository host's API with a token. Every method raises `GitHubError`: no usable answer, or an error status.

    Reads and idempotent writes are retried; others only if the first try cannot have taken effect.
    All pauses of a client together stay below ``patience`` seconds: a comment is not worth an hour of a runner.

    Raises:
        GitHubError: the token or the address is invalid.
    """

    def __init__(
        self,
        token: str,
        *,
        clock: Clock,
        api_url: str = "https://api.github.com",
        graphql_url: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        import httpx

        if not (token.isascii() and token.isprintable()):
            raise GitHubError("the GitHub token contains invalid characters")
        self._clock = clock
        self._patience = patience
        self._redact = Redactor([token])
        self._graphql_url = graphql_url or f"{api_url.rstrip('/')}/graphql"
        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "user-agent": "reconciler",
            "x-github-api-version": "2022-11-28",
        }
        try:
            self._client = httpx.AsyncClient(base_url=api_url, transport=transport, timeout=_TIMEOUT, headers=headers)
        except (httpx.InvalidURL, ValueError) as error:
            # Not the exception's text: it may quote a proxy with its password.
            raise GitHubError(f"cannot connect to GitHub: {type(error).__name__}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, **params: str) -> Any:
        """The JSON of a read."""
        return self._json(await self._send("GET", path, params=params), "GET", path)

    async def pages(self, path: str, **params: str) -> AsyncIterator[Any]:
        """Every entry of a list, page by page, as long as the answers name a next one, on this host."""
        response = await self._send("GET", path, params={**params, "per_page": str(PAGE)})
        while True:
            entries = self._json(response, "GET", path)
            for entry in entries if isinstance(entries, list) else []:
                yield entry
            following = response.links.get("next", {}).get("url", "")
            if not following:
                return
            response = await self._send("GET", self._own(following, path))

    async def post(self, path: str, body: Mapping[str, Any], *, again: bool = False) -> Any:
        """The JSON of a write: not retried once it may have taken effect, unless it may happen ``again``."""
        return self._json(await self._send("POST", path, body=body, again=again), "POST", path)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of an idempotent change: the body gives the whole state."""
        return self._json(await self._send("PATCH", path, body=body, again=True), "PATCH", path)

    async def delete(self, path: str) -> None:
        """Delete; something already gone counts as deleted."""
        try:
            await self._send("DELETE", path, again=True)
        except GitHubError as error:
            if error.status not in (404, 410):
                raise

    async def query(self, text: str, **variables: object) -> dict[str, Any]:
        """The data of a GraphQL query (never a mutation: it is repeated like a read); errors in it are an error."""
        path = self._graphql_url
        response = await self._send("POST", path, body={"query": text, "variables": variables}, again=True)
        answer = self._json(response, "POST", "graphql")
        data = within(answer, "data")
        if not isinstance(data, dict) or answer.get("errors"):
            raise GitHubError("GitHub refused the query", status=403)
        return data

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> httpx.Response:
        repeatable = again or method == "GET"
        attempt = 0
        while True:
            answer = await self._try(method, path, body, params)
            if not isinstance(answer, _Trouble):
                return answer
            attempt += 1
            pause = 2.0 ** (attempt - 1) if answer.pause is None else answer.pause
            if answer.limited and answer.pause is None:
                pause = _UNSAID_PAUSE * pause
            hopeless = attempt >= _ATTEMPTS or pause > self._patience
            if hopeless or not (answer.untouched or (repeatable and answer.error.status in (0, *_LOST))):
                raise answer.error
            self._patience -= pause
            await self._clock.sleep(pause)

    async def _try(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> httpx.Response | _Trouble:
        import httpx

        shown = path.partition("?")[0]
        try:
            # A renamed repository redirects; httpx drops the token if that leads to another host.
            response = await self._client.request(
                method, path, content=_encoded(body), params=params or None, follow_redirects=method == "GET"
            )
        except (httpx.RequestError, httpx.InvalidURL) as error:
            # The exception's text may name a proxy with its password: its type is enough.
            failed = GitHubError(f"no response from GitHub to {method} {shown}: {type(error).__name__}")
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            return _Trouble(failed, untouched=unsent)
        if response.is_success:
            return response
        return self._trouble(response, method, shown)

    def _trouble(self, response: httpx.Response, method: str, path: str) -> _Trouble:
        status = response.status_code
        said = self._message(response)
        limited = _is_limited(response, said)
        hint = ""
        if status == 403 and not limited:
            hint = (
                "grant it in the job's `permissions`: `pull-requests: write` for comments, `issues: write` for issues, "
                "`deployments: write` for deployments, `checks: write` for checks"
            )
        message = f"GitHub answered {status} to {method} {path}: {said or 'no reason given'}"
        error = GitHubError(message, status=status, hint=hint)
        pause = self._asked_pause(response) if limited else None
        return _Trouble(error, untouched=limited, pause=pause, limited=limited)

    def _asked_pause(self, response: httpx.Response) -> float | None:
        after = response.headers.get("retry-after", "")
        if after.isascii() and after.isdigit():
            return float(after)
        reset = response.headers.get("x-ratelimit-reset", "")
        if response.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
            return max(1.0, float(reset) - self._clock.now().timestamp() + 1.0)
        return None

    def _message(self, response: httpx.Response) -> str:
        try:
            said = text_of(response.json(), "message")
        except ValueError:
            return "the response is not JSON"
        return self._redact(" ".join(said.split())[:300])

    def _json(self, response: httpx.Response, method: str, path: str) -> Any:
        try:
            return response.json()
        except ValueError:
            message = f"GitHub's response to {method} {path} is not JSON"
            raise GitHubError(message, status=response.status_code) from None

    def _own(self, url: str, path: str) -> str:
        """The next page's address, if it is this API's: the token is sent nowhere else."""
        import httpx

        base, target = self._client.base_url, httpx.URL(url)
        if (target.scheme, target.host, target.port) != (base.scheme, base.host, base.port):
            raise GitHubError(f"the next page of {path} is on another host")
        return url


def _encoded(body: Mapping[str, Any] | None) -> bytes | None:
    """The body as JSON; what is no Unicode, as in the name of a file, is a question mark."""
    return None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _is_limited(response: httpx.Response, said: str) -> bool:
    if response.status_code == 429:
        return True
    if response.status_code != 403:
        return False
    headers = response.headers
    words = said.lower()
    return (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or "secondary rate limit" in words
        or "abuse detection" in words
    )
