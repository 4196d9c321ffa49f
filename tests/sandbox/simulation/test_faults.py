"""Faults strike where and as often as they are asked to, and do so again in the same way."""

from __future__ import annotations

import pytest

from reconciler.sandbox import ConnectionLost, Fault, Settings, Speed
from tests.sandbox.lab import Lab, Tree, web


def test_a_fault_strikes_as_often_as_it_says(lab: Lab) -> None:
    lab.sandbox.fault(Fault("server_error", times=2, status=503))
    assert [lab.call("GET", "/v2/apps").status_code for _ in range(3)] == [503, 503, 200]
    assert lab.sandbox.faults() == []


def test_a_fault_strikes_only_the_app_operation_and_method_it_names(lab: Lab) -> None:
    app, other = lab.create(), lab.create(web("other"))
    lab.sandbox.fault(Fault("server_error", app="web", operation="apps_get", times=None))
    assert lab.call("GET", f"/v2/apps/{other['id']}").status_code == 200
    assert lab.call("GET", f"/v2/apps/{app['id']}/health").status_code == 200
    assert lab.call("GET", f"/v2/apps/{app['id']}").status_code == 500
    lab.sandbox.clear_faults()
    lab.sandbox.fault(Fault("server_error", operation="PUT"))
    assert lab.call("GET", f"/v2/apps/{app['id']}").status_code == 200
    assert lab.call("PUT", f"/v2/apps/{app['id']}", json={"spec": web()}).status_code == 500


def test_a_create_is_struck_by_the_name_in_its_spec(lab: Lab) -> None:
    lab.sandbox.fault(Fault("server_error", app="web", operation="apps_create"))
    assert lab.call("POST", "/v2/apps", json={"spec": web("other")}).status_code == 200
    assert lab.call("POST", "/v2/apps", json={"spec": web()}).status_code == 500


def statuses(seed: int) -> list[int]:
    lab = Lab()
    lab.sandbox.fault(Fault("server_error", times=None, share=0.3, seed=seed))
    found = [lab.call("GET", "/v2/apps").status_code for _ in range(60)]
    lab.close()
    return found


def test_a_share_of_requests_is_struck_and_a_run_can_be_repeated() -> None:
    first = statuses(7)
    assert 8 <= first.count(500) <= 30
    assert statuses(7) == first
    assert statuses(8) != first


def test_a_storm_of_429_carries_retry_after(lab: Lab) -> None:
    lab.sandbox.fault(Fault("rate_limit", seconds=7))
    answer = lab.call("GET", "/v2/apps")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("html", [True, False])
def test_c39_a_gateway_answers_html_or_json(html: bool) -> None:
    lab = Lab(Settings(html_gateway_errors=html))
    lab.sandbox.fault(Fault("gateway_timeout"))
    answer = lab.call("GET", "/v2/apps")
    assert answer.status_code == 504
    assert answer.headers["content-type"].startswith("text/html" if html else "application/json")
    lab.close()


def test_a_connection_breaks_before_or_after_the_request_took_effect(lab: Lab) -> None:
    for kind, names in (("reset_before", []), ("reset_after", ["web"])):
        lab.sandbox.fault(Fault(kind, operation="apps_create"))
        with pytest.raises(ConnectionLost) as caught:
            lab.call("POST", "/v2/apps", json={"spec": web()})
        assert caught.value.took_effect is bool(names)
        assert isinstance(caught.value, ConnectionError)
        assert [app["spec"]["name"] for app in lab.get("/v2/apps")["apps"]] == names


def test_latency_is_waited_for_and_reported(lab: Lab) -> None:
    lab.sandbox.fault(Fault("latency", seconds=12.5))
    before = lab.clock.monotonic()
    assert lab.call("GET", "/v2/apps").headers["x-sandbox-latency"] == "12.5"
    assert lab.clock.monotonic() - before == 12.5


def test_a_truncated_answer_is_no_json(lab: Lab) -> None:
    lab.sandbox.fault(Fault("truncated"))
    answer = lab.call("GET", "/v2/apps")
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


def test_deployments_fail_one_after_the_other(lab: Lab) -> None:
    lab.sandbox.fail("web", "build")
    lab.sandbox.fail("web", "deploy")
    app = lab.create()
    lab.update(app, web())
    lab.update(app, web())
    found = lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]
    steps = [[step["name"] for step in item["progress"]["steps"] if step["status"] == "ERROR"] for item in found]
    assert steps == [[], ["deploy"], ["build"]]


def test_a_fault_may_name_the_component_and_the_reason(lab: Lab) -> None:
    spec = web(workers=[{"name": "bg", "image": {"repository": "x"}}])
    lab.sandbox.fail("web", "deploy", component="bg", code="Custom", message="as asked")
    app = lab.create(spec)
    (failed,) = lab.get(f"/v2/apps/{app['id']}/deployments")["deployments"]
    assert failed["progress"]["steps"][1]["reason"] == {"code": "Custom", "message": "as asked"}
    lab.sandbox.fail("web", "health", component="bg")
    lab.update(app, spec)
    assert lab.health(app["id"]) == {"api": "HEALTHY", "bg": "UNHEALTHY"}


BAD: list[Tree] = [{}, {"kind": "fire"}, {"kind": "slow", "speed": 1}, {"kind": "slow", "factor": "x"}, {"kind": 1}]


@pytest.mark.parametrize("data", BAD, ids=str)
def test_a_fault_that_makes_no_sense_is_refused(data: Tree) -> None:
    with pytest.raises(ValueError):
        Fault.from_data(data)


def test_a_deployment_cannot_fail_elsewhere() -> None:
    lab = Lab(Settings(speed=Speed.instant()))
    with pytest.raises(ValueError, match="build, deploy or health"):
        lab.sandbox.fail("web", "run")
    lab.close()
