"""The sandbox on a real port: connections really break, links lead back to where the client came from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from reconciler.sandbox import Fault, Sandbox, Settings, Speed
from reconciler.sandbox.server import make_server
from tests.sandbox.lab import web


@pytest.fixture
def box() -> Iterator[Sandbox]:
    box = Sandbox(settings=Settings(speed=Speed.instant()), base_url=None)
    yield box
    box.close()


@pytest.fixture
def client(box: Sandbox) -> Iterator[httpx.Client]:
    listening, urls = threading.Event(), []

    def ready(url: str) -> None:
        urls.append(url)
        listening.set()

    server = make_server(box, "127.0.0.1", 0, ready)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    assert listening.wait(10)
    with httpx.Client(base_url=urls[0], headers={"authorization": "Bearer t"}) as client:
        yield client
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def test_links_begin_with_the_address_of_the_server(client: httpx.Client) -> None:
    for number in (1, 2):
        client.post("/v2/apps", json={"spec": web(f"app-{number}")})
    page = client.get("/v2/apps?per_page=1").json()
    assert page["links"]["pages"]["next"] == f"{client.base_url}/v2/apps?page=2&per_page=1".replace("//v2", "/v2")
    assert client.get(page["apps"][0]["live_url"]).status_code == 200


def test_a_broken_connection_is_really_broken(box: Sandbox, client: httpx.Client) -> None:
    for kind, total in (("reset_before", 0), ("reset_after", 1)):
        box.fault(Fault(kind))
        with pytest.raises(httpx.TransportError):
            client.post("/v2/apps", json={"spec": web()})
        assert client.get("/v2/apps").json()["meta"]["total"] == total
