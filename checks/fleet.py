"""Create, update and partly break fleets on virtual time, and compare requests and seconds with what physics allows.

    python -m checks.fleet [SIZE …]
    python -m checks.fleet --real

Everything is at its default: the sandbox at the platform's speed and under both of its limits, 0.2 s for each answer,
a policy without settings; only the guard `max_changes` is raised. No reconciler can be faster than the floor: a
proposal and a write for each app at 250 requests a minute, then the longest deployment and its soak (twice where some
are taken back). Then several processes update a fleet between them with one token. Prints a line for each step; exit 1
if one ends otherwise than it must, meets a 429, or misses its aim.

With --real, in real time and over HTTP: the command updates a fleet on a served sandbox with both limits.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import yaml
from cyclopts import App, Parameter

from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.live.client import Client
from reconciler.sandbox import Settings, Speed
from tests.survival.environment import Environment, Run, Tap, web

PER_MINUTE, PER_HOUR = 250, 5_000
ANSWER = 0.2
"""Seconds until a request is answered."""

SPEED = Speed.realistic()
DEPLOYMENT = SPEED.pending_build + SPEED.skipped_build + SPEED.pending_deploy + SPEED.deploy
SOAK = 30.0
FAILS = 10
"""Every tenth app fails, in turn while it is deployed and by its health."""

SIZES = (200, 1_000)
MOST_EACH, MOST_FAILED = 6.5, 20.0
"""Requests an app, and requests for each app that fails and is taken back."""

MOST_TIMES, MOST_SECONDS = {200: 1.35}, {1_000: 85 * 60.0}
"""Times the floor, and seconds, by the size of the fleet."""

BEFORE = {"create": (7_562, 4_352), "update": (8_003, 4_468), "every tenth fails": (8_923, 4_748)}
"""Requests and seconds for 200 apps when each deployment was read by its id, ten at a time."""

HOUR = 3_700.0
PROCESSES = (1, 2, 4)

REAL_APPS, REAL_SOAK, REAL_SECONDS = 60, 10.0, 85.0
"""Of the run in real time: apps, seconds that one must stay healthy, and seconds that all may take."""

REAL_SPEED = Speed(pending_build=2, skipped_build=2, pending_deploy=2, deploy=24)
REAL_DEPLOYMENT = 30.0

app = App(result_action="return_value")


class Slow(httpx.AsyncBaseTransport):
    """Answers after a while, and counts the answers by their status."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.statuses: Counter[int] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Half of the while before the request, half after it."""
        await asyncio.sleep(ANSWER / 2)
        response = await self.inner.handle_async_request(request)
        await asyncio.sleep(ANSWER / 2)
        self.statuses[response.status_code] += 1
        return response


class Fleet(Environment):
    """An account at the platform's speed and limits, with its default policy."""

    def __init__(self, apps: int) -> None:
        super().__init__(Settings(speed=SPEED, seed=1), {"guards": {"max_changes": 100}})
        del self.config["defaults"]
        self.box.configure(rate_per_minute=PER_MINUTE, rate_per_hour=PER_HOUR)
        self.slow = Slow(super().transport())
        self.names = [f"app-{number:04d}" for number in range(apps)]

    def transport(self) -> httpx.AsyncBaseTransport:
        """The one that is slow."""
        return self.slow

    def step(self, name: str, tag: str, *, failing: int = 0, processes: int = 1) -> Step:
        """Git wants this version of all apps an hour later: one run, or several at once that share the apps."""
        self.wait(HOUR)
        self.commit(*(web(name, tag) for name in self.names))
        for number, failed in enumerate(self.names[::FAILS][:failing]):
            self.box.fail(failed, "health" if number % 2 else "deploy")
        self.slow.statuses.clear()
        began, cpu = self.clock.monotonic(), time.process_time()
        runs = self.clock.run(self._together(processes))
        seconds, cpu = self.clock.monotonic() - began, time.process_time() - cpu
        outcomes: Counter[str] = Counter()
        for run in runs:
            assert run.report is not None, run.error
            outcomes.update(record.outcome.kind.value for record in run.report.records)
        requests = sum(len(run.sent) for run in runs)
        return Step(name, len(self.names), failing, requests, seconds, outcomes, self.slow.statuses[429], cpu)

    async def _together(self, processes: int) -> list[Run]:
        """What so many processes of one token do at the same time, each with its shard."""
        return list(await asyncio.gather(*(self._one(number, processes) for number in range(1, processes + 1))))

    async def _one(self, number: int, processes: int) -> Run:
        options = replace(self.options, shard=(number, processes))
        tap = Tap(self.slow)
        async with Client("run", transport=tap, base_url="http://sandbox", clock=self.clock) as client:
            planned = await applying.plan(loading.load(options), options, client, self.clock)
            report = await applying.apply(planned, client, self.clock)
        return Run(tuple(tap.sent), report)


