"""Kills and signals of the real command, against a sandbox in a process of its own."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest

from reconciler.sandbox import Fault
from tests.survival.environment import web
from tests.survival.scenarios import NEW, OLD, by_name, counts
from tests.survival.served import QUICK, Served, killed, until

SLOW = replace(QUICK, speed=replace(QUICK.speed, deploy=8.0))
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(("seed", "name"), [(11, "update"), (12, "health fails")])
def test_c48_kill_9_at_a_random_moment_is_followed_on(seed: int, name: str) -> None:
    found = killed(seed, by_name(name), longest=4.0)
    assert not found.wrong, found


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_within_two_seconds_and_the_next_run_follows_on(number: signal.Signals) -> None:
    with Served(settings=SLOW) as served:
        served.there(web(tag=OLD))
        served.commit(web(tag=NEW))
        code, out, seconds = served.signaled(number, served.under_way)
        (running,) = [app.running_deployment for app in served.apps()]
        assert code == 130, out
        assert seconds < 2.0
        assert running is not None
        assert running.id in out
        assert "Still running on App Platform" in out
        assert "reconcile" in out
        before = counts(served)
        served.box.finish("web")
        assert served.reconcile()[0] == 0
        assert counts(served) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_anything_is_rolled_out_ends_with_a_word(number: signal.Signals) -> None:
    with Served() as served:
        served.there(web(tag=OLD))
        served.commit(web(tag=NEW))
        served.box.fault(Fault("latency", operation="POST", seconds=20.0, times=None))  # the proposal takes long
        with served.start() as process:
            until(lambda: served.box.faults()[0]["seen"] > 0)
            began = time.monotonic()
            process.send_signal(number)
            out, _ = process.communicate(timeout=20)
        assert process.returncode == 130, out
        assert time.monotonic() - began < 2.0
        assert "interrupted; nothing was being changed" in out
        assert counts(served) == {"web": 1}
