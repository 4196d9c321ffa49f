"""The sandbox on a real port: connections really break, links lead back to where the client came from."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from reconciler.sandbox import Fault, Settings, Speed
from tests.sandbox.lab import web
from tests.sandbox.serving import Served, serving


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Settings(speed=Speed.instant())) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers={"authorization": "Bearer t"}) as client:
        yield client


def test_links_begin_with_the_address_of_the_server(client: httpx.Client) -> None:
    for number in (1, 2):
        client.post("/v2/apps", json={"spec": web(f"app-{number}")})
    page = client.get("/v2/apps?per_page=1").json()
    assert page["links"]["pages"]["next"] == f"{client.base_url}/v2/apps?page=2&per_page=1".replace("//v2", "/v2")
    assert client.get(page["apps"][0]["live_url"]).status_code == 200


def test_a_broken_connection_is_really_broken(served: Served, client: httpx.Client) -> None:
    for kind, total in (("reset_before", 0), ("reset_after", 1)):
        served.sandbox.fault(Fault(kind))
        with pytest.raises(httpx.TransportError):
            client.post("/v2/apps", json={"spec": web()})
        assert client.get("/v2/apps").json()["meta"]["total"] == total


def test_followed_logs_and_consoles_are_web_sockets(served: Served, client: httpx.Client) -> None:
    from websockets.sync.client import connect

    app = client.post("/v2/apps", json={"spec": web()}).json()["app"]
    found = client.get(f"/v2/apps/{app['id']}/logs?type=RUN&follow=true").json()
    with connect(found["live_url"].replace("http", "ws", 1)) as log:
        assert json.loads(log.recv(5))["data"].endswith("ready\n")
    with connect(client.get(f"/v2/apps/{app['id']}/components/api/exec").json()["url"]) as console:
        for key in "exit":
            console.send(json.dumps({"op": "stdin", "data": key}))
        said = [json.loads(message)["data"] for message in console]
    assert said == ["api$ ", *"exit"]
    assert console.close_code == 1000
