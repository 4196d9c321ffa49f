"""An account, the Git repository that describes it, and people who change either: the whole path on virtual time."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine.load import RunOptions
from reconciler.engine.planner import Planned
from reconciler.live.client import Client
from reconciler.live.models import LiveApp
from reconciler.plan.model import Plan, PlanReport
from reconciler.rollout.model import RolloutReport
from reconciler.sandbox import Sandbox, Settings, Speed
from tests.support.repository import Repository
from tests.support.virtual_time import VirtualClock

T = TypeVar("T")
Spec = dict[str, Any]

CONFIG: Spec = {"defaults": {"health": {"soak": "0s"}}}
INSTANT = Settings(speed=Speed.instant(), seed=1)
OURS, OTHER = "token-of-the-pipeline", "token-of-a-person"


SIZE = {"instance_size_slug": "apps-s-1vcpu-1gb"}
"""A size that allows several instances."""


def web(name: str = "web", **service: Any) -> Spec:
    """An app of one service that runs an image; its size allows several instances."""
    image = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": "1.27"}
    return {"name": name, "region": "ams", "services": [{"name": "api", "image": image, **SIZE, **service}]}


@dataclass
class Tap(httpx.AsyncBaseTransport):
    """Keeps what is sent: method, path, body."""

    inner: httpx.AsyncBaseTransport
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.sent.append((request.method, request.url.path, body))
        return await self.inner.handle_async_request(request)

    @property
    def writes(self) -> list[tuple[str, str, Any]]:
        """What may have changed something."""
        return [one for one in self.sent if one[0] != "GET" and not one[1].endswith("/propose")]


class World:
    """One account and one repository. Days count from the start of the virtual clock, as those of commits do."""

    def __init__(self, root: Path, settings: Settings = INSTANT, config: Mapping[str, Any] = CONFIG) -> None:
        self.clock = VirtualClock()
        self.box = Sandbox(now=self.clock.timestamp, settings=settings)
        self.repository = Repository(root / "repo")
        self.root = self.repository.root
        self.specs = self.root / "specs"
        self.specs.mkdir()
        self.environ: dict[str, str] = {}
        self.configure(config)
        self.tap = Tap(httpx.ASGITransport(app=self.box.asgi))

    def close(self) -> None:
        self.repository.repo.close()
        self.box.close()
        self.clock.close()

    # --- Git -------------------------------------------------------------------------------------------------------

    def configure(self, config: Mapping[str, Any]) -> None:
        self.config = self.repository.write("reconcile.yaml", yaml.safe_dump(dict(config)))

    def write(self, *specs: Spec, file: str = "") -> Path:
        """Write specs, each to its own file, or all to one."""
        if not file:
            for spec in specs[:-1]:
                self.write(spec)
        text = yaml.safe_dump_all(list(specs) if file else [specs[-1]], sort_keys=False)
        return self.repository.write(file or f"specs/{specs[-1]['name']}.yaml", text)

    def commit(self, day: float, *specs: Spec, author: str = "Ada Byron", file: str = "") -> str:
        """Write and commit, at that day."""
        if specs:
            self.write(*specs, file=file)
        return self.repository.commit(day, author=f"{author} <author@example.com>")

    # --- App Platform ----------------------------------------------------------------------------------------------

    def at(self, day: float) -> None:
        """Let time pass until that day."""
        self.clock.run(self.clock.sleep(max(0.0, day * 86400 - self.clock.monotonic())))

    def ask(self, use: Callable[[Client], Awaitable[T]], token: str = OURS) -> T:
        async def main() -> T:
            client = Client(
                token, transport=self.tap, base_url="http://sandbox", clock=self.clock, per_minute=1_000_000
            )
            async with client:
                return await use(client)

        return self.clock.run(main())

    def live(self, name: str = "web") -> LiveApp:
        found = self.ask(lambda client: client.find_app(name))
        assert found is not None, f"there is no app {name}"
        return found

    def names(self) -> list[str]:
        return sorted(app.name for app in self.ask(lambda client: client.list_apps()))

    def create(self, spec: Spec) -> LiveApp:
        """Somebody creates an app by hand; it is up afterwards."""
        self.ask(lambda client: client.create_app(spec), OTHER)
        self.clock.run(self.clock.sleep(1))
        return self.live(spec["name"])

    def edit(self, change: Callable[[Spec], Any], name: str = "web") -> str:
        """Somebody changes an app by hand; the deployment that this makes."""
        app = self.live(name)
        spec = copy.deepcopy(app.spec)
        change(spec)
        self.ask(lambda client: client.update_app(app.id, spec), OTHER)
        self.clock.run(self.clock.sleep(1))
        active = self.live(str(spec["name"])).active_deployment
        assert active is not None
        return active.id

    # --- the reconciler --------------------------------------------------------------------------------------------

    def options(self, **wanted: Any) -> RunOptions:
        specs = wanted.pop("specs", (self.specs,))
        return RunOptions(tuple(specs), config=self.config, environ=self.environ, **wanted)

    def planned(self, **wanted: Any) -> Planned:
        options = self.options(**wanted)
        desired = loading.load(options)
        return self.ask(lambda client: applying.plan(desired, options, client, self.clock))

    def plan(self, **wanted: Any) -> PlanReport:
        return self.planned(**wanted).report

    def one(self, name: str = "web", **wanted: Any) -> Plan:
        """The plan of one app."""
        return next(plan for plan in self.plan(**wanted).plans if plan.app == name)

    def drift(self, name: str = "web", **wanted: Any) -> Plan:
        return self.one(name, drift=True, **wanted)

    def apply(self, **wanted: Any) -> RolloutReport:
        options = self.options(**wanted)
        desired = loading.load(options)

        async def use(client: Client) -> RolloutReport:
            planned = await applying.plan(desired, options, client, self.clock)
            return await applying.apply(planned, client, self.clock)

        return self.ask(use)

    def outcome(self, name: str = "web", **wanted: Any) -> str:
        report = self.apply(**wanted)
        return next(record.outcome.kind.value for record in report.records if record.app == name)


def paths(plan: Plan) -> list[str]:
    return [change.human_path for change in plan.changes]


def notes(plan: Plan) -> dict[str, str]:
    """What is left as it is: kind by path; that the app is young and perhaps not judged yet is no such thing."""
    return {"/".join(note.path): note.kind for note in plan.notes if note.kind != "unjudged"}


def service(spec: Mapping[str, Any], index: int = 0) -> Spec:
    found: Sequence[Spec] = spec["services"]
    return found[index]