@dataclass(frozen=True)
class Step:
    """What a step took; ``failing`` of the apps failed and were taken back."""

    name: str
    apps: int
    failing: int
    requests: int
    seconds: float
    outcomes: Counter[str]
    limited: int
    cpu: float

    @property
    def floor(self) -> float:
        """Seconds that no reconciler can go below."""
        deployed = DEPLOYMENT + SOAK
        return 2 * self.apps / PER_MINUTE * 60 + deployed * (2 if self.failing else 1)

    def missed(self, each: float) -> list[str]:
        """What does not hold; ``each`` is what an app takes that does not fail."""
        wrong = []
        ended = {"applied": self.apps - self.failing, "rolled_back": self.failing}
        if self.outcomes != {name: count for name, count in ended.items() if count}:
            wrong.append(f"it ended otherwise than {ended}: {dict(self.outcomes)}")
        if self.limited:
            wrong.append(f"{self.limited} answers were 429")
        if not self.failing and self.requests > MOST_EACH * self.apps:
            wrong.append(f"more than {MOST_EACH} requests an app")
        if self.failing and self.failed(each) > MOST_FAILED:
            wrong.append(f"{self.failed(each):.1f} requests for each that failed, more than {MOST_FAILED}")
        if self.seconds > MOST_TIMES.get(self.apps, 1e9) * self.floor:
            wrong.append(f"more than {MOST_TIMES[self.apps]} times the floor")
        if self.seconds > MOST_SECONDS.get(self.apps, 1e9):
            wrong.append(f"more than {MOST_SECONDS[self.apps]:.0f} s")
        return wrong

    def failed(self, each: float) -> float:
        """Requests for each app that failed and was taken back."""
        return (self.requests - each * (self.apps - self.failing)) / self.failing


def shown(step: Step, each: float) -> str:
    """One line of the table."""
    before = BEFORE.get(step.name) if step.apps == SIZES[0] else None
    told = f"{before[0]:>9,}{before[1]:>8,}" if before else f"{'':17}"
    failed = f"{step.failed(each):>8.1f}" if step.failing else f"{'':8}"
    return (
        f"{step.apps:>6,}  {step.name:18}{step.requests:>9,}{step.requests / step.apps:>8.2f}{failed}"
        f"{step.seconds:>9,.0f}{step.floor:>8,.0f}{step.seconds / step.floor:>7.2f}{step.limited:>5}"
        f"{step.cpu:>7.1f}{told}"
    )


