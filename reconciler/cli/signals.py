"""SIGINT, SIGTERM and SIGHUP: the first stops a rollout gracefully, a second one ends the process.

SIGHUP means that the terminal was closed. Under `nohup` it is ignored from the start and stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

early: list[int] = []
"""Signals to this command before it rolls anything out. Each is raised as Ctrl-C is, which an import may swallow."""


def heard_signals(numbers: tuple[signal.Signals, ...]) -> list[signal.Signals]:
    """The signals that were not ignored when this process started."""
    return [number for number in numbers if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal; then signals have their default effect again.

    Except SIGHUP: a closed terminal sends it more than once, which is no request to end the process immediately.

    Raises:
        KeyboardInterrupt: a signal came before, so nothing is begun.
    """
    import asyncio

    if early:
        raise KeyboardInterrupt

    loop = asyncio.get_running_loop()
    heard = heard_signals(STOPPING)
    before = {number: signal.getsignal(number) for number in heard}

    def first(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            before[number] = signal.SIG_IGN
        else:
            loop.remove_signal_handler(number)
        stop()

    for number in heard:
        loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
