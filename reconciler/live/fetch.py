"""Reads response bodies with a limit, and fetches logs and responses of the apps themselves, without the token.

Whatever a server sends or announces, only so many bytes are kept. Only gzip is accepted, and it is decompressed in
pieces: a few kilobytes may decompress to gigabytes. `Outside` raises no network errors: its result is evidence, and so
is its absence.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from reconciler import __version__
from reconciler.live.calls import tail, tidy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence


MOST = 64 << 20
"""Maximum size of an API response in bytes, decompressed; a page of 200 large apps takes a tenth of that."""

PIECE = 64 << 10
"""Bytes to decompress at a time."""

ACCEPTED = {"Accept-Encoding": "gzip"}
"""The header of every request, so that nothing arrives that `pieces` cannot decompress."""

_PACKED = ("gzip", "x-gzip", "deflate")


class TooLarge(httpx.DecodingError):
    """A response is larger than any of the platform's."""


async def pieces(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The body in pieces of at most `PIECE` bytes, or as received if it is not compressed.

    Raises:
        httpx.DecodingError: it cannot be decompressed.
    """
    assert isinstance(response.stream, httpx.AsyncByteStream)
    if response.headers.get("content-encoding", "").strip().lower() not in _PACKED:
        async for part in response.stream:
            yield part
        return
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip and zlib alike
    async for part in response.stream:
        rest = part
        while rest:
            try:
                piece = unpack.decompress(rest, PIECE)
            except zlib.error:
                raise httpx.DecodingError("the response cannot be decompressed") from None
            yield piece
            rest = unpack.unconsumed_tail


async def whole(response: httpx.Response) -> httpx.Response:
    """The same response with its body read and decompressed.

    Raises:
        TooLarge: it is larger than `MOST` bytes.
        httpx.DecodingError: it cannot be decompressed.
    """
    body = bytearray()
    async with contextlib.aclosing(pieces(response)) as parts:
        async for piece in parts:
            body += piece
            if len(body) > MOST:
                raise TooLarge(f"the response is larger than {MOST >> 20} MiB")
    as_sent = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in as_sent]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body))


# --- The token's rate limit, from the headers ---


LONGEST_PAUSE = 3600.0
"""Seconds; the platform's longest window is an hour. No header makes a run wait longer, nor all 429s together."""

UNTIMED = 60.0
"""Seconds that a reset may hold at most where the answer has no ``date``: our clock may be wrong, and looking again
costs one request."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The rate limit according to a response's headers; None for missing values. Times in seconds from now."""

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None
    retry_after: float | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str], now: datetime) -> Budget:
        """The budget in a response's headers; unreadable values count as missing.

        The reset is relative to the response's own ``date`` if it has one: the two clocks may differ.
        """
        limit, remaining = _number(headers.get("ratelimit-limit")), _number(headers.get("ratelimit-remaining"))
        reset, retry = _number(headers.get("ratelimit-reset")), headers.get("retry-after")
        dated = _moment(headers.get("date"))
        served = dated or now
        wait = _number(retry)
        if wait is None and (at := _moment(retry)):
            wait = (at - served).total_seconds()
        return cls(
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            resets_in=None
            if reset is None
            else _bounded(reset - served.timestamp(), LONGEST_PAUSE if dated else UNTIMED),
            retry_after=None if wait is None else _bounded(wait, LONGEST_PAUSE),
        )

    @property
    def used_up(self) -> float:
        """Seconds until a request may be sent again, 0 if one may be sent now."""
        return (self.resets_in or 0.0) if self.remaining is not None and self.remaining <= 0 else 0.0


def _number(text: str | None) -> float | None:
    """A header's number; digits only, as ``nan`` and ``1e999`` would be floats as well."""
    return float(text) if text and len(text) < 16 and text.replace(".", "", 1).isdecimal() else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else None
    return None


def _bounded(seconds: float, most: float) -> float:
    return min(max(seconds, 0.0), most)


# --- Logs and apps, at other addresses than the API's ---

LOG_SECONDS = 30.0
"""Seconds for one log in total."""

LOG_MOST = 32 << 20
"""Maximum number of bytes to read of one log; the end of a longer one is not read."""

LOG_KEPT = 256 << 10
"""Bytes from the end of a log that are kept while reading."""

