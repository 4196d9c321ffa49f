"""Rollbacks: validated, pinned, committed, reverted, as the API description says."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.api.deployments import ERRORS, WARNINGS
from tests.sandbox.lab import Lab, Tree, built, web


def rollback(lab: Lab, app: Tree, target: str, **more: Any) -> Tree:
    made: Tree = lab.post(f"/v2/apps/{app['id']}/rollback", {"deployment_id": target, **more})["deployment"]
    return made


def verdict(lab: Lab, app: Tree, target: str) -> Tree:
    return lab.post(f"/v2/apps/{app['id']}/rollback/validate", {"deployment_id": target, "skip_pin": False})


def tag(spec: Tree) -> str:
    return spec["services"][0]["image"]["tag"]


@pytest.fixture
def failed(lab: Lab) -> tuple[Tree, str]:
    """An app whose second spec is active and unhealthy, and the deployment that was good."""
    app = lab.create()
    lab.sandbox.fail("web", "health")
    lab.update(app, web(tag="2"))
    return lab.app(app["id"]), app["active_deployment"]["id"]


def test_a_rollback_pins_the_app_until_it_is_committed(lab: Lab, failed: tuple[Tree, str]) -> None:
    app, good = failed
    made = rollback(lab, app, good)
    assert (made["cloned_from"], made["phase"]) == (good, "PENDING_BUILD")
    assert made["cause_details"]["type"] == "MANUAL_ROLLBACK"
    assert made["cause_details"]["digitalocean_user_action"]["name"] == "ROLLBACK_APP"
    base = f"/v2/apps/{app['id']}"
    assert lab.app(app["id"])["pinned_deployment"]["id"] == made["id"]
    lab.refused("POST", base + "/rollback/commit", 409)
    lab.wait()
    pinned = lab.app(app["id"])
    assert pinned["active_deployment"]["id"] == made["id"]
    assert (tag(pinned["spec"]), tag(pinned["active_deployment"]["spec"])) == ("2", "1")
    assert lab.health(app["id"]) == {"api": "HEALTHY"}
    for method, path, body in (
        ("PUT", base, {"spec": web(tag="3")}),
        ("POST", base + "/deployments", {}),
        ("POST", base + "/restart", {}),
        ("POST", base + "/rollback", {"deployment_id": good}),
    ):
        lab.refused(method, path, 409, body)
    assert lab.sandbox.push("web") == {"deployment_id": ""}
    committed = lab.call("POST", base + "/rollback/commit")
    assert (committed.status_code, committed.content) == (200, b"")
    after = lab.app(app["id"])
    assert "pinned_deployment" not in after
    assert tag(after["spec"]) == "1"
    assert after["active_deployment"]["id"] == made["id"]
    lab.refused("POST", base + "/rollback/commit", 409)
    lab.update(app, web(tag="3"))


def test_a_revert_brings_the_newer_spec_back(lab: Lab, failed: tuple[Tree, str]) -> None:
    app, good = failed
    rollback(lab, app, good)
    lab.wait()
    reverted = lab.post(f"/v2/apps/{app['id']}/rollback/revert")["deployment"]
    assert reverted["cause_details"]["digitalocean_user_action"]["name"] == "REVERT_APP_ROLLBACK"
    lab.wait()
    after = lab.app(app["id"])
    assert "pinned_deployment" not in after
    assert tag(after["active_deployment"]["spec"]) == tag(after["spec"]) == "2"
    lab.refused("POST", f"/v2/apps/{app['id']}/rollback/revert", 409)


def test_skipping_the_pin_commits_at_once(lab: Lab, failed: tuple[Tree, str]) -> None:
    app, good = failed
    rollback(lab, app, good, skip_pin=True)
    now = lab.app(app["id"])
    assert "pinned_deployment" not in now
    assert tag(now["spec"]) == "1"
    lab.wait()
    assert lab.health(app["id"]) == {"api": "HEALTHY"}


def test_a_rollback_that_fails_leaves_the_app_pinned(lab: Lab, failed: tuple[Tree, str]) -> None:
    app, good = failed
    lab.sandbox.fail("web", "deploy", only="rollback")
    made = rollback(lab, app, good)
    lab.wait()
    assert lab.deployment(app["id"], made["id"])["phase"] == "ERROR"
    assert lab.app(app["id"])["pinned_deployment"]["id"] == made["id"]
    lab.refused("POST", f"/v2/apps/{app['id']}/rollback/commit", 409)


def test_a_rollback_that_would_not_be_valid_is_refused(lab: Lab) -> None:
    app = lab.create()
    lab.sandbox.fail("web", "build")
    bad = lab.update(app, web(tag="2"))["pending_deployment"]["id"]
    refusal = lab.refused("POST", f"/v2/apps/{app['id']}/rollback", 400, {"deployment_id": bad})
    assert refusal["message"].startswith("incompatible_result")
    lab.refused("POST", f"/v2/apps/{app['id']}/rollback", 404, {"deployment_id": app["id"]})
    lab.refused("POST", f"/v2/apps/{app['id']}/rollback", 400, {})


def changed(lab: Lab, before: Tree, after: Tree) -> Tree:
    app = lab.create(before)
    lab.update(app, after)
    return verdict(lab, app, app["active_deployment"]["id"])


def _in_progress(lab: Lab) -> Tree:
    app = lab.create(built(), settled=False)
    return verdict(lab, app, app["pending_deployment"]["id"])


def _after_a_failure(lab: Lab) -> Tree:
    lab.sandbox.fail("web", "build")
    app = lab.create(settled=False)
    lab.wait()
    return verdict(lab, app, app["pending_deployment"]["id"])


def _static(lab: Lab) -> Tree:
    site = {"name": "web", "static_sites": [{"name": "www", "github": {"repo": "acme/www", "branch": "main"}}]}
    return changed(lab, site, site)


def _pinned(lab: Lab) -> Tree:
    app = lab.create()
    rollback(lab, app, app["active_deployment"]["id"])
    lab.wait()
    return verdict(lab, app, app["active_deployment"]["id"])


def _databases(lab: Lab) -> Tree:
    return changed(lab, web(), web(databases=[{"name": "db", "engine": "PG"}]))


def _region(lab: Lab) -> Tree:
    return changed(lab, web(), web(region="fra"))


FORBIDDEN = {
    "incompatible_phase": _in_progress,
    "incompatible_result": _after_a_failure,
    "exceeded_revision_limit": _static,
    "app_pinned": _pinned,
    "database_config_conflict": _databases,
    "region_conflict": _region,
}


def test_every_condition_that_forbids_a_rollback_has_a_case_here() -> None:
    assert tuple(FORBIDDEN) == ERRORS


@pytest.mark.parametrize("code", ERRORS)
def test_a_condition_that_forbids_a_rollback(lab: Lab, code: str) -> None:
    found = FORBIDDEN[code](lab)
    assert found["valid"] is False
    assert found["error"]["code"] == code
    assert found["error"]["message"]


def test_conditions_worth_knowing_do_not_forbid(lab: Lab) -> None:
    spec = web(static_sites=[{"name": "www", "github": {"repo": "acme/www", "branch": "main"}}])
    found = changed(lab, spec, spec)
    assert found["valid"] is True
    assert {item["code"]: item["components"] for item in found["warnings"]} == dict(
        zip(WARNINGS, (["www"], ["api"]), strict=True)
    )


def test_an_image_with_a_digest_needs_no_warning(lab: Lab) -> None:
    spec = web()
    del spec["services"][0]["image"]["tag"]
    spec["services"][0]["image"]["digest"] = "sha256:" + "a" * 64
    assert changed(lab, spec, spec) == {"valid": True}


def test_the_limit_of_a_tier_counts_successful_deployments() -> None:
    lab = Lab(Settings(speed=Speed.instant(), revision_limits={"basic": 2}))
    app = lab.create()
    first = app["active_deployment"]["id"]
    second = lab.update(app, web(tag="2"))["pending_deployment"]["id"]
    assert verdict(lab, app, first)["valid"]
    lab.update(app, web(tag="3"))
    assert verdict(lab, app, first)["error"]["code"] == "exceeded_revision_limit"
    assert verdict(lab, app, second)["valid"]
    lab.close()


def test_the_switches_of_rollbacks() -> None:
    lab = Lab(
        Settings(
            speed=Speed.instant(),
            commit_changes_spec=False,
            pinned_put="store",
            rollback_to_active=False,
        )
    )
    app = lab.create()
    good = app["active_deployment"]["id"]
    assert verdict(lab, app, good)["error"]["code"] == "incompatible_phase"
    lab.update(app, web(tag="2"))
    rollback(lab, app, good)
    lab.wait()
    stored = lab.update(app, web(tag="3"))
    assert tag(stored["spec"]) == "3"
    assert "pending_deployment" not in stored
    lab.call("POST", f"/v2/apps/{app['id']}/rollback/commit")
    assert tag(lab.app(app["id"])["spec"]) == "3"
    lab.close()


def test_a_rollback_may_change_the_spec_at_once() -> None:
    lab = Lab(Settings(speed=Speed.instant(), rollback_changes_spec=True))
    app = lab.create()
    lab.update(app, web(tag="2"))
    rollback(lab, app, app["active_deployment"]["id"])
    assert tag(lab.app(app["id"])["spec"]) == "1"
    lab.post(f"/v2/apps/{app['id']}/rollback/revert")
    assert tag(lab.app(app["id"])["spec"]) == "2"
    lab.close()
