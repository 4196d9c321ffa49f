"""A spec that is unchanged, and code that is not: newer commits, failed pushes, redeploys that a person asks for."""

from __future__ import annotations

import json

import pytest

from reconciler.engine import safety
from reconciler.plan.model import Action, SyncStatus
from reconciler.plan.platform import PipelineCommit
from reconciler.views import status as views
from reconciler.views.app_status import AppStatus
from tests.support.account import CONFIG, OTHER, Spec, World, web

LATEST = {"defaults": {**CONFIG["defaults"], "source_versions": "latest"}}


def built(*, push: bool = False, name: str = "web") -> Spec:
    """An app that is built from a branch."""
    source = {"repo": "acme/shop", "branch": "main", "deploy_on_push": push}
    return {"name": name, "region": "ams", "services": [{"name": "api", "github": source}]}


@pytest.fixture
def deployed(world: World) -> World:
    world.write(built())
    assert world.outcome() == "applied"
    return world


def runs(world: World) -> str:
    active = world.live().active_deployment
    assert active is not None
    return active.sources["api"]


def pipeline(sha: str, *, ref: str = "refs/heads/main", repository: str = "Acme/Shop") -> dict[str, str]:
    return {"GITHUB_REPOSITORY": repository, "GITHUB_REF": ref, "GITHUB_SHA": sha}


def codes(world: World) -> list[str]:
    return [finding.code for finding in world.one().findings]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (pipeline("f" * 40), ["newer-commit"]),
        (pipeline("f" * 40, ref="refs/heads/other"), []),
        (pipeline("f" * 40, ref="refs/pull/7/merge"), []),
        (pipeline("f" * 40, repository="acme/other"), []),
        ({"CI_PROJECT_PATH": "acme/shop", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": "f" * 40}, ["newer-commit"]),
        ({"CI_PROJECT_PATH": "acme/shop", "CI_COMMIT_SHA": "f" * 40}, []),
        ({}, []),
    ],
)
def test_c80_the_plan_names_components_of_this_repository_and_branch_that_run_another_commit(
    deployed, environ, expected
):
    deployed.environ = environ
    assert codes(deployed) == expected
    assert deployed.one().status is SyncStatus.IN_SYNC
    assert safety.of_plan(deployed.plan(drift=True), differences_matter=True) == 0


def test_c80_the_commit_that_runs_already_is_not_newer_abbreviated_or_not(deployed):
    for sha in (runs(deployed), runs(deployed)[:12]):
        deployed.environ = pipeline(sha)
        assert codes(deployed) == []


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://token@gitlab.com/acme/group/shop", "acme/group/shop"),
        ("https://github.com/acme/shop/", "acme/shop"),
    ],
)
def test_c80_a_clone_url_names_its_repository(world, url, repository):
    world.write({"name": "web", "workers": [{"name": "api", "git": {"repo_clone_url": url, "branch": "main"}}]})
    world.apply()
    world.environ = pipeline("f" * 40, repository=repository)
    assert codes(world) == ["newer-commit"]


def test_c80_source_versions_latest_redeploys_for_a_newer_commit_and_only_once(deployed):
    deployed.configure(LATEST)
    deployed.box.push("web")
    deployed.environ = pipeline("f" * 40)
    plan = deployed.one()
    assert (plan.action, plan.reason) == (Action.REDEPLOY, "the app does not run commit fffffff yet: redeploying")
    before = runs(deployed)
    assert deployed.outcome() == "applied"
    assert runs(deployed) != before
    deployed.environ = pipeline(runs(deployed))
    assert deployed.one().action is Action.NONE


def test_c80_a_newer_commit_that_failed_is_not_deployed_again_and_again(deployed):
    deployed.configure(LATEST)
    deployed.box.push("web")
    deployed.box.fail("web", "build")
    deployed.environ = pipeline("f" * 40)
    assert deployed.outcome() == "rolled_back"
    app = deployed.live()
    failed = deployed.ask(lambda client: client.list_deployments(app.id, limit=5))
    (sha,) = {one.sources["api"] for one in failed if one.phase.value == "ERROR"}
    deployed.environ = pipeline(sha)
    plan = deployed.one()
    assert (plan.status, plan.action, plan.override) == (SyncStatus.STALLED, Action.REFUSE, "--retry")
    assert f"commit {sha[:7]} was deployed but did not stay active" in plan.reason
    assert deployed.one(retry=True).action is Action.REDEPLOY


def test_c80_a_redeploy_by_hand_deploys_the_spec_that_is_live_and_judges_it(deployed):
    before = runs(deployed)
    deployed.box.push("web")
    assert deployed.outcome(redeploy=True, force_build=True) == "applied"
    assert runs(deployed) != before
    posted = [body for method, path, body in deployed.tap.writes if method == "POST" and path.endswith("/deployments")]
    assert posted == [{"force_build": True}]


