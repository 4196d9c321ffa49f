"""An account, Git's specs for it, and runs of the reconciler that may die at any request.

Everything happens on one virtual clock: the whole path from specs in files to the report, against the sandbox in
process. A run that dies sends nothing after its death, whatever its code would still have tried.
"""

from __future__ import annotations

import asyncio
import atexit
import copy
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import httpx
import yaml

from reconciler.config import Config
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine import safety
from reconciler.engine.load import Desired, RunOptions
from reconciler.errors import ReconcileError
from reconciler.exit_codes import Exit
from reconciler.live.client import Client
from reconciler.live.models import Deployment, LiveApp
from reconciler.rollout.model import RolloutRecord, RolloutReport
from reconciler.sandbox import Sandbox, Settings, Speed
from tests.support.virtual_time import VirtualClock

T = TypeVar("T")
Spec = dict[str, Any]
Point = Literal["before", "lost", "after"]

POINTS: tuple[Point, ...] = ("before", "lost", "after")
"""Where a run dies: before a request is sent, after it took effect but before its answer, after its answer."""

BRISK = Speed(pending_build=2, build=8, skipped_build=2, pending_deploy=2, deploy=8, settle=2)
"""Slow enough that every phase is seen, fast enough that a rollout takes some twenty requests."""

SETTINGS = Settings(speed=BRISK, seed=1)

CONFIG: dict[str, Any] = {
    "defaults": {
        "timeouts": {"build": "10m", "deploy": "5m", "health": "2m"},
        "health": {"soak": "10s", "tolerance": "8s"},
    },
}

SILENCE = 30.0
"""Seconds after which the client's own timeout ends a request that is not answered; in process there is none."""

SECRET = "sk-live-4242"


class Killed(BaseException):  # nothing in the program may catch it
    """The process is gone."""


@dataclass(frozen=True)
class Death:
    """Dies at request ``at`` (counted from 0), at that point of it."""

    at: int
    point: Point


Act = Callable[[], Awaitable[Any]]


@dataclass
class Tap(httpx.AsyncBaseTransport):
    """Counts what a run sends, lets it die, and lets others act right before one of its requests."""

    inner: httpx.AsyncBaseTransport
    death: Death | None = None
    meddle_at: int = -1
    meddle: Act | None = None
    sent: list[str] = field(default_factory=list)
    dead: bool = False
    troubled: int = 0
    main: asyncio.Task[Any] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.dead:
            raise Killed
        number = len(self.sent)
        self.sent.append(f"{request.method} {request.url.path}")
        if self.meddle is not None and number == self.meddle_at:
            await self.meddle()
        point = self.death.point if self.death and self.death.at == number else None
        if point == "before":
            self.dead = True
            raise Killed
        self.troubled += 1
        try:
            async with asyncio.timeout(SILENCE):
                response = await self.inner.handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("silence", request=request) from None
        await response.aread()
        self.troubled -= not _in_trouble(response)
        if point == "lost":
            self.dead = True
            raise Killed
        if point == "after":
            self.dead = True
            assert self.main is not None
            self.main.get_loop().call_soon(self.main.cancel)
        return response


def _in_trouble(response: httpx.Response) -> bool:
    """Whether an answer came late, was refused for no fault of its request, or cannot be read."""
    if response.status_code == 429 or response.is_server_error or "x-sandbox-latency" in response.headers:
        return True
    if not response.is_success or "json" not in response.headers.get("content-type", ""):
        return False
    try:
        json.loads(response.content or b"{}")
    except ValueError:
        return True
    return False


@dataclass(frozen=True)
class Run:
    """How a run ended: its report, or the error that stopped it, or neither if it died. ``sent``: its requests."""

    sent: tuple[str, ...]
    report: RolloutReport | None = None
    error: ReconcileError | None = None

    @property
    def died(self) -> bool:
        return self.report is None and self.error is None

    @property
    def code(self) -> int:
        """The exit code; -9 for a run that died."""
        if self.report is not None:
            return int(safety.of_rollout(self.report))
        return -9 if self.error is None else int(Exit.ERROR)

    def record(self, app: str) -> RolloutRecord:
        assert self.report is not None, self.error
        return next(record for record in self.report.records if record.app == app)

    def kind(self, app: str) -> str:
        return self.record(app).outcome.kind.value


def web(name: str = "web", tag: str = "1.27", *, secret: bool = True, **more: Any) -> Spec:
    """A service from an image, with a secret."""
    image = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": tag}
    service: Spec = {"name": "api", "image": image, "instance_size_slug": "apps-s-1vcpu-1gb"}
    if secret:
        service["envs"] = [{"key": "KEY", "value": SECRET, "type": "SECRET"}, {"key": "TAG", "value": tag}]
    return {"name": name, "services": [service], **more}


def built(name: str = "web", tag: str = "1.27", **more: Any) -> Spec:
    """The same from source, so that there is a build that can fail."""
    spec = web(name, tag, **more)
    service = spec["services"][0]
    del service["image"]
    service["git"] = {"repo_clone_url": "https://git.example.com/web.git", "branch": "main"}
    return spec


