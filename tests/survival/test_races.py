"""Somebody else acts at any point of a run, or two runs go on at once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.rollout import watch
from tests.survival.environment import tag_of, web
from tests.survival.matrix import plain
from tests.survival.people import DEEDS, THEIRS
from tests.survival.races import meddled, on_push, raced, two_at_once
from tests.survival.scenarios import NEW, Scenario, by_name


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", ["create", "update", "health fails"])
def test_whatever_somebody_does_at_any_request_is_respected(name: str, deed: str) -> None:
    scenario = on_push(name)
    for at in plain(scenario).telling():
        found = raced(scenario, deed, at)
        assert not found.wrong, found


@pytest.mark.parametrize("deed", ["edits", "pins", "pushes"])
@pytest.mark.parametrize("name", ["update", "health fails"])
def test_whatever_somebody_does_is_respected_where_rollouts_are_followed_by_listings(
    name: str, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FEW", 0)
    scenario = on_push(name)
    sent = scenario_of(scenario)
    assert sum(request.endswith("/v2/apps") for request in sent) > 3
    for at in range(len(sent)):
        found = raced(scenario, deed, at)
        assert not found.wrong, found


def scenario_of(scenario: Scenario) -> tuple[str, ...]:
    """What the undisturbed run sends."""
    with scenario.begin() as environment:
        return environment.run().sent


def at_kind(scenario: Scenario, method: str, ending: str) -> int:
    """The first request of a kind in the undisturbed run."""
    sent = plain(scenario).sent
    return next(at for at, request in enumerate(sent) if request.startswith(method) and request.endswith(ending))


def test_c18_an_edit_between_the_plan_and_the_write_is_not_written_over() -> None:
    scenario = by_name("update")
    environment, run, ours = meddled(scenario, "edits", at_kind(scenario, "PUT", "") - 1)
    with environment:
        assert run.kind("web") == "refused"
        assert ours == []
        assert tag_of(environment.app().spec) == THEIRS


def test_an_edit_while_a_rollback_is_validated_is_not_rolled_back() -> None:
    scenario = by_name("health fails")
    environment, run, ours = meddled(scenario, "edits", at_kind(scenario, "POST", "rollback/validate"))
    with environment:
        assert run.kind("web") == "superseded"
        assert ours == []
        assert tag_of(environment.app().spec) == THEIRS


def test_c35_a_push_that_supersedes_ours_is_followed_when_it_carries_our_spec() -> None:
    scenario = on_push("update")
    environment, run, _ = meddled(scenario, "pushes", at_kind(scenario, "PUT", "") + 3)
    with environment:
        assert run.kind("web") == "applied"
        assert [found.role for found in run.record("web").deployments] == ["deploy", "followed"]


def test_c47_a_pin_made_while_we_roll_out_is_never_fought() -> None:
    scenario = by_name("update")
    environment, run, ours = meddled(scenario, "pins", at_kind(scenario, "PUT", "") + 2)
    with environment:
        assert run.kind("web") == "blocked"
        assert run.code == 5
        assert ours == []
        environment.wait(3600)
        assert environment.run().kind("web") == "blocked"


def test_an_app_that_is_deleted_while_it_is_planned_does_not_end_the_run_of_others() -> None:
    with replace(by_name("two apps updated in order"), config={}).begin() as environment:
        tap = environment.tap()

        async def delete() -> None:
            await environment.asking(lambda client: DEEDS["deletes"](environment, client))

        tap.meddle_at, tap.meddle = 1, delete
        run = environment.clock.run(environment.running(tap))
        assert run.kind("web") == "refused"
        assert run.kind("api") == "applied"
        assert "deleted" in run.record("web").outcome.reason


def test_a_name_that_somebody_took_meanwhile_is_refused_and_theirs_is_left_alone() -> None:
    scenario = by_name("create")
    environment, run, _ = meddled(scenario, "creates", at_kind(scenario, "POST", "/v2/apps"))
    with environment:
        assert run.kind("web") == "refused"
        assert [tag_of(app.spec) for app in environment.apps()] == [THEIRS]


@pytest.mark.parametrize("name", ["create", "update", "health fails", "deploy fails, restored"])
@pytest.mark.parametrize("later", [0.0, 3.0, 24.0, 45.0])
def test_two_reconcilers_at_once_end_as_one_would(name: str, later: float) -> None:
    one, other, wrong = two_at_once(by_name(name), later)
    assert not wrong, (one.code, other.code, wrong)


def test_two_reconcilers_that_create_the_same_app_make_one() -> None:
    one, other, wrong = two_at_once(replace(by_name("create"), wanted=(web(tag=NEW),)), 0.0)
    assert not wrong
    assert (one.code, other.code) == (0, 0)


def test_who_cancels_what_takes_an_app_back_is_told_by_every_later_run_what_serves() -> None:
    scenario = by_name("health fails, restored")
    sent = plain(scenario).sent
    restored = max(at for at, request in enumerate(sent) if request.startswith("PUT"))
    environment, run, _ = meddled(scenario, "cancels", restored + 2)
    with environment:
        assert (run.kind("web"), run.code) == ("rollback_failed", 5)
        assert "was canceled by an unknown party" in run.record("web").outcome.reason
        later = environment.run()
        assert (later.kind("web"), later.code) == ("stalled", 6)
        assert re.search(
            r"was to be rolled back .*which was canceled .*it still serves", later.record("web").outcome.reason
        )
        serves = environment.app().active_deployment
        assert serves is not None
        assert tag_of(serves.spec) == NEW
