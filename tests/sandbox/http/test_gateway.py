"""Envelopes, pages, tokens, budgets and errors."""

from __future__ import annotations

import pytest

from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.api import OPERATIONS
from tests.sandbox.lab import Lab, Tree, web


def filled(path: str) -> str:
    import re

    return re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path)


def test_there_are_38_operations() -> None:
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == 38


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.id for operation in OPERATIONS])
def test_every_operation_wants_a_token_and_knows_what_does_not_exist(lab: Lab, operation: object) -> None:
    path = filled(operation.path)
    assert lab.refused(operation.method, path, 401, token=None)["id"] == "unauthorized"
    about_something = "{" in operation.path
    answer = lab.call(operation.method, path, json={"deployment_id": "x", "app_ids": [], "spec": web()})
    assert answer.status_code == (404 if about_something else 200)
    assert answer.headers["ratelimit-limit"] == "5000"


def test_a_token_may_be_limited_to_scopes() -> None:
    tokens = {"reader": ("app:read",), "writer": ("app:read", "app:update", "app:create"), "root": ("*",)}
    lab = Lab(Settings(speed=Speed.instant(), tokens=tokens))
    assert lab.call("POST", "/v2/apps", token="root", json={"spec": web()}).status_code == 200
    app = lab.call("GET", "/v2/apps", token="reader").json()["apps"][0]
    path = f"/v2/apps/{app['id']}"
    target = {"deployment_id": app["active_deployment"]["id"]}
    refusal = lab.refused("POST", path + "/rollback/validate", 403, target, token="reader")
    assert refusal["id"] == "forbidden"
    assert "app:update" in refusal["message"]
    assert lab.call("POST", path + "/rollback/validate", token="writer", json=target).status_code == 200
    assert "app:delete" in lab.refused("DELETE", path, 403, token="writer")["message"]
    managed = web(databases=[{"name": "db", "production": True, "cluster_name": "main"}])
    assert "database:read" in lab.refused("PUT", path, 403, {"spec": managed}, token="writer")["message"]
    lab.refused("GET", "/v2/apps", 401, token="stranger")
    lab.close()


def test_lists_come_in_pages_with_links(lab: Lab) -> None:
    for number in range(5):
        lab.create(web(f"app-{number}"), settled=False)
    whole = lab.get("/v2/apps")
    assert [app["spec"]["name"] for app in whole["apps"]] == [f"app-{number}" for number in range(5)]
    assert (whole["links"], whole["meta"]) == ({"pages": {}}, {"total": 5})
    middle = lab.get("/v2/apps?page=2&per_page=2")
    assert [app["spec"]["name"] for app in middle["apps"]] == ["app-2", "app-3"]
    base = "http://sandbox/v2/apps?page="
    assert middle["links"]["pages"] == {
        "first": f"{base}1&per_page=2",
        "prev": f"{base}1&per_page=2",
        "next": f"{base}3&per_page=2",
        "last": f"{base}3&per_page=2",
    }
    last = lab.get(middle["links"]["pages"]["last"])
    assert [app["spec"]["name"] for app in last["apps"]] == ["app-4"]
    assert set(last["links"]["pages"]) == {"first", "prev"}
    assert lab.get("/v2/apps?page=9")["apps"] == []
    for query in ("page=0", "per_page=0", "per_page=201", "page=x", "per_page=-1"):
        lab.refused("GET", f"/v2/apps?{query}", 400)


def test_projects_are_listed_only_when_asked_for(lab: Lab) -> None:
    lab.post("/v2/apps", {"spec": web(), "project_id": "mine"})
    assert "project_id" not in lab.get("/v2/apps")["apps"][0]
    assert lab.get("/v2/apps?with_projects=true")["apps"][0]["project_id"] == "mine"


def test_an_app_is_found_by_id_and_by_name(lab: Lab) -> None:
    app = lab.create()
    assert lab.get(f"/v2/apps/{app['id']}")["app"] == app
    assert lab.get("/v2/apps/?name=web")["app"] == app
    lab.refused("GET", "/v2/apps/?name=nobody", 404)


def test_a_taken_name_is_a_conflict(lab: Lab) -> None:
    lab.create()
    other = lab.create(web("other"))
    assert lab.refused("POST", "/v2/apps", 409, {"spec": web()})["id"] == "conflict"
    lab.refused("PUT", f"/v2/apps/{other['id']}", 409, {"spec": web()})


def test_a_deleted_app_is_gone_and_its_name_is_free(lab: Lab) -> None:
    app = lab.create()
    assert lab.call("DELETE", f"/v2/apps/{app['id']}").json() == {"id": app["id"]}
    lab.refused("GET", f"/v2/apps/{app['id']}", 404)
    assert lab.create()["id"] != app["id"]