def pushed(name: str = "web", tag: str = "1.27", **more: Any) -> Spec:
    """The same from a repository whose pushes are deployed."""
    spec = built(name, tag, **more)
    service = spec["services"][0]
    del service["git"]
    service["github"] = {"repo": "example-org/web", "branch": "main", "deploy_on_push": True}
    return spec


def retagged(spec: Spec, tag: str) -> Spec:
    """A live spec with another version."""
    out: Spec = copy.deepcopy(spec)
    next(env for env in out["services"][0]["envs"] if env["key"] == "TAG")["value"] = tag
    return out


def tag_of(spec: Any) -> str:
    """The version that a live spec of `web` or `built` carries."""
    return str(next(env["value"] for env in spec["services"][0]["envs"] if env["key"] == "TAG"))


@cache
def _folder() -> Path:
    """Where repositories are, until the process ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


@lru_cache(maxsize=100)
def _repository(texts: tuple[str, ...]) -> tuple[RunOptions, Desired]:
    """A repository with this configuration and these specs, and what Git wants: read once, as nothing changes it."""
    root = Path(tempfile.mkdtemp(dir=_folder()))
    config = root / "reconcile.yml"
    for number, text in enumerate(texts):
        (root / f"{number}.yaml" if number else config).write_text(text)
    options = RunOptions((root,), config=config)
    return options, loading.load(options)


class Account:
    """An account, seen past the reconciler."""

    def ask(self, use: Callable[[Client], Awaitable[T]]) -> T:
        """Use a client of somebody else's."""
        raise NotImplementedError

    def apps(self) -> list[LiveApp]:
        return self.ask(lambda client: client.list_apps())

    def app(self, name: str = "web") -> LiveApp:
        (found,) = [app for app in self.apps() if app.name == name]
        return found

    def deployments(self, app: LiveApp | None = None) -> list[Deployment]:
        """All of an app's deployments, newest first; of ``web`` if not of another."""
        known = app or self.app()
        return self.ask(lambda client: client.list_deployments(known.id, limit=200))

    def healthy(self, app: LiveApp) -> bool:
        """Whether what is active is healthy, as the platform sees it."""
        if app.active_deployment is None:
            return False
        health = self.ask(lambda client: client.health(app.id))
        return all(component.state.value != "UNHEALTHY" for component in health.components)


class Environment(Account):
    """One account and one repository."""

    def __init__(self, settings: Settings = SETTINGS, config: dict[str, Any] | None = None) -> None:
        self.clock = VirtualClock()
        self.box = Sandbox(now=self.clock.timestamp, settings=settings, sleep=self.clock.sleep)
        self.config = {**CONFIG, **(config or {})}
        self.desired = Desired((), Config(), (), frozenset())
        self.options = RunOptions(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.box.close()
        self.clock.close()

    # ---- Git

    def commit(self, *specs: Spec) -> None:
        """Git wants these apps and no others from now on."""
        self.options, self.desired = _repository(tuple(yaml.safe_dump(each) for each in (self.config, *specs)))

    # ---- runs

    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(app=self.box.asgi)

    def tap(self, death: Death | None = None) -> Tap:
        return Tap(self.transport(), death)

    def run(self, death: Death | None = None, **more: Any) -> Run:
        """One run of the reconciler, from the listing to the report, or to its death."""
        return self.clock.run(self.running(self.tap(death), **more))

    async def running(self, tap: Tap, *, random: Callable[[], float] = lambda: 0.5, **more: Any) -> Run:
        """The same as a coroutine, through a tap of the caller's."""
        tap.main = asyncio.current_task()
        try:
            return await self._reconcile(tap, random, more)
        except ReconcileError as problem:
            return Run(tuple(tap.sent), error=problem)
        except BaseException:
            if not tap.dead:
                raise
            if tap.main is not None:
                tap.main.uncancel()
            return Run(tuple(tap.sent))

    async def _reconcile(self, tap: Tap, random: Callable[[], float], more: dict[str, Any]) -> Run:
        async with Client("run", transport=tap, base_url="http://sandbox", clock=self.clock, random=random) as client:
            planned = await applying.plan(self.desired, replace(self.options, **more), client, self.clock)
            report = await applying.apply(planned, client, self.clock)
        return Run(tuple(tap.sent), report)

    # ---- the account, seen and changed past the reconciler

    def ask(self, use: Callable[[Client], Awaitable[T]]) -> T:
        """Use a client of somebody else's."""
        return self.clock.run(self.asking(use))

    async def asking(self, use: Callable[[Client], Awaitable[T]]) -> T:
        transport = self.transport()
        async with Client("person", transport=transport, base_url="http://sandbox", clock=self.clock) as client:
            return await use(client)

    def there(self, *specs: Spec) -> None:
        """These apps are up and healthy, each made by one deployment."""
        for spec in specs:
            self.ask(lambda client, spec=spec: client.create_app(spec))  # type: ignore[misc]
        self.wait(120)

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.run(asyncio.sleep(seconds))
