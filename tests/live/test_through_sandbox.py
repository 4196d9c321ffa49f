"""The client against the sandbox: every operation once, and what breaks on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest

from reconciler.errors import AnswerLost, Conflict, LiveError, NotFound, Rejected, ServerFailed, Unauthorized
from reconciler.live.client import Client
from reconciler.live.models import ComponentState, Deployment, Phase
from reconciler.sandbox import Fault, Sandbox, Settings
from tests.live.fakes import TOKEN
from tests.support.virtual_time import VirtualClock

T = TypeVar("T")
WEB: dict[str, Any] = {
    "name": "web",
    "region": "fra",
    "services": [
        {
            "name": "api",
            "image": {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": "1.27"},
            "instance_size_slug": "apps-s-1vcpu-1gb",
            "envs": [{"key": "KEY", "value": "hunter2", "type": "SECRET"}],
        }
    ],
}
NEWER = {**WEB, "services": [{**WEB["services"][0], "instance_count": 2}]}


class Box:
    """A sandbox on virtual time, and the client in front of it."""

    def __init__(self, clock: VirtualClock, settings: Settings | None = None) -> None:
        self.clock = clock
        self.sandbox = Sandbox(now=clock.timestamp, settings=settings)

    def run(self, use: Callable[[Client], Awaitable[T]]) -> T:
        async def main() -> T:
            transport = httpx.ASGITransport(app=self.sandbox.asgi)
            async with Client(TOKEN, transport=transport, base_url="http://sandbox.test", clock=self.clock) as client:
                return await use(client)

        return self.clock.run(main())

    async def settled(self, client: Client, app_id: str, deployment_id: str) -> Deployment:
        for _ in range(100):
            deployment = await client.get_deployment(app_id, deployment_id)
            if deployment.phase.terminal:
                return deployment
            await self.clock.sleep(5.0)
        raise AssertionError("the deployment never ends")


@pytest.fixture
def box(clock: VirtualClock) -> Iterator[Box]:
    box = Box(clock)
    yield box
    box.sandbox.close()


def test_an_app_from_its_proposal_to_its_end(box: Box) -> None:
    async def use(client: Client) -> None:
        proposal = await client.propose(WEB)
        assert proposal.app_name_available
        assert proposal.app_cost

        app = await client.create_app(WEB)
        assert app.pending_deployment
        with pytest.raises(Conflict):
            await client.create_app(WEB)
        first = await box.settled(client, app.id, app.pending_deployment.id)
        assert first.phase is Phase.ACTIVE

        app = await client.get_app(app.id)
        assert app.spec["services"][0]["envs"][0]["value"].startswith("EV[1:")
        assert [found.id for found in await client.list_apps()] == [app.id]
        found = await client.find_app("web")
        assert found
        assert found.id == app.id

        health = await client.health(app.id)
        assert [(item.name, item.state) for item in health.components] == [("api", ComponentState.HEALTHY)]
        assert (await client.probe(app.live_url)).status == 200

        updated = await client.update_app(app.id, NEWER, update_all_source_versions=True)
        assert updated.pending_deployment
        second = await box.settled(client, app.id, updated.pending_deployment.id)
        assert [item.id for item in await client.list_deployments(app.id)] == [second.id, first.id]

        again = await client.create_deployment(app.id, force_build=True)
        assert (await client.cancel_deployment(app.id, again.id)).phase is Phase.CANCELED

        await client.delete_app(app.id)
        with pytest.raises(NotFound):
            await client.get_app(app.id)
        assert await client.list_apps() == []

    box.run(use)


def test_a_rollback_that_is_committed_and_one_that_is_reverted(box: Box) -> None:
    async def use(client: Client) -> None:
        app = await client.create_app(WEB)
        assert app.pending_deployment
        first = await box.settled(client, app.id, app.pending_deployment.id)
        app = await client.update_app(app.id, NEWER)
        assert app.pending_deployment
        await box.settled(client, app.id, app.pending_deployment.id)

        assert (await client.validate_rollback(app.id, first.id)).valid
        back = await client.roll_back(app.id, first.id)
        back = await box.settled(client, app.id, back.id)
        assert back.is_rollback
        app = await client.get_app(app.id)
        assert app.pinned_deployment
        assert app.pinned_deployment.id == back.id
        forth = await client.revert_rollback(app.id)
        await box.settled(client, app.id, forth.id)
        assert (await client.get_app(app.id)).pinned_deployment is None

        back = await client.roll_back(app.id, first.id)
        await box.settled(client, app.id, back.id)
        await client.commit_rollback(app.id)
        app = await client.get_app(app.id)
        assert app.pinned_deployment is None
        assert app.active_deployment
        assert app.active_deployment.id == back.id

    box.run(use)


def test_logs_of_a_deployment_and_of_the_running_app(box: Box) -> None:
    async def use(client: Client) -> None:
        app = await client.create_app(WEB)
        assert app.pending_deployment
        deployment = await box.settled(client, app.id, app.pending_deployment.id)
        links = await client.logs(app.id, deployment.id, "api", type="DEPLOY")
        assert await client.log_tail(links)
        links = await client.logs(app.id, type="RUN", tail_lines=5)
        assert await client.log_tail(links)

    box.run(use)


def test_an_invalid_spec_is_rejected_with_the_platforms_message(box: Box) -> None:
    with pytest.raises(Rejected) as caught:
        box.run(lambda client: client.create_app({"name": "web", "services": [{"name": "x y"}]}))
    assert caught.value.error_id
    assert "hunter2" not in str(caught.value)


def test_many_apps_are_listed_page_by_page(box: Box) -> None:
    async def use(client: Client) -> None:
        for number in range(201):
            await client.create_app({**WEB, "name": f"app-{number}"})
        before = client.requests
        assert len({app.name for app in await client.list_apps()}) == 201
        assert client.requests == before + 2

    box.run(use)


@pytest.mark.parametrize(
    ("fault", "problem", "exists"),
    [
        (Fault("reset_before", operation="apps_create"), AnswerLost, False),
        (Fault("reset_after", operation="apps_create"), AnswerLost, True),
        (Fault("truncated", operation="apps_create"), AnswerLost, True),
        (Fault("server_error", operation="apps_create"), ServerFailed, False),
        (Fault("gateway_timeout", operation="apps_create", status=524), ServerFailed, False),
    ],
)
def test_c44_a_create_whose_answer_is_lost_is_sent_once_and_found_by_looking(
    box: Box, fault: Fault, problem: type[LiveError], exists: bool
) -> None:
    box.sandbox.fault(fault)

    async def use(client: Client) -> tuple[int, bool]:
        with pytest.raises(problem):
            await client.create_app(WEB)
        return client.requests, await client.find_app("web") is not None

    assert box.run(use) == (1, exists)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "server_error", "gateway_timeout"])
def test_c32_reads_outlast_trouble(box: Box, kind: str) -> None:
    box.sandbox.fault(Fault(kind, operation="GET", times=3))

    async def use(client: Client) -> int:
        assert await client.list_apps() == []
        return client.requests

    assert box.run(use) == 4


def test_a_write_outlasts_the_rate_limit(box: Box) -> None:
    box.sandbox.fault(Fault("rate_limit", operation="apps_create", times=2, seconds=20.0))

    async def use(client: Client) -> int:
        await client.create_app(WEB)
        return client.requests

    assert box.run(use) == 3
    assert box.clock.monotonic() >= 40.0


def test_the_platforms_own_rate_limit_is_never_hit(box: Box) -> None:
    box.sandbox.configure(rate_per_minute=250, rate_per_hour=5000)

    async def use(client: Client) -> int:
        app = await client.create_app(WEB)
        for _ in range(999):
            await client.get_app(app.id)
        return client.requests

    assert box.run(use) == 1000, "a 429 would have been one more"


def test_a_budget_that_is_smaller_than_documented_is_kept_to(box: Box) -> None:
    box.sandbox.configure(rate_per_minute=10)

    async def use(client: Client) -> None:
        for _ in range(50):
            await client.list_apps()

    box.run(use)
    assert box.clock.monotonic() < 600.0


def test_c17_a_token_without_the_scope_is_told_which(clock: VirtualClock) -> None:
    box = Box(clock, Settings(tokens={TOKEN: ("app:read",)}))
    with pytest.raises(Unauthorized) as caught:
        box.run(lambda client: client.create_app(WEB))
    assert "app:create" in caught.value.hint
    box.sandbox.close()
