"""Deployments move through their phases as the clock moves, and nothing else moves them."""

from __future__ import annotations

import pytest

from tests.sandbox.lab import Lab, built, web


def phases(lab: Lab, app_id: str, deployment_id: str, step: float = 1.0, most: int = 400) -> list[str]:
    seen: list[str] = []
    for _ in range(most):
        deployment = lab.deployment(app_id, deployment_id)
        progress = deployment["progress"]
        counted = [progress.get(f"{kind}_steps", 0) for kind in ("pending", "running", "success", "error")]
        assert sum(counted) == progress["total_steps"]
        if not seen or seen[-1] != deployment["phase"]:
            seen.append(deployment["phase"])
        if deployment["phase"] in ("ACTIVE", "ERROR", "CANCELED", "SUPERSEDED"):
            break
        lab.wait(step)
    return seen


def test_a_deployment_goes_through_every_phase(lab: Lab) -> None:
    app = lab.create(built(), settled=False)
    pending = app["pending_deployment"]
    assert pending["phase"] == "PENDING_BUILD"
    assert phases(lab, app["id"], pending["id"]) == [
        "PENDING_BUILD",
        "BUILDING",
        "PENDING_DEPLOY",
        "DEPLOYING",
        "ACTIVE",
    ]
    active = lab.app(app["id"])["active_deployment"]
    assert active["id"] == pending["id"]
    assert active["progress"]["success_steps"] == active["progress"]["total_steps"] == 6
    assert active["services"] == [{"name": "api", "source_commit_hash": active["services"][0]["source_commit_hash"]}]
    assert active["cause_details"]["digitalocean_user_action"]["name"] == "CREATE_DEPLOYMENT"
    assert active["timing"] == {"pending": "5s", "build_total": "120s", "build_billable": "120s"}


def test_an_app_of_images_skips_the_build_quickly(lab: Lab) -> None:
    app = lab.create(web(), settled=False)
    lab.wait(8)
    assert lab.deployment(app["id"], app["pending_deployment"]["id"])["phase"] == "PENDING_DEPLOY"


def test_c31_a_deployment_may_be_over_by_the_next_request() -> None:
    from reconciler.sandbox import Settings, Speed

    lab = Lab(Settings(speed=Speed.instant()))
    app = lab.create(settled=False)
    assert app["pending_deployment"]["phase"] == "PENDING_BUILD"
    assert lab.deployment(app["id"], app["pending_deployment"]["id"])["phase"] == "ACTIVE"
    lab.close()


def test_a_pending_deployment_becomes_the_one_in_progress_and_then_the_active_one(lab: Lab) -> None:
    app = lab.create(built(), settled=False)
    assert "in_progress_deployment" not in app
    lab.wait(10)
    moving = lab.app(app["id"])
    assert moving["in_progress_deployment"]["phase"] == "BUILDING"
    assert "pending_deployment" not in moving
    assert "live_url" not in moving
    lab.wait()
    settled = lab.app(app["id"])
    assert "in_progress_deployment" not in settled
    assert lab.live(settled) == 200


def test_an_update_supersedes_the_active_deployment_once_it_is_active(lab: Lab) -> None:
    app = lab.create()
    first = app["active_deployment"]["id"]
    updated = lab.update(app, web(tag="2"), settled=False)
    assert updated["active_deployment"]["id"] == first
    assert updated["pending_deployment"]["previous_deployment_id"] == first
    assert updated["pending_deployment"]["cause_details"]["digitalocean_user_action"]["name"] == "UPDATE_SPEC"
    lab.wait()
    assert lab.deployment(app["id"], first)["phase"] == "SUPERSEDED"
    assert lab.app(app["id"])["active_deployment"]["spec"]["services"][0]["image"]["tag"] == "2"


def test_an_update_without_a_difference_still_deploys(lab: Lab) -> None:
    app = lab.create()
    updated = lab.update(app, app["spec"], settled=False)
    assert updated["pending_deployment"]["id"] != app["active_deployment"]["id"]


def test_a_newer_deployment_supersedes_the_one_in_progress_when_it_starts(lab: Lab) -> None:
    app = lab.create(built(), settled=False)
    first = app["pending_deployment"]["id"]
    lab.wait(20)
    second = lab.update(app, built(), settled=False)["pending_deployment"]["id"]
    assert lab.deployment(app["id"], first)["phase"] == "BUILDING"
    lab.wait(6)
    assert lab.deployment(app["id"], first)["phase"] == "SUPERSEDED"
    assert lab.app(app["id"])["in_progress_deployment"]["id"] == second
    lab.wait()
    assert lab.deployment(app["id"], first)["phase"] == "SUPERSEDED"
    assert lab.app(app["id"])["active_deployment"]["id"] == second


