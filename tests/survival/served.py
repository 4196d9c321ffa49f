"""The real command against a sandbox in a process of its own: what kills and signals really do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from reconciler.live.client import Client
from reconciler.sandbox import Sandbox, Settings, Speed
from tests.survival.environment import Account, Spec
from tests.survival.scenarios import Scenario, by_name, counts, secrets, violations

T = TypeVar("T")
ROOT = Path(__file__).parents[2]

QUICK = Settings(speed=Speed(pending_build=0.1, build=0.3, skipped_build=0.1, pending_deploy=0.1, deploy=0.5), seed=1)
"""A deployment takes a second: a run some four, most of them between two looks at it."""

CONFIG: dict[str, Any] = {"defaults": {"health": {"soak": "0s", "tolerance": "0s"}}}

SCENARIOS = ("create", "update", "health fails", "deploy fails", "two apps updated in order")
"""What is killed at random moments."""

LONGEST = 120.0
"""Seconds; a run that takes longer hangs."""

_SERVE = """
import sys
from pathlib import Path
from reconciler.sandbox.server import serve
serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))
"""


class Served(Account):
    """A served sandbox, specs in a folder, and the command that brings both together."""

    def __init__(self, config: dict[str, Any] | None = None, settings: Settings = QUICK) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name)
        (self.root / "specs").mkdir()
        (self.root / "reconcile.yaml").write_text(yaml.safe_dump({**CONFIG, **(config or {})}))
        self.box = Sandbox(self.root / "box.db", settings=settings)
        command = [sys.executable, "-c", _SERVE, str(self.root / "box.db")]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._server.stdout is not None
        self.url = self._server.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()
        self.box.close()
        self._folder.cleanup()

    def ask(self, use: Callable[[Client], Awaitable[T]]) -> T:
        async def main() -> T:
            async with Client("person", base_url=self.url) as client:
                return await use(client)

        return asyncio.run(main())

    def there(self, *specs: Spec) -> None:
        """These apps are up and healthy."""
        for spec in specs:
            self.ask(lambda client, spec=spec: client.create_app(spec))  # type: ignore[misc]
            self.box.finish(spec["name"])

    def commit(self, *specs: Spec) -> None:
        """Git wants these apps."""
        for spec in specs:
            (self.root / "specs" / f"{spec['name']}.yaml").write_text(yaml.safe_dump(spec))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running."""
        environ = {**os.environ, "DIGITALOCEAN_TOKEN": "run", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "reconciler", "specs", "--api-url", self.url, *arguments]
        environ["PYTHONPATH"] = str(ROOT)
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ, cwd=self.root
        )

    def reconcile(self, *arguments: str) -> tuple[int, str]:
        """The command, to its end: exit code and output."""
        with self.start(*arguments) as process:
            out, _ = process.communicate(timeout=LONGEST)
            return process.returncode, out

    def signaled(self, number: signal.Signals, when: Callable[[], bool]) -> tuple[int, str, float]:
        """The command, signaled once something is the case: exit code, output, seconds it took to end."""
        with self.start() as process:
            until(when)
            began = time.monotonic()
            process.send_signal(number)
            out, _ = process.communicate(timeout=LONGEST)
            return process.returncode, out, time.monotonic() - began

    def under_way(self, name: str = "web") -> bool:
        """Whether the app is being deployed."""
        return any(app.name == name and app.running_deployment is not None for app in self.apps())


def until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@dataclass(frozen=True)
class Kill:
    """A run that was killed, and what does not hold after the clean ones."""

    seed: int
    scenario: str
    after: float
    died: bool
    codes: tuple[int, ...]
    wrong: tuple[str, ...]


def killed(seed: int, scenario: Scenario, longest: float = 5.0) -> Kill:
    """`kill -9` at a random moment, then clean runs: what must hold holds."""
    moment = random.Random(seed).uniform(0.3, longest)
    with Served(scenario.config, QUICK) as served:
        served.there(*scenario.before)
        known, most = secrets(served), counts(served)
        if scenario.fails:
            served.box.fail(scenario.bad, scenario.fails)
        served.commit(*scenario.wanted)
        with served.start() as process:
            time.sleep(moment)
            process.kill()
            process.communicate(timeout=LONGEST)
        runs = [served.reconcile() for _ in range(3)]
        for app in served.apps():
            served.box.finish(app.name)
        plain = {name: most.get(name, 0) + (2 if scenario.fails else 1) for name in scenario.ends}
        wrong = violations(scenario, served, runs[-1][0], known, plain)
        wrong += [out for code, out in runs if "Traceback" in out]
        codes = tuple(code for code, _ in runs)
        return Kill(seed, scenario.name, moment, process.returncode == -signal.SIGKILL, codes, tuple(wrong))


def kills(seeds: range) -> Iterator[Kill]:
    """One kill a seed; the scenarios take turns."""
    for seed in seeds:
        yield killed(seed, by_name(SCENARIOS[seed % len(SCENARIOS)]))


__all__ = ["Kill", "Served", "killed", "kills", "until"]
