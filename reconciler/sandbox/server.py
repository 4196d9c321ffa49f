"""Serves the sandbox on a port, for the platform's own clients and for other processes.

uvicorn is imported only when something is served, and cryptography, an extra, only to make a certificate.
"""

from __future__ import annotations

import asyncio
import ipaddress
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.http.gateway import ConnectionLost
from reconciler.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    import uvicorn
    from cryptography import x509
    from starlette.types import ASGIApp, Receive, Scope, Send

    from reconciler.sandbox.settings import Settings


class Dropping:
    """An ASGI wrapper that turns `ConnectionLost` into a TCP connection that is dropped.

    ``transports`` are the open connections by client address, maintained by the server's protocol.
    """

    def __init__(self, app: ASGIApp, transports: dict[tuple[str, int], asyncio.Transport]) -> None:
        self._app = app
        self._transports = transports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or drop its connection."""
        try:
            await self._app(scope, receive, send)
        except ConnectionLost:
            self._transports[tuple(scope["client"])].abort()
            while (await receive())["type"] != "http.disconnect":  # until the server has noticed
                pass


def make_server(
    sandbox: Sandbox,
    host: str,
    port: int,
    ready: Callable[[str], None] | None = None,
    stopping: asyncio.Event | None = None,
    **options: Any,
) -> uvicorn.Server:
    """Build a server for a sandbox; start it with ``run()`` or, on a running loop, with ``await serve()``.

    Args:
        sandbox: make it with ``base_url=None``, so that links use the address that the client used.
        host: the address to listen on.
        port: the port; 0: any free one.
        ready: called with the sandbox's URL once it listens.
        stopping: set when the server is to stop, before it waits for the requests that are being answered.
        options: further settings of ``uvicorn.Config``.
    """
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    transports: dict[tuple[str, int], asyncio.Transport] = {}

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
            super().connection_made(transport)
            if self.client:
                transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client:
                transports.pop(self.client, None)
            super().connection_lost(exc)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if ready and self.servers:
                bound = self.servers[0].sockets[0].getsockname()
                shown = "127.0.0.1" if bound[0] in ("0.0.0.0", "::") else bound[0]  # noqa: S104 - compared, not bound
                where = f"[{shown}]:{bound[1]}" if ":" in shown else f"{shown}:{bound[1]}"
                ready(f"{'https' if self.config.is_ssl else 'http'}://{where}")

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if stopping:
                stopping.set()
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            Dropping(sandbox.asgi, transports),
            host=host,
            port=port,
            http=Protocol,
            lifespan="off",
            proxy_headers=False,
            **{"log_level": "warning", "access_log": False, "server_header": False, **options},
        )
    )


def serve(
    path: Path | None,
    host: str = "127.0.0.1",
    port: int = 8484,
    settings: Settings | None = None,
    ready: Callable[[str], None] | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> None:
    """Serve a sandbox until SIGINT or SIGTERM.

    Args:
        path: the database file; None: in memory.
        host: the address to listen on.
        port: the port; 0: any free one.
        settings: how it behaves; None: the settings stored in the file.
        ready: called with the sandbox's URL once it listens.
        certificate: the files of a certificate and of its key, to serve with TLS.
    """
    tls = {"ssl_certfile": certificate[0], "ssl_keyfile": certificate[1]} if certificate else {}
    stopping = asyncio.Event()

    async def wait(seconds: float) -> None:
        """Wait out a latency, but no longer than until the server is to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)

    sandbox = Sandbox(path, settings=settings, base_url=None, sleep=wait)
    try:
        make_server(sandbox, host, port, ready, stopping, **tls).run()
    finally:
        sandbox.close()


_VALID = timedelta(days=30)
"""How long a certificate is good; each start makes a new one."""


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a certificate and its key to a folder, over those of an earlier time; return their paths.

    It holds for ``localhost``, the loopback's addresses and ``host``, an address or a name. Clients are to trust the
    file of the certificate itself: nothing else has signed it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reconcile sandbox")])
    now = datetime.now(UTC)
    alternatives = [_alternative(item) for item in dict.fromkeys(("localhost", "127.0.0.1", "::1", host))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "sandbox-cert.pem", folder / "sandbox-key.pem"
    private.unlink(missing_ok=True)
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return public, private


def _alternative(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
