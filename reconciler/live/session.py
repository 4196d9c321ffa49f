"""Sends calls of App Platform's API and reads their responses: an object, a list, or a listing of several pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache
from random import random as system_random
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import BaseModel, ValidationError

from reconciler import __version__
from reconciler.clock import Clock, SystemClock
from reconciler.errors import LiveError, UsageError
from reconciler.live import calls as answers
from reconciler.live.calls import APPS, PER_PAGE, Call, read
from reconciler.live.fetch import ACCEPTED, Outside, Stateless, TooLarge
from reconciler.live.models import Deployment, LiveApp, Rank, Usage
from reconciler.live.rate_limit import PER_MINUTE, Reservations
from reconciler.live.throttle import (
    CHANGES_NOTHING,
    CONCURRENCY,
    DECODED,
    METER,
    RANK,
    SINGLE_TRY,
    Throttle,
    was_unsent,
)
from reconciler.redaction import Redactor, without_quoted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from types import TracebackType


Model = TypeVar("Model", bound=BaseModel)
Page = dict[str, Any]

API = "https://api.digitalocean.com"
"""The address of App Platform."""

MOST_PAGES = 500
"""Maximum number of pages, whatever a listing's total and links say."""


class Session:
    """App Platform over HTTP, for one token; an async context manager.

    Every method raises `reconciler.errors.LiveError`: `ApiError` and its subclasses for an error status,
    `TransportFailed` if no usable response came and nothing was changed, and (writes only) `AnswerLost` if
    it may or may not have taken effect. They are raised only after all permitted retries.

    With a ``transport`` (an in-process sandbox, a fake) logs and probes go through it as well.
    """

    def __init__(  # noqa: PLR0913  everything that a test or a caller may want to replace
        self,
        token: str,
        *,
        base_url: str = API,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = system_random,
        concurrency: int = CONCURRENCY,
        per_minute: int = PER_MINUTE,
        timeout: float = 30.0,
        on_wait: Callable[[float, str], None] | None = None,
    ) -> None:
        """``timeout`` in seconds without a byte; ``on_wait(seconds, why)`` is called before a noticeable wait.

        Raises:
            UsageError: the token or the address is invalid.
        """
        base = address(base_url)
        token = checked_token(token)
        self._redact = Redactor([token])
        self._host = base.netloc.decode()
        self._outside = Outside(transport)
        self._throttle = Throttle(
            transport or direct(base, concurrency),
            clock=clock,
            random=random,
            concurrency=concurrency,
            per_minute=per_minute,
            on_wait=on_wait,
        )
        self._clock = clock or SystemClock()
        self._reservations = Reservations(
            self._throttle.limit, self._clock, self._throttle.metered, self._refresh, self._throttle.report_limit
        )
        self._http = Stateless(
            base_url=base,
            transport=self._throttle,
            timeout=timeout,
            headers={"Authorization": f"Bearer {token}", "User-Agent": f"reconciler/{__version__}", **ACCEPTED},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()
        await self._outside.aclose()

    @property
    def requests(self) -> int:
        """The number of requests sent to the API, retries included; logs and probes do not count."""
        return self._throttle.requests

    @property
    def left(self) -> int:
        """How many requests the token's hour still allows."""
        return self._throttle.limit.left(self._clock.monotonic())

    @contextlib.contextmanager
    def meter(self, key: str) -> Iterator[None]:
        """Count the requests sent inside, and by tasks started inside, under a key."""
        before = METER.set(key)
        try:
            yield
        finally:
            METER.reset(before)

    def metered(self, key: str) -> Usage:
        """The usage counted under a key so far."""
        return self._throttle.metered[key]

    def rank(self, rank: Rank) -> None:
        """Whose turn it is when the running task's requests wait for the rate limit, from now on."""
        RANK.set(rank)

    async def take_turn(self) -> None:
        """Wait until the rate limit allows another request, and keep that turn for the running task's next one."""
        await self._throttle.take_turn()

    @contextlib.asynccontextmanager
    async def reserve(self, key: str, requests: int) -> AsyncGenerator[None]:
        """Count the requests sent inside under a key, once the token's hour can spare so many and the minute one."""
        with self.meter(key):
            RANK.set(Rank.BEGIN)
            try:
                async with self._reservations.reserve(key, requests, self._throttle.take_turn):
                    yield
            finally:
                self._throttle.drop_turn(key)

    def pace(self) -> float:
        """Requests a minute that the rate limit allows for the next minutes."""
        return self._throttle.limit.pace(self._clock.monotonic())

    async def _refresh(self) -> None:
        """Send a request for the sake of its headers; what it answers does not matter."""
        with contextlib.suppress(LiveError):
            await self._ask(read(APPS), query={"page": "1", "per_page": "1"})

    # Responses to models

    async def _get(
        self,
        model: type[Model],
        envelope: str,
        call: Call,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Model:
        answer = answers.mapping(await self._ask(call, body, query), call)
        found = self._model(model, answer.get(envelope) if envelope else answer, call)
        if isinstance(found, LiveApp | Deployment):
            if call.changes_nothing and not found.id:
                raise answers.unusable(call, answers.UNREADABLE)  # an empty one would read as an app without any pin
            if found.id and call.method in ("GET", "PUT") and found.id != answers.named(call):
                raise answers.unusable(call, "the response is about another one")  # to which the next writes would go
        return found

    def _model(self, model: type[Model], value: Any, call: Call) -> Model:
        with contextlib.suppress(ValidationError):  # which would quote the response
            return model.model_validate(value)
        raise answers.unusable(call, answers.UNREADABLE)

    async def _page(self, call: Call, number: int, size: int, *, single_try: bool = False) -> Page:
        """One page of a listing, counted from 1."""
        query = {"page": str(number), "per_page": str(size)}
        return answers.mapping(await self._ask(call, query=query, single_try=single_try), call)

    async def _pages(
        self, call: Call, key: str, limit: int | None = None, keep: Callable[[Page], Page] = lambda page: page
    ) -> list[Page]:
        """The pages of a listing; with a ``limit``, only as many as hold that many items.

        Of each page only what ``keep`` returns is held while the others are fetched.
        """
        size = min(limit or PER_PAGE, PER_PAGE)

        async def page(number: int) -> Page:
            return keep(await self._page(call, number, size))

        return await read_pages(page, key, size, MOST_PAGES if limit is None else -(-limit // size))

    async def _ask(
        self,
        call: Call,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        single_try: bool = False,
    ) -> Any:
        """The decoded response of a call; None if it is empty. Errors are raised without httpx's own."""
        extensions = {CHANGES_NOTHING: call.changes_nothing, SINGLE_TRY: single_try}
        url = _url(self._http.base_url, call.path, tuple((query or {}).items()))
        request = self._http.build_request(call.method, url, json=body, extensions=extensions)
        try:
            response = await self._http.send(request)
        except httpx.RequestError as failure:
            problem = _lost(call, failure, self._host)
        else:
            if response.is_success and DECODED in response.extensions:
                return response.extensions.pop(DECODED)
            problem = self._problem(call, response, body)
        if self._host != httpx.URL(API).netloc.decode():
            problem.hint = answers.elsewhere(problem, self._host)
        raise problem  # raised here it does not chain the failure, whose request holds the token

    def _problem(self, call: Call, response: httpx.Response, body: Mapping[str, Any] | None) -> LiveError:
        if response.is_success:
            return answers.unusable(call, "the response is not JSON, or is incomplete")
        secrets = answers.secrets_in(body)
        redact = Redactor(secrets)
        return answers.error_for(
            call,
            response.status_code,
            response.content,
            request_id=response.headers.get("x-request-id", ""),
            redact=lambda text: redact(without_quoted(self._redact(text), secrets)),
        )


@lru_cache(maxsize=1024)
def _url(base: httpx.URL, path: str, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    """Where a request goes. The same few are asked again and again, and httpx parses slowly."""
    return httpx.URL(f"{base}".rstrip("/") + path, params=query or None)


async def read_pages(page: Callable[[int], Coroutine[Any, Any, Page]], key: str, size: int, most: int) -> list[Page]:
    """The pages of a listing: the first, then concurrently those its total implies, then those its `next` links add.

    ``page`` fetches one by number, ``size`` is the number of items on one, ``most`` the number of pages to read.
    """
    pages = [await page(1)]
    pages += await _together(page, range(2, min(-(-answers.total_of(pages[0]) // size), most) + 1))
    while answers.has_next(pages[-1]) and pages[-1].get(key) and len(pages) < most:
        pages.append(await page(len(pages) + 1))
    return pages


async def _together(page: Callable[[int], Coroutine[Any, Any, Page]], numbers: range) -> list[Page]:
    """Fetch pages concurrently; the first error is raised by itself, not in a group."""
    tasks: list[asyncio.Task[Page]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(page(number)) for number in numbers]
    except ExceptionGroup as failed:
        problem = failed.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise problem


def _lost(call: Call, failure: httpx.RequestError, host: str) -> LiveError:
    """The error for a connection failure; its text is omitted if it could quote what was sent."""
    said = answers.tidy(str(failure)) or type(failure).__name__
    said = "the request cannot be sent" if isinstance(failure, httpx.LocalProtocolError) else said
    if isinstance(failure, TooLarge):
        return answers.unusable(call, said)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        hint = "set SSL_CERT_FILE to the certificates to trust"
        return answers.unreachable(call, f"no trusted connection to {host}: {said}", hint=hint)
    if isinstance(failure, httpx.TransportError | httpx.DecodingError) and was_unsent(failure):
        return answers.unreachable(call, f"no connection to {host}: {said}")
    return answers.unusable(call, f"no response from {host}: {said}")


def checked_token(token: str) -> str:
    """The token without the newline that files and secret stores add; httpx would quote an invalid one."""
    token = token.strip()
    if not token:
        raise UsageError("no API token", hint="set DIGITALOCEAN_TOKEN")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError("the token contains invalid characters", hint="check DIGITALOCEAN_TOKEN")
    return token


def address(base_url: str) -> httpx.URL:
    """The API's address.

    Raises:
        UsageError: it is not one, or it has credentials, which httpx would send instead of the token.
    """
    with contextlib.suppress(httpx.InvalidURL):
        url = httpx.URL(base_url)
        if url.path.rstrip("/").endswith("/v2"):
            raise UsageError("the API address must not end with /v2", hint=f"use {API}, not {API}/v2")
        if url.scheme in ("http", "https") and url.host and not url.userinfo:
            return url
    raise UsageError("the API address must be an http(s) URL without credentials", hint=f"for example {API}")


def direct(base: httpx.URL, concurrency: int) -> httpx.AsyncHTTPTransport:
    """The transport to the API, through the environment's proxy if it names one; plain HTTP needs no certificates.

    Raises:
        UsageError: the environment's proxy is not supported, or its certificates cannot be read.
    """
    proxies = {} if proxy_bypass(base.host) else getproxies()
    proxy = proxies.get(base.scheme) or proxies.get("all")
    try:
        return httpx.AsyncHTTPTransport(
            proxy=f"http://{proxy}" if proxy and "://" not in proxy else proxy,
            verify=base.scheme == "https",  # reading the certificates takes 30 ms
            limits=httpx.Limits(max_connections=concurrency, keepalive_expiry=30.0),
        )
    except (
        ImportError,
        ValueError,
        httpx.InvalidURL,
    ):  # a SOCKS proxy, an unknown scheme, not a URL; it may hold a password
        hint = "set HTTPS_PROXY to an http:// or https:// proxy"
        raise UsageError("the proxy in the environment cannot be used", hint=hint) from None
    except OSError as problem:
        hint = "check SSL_CERT_FILE and SSL_CERT_DIR"
        raise UsageError(f"cannot read the certificates: {problem}", hint=hint) from None
