"""The story of an app in a real repository of several commits: Git ahead, edited live, both at once."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from reconciler.engine import safety
from reconciler.exit_codes import Exit
from reconciler.plan.model import Plan, PlanReport, SyncStatus
from reconciler.views import json_documents, markdown, text
from tests.support.account import World, paths, service, web

Spec = dict[str, Any]


def shop(tag: str = "1.27", level: str = "info", count: int = 1) -> Spec:
    spec = web(envs=[{"key": "LEVEL", "value": level}], instance_count=count)
    service(spec)["image"]["tag"] = tag
    return spec


def leave(level: str) -> Any:
    return lambda spec: service(spec)["envs"][0].update(value=level)


def origins(plan: Plan) -> dict[str, tuple[str, str]]:
    """Kind and text by path."""
    assert plan.attribution is not None
    return {"/".join(one.path): (one.kind, one.text) for one in plan.attribution.changes}


@pytest.fixture
def told(world: World) -> World:
    """Three commits, the last applied at day 3."""
    world.commit(0, shop("1.25"))
    world.commit(1, shop("1.26"), author="Bob Stone")
    world.commit(3, shop("1.27"))
    world.at(3)
    assert world.outcome() == "applied"
    return world


def test_in_sync_nobody_is_asked_about_and_nothing_is_told(told: World):
    told.tap.sent.clear()
    plan = told.drift()
    assert (plan.status, plan.attribution) == (SyncStatus.IN_SYNC, None)
    assert [path for _, path, _ in told.tap.sent] == ["/v2/apps"]


def test_git_that_moved_ahead_is_told_with_the_commit_and_its_age(told: World):
    commit = told.commit(5, shop("1.28"), author="Cy Young")
    told.commit(6, shop("1.28", level="debug"))
    told.at(8)
    plan = told.drift()
    found = origins(plan)
    kind, said = found["services/api/image/tag"]
    assert kind == "git_ahead"
    assert said.startswith(f"Git is ahead since {commit[:7]} (Cy Young, 3 d ago); live matches ")
    assert found["services/api/envs/LEVEL/value"][0] == "git_ahead"
    assert plan.attribution
    assert plan.attribution.kind == "git_ahead"
    one = next(one for one in plan.attribution.changes if one.path[-1] == "tag")
    assert (one.commit, one.author) == (commit, "Cy Young")


def test_a_change_by_hand_is_told_with_its_deployment_and_its_user(told: World):
    told.at(5)
    deployment = told.edit(leave("debug"))
    told.at(7)
    plan = told.drift()
    (one,) = plan.attribution.changes if plan.attribution else ()
    assert (one.kind, one.deployment_id) == ("live_edit", deployment)
    assert one.user.startswith("user-")
    assert one.user.endswith("@example.com")
    assert one.text == f"changed live by deployment {deployment}, 2 d ago, by {one.user}"
    assert one.when
    assert (one.when - told.clock.now()).days == -2


def test_both_at_once_are_told_apart_by_difference(told: World):
    told.at(4)
    told.edit(leave("debug"))
    told.commit(5, shop("1.28"))
    told.at(6)
    plan = told.drift()
    assert {path: kind for path, (kind, _) in origins(plan).items()} == {
        "services/api/image/tag": "git_ahead",
        "services/api/envs/LEVEL/value": "live_edit",
    }
    assert plan.attribution
    assert plan.attribution.kind == "both"
    told.commit(7, shop("1.28", level="trace"))
    told.at(8)
    assert origins(told.drift())["services/api/envs/LEVEL/value"][0] == "both"


def test_a_rollback_is_a_change_of_the_app_and_not_git_moving_ahead(told: World):
    told.commit(4, shop("1.28"))
    told.at(4)
    told.apply()
    told.at(5)
    app = told.live()
    earlier = told.ask(lambda client: client.list_deployments(app.id))[1]
    told.ask(lambda client: client.roll_back(app.id, earlier.id), "somebody")
    told.clock.run(told.clock.sleep(1))
    told.ask(lambda client: client.commit_rollback(app.id), "somebody")
    (one,) = told.drift().attribution.changes  # type: ignore[union-attr]
    assert one.kind == "live_edit"
    assert "restored to what Git had before" in one.text
    assert "rollback deployment" in one.text


def test_a_shallow_clone_says_unknown_and_why(told: World):
    last = told.commit(4, shop("1.29"))
    told.repository.make_shallow(last)
    told.at(6)
    (one,) = told.drift().attribution.changes  # type: ignore[union-attr]
    assert one.kind == "unknown"
    assert "shallow" in one.text


def test_a_value_that_a_variable_brings_is_unknown_for_git_does_not_say_it(world: World):
    world.configure({"variables": ["TAG"], "defaults": {"health": {"soak": "0s"}}})
    world.environ["TAG"] = "1.27"
    world.commit(0, shop("${TAG}"))
    assert world.outcome() == "applied"
    world.environ["TAG"] = "1.28"
    (one,) = world.drift().attribution.changes  # type: ignore[union-attr]
    assert (one.kind, "variable" in one.text) == ("unknown", True)


def test_a_variable_elsewhere_does_not_keep_the_history_from_being_read(world: World):
    world.configure({"variables": ["LEVEL"], "defaults": {"health": {"soak": "0s"}}})
    world.environ["LEVEL"] = "info"
    world.commit(0, shop("1.27", level="${LEVEL}"))
    assert world.outcome() == "applied"
    world.commit(2, shop("1.28", level="${LEVEL}"))
    assert origins(world.drift())["services/api/image/tag"][0] == "git_ahead"


def test_specs_outside_of_any_repository_are_unknown(told: World, tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "web.yaml").write_text((told.specs / "web.yaml").read_text().replace("1.27", "1.28"))
    plan = next(plan for plan in told.plan(drift=True, specs=(outside,)).plans)
    (one,) = plan.attribution.changes  # type: ignore[union-attr]
    assert one.kind == "unknown"


def test_an_app_that_is_not_there_was_never_applied_or_deleted_by_somebody(told: World):
    app = told.live()
    told.ask(lambda client: client.delete_app(app.id))
    told.at(6)
    plan = told.drift()
    assert plan.status is SyncStatus.ABSENT
    assert plan.attribution
    assert plan.attribution.kind == "unknown"
    assert "6 d ago" in plan.attribution.text
    assert "never applied, or the app was deleted" in plan.attribution.text


def test_a_renamed_app_is_attributed_by_the_history_of_both_names(told: World):
    told.configure({"moved": {"web": "site"}, "defaults": {"health": {"soak": "0s"}}})
    told.repository.write("specs/web.yaml", (told.specs / "web.yaml").read_text().replace("name: web", "name: site"))
    told.commit(5)
    found = origins(told.drift("site"))
    assert {path: kind for path, (kind, _) in found.items()} == {"name": "git_ahead"}


def test_many_apps_are_one_walk_and_those_in_sync_are_not_looked_up(world: World, monkeypatch):
    from reconciler.desired.git_history import History

    walks: list[list[str]] = []
    histories = History.histories

    def counted(self: History, files: Any, **more: Any) -> Any:
        walks.append([file.rpartition("/")[2] for file in files])
        return histories(self, files, **more)

    monkeypatch.setattr(History, "histories", counted)
    world.commit(0, *(web(f"app-{number}") for number in range(4)))
    world.apply()
    for number in (1, 3):
        world.edit(lambda spec: spec.update(region="fra"), f"app-{number}")
    plans = world.plan(drift=True).plans
    assert walks == [["app-1.yaml", "app-3.yaml"]]
    assert [plan.attribution.kind if plan.attribution else "" for plan in plans] == ["", "live_edit", "", "live_edit"]


def test_the_text_the_page_and_the_json_say_who_did_it(told: World):
    told.at(4)
    deployment = told.edit(leave("debug"))
    commit = told.commit(5, shop("1.28"))
    told.at(6)
    report = told.plan(drift=True, unmanaged=True)
    shown = text.plan(report)
    assert f"services/api/image/tag: Git is ahead since {commit[:7]} (Ada Byron, 1 d ago)" in " ".join(shown.split())
    assert f"changed live by deployment {deployment}" in " ".join(shown.split())
    assert f"deployment {deployment}" in markdown.plan(report)
    document = json.loads(json_documents.plan(report, kind="drift"))
    jsonschema.validate(document, json_documents.json_schema("drift"))
    changes = {one["path"]: one for one in document["apps"][0]["attribution"]["changes"]}
    assert changes["services/api/image/tag"]["commit"] == commit
    assert changes["services/api/envs/LEVEL/value"]["deployment_id"] == deployment
    assert safety.of_plan(report, differences_matter=True) is Exit.DIFFERENCES


def test_one_reason_for_all_differences_is_told_once(told: World):
    told.commit(5, shop("1.28", level="debug", count=3))
    told.at(6)
    plan = told.drift()
    assert len(paths(plan)) == 3
    assert text.plan(PlanReport((plan,))).count("Git is ahead") == 1


def test_unmanaged_apps_are_named_where_asked_and_are_no_drift(told: World):
    told.create(web("stranger"))
    assert told.plan(drift=True).unmanaged == ()
    report = told.plan(drift=True, unmanaged=True)
    assert report.unmanaged == ("stranger",)
    assert safety.of_plan(report, differences_matter=True) is Exit.OK
    assert told.outcome(unmanaged=True) == "unchanged"
    assert "stranger" in told.names()
