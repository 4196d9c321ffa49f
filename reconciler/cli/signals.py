"""SIGINT, SIGTERM and SIGHUP: the first stops the run gracefully, a second one ends the process.

SIGHUP means that the terminal was closed. Under `nohup` it is ignored from the start and stays ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals without a handler of Python's own."""


def _heard(numbers: tuple[signal.Signals, ...]) -> list[signal.Signals]:
    """The signals that were not ignored when this process started."""
    return [number for number in numbers if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal; then signals have their default effect again.

    Except SIGHUP: a closed terminal sends it more than once, which is no request to end the process immediately.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    heard = _heard(STOPPING)
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


@contextmanager
def ending_alike() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, unless handled: with a message and exit 130."""
    if threading.current_thread() is not threading.main_thread():  # signals can only be handled there
        yield
        return
    before = {number: signal.signal(number, _as_ctrl_c) for number in _heard(_ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does: asyncio cancels its task, as an exception raised anywhere could be lost."""
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(number, frame)