def test_yaml_has_bounds_that_aliases_count_against(lab: Lab) -> None:
    yaml = {"content-type": "application/yaml"}
    nested = "[" * 9999 + "]" * 9999
    for wrong in ("a: [", "spec: &a {name: *a}", f"spec: [{'1,' * 100_001}]", "a" * 1_000_001, LAUGHS, nested):
        assert lab.call("POST", "/v2/apps", content=wrong, headers=yaml).status_code == 400
    text = "envs: &envs [{key: A, value: '1'}]\nspec: {name: web, envs: *envs, services: [{name: api, git: &git "
    text += "{repo_clone_url: 'https://example.com/a.git'}, envs: *envs}, {name: two, git: *git}]}"
    made = lab.call("POST", "/v2/apps", content=text, headers=yaml).json()["app"]["spec"]
    assert made["envs"] == made["services"][0]["envs"] == [{"key": "A", "value": "1"}]
    assert made["services"][1]["git"] == made["services"][0]["git"]


LAUGHS = "a0: &a0 [1,1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 60)) + "spec: *a59\n"


def test_yaml_is_taken_on_create(lab: Lab) -> None:
    text = "spec:\n  name: web\n  services:\n  - name: api\n    image: {repository: x, tag: '1'}\n"
    yaml = {"content-type": "application/yaml"}
    made = lab.call("POST", "/v2/apps", content=text, headers=yaml)
    assert made.json()["app"]["spec"]["services"][0]["image"] == {"repository": "x", "tag": "1"}
    assert lab.call("POST", "/v2/apps/propose", content=text, headers=yaml).status_code == 400


BAD_BODIES = (
    b"{",
    b"[]",
    b'"x"',
    b"{}",
    b'{"spec": 1}',
    b'{"spec": NaN}',
    b"[" * 100_000,
    b'{"spec":{"name":"\\ud800"}}',
)


@pytest.mark.parametrize("body", BAD_BODIES, ids=[repr(body[:20]) for body in BAD_BODIES])
def test_a_body_that_makes_no_sense_is_refused(lab: Lab, body: bytes) -> None:
    answer = lab.call("POST", "/v2/apps", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["id"] == "bad_request"


def test_unknown_paths_and_methods_answer_json(lab: Lab) -> None:
    lab.refused("GET", "/v2/droplets", 404)
    answer = lab.call("PATCH", "/v2/apps")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_the_budget_of_a_minute_ends_in_429_with_retry_after() -> None:
    lab = Lab(Settings(rate_per_minute=3, rate_per_hour=5))
    for left in (4, 3, 2):
        answer = lab.call("GET", "/v2/apps")
        assert answer.headers["ratelimit-remaining"] == str(left)
    lab.wait(20)
    spent = lab.call("GET", "/v2/apps")
    assert (spent.status_code, spent.headers["retry-after"]) == (429, "40")
    assert spent.json()["id"] == "too_many_requests"
    assert lab.call("GET", "/v2/apps", token="another").status_code == 200
    lab.wait(41)
    assert [lab.call("GET", "/v2/apps").status_code for _ in range(3)] == [200, 200, 429]
    hourly = lab.call("GET", "/v2/apps")
    assert "retry-after" not in hourly.headers
    assert hourly.headers["ratelimit-remaining"] == "0"
    lab.wait(float(hourly.headers["ratelimit-reset"]) - lab.clock.timestamp() + 1)
    assert lab.call("GET", "/v2/apps").status_code == 200
    lab.close()


def test_deployments_are_filtered_by_type(lab: Lab) -> None:
    app = lab.create()
    lab.post(f"/v2/apps/{app['id']}/rollback", {"deployment_id": app["active_deployment"]["id"]})

    def listed(query: str) -> list[Tree]:
        return lab.get(f"/v2/apps/{app['id']}/deployments?{query}")["deployments"]

    assert [item["cause_details"]["type"] for item in listed("")] == ["MANUAL_ROLLBACK", "MANUAL"]
    assert len(listed("deployment_types=MANUAL_ROLLBACK")) == 1
    assert len(listed("deployment_types=MANUAL_ROLLBACK&deployment_types=MANUAL")) == 2
    assert len(listed("deployment_types=MANUAL_ROLLBACK,AUTOSCALED")) == 1
    lab.refused("GET", f"/v2/apps/{app['id']}/deployments?deployment_types=NONE", 400)


def test_the_user_of_a_token_is_the_one_who_did_it(lab: Lab) -> None:
    users = [lab.create(web(name), settled=False)["pending_deployment"]["cause_details"] for name in ("one", "two")]
    assert users[0] == users[1]
    made = lab.call("POST", "/v2/apps", token="another", json={"spec": web("three")}).json()["app"]
    assert made["pending_deployment"]["cause_details"] != users[0]