def test_a_newer_deployment_supersedes_a_pending_one_at_once(lab: Lab) -> None:
    app = lab.create(built(), settled=False)
    second = lab.update(app, built(), settled=False)["pending_deployment"]["id"]
    assert lab.deployment(app["id"], app["pending_deployment"]["id"])["phase"] == "SUPERSEDED"
    assert lab.app(app["id"])["pending_deployment"]["id"] == second


def test_a_canceled_deployment_leaves_the_former_one_serving(lab: Lab) -> None:
    app = lab.create()
    made = lab.update(app, built(), settled=False)["pending_deployment"]["id"]
    lab.wait(10)
    canceled = lab.post(f"/v2/apps/{app['id']}/deployments/{made}/cancel")["deployment"]
    assert canceled["phase"] == "CANCELED"
    assert canceled["progress"]["error_steps"] == 1
    lab.wait()
    now = lab.app(app["id"])
    assert now["active_deployment"]["id"] == app["active_deployment"]["id"]
    assert "in_progress_deployment" not in now
    lab.refused("POST", f"/v2/apps/{app['id']}/deployments/{made}/cancel", 409)


@pytest.mark.parametrize(
    ("where", "step", "code"),
    [("build", "build", "BuildJobExitNonZero"), ("deploy", "deploy", "DeployContainerHealthChecksFailed")],
)
def test_a_failed_deployment_says_why_and_leaves_the_former_one_serving(
    lab: Lab, where: str, step: str, code: str
) -> None:
    app = lab.create(built())
    lab.sandbox.fail("web", where)
    made = lab.update(app, built(), settled=False)["pending_deployment"]["id"]
    assert phases(lab, app["id"], made)[-1] == "ERROR"
    failed = lab.deployment(app["id"], made)
    assert failed["progress"]["error_steps"] == 1
    (bad,) = (item for item in failed["progress"]["steps"] if item["status"] == "ERROR")
    assert bad["name"] == step
    assert bad["reason"]["code"] == code
    after = lab.app(app["id"])
    assert after["active_deployment"]["id"] == app["active_deployment"]["id"]
    assert lab.live(after) == 200
    assert lab.health(app["id"]) == {"api": "HEALTHY"}


def test_each_recorded_reason_code_comes_with_its_own_message(lab: Lab) -> None:
    app = lab.create(built())
    seen = {}
    for where, code in (
        ("build", "BuildJobExitNonZero"),
        ("build", "BuildJobTerminated"),
        ("deploy", "DeployContainerExitNonZero"),
        ("deploy", "DeployContainerHealthChecksFailed"),
        ("build", "InternalError"),
    ):
        lab.sandbox.fail("web", where, code=code)
        made = lab.update(app, built())["pending_deployment"]["id"]
        (bad,) = (item for item in lab.deployment(app["id"], made)["progress"]["steps"] if item["status"] == "ERROR")
        assert (bad["name"], bad["reason"]["code"]) == (where, code)
        seen[bad["reason"]["message"]] = code
    assert len(seen) == 5


def test_c38_a_failed_first_deployment_leaves_nothing_active(lab: Lab) -> None:
    lab.sandbox.fail("web", "deploy")
    app = lab.create()
    assert "active_deployment" not in app
    assert "live_url" not in app
    assert lab.health(app["id"]) == {}
    assert lab.call("GET", f"/_live/{app['id']}/", token=None).status_code == 404


def test_a_health_failure_comes_after_the_deployment_is_active(lab: Lab) -> None:
    app = lab.create()
    lab.sandbox.fail("web", "health", seconds=20)
    lab.update(app, web(tag="2"), settled=False)
    lab.wait(85)
    now = lab.app(app["id"])
    assert now["active_deployment"]["phase"] == "ACTIVE"
    assert (lab.health(app["id"]), lab.live(now)) == ({"api": "HEALTHY"}, 200)
    lab.wait(30)
    assert (lab.health(app["id"]), lab.live(now)) == ({"api": "UNHEALTHY"}, 503)


def test_c34_a_failed_deploy_job_never_completes_unless_the_deployment_fails(lab: Lab) -> None:
    image = {"registry_type": "DOCKER_HUB", "repository": "job"}
    jobs = [{"name": kind.lower().replace("_", "-"), "kind": kind, "image": image} for kind in KINDS]
    app = lab.create(web(jobs=jobs))
    progress = app["active_deployment"]["progress"]
    assert progress["pending_steps"] == 1
    assert progress["success_steps"] == progress["total_steps"] - 1
    lab.sandbox.fail("web", "deploy")
    made = lab.update(app, web(jobs=jobs))["pending_deployment"]["id"]
    failed = lab.deployment(app["id"], made)["progress"]
    groups = failed["steps"][1]["steps"][1]["steps"]
    assert {group["name"]: group["status"] for group in groups} == {
        "pre-deploy": "SUCCESS",
        "api": "ERROR",
        "post-deploy": "PENDING",
        "failed-deploy": "SUCCESS",
    }


