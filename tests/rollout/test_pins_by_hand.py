"""A person settles a pin: keeps the rollback, or takes it back."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from reconciler.errors import LiveError, UsageError
from reconciler.live.client import Client
from reconciler.live.models import LiveApp
from reconciler.rollout import writes as manual
from tests.rollout.stage import Stage, web
from tests.rollout.test_going_back import POLICY, unpinned
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def pinned(stage: Stage) -> Stage:
    """An account whose app was unhealthy with 1.28 and is pinned to a rollback to 1.27."""
    stage.deploy(web())
    stage.box.fail("web", "health")
    record = stage.one(stage.job(web(tag="1.28"), policy=POLICY["pin"]))
    assert record.outcome.kind == "pinned"
    return stage


def found(stage: Stage) -> LiveApp:
    app = stage.app()
    assert app is not None
    return app


def commit(stage: Stage) -> bool:
    app = found(stage)
    return stage.run(lambda client: manual.commit(client, app, stage.clock))


def test_a_rollback_is_kept_by_committing_it(pinned: Stage) -> None:
    began = pinned.clock.monotonic()
    assert commit(pinned)
    assert unpinned(pinned)
    assert found(pinned).spec["services"][0]["image"]["tag"] == "1.27"
    assert pinned.clock.monotonic() == began, "what is seen at once is not waited for"


def test_a_rollback_is_taken_back_and_the_deployment_to_follow_is_told(pinned: Stage) -> None:
    app = found(pinned)
    deployment = pinned.run(lambda client: manual.revert(client, app))
    assert deployment.spec["services"][0]["image"]["tag"] == "1.28"
    assert unpinned(pinned)
    newest = pinned.run(lambda client: client.list_deployments(app.id))[0]
    assert newest.id == deployment.id


def test_an_app_that_is_not_pinned_has_nothing_to_settle_and_is_asked_nothing(stage: Stage) -> None:
    stage.deploy(web())
    app = found(stage)

    async def both(client: Client) -> int:
        before = client.requests
        with pytest.raises(UsageError, match="web is not pinned to a rollback"):
            await manual.commit(client, app, stage.clock)
        with pytest.raises(UsageError, match="web is not pinned to a rollback"):
            await manual.revert(client, app)
        return client.requests - before

    assert stage.run(both) == 0


def test_a_commit_whose_answer_is_lost_is_done_when_the_pin_is_gone(pinned: Stage) -> None:
    pinned.fault("reset_after", "apps_commit_rollback")
    assert commit(pinned)
    assert unpinned(pinned)


def test_a_commit_that_was_lost_on_the_way_is_an_error_while_the_pin_stays(pinned: Stage) -> None:
    pinned.fault("gateway_timeout", "apps_commit_rollback")
    with pytest.raises(LiveError):
        commit(pinned)
    assert not unpinned(pinned)


def test_a_commit_that_failed_is_looked_after_once(pinned: Stage) -> None:
    app = found(pinned)

    async def refused(client: Client) -> float:
        began = pinned.clock.monotonic()
        with pytest.raises(LiveError, match="no"):
            await manual.commit(Refusing(client), app, pinned.clock)
        return pinned.clock.monotonic() - began

    assert pinned.run(refused) == 0.0


class Refusing:
    """The platform, which refuses a commit."""

    def __init__(self, client: Client) -> None:
        self.get_app = client.get_app
        self.revert_rollback = client.revert_rollback

    async def commit_rollback(self, app_id: str) -> None:
        raise LiveError("no", method="POST", path="commit")


class Hesitant:
    """The platform, which accepts a commit at once and unpins the app some seconds later."""

    def __init__(self, client: Client, clock: VirtualClock, seconds: float) -> None:
        self.revert_rollback = client.revert_rollback
        self.get_app = client.get_app
        self._commit = client.commit_rollback
        self._clock = clock
        self._seconds = seconds
        self.later: asyncio.Task[None] | None = None

    async def commit_rollback(self, app_id: str) -> None:
        async def later() -> None:
            await self._clock.sleep(self._seconds)
            await self._commit(app_id)

        self.later = asyncio.create_task(later())


async def slowly(client: Client, stage: Stage, app: LiveApp, seconds: float) -> bool:
    platform = Hesitant(client, stage.clock, seconds)
    gone = await manual.commit(platform, app, stage.clock)
    assert platform.later is not None
    platform.later.cancel()
    return gone


@pytest.mark.parametrize(("seconds", "seen"), [(3.0, True), (7.0, True), (9.0, False)])
def test_the_pin_is_looked_for_five_times_two_seconds_apart(pinned: Stage, seconds: float, seen: bool) -> None:
    app = found(pinned)
    assert pinned.run(partial(slowly, stage=pinned, app=app, seconds=seconds)) is seen
    assert unpinned(pinned) is seen
