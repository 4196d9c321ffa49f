"""A saved plan: what was reviewed is what is done, or nothing is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.errors import PlanMismatch
from reconciler.plan.model import Action, Change, ChangeKind, Note, Plan, SyncStatus
from reconciler.plan.saved import dump, load, mismatches

CHANGE = Change(("services", "api", "http_port"), ChangeKind.CHANGED, 1, 2)
WEB = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(CHANGE,), desired_digest="d1", live_digest="l1")
SITE = Plan("site", SyncStatus.IN_SYNC, Action.NONE, desired_digest="s1")
DONE = Plan("web", SyncStatus.IN_SYNC, Action.NONE, desired_digest="d1")


def saved(*plans):
    return load(dump(plans), "plan.json")


def test_a_plan_that_still_holds_has_no_mismatch():
    assert mismatches(saved(WEB, SITE), [SITE, WEB]) == []


def test_a_plan_that_was_applied_already_holds_and_does_nothing():
    assert mismatches(saved(WEB, SITE), [DONE, SITE]) == []
    assert mismatches(saved(replace(WEB, status=SyncStatus.ABSENT, action=Action.CREATE), SITE), [DONE, SITE]) == []


def test_an_app_that_needs_nothing_in_either_plan_is_no_mismatch():
    assert mismatches(saved(WEB, SITE), [WEB, replace(SITE, desired_digest="s2")]) == []
    assert mismatches(saved(WEB, replace(SITE, desired_digest="")), [WEB, SITE]) == []


NOTE = Note(("envs", "KEY", "value"), "rotated", "the new value is sent")
POLICY = "the policy changed, so other changes would be made"
MISMATCHES = {
    "an app more": ([WEB, SITE, replace(SITE, app="new")], ["new: not in the saved plan"]),
    "an app less": ([WEB], ["site: only in the saved plan"]),
    "Git changed": ([replace(WEB, desired_digest="d2"), SITE], ["web: the spec in Git changed"]),
    "the app changed": ([replace(WEB, live_digest="l2"), SITE], ["web: the app was changed on App Platform"]),
    "an app in sync was changed live": (
        [WEB, replace(SITE, status=SyncStatus.OUT_OF_SYNC, action=Action.UPDATE, live_digest="l2")],
        ["site: the app was changed on App Platform"]),
    "an app in sync has another spec": (
        [WEB, replace(SITE, status=SyncStatus.OUT_OF_SYNC, action=Action.UPDATE, desired_digest="s2")],
        ["site: the spec in Git changed"]),
    "another spec was applied": ([replace(DONE, desired_digest="d2"), SITE], ["web: the spec in Git changed"]),
    "it failed": (
        [replace(WEB, status=SyncStatus.STALLED, action=Action.REFUSE), SITE],
        ["web: was update (out_of_sync), is refuse (stalled)"]),
    "another action": (
        [replace(WEB, action=Action.REFUSE), SITE], ["web: was update (out_of_sync), is refuse (out_of_sync)"]),
    "another status": (
        [replace(WEB, status=SyncStatus.PROGRESSING), SITE],
        ["web: was update (out_of_sync), is update (progressing)"]),
    "another policy for sources": (
        [replace(WEB, update_all_source_versions=True), SITE],
        [f"web: {POLICY}"]),
    "other changes": (
        [replace(WEB, changes=()), SITE], [f"web: {POLICY}"]),
    "another rotation": (
        [replace(WEB, notes=(NOTE,)), SITE], [f"web: {POLICY}"]),
    "another name": (
        [replace(WEB, moved_from="old"), SITE], [f"web: {POLICY}"]),
    "everything": ([], ["site: only in the saved plan", "web: only in the saved plan"]),
}  # fmt: skip


@pytest.mark.parametrize(("now", "told"), MISMATCHES.values(), ids=MISMATCHES)
def test_whatever_changed_is_told(now, told):
    assert mismatches(saved(WEB, SITE), now) == told


def test_the_file_tells_what_would_be_done_without_any_value():
    secretive = replace(WEB, changes=(replace(CHANGE, before="hunter1", after="hunter2"),), notes=(NOTE,))
    text = dump([secretive])
    assert text.endswith("}\n")
    assert "hunter" not in text
    assert json.loads(text)["apps"][0]["doing"] == ["changed services/api/http_port", "rotated envs/KEY/value"]


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "{}", '{"version": 2, "kind": "saved-plan", "apps": []}', '{"apps": [], "more": 1}',
     '{"apps": [{"app": "web"}]}'],
)  # fmt: skip
def test_what_is_no_saved_plan_of_this_version_is_refused(text):
    with pytest.raises(PlanMismatch, match=r"plan\.json is not a saved plan of this version"):
        load(text, "plan.json")


@pytest.mark.parametrize(("before", "now", "when"), [(0, 1, "is"), (1, 0, "was"), (1, 1, "is")])
def test_an_app_that_could_not_be_asked_about_then_or_now_is_no_match(before, now, when):
    plans = (WEB, replace(WEB, status=SyncStatus.UNKNOWN, action=Action.REFUSE))
    (told,) = mismatches(saved(plans[before]), [plans[now]])
    assert told.endswith(f"{when} unknown: App Platform could not be asked")
