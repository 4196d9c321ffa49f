"""A fleet is compared page by page while it is listed: what is held of an app in sync, and what is compared anew."""

from __future__ import annotations

import pytest

from reconciler.engine import load as loading
from reconciler.engine.planner import Planner
from reconciler.live.client import Client
from reconciler.plan.model import Action, SyncStatus
from tests.support.account import CONFIG, World, web


@pytest.fixture
def applied(world: World) -> World:
    world.commit(0, web())
    assert world.outcome() == "applied"
    world.at(1)
    return world


def judge(world: World) -> tuple[Planner, loading.Desired]:
    desired = loading.load(world.options())
    return Planner(None, desired.config, world.clock.now()), desired  # type: ignore[arg-type] # nothing is asked


def test_of_an_app_in_sync_the_spec_is_held_once_as_git_has_it(applied: World):
    (app,) = applied.planned().apps
    assert app.plan.status is SyncStatus.IN_SYNC
    assert app.live is not None
    assert app.live.active_deployment is not None
    assert app.desired is not None
    assert app.live.spec is app.live.active_deployment.spec is app.desired.spec


def test_where_paths_are_ignored_the_live_spec_is_held_as_it_is(applied: World):
    applied.configure({**CONFIG, "defaults": {**CONFIG["defaults"], "ignore": ["/services/api/instance_count"]}})
    (app,) = applied.planned().apps
    assert app.plan.status is SyncStatus.IN_SYNC
    assert app.live is not None
    assert app.desired is not None
    assert app.live.spec == applied.live().spec
    assert app.live.spec is not app.desired.spec


def test_an_app_that_differs_is_held_as_it_is_live(applied: World):
    applied.write(web(http_port=9000))
    (app,) = applied.planned().apps
    assert app.plan.action is Action.UPDATE
    assert app.live is not None
    assert app.live.spec == applied.live().spec


def test_an_app_that_changes_while_the_apps_are_listed_again_is_compared_as_it_is_then(applied: World):
    before = applied.live()
    applied.edit(lambda spec: spec["services"][0].update(http_port=9000))
    after = applied.live()
    desired = loading.load(applied.options())

    async def action(client: Client) -> tuple[Action, Action]:
        planner = Planner(client, desired.config, applied.clock.now())
        keep = planner.page_by_page(desired)
        held = keep(before)
        (first,) = await planner.plans(desired.apps, {"web": held}, desired.known)
        (second,) = await planner.plans(desired.apps, {"web": keep(after)}, desired.known)
        return first.plan.action, second.plan.action

    assert applied.ask(action) == (Action.NONE, Action.UPDATE)


def test_an_app_that_is_listed_on_two_pages_is_planned_as_it_was_first(applied: World):
    live = applied.live()
    desired = loading.load(applied.options())

    async def status(client: Client) -> SyncStatus:
        planner = Planner(client, desired.config, applied.clock.now())
        keep = planner.page_by_page(desired)
        first, second = keep(live), keep(live)
        assert first is not second
        (found,) = await planner.plans(desired.apps, {"web": first}, desired.known)
        return found.plan.status

    assert applied.ask(status) is SyncStatus.IN_SYNC


def test_an_app_of_nobody_is_held_as_it_is(applied: World):
    applied.create(web("other"))
    planner, desired = judge(applied)
    other = applied.live("other")
    assert planner.page_by_page(desired)(other) is other
    assert planner.in_sync == {}
