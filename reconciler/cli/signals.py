"""SIGINT and SIGTERM: the first stops the run in order, a second one ends the process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal; from then on signals do again what they do by default."""
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop()

    for number in STOPPING:
        loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
