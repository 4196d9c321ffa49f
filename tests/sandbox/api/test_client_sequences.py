"""The vendor's CLI, Terraform provider and deploy action find on a served sandbox what they find on the platform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.clients import Action, Doctl, Godo, GoError, Terraform
from tests.sandbox.lab import Tree, built, web
from tests.sandbox.serving import Served


def _client(kind: type[Godo], served: Served) -> Iterator[Godo]:
    client = kind(served)
    yield client
    client.http.close()


@pytest.fixture
def doctl(served: Served) -> Iterator[Godo]:
    yield from _client(Doctl, served)


@pytest.fixture
def terraform(served: Served) -> Iterator[Godo]:
    yield from _client(Terraform, served)


@pytest.fixture
def action(served: Served) -> Iterator[Godo]:
    yield from _client(Action, served)


def tag(app: Tree) -> str:
    return app["active_deployment"]["spec"]["services"][0]["image"]["tag"]


def test_the_cli_creates_updates_and_waits(doctl: Doctl) -> None:
    app = doctl.create(web(), wait=True)
    assert app["active_deployment"]["phase"] == "ACTIVE"
    assert tag(doctl.update(app["id"], web(tag="2"), wait=True)) == "2"
    assert [item["id"] for item in doctl.apps()] == [app["id"]]
    assert doctl.find("web")["id"] == app["id"]


@pytest.mark.parametrize("where", ["build", "deploy"])
def test_the_cli_ends_in_an_error_when_the_deployment_fails(doctl: Doctl, served: Served, where: str) -> None:
    app = doctl.create(built(), wait=True)
    served.sandbox.fail("web", where)
    with pytest.raises(GoError, match="error deploying app"):
        doctl.update(app["id"], built(), wait=True)
    assert doctl.app(app["id"])["active_deployment"]["id"] == app["active_deployment"]["id"]


def test_the_cli_updates_instead_where_the_name_is_taken(doctl: Doctl) -> None:
    app = doctl.create(web(), wait=True)
    with pytest.raises(GoError, match=" 409 "):
        doctl.create(web(tag="2"))
    again = doctl.create(web(tag="2"), wait=True, upsert=True)
    assert (again["id"], tag(again)) == (app["id"], "2")


def test_the_cli_reads_logs_of_an_app_and_of_one_component(doctl: Doctl) -> None:
    app = doctl.create(web(workers=[{"name": "bg", "image": {"repository": "x"}}]), wait=True)
    assert doctl.logs(app["id"], "bg").startswith("bg ")
    both = doctl.logs(app["id"])
    assert "api " in both
    assert "bg " in both
    assert "started" in doctl.logs(app["id"], "api", "DEPLOY")
    with pytest.raises(GoError, match=" 404 "):
        doctl.logs(app["id"], "nobody")


def test_the_cli_lists_200_a_page_up_to_the_last(doctl: Doctl) -> None:
    for number in range(201):
        doctl.ask("POST", "/v2/apps", {"spec": web(f"app-{number}")})
    assert len({app["id"] for app in doctl.apps()}) == 201
    assert doctl.asked[-1] == "GET /v2/apps?page=2&per_page=200"


def test_the_cli_validates_a_spec_by_proposing_it(doctl: Doctl) -> None:
    assert doctl.validate(web())["name"] == "web"
    with pytest.raises(GoError, match='400 errors validating app spec; first error in field "region"'):
        doctl.validate(web(region="moon"))
    assert doctl.apps() == []


def test_the_cli_starts_and_restarts_deployments(doctl: Doctl) -> None:
    app = doctl.create(built(), wait=True)
    for path, body in (("deployments", {"force_build": True}), ("restart", {"components": None})):
        made = doctl.ask("POST", f"/v2/apps/{app['id']}/{path}", body)["deployment"]
        doctl.wait(app["id"], made["id"])
        assert doctl.deployment(app["id"], made["id"])["phase"] == "ACTIVE"


def test_terraform_creates_reads_updates_and_deletes(terraform: Terraform) -> None:
    spec = web(alerts=[{"rule": "DEPLOYMENT_FAILED"}])
    app = terraform.create(spec, emails=["a@example.com"])
    assert app["live_url"]
    assert app["default_ingress"]
    assert terraform.ask("GET", f"/v2/apps/{app['id']}/alerts")["alerts"][0]["emails"] == ["a@example.com"]
    assert terraform.read_state(app["id"]) == app
    assert tag(terraform.update(app["id"], web(tag="2"))) == "2"
    terraform.delete(app["id"])
    assert terraform.read_state(app["id"]) is None


def test_c38_terraform_ends_in_an_error_when_the_first_deployment_fails(terraform: Terraform, served: Served) -> None:
    served.sandbox.fail("web", "deploy")
    with pytest.raises(GoError, match="error deploying app"):
        terraform.create(web())
    (app,) = terraform.ask("GET", "/v2/apps")["apps"]
    assert "active_deployment" not in app


def test_c34_terraform_does_not_wait_for_a_job_that_is_there_for_failures_only(terraform: Terraform) -> None:
    rescue = {"name": "rescue", "kind": "FAILED_DEPLOY", "image": {"repository": "x"}}
    app = terraform.create(web(jobs=[rescue]))
    progress = app["active_deployment"]["progress"]
    assert [(step["name"], step["status"]) for step in progress["steps"]] == [
        ("build", "SUCCESS"),
        ("deploy", "SUCCESS"),
    ]
    assert (progress["pending_steps"], progress["success_steps"]) == (1, progress["total_steps"] - 1)


def test_the_cli_times_out_on_a_job_that_is_there_for_failures_only(doctl: Doctl) -> None:
    rescue = {"name": "rescue", "kind": "FAILED_DEPLOY", "image": {"repository": "x"}}
    with pytest.raises(GoError, match="timeout"):
        doctl.create(web(jobs=[rescue]), wait=True)
    (app,) = doctl.apps()
    assert app["active_deployment"]["phase"] == "ACTIVE"


def test_the_action_finds_its_app_on_a_later_page_and_deploys_it(action: Action, served: Served) -> None:
    for number in range(45):
        action.ask("POST", "/v2/apps", {"spec": web(f"app-{number}")})
    served.sleep(1000)
    app, logs = action.deploy(built())
    assert "building commit" in logs["BUILD"]
    assert "started" in logs["DEPLOY"]
    assert action.read(app["live_url"]).startswith("web ")
    action.asked.clear()
    again, _ = action.deploy(built())
    assert again["id"] == app["id"]
    assert action.asked[:4] == [
        "GET /v2/apps",
        "GET /v2/apps?page=2",
        "GET /v2/apps?page=3",
        f"PUT /v2/apps/{app['id']}",
    ]
    served.sandbox.push("web")
    pushed, _ = action.deploy(built())
    commits = [item["active_deployment"]["services"][0]["source_commit_hash"] for item in (app, again, pushed)]
    assert commits[0] == commits[1] != commits[2]


@pytest.mark.parametrize(("where", "log"), [("build", "BUILD"), ("deploy", "DEPLOY")])
def test_the_action_shows_the_logs_of_a_deployment_that_fails(
    action: Action, served: Served, where: str, log: str
) -> None:
    served.sandbox.fail("web", where)
    with pytest.raises(GoError, match="deployment failed: ERROR") as caught:
        action.deploy(built())
    logs = caught.value.args[1]
    assert "Your " in logs[log].splitlines()[-1]
    assert (logs["DEPLOY"] == "") is (where == "build")
