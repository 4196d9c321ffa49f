"""The rollback that the platform makes by itself, deployments that a newer one replaces, and faults of the platform."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.sandbox import Fault, Settings, Speed
from tests.sandbox.lab import Lab, Tree, built, web


def rolling_back(**switches: Any) -> Lab:
    """A sandbox whose platform rolls back, with a delay of 45 seconds."""
    return Lab(Settings(speed=Speed.realistic(), seed=1, auto_rollback_deployment=True, **switches))


def failed(lab: Lab, app: Tree, where: str = "deploy", spec: Tree | None = None) -> str:
    """The id of a deployment of the app that has just failed."""
    lab.sandbox.fail("web", where)
    made = lab.update(app, spec or web(tag="2"), settled=False)["pending_deployment"]["id"]
    while lab.deployment(app["id"], made)["phase"] != "ERROR":
        lab.wait(1)
    return str(made)


def deployments(lab: Lab, app: Tree) -> list[Tree]:
    found: list[Tree] = lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]
    return found


def tag(spec: Tree) -> str:
    return str(spec["services"][0]["image"]["tag"])


def test_a_failed_deployment_is_followed_by_the_platforms_own_rollback() -> None:
    lab = rolling_back()
    app = lab.create()
    bad = failed(lab, app)
    lab.wait(40)
    assert deployments(lab, app)[0]["id"] == bad
    lab.wait(6)
    theirs = deployments(lab, app)[0]
    assert theirs["phase"] == "PENDING_BUILD"
    assert theirs["cause"] == f'automated rollback after failed deployment of "{bad}"'
    assert theirs["cause_details"] == {"type": "AUTO_ROLLBACK"}
    assert (theirs["previous_deployment_id"], theirs["cloned_from"]) == (bad, app["active_deployment"]["id"])
    assert tag(theirs["spec"]) == "1"
    lab.wait()
    after = lab.app(app["id"])
    assert after["active_deployment"]["id"] == theirs["id"]
    assert "pinned_deployment" not in after
    assert tag(after["spec"]) == "2"
    assert lab.live(after) == 200
    lab.close()


def test_it_does_not_follow_a_failed_build_a_failed_first_deployment_or_a_failed_rollback() -> None:
    lab = rolling_back(spec_reverts_on_failure=True)
    lab.sandbox.fail("web", "deploy")
    app = lab.create()
    assert len(deployments(lab, app)) == 1
    lab.update(app, built())
    good = lab.app(app["id"])["active_deployment"]["id"]
    bad = failed(lab, app, "build", built())
    lab.wait()
    assert deployments(lab, app)[0]["id"] == bad
    lab.update(app, web())
    assert "image" in lab.app(app["id"])["spec"]["services"][0]
    lab.sandbox.fail("web", "deploy")
    ours = lab.post(f"/v2/apps/{app['id']}/rollback", {"deployment_id": good, "skip_pin": True})["deployment"]["id"]
    lab.wait()
    assert deployments(lab, app)[0]["id"] == ours
    assert lab.deployment(app["id"], ours)["phase"] == "ERROR"
    lab.close()


def test_after_a_failed_build_the_spec_stays_whatever_the_switch() -> None:
    lab = rolling_back(spec_reverts_on_failure=True)
    app = lab.create(built())
    failed(lab, app, "build", built(envs=[{"key": "A", "value": "1"}]))
    assert lab.app(app["id"])["spec"]["envs"] == [{"key": "A", "value": "1"}]
    failed(lab, app, "deploy", built(envs=[{"key": "A", "value": "2"}]))
    assert "envs" not in lab.app(app["id"])["spec"]
    lab.close()


@pytest.mark.parametrize(
    ("switches", "details"),
    [
        ({"auto_rollback_type": "absent"}, {}),
        ({"auto_rollback_type": "unknown"}, {"type": "PLATFORM_RESTORE"}),
        ({"auto_rollback_cause": False, "auto_rollback_lineage": False}, {"type": "AUTO_ROLLBACK"}),
    ],
)
def test_each_of_its_marks_may_be_missing(switches: Tree, details: Tree) -> None:
    lab = rolling_back(**switches)
    app = lab.create()
    bad = failed(lab, app)
    lab.wait(46)
    theirs = deployments(lab, app)[0]
    assert theirs["cause_details"] == details
    marked = switches.get("auto_rollback_cause", True)
    assert (bad in theirs["cause"]) is marked
    assert (theirs["previous_deployment_id"] == bad, "cloned_from" in theirs) == (marked, marked)
    lab.close()


def test_it_may_pin_the_app_and_change_its_spec() -> None:
    lab = rolling_back(auto_rollback_pins=True, auto_rollback_spec="reverts")
    app = lab.create()
    failed(lab, app)
    lab.wait()
    after = lab.app(app["id"])
    assert after["pinned_deployment"]["id"] == after["active_deployment"]["id"]
    assert tag(after["spec"]) == "1"
    lab.post(f"/v2/apps/{app['id']}/rollback/revert")
    assert tag(lab.app(app["id"])["spec"]) == "2"
    lab.close()


@pytest.mark.parametrize("supersedes", [True, False])
def test_it_may_come_although_something_else_was_deployed_since(supersedes: bool) -> None:
    lab = rolling_back(auto_rollback_supersedes=supersedes)
    app = lab.create()
    failed(lab, app)
    newer = lab.update(app, web(tag="3"), settled=False)["pending_deployment"]["id"]
    lab.wait()
    active = lab.app(app["id"])["active_deployment"]
    assert (active["id"] == newer) is not supersedes
    assert tag(active["spec"]) == ("1" if supersedes else "3")
    lab.close()


def test_a_pinned_app_is_left_alone() -> None:
    lab = rolling_back(auto_rollback_supersedes=True)
    app = lab.create()
    failed(lab, app)
    good = app["active_deployment"]["id"]
    ours = lab.post(f"/v2/apps/{app['id']}/rollback", {"deployment_id": good})["deployment"]["id"]
    lab.wait()
    assert deployments(lab, app)[0]["id"] == ours
    lab.close()


@pytest.mark.parametrize(("where", "phase"), [("deploy", "ERROR"), ("health", "ACTIVE")])
def test_it_may_fail_itself_and_is_not_tried_again(where: str, phase: str) -> None:
    lab = rolling_back()
    app = lab.create()
    lab.sandbox.fault(Fault(where, app="web", only="platform"))
    failed(lab, app)
    lab.wait()
    theirs = deployments(lab, app)
    assert [item["phase"] for item in theirs][:2] == [phase, "ERROR"]
    assert len(theirs) == 3
    assert lab.health(app["id"]) == {"api": "UNHEALTHY" if where == "health" else "HEALTHY"}
    lab.close()


def test_a_deployment_that_is_replaced_may_end_canceled_without_a_step_done() -> None:
    lab = Lab(Settings(speed=Speed.realistic(), replaced_phase="CANCELED"))
    app = lab.create(settled=False)
    pending = app["pending_deployment"]["id"]
    lab.update(app, web(tag="2"))
    old = lab.deployment(app["id"], pending)
    assert old["phase"] == "CANCELED"
    assert "success_steps" not in old["progress"]
    before = lab.app(app["id"])["active_deployment"]["id"]
    lab.update(app, web(tag="3"))
    assert lab.deployment(app["id"], before)["phase"] == "SUPERSEDED", "it was active"
    lab.close()


def test_the_seed_draws_which_of_both_phases_it_is() -> None:
    def drawn(seed: int) -> list[str]:
        lab = Lab(Settings(speed=Speed.instant(), seed=seed, replaced_phase="drawn"))
        found = []
        lab.sandbox.fault(Fault("hang", phase="PENDING_BUILD", times=None))
        for number in range(12):
            app = lab.create(web(f"app-{number}"), settled=False)
            lab.update(app, web(f"app-{number}", tag="2"), settled=False)
            found.append(lab.deployment(app["id"], app["pending_deployment"]["id"])["phase"])
        lab.close()
        return found

    assert set(drawn(1)) == {"SUPERSEDED", "CANCELED"}
    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("code", ["InternalError", "BuildRateLimit", "ResourceExhausted", "none"])
def test_a_fault_of_the_platform_ends_a_build_and_is_not_rolled_back(code: str) -> None:
    lab = rolling_back()
    app = lab.create()
    lab.sandbox.fault(Fault("platform", app="web", code="" if code == "InternalError" else code))
    made = lab.update(app, web(tag="2"))["pending_deployment"]["id"]
    assert [item["id"] for item in deployments(lab, app)] == [made, app["active_deployment"]["id"]]
    bad = lab.deployment(app["id"], made)
    assert bad["phase"] == "ERROR"
    build, deploy = bad["progress"]["steps"]
    assert (build["status"], deploy["status"]) == ("ERROR", "PENDING")
    reason = {"code": code, "message": "An internal error occurred. Contact support if this persists."}
    assert build.get("reason") == (None if code == "none" else reason)
    lab.close()
