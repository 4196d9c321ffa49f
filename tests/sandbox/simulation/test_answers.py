"""Answers have the shape that published records of the real service show."""

from __future__ import annotations

import re
from typing import Any

from tests.sandbox.lab import Lab, Tree, built, web

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def build_steps(deployment: Tree) -> list[Tree]:
    build, _ = deployment["progress"]["steps"]
    _, parts = build["steps"]
    assert (build["status"], parts["status"]) == ("SUCCESS", "SUCCESS")
    assert "reason" not in parts
    found: list[Tree] = parts["steps"]
    return found


def test_the_build_of_an_image_is_a_step_that_was_skipped(lab: Lab) -> None:
    app = lab.create(web(databases=[{"name": "db", "engine": "PG"}]))
    image, database = build_steps(app["active_deployment"])
    assert image == {
        "name": "api",
        "status": "SUCCESS",
        "reason": {
            "code": "PreBuiltImage",
            "message": "Your build job was skipped because you specified a pre-built image.",
        },
        "component_name": "api",
        "message_base": "Building service",
    }
    assert (database["name"], database["message_base"], database["status"]) == ("db", "Creating database", "SUCCESS")
    assert "reason" not in database
    (service,) = app["active_deployment"]["services"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", service["source_image_digest"])


def test_a_deployment_that_builds_nothing_reuses_the_previous_build(lab: Lab) -> None:
    app = lab.create(built())
    assert "reason" not in build_steps(app["active_deployment"])[0]
    lab.post(f"/v2/apps/{app['id']}/restart")
    lab.wait()
    restarted = lab.app(app["id"])["active_deployment"]
    assert restarted["cause"] == "restarting app"
    assert build_steps(restarted)[0]["reason"]["code"] == "PreviousBuildReused"


def moments(value: Any, name: str = "", steps: bool = False) -> list[tuple[bool, str]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in moments(item, key, steps or key == "steps")]
    if isinstance(value, list):
        return [found for item in value for found in moments(item, name, steps)]
    return [(steps, value)] if name.endswith("_at") else []


def test_times_are_whole_seconds_but_those_of_steps(lab: Lab) -> None:
    app = lab.create(built(domains=[{"domain": "www.example.com"}]))
    found = moments(app)
    assert {steps for steps, _ in found} == {True, False}
    for steps, moment in found:
        assert (NANOSECONDS if steps else WHOLE_SECONDS).fullmatch(moment)


def test_summaries_of_steps_come_only_with_a_deployment_itself(lab: Lab) -> None:
    app = lab.create()
    active = app["active_deployment"]
    (listed,) = lab.get("/v2/apps")["apps"]
    for shown in (active, listed["active_deployment"]):
        assert shown["progress"].keys() == {"success_steps", "total_steps", "steps"}
    summary = lab.deployment(app["id"], active["id"])["progress"]["summary_steps"]
    assert [(step["name"], step["status"]) for step in summary] == [("build", "SUCCESS"), ("deploy", "SUCCESS")]


def test_an_app_says_when_it_was_last_deployed(lab: Lab) -> None:
    app = lab.create()
    active = app["active_deployment"]
    assert app["last_deployment_active_at"] == active["phase_last_updated_at"]
    assert app["last_deployment_created_at"] == active["created_at"]
    assert app["live_url_base"] == app["live_url"]
    assert app["live_domain"] == "sandbox"
    assert app["build_config"] == {}
    assert "last_deployment_active_at" not in lab.create(web("new"), settled=False)


def test_the_region_of_a_spec_is_short_and_its_data_centers_are_numbered(lab: Lab) -> None:
    app = lab.create(web(region="fra1"))
    assert app["spec"]["region"] == "fra"
    assert (app["region"]["slug"], app["region"]["data_centers"]) == ("fra", ["fra1"])


def test_values_that_are_false_leave_an_empty_object_behind(lab: Lab) -> None:
    spec = web(maintenance={"enabled": False})
    spec["services"][0]["image"]["deploy_on_push"] = {"enabled": False}
    stored = lab.create(spec)["spec"]
    assert (stored["maintenance"], stored["services"][0]["image"]["deploy_on_push"]) == ({}, {})


def test_causes_are_in_the_platforms_words(lab: Lab) -> None:
    app = lab.create()
    lab.update(app, web(tag="2"))
    lab.post(f"/v2/apps/{app['id']}/deployments")
    lab.wait()
    lab.post(f"/v2/apps/{app['id']}/restart")
    found = lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]
    assert [item["cause"] for item in found] == [
        "restarting app",
        "manual",
        "app spec updated",
        "initial deployment",
    ]


def test_a_malformed_id_is_refused_before_anything_is_looked_up(lab: Lab) -> None:
    app = lab.create()
    for path in ("/v2/apps/web", "/v2/apps/web/health", f"/v2/apps/{app['id']}/deployments/latest"):
        assert lab.refused("GET", path, 400)["message"] == "invalid uuid"
    lab.refused("GET", f"/v2/apps/{NO_SUCH_ID}", 404)
    lab.refused("GET", f"/v2/apps/{app['id']}/deployments/{NO_SUCH_ID}", 404)


def test_what_leads_nowhere_is_not_routed(lab: Lab) -> None:
    closed = lab.create(web(ingress={}))
    pending = lab.create(web("new"), settled=False)
    for path in (f"/_live/{closed['id']}", f"/_live/{pending['id']}", f"/_live/{NO_SUCH_ID}"):
        answer = lab.call("GET", path, token=None)
        assert (answer.status_code, answer.text) == (404, "Your request could not be routed.\n")


def test_a_push_names_the_commit_or_the_tag(lab: Lab) -> None:
    spec = web(tag="v2")
    spec["services"][0]["image"] |= {"registry_type": "DOCR", "deploy_on_push": {"enabled": True}}
    lab.create(spec)
    lab.sandbox.push("web")
    (app,) = lab.get("/v2/apps")["apps"]
    assert app["pending_deployment"]["cause"] == "image tag v2 pushed"
