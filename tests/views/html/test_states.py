"""The states of an app on a page: from its plan, its rollout, its past."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan.model import Action, AppAttribution, Plan, SyncStatus
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord
from reconciler.views.html.history import AppHistory
from reconciler.views.html.model import AppView, Badge
from reconciler.views.html.states import states, tallies
from tests.views import samples


def words(
    plan: Plan | None, record: RolloutRecord | None = None, past: AppHistory | None = None, **more: bool
) -> list[str]:
    return [badge.word for badge in states(plan, record, past, frozen=more.get("frozen", False))]


PLANS = {
    "in sync": (samples.SITE, ["in sync"]),
    "Git moved ahead": (samples.WEB, ["differs"]),
    "new": (samples.WORKER, ["differs"]),
    "to delete": (samples.OLDAPP, ["differs"]),
    "changed by hand": (
        replace(samples.WEB, attribution=AppAttribution("web", "live_edit", "")), ["drifted"]),
    "changed by both": (replace(samples.WEB, attribution=AppAttribution("web", "both", "")), ["drifted"]),
    "changed in Git": (replace(samples.WEB, attribution=AppAttribution("web", "git_ahead", "")), ["differs"]),
    "refused": (samples.SHOP, ["refused", "differs"]),
    "stalled": (samples.QUEUE, ["stalled"]),
    "pinned": (samples.BILLING, ["pinned"]),
    "paused": (replace(samples.SITE, paused=True, status=SyncStatus.OUT_OF_SYNC), ["differs", "paused"]),
    "unknown": (Plan("a", SyncStatus.UNKNOWN, Action.REFUSE), ["unknown"]),
    "degraded": (Plan("a", SyncStatus.DEGRADED, Action.REFUSE), ["degraded"]),
    "alerts alone": (Plan("a", SyncStatus.OUT_OF_SYNC, Action.ALERTS), ["differs"]),
    "progressing": (Plan("a", SyncStatus.PROGRESSING, Action.NONE), ["progressing"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_a_plan(name: str) -> None:
    plan, expected = PLANS[name]
    assert words(plan) == expected


def test_a_freeze_holds_back_only_what_would_be_changed() -> None:
    assert words(samples.WEB, frozen=True) == ["frozen", "differs"]
    assert words(samples.SITE, frozen=True) == ["in sync"]
    assert words(samples.SHOP, frozen=True) == ["refused", "differs"]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_a_symbol_a_word_and_a_tone(kind: OutcomeKind) -> None:
    (badge,) = states(None, RolloutRecord("a", Action.UPDATE, Outcome(kind)), None, frozen=False)
    assert badge.symbol
    assert badge.word
    assert (badge.tone == "good") is (kind.good or kind is OutcomeKind.TAKEN_BACK)


def test_an_app_that_a_rollout_left_pinned_is_pinned_whatever_its_outcome() -> None:
    assert words(None, samples.PINNED_BADLY) == ["pinned", "rollback failed"]
    pinned = RolloutRecord("a", Action.UPDATE, Outcome(OutcomeKind.PINNED, pinned=True))
    assert words(None, pinned) == ["rolled back and pinned"]


def test_the_past_adds_what_the_plan_does_not_say() -> None:
    past = AppHistory(conditions=(("1 of 2 ready", "warning"), ("stalled", "warning"), ("building", "change")))
    assert words(samples.QUEUE, None, past) == ["stalled", "not ready", "progressing"]
    assert words(samples.QUEUE, samples.APPLIED, past) == ["applied"]


def test_apps_are_counted_in_each_of_their_states_and_share_the_bar_by_the_first() -> None:
    bad, odd, good = Badge("✗", "failed", "bad"), Badge("!", "odd", "warning"), Badge("=", "in sync", "good")
    apps = [AppView("", "a", "", (bad, odd)), AppView("", "b", "", (odd,)), *[AppView("", "c", "", (good,))] * 2]
    assert [(one.badge.word, one.number, one.x, one.width) for one in tallies(apps)] == [
        ("failed", "1", "0.000%", "25.000%"),
        ("odd", "2", "25.000%", "25.000%"),
        ("in sync", "2", "50.000%", "50.000%"),
    ]
