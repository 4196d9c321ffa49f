"""Wording that every view shares: which plans say the same."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.plan.model import Action, Change, ChangeKind, Plan, SyncStatus
from reconciler.views.summary import plan_groups


def plan(app: str, before: Any, after: Any) -> Plan:
    change = Change(("services", "web", "field"), ChangeKind.CHANGED, before, after)
    return Plan(app, SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,))


VALUES = ["1", "2", "", None, 1, 2, 1.0, True, [1], ["1"], {"a": 1}, {"a": "1"}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plans_with_the_same_values_are_one_group(value: Any) -> None:
    found = plan_groups([plan("one", value, 7), plan("two", value, 7), plan("three", "x", value)])
    assert [list(apps) for _, apps in found] == [["one", "two"], ["three"]]


@pytest.mark.parametrize("side", ["before", "after"])
def test_values_that_are_shown_differently_are_never_one_group(side: str) -> None:
    pairs = [(value, 7) if side == "before" else (7, value) for value in VALUES]
    plans = [plan(f"app-{number}", *pair) for number, pair in enumerate(pairs)]
    assert len(plan_groups(plans)) == len(VALUES)