KINDS = ("PRE_DEPLOY", "POST_DEPLOY", "FAILED_DEPLOY")


def test_sources_are_refreshed_only_when_asked_for(lab: Lab) -> None:
    def commit(tree: dict) -> str:
        return tree["services"][0]["source_commit_hash"]

    app = lab.create(built())
    first = commit(app["active_deployment"])
    lab.sandbox.push("web")
    lab.sandbox.finish("web")
    pushed = lab.app(app["id"])["active_deployment"]
    assert pushed["cause_details"] == {"type": "DEPLOY_ON_PUSH"}
    assert pushed["cause"] == f"commit {commit(pushed)[:7]} pushed to github.com/acme/api/tree/main"
    assert commit(pushed) != first
    quiet = built()
    quiet["services"][0]["github"]["deploy_on_push"] = False
    kept = lab.update(app, quiet)["pending_deployment"]
    assert commit(kept) == commit(pushed)
    assert lab.sandbox.push("web") == {"deployment_id": ""}
    assert commit(lab.update(app, quiet)["pending_deployment"]) == commit(kept)
    assert commit(lab.update(app, quiet, update_all_source_versions=True)["pending_deployment"]) != commit(kept)


def test_a_deployment_can_be_made_by_hand_and_a_restart_builds_nothing(lab: Lab) -> None:
    app = lab.create(built())
    made = lab.post(f"/v2/apps/{app['id']}/deployments", {"force_build": True})["deployment"]
    assert made["phase"] == "PENDING_BUILD"
    lab.wait()
    restarted = lab.post(f"/v2/apps/{app['id']}/restart", {"components": ["api"]})["deployment"]
    assert restarted["cause_details"]["digitalocean_user_action"]["name"] == "RESTART"
    lab.wait(8)
    assert lab.deployment(app["id"], restarted["id"])["phase"] == "PENDING_DEPLOY"
    lab.refused("POST", f"/v2/apps/{app['id']}/restart", 400, {"components": ["nobody"]})


def test_a_deployment_that_hangs_does_so_until_it_is_finished_by_hand(lab: Lab) -> None:
    from reconciler.sandbox import Fault

    lab.sandbox.fault(Fault("hang", app="web", phase="BUILDING"))
    app = lab.create(built(), settled=False)
    lab.wait(100_000)
    hung = lab.app(app["id"])["in_progress_deployment"]
    assert (hung["phase"], hung["progress"]["running_steps"]) == ("BUILDING", 1)
    lab.sandbox.finish("web")
    assert lab.app(app["id"])["active_deployment"]["id"] == hung["id"]


def test_slow_deployments_take_longer(lab: Lab) -> None:
    from reconciler.sandbox import Fault

    lab.sandbox.fault(Fault("slow", factor=100))
    app = lab.create(built(), settled=False)
    lab.wait(10_000)
    assert lab.deployment(app["id"], app["pending_deployment"]["id"])["phase"] == "BUILDING"


def test_domains_follow_the_deployments(lab: Lab) -> None:
    domains = [{"domain": "example.com"}, {"domain": "www.example.com", "type": "PRIMARY"}]
    app = lab.create(web(domains=domains), settled=False)
    assert [item["phase"] for item in app["domains"]] == ["CONFIGURING", "CONFIGURING"]
    lab.wait()
    app = lab.app(app["id"])
    assert [(item["phase"], item["spec"], item["validation"]) for item in app["domains"]] == [
        ("ACTIVE", domain, {}) for domain in domains
    ]
    assert len(app["domains"][0]["progress"]["steps"]) == 15
    assert (app["live_domain"], app["live_url"]) == ("www.example.com", f"http://sandbox/_live/{app['id']}")
    lab.sandbox.platform_deployment("web")
    made = lab.app(app["id"])["pending_deployment"]
    assert (made["cause"], made["cause_details"]) == (
        "domain www.example.com ready",
        {"type": "MAINTENANCE", "internal": True},
    )


def test_an_app_under_maintenance_or_without_a_way_in_does_not_answer(lab: Lab) -> None:
    closed = lab.create(web("closed", ingress={}))
    assert closed["spec"]["ingress"] == {}
    assert lab.live(closed) == 404
    resting = lab.create(web("resting", maintenance={"enabled": True}))
    assert lab.live(resting) == 503
