"""Logs: how many lines of them, as they are emitted, and in agreement with the steps of their deployment."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from reconciler.sandbox import Fault
from reconciler.sandbox.simulation.lifecycle import leaves
from tests.sandbox.lab import Lab, Tree, built, web
from tests.sandbox.serving import Served, serving

WORKER = {"name": "bg", "github": {"repo": "acme/bg", "branch": "main"}}


def read(lab: Lab, path: str) -> list[str]:
    (url,) = lab.get(path)["historic_urls"]
    return lab.call("GET", url, token=None).text.splitlines()


def test_tail_lines_asks_for_the_last_lines(lab: Lab) -> None:
    app = lab.create(built())
    path = f"/v2/apps/{app['id']}/logs?type=BUILD"
    whole = read(lab, path)
    assert len(whole) == 3
    assert read(lab, f"{path}&tail_lines=1") == whole[-1:]
    assert read(lab, f"{path}&tail_lines=-1") == read(lab, f"{path}&tail_lines=9") == whole
    for wrong in ("0", "-2", "x"):
        lab.refused("GET", f"{path}&tail_lines={wrong}", 400)


def test_running_logs_end_with_the_deployment(lab: Lab) -> None:
    app = lab.create()
    lab.update(app, web(tag="2"))
    old = app["active_deployment"]["id"]
    refusal = lab.refused("GET", f"/v2/apps/{app['id']}/deployments/{old}/logs?type=RUN", 400)
    assert refusal["message"] == f"cannot get running logs from deployment {old} in phase final_cleanup"
    assert read(lab, f"/v2/apps/{app['id']}/deployments/{old}/logs?type=DEPLOY")


def agreeing(lab: Lab, app: Tree, deployment: Tree) -> None:
    """Each component whose step began has a log of that phase; the end of the log is the end of its step."""
    for step in deployment["progress"]["steps"]:
        path = f"/v2/apps/{app['id']}/deployments/{deployment['id']}"
        answer = lab.call("GET", f"{path}/logs?type={step['name'].upper()}")
        if answer.status_code == 400:
            assert step["status"] == "PENDING"
            continue
        for leaf in leaves([step]):
            name = leaf.get("component_name")
            if not name or leaf["name"] == "wait" or leaf["message_base"] == "Creating database":
                continue
            lines = read(lab, f"{path}/components/{name}/logs?type={step['name'].upper()}")
            assert bool(lines) is (leaf["status"] != "PENDING"), (leaf, lines)
            if leaf["status"] == "ERROR":
                assert lines[-1].endswith(leaf["reason"]["message"])


@pytest.mark.parametrize("where", ["", "build", "deploy", "platform"])
@pytest.mark.parametrize("component", ["api", "bg"])
def test_logs_agree_with_the_steps_at_every_moment(lab: Lab, where: str, component: str) -> None:
    if where:
        lab.sandbox.fault(Fault(where, component=component))
    app = lab.create(built(workers=[WORKER]), settled=False)
    for _ in range(100):
        deployment = lab.deployment(app["id"], app["pending_deployment"]["id"])
        agreeing(lab, app, deployment)
        lab.wait(2)
    assert deployment["phase"] == ("ERROR" if where else "ACTIVE")


def ask(served: Served, method: str, path: str, **more: Any) -> Tree:
    answer = httpx.request(method, served.url + path, headers={"authorization": "Bearer t"}, **more)
    assert answer.status_code == 200, answer.text
    found: Tree = answer.json()
    return found


def followed(served: Served) -> tuple[Tree, str]:
    """An app that is being built, and the web socket's address of its build log."""
    app = ask(served, "POST", "/v2/apps", json={"spec": built()})["app"]
    served.sleep(80)
    path = f"/v2/apps/{app['id']}/deployments/{app['pending_deployment']['id']}/logs?type=BUILD&follow=true"
    return app, ask(served, "GET", path)["live_url"].replace("http", "ws", 1)


def test_a_log_that_is_followed_arrives_as_it_is_emitted_until_it_is_complete(served: Served) -> None:
    _, url = followed(served)
    said: list[str] = []
    with connect(url) as socket:
        said += [json.loads(socket.recv(5))["data"] for _ in range(2)]
        with pytest.raises(TimeoutError):
            socket.recv(0.5)
        served.sleep(1000)
        said += [json.loads(message)["data"] for message in socket]
    first, *rest = [line.rstrip().split(" ", 2)[2] for line in said]
    assert first.startswith("building commit ")
    assert rest == ["$ build", "build complete"]


def test_a_follower_may_go_away_and_one_that_stays_does_not_outlast_the_server() -> None:
    with ExitStack() as clients:
        with serving() as served:
            _, url = followed(served)
            with connect(url) as socket:
                socket.recv(5)
            staying = clients.enter_context(connect(url))
            staying.recv(5)
        with pytest.raises(ConnectionClosedError, match="1012"):  # after what had arrived by then
            list(staying)
