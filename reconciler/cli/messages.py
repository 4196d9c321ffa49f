"""Messages after a run of the command line, and what failed about them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.console import plain
from reconciler.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.console import Console
    from reconciler.engine.apply import Finished


@contextmanager
def notifying(finished: Finished, console: Console) -> Iterator[tuple[str, ...]]:
    """Send messages around the output of a run; yields warnings.

    A JSON document has them, so it is written afterwards; what people read does not wait for a channel.
    """
    first = console.format == "json"
    try:
        yield published(finished, console) if first else ()
    finally:
        if not first:
            published(finished, console)


def published(finished: Finished, console: Console) -> tuple[str, ...]:
    """Send what the run has to say; returns a warning for each channel that did not take it."""
    if not finished.planned.config.notify:
        return ()
    import asyncio

    from reconciler.notify import bulletin
    from reconciler.notify.memory import Memory

    clock = SystemClock()
    made = bulletin.of(finished, console.redact, clock.now())
    if made is None:
        return ()
    from reconciler.notify.send import Sender

    try:
        sent = asyncio.run(Sender(made.environ, clock).publish(made, Memory()))
        warnings = tuple(one.warning for one in sent if one.problem)
    except KeyboardInterrupt:  # the run itself has ended, and what it did is still to be shown
        warnings = ("interrupted before every message was sent",)
    for warning in warnings:
        console.err(plain(f"warning: {warning}"))
    return warnings