def fleet(apps: int) -> int:
    """The steps of a fleet of that size; how many did not hold."""
    wrong, each = 0, 0.0
    with Fleet(apps) as environment:
        for name, tag, failing in (
            ("create", "1.26", 0),
            ("update", "1.27", 0),
            ("every tenth fails", "1.28", apps // FAILS),
        ):
            step = environment.step(name, tag, failing=failing)
            print(shown(step, each), flush=True)
            missed = step.missed(each)
            print("".join(f"      WRONG {one}\n" for one in missed), end="", flush=True)
            wrong += bool(missed)
            each = step.requests / step.apps
    return wrong


def shared(apps: int) -> int:
    """Several processes on one token, with an update of all apps between them; how many steps did not hold."""
    wrong = 0
    with Fleet(apps) as environment:
        environment.step("create", "1.0")
        for number, processes in enumerate(PROCESSES, 1):
            step = environment.step(
                f"{processes} process{'es' if processes > 1 else ''}", f"1.{number}", processes=processes
            )
            print(shown(step, 0.0), flush=True)
            wrong += step.outcomes != {"applied": apps}
    return wrong


# --- In real time ---


RECONCILE = str(Path(sys.executable).with_name("reconcile"))


@contextmanager
def served(file: Path) -> Iterator[str]:
    """The address of a sandbox that is served from this file."""
    command = [RECONCILE, "sandbox", "serve", "--port", "0", "--file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            words = server.stdout.readline().split()
            yield next(word for word in words if word.startswith("http://"))
        finally:
            server.terminate()


def prepare(folder: Path, url: str) -> None:
    """Create the apps, with a token of its own; then write their next version, and slow the sandbox down."""
    (folder / "reconcile.yaml").write_text(f"defaults: {{health: {{soak: {REAL_SOAK:g}s}}}}\n")
    with httpx.Client(base_url=url, headers={"Authorization": "Bearer seed"}) as client:
        for number in range(REAL_APPS):
            name = f"app-{number:04d}"
            client.post("/v2/apps", json={"spec": web(name, "1.26")}).raise_for_status()
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(web(name, "1.27")))
    time.sleep(2)  # until the deployments are over
    limits = [f"rate_per_minute={PER_MINUTE}", f"rate_per_hour={PER_HOUR}"]
    names = ("pending_build", "skipped_build", "pending_deploy", "deploy")
    speeds = [f"speed.{name}={getattr(REAL_SPEED, name):g}" for name in names]
    configure = [RECONCILE, "sandbox", "set", *limits, *speeds, "--file", str(folder / "box.db")]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)


def real() -> int:
    """Update a fleet in real time; 1 if it misses its aims."""
    with tempfile.TemporaryDirectory() as name, served(Path(name, "box.db")) as url:
        prepare(folder := Path(name), url)
        command = [RECONCILE, str(folder), "--allow", "max-changes", "--format", "json", "--api-url", url]
        environ = {**os.environ, "DIGITALOCEAN_TOKEN": "fleet"}
        began = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environ, check=False)
        seconds = time.monotonic() - began
    report: dict[str, Any] = json.loads(done.stdout)
    outcomes = {kind: count for kind, count in report["outcomes"].items() if count}
    each = report["requests"] / REAL_APPS
    floor = 2 * REAL_APPS / PER_MINUTE * 60 + REAL_DEPLOYMENT + REAL_SOAK
    print(
        f"{REAL_APPS} apps in real time: {report['requests']} requests ({each:.2f} an app, at most {MOST_EACH}), "
        f"{seconds:.1f} s (at most {REAL_SECONDS:g}, floor {floor:.0f}), {outcomes}"
    )
    held = outcomes == {"applied": REAL_APPS} and each <= MOST_EACH and seconds <= REAL_SECONDS
    return 0 if held else 1


@app.default
def main(*sizes: int, real_time: Annotated[bool, Parameter(name="--real", negative="")] = False) -> int:
    """Play the steps for fleets of these sizes, and for several processes.

    Args:
        sizes: numbers of apps.
        real_time: update a fleet in real time instead.
    """
    if real_time:
        return real()
    columns = ("requests", "an app", "failed", "seconds", "floor", "times", "429", "CPU s", "before:", "s")
    widths = (9, 8, 8, 9, 8, 7, 5, 7, 9, 8)
    print(
        f"{'apps':>6}  {'step':18}"
        + "".join(f"{column:>{width}}" for column, width in zip(columns, widths, strict=True))
    )
    wrong = sum(map(fleet, sizes or SIZES)) + shared(SIZES[0])
    print(f"{wrong} steps did not hold" if wrong else "every step held")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(app())
