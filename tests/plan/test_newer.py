"""What an app does not run yet though its spec is in sync: newer commits, pushes that failed. And redeploys by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.live.models import Deployment, LiveApp, Proposal
from reconciler.plan.compare import compare, live_digest
from reconciler.plan.decide import Evidence, make_plan
from reconciler.plan.model import Action, Cost, Plan, SyncStatus
from reconciler.plan.platform import (
    PipelineCommit,
    failed_attempt,
    failed_push,
    failed_since,
    newer_findings,
    older_components,
    push_failure,
)
from tests.plan.platform import CIPHER, desired, secret
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


def plan(
    app: LiveApp | None, history: list[Deployment], policy: Policy = LATEST, spec: Any = SPEC, **more: Any
) -> Plan:
    return make_plan(desired(spec), compare(spec, app, policy), Evidence(NOW, deployments=history, **more))


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


def test_c80_a_redeploy_for_a_newer_commit_names_it_and_is_held_to_what_is_live():
    young = built("d1", phase_last_updated_at=(NOW - timedelta(minutes=2)).isoformat())
    app = live(young)
    assert [note.kind for note in plan(app, [young]).notes] == ["unjudged"]
    found = plan(app, [young], commit=COMMIT)
    assert (found.status, found.action) == (SyncStatus.OUT_OF_SYNC, Action.REDEPLOY)
    assert found.reason == "the app does not run commit bbbbbbb yet: redeploying"
    assert (found.live_digest, found.notes) == (live_digest(app), ()), "what it replaces need not be checked first"
    failed = built("d2", NEW, "ERROR")
    stalled = plan(app, [failed, young], commit=COMMIT)
    assert (stalled.status, stalled.override) == (SyncStatus.STALLED, "--retry")
    assert stalled.reason == "commit bbbbbbb was deployed but did not stay active (deployment d2); not retrying it"


def test_c80_an_app_that_runs_the_pipelines_commit_is_in_sync():
    found = plan(live(active := built("d1", NEW)), [active], commit=COMMIT)
    assert (found.status, found.action) == (SyncStatus.IN_SYNC, Action.NONE)


def test_c80_what_is_kept_is_noted_of_a_redeploy_too():
    spec = {**SPEC, "envs": [secret("KEY", "x")]}
    stored = {**SPEC, "envs": [secret("KEY", CIPHER)]}
    app = live(built("d1", spec=stored)).model_copy(update={"spec": stored})
    assert [note.kind for note in plan(app, [], spec=spec, redeploy=True).notes] == ["kept"]


WRITTEN, RENDERED = ({**SPEC, "envs": [{"key": "A", "value": value}]} for value in ("1 ", "1"))


@pytest.mark.parametrize(
    ("asked", "running", "status", "action", "reason"),
    [
        ({}, False, SyncStatus.IN_SYNC, Action.NONE, ""),
        ({"redeploy": True}, False, SyncStatus.OUT_OF_SYNC, Action.REDEPLOY,
         "redeploying as requested, with the newest commit or image of every source"),
        ({"commit": COMMIT}, False, SyncStatus.OUT_OF_SYNC, Action.REDEPLOY,
         "the app does not run commit bbbbbbb yet: redeploying"),
        ({}, True, SyncStatus.IN_SYNC, Action.NONE, ""),
        ({"commit": COMMIT}, True, SyncStatus.IN_SYNC, Action.NONE, ""),
        ({"redeploy": True}, True, SyncStatus.PROGRESSING, Action.REFUSE,
         "a deployment of another spec is in progress (d2): redeploy when that has finished"),
    ],
)  # fmt: skip
def test_c80_an_app_in_sync_as_the_platform_renders_its_spec_is_redeployed_like_any_other(
    asked, running, status, action, reason
):
    active, other = built("d1", spec=RENDERED), built("d2", phase="BUILDING", spec={**SPEC, "region": "fra"})
    app = live(active, in_progress_deployment=other if running else None).model_copy(update={"spec": RENDERED})
    found = plan(app, [active], spec=WRITTEN, proposal=Proposal(spec=RENDERED), **asked)
    assert (found.status, found.action, found.reason) == (status, action, reason)


def test_c80_c91_what_is_newer_is_found_of_an_app_that_differs_too_and_of_no_new_one():
    other = {**SPEC, "region": "fra"}
    active, failed = built("d1"), built("d2", NEW, "ERROR", 5, progress={"steps": STEPS})
    found = plan(live(active, last=5), [failed, active], spec=other, commit=COMMIT)
    assert [finding.code for finding in found.findings] == ["failed-push", "newer-commit"]
    assert plan(None, [], commit=COMMIT).findings == ()


BACK = {"cause_details": {"type": "MANUAL_ROLLBACK"}}
THEIRS = {"cause_details": {"type": "AUTO_ROLLBACK"}, "previous_deployment_id": "d2"}


@pytest.mark.parametrize(
    ("rollback", "reason"),
    [
        (built("d3", minutes_ago=5, spec={**SPEC, "region": "fra"}, **BACK), "an earlier run was interrupted after"),
        (built("d3", minutes_ago=5, spec={**SPEC, "region": "fra"}, **THEIRS), "deployment d2 failed; the platform"),
    ],
    ids=["of a run", "of the platform"],
)
def test_c80_a_redeploy_finishes_no_rollback(rollback, reason):
    app = live(rollback, pinned_deployment=rollback)
    history = [rollback, built("d2", NEW, "ERROR", 10, cause_details={"type": "MANUAL"}), built("d1", minutes_ago=900)]
    due = plan(app, history)
    assert due.resume_rollback or due.adopt_rollback
    found = plan(app, history, redeploy=True)
    assert (found.status, found.action) == (SyncStatus.BLOCKED, Action.REFUSE)
    assert (found.follow, found.resume_rollback, found.adopt_rollback) == ("", False, False)
    assert found.reason == f"{due.reason}: redeploy when that has finished"
    assert reason in due.reason


def test_c80_a_redeploy_of_an_app_that_does_not_exist_is_refused():
    found = plan(None, [], redeploy=True)
    assert (found.status, found.action) == (SyncStatus.ABSENT, Action.REFUSE)
    assert found.reason == "the app does not exist yet: apply creates it"
    assert (found.changes, found.cost) == ((), Cost())


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
    assert pinned.reason == "pinned to a rollback 1 h ago"


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
