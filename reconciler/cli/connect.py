"""Connects to App Platform, or to the sandbox instead."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

from reconciler.cli.options import check_connection
from reconciler.cli.suggested_commands import Suggestions
from reconciler.clock import SystemClock
from reconciler.errors import ReconcileError, UsageError
from reconciler.redaction import TOKEN_VARIABLES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from reconciler.cli.options import Connection
    from reconciler.live.client import Client
    from reconciler.sandbox import Sandbox

SANDBOX_URL = "http://sandbox"
"""The embedded sandbox's host name in links and live URLs."""

EMBEDDED = "token-of-the-embedded-sandbox"
"""Any token works; this one does not occur in ordinary text, which would otherwise be redacted."""

PER_MINUTE = 1_000_000
"""The embedded sandbox has no rate limit by default, so the client's is practically unlimited."""


def token() -> str:
    """The API token of the environment: the first variable that has one."""
    for name in TOKEN_VARIABLES[:2]:
        if value := os.environ.get(name, "").strip():
            return value
    raise UsageError(
        "no API token: DIGITALOCEAN_TOKEN is not set",
        hint="set DIGITALOCEAN_TOKEN, or try the embedded sandbox: reconcile --sandbox",
    )


def open_sandbox(file: Path) -> Sandbox:
    """The embedded sandbox with its state in a file.

    Raises:
        UsageError: its packages are not installed.
        ReconcileError: the file cannot be used.
    """
    import sqlite3

    try:
        from reconciler.sandbox import Sandbox
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the package {error.name}", hint="install it from a checkout: pip install '.[sandbox]'"
        ) from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return Sandbox(file, now=lambda: SystemClock().now().timestamp(), base_url=SANDBOX_URL)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "choose a writable file with --sandbox-file, or --file of reconcile sandbox"
        raise ReconcileError(f"the sandbox cannot keep its state in {file}: {why}", hint=hint) from None


@asynccontextmanager
async def connect(connection: Connection, on_wait: Callable[[float, str], None] | None = None) -> AsyncIterator[Client]:
    """A client of what the flags name. ``on_wait`` is called before pauses for the rate limit.

    Raises:
        UsageError: the flags cannot be combined, or there is no token.
    """
    from reconciler.live.client import Client

    check_connection(connection)
    clock = SystemClock()
    try:
        if not connection.sandbox:
            async with Client(token(), base_url=connection.api_url, clock=clock, on_wait=on_wait) as client:
                yield client
            return
        import httpx

        with closing(open_sandbox(connection.sandbox_file)) as box:
            transport = httpx.ASGITransport(box.asgi)
            async with Client(
                EMBEDDED, base_url=SANDBOX_URL, transport=transport, clock=clock, per_minute=PER_MINUTE, on_wait=on_wait
            ) as client:
                yield client
    except ReconcileError as error:
        error.hint = Suggestions.of(connection).sentence(error.hint)
        raise
