"""Dying at any request is safe: a part of the crash matrix; `make crash-matrix` is the whole of it."""

from __future__ import annotations

import pytest

from tests.survival.environment import POINTS, Death, Environment, web
from tests.survival.matrix import DELAYS, cell, plain, writes
from tests.survival.scenarios import BASIC, Scenario, by_name


@pytest.mark.parametrize("scenario", BASIC, ids=lambda found: found.name)
def test_c48_a_run_that_dies_at_a_write_is_followed_on(scenario: Scenario) -> None:
    base = plain(scenario)
    for at, request in enumerate(base.sent):
        if writes(request):
            for point in POINTS:
                found = cell(scenario, base, Death(at, point), DELAYS[0])
                assert not found.wrong, found


@pytest.mark.parametrize("scenario", ["update", "health fails", "health fails, restored", "two apps created in order"])
@pytest.mark.parametrize("delay", DELAYS)
def test_a_run_that_dies_anywhere_is_followed_on(scenario: str, delay: float) -> None:
    found = by_name(scenario)
    base = plain(found)
    for at in base.telling():
        told = cell(found, base, Death(at, "lost"), delay)
        assert not told.wrong, told


def test_a_dead_run_sends_nothing_more() -> None:
    with by_name("two apps created in order").begin() as environment:
        run = environment.run(Death(4, "before"))
        assert run.died
        assert len(run.sent) == 5
        assert len(environment.apps()) <= 1


def test_c48_an_unhealthy_app_that_nobody_judged_is_taken_back_by_the_next_run() -> None:
    with by_name("health fails").begin() as environment:
        environment.ask(lambda client: _update_past_the_reconciler(environment, client))
        environment.wait(60)
        assert not environment.healthy(environment.app())
        run = environment.run()
        assert run.kind("web") == "rolled_back"
        assert environment.healthy(environment.app())


def test_an_app_in_sync_whose_deployment_is_young_is_looked_at_once_and_an_older_one_never() -> None:
    with by_name("update").begin() as environment:
        assert environment.run().code == 0
        assert [request.split("/")[-1] for request in environment.run().sent] == ["apps", "health"]
        environment.wait(3600)
        assert len(environment.run().sent) == 1


def test_a_spec_that_is_being_taken_back_is_not_deployed_again() -> None:
    scenario = by_name("health fails, restored")
    base = plain(scenario)
    restore = max(at for at, request in enumerate(base.sent) if request.startswith("PUT"))
    with scenario.begin() as environment:
        environment.run(Death(restore, "lost"))
        assert environment.run().kind("web") == "stalled"
        assert len(environment.deployments()) == base.deployments["web"]


async def _update_past_the_reconciler(environment: Environment, client: object) -> None:
    from reconciler.live.client import Client

    assert isinstance(client, Client)
    app = await client.find_app("web")
    assert app is not None
    await client.update_app(app.id, web(tag="1.27"))
