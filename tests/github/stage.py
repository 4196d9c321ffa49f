"""Everything around the action as GitHub has it: sandbox and fake of GitHub, both served, a checkout, a runner."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml

from reconciler.cli import action as actions
from reconciler.sandbox import Sandbox, Settings
from reconciler.sandbox.server import make_server
from tests.github.runner import Step, input_variables
from tests.github.test_outputs import read_outputs
from tests.github.world import REPO, pull_event
from tests.support.fake_github import FakeGitHub
from tests.support.repository import DAY, START, Repository

TOKEN = "dop_v1_stage_token"
Tree = dict[str, Any]


class HurriedClock:
    """Real time, much faster: what talks over sockets cannot wait on virtual time, and must not wait for minutes."""

    def __init__(self, times: float = 60.0) -> None:
        self._times = times
        self._began = time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._times

    def timestamp(self) -> float:
        """Seconds since 1970, on the day after the commits."""
        return START + DAY + self.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp(), UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._times)


@contextmanager
def running(server: uvicorn.Server) -> Iterator[str]:
    """A server in a thread of its own, on loopback and a port that was free; its URL."""
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@dataclass
class Served:
    """App Platform and GitHub, each at its URL."""

    clock: HurriedClock
    box: Sandbox
    platform: str
    fake: FakeGitHub
    github: str

    def reset(self) -> None:
        self.box.clear_faults()
        self.box.reset()
        self.fake.reset()


@contextmanager
def serving() -> Iterator[Served]:
    """The sandbox and the fake, served until the end."""
    clock = HurriedClock()
    box = Sandbox(now=clock.timestamp, settings=Settings(seed=1), base_url=None)
    fake = FakeGitHub()
    config = uvicorn.Config(
        fake.app(), host="127.0.0.1", port=0, http="h11", ws="none", lifespan="off", log_level="warning"
    )
    try:
        with running(make_server(box, "127.0.0.1", 0)) as platform, running(uvicorn.Server(config)) as github:
            yield Served(clock, box, platform, fake, github)
    finally:
        box.close()


@dataclass
class Stage:
    """A repository on GitHub with its apps on App Platform."""

    repository: Repository
    runner: Path
    served: Served
    run_id: int = 500
    steps: list[Step] = field(default_factory=list)

    def commit(self, author: str = "Ada Byron <ada@example.com>", **specs: Tree) -> None:
        """What the checkout holds from now on: a file for each app."""
        for name, spec in specs.items():
            self.repository.write(f"specs/{name}.yaml", yaml.safe_dump(spec, sort_keys=False))
        self.repository.commit(0, author=author)

    def environ(
        self, event: str, payload: Tree | None, *, sha: str, actor: str = "ada", **given: str
    ) -> dict[str, str]:
        """What GitHub gives to the container of a step, and the files it prepared for it."""
        self.run_id += 1
        at = self.runner / str(self.run_id)
        at.mkdir(parents=True)
        (at / "event.json").write_text(json.dumps(payload or {}))
        for name in ("output", "summary"):
            (at / name).touch()
        inputs = {name.replace("_", "-"): value for name, value in given.items()}
        return input_variables({"token": TOKEN, "api-url": self.served.platform} | inputs, "gh-token") | {
            "GITHUB_ACTOR": actor,
            "GITHUB_API_URL": self.served.github,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(at / "event.json"),
            "GITHUB_OUTPUT": str(at / "output"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self.run_id),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": sha,
            "GITHUB_STEP_SUMMARY": str(at / "summary"),
            "GITHUB_WORKSPACE": str(self.repository.root),
        }

    def step(
        self,
        event: str,
        payload: Tree | None = None,
        *,
        sha: str = "e" * 40,
        env: dict[str, str] | None = None,
        **given: str,
    ) -> Step:
        """One step with the action; the working directory is the checkout. ``env`` is the workflow's own."""
        environ = self.environ(event, payload, sha=sha, **given) | (env or {})
        log: list[str] = []
        began = self.served.clock.monotonic()
        exit_code = asyncio.run(actions.run(environ, clock=self.served.clock, out=log.append))
        return self.left(environ, exit_code, log, self.served.clock.monotonic() - began)

    def left(self, environ: dict[str, str], exit_code: int, log: list[str], seconds: float = 0.0) -> Step:
        """What a step left behind."""
        step = Step(
            exit_code=exit_code,
            outputs=read_outputs(Path(environ["GITHUB_OUTPUT"]).read_text()),
            summary=Path(environ["GITHUB_STEP_SUMMARY"]).read_text(),
            log=log,
            seconds=seconds,
        )
        self.steps.append(step)
        return step

    # What happens on GitHub

    def open_pull(self, number: int, sha: str, **given: str) -> Step:
        self.served.fake.add_pull(number, sha)
        return self.step("pull_request", pull_event(number, sha), sha="f" * 40, **given)

    def push_to_pull(self, number: int, sha: str, **given: str) -> Step:
        self.served.fake.pulls[number]["head"]["sha"] = sha
        return self.step("pull_request", pull_event(number, sha), sha="f" * 40, **given)

    def merge(self, number: int, commit: str, **given: str) -> Step:
        self.served.fake.merge(number, commit)
        return self.step("push", {"commits": [{"id": commit}]}, sha=commit, mode="apply", **given)

    def comment(self) -> str:
        """The one comment there is."""
        [comment] = self.served.fake.comments.values()
        return str(comment["body"])

    def issue(self) -> Tree:
        """The one issue there is."""
        [issue] = self.served.fake.issues.values()
        return issue

    # What happens on App Platform

    def app(self, name: str) -> Tree:
        with self.http() as client:
            return next(app for app in client.get("/v2/apps").json()["apps"] if app["spec"]["name"] == name)

    def edit(self, name: str, spec: Tree) -> None:
        """Somebody changes an app by hand, in the control panel."""
        with self.http() as client:
            client.put(f"/v2/apps/{self.app(name)['id']}", json={"spec": spec}).raise_for_status()
        self.served.box.finish(name)

    def health(self, name: str) -> set[str]:
        with self.http() as client:
            found = client.get(f"/v2/apps/{self.app(name)['id']}/health").json()["app_health"]["components"]
        return {component["state"] for component in found}

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.served.platform, headers={"authorization": "Bearer somebody"})
