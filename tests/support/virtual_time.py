"""Virtual time: an event loop on which sleeping costs nothing and everything stays in order.

Whenever nothing is ready to run, the loop's clock jumps to the next timer, so `asyncio.sleep`,
`asyncio.timeout` and every deadline work unchanged, at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: nothing is ready and nothing is due")
        if not ready and timeout:
            self.elapsed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed


class VirtualClock:
    """A `Clock` on the virtual loop; usable before the loop runs (it then stands at its start)."""

    def __init__(self, loop: VirtualLoop | None = None) -> None:
        self.loop = loop or VirtualLoop()

    def monotonic(self) -> float:
        return self.loop.time()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.loop.time())

    def timestamp(self) -> float:
        """Seconds since 1970, as the sandbox wants its time."""
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end; may be called again, time goes on from where it stood."""
        return self.loop.run_until_complete(main)

    def close(self) -> None:
        """Like the end of `asyncio.run`: what was iterated over and left is ended first."""
        if not self.loop.is_closed():
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
