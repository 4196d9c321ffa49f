"""A saved plan: what was reviewed is what is done, or nothing is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.config import Config
from reconciler.errors import PlanMismatch
from reconciler.plan.model import Action, Change, ChangeKind, Note, Plan, SyncStatus
from reconciler.plan.saved import dump, is_saved, load, mismatches

CHANGE = Change(("services", "api", "http_port"), ChangeKind.CHANGED, 1, 2)
WEB = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(CHANGE,), desired_digest="d1", live_digest="l1")
SITE = Plan("site", SyncStatus.IN_SYNC, Action.NONE, desired_digest="s1")
CONFIG = Config()
DONE = Plan("web", SyncStatus.IN_SYNC, Action.NONE, desired_digest="d1")


def saved(*plans, config=CONFIG):
    return load(dump(plans, config), "plan.json")


def differences(before, now, config=CONFIG):
    return mismatches(before, now, config)


def test_a_plan_that_still_holds_has_no_mismatch():
    assert differences(saved(WEB, SITE), [SITE, WEB]) == []


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("staging", "prod", "it is the plan of environment staging, and this run is of environment prod"),
        ("", "prod", "it is the plan of no environment, and this run is of environment prod"),
        ("staging", "", "it is the plan of environment staging, and this run is of no environment"),
    ],
)
def test_a_plan_of_another_environment_does_not_hold(then: str, now: str, said: str):
    plan = load(dump([WEB], CONFIG, then), "plan.json")
    assert mismatches(plan, [WEB], CONFIG, now) == [said]
    assert mismatches(plan, [WEB], CONFIG, then) == []


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        (b"", True),
        (b" \n", True),
        (b'{"version": 1, "kind": "saved-plan"}', True),
        (b'{"kind": "plan"}', False),
        (b"{}", False),
        (b"[]", False),
        (b"name: web", False),
        (b"\xff", False),
        (b"[" * 100_000, False),
    ],
)
def test_only_a_saved_plan_or_nothing_may_be_replaced_by_one(text: bytes, whether: bool):
    assert is_saved(text) is whether


def test_a_plan_that_was_applied_already_holds_and_does_nothing():
    assert differences(saved(WEB, SITE), [DONE, SITE]) == []
    assert differences(saved(replace(WEB, status=SyncStatus.ABSENT, action=Action.CREATE), SITE), [DONE, SITE]) == []


def test_an_app_that_needs_nothing_in_either_plan_is_no_mismatch():
    assert differences(saved(WEB, SITE), [WEB, replace(SITE, desired_digest="s2")]) == []
    assert differences(saved(WEB, replace(SITE, desired_digest="")), [WEB, SITE]) == []


NOTE = Note(("envs", "KEY", "value"), "rotated", "the new value will be sent")
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
    assert differences(saved(WEB, SITE), now) == told


def test_the_file_tells_what_would_be_done_without_any_value():
    secretive = replace(WEB, changes=(replace(CHANGE, before="hunter1", after="hunter2"),), notes=(NOTE,))
    text = dump([secretive], CONFIG)
    assert text.endswith("}\n")
    assert "hunter" not in text
    assert json.loads(text)["apps"][0]["doing"] == ["changed services/api/http_port", "rotated envs/KEY/value"]


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "{}", '{"version": 1, "kind": "saved-plan", "apps": []}', '{"apps": [], "more": 1}',
     '{"apps": [{"app": "web"}]}'],
)  # fmt: skip
def test_what_is_no_saved_plan_of_this_version_is_refused(text):
    with pytest.raises(PlanMismatch, match=r"plan\.json is not a saved plan of this version"):
        load(text, "plan.json")


@pytest.mark.parametrize(("before", "now", "when"), [(0, 1, "is"), (1, 0, "was"), (1, 1, "is")])
def test_an_app_that_could_not_be_asked_about_then_or_now_is_no_match(before, now, when):
    plans = (WEB, replace(WEB, status=SyncStatus.UNKNOWN, action=Action.REFUSE))
    (told,) = differences(saved(plans[before]), [plans[now]])
    assert told.endswith(f"{when} unknown: App Platform could not be asked")


SETTINGS = {
    "on_failure": ({"on_failure": "leave"}, "on_failure was rollback, is leave"),
    "a health rule": ({"health": {"soak": "5s"}}, "health.soak was 30s, is 5s"),
    "a budget": ({"timeouts": {"deploy": "1h"}}, "timeouts.deploy was 1200s, is 3600s"),
    "sources": ({"source_versions": "latest"}, "source_versions was keep, is latest"),
    "another probe": (
        {"health": {"probe": {"path": "/ready", "headers": {"X-Key": "hunter2"}}}},
        'health.probe.headers was [], is ["X-Key"]; health.probe.path was /, is /ready',
    ),
    "order": ({"depends_on": ["api"]}, 'depends_on was [], is ["api"]'),
}


@pytest.mark.parametrize(("policy", "difference"), SETTINGS.values(), ids=SETTINGS)
def test_a_policy_other_than_the_reviewed_one_is_a_mismatch(policy, difference):
    probed = {"health": {"probe": {}}} if "probe" in str(policy) else {}
    reviewed = saved(WEB, SITE, config=Config.model_validate({"apps": {"web": probed}}))
    now = Config.model_validate({"apps": {"web": policy, "site": policy}})
    assert differences(reviewed, [WEB, SITE], now) == [f"web: {difference}"]


def test_a_new_probe_and_one_that_is_gone_are_mismatches():
    probed = Config.model_validate({"defaults": {"health": {"probe": {"path": "/ready"}}}})
    (added,) = differences(saved(WEB), [WEB], probed)
    (gone,) = differences(saved(WEB, config=probed), [WEB])
    assert "health.probe was null, is not set" in added
    assert "health.probe.path was not set, is /ready" in added
    assert "health.probe.path was /ready, is not set" in gone


def test_a_new_app_goes_to_the_reviewed_project_and_an_old_one_stays_where_it_is():
    project = "4b7c2f0e-93a5-4f7e-8a55-1d1f0e6c2b11"
    new = replace(WEB, status=SyncStatus.ABSENT, action=Action.CREATE)
    assert differences(saved(new, SITE), [new, SITE], Config(project=project)) == [
        f"web: project was the default project, is {project}"
    ]
    assert differences(saved(WEB, SITE), [WEB, SITE], Config(project=project)) == []


def test_the_value_of_a_probes_header_is_not_in_the_file():
    probe = {"path": "/ready", "headers": {"X-Key": "hunter2"}}
    config = Config.model_validate({"defaults": {"health": {"probe": probe}}})
    assert "hunter2" not in dump([WEB], config)


def test_who_is_notified_of_alerts_is_part_of_what_was_reviewed():
    alerts = replace(
        WEB, action=Action.ALERTS, alerts=(Change(("alert_destinations", "X", "emails"), ChangeKind.ADDED),)
    )
    before = replace(alerts, alerts_digest="a1")
    assert "added alert_destinations/X/emails" in dump([before], CONFIG)
    assert differences(saved(before), [before]) == []
    assert differences(saved(before), [replace(DONE, alerts_digest="a2")]) == []
    changed = ["web: who is notified of alerts changed, in Git or on App Platform"]
    assert differences(saved(before), [replace(before, alerts_digest="a2")]) == changed


def test_an_app_without_destinations_has_no_setting_about_them():
    assert '"alerts"' not in dump([WEB], CONFIG).replace('"alerts": ""', "")
    named = Config.model_validate({"apps": {"web": {"alerts": {"DEPLOYMENT_FAILED": {"emails": ["ops@example.com"]}}}}})
    assert "alerts.DEPLOYMENT_FAILED.emails" in dump([WEB], named)
