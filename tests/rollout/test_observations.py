"""What is remembered of an app that was read: deployments, their specs and ages, whose its pin is."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.live.models import Deployment, LiveApp
from reconciler.rollout.observations import (
    Observations,
    RolloutContext,
    deployments_of,
    new_ones,
    ours_among,
    pinned_id,
)
from reconciler.rollout.state import Pin

OURS, THEIRS = {"name": "web", "region": "ams"}, {"name": "web", "region": "nyc"}
PLACES = ("pending", "in_progress", "pinned", "active")


def app(**facts: Any) -> LiveApp:
    return LiveApp.model_validate(facts)


def deployment(name: str, spec: Any = OURS, made: str = "") -> Deployment:
    return Deployment.model_validate({"id": name, "spec": spec, "created_at": made or None})


class Wanted:
    """Specs of which one is what Git wants."""

    def carries(self, spec: Any) -> bool:
        return spec == OURS


def ours(deployments: list[Deployment], seen: Observations) -> str:
    specs: Any = Wanted()
    return ours_among(deployments, seen, specs)


def test_before_anything_is_followed_or_read_no_listing_is_too_old() -> None:
    whatever: Any = None
    context = RolloutContext(*[whatever] * 7)
    assert (context.adopted_at, context.read_at, Observations().by_id) == (0.0, 0.0, False)


def test_an_app_tells_of_its_deployments_the_newest_first() -> None:
    whole = app(**{f"{place}_deployment": {"id": place} for place in reversed(PLACES)})
    assert tuple(found.id for found in deployments_of(whole)) == PLACES
    assert deployments_of(app(active_deployment={"id": ""}, pinned_deployment={"id": "p"})) == [deployment("p", {})]
    assert deployments_of(app(active_deployment={"id": "", "spec": OURS})) == []
    assert deployments_of(app()) == []


def test_the_deployment_an_app_is_pinned_to() -> None:
    assert pinned_id(app(pinned_deployment={"id": "p"})) == "p"
    assert pinned_id(app()) == ""


def test_reading_an_app_remembers_where_it_is_and_what_its_deployments_carry() -> None:
    seen = Observations()
    moment = "2026-03-01T12:00:00Z"
    first = app(id="1", live_url="https://web.example", active_deployment=deployment("a", made=moment).model_dump())
    seen.saw_app(first)
    assert (seen.app, seen.app_id, seen.live_url) == (first, "1", "https://web.example")
    assert seen.specs == {"a": OURS}
    assert seen.born == {"a": deployment("a", made=moment).created_at}


def test_what_an_answer_leaves_out_is_not_forgotten() -> None:
    seen = Observations(app_id="1", live_url="https://web.example", specs={"a": OURS}, born={"a": 1})
    bare = app(active_deployment={"id": "a"})
    seen.saw_app(bare)
    assert seen == Observations(app_id="1", app=bare, live_url="https://web.example", specs={"a": OURS}, born={"a": 1})


def test_what_exists_before_a_write_adds_to_what_is_known() -> None:
    seen = Observations(known={"a"})
    seen.all_known([deployment("b"), deployment("c")])
    assert seen.known == {"a", "b", "c"}


def test_whose_a_pin_is() -> None:
    seen = Observations(made={"r"}, owns={"o"})
    assert seen.pin_of(app()) is Pin.NONE
    assert seen.pin_of(app(pinned_deployment={"id": "r"})) is Pin.OURS
    assert seen.pin_of(app(pinned_deployment={"id": "o"})) is Pin.PLATFORM
    assert seen.pin_of(app(pinned_deployment={"id": "x"})) is Pin.OTHER


def test_which_earlier_deployment_one_restores_is_remembered() -> None:
    seen = Observations(restores={"r": "a"})
    for facts in ({"id": "o", "cloned_from": "b"}, {"id": "r"}):
        seen.saw(Deployment.model_validate(facts))
    assert seen.restores == {"r": "a", "o": "b"}


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [("a", "b", True), ("b", "a", False), ("a", "a", True), ("a", "?", False), ("?", "a", False), ("?", "?", False)],
)
def test_which_deployment_is_older_as_far_as_that_was_told(one: str, other: str, older: bool) -> None:
    assert Observations(born={"a": 1, "b": 2}).is_older(one, other) is older


def test_new_deployments_are_those_before_the_first_that_is_known() -> None:
    history = [deployment(name) for name in "dcba"]
    assert new_ones(history, {"b"}) == history[:2]
    assert new_ones(history, {"d", "a"}) == []
    assert new_ones(history, set()) == history


def test_ours_is_the_first_that_is_new_not_ours_yet_and_carries_our_spec() -> None:
    history = [deployment("d", THEIRS), deployment("c"), deployment("b"), deployment("a")]
    assert ours(history, Observations()) == "c"
    assert ours(history, Observations(known={"c"})) == "b"
    assert ours(history, Observations(known={"b"}, made={"c"})) == "a"
    assert ours(history, Observations(known={"a", "b", "c"})) == ""


# ---- the history of an app: its listing, and what the app shows before its listing does ---------------------------

LISTED = [
    Deployment.model_validate({"id": name, "spec": spec, "phase": phase, "created_at": f"2026-03-01T12:0{minute}:00Z"})
    for name, spec, phase, minute in (("d", THEIRS, "ERROR", 5), ("c", OURS, "SUPERSEDED", 3), ("a", OURS, "ACTIVE", 1))
]


def shown(name: str, minute: int | None, **facts: Any) -> dict[str, Any]:
    """A deployment as the app shows it."""
    return {"id": name, "spec": OURS, "created_at": minute and f"2026-03-01T12:0{minute}:00Z", **facts}


@pytest.mark.parametrize(
    ("places", "known", "early"),
    [
        ({"pending": shown("e", 6)}, "", ["e"]),
        ({"pending": shown("f", 7), "in_progress": shown("e", 6)}, "", ["f", "e"]),
        ({"pending": shown("e", 6), "in_progress": shown("e", 6)}, "", ["e"]),
        ({"active": shown("a", 1), "pinned": shown("d", 5)}, "", []),
        ({"active": shown("b", 2)}, "", []),
        ({"pending": shown("e", 6)}, "e", []),
        ({"active": shown("b", 2)}, "b", []),
        ({"pending": shown("e", None)}, "", []),
    ],
    ids=["newer", "two", "twice", "listed", "older", "known", "older-known", "undated"],
)
def test_what_only_the_app_shows_comes_first_if_it_was_made_after_the_deployment_and_our_write(
    places: dict[str, Any], known: str, early: list[str]
) -> None:
    seen = Observations(known=set(known))
    history = seen.saw_history(app(**{f"{place}_deployment": one for place, one in places.items()}), LISTED, "d")
    assert [one.id for one in history] == [*early, "d", "c", "a"]
    assert set(seen.specs) >= {"d", "c", "a"}


@pytest.mark.parametrize(
    ("facts", "owns"),
    [
        ({"cause_details": {"type": "AUTO_ROLLBACK"}}, {"e"}),
        ({"previous_deployment_id": "d", "cloned_from": "a"}, set()),
        ({}, set()),
    ],
    ids=["type", "lineage", "neither"],
)
def test_c49_only_a_rollback_that_is_proven_to_be_the_platforms_makes_its_pin_the_platforms(
    facts: dict[str, Any], owns: set[str]
) -> None:
    seen = Observations(owns={"before"})
    pinned = app(pinned_deployment=shown("e", 6, **facts))
    seen.saw_history(pinned, LISTED, "d")
    assert seen.owns == {"before"} | owns
    assert seen.pin_of(pinned) is (Pin.PLATFORM if owns else Pin.OTHER)
