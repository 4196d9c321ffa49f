"""The controls, as methods and over HTTP, and the settings they change."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.http.control import HEADER
from reconciler.sandbox.settings import SPEEDS, changed, describe, to_data
from tests.sandbox.lab import Lab, Tree, built, web

JSON = {"content-type": "application/json"}


def ask(lab: Lab, method: str, name: str, **more: Any) -> httpx.Response:
    more["headers"] = {HEADER: "1", **more.get("headers", {})}
    return lab.call(method, f"/_sandbox/{name}", token=None, **more)


def control(lab: Lab, method: str, name: str, body: Any = None) -> Tree:
    answer = ask(lab, method, name, json=body)
    assert answer.status_code == 200, answer.text
    found: Tree = answer.json()
    return found


def test_everything_can_be_controlled_over_http(lab: Lab) -> None:
    spec = built(jobs=[{"name": "job", "image": {"repository": "x"}}])
    metrics = {"cpu": {"percent": 80}}
    spec["services"][0]["autoscaling"] = {"min_instance_count": 1, "max_instance_count": 3, "metrics": metrics}
    spec["services"][0]["instance_size_slug"] = "apps-d-1vcpu-0.5gb"
    app = lab.create(spec, settled=False)
    control(lab, "POST", "advance", {"seconds": 1000})
    assert lab.app(app["id"])["active_deployment"]["id"] == app["pending_deployment"]["id"]
    pushed = control(lab, "POST", "push", {"app": "web"})["deployment_id"]
    control(lab, "POST", "advance", {"app": "web"})
    assert lab.app(app["id"])["active_deployment"]["id"] == pushed
    control(lab, "POST", "health", {"app": "web", "component": "api", "state": "UNHEALTHY"})
    assert lab.health(app["id"]) == {"api": "UNHEALTHY"}
    assert lab.live(lab.app(app["id"])) == 503
    control(lab, "POST", "health", {"app": "web", "component": "api", "state": ""})
    assert control(lab, "POST", "deploy", {"app": "web", "type": "MAINTENANCE"})["deployment_id"]
    control(lab, "POST", "advance", {"app": "web"})
    assert lab.app(app["id"])["active_deployment"]["cause_details"] == {"type": "MAINTENANCE", "internal": True}
    assert control(lab, "POST", "autoscale", {"app": "web", "component": "api", "to": 3})["event_id"]
    assert control(lab, "POST", "jobs", {"app": "web", "job": "job"})["job_invocation_id"]
    control(lab, "POST", "faults", {"kind": "build", "app": "web"})
    (waiting,) = control(lab, "GET", "faults")["faults"]
    assert (waiting["kind"], waiting["remaining"]) == ("build", 1)
    control(lab, "DELETE", "faults")
    assert control(lab, "POST", "settings", {"speed": "instant"})["speed"]["build"] == 0
    assert control(lab, "GET", "settings")["speed"]["build"] == 0
    state = control(lab, "GET", "state")
    assert [item["phase"] for item in state["apps"][0]["deployments"]] == ["ACTIVE", "SUPERSEDED", "SUPERSEDED"]
    control(lab, "POST", "reset")
    assert control(lab, "GET", "state")["apps"] == []


NONSENSE = [
    ("push", {"app": "nobody"}),
    ("push", {"app": 1}),
    ("push", {"app": "web", "component": "nobody"}),
    ("deploy", {"app": "web", "type": "MANUAL"}),
    ("autoscale", {"app": "web", "component": "api", "to": 2}),
    ("autoscale", {"app": "web", "component": "api", "to": "x"}),
    ("health", {"app": "web", "component": "api", "state": "ILL"}),
    ("health", {"app": "web", "component": "nobody", "state": "HEALTHY"}),
    ("jobs", {"app": "web", "job": "nobody"}),
    ("jobs", {"app": "web", "job": "job", "result": "MAYBE"}),
    ("advance", {"app": "nobody"}),
    ("advance", {}),
    ("advance", {"seconds": -1}),
    ("advance", {"seconds": 1e12}),
    ("settings", {"colour": "red"}),
    ("settings", {"speed": "warp"}),
    ("settings", {"speed": {"build": -1}}),
    ("settings", {"fills_defaults": "some"}),
    ("settings", {"reorders_envs": 1}),
    ("settings", {"rate_per_minute": "many"}),
    ("faults", {"kind": "fire"}),
    ("faults", []),
]


@pytest.mark.parametrize(("name", "body"), NONSENSE, ids=[f"{name} {body}" for name, body in NONSENSE])
def test_a_control_that_makes_no_sense_is_refused(lab: Lab, name: str, body: Any) -> None:
    lab.create(web(), settled=False)
    answer = ask(lab, "POST", name, json=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_the_clock_is_moved_by_a_number_of_seconds_only(lab: Lab, seconds: str) -> None:
    text = f'{{"seconds": {seconds}}}'
    assert ask(lab, "POST", "advance", content=text, headers=JSON).status_code == 400
    assert lab.sandbox.state()["now"] == lab.clock.timestamp()


def test_a_web_page_can_neither_reset_a_sandbox_nor_read_its_state(lab: Lab) -> None:
    """What a page may send to another origin without asking: no header of its own, and text as content."""
    lab.create(web(), settled=False)
    for method, name in (("GET", "state"), ("POST", "reset"), ("DELETE", "faults")):
        assert lab.call(method, f"/_sandbox/{name}", token=None).status_code == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = ask(lab, "POST", "reset", content="{}", headers={"content-type": kind})
        assert answer.status_code == 415
    assert ask(lab, "OPTIONS", "reset").status_code == 405
    assert ask(lab, "POST", "reset", content="[" * 100_000, headers=JSON).status_code == 400
    assert len(lab.sandbox.state()["apps"]) == 1


HOSTS = [
    *(("127.0.0.1", 200), ("127.0.0.1:8080", 200), ("[::1]:8080", 200), ("[::1]", 200), ("192.0.2.7:80", 200)),
    *(("localhost:8080", 200), ("app.localhost", 200), ("sandbox:8080", 200), ("sandbox", 200)),
    *(("evil.example.com", 403), ("evil.example.com:8080", 403), ("127.0.0.1.nip.example", 403), ("", 403)),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
def test_a_name_that_others_can_point_here_is_no_host_of_the_controls(lab: Lab, host: str, status: int) -> None:
    assert ask(lab, "GET", "state", headers={"host": host}).status_code == status


def test_there_are_no_other_controls(lab: Lab) -> None:
    for name in ("nothing", "__class__", "faults/1"):
        assert ask(lab, "GET", name).status_code == 404


def test_tokens_are_not_shown() -> None:
    lab = Lab(Settings(tokens={"hunter2": ("*",)}))
    lab.call("POST", "/v2/apps", token="hunter2", json={"spec": web()})
    for name in ("settings", "state"):
        assert "hunter2" not in str(control(lab, "GET", name))
    lab.close()


def test_settings_survive_being_written_down() -> None:
    for settings in (Settings(), Settings(speed=Speed.realistic(), seed=3, rate_per_minute=5, tokens={"t": ("*",)})):
        assert changed(Settings(), to_data(settings)) == settings
    assert changed(Settings(), {"speed": {"build": 9}}).speed.build == 9
    assert changed(Settings(), {"speed": "realistic"}).speed == SPEEDS["realistic"]


def test_every_setting_is_described() -> None:
    documented = {name for name, _, doc in describe() if doc}
    assert documented == {f"speed.{name}" for name in to_data(Speed())} | set(to_data(Settings())) - {"speed"}
