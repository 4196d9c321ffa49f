"""Three specs, ignored paths, guards, policies and source versions on the whole path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.errors import InvalidInput
from reconciler.plan.model import Action, SyncStatus
from reconciler.sandbox import Settings, Speed
from tests.support.account import World, notes, paths, service, web

SOAK = {"defaults": {"health": {"soak": "0s"}}}


@pytest.fixture
def applied(world: World) -> World:
    world.commit(0, web(instance_count=1))
    assert world.outcome() == "applied"
    return world


def configured(**policy: Any) -> dict[str, Any]:
    return {"defaults": {"health": {"soak": "0s"}, **policy}}


# --- Git, app.spec, active_deployment.spec ---------------------------------------------------------------------------


def test_all_three_agree_and_it_is_in_sync(applied: World):
    assert applied.one().status is SyncStatus.IN_SYNC


def test_git_differs_and_it_is_out_of_sync(applied: World):
    applied.write(web(instance_count=2))
    plan = applied.one()
    assert (plan.status, plan.action) == (SyncStatus.OUT_OF_SYNC, Action.UPDATE)


def slow(world: World) -> None:
    world.box.configure(speed="realistic")


def test_a_deployment_of_git_s_spec_is_progressing_and_followed(applied: World):
    slow(applied)
    app = applied.live()
    applied.write(web(instance_count=2))
    spec = {**app.spec, "services": [{**service(app.spec), "instance_count": 2}]}
    applied.ask(lambda client: client.update_app(app.id, spec))
    plan = applied.one()
    assert (plan.status, plan.action) == (SyncStatus.PROGRESSING, Action.NONE)
    assert plan.follow
    assert "in progress" in plan.reason


def test_a_deployment_of_another_spec_under_way_is_said(applied: World):
    slow(applied)
    app = applied.live()
    spec = {**app.spec, "services": [{**service(app.spec), "instance_count": 7}]}
    applied.ask(lambda client: client.update_app(app.id, spec))
    plan = applied.one()
    assert plan.action is Action.UPDATE
    assert "another spec is in progress" in plan.reason


def test_a_deployment_that_failed_by_hand_says_which_spec_differs(applied: World):
    applied.box.configure(auto_rollback_deployment=False)
    applied.box.fail("web", "deploy")
    app = applied.live()
    spec = {**app.spec, "services": [{**service(app.spec), "instance_count": 2}]}
    applied.ask(lambda client: client.update_app(app.id, spec))
    applied.clock.run(applied.clock.sleep(1))
    plan = applied.one()
    assert (plan.status, plan.action) == (SyncStatus.OUT_OF_SYNC, Action.UPDATE)
    assert "the active deployment does not" in plan.reason
    applied.write(web(instance_count=2))
    plan = applied.one()
    newest = applied.ask(lambda client: client.list_deployments(app.id))[0]
    assert (plan.status, plan.follow) == (SyncStatus.PROGRESSING, newest.id)
    assert "the platform may still roll back by itself" in plan.reason
    applied.clock.run(applied.clock.sleep(300))
    plan = applied.one()
    assert plan.status is SyncStatus.STALLED
    assert "failed" in plan.reason


def test_a_spec_that_agrees_but_never_became_active_is_deployed_again_where_asked(applied: World):
    applied.box.fail("web", "deploy")
    app = applied.live()
    spec = {**app.spec, "services": [{**service(app.spec), "instance_count": 2}]}
    applied.ask(lambda client: client.update_app(app.id, spec))
    applied.clock.run(applied.clock.sleep(1))
    applied.write(web(instance_count=2))
    plan = applied.one(retry=True)
    assert plan.action is Action.REDEPLOY
    assert "its last deployment failed" in plan.reason
    assert applied.outcome(retry=True) == "applied"


def test_a_pinned_rollback_is_blocked_and_says_who_and_since_when(applied: World):
    applied.edit(lambda spec: service(spec).update(instance_count=2))
    app = applied.live()
    earlier = applied.ask(lambda client: client.list_deployments(app.id))[1]
    applied.ask(lambda client: client.roll_back(app.id, earlier.id), "somebody")
    applied.at(1)
    plan = applied.one()
    assert (plan.status, plan.action) == (SyncStatus.BLOCKED, Action.REFUSE)
    assert "pinned to a rollback" in plan.reason
    assert "by Sandbox User" in plan.reason
    assert plan.override == "reconcile status web"


def test_a_first_deployment_that_failed_is_degraded(world: World):
    world.commit(0, web())
    world.box.fail("web", "deploy")
    assert world.outcome() == "degraded"
    plan = world.one()
    assert (plan.status, plan.action) == (SyncStatus.DEGRADED, Action.REFUSE)
    assert "none to roll back to" in plan.reason


# --- ignored paths ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["defaults", "apps"])
def test_an_ignored_path_is_shown_and_live_s_value_is_carried_over(applied: World, place):
    ignore = {"ignore": ["/services/api/instance_count"]}
    config = configured(**ignore) if place == "defaults" else {**SOAK, "apps": {"web": ignore}}
    applied.configure(config)
    applied.edit(lambda spec: service(spec).update(instance_count=4))
    plan = applied.one()
    assert (plan.status, notes(plan)) == (SyncStatus.IN_SYNC, {"services/api/instance_count": "ignored"})
    changed = web(instance_count=1)
    service(changed)["image"]["tag"] = "1.28"
    applied.write(changed)
    plan = applied.one()
    assert paths(plan) == ["services/api/image/tag"]
    assert notes(plan) == {"services/api/instance_count": "ignored"}
    assert applied.outcome() == "applied"
    live = service(applied.live().spec)
    assert (live["image"]["tag"], live["instance_count"]) == ("1.28", 4)


def test_a_variable_that_somebody_added_by_hand_stays_where_it_is_ignored(applied: World):
    applied.configure(configured(ignore=["/services/*/envs/FLAG", "/alerts"]))
    applied.edit(lambda spec: service(spec).update(envs=[{"key": "FLAG", "value": "on"}, {"key": "OTHER"}]))
    applied.edit(lambda spec: spec.update(alerts=[{"rule": "DEPLOYMENT_FAILED"}]))
    plan = applied.one()
    assert paths(plan) == ["services/api/envs/OTHER"]
    assert applied.outcome() == "applied"
    assert [env["key"] for env in service(applied.live().spec)["envs"]] == ["FLAG"]
    assert applied.live().spec["alerts"]


# --- guards ----------------------------------------------------------------------------------------------------------


def full() -> dict[str, Any]:
    return {
        **web(),
        "workers": [{"name": "mailer", "github": {"repo": "acme/mailer", "branch": "main"}}],
        "databases": [{"name": "db", "engine": "PG"}],
        "domains": [{"domain": "www.example.com"}],
    }


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda spec: spec.pop("workers"), "remove=web/mailer"),
        (lambda spec: spec.pop("databases"), "remove=web/db"),
        (lambda spec: spec.pop("domains"), "remove=web/www.example.com"),
        (lambda spec: spec.update(region="fra"), "region=web"),
        (lambda spec: spec.update(maintenance={"archive": True}), "archive=web"),
    ],
)
def test_what_a_guard_refuses_is_done_once_its_flag_is_given(world: World, change, flag):
    world.write(full())
    world.apply()
    spec = full()
    change(spec)
    world.write(spec)
    plan = world.one()
    assert (plan.action, plan.override) == (Action.REFUSE, f"--allow {flag}")
    writes = len(world.tap.writes)
    assert world.outcome() == "refused"
    assert len(world.tap.writes) == writes
    assert world.outcome(allow=frozenset({"remove=other/mailer", "region=other"})) == "refused"
    assert world.outcome(allow=frozenset({flag})) == "applied"


def test_several_dangers_need_each_their_flag(world: World):
    world.write(full())
    world.apply()
    world.write(web(region="fra") | {"region": "fra"})
    plan = world.one()
    assert set(plan.override.split(" --allow ")) == {
        "--allow region=web", "remove=web/mailer", "remove=web/db", "remove=web/www.example.com",
    }  # fmt: skip
    part = frozenset({"region=web", "remove=web/db", "remove=web/mailer"})
    assert world.one(allow=part).override == "--allow remove=web/www.example.com"


def test_a_run_that_would_change_too_much_of_a_fleet_is_refused_as_a_whole(world: World):
    fleet = [web(f"app-{number:02}", instance_count=1) for number in range(10)]
    world.write(*fleet)
    world.apply(allow=frozenset({"max-changes"}))
    for spec in fleet[:4]:
        service(spec)["instance_count"] = 2
    world.write(*fleet)
    plans = world.plan().plans
    assert [plan.action for plan in plans] == [Action.REFUSE] * 4 + [Action.NONE] * 6
    assert plans[0].override == "--allow max-changes"
    assert "4 of 10 apps" in plans[0].reason
    world.configure({**SOAK, "guards": {"max_changes": 40}})
    assert {plan.action for plan in world.plan().plans} == {Action.UPDATE, Action.NONE}
    world.configure(SOAK)
    assert {record.outcome.kind.value for record in world.apply(allow=frozenset({"max-changes"})).records} == {
        "applied",
        "unchanged",
    }


# --- policies and sources --------------------------------------------------------------------------------------------


def test_a_policy_is_a_finding_with_its_own_message_at_the_right_line(world: World, monkeypatch):
    policy = {
        "title": "every service in prod has a health check",
        "x-apps": "prod-*",
        "properties": {"services": {"items": {"required": ["health_check"]}}},
    }
    world.repository.write("policies/health.json", json.dumps(policy))
    world.configure({**SOAK, "policies": str(world.root / "policies")})
    world.write(web("prod-web"), web("test-web"))
    with pytest.raises(InvalidInput) as refused:
        world.plan()
    (finding,) = [finding for finding in refused.value.findings if finding.is_error]
    assert finding.code == "policy:health"
    assert finding.message == "services/api: every service in prod has a health check"
    assert finding.location
    assert finding.location.file.endswith("prod-web.yaml")
    line = (world.specs / "prod-web.yaml").read_text().splitlines()[finding.location.line - 1]
    assert line.strip().startswith("- name: api")
    assert not world.tap.sent


@pytest.mark.parametrize(("policy", "latest"), [("keep", False), ("latest", True)])
def test_c40_whether_sources_move_is_a_policy_that_the_plan_shows(applied: World, policy, latest):
    applied.configure(configured(source_versions=policy))
    applied.write(web(instance_count=2))
    assert applied.one().update_all_source_versions is latest
    assert applied.outcome() == "applied"
    assert bool(applied.tap.writes[-1][2].get("update_all_source_versions")) is latest


def test_what_the_platform_chooses_is_no_drift_under_any_setting(tmp_path):
    for number, filled in enumerate(("common", "documented", "none")):
        world = World(tmp_path / str(number), Settings(speed=Speed.instant(), fills_defaults=filled))
        world.write(full())
        assert world.outcome() == "applied"
        assert world.one().status is SyncStatus.IN_SYNC
        world.close()


# --- names -----------------------------------------------------------------------------------------------------------


def test_an_app_that_was_renamed_twice_is_found_by_its_first_name(applied: World):
    before = applied.live("web")
    (applied.specs / "web.yaml").unlink()
    applied.configure({**SOAK, "moved": {"web": "shop", "shop": "store"}})
    applied.write(web("store", instance_count=1))
    plan = applied.one("store", unmanaged=True)
    assert (plan.action, plan.app_id, plan.moved_from) == (Action.UPDATE, before.id, "web")
    assert applied.plan(unmanaged=True).unmanaged == ()
    assert applied.outcome("store") == "applied"
    assert applied.names() == ["store"]


def test_two_specs_never_write_to_one_app(applied: World):
    applied.configure({**SOAK, "moved": {"web": "shop"}})
    applied.write(web("shop"))
    with pytest.raises(InvalidInput) as refused:
        applied.plan()
    assert [finding.code for finding in refused.value.findings if finding.is_error] == ["moved-names"]


def test_what_every_app_waits_for_by_default_does_not_wait_for_itself(world: World):
    world.configure(configured(depends_on=["web"]))
    world.commit(0, web(), web("shop"))
    assert [record.outcome.kind.value for record in world.apply().records] == ["applied", "applied"]


def test_a_circle_of_defaults_is_told_before_anything_is_asked(world: World):
    world.configure(configured(depends_on=["web", "shop"]))
    world.commit(0, web(), web("shop"))
    with pytest.raises(InvalidInput) as refused:
        world.plan()
    assert [finding.code for finding in refused.value.findings] == ["dependency-cycle"]
    assert world.tap.sent == []
