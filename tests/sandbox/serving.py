"""A sandbox that is really served, on a free port of the loopback, by a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox import Sandbox, Settings, Speed
from reconciler.sandbox.server import make_server


@dataclass(frozen=True)
class Served:
    """Where it is reached, and its controls; ``sleep`` lets its time pass at once."""

    url: str
    sandbox: Sandbox

    def sleep(self, seconds: float) -> None:
        self.sandbox.advance(seconds)


def realistic() -> Settings:
    return Settings(speed=Speed.realistic(), seed=1)


@contextmanager
def serving(settings: Settings | None = None, **options: Any) -> Iterator[Served]:
    sandbox = Sandbox(settings=settings or realistic(), base_url=None)
    listening, urls = threading.Event(), []

    def ready(url: str) -> None:
        urls.append(url)
        listening.set()

    server = make_server(sandbox, "127.0.0.1", 0, ready, **options)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        assert listening.wait(10)
        yield Served(urls[0], sandbox)
    finally:
        server.should_exit = True
        thread.join(10)
        sandbox.close()
    assert not thread.is_alive()
