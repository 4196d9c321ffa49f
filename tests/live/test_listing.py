"""Listings of several pages: nothing is missed, nothing counts twice, and all of them end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import NotFound, TransportFailed
from reconciler.live.client import Client, newest_first
from reconciler.live.models import Deployment, LiveApp, Phase
from reconciler.live.session import MOST_PAGES
from tests.live.fakes import APP, Platform, error, ok
from tests.support.virtual_time import VirtualClock


def page_of(count: int, *, size: int = 200, total: int | None = None) -> Callable[[httpx.Request], httpx.Response]:
    """An account with so many apps."""

    def answer(request: httpx.Request) -> httpx.Response:
        number, per_page = (int(request.url.params[name]) for name in ("page", "per_page"))
        assert per_page <= 200
        names = range((number - 1) * per_page, min(number * per_page, count))
        items = [{"id": f"id{name}", "spec": {"name": f"app-{name}"}} for name in names]
        pages = {"next": "http://next"} if number * per_page < count else {"prev": "http://prev"}
        body: dict[str, Any] = {"apps": items, "deployments": items, "links": {"pages": pages}}
        if total is None:
            body["meta"] = {"total": count}
        elif total:
            body["meta"] = {"total": total}
        return httpx.Response(200, json=body)

    return answer


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (199, 1), (200, 1), (201, 2), (400, 2), (1000, 5)])
def test_listing_takes_a_request_for_each_200_apps(clock: VirtualClock, count: int, requests: int) -> None:
    platform = Platform(clock, page_of(count))
    apps = platform.run(lambda client: client.list_apps())
    assert [app.name for app in apps] == [f"app-{number}" for number in range(count)]
    assert len(platform.requests) == requests
    assert platform.seen[0] == "GET /v2/apps?page=1&per_page=200"


def test_pages_after_the_first_are_fetched_at_once(clock: VirtualClock) -> None:
    platform = Platform(clock, page_of(1000), seconds=1.0)
    platform.run(lambda client: client.list_apps())
    assert platform.times == [0.0, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("total", [0, 1, 250])
def test_listing_follows_next_links_beyond_a_wrong_or_missing_total(clock: VirtualClock, total: int) -> None:
    platform = Platform(clock, page_of(500, total=total))
    assert len(platform.run(lambda client: client.list_apps())) == 500


def test_an_app_on_two_pages_counts_once(clock: VirtualClock) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        ids = ["a", "b"] if request.url.params["page"] == "1" else ["b", "c"]
        links = {"pages": {"next": "http://next"}} if ids[0] == "a" else {}
        apps = [{"id": name, "spec": {"name": name}} for name in ids]
        return ok({"apps": apps, "links": links, "meta": {"total": 3}})

    assert [app.id for app in Platform(clock, answer).run(lambda client: client.list_apps())] == ["a", "b", "c"]


def test_an_account_that_changes_meanwhile_is_listed_again(clock: VirtualClock) -> None:
    platform = Platform(clock, page_of(401), page_of(400), page_of(400))
    apps = platform.run(lambda client: client.list_apps())
    assert len(apps) == 400
    assert platform.seen.count("GET /v2/apps?page=1&per_page=200") == 2


@pytest.mark.parametrize("moves", [1, 2])
def test_an_app_that_moves_to_the_front_between_two_pages_hides_no_other(clock: VirtualClock, moves: int) -> None:
    order = list(range(250))

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        apps = [{"id": f"id{number}"} for number in order[200 * (page - 1) : 200 * page]]
        if len(platform.requests) < 2 * moves and page == 1:
            order.insert(0, order.pop(230))
        return ok({"apps": apps, "meta": {"total": 250}})

    platform = Platform(clock, answer)
    apps = platform.run(lambda client: client.list_apps())
    assert {app.id for app in apps} == {f"id{number}" for number in range(250)}
    assert len(apps) == 250
    assert len(platform.requests) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"apps": None, "meta": {"total": 5}},
        {"apps": [], "meta": {"total": 5}},
        {"apps": {"a": 1}, "meta": {"total": 1}},
        {"apps": ["x", "y"], "meta": {"total": 2}},
        {"apps": [{"spec": {"name": "web"}}, {"spec": {"name": "api"}}], "meta": {"total": 2}},
        {"apps": [{"id": "", "spec": {"name": "web"}}], "meta": {"total": 1}},
        {"apps": None},
        {"message": "maintenance"},
        {},
    ],
    ids=str,
)
def test_an_answer_without_the_apps_it_speaks_of_is_no_empty_account(clock: VirtualClock, body: Any) -> None:
    with pytest.raises(TransportFailed, match=r"an app |of apps"):
        Platform(clock, ok(body)).run(lambda client: client.list_apps())


@pytest.mark.parametrize("body", [{"apps": []}, {"meta": {"total": 0}}, {"apps": None, "meta": {}}], ids=str)
def test_an_empty_account_has_no_list_or_an_empty_one(clock: VirtualClock, body: Any) -> None:
    platform = Platform(clock, ok(body))
    assert platform.run(lambda client: client.list_apps()) == []
    assert len(platform.requests) == 1


def test_an_account_that_never_stops_changing_is_not_taken_for_what_was_seen_of_it(clock: VirtualClock) -> None:
    counts = iter(range(250, 300))

    def answer(request: httpx.Request) -> httpx.Response:
        return page_of(next(counts))(request)

    platform = Platform(clock, answer)
    with pytest.raises(TransportFailed, match="complete list of apps: the total changes from page to page") as caught:
        platform.run(lambda client: client.list_apps())
    assert "try again later" in caught.value.hint
    assert len(platform.requests) == 6


def test_an_endless_next_link_ends(clock: VirtualClock) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        items = [APP] if request.url.params["page"] == "1" else []
        return ok({"apps": items, "links": {"pages": {"next": "http://again"}}})

    platform = Platform(clock, answer)
    assert len(platform.run(lambda client: client.list_apps())) == 1
    assert len(platform.requests) == 2


def test_a_listing_ends_whatever_it_promises(clock: VirtualClock) -> None:
    forever = {"apps": [APP], "links": {"pages": {"next": "http://again"}}, "meta": {"total": 10**12}}
    platform = Platform(clock, ok(forever))
    with pytest.raises(TransportFailed, match="cannot get a complete list of apps"):
        platform.run(lambda client: client.list_apps())
    assert len(platform.requests) == MOST_PAGES


def test_an_error_of_a_later_page_is_raised_as_itself(clock: VirtualClock) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return page_of(1000)(request) if request.url.params["page"] == "1" else error(404, "not_found")

    with pytest.raises(NotFound):
        Platform(clock, answer).run(lambda client: client.list_apps())


def test_an_app_is_found_by_listing_and_matching(clock: VirtualClock) -> None:
    async def use(client: Client) -> tuple[LiveApp | None, LiveApp | None]:
        return await client.find_app("app-250"), await client.find_app("app")

    found, missing = Platform(clock, page_of(300)).run(use)
    assert found is not None
    assert found.id == "id250"
    assert missing is None


def test_a_listing_keeps_the_progress_of_what_is_under_way_only(clock: VirtualClock) -> None:
    deployment = {"id": "d1", "phase": "DEPLOYING", "progress": {"total_steps": 6}}
    roles = ("active_deployment", "pinned_deployment", "in_progress_deployment", "pending_deployment")
    platform = Platform(clock, ok({"apps": [{"id": "a1", **dict.fromkeys(roles, deployment)}]}))
    (app,) = platform.run(lambda client: client.list_apps())
    found = [getattr(app, role) for role in roles]
    assert [bool(item.progress) for item in found] == [False, False, True, True]
    assert {(item.id, item.phase) for item in found} == {("d1", Phase.DEPLOYING)}


@pytest.mark.parametrize(
    ("limit", "found", "queries"), [(1, 1, ["1/20"]), (20, 20, ["1/20"]), (450, 450, ["1/200", "2/200", "3/200"])]
)
def test_deployments_are_listed_newest_first_up_to_a_limit(
    clock: VirtualClock, limit: int, found: int, queries: list[str]
) -> None:
    platform = Platform(clock, page_of(1000))
    deployments = platform.run(lambda client: client.list_deployments("a1", limit=limit))
    assert [deployment.id for deployment in deployments] == [f"id{number}" for number in range(found)]
    assert [f"{r.url.params['page']}/{r.url.params['per_page']}" for r in platform.requests] == queries


# --- C54: the order of deployments is nothing that the contract promises ---

BORN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def deployments(count: int, *, apart: float = 60.0) -> list[dict[str, Any]]:
    """So many deployments, newest first; each names the one before it."""
    oldest_first = [
        {
            "id": f"d{number}",
            "created_at": (BORN + timedelta(seconds=number * apart)).isoformat(),
            "previous_deployment_id": f"d{number - 1}" if number else "",
        }
        for number in range(count)
    ]
    return oldest_first[::-1]


def paged(items: list[dict[str, Any]]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        number, size = (int(request.url.params[name]) for name in ("page", "per_page"))
        body = {"deployments": items[(number - 1) * size : number * size], "meta": {"total": len(items)}}
        return httpx.Response(200, json=body)

    return answer


def ids(platform: Platform, limit: int) -> list[str]:
    return [found.id for found in platform.run(lambda client: client.list_deployments("a1", limit=limit))]


@pytest.mark.parametrize("limit", [1, 5, 20, 200])
@pytest.mark.parametrize("count", [1, 7, 45, 450])
def test_c54_deployments_that_are_listed_oldest_first_are_read_newest_first(
    clock: VirtualClock, count: int, limit: int
) -> None:
    newest = deployments(count)
    wanted = [one["id"] for one in newest[:limit]]
    assert ids(Platform(clock, paged(newest)), limit) == wanted
    assert ids(Platform(clock, paged(newest[::-1])), limit) == wanted


def test_c54_a_listing_in_the_usual_order_costs_no_request_more(clock: VirtualClock) -> None:
    platform = Platform(clock, paged(deployments(450)))
    ids(platform, 20)
    assert platform.seen == ["GET /v2/apps/a1/deployments?page=1&per_page=20"]


@given(st.permutations(range(60)), st.sampled_from([0.0, 0.4, 60.0]), st.sampled_from([1, 20, 60]))
def test_c54_whatever_order_deployments_are_listed_in_they_are_read_in_the_same(
    order: list[int], apart: float, limit: int
) -> None:
    clock = VirtualClock()
    newest = deployments(60, apart=apart)
    try:
        found = ids(Platform(clock, paged([newest[place] for place in order])), limit)
    finally:
        clock.close()
    first = order[:20]
    if limit == 60 or (apart and first != sorted(first)):  # a first page that is in order is taken at its word
        assert found == [one["id"] for one in newest[:limit]]


def test_c54_of_one_moment_the_lineage_decides_and_a_missing_moment_follows_its_predecessor() -> None:
    def one(name: str, at: str | None, before: str = "") -> Deployment:
        return Deployment.model_validate({"id": name, "created_at": at, "previous_deployment_id": before})

    at, later = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"
    line = [one("d", later, "c"), one("c", None, "b"), one("b", at, "a"), one("a", at)]
    for order in itertools.permutations(line):
        assert newest_first(order) == line
    circle = [one("x", None, "y"), one("y", None, "x")]
    assert {found.id for found in newest_first(circle)} == {"x", "y"}
    plain = [one("m", at), one("n", at), one("m", at)]
    assert [found.id for found in newest_first(plain)] == ["m", "n"], "each once; nothing tells them apart"
