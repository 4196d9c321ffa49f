"""Two ways to the fake platform: an httpx transport in process, and a server on the loopback interface."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.second_platform.mischief import Dropped, Hanging
from tests.second_platform.routes import API_HOST, Answer, Service

LATENCY = 0.1
"""Seconds that each answer takes, so that time goes on for whoever asks without a pause."""

SILENCE = 600.0
"""Seconds after which a connection without an answer breaks."""


class Killed(BaseException):  # nothing in the program may catch it
    """The process under test is gone."""


class _Stream(httpx.AsyncByteStream):
    """A body that is made while it is read."""

    def __init__(self, parts: Iterator[bytes], request: httpx.Request) -> None:
        self._parts = parts
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for part in self._parts:
                await asyncio.sleep(0)
                yield part
        except Dropped:
            raise httpx.ReadError("the connection broke", request=self._request) from None


class InProcess(httpx.AsyncBaseTransport):
    """The service, called directly. Sleeps on the running loop alone, so virtual time makes it instant.

    Once ``killed``, every request ends the program under test.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.killed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(LATENCY)
        self._check_alive()
        body = await request.aread()
        try:
            status, headers, content = self._ask(request, body)
        except Dropped:
            raise httpx.ReadError("the connection broke", request=request) from None
        except Hanging:
            await asyncio.sleep(SILENCE)
            raise httpx.ReadTimeout("no answer came", request=request) from None
        except ConnectionRefusedError as problem:
            raise httpx.ConnectError(str(problem), request=request) from None
        finally:
            self._check_alive()
        if isinstance(content, bytes):
            return httpx.Response(status, headers=headers, content=content, request=request)
        return httpx.Response(status, headers=headers, stream=_Stream(content, request), request=request)

    def _check_alive(self) -> None:
        if self.killed:
            raise Killed

    def _ask(self, request: httpx.Request, body: bytes) -> Answer:
        url, headers = request.url, {name.lower(): value for name, value in request.headers.items()}
        if url.host != API_HOST:
            return self._service.outside(request.method, url.host, url.path, headers)
        return self._service.handle(request.method, url.path, dict(url.params), headers, body)


@contextmanager
def served(service: Service) -> Iterator[str]:
    """Serve the API on a free port of the loopback interface; gives its address."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            url, headers = urlsplit(self.path), {name.lower(): value for name, value in self.headers.items()}
            try:
                with lock:
                    status, known, content = service.handle(
                        self.command, url.path, dict(parse_qsl(url.query)), headers, body
                    )
            except (Dropped, Hanging):
                self.close_connection = True
                return
            payload = content if isinstance(content, bytes) else b"".join(content)
            self.send_response(status)
            for name, value in {**known, "content-length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  http.server's own names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
