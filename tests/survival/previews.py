"""Histories of pull requests: every event runs the action, a tenth of its requests fail, and it may die at any of them.

GitHub is the fake, App Platform the sandbox, both in process on one virtual clock. The account is full of apps that
look like previews or carry their marks. What must hold is in `History.wrong`.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import yaml

from reconciler.cli.action import ActionStep
from reconciler.desired.preview_mark import Mark, mark_of, name_of
from reconciler.engine.apply import Watch
from reconciler.github import action as github_action
from reconciler.github.context import EventContext
from reconciler.github.inputs import Inputs
from reconciler.github.report import Result
from reconciler.live.client import Client
from reconciler.redaction import Redactor
from reconciler.sandbox import Sandbox, Settings, Speed
from tests.github.runner import input_variables
from tests.support.fake_github import FakeGitHub
from tests.support.previews import IMAGE, REPO, lookalikes
from tests.support.repository import Repository
from tests.support.virtual_time import VirtualClock

SHARE = 0.1
"""Share of the requests that fail."""

DEATHS = 0.3
"""Share of the runs that die."""

HOUR, DAY = 3600.0, 86400.0
TTL = 3 * DAY
EVENTS = 16
PULLS = 4
SILENCE = 30.0


class Killed(BaseException):  # nothing in the program may catch it
    """The process is gone."""


@dataclass
class Fate:
    """What becomes of one run: trouble by chance, and death at its request ``at``."""

    chance: random.Random | None = None
    at: int = -1
    point: Literal["before", "after"] = "before"
    count: int = 0
    dead: bool = False


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The way to App Platform or to GitHub; both of a run share its fate."""

    inner: httpx.AsyncBaseTransport
    fate: Fate
    writes: list[tuple[str, str]]
    holes: bool = False
    """Whether an answer may lack fields: App Platform's listing of apps never does, or no app could be counted on."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fate = self.fate
        number, fate.count = fate.count, fate.count + 1
        if fate.dead or (number == fate.at and fate.point == "before"):
            fate.dead = True
            raise Killed
        if request.method not in ("GET", "HEAD"):
            self.writes.append((request.method, request.url.path))
        trouble = fate.chance is not None and fate.chance.random() < SHARE
        kind = fate.chance.choice(("html", "refused", "lost", "partial")) if trouble and fate.chance else ""
        if kind == "html":
            return httpx.Response(502, text="<html>Bad Gateway</html>", request=request)
        if kind == "refused":
            raise httpx.ConnectError("refused", request=request)
        response = await self.inner.handle_async_request(request)
        await response.aread()
        if number == fate.at:
            fate.dead = True
            raise Killed
        if kind == "lost":
            raise httpx.ReadError("lost", request=request)
        if kind == "partial" and self.holes and fate.chance and fate.chance.random() < 0.5:
            return httpx.Response(response.status_code, json=_with_holes(response.json(), fate.chance))
        if kind == "partial" and request.method == "GET":
            return httpx.Response(response.status_code, content=response.content[: len(response.content) // 2])
        return response


def _with_holes(answer: Any, chance: random.Random) -> Any:
    """An answer of which some fields are missing."""
    if isinstance(answer, list):
        return [_with_holes(one, chance) for one in answer]
    return {key: one for key, one in answer.items() if chance.random() < 0.6} if isinstance(answer, dict) else answer


@dataclass
class Step(ActionStep):
    """The action with a way to the sandbox, and without signals."""

    wire: Wire | None = None

    def connect(self) -> AbstractAsyncContextManager[Client]:
        assert self.wire is not None
        return Client("run", transport=self.wire, base_url="http://sandbox", clock=self.clock, random=lambda: 0.5)

    @contextmanager
    def watch(self, apps: Sequence[str]) -> Iterator[Watch]:
        yield Watch()


@dataclass
class Pull:
    """A pull request as people know it. ``approved``: the commit that a person with write access labelled last.

    ``lapsed``: since then it was closed, or a draft where drafts have none. The approval of a fork's commit lasts
    as long as its preview, so it may be gone, or still there where no run has ended that yet.
    """

    number: int
    sha: str
    fork: bool
    is_open: bool = True
    draft: bool = False
    labels: set[str] = field(default_factory=set)
    approved: str = ""
    lapsed: bool = False


@dataclass
class Ran:
    """How a run ended: the exit code, or None if it died; what it printed."""

    code: int | None
    log: list[str]
    output: str = ""


class Stage:
    """A repository with an app, its pull requests on the fake of GitHub, and the sandbox."""

    def __init__(self, settings: dict[str, Any] | None = None, seed: int = 1) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name)
        self.clock = VirtualClock()
        self.box = Sandbox(now=self.clock.timestamp, settings=Settings(speed=Speed.instant(), seed=seed))
        self.fake = FakeGitHub()
        self.repository = Repository(self.root / "checkout")
        policy = {"health": {"soak": "0s"}, "timeouts": {"health": "1m"}}
        config = {"defaults": policy, "preview": {"ttl": "3d", **(settings or {})}}
        self.repository.write("reconcile.yaml", yaml.safe_dump(config))
        web = {"name": "web", "image": IMAGE, "instance_size_slug": "apps-s-1vcpu-1gb"}
        self.repository.write("specs/shop.yaml", yaml.safe_dump({"name": "shop", "services": [web]}))
        self.repository.commit(0)
        self.writes: list[tuple[str, str]] = []
        self.runs = 0

    def close(self) -> None:
        self.repository.repo.close()
        self.box.close()
        self.clock.close()
        self._folder.cleanup()

    def wait(self, seconds: float) -> None:
        self.clock.run(self.clock.sleep(seconds))

    def apps(self) -> dict[str, Any]:
        """Every app by name, past any trouble."""
        return {app["name"]: app for app in self.box.state()["apps"]}

    def live(self) -> dict[str, Any]:
        """Every app with its spec, as the API shows it."""

        async def main() -> dict[str, Any]:
            async with self._client() as client:
                return {app.name: app for app in await client.list_apps()}

        return self.clock.run(main())

    def create(self, *specs: dict[str, Any]) -> list[str]:
        """Apps that somebody made; their ids."""

        async def main() -> list[str]:
            async with self._client() as client:
                return [(await client.create_app(spec)).id for spec in specs]

        return self.clock.run(main())

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        inner = httpx.ASGITransport(app=self.box.asgi)
        async with Client(
            "person", transport=inner, base_url="http://sandbox", clock=self.clock, per_minute=10**6
        ) as client:
            yield client

    def step(self, event: str, payload: dict[str, Any], fate: Fate | None = None, **inputs: str) -> Ran:
        """One run of the action on an event."""
        fate, self.runs = fate or Fate(), self.runs + 1
        at = self.root / str(self.runs)
        at.mkdir()
        (at / "event.json").write_text(json.dumps(payload))
        given = {"mode": "preview", "token": "dop_v1_test", "specs": str(self.repository.root / "specs")}
        environ = input_variables(given | {"config": str(self.repository.root / "reconcile.yaml")} | inputs, "gh-token")
        environ |= {
            "GITHUB_API_URL": "https://api.github.example",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(at / "event.json"),
            "GITHUB_OUTPUT": str(at / "output"),
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": "f" * 40,
            "GITHUB_WORKSPACE": str(self.repository.root),
        }
        log: list[str] = []
        wire = Wire(httpx.ASGITransport(app=self.box.asgi), fate, self.writes)
        github = Wire(self.fake.transport(), fate, [], holes=True)

        async def execute(inputs: Inputs, context: EventContext) -> Result:
            redact = Redactor((inputs.token, inputs.github_token))
            step = Step(inputs, context, environ, self.clock, log.append, redact, github, wire=wire)
            return await step.result()

        async def main() -> int | None:
            try:
                return await github_action.run(
                    environ, execute=execute, clock=self.clock, out=log.append, transport=github
                )
            except BaseException:
                if not fate.dead:
                    raise
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()
                return None

        code = self.clock.run(main())
        output = at / "output"
        return Ran(code if not fate.dead else None, log, output.read_text() if output.exists() else "")


def event_of(pull: Pull, action: str, label: str = "", sender: str = "ada") -> dict[str, Any]:
    """The payload of an event of a pull request, as GitHub sends it."""
    head = "stranger/shop" if pull.fork else REPO
    payload: dict[str, Any] = {
        "action": action,
        "number": pull.number,
        "pull_request": {
            "number": pull.number,
            "head": {"sha": pull.sha, "ref": "topic", "repo": {"full_name": head}},
            "base": {"ref": "main", "repo": {"full_name": REPO}},
        },
        "sender": {"login": sender},
    }
    return payload | ({"label": {"name": label}} if label else {})


@dataclass
class History:
    """One seed's story. ``wrong`` is what did not hold."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    runs: int = 0
    died: int = 0

    def play(self) -> History:
        """Play it to its end."""
        self.chance = random.Random(self.seed)
        pick = self.chance.choice
        self.settings = {
            "drafts": pick((True, False)),
            "label": pick(("", "", "try")),
            "max": {"count": pick((2, 9)), "dollars": pick((12, 90))},
        }
        self.stage = Stage(self.settings, self.seed)
        self.pulls: dict[int, Pull] = {}
        self.pending: dict[int, tuple[dict[str, Any], str]] = {}
        self.deployed: dict[int, float] = {}
        try:
            self.ids = self.stage.create(*lookalikes())
            self.before = {name: app for name, app in self.stage.live().items() if app.id in self.ids}
            for _ in range(EVENTS):
                self._event()
                self.stage.wait(self.chance.choice((60.0, HOUR, HOUR, 9 * HOUR, DAY)))
                if self.chance.random() < 0.3:
                    self._run(0, {}, "schedule")
            self._finish()
        finally:
            self.stage.close()
        return self

    @property
    def label(self) -> str:
        return self.settings["label"] or "preview"

    def _event(self) -> None:
        chance = self.chance
        number = chance.randint(1, PULLS)
        sha = f"{chance.getrandbits(160):040x}"
        pull = self.pulls.get(number)
        if pull is None:
            pull = self.pulls[number] = Pull(number, sha, fork=chance.random() < 0.4, draft=chance.random() < 0.2)
            self._happens(pull, "opened")
            return
        kind = chance.choice(("push", "push", "close", "reopen", "draft", "label", "label", "unlabel"))
        if kind == "push" and pull.is_open:
            pull.sha = sha  # a force-push is no other event
            self._happens(pull, "synchronize")
        elif kind == "close" and pull.is_open:
            pull.is_open = False
            self._happens(pull, "closed")
        elif kind == "reopen" and not pull.is_open:
            pull.is_open = True
            self._happens(pull, "reopened")
        elif kind == "draft":
            pull.draft = not pull.draft
            self._happens(pull, "converted_to_draft" if pull.draft else "ready_for_review")
        elif kind == "label" and self.label not in pull.labels:
            sender = chance.choice(("ada", "ada", "bob"))
            pull.labels.add(self.label)
            pull.approved, pull.lapsed = (pull.sha if sender == "ada" else ""), False
            self._happens(pull, "labeled", self.label, sender)
        elif kind == "unlabel" and self.label in pull.labels:
            pull.labels.discard(self.label)
            pull.approved = ""
            self._happens(pull, "unlabeled", self.label)

    def _happens(self, pull: Pull, action: str, label: str = "", sender: str = "ada") -> None:
        """GitHub has it so from now on, and runs the workflow; most of the runs that failed are run again."""
        pull.lapsed |= not pull.is_open or (pull.draft and not self.settings["drafts"])
        head = "stranger:topic" if pull.fork else "acme:topic"
        state = "open" if pull.is_open else "closed"
        self.stage.fake.add_pull(pull.number, pull.sha, head=head, draft=pull.draft, state=state)
        self.stage.fake.label(pull.number, *pull.labels)
        payload = event_of(pull, action, label, sender)
        event = "pull_request_target" if pull.fork else "pull_request"
        for _ in range(8):
            if self._run(pull.number, payload, event) or (not label and self.chance.random() < 0.3):
                return

    def _run(self, number: int, payload: dict[str, Any], event: str, *, troubled: bool = True) -> bool:
        """One run; whether it did all that it was to do."""
        fate = Fate()
        if troubled:
            dies = self.chance.random() < DEATHS
            at = self.chance.randint(0, 20) if dies else -1
            fate = Fate(self.chance, at, self.chance.choice(("before", "after")))
        ran = self.stage.step(event, payload, fate)
        self.runs, self.died = self.runs + 1, self.died + (ran.code is None)
        over = ran.code in (0, 7)  # 7: over the budget
        if number and not over:
            self.pending[number] = (payload, event)
        elif number:
            self.pending.pop(number, None)
        self._check()
        return over

    def _check(self) -> None:
        """What must hold at any time."""
        previews = self._previews()
        numbers = [mark.pull for mark in previews.values()]
        if len(set(numbers)) < len(numbers):
            self.wrong.append(f"run {self.runs}: two previews of one pull request: {sorted(previews)}")
        most = self.settings["max"]
        if len(previews) > most["count"] or 5 * len(previews) > most["dollars"]:
            self.wrong.append(f"run {self.runs}: over the budget with {len(previews)} previews")
        for name, mark in previews.items():
            if name != mark.name:
                self.wrong.append(f"run {self.runs}: {name} is not the name of its mark")
        touched = [path for _, path in self.stage.writes if any(one in path for one in self.ids)]
        if touched:
            self.wrong.append(f"run {self.runs}: a call on another app: {touched[0]}")
        for name, app in self.live.items():
            if name in previews and app.last_deployment_created_at:
                self.deployed[previews[name].pull] = app.last_deployment_created_at.timestamp()

    def _previews(self) -> dict[str, Mark]:
        self.live = self.stage.live()
        marks = {name: mark_of(app.spec) for name, app in self.live.items() if app.id not in self.ids}
        return {name: mark for name, mark in marks.items() if mark is not None}

    def _allowed(self, pull: Pull) -> bool:
        if not pull.is_open or (pull.draft and not self.settings["drafts"]):
            return False
        if pull.fork:
            return self.label in pull.labels and pull.approved == pull.sha
        return not self.settings["label"] or self.label in pull.labels

    def _finish(self) -> None:
        """What was left is run again, then the sweep, without trouble: the live previews are those there must be."""
        for number, (payload, event) in sorted(self.pending.items()):
            if not self._run(number, payload, event, troubled=False):
                self.wrong.append(f"#{number}: run again without trouble, it does not succeed")
        if not self._run(0, {}, "schedule", troubled=False):
            self.wrong.append("the last sweep does not succeed")
        self._compare()

    def _compare(self) -> None:
        """What is there at the end, beside what must be."""
        there, now = {mark.pull for mark in self._previews().values()}, self.stage.clock.timestamp()
        full = len(there) + 1 > self.settings["max"]["count"] or 5 * (len(there) + 1) > self.settings["max"]["dollars"]
        full = full or self.settings["max"]["count"] < PULLS or self.settings["max"]["dollars"] < 5 * PULLS
        for number, pull in self.pulls.items():
            age = now - self.deployed.get(number, now)
            if pull.fork and pull.lapsed and self._allowed(pull):
                continue
            if number in there and not self._allowed(pull):
                self.wrong.append(f"#{number} has a preview and must have none: {pull}")
            elif number in there and age >= TTL:
                self.wrong.append(f"#{number} has a preview that expired")
            elif number not in there and self._allowed(pull) and age < TTL and not full:
                self.wrong.append(f"#{number} has no preview and must have one: {pull}")
        if extra := there - self.pulls.keys():
            self.wrong.append(f"previews of nothing: {extra}")
        self._others(there)

    def _others(self, there: set[int]) -> None:
        """What GitHub shows, and the apps of others."""
        names = {name_of("shop", REPO, number) for number in there}
        if rest := set(self.stage.fake.active()) - names:
            self.wrong.append(f"deployments that are active and have no preview: {rest}")
        after = {name: app for name, app in self.stage.live().items() if app.id in self.ids}
        if {name: app.spec for name, app in after.items()} != {name: app.spec for name, app in self.before.items()}:
            self.wrong.append("another app changed")
