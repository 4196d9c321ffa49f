"""A stage for end-to-end tests: a sandbox on virtual time, the client in front of it, and rollouts through both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.desired.load import DesiredApp
from reconciler.live.client import Client
from reconciler.live.models import LiveApp
from reconciler.plan.compare import live_digest
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.model import Event, RolloutRecord
from reconciler.rollout.ports import RolloutJob
from reconciler.rollout.scheduler import roll_out
from reconciler.sandbox import Fault, Sandbox
from reconciler.sandbox.settings import Settings, Speed
from tests.support.virtual_time import VirtualClock

T = TypeVar("T")
Spec = dict[str, Any]


def web(name: str = "web", tag: str = "1.27", **more: Any) -> Spec:
    """A service from an image."""
    image = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": tag}
    size = "apps-s-1vcpu-1gb"
    return {"name": name, "services": [{"name": "api", "image": image, "instance_size_slug": size}], **more}


def desired(spec: Spec) -> DesiredApp:
    return DesiredApp(spec["name"], spec, document=None)  # type: ignore[arg-type]  # positions play no part here


TIMEOUTS = Timeouts(build=600, deploy=300, health=120, platform_rollback=0)
POLICY = Policy(timeouts=TIMEOUTS, health=HealthPolicy(soak=30, tolerance=20))
"""Quick; and nothing is waited for that a sandbox which never rolls back by itself cannot do."""


class Stage:
    """One account."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = VirtualClock()
        self.box = Sandbox(now=self.clock.timestamp, settings=settings or Settings(speed=Speed.realistic(), seed=1))
        self.events: list[Event] = []

    def run(self, use: Callable[[Client], Awaitable[T]]) -> T:
        async def main() -> T:
            transport = httpx.ASGITransport(app=self.box.asgi)
            async with Client("tok", transport=transport, base_url="http://sandbox", clock=self.clock) as client:
                return await use(client)

        return self.clock.run(main())

    def app(self, name: str = "web") -> LiveApp | None:
        return self.run(lambda client: client.find_app(name))

    def job(self, spec: Spec, action: Action = Action.UPDATE, *, policy: Policy = POLICY, **more: Any) -> RolloutJob:
        live = self.app(spec["name"])
        found = {"app_id": live.id, "live_digest": live_digest(live)} if live else {}
        plan = Plan(spec["name"], SyncStatus.OUT_OF_SYNC, action, **found)
        return RolloutJob(plan, desired(spec), policy, **more)

    def roll(
        self,
        *jobs: RolloutJob,
        stop_at: float | None = None,
        meanwhile: tuple[float, Callable[[Client], Awaitable[Any]]] | None = None,
        **more: Any,
    ) -> list[RolloutRecord]:
        """Roll out; ``meanwhile`` somebody else does something, so many seconds later."""

        async def use(client: Client) -> list[RolloutRecord]:
            stop = asyncio.Event()
            others: list[asyncio.Task[Any]] = []

            async def later(seconds: float, what: Callable[[], Awaitable[Any]]) -> None:
                await asyncio.sleep(seconds)
                await what()

            async def set_stop() -> None:
                stop.set()

            if stop_at == 0:
                stop.set()
            elif stop_at is not None:
                others.append(asyncio.create_task(later(stop_at, set_stop)))
            if meanwhile is not None:
                seconds, act = meanwhile
                others.append(asyncio.create_task(later(seconds, lambda: act(client))))
            try:
                return await roll_out(
                    jobs,
                    client,
                    clock=self.clock,
                    on_event=self.events.append,
                    stop=stop if stop_at is not None else None,
                    **more,
                )
            finally:
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)

        return self.run(use)

    def one(self, job: RolloutJob, **more: Any) -> RolloutRecord:
        (record,) = self.roll(job, **more)
        return record

    def deploy(self, spec: Spec) -> RolloutRecord:
        """An app that is up and healthy with this spec."""
        action = Action.UPDATE if self.app(spec["name"]) else Action.CREATE
        record = self.one(self.job(spec, action))
        assert record.outcome.kind == "applied", record
        self.events.clear()
        return record

    def deployments(self, name: str = "web") -> list[tuple[str, str]]:
        """Phase and tag of each deployment, newest first."""

        async def use(client: Client) -> list[tuple[str, str]]:
            app = await client.find_app(name)
            assert app is not None
            found = await client.list_deployments(app.id)
            return [(each.phase.value, each.spec["services"][0]["image"]["tag"]) for each in found]

        return self.run(use)

    def fault(self, kind: str, operation: str = "", times: int | None = 1, **more: Any) -> None:
        self.box.fault(Fault(kind, operation=operation, times=times, **more))

    def close(self) -> None:
        self.box.close()
        self.clock.close()