LOG_FILES = 4
"""Maximum number of files of a log to read, the last first."""

_MET = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError)
"""What can fail in a fetch: the network, an invalid address or header, an unusable proxy or certificates."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    ValueError,
    ImportError,
)
"""Failures before anything was sent to the app: they are about the runner or the request, not the app."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """The result of a probe: a status and the start of the body, or why there was no response.

    ``sent``: whether the request was sent to the app; otherwise it shows nothing about the app.
    """

    status: int | None = None
    body: str = ""
    error: str = ""
    sent: bool = True


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none."""


class Stateless(httpx.AsyncClient):
    """A client that keeps no cookies, and so sends none.

    With those of an earlier answer a probe might reach the same instance each time. The API knows its callers by their
    tokens. A jar takes a tenth of the time of a request, even of one whose answer sets nothing.
    """

    _none = _NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        """Always empty."""
        return self._none

    @cookies.setter
    def cookies(self, _: Any) -> None:
        raise AttributeError("this client keeps no cookies")


class Outside:
    """Fetches without the token. Connections are opened on first use."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._clients: dict[bool, Stateless] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, *, verify_tls: bool) -> Stateless:
        if verify_tls not in self._clients:
            self._clients[verify_tls] = Stateless(
                transport=self._transport,
                verify=verify_tls,
                headers={"User-Agent": f"reconciler/{__version__}", **ACCEPTED},
            )
        return self._clients[verify_tls]

    async def log_tail(self, urls: Sequence[str], lines: int) -> list[str]:
        """The last lines of a log in several files; an unreadable file yields a line that says so."""
        found: list[str] = []
        for url in list(reversed(urls))[:LOG_FILES]:
            if len(found) >= lines:
                break
            found = await self._file_tail(url, lines) + found
        return found[-lines:] if lines > 0 else []

    async def _file_tail(self, url: str, lines: int) -> list[str]:
        kept = bytearray()
        seen = 0
        try:
            async with asyncio.timeout(LOG_SECONDS), self._client(verify_tls=True).stream("GET", url) as response:
                if not response.is_success:
                    return [f"(the log could not be read: {response.status_code})"]
                async with contextlib.aclosing(pieces(response)) as parts:
                    async for part in parts:
                        kept += part
                        seen += len(part)
                        del kept[:-LOG_KEPT]
                        if seen > LOG_MOST:
                            break
        except _MET as problem:
            return [*tail(bytes(kept), lines), f"(the log could not be read: {_name(problem)})"]
        return tail(bytes(kept), lines)

    async def probe(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109  of this one request, returned in the answer instead of raised
        verify_tls: bool,
        body_limit: int,
    ) -> ProbeAnswer:
        """Send one request without following redirects; total ``timeout`` in seconds, ``body_limit`` in bytes."""
        body = bytearray()
        sent = self._transport is not None  # an in-process app is always reached

        async def trace(event: str, about: Mapping[str, Any]) -> None:
            nonlocal sent
            if event.endswith("send_request_headers.started"):
                sent = about["request"].method != b"CONNECT"  # which only a proxy has seen so far

        try:
            async with (
                asyncio.timeout(timeout),
                self._client(verify_tls=verify_tls).stream(
                    method, url, headers=dict(headers), timeout=timeout, extensions={"trace": trace}
                ) as response,
                contextlib.aclosing(pieces(response)) as parts,
            ):
                async for part in parts:
                    body += part
                    if len(body) >= body_limit:
                        break
        except _MET as problem:
            reached = sent and not isinstance(problem, _NEVER_SENT)
            return ProbeAnswer(error=_why(problem, timeout), sent=reached)
        return ProbeAnswer(response.status_code, bytes(body[:body_limit]).decode(errors="replace"))


def _why(problem: Exception, timeout: float) -> str:
    """Why there was no answer; the text of an error is left out where it may quote the headers."""
    if isinstance(problem, (httpx.TimeoutException, TimeoutError)):
        return f"no response within {timeout:g} s"
    if isinstance(problem, (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)):
        return tidy(str(problem)) or _name(problem)
    return _name(problem)


def _name(problem: Exception) -> str:
    return "timed out" if isinstance(problem, TimeoutError) else type(problem).__name__
