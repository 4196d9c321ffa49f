"""What an app does not run yet though its spec is in sync: newer commits, pushes that failed. And redeploys by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.live.models import Deployment, LiveApp
from reconciler.plan.compare import compare
from reconciler.plan.decide import Evidence, make_plan
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.plan.platform import (
    PipelineCommit,
    failed_attempt,
    failed_push,
    failed_since,
    newer_findings,
    older_components,
    push_failure,
)
from tests.plan.platform import desired
from tests.plan.timeline import NOW

OLD, NEW = "a" * 40, "b" * 40
COMMIT = PipelineCommit("acme/Shop", "main", NEW)
LATEST = Policy(source_versions="latest")
SPEC: dict[str, Any] = {
    "name": "web",
    "services": [{"name": "api", "github": {"repo": "acme/shop", "branch": "main"}}],
    "workers": [{"name": "queue", "git": {"repo_clone_url": "https://github.com/acme/shop.git", "branch": "main"}}],
    "jobs": [{"name": "other", "github": {"repo": "acme/shop", "branch": "next"}}, {"name": "odd", "github": 3}],
}
STEPS = [{"name": "build", "status": "ERROR", "component_name": "api", "reason": {"code": "BuildJobExitNonZero"}}]


def built(ident: str, commit: str = OLD, phase: str = "ACTIVE", minutes_ago: float = 60, **more: Any) -> Deployment:
    """A deployment of one commit; by a push unless more says otherwise."""
    runs = {
        kind: [{"name": name, "source_commit_hash": commit}] for kind, name in (("services", "api"), ("jobs", "other"))
    }
    at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    pushed = {"cause_details": {"type": "DEPLOY_ON_PUSH"}}
    return Deployment.model_validate(
        {"id": ident, "spec": SPEC, "phase": phase, "created_at": at, **pushed, **runs, **more}
    )


def live(active: Deployment | None = None, last: float | None = 60, **more: Any) -> LiveApp:
    """An app that was last deployed that many minutes ago."""
    at = None if last is None else NOW - timedelta(minutes=last)
    app = LiveApp.model_validate({"id": "app-1", "spec": SPEC})
    return app.model_copy(update={"active_deployment": active, "last_deployment_created_at": at, **more})


# --- the pipeline's commit -------------------------------------------------------------------------------------------


GITHUB = {"GITHUB_REPOSITORY": "o/r", "GITHUB_REF": "refs/heads/a/b", "GITHUB_SHA": "1"}
GITLAB = {"CI_PROJECT_PATH": "g/p", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": "1"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (GITHUB, PipelineCommit("o/r", "a/b", "1")),
        ({**GITHUB, "GITHUB_REF": "refs/tags/v1"}, None),
        ({**GITHUB, "GITHUB_SHA": ""}, None),
        (GITLAB, PipelineCommit("g/p", "main", "1")),
        ({}, None),
    ],
)
def test_c80_the_commit_of_a_pipeline_is_read_from_its_environment(environ, expected):
    assert PipelineCommit.of(environ) == expected


def test_c80_components_of_the_same_repository_and_branch_are_compared_and_no_others():
    assert older_components(live(built("d1")), COMMIT) == {"api": OLD}
    assert older_components(live(built("d1", NEW)), COMMIT) == {}
    assert older_components(live(built("d1", NEW[:8])), COMMIT) == {}
    assert older_components(live(built("d1")), None) == {}
    assert older_components(live(), COMMIT) == {}


def plan(app: LiveApp, history: list[Deployment], policy: Policy = LATEST, **more: Any) -> Plan:
    return make_plan(desired(SPEC), compare(SPEC, app, policy), Evidence(NOW, deployments=history, **more))


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (None, Action.REDEPLOY),
        (built("d2", NEW, "ERROR"), Action.REFUSE),
        (built("d2", NEW, "CANCELED"), Action.REFUSE),
        (built("d2", NEW, "SUPERSEDED"), Action.REFUSE),
        (built("d2", NEW, "BUILDING"), Action.REDEPLOY),
        (built("d2", OLD, "ERROR"), Action.REDEPLOY),
    ],
    ids=["none", "failed", "canceled", "rolled back", "under way", "another commit"],
)
def test_c80_a_commit_that_did_not_last_is_not_deployed_again(newest, expected):
    app = live(active := built("d1"))
    found = plan(app, [one for one in (newest, active) if one], commit=COMMIT)
    assert found.action is expected
    assert plan(app, [one for one in (newest, active) if one], commit=COMMIT, retry=True).action is Action.REDEPLOY
    assert failed_attempt([active], {"api": OLD}, COMMIT) is None


def test_c80_without_the_setting_a_newer_commit_is_only_a_finding():
    found = plan(live(active := built("d1")), [active], Policy(), commit=COMMIT)
    assert (found.status, found.action) == (SyncStatus.IN_SYNC, Action.NONE)
    (finding,) = found.findings
    assert (finding.code, finding.message) == (
        "newer-commit",
        "api runs aaaaaaa; this pipeline is for bbbbbbb of main",
    )
    assert plan(live(active), [active], commit=None).action is Action.NONE


def test_c80_a_redeploy_by_hand_does_nothing_but_deploy_what_is_live():
    active = built("d1")
    assert plan(live(active), [active], Policy(), redeploy=True).action is Action.REDEPLOY
    other = {**SPEC, "region": "fra"}
    differs = make_plan(desired(other), compare(other, live(active), LATEST), Evidence(NOW, redeploy=True))
    assert (differs.action, "apply it instead" in differs.reason) == (Action.REFUSE, True)
    running = live(active, in_progress_deployment=built("d2", phase="BUILDING"))
    found = plan(running, [active], redeploy=True)
    assert (found.action, found.follow) == (Action.REFUSE, "")
    assert found.reason.endswith("redeploy when that has finished")
    undeployed = plan(live(built("d1", spec=other)), [], redeploy=True)
    assert (undeployed.action, undeployed.status) == (Action.REDEPLOY, SyncStatus.OUT_OF_SYNC)
    pinned = plan(live(active, pinned_deployment=built("d0")), [active], redeploy=True)
    assert (pinned.action, pinned.status) == (Action.REFUSE, SyncStatus.BLOCKED)


# --- a push that failed ----------------------------------------------------------------------------------------------


def test_c91_the_listing_shows_that_something_was_deployed_since_and_did_not_become_active():
    active = built("d1")
    assert failed_since(live(active, last=5))
    assert not failed_since(live(active, last=60))
    assert not failed_since(live(active, last=None))
    assert not failed_since(live(None, last=5))
    assert not failed_since(live(active, last=5, pending_deployment=built("d2", phase="BUILDING")))
    assert not failed_since(live(active.model_copy(update={"created_at": None}), last=5))
    theirs = built("d3", minutes_ago=5, cause_details={"type": "AUTO_ROLLBACK"})
    assert failed_since(live(theirs, last=5))


def test_c91_a_failed_push_is_named_with_its_step_and_with_what_serves():
    active, failed = built("d1"), built("d2", NEW, "ERROR", 5, progress={"steps": STEPS})
    app = live(active, last=5)
    assert failed_push(app, [failed, active]) is failed
    assert push_failure(app, [failed, active]) == (
        "the last push failed to deploy (deployment d2: api BuildJobExitNonZero): d1 still serves"
    )
    (finding,) = newer_findings(desired(SPEC), app, None, [failed, active])
    assert (finding.code, finding.severity.value) == ("failed-push", "warning")


@pytest.mark.parametrize(
    ("steps", "where"),
    [
        ([], "d2)"),
        ([{"name": "build", "status": "ERROR"}], "d2)"),
        ([{"name": "build", "status": "ERROR", "component_name": "api"}], "d2: api)"),
        ([{"name": "build", "status": "ERROR", "reason": {"code": "X"}}], "d2: X)"),
    ],
)
def test_c91_a_step_says_what_it_can(steps, where):
    active, failed = built("d1"), built("d2", NEW, "ERROR", 5, progress={"steps": steps})
    assert f"(deployment {where}: d1 still serves" in push_failure(live(active), [failed, active])
    bare = failed.model_copy(update={"progress": None})
    assert "(deployment d2): d1 still serves" in push_failure(live(active), [bare, active])


def test_c91_what_is_no_failed_push_is_none():
    active = built("d1")
    for newest in (
        built("d2", phase="BUILDING"),
        built("d2", phase="ERROR", cause_details=None),
        built("d2", phase="ERROR", cause_details={"type": "MANUAL"}),
        active,
    ):
        assert failed_push(live(active), [newest, active]) is None
    assert failed_push(live(active), []) is None
    assert push_failure(live(None), [built("d2", phase="ERROR")]) == ""


def test_c91_the_platforms_own_rollback_after_a_push_does_not_hide_that_it_failed():
    failed = built("d2", NEW, "ERROR", 10, progress={"steps": STEPS})
    theirs = built("d3", minutes_ago=5, cause_details={"type": "AUTO_ROLLBACK"}, previous_deployment_id="d2")
    assert failed_push(live(theirs), [theirs, failed, built("d1")]) is failed
