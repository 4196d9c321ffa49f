"""C54: whatever order deployments are listed in, the same is planned and the same is done."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.account import World, web

Order = Callable[[list[Any]], list[Any]]


class Listed(httpx.AsyncBaseTransport):
    """Lists deployments in an order of its own."""

    def __init__(self, inner: httpx.AsyncBaseTransport, order: Order) -> None:
        self.inner, self.order = inner, order

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if not (request.method == "GET" and request.url.path.endswith("/deployments")):
            return response
        await response.aread()
        body = response.json()
        return httpx.Response(200, json=body | {"deployments": self.order(body["deployments"])})


def shuffled(seed: int) -> Order:
    def order(items: list[Any]) -> list[Any]:
        found = list(items)
        random.Random(seed).shuffle(found)
        return found

    return order


ORDERS: dict[str, Order] = {
    "newest first": lambda items: items,
    "oldest first": lambda items: items[::-1],
    **{f"shuffled {seed}": shuffled(seed) for seed in range(4)},
}
HEALTH = {"defaults": {"health": {"soak": "0s", "tolerance": "4s"}}}


def story(world: World) -> list[object]:
    """What is planned and done through failures, a retry, a rollback that fails as well, and a change by hand."""
    told: list[object] = []

    def planned() -> None:
        plan = world.one()
        told.append((plan.status.value, plan.action.value, plan.resume_rollback, bool(plan.override)))

    def applied(**wanted: Any) -> None:
        told.append(world.outcome(**wanted))
        live = world.live()
        active = live.active_deployment
        assert active is not None
        told.append((live.pinned_deployment is not None, active.spec["services"][0].get("http_port")))
        world.clock.run(world.clock.sleep(5))

    world.configure(HEALTH)
    for day, port in enumerate((8001, 8002)):
        world.commit(day, web(http_port=port))
        applied()
    world.commit(2, web(http_port=8003))
    world.box.fail("web", "deploy")
    applied()
    planned()
    applied()
    world.box.fail("web", "health")
    applied(retry=True)
    planned()
    world.commit(3, web(http_port=8004))
    world.box.fail("web", "health", times=2)
    applied()
    planned()
    world.box.set_health("web", "api", "HEALTHY")
    planned()
    applied()
    planned()
    world.commit(4, web(http_port=8005))
    applied()
    return told


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    world = World(tmp_path_factory.mktemp("expected"))
    try:
        return story(world)
    finally:
        world.close()


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_c54_the_same_is_planned_and_done_whatever_order_deployments_come_in(
    order: Order, expected: list[object], tmp_path: Path
) -> None:
    world = World(tmp_path)
    try:
        world.tap.inner = Listed(world.tap.inner, order)
        assert story(world) == expected
    finally:
        world.close()
    assert "stalled" in str(expected)
    assert "rollback_failed" in expected
    assert "rolled_back" in expected
    assert expected[-2:] == ["applied", (False, 8005)]
