"""Signals: the first stops in order; a closed terminal is one of them, unless it is to be ignored."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from reconciler.cli.console import on_signals
from reconciler.cli.main import ending_alike


@pytest.fixture(autouse=True)
def handlers():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stops_after(*sent: signal.Signals) -> int:
    """How often a run hears that it is to stop."""
    stops: list[str] = []

    async def run() -> None:
        with on_signals(lambda: stops.append("stop")):
            for number in sent:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0)
                await asyncio.sleep(0)

    asyncio.run(run())
    return len(stops)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_in_order(number):
    assert stops_after(number) == 1


def test_a_terminal_that_is_closed_may_say_so_more_than_once():
    assert stops_after(signal.SIGHUP, signal.SIGHUP) == 2
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, "what is still to be told is not cut off either"


def test_under_nohup_a_closed_terminal_changes_nothing():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ending_alike():
        assert stops_after(signal.SIGHUP) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_before_and_after_a_rollout_a_signal_ends_the_command_as_an_interrupt_does(number):
    before = signal.getsignal(number)
    with ending_alike():
        assert stops_after() == 0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_something_is_asked_a_signal_cancels_instead_of_being_raised_wherever_the_program_stands(number):
    told: list[str] = []

    async def ask() -> None:
        os.kill(os.getpid(), number)
        told.append("not raised here")
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            told.append("canceled")
            raise

    with ending_alike(), pytest.raises(KeyboardInterrupt):
        asyncio.run(ask())
    assert told == ["not raised here", "canceled"]


def test_a_signal_ends_the_command_where_ctrl_c_is_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ending_alike(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