def test_c80_a_redeploy_that_fails_its_health_checks_is_rolled_back(deployed):
    before = runs(deployed)
    deployed.box.push("web")
    deployed.box.fail("web", "health")
    assert deployed.outcome(redeploy=True) == "rolled_back"
    assert runs(deployed) == before


def test_c80_a_redeploy_changes_no_spec(deployed):
    deployed.write({**built(), "region": "fra"})
    plan = deployed.one(redeploy=True)
    assert plan.action is Action.REFUSE
    assert plan.reason == "its spec differs from Git: apply it instead, as a redeploy changes no spec"
    deployed.write(built(), web("new"))
    assert deployed.one("new", redeploy=True).action is Action.REFUSE


def test_c80_a_pinned_app_and_one_under_way_are_not_redeployed(deployed):
    app = deployed.live()
    deployed.ask(lambda client: client.create_deployment(app.id), OTHER)
    deployed.clock.run(deployed.clock.sleep(5))
    deployments = deployed.ask(lambda client: client.list_deployments(app.id, limit=5))
    deployed.ask(lambda client: client.roll_back(app.id, deployments[1].id), OTHER)
    plan = deployed.one(redeploy=True)
    assert (plan.status, plan.action) == (SyncStatus.BLOCKED, Action.REFUSE)
    assert "rollback" in plan.reason


def test_c80_a_redeploy_waits_for_the_deployment_that_is_under_way(deployed):
    deployed.box.configure(speed="realistic")
    app = deployed.live()
    deployed.ask(lambda client: client.create_deployment(app.id), OTHER)
    plan = deployed.one(redeploy=True)
    assert (plan.status, plan.action, plan.follow) == (SyncStatus.PROGRESSING, Action.REFUSE, "")
    assert plan.reason.endswith("redeploy when that has finished")


# --- a push that failed ----------------------------------------------------------------------------------------------


@pytest.fixture
def pushed(world: World) -> World:
    world.write(built(push=True))
    assert world.outcome() == "applied"
    world.box.fail("web", "build", component="api")
    world.box.push("web")
    world.clock.run(world.clock.sleep(5))
    return world


def test_c91_a_push_that_failed_is_named_with_its_step_though_the_app_is_in_sync(pushed):
    plan = pushed.one()
    (finding,) = plan.findings
    assert (plan.status, plan.action, finding.code) == (SyncStatus.IN_SYNC, Action.NONE, "failed-push")
    assert ": api BuildJobExitNonZero): " in finding.message
    assert "reconcile redeploy web" in finding.hint
    assert [one.code for one in pushed.drift().findings] == ["failed-push"]


def test_c91_a_failed_push_changes_no_exit_code_unless_asked(pushed):
    report = pushed.plan(drift=True)
    assert safety.of_plan(report, differences_matter=True) == 0
    assert safety.of_plan(report, differences_matter=True, pushes_matter=True) == 2
    planned = pushed.planned(fail_on_failed_push=True)
    assert safety.of_apply(pushed.apply(), planned) == 2
    assert safety.of_apply(pushed.apply(), pushed.planned()) == 0


def test_c91_a_push_that_succeeded_after_one_that_failed_is_no_finding(pushed):
    pushed.box.push("web")
    pushed.clock.run(pushed.clock.sleep(5))
    assert codes(pushed) == []


def test_c91_what_failed_otherwise_than_by_a_push_is_no_failed_push(deployed):
    deployed.box.fail("web", "build")
    app = deployed.live()
    deployed.ask(lambda client: client.create_deployment(app.id))
    deployed.clock.run(deployed.clock.sleep(5))
    assert codes(deployed) == []


def test_a_pipeline_outside_of_github_and_gitlab_has_no_commit():
    assert PipelineCommit.of({"GITHUB_REF": "refs/heads/main"}) is None
    assert PipelineCommit.of(pipeline("abc")) == PipelineCommit("Acme/Shop", "main", "abc")


def test_c91_status_says_that_the_last_push_failed_and_what_serves(pushed):
    app = pushed.live()
    deployments = pushed.ask(lambda client: client.list_deployments(app.id, limit=5))
    shown = views.status([AppStatus(app, deployments)], now=pushed.clock.now(), width=200)
    failed, serving = deployments[0].id, deployments[1].id
    expected = f"the last push failed to deploy (deployment {failed}: api BuildJobExitNonZero): {serving} still serves"
    assert expected in shown
    assert json.loads(views.machine([AppStatus(app, deployments)]))["apps"][0]["failed_push"] == failed
