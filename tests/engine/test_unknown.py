"""An app about which App Platform cannot be asked: it stays unknown, and the others are planned and applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from reconciler.config import Config
from reconciler.engine import safety
from reconciler.errors import LiveError, RateLimited, Unauthorized
from reconciler.exit_codes import Exit
from reconciler.github.report import Result, drifting
from reconciler.plan.model import Action, PlanReport, SyncStatus
from reconciler.plan.saved import dump, load, mismatches
from reconciler.views import text
from reconciler.views.markdown import plan as markdown
from tests.support.account import World, web

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Broken(httpx.AsyncBaseTransport):
    """Answers in its own way whatever is asked about one app."""

    inner: httpx.AsyncBaseTransport
    app_id: str
    answer: Answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.app_id in request.url.path:
            return self.answer(request)
        return await self.inner.handle_async_request(request)


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset by peer", request=request)


def status(code: int, message: str = "no") -> Answer:
    return lambda _: httpx.Response(code, json={"id": "some_error", "message": message})


@pytest.fixture
def edited(world: World) -> World:
    """Three apps, of which Git changed two since they were applied."""
    world.commit(0, web(), web("shop"), web("blog"))
    world.apply()
    world.commit(1, web(http_port=9000), web("shop", http_port=9000), web("blog"))
    return world


def broken(world: World, answer: Answer, name: str = "web") -> None:
    world.tap.inner = Broken(world.tap.inner, world.live(name).id, answer)


def words(report: PlanReport) -> dict[str, tuple[str, str]]:
    return {plan.app: (plan.status.value, plan.action.word) for plan in report.plans}


@pytest.mark.parametrize("answer", [lost, status(500), status(418)], ids=["lost", "500", "418"])
def test_what_fails_for_one_app_leaves_the_others_planned(edited: World, answer: Answer):
    broken(edited, answer)
    report = edited.plan()
    assert words(report) == {
        "web": ("unknown", "refuse"),
        "shop": ("out_of_sync", "update"),
        "blog": ("in_sync", "none"),
    }
    assert next(plan.reason for plan in report.plans if plan.app == "web")


@pytest.mark.parametrize("matters", [True, False])
def test_a_plan_or_drift_that_could_not_look_everywhere_is_an_error(edited: World, matters: bool):
    broken(edited, lost)
    assert safety.of_plan(edited.plan(drift=matters), differences_matter=matters) is Exit.ERROR


def test_an_apply_fails_for_that_app_skips_what_depends_on_it_and_applies_the_others(edited: World):
    edited.configure({"defaults": {"health": {"soak": "0s"}}, "apps": {"new": {"depends_on": ["web"]}}})
    edited.write(web("new"))
    broken(edited, lost)
    report = edited.apply()
    told = {record.app: record.outcome.kind.value for record in report.records}
    assert told == {"web": "failed", "shop": "applied", "blog": "unchanged", "new": "skipped"}
    assert safety.of_rollout(report) is Exit.ERROR


@pytest.mark.parametrize(("code", "error"), [(401, Unauthorized), (429, RateLimited)])
def test_what_fails_for_every_app_ends_the_run(edited: World, code: int, error: type[LiveError]):
    broken(edited, status(code))
    with pytest.raises(error):
        edited.plan()


def test_an_app_that_somebody_deletes_while_it_is_planned_is_absent_and_not_unknown(edited: World):
    broken(edited, status(404))
    assert edited.one().status is SyncStatus.ABSENT


def test_a_saved_plan_that_could_not_look_is_refused_even_if_nothing_changed(edited: World):
    whole = edited.tap.inner
    broken(edited, lost)
    unknown = edited.plan().plans
    edited.tap.inner = whole
    saved = load(dump(unknown, Config()), "plan.json")
    assert mismatches(saved, edited.plan().plans, Config()) == ["web: was unknown: App Platform could not be asked"]
    assert mismatches(saved, unknown, Config()) == ["web: is unknown: App Platform could not be asked"]


def test_unknown_is_neither_drift_nor_none_and_hides_no_drift_of_another_app(edited: World):
    broken(edited, lost)
    report = edited.plan(drift=True)
    found = drifting(Result(1, plan=report))
    assert found is not None
    assert [plan.app for plan in found] == ["shop"]
    alone = PlanReport(tuple(plan for plan in report.plans if plan.app != "shop"))
    assert drifting(Result(1, plan=alone)) is None, "the drift issue is neither opened nor closed"
    assert Result(1, plan=alone).is_noteworthy


def test_every_view_says_unknown_and_why_without_a_secret(edited: World):
    edited.environ["TOKEN"] = "hunter2-hunter2"
    edited.configure({"variables": [{"name": "TOKEN", "secret": True}]})
    edited.write(web(http_port=9001, envs=[{"key": "TOKEN", "value": "${TOKEN}", "type": "SECRET"}]))
    broken(edited, status(500, "cannot read hunter2-hunter2"))
    report = edited.plan()
    plan = next(plan for plan in report.plans if plan.app == "web")
    assert plan.action is Action.REFUSE
    for told in (text.plan(report), markdown(report)):
        assert "unknown" in told
        assert "cannot read" in told
        assert "hunter2" not in told
    assert "1 unknown" in text.plan(report)


@dataclass
class Proposing(httpx.AsyncBaseTransport):
    """Answers what is proposed in its own way, the first ``times``."""

    inner: httpx.AsyncBaseTransport
    answer: Answer
    times: int

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/propose") and self.times > 0:
            self.times -= 1
            return self.answer(request)
        return await self.inner.handle_async_request(request)


def html(code: int) -> Answer:
    return lambda _: httpx.Response(code, html="<html><title>Bad Gateway</title></html>")


TROUBLE = {"500": status(500), "502": html(502), "504": html(504), "lost": lost}


@pytest.mark.parametrize("name", ["web", "new"])
@pytest.mark.parametrize("answer", TROUBLE.values(), ids=TROUBLE)
def test_c62_a_propose_that_breaks_down_is_an_error_and_no_refusal(edited: World, answer: Answer, name: str):
    edited.write(web("new"))
    edited.tap.inner = Proposing(edited.tap.inner, answer, 1_000)
    report = edited.plan(apps=frozenset({name}))
    (plan,) = report.plans
    assert (plan.status, plan.action, plan.findings) == (SyncStatus.UNKNOWN, Action.REFUSE, ())
    assert safety.of_plan(report, differences_matter=True) is Exit.ERROR
    assert ("often an unreachable source" in plan.reason) == (answer is not lost)
    edited.tap.sent.clear()
    planned = edited.planned(apps=frozenset({name}))
    rolled = edited.apply(apps=frozenset({name}))
    assert safety.of_apply(rolled, planned) is Exit.ERROR
    assert edited.tap.writes == []


def test_c62_a_propose_that_breaks_down_once_is_asked_again(edited: World):
    edited.tap.inner = Proposing(edited.tap.inner, status(500), 2)
    assert edited.one().action is Action.UPDATE


@pytest.mark.parametrize("code", [400, 409, 422])
def test_c62_a_spec_that_the_platform_refuses_is_invalid(edited: World, code: int):
    edited.tap.inner = Proposing(edited.tap.inner, status(code), 1_000)
    report = edited.plan()
    assert safety.of_plan(report, differences_matter=False) is Exit.INVALID
    assert next(plan.reason for plan in report.plans if plan.app == "web") == "App Platform rejects this spec"


@pytest.mark.parametrize("answer", [None, status(404), status(503)])
def test_c55_an_app_whose_history_is_not_found_is_asked_before_it_counts_as_deleted(
    edited: World, answer: Answer | None
):
    web_id = edited.live().id
    inner = edited.tap.inner

    class NoHistory(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == f"/v2/apps/{web_id}/deployments":
                return status(404)(request)
            if request.url.path == f"/v2/apps/{web_id}" and answer is not None:
                return answer(request)
            return await inner.handle_async_request(request)

    edited.tap.inner = NoHistory()
    plan = edited.one()
    gone = answer is not None and answer(httpx.Request("GET", "http://x")).status_code == 404
    assert plan.status is (SyncStatus.ABSENT if gone else SyncStatus.UNKNOWN)
    assert ("deleted" in plan.reason) is gone
