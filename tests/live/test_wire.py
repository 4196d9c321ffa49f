"""Over a real socket: what a connection can do to an answer, and what the client makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconciler.clock import SystemClock
from reconciler.errors import AnswerLost, LiveError, ServerFailed, TransportFailed, UsageError
from reconciler.live.client import Client
from tests.live.fakes import TOKEN

WHOLE = b'{"app": {"id": "a1", "spec": {"name": "web"}}}'
NOWHERE = "http://127.0.0.1:1"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = HEAD + b"Content-Length: %d\r\n\r\n"


class Impatient(SystemClock):
    """Pauses take no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Wire:
    """A server that writes the given bytes to each request in turn, the last ones again and again."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode()
                self.heads.append(text)
                length = next(
                    (int(line[15:]) for line in text.splitlines() if line.lower().startswith("content-length")), 0
                )
                await reader.readexactly(length)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                writer.write(answer)
                await writer.drain()
                if answer != LENGTH % len(WHOLE) + WHOLE:
                    break
        except asyncio.IncompleteReadError:
            pass  # the client is done
        finally:
            writer.close()
            await writer.wait_closed()

    def run(self, use: Callable[[Client], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with server:
                async with Client(TOKEN, base_url=address, clock=Impatient()) as client:
                    result = await use(client)
                await asyncio.sleep(0.01)  # let the server see that the client is gone
                return result

        return asyncio.run(main())


GOOD = LENGTH % len(WHOLE) + WHOLE
BROKEN = {
    "closed without a byte": b"",
    "closed in the head": HEAD,
    "closed in the body": LENGTH % 1000 + WHOLE,
    "closed in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + WHOLE[:20],
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "broken gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_c44_a_write_whose_answer_breaks_on_the_wire_is_lost_and_sent_once(broken: str) -> None:
    wire = Wire(BROKEN[broken], GOOD)
    with pytest.raises(AnswerLost):
        wire.run(lambda client: client.create_app({"name": "web"}))
    assert len(wire.heads) == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_c32_a_read_whose_answer_breaks_on_the_wire_is_sent_again(broken: str) -> None:
    wire = Wire(BROKEN[broken], BROKEN[broken], GOOD)
    assert wire.run(lambda client: client.get_app("a1")).name == "web"
    assert len(wire.heads) == 3


def test_a_server_that_hangs_up_for_good_is_told() -> None:
    with pytest.raises(TransportFailed, match=r"GET /v2/apps/a1: no response from 127.0.0.1:\d+: Server disconnected"):
        Wire(b"").run(lambda client: client.get_app("a1"))


def test_an_error_of_a_gateway_comes_through() -> None:
    page = b"<html><title>Bad Gateway</title></html>"
    answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n" % len(page) + page
    with pytest.raises(ServerFailed, match="502 Bad Gateway"):
        Wire(answer).run(lambda client: client.update_app("a1", {}))


def test_a_connection_is_used_again() -> None:
    wire = Wire(GOOD)

    async def use(client: Client) -> None:
        for _ in range(3):
            await client.get_app("a1")

    wire.run(use)
    assert (len(wire.heads), wire.connections) == (3, 1)


def test_the_environments_proxy_is_used_unless_the_address_is_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    wire = Wire(GOOD)

    async def main() -> list[str]:
        server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server:
            async with Client(TOKEN, base_url=NOWHERE, clock=Impatient()) as client:
                await client.get_app("a1")
            await asyncio.sleep(0.01)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            with pytest.raises(LiveError, match="no connection"):
                async with Client(TOKEN, base_url=NOWHERE, clock=Impatient()) as client:
                    await client.get_app("a1")
        return [head.splitlines()[0] for head in wire.heads]

    assert asyncio.run(main()) == ["GET http://127.0.0.1:1/v2/apps/a1 HTTP/1.1"]


@pytest.mark.parametrize("proxy", ["socks5://user:s3cr3t@127.0.0.1:1", "gopher://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(UsageError, match="proxy") as caught:
        Client(TOKEN)
    assert "s3cr3t" not in str(caught.value) + caught.value.hint


def test_certificates_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(UsageError, match="certificates") as caught:
        Client(TOKEN)
    assert "SSL_CERT_FILE" in caught.value.hint
