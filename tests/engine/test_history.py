"""What the history of deployments must still show, however long it is, and what it costs to ask for it."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Action, SyncStatus
from tests.support.account import World, web

MANY = 50
"""Deployments since: more than a short page of a listing."""


def listings(world: World) -> list[str]:
    """The questions for deployments so far."""
    return [path for method, path, _ in world.tap.sent if method == "GET" and path.endswith("/deployments")]


def deployed_again(world: World, times: int) -> None:
    """Somebody, a push or autoscaling deploys what is live."""
    app = world.live()
    for _ in range(times):
        world.ask(lambda client: client.create_deployment(app.id))
        world.clock.run(world.clock.sleep(600))
    world.tap.sent.clear()


@pytest.fixture
def applied(world: World) -> World:
    world.commit(0, web())
    assert world.outcome() == "applied"
    return world


def test_c45_a_failed_spec_stays_stalled_however_often_the_app_is_deployed_since(applied: World):
    applied.box.fail("web", "health")
    applied.commit(1, web(http_port=9000))
    applied.at(1)
    assert applied.outcome() == "rolled_back"
    deployed_again(applied, MANY)
    plan = applied.one()
    assert (plan.status, plan.action) == (SyncStatus.STALLED, Action.REFUSE)
    assert len(listings(applied)) == 1


def test_a_short_history_is_read_once(applied: World):
    deployed_again(applied, 2)
    applied.write(web(http_port=9000))
    assert applied.one().action is Action.UPDATE
    assert len(listings(applied)) == 1


def test_an_app_in_sync_is_asked_nothing_however_long_its_history(applied: World):
    deployed_again(applied, MANY)
    assert applied.one().status is SyncStatus.IN_SYNC
    assert listings(applied) == []


def test_with_retry_a_long_history_could_change_nothing_and_is_read_once(applied: World):
    deployed_again(applied, MANY)
    applied.write(web(http_port=9000))
    assert applied.one(retry=True).action is Action.UPDATE
    assert len(listings(applied)) == 1
