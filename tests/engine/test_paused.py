"""`paused: true` in an app's policy: every plan shows the app and how it differs, and nothing is done to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.engine import apply as applying
from reconciler.engine import safety
from reconciler.exit_codes import Exit
from reconciler.plan.model import Action, SyncStatus
from reconciler.views import json_documents, markdown, text
from tests.support.account import CONFIG, World, web


def pause(world: World, *apps: str, **more: Any) -> None:
    world.configure({**CONFIG, "apps": {app: {"paused": True} for app in apps}, **more})


@pytest.fixture
def two(world: World) -> World:
    """Two apps that differ, one of them paused."""
    world.write(web(), web("shop"))
    world.apply()
    world.write(web(instance_count=2), web("shop", instance_count=2))
    pause(world, "shop")
    world.tap.sent.clear()
    return world


def kinds(report: Any) -> dict[str, str]:
    return {record.app: record.outcome.kind.value for record in report.records}


def test_nothing_is_written_for_an_app_that_is_paused_and_the_others_are_applied(two: World):
    shop = two.live("shop").id
    report = two.apply()
    assert kinds(report) == {"shop": "paused", "web": "applied"}
    assert all(shop not in path for _, path, _ in two.tap.writes)
    assert safety.of_rollout(report) is Exit.OK


def test_a_plan_shows_it_as_paused_with_how_it_differs(two: World):
    report = two.plan()
    shop, _ = report.plans
    assert (shop.paused, shop.status, shop.action) == (True, SyncStatus.OUT_OF_SYNC, Action.NONE)
    assert [change.human_path for change in shop.changes] == ["services/api/instance_count"]
    shown = text.plan(report)
    assert "  = shop  paused: out of sync; paused in reconcile.yaml" in shown
    assert "2 apps: 1 to update, 1 paused" in shown
    assert "shop" in markdown.plan(report)
    assert '"paused":true' in json_documents.plan(report).replace(" ", "")


def test_it_is_drift_all_the_same_and_shown_when_it_is_in_sync(two: World):
    two.write(web())
    drift = two.plan(drift=True)
    assert safety.of_plan(drift, differences_matter=True) is Exit.DIFFERENCES
    assert drift.plans[0].attribution is not None
    two.write(web("shop"))
    report = two.plan()
    assert "shop  paused: in sync; paused in reconcile.yaml" in text.plan(report)
    assert safety.of_plan(report, differences_matter=True) is Exit.OK
    assert kinds(two.apply())["shop"] == "paused"


def test_a_plan_made_before_it_was_paused_is_not_applied_by_a_library_either(two: World):
    pause(two)
    planned = two.planned()
    pause(two, "shop")
    config = two.planned().config
    report = two.ask(lambda client: applying.apply(replace(planned, config=config), client, two.clock))
    assert kinds(report)["shop"] == "paused"


def test_an_app_that_is_not_live_yet_and_one_whose_spec_was_removed_are_left_alone(world: World):
    world.commit(0, web("old"), web())
    world.apply()
    (world.specs / "old.yaml").unlink()
    world.write(web("new"))
    world.commit(1)
    pause(world, "new", "old")
    report = world.apply(prune=True, allow=frozenset({"delete=old"}))
    assert kinds(report) == {"new": "paused", "old": "paused", "web": "unchanged"}
    assert world.names() == ["old", "web"]


def test_a_rollback_that_an_earlier_run_left_is_not_finished(world: World):
    world.write(web())
    world.apply()
    world.write(web(instance_count=2))
    world.apply()
    live = world.live()
    target = world.ask(lambda client: client.list_deployments(live.id))[1]
    world.ask(lambda client: client.roll_back(live.id, target.id))
    world.clock.run(world.clock.sleep(5))
    pause(world, "web")
    (plan,) = world.plan().plans
    assert (plan.paused, plan.status) == (True, SyncStatus.BLOCKED)
    assert plan.reason.startswith("paused in reconcile.yaml: ")
    assert kinds(world.apply()) == {"web": "paused"}
    assert world.live().pinned_deployment is not None


def test_an_app_that_waits_for_a_paused_one_does_not_wait(two: World):
    two.configure({**CONFIG, "apps": {"shop": {"paused": True}, "web": {"depends_on": ["shop"]}}})
    assert kinds(two.apply()) == {"shop": "paused", "web": "applied"}


def test_to_redeploy_it_by_name_is_refused(two: World):
    two.write(web("shop"))
    report = two.apply(redeploy=True, apps=frozenset({"shop"}))
    assert kinds(report) == {"shop": "refused"}
    assert "paused in reconcile.yaml" in report.records[0].outcome.reason
    assert two.tap.writes == []


def test_an_app_that_app_platform_cannot_be_asked_about_stays_unknown(two: World):
    plan = replace(two.plan().plans[0], status=SyncStatus.UNKNOWN, action=Action.REFUSE, paused=False)
    assert safety.held(plan, two.planned().config.policy("shop")) == plan
