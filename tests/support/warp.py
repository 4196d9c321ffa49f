"""For tests of the command itself: sleeping moves the machine's clock, as this process sees it, instead of waiting.

The embedded sandbox sees the same clock, so that deployments proceed while the command waits for them.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from reconciler.clock import SystemClock


class Warp:
    """The machine's clock, moved forward by every sleep."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        await asyncio.sleep(0)


def warp(monkeypatch: pytest.MonkeyPatch) -> Warp:
    """Make every `SystemClock` of this test a warped one."""
    clock = Warp()
    for name in ("monotonic", "now", "sleep"):
        monkeypatch.setattr(SystemClock, name, staticmethod(getattr(clock, name)))
    return clock
