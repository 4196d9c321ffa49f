"""An app in sync whose health nobody may have judged yet: a plan says so, as an apply would look at it."""

from __future__ import annotations

import pytest

from reconciler.config import Config
from reconciler.engine.safety import of_plan
from reconciler.exit_codes import Exit
from reconciler.plan.model import Plan, SyncStatus
from reconciler.plan.saved import dump, load, mismatches
from reconciler.views import text
from reconciler.views.markdown import plan as markdown
from tests.support.account import World, web

SAID = "2 apps became active recently and may not have been health-checked yet; apply will check them"


@pytest.fixture
def applied(world: World) -> World:
    world.commit(0, web(), web("shop"))
    world.apply()
    world.clock.run(world.clock.sleep(120))
    return world


def told(plan: Plan) -> list[str]:
    return [note.text for note in plan.notes if note.kind == "unjudged"]


@pytest.mark.parametrize("drift", [True, False])
def test_a_young_app_is_in_sync_and_noted_without_a_question_more(applied: World, drift: bool):
    report = applied.plan(drift=drift)
    assert {plan.status for plan in report.plans} == {SyncStatus.IN_SYNC}
    assert told(report.plans[0]) == [
        "became active 2 min ago and may not have been health-checked: apply checks the 5 youngest"
    ]
    assert report.requests == 1
    assert of_plan(report, differences_matter=True) is Exit.OK


def test_an_older_one_is_not(applied: World):
    applied.at(1)
    assert [told(plan) for plan in applied.plan().plans] == [[], []]


def test_people_read_one_line_about_all_of_them(applied: World):
    report = applied.plan()
    assert text.plan(report).count("health-checked") == 1
    assert f"  {SAID}: shop, web" in text.plan(report).splitlines()
    assert "health-checked" not in markdown(report), "nothing of it changes with a pull request"
    applied.at(1)
    assert "health-checked" not in text.plan(applied.plan()) + markdown(applied.plan())


def test_a_saved_plan_holds_though_the_app_grows_older(applied: World):
    applied.write(web(http_port=9000))
    saved = load(dump(applied.plan().plans, Config()), "plan.json")
    applied.at(1)
    assert mismatches(saved, applied.plan().plans, Config()) == []
