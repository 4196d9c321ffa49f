"""C61: what a plan says of an app that a run of ours left pinned, by the health that is read then."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from reconciler.engine import safety
from reconciler.exit_codes import Exit
from reconciler.plan.model import Action
from tests.support.account import World, web

HEALTH = {"soak": "0s", "tolerance": "20s"}
Answer = Callable[[httpx.Request], httpx.Response | None]


@pytest.fixture
def pinned(world: World) -> World:
    """A new version failed, and so did going back."""
    world.configure({"defaults": {"health": HEALTH, "timeouts": {"health": "2m"}}})
    world.commit(0, web())
    world.apply()
    world.commit(1, web(http_port=9000))
    world.box.fail("web", "health", times=2)
    report = world.apply()
    assert safety.of_rollout(report) is Exit.PERSON_NEEDED
    assert report.records[0].outcome.pinned
    return world


def answering(world: World, answer: Answer) -> None:
    """Some requests are answered otherwise."""
    inner = world.tap.inner

    class Instead(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return answer(request) or await inner.handle_async_request(request)

    world.tap.inner = Instead()


def later(world: World, seconds: float) -> None:
    world.clock.run(world.clock.sleep(seconds))


def health(state: str, ready: int) -> Answer:
    one = {"name": "api", "state": state, "replicas_ready": ready, "replicas_desired": 1}
    body = {"app_health": {"components": [one]}}
    return lambda request: httpx.Response(200, json=body) if request.url.path.endswith("/health") else None


def refused(status: int) -> Answer:
    return lambda request: (
        httpx.Response(status, json={"id": "no", "message": "no"}) if request.url.path.endswith("/health") else None
    )


@pytest.mark.parametrize("after", [0.0, 3600.0])
def test_c61_a_rollback_that_is_unhealthy_is_left_to_a_person(pinned: World, after: float) -> None:
    later(pinned, after)
    plan = pinned.one()
    assert (plan.action, plan.resume_rollback) == (Action.REFUSE, False)
    assert "pinned to a rollback that is unhealthy (deployment" in plan.reason
    assert "api is unhealthy), so a person chooses" in plan.reason
    pinned.tap.sent.clear()
    assert safety.of_rollout(pinned.apply()) is Exit.PERSON_NEEDED
    assert pinned.tap.writes == []


@pytest.mark.parametrize(
    ("answer", "after", "chooses"),
    [
        (health("HEALTHY", 1), 3600.0, False),
        (health("UNKNOWN", 1), 3600.0, False),
        (health("HEALTHY", 0), 3600.0, True),
        (health("HEALTHY", 0), 0.0, False),
        (refused(500), 3600.0, False),
        (refused(403), 3600.0, False),
        (refused(404), 3600.0, False),
    ],
)
def test_c61_only_a_health_that_is_known_to_be_bad_leaves_it_to_a_person(
    pinned: World, answer: Answer, after: float, chooses: bool
) -> None:
    later(pinned, after)
    answering(pinned, answer)
    plan = pinned.one()
    assert plan.resume_rollback is not chooses
    assert ("a person chooses" in plan.reason) is chooses
    assert ("then committing it if it is healthy" in plan.reason) is not chooses


def test_c61_a_rollback_that_no_run_can_have_judged_yet_is_judged_by_the_next(pinned: World) -> None:
    """What a run leaves that dies right after its rollback became active and looks unwell."""
    pinned.configure({"defaults": {"health": HEALTH | {"tolerance": "10m"}, "timeouts": {"health": "20m"}}})
    assert pinned.one().resume_rollback


def test_c61_a_probe_that_fails_on_it_is_a_bad_health_and_one_that_cannot_be_sent_is_none(pinned: World) -> None:
    probing = HEALTH | {"components": False, "probe": {"path": "/ok"}}
    pinned.configure({"defaults": {"health": probing, "timeouts": {"health": "2m"}}})
    later(pinned, 3600.0)
    assert "GET /ok answered 503, not 200), so a person chooses" in pinned.one().reason

    def no_way(request: httpx.Request) -> None:
        if "/_live/" in request.url.path:
            raise httpx.ConnectError("no route to host")

    answering(pinned, no_way)
    assert pinned.one().resume_rollback


def test_c61_without_the_time_of_its_phase_the_age_of_the_rollback_counts(pinned: World) -> None:
    inner = pinned.tap.inner

    class Timeless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            body = response.read() if response.is_closed else await response.aread()
            text = body.decode().replace("phase_last_updated_at", "unknown_field")
            return httpx.Response(response.status_code, content=text, headers={"content-type": "application/json"})

    pinned.tap.inner = Timeless()
    assert "a person chooses" in pinned.one().reason
