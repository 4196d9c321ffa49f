"""Who is notified of alerts in Git and live, compared: without order, by channel and, as far as returned, by URL."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.alerts import DesiredAlert, Webhook
from reconciler.live.models import Alert
from reconciler.plan.alerts import AlertPlan, as_wanted, body_of, changes, find, is_as_new, same, with_alerts
from reconciler.plan.model import Action, Change, ChangeKind, Plan, PlanReport, SyncStatus
from reconciler.plan.warnings import hide_live_values
from reconciler.redaction import LIVE

FAILED = "DEPLOYMENT_FAILED/UNSPECIFIED_OPERATOR/0/UNSPECIFIED_WINDOW"
IN_SYNC = Plan("web", SyncStatus.IN_SYNC, Action.NONE, desired_digest="d1")
URLS = ["https://hooks.example.com/1", "https://hooks.example.com/2", "https://hooks.example.com/3"]


def wanted(*emails: str, hooks: Any = (), key: str = "DEPLOYMENT_FAILED") -> DesiredAlert:
    return DesiredAlert("", FAILED, key, emails, tuple(Webhook(*hook) for hook in hooks))


def live(*emails: str, hooks: Any = (), **more: Any) -> Alert:
    shown = [{"channel": channel, "url": url} for channel, url in hooks]
    data = {"id": "a1", "spec": {"rule": "DEPLOYMENT_FAILED"}, "phase": "ACTIVE", **more}
    return Alert.model_validate({**data, "emails": list(emails), "slack_webhooks": shown})


def differences(git: DesiredAlert, *alerts: Alert) -> list[tuple[str, ChangeKind, Any, Any]]:
    return [(one.path[-1], one.kind, one.before, one.after) for one in changes(AlertPlan((git,), alerts))]


addresses = st.lists(st.sampled_from(["a@b.co", "c@d.co", "e@f.co"]), max_size=3, unique=True)
hooks = st.lists(st.tuples(st.sampled_from(["#ops", "#dev", "@me"]), st.sampled_from(URLS)), max_size=4, unique=True)


@given(addresses, hooks, st.randoms(use_true_random=False), st.booleans())
def test_neither_order_nor_spelling_matters(emails: list[str], pairs: list[Any], random: Any, bare: bool) -> None:
    git = wanted(*emails, hooks=pairs)
    random.shuffle(emails)
    random.shuffle(pairs)
    shown = [(name.removeprefix("#") if bare else name, url) for name, url in pairs]
    own = live(*(address.upper() for address in emails), hooks=shown)
    assert as_wanted(git, own)
    assert with_alerts(IN_SYNC, AlertPlan((git,), (own,))).status is SyncStatus.IN_SYNC


@given(addresses, hooks, addresses, hooks)
def test_they_are_as_wanted_exactly_if_both_sides_have_the_same_set(
    emails: list[str], pairs: list[Any], others: list[str], other_pairs: list[Any]
) -> None:
    git, own = wanted(*emails, hooks=pairs), live(*others, hooks=other_pairs)
    equal = (set(emails), set(pairs)) == (set(others), set(other_pairs))
    assert as_wanted(git, own) is equal
    planned = with_alerts(IN_SYNC, AlertPlan((git,), (own,)))
    assert (planned.action is Action.ALERTS) is (not equal)
    assert same(own, live(*emails, hooks=pairs)) is equal


@given(addresses, hooks, addresses, hooks)
def test_what_is_sent_is_as_wanted_once_it_is_returned_and_no_url_is_in_a_change(
    emails: list[str], pairs: list[Any], others: list[str], other_pairs: list[Any]
) -> None:
    git = wanted(*emails, hooks=pairs)
    body = body_of(git)
    returned = live(*body["emails"], hooks=[(hook["channel"], hook["url"]) for hook in body["slack_webhooks"]])
    assert as_wanted(git, returned)
    found = repr(changes(AlertPlan((git,), (live(*others, hooks=other_pairs),)))) + repr(git)
    assert not [url for url in URLS if url in found]


@given(hooks, st.sampled_from(["", "https://hooks.slack.com/***", "https://hooks.slack.com/…", "hidden"]))
def test_urls_that_are_not_returned_count_as_ours_if_as_many_are_in_each_channel(pairs: list[Any], url: str) -> None:
    assert as_wanted(wanted(hooks=pairs), live(hooks=[(channel, url) for channel, _ in pairs]))
    assert not as_wanted(wanted(hooks=pairs), live(hooks=[("#ops", url)] * 5))


def test_each_address_and_each_channel_is_a_change_of_its_own() -> None:
    git = wanted("a@b.co", "c@d.co", hooks=[("#ops", URLS[0]), ("#dev", URLS[1])])
    own = live("c@d.co", "e@f.co", hooks=[("#ops", URLS[2]), ("@me", URLS[0])])
    assert differences(git, own) == [
        ("emails", ChangeKind.REMOVED, "e@f.co", None),
        ("emails", ChangeKind.ADDED, None, "a@b.co"),
        ("@me", ChangeKind.REMOVED, None, None),
        ("#dev", ChangeKind.ADDED, None, None),
        ("#ops", ChangeKind.CHANGED, None, None),
    ]
    assert differences(git) == [
        ("emails", ChangeKind.ADDED, None, "a@b.co"),
        ("emails", ChangeKind.ADDED, None, "c@d.co"),
        ("#dev", ChangeKind.ADDED, None, None),
        ("#ops", ChangeKind.ADDED, None, None),
    ]


def test_c28_an_alert_is_found_by_its_component_and_its_threshold() -> None:
    threshold = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80.0, "window": "FIVE_MINUTES"}
    alerts = [
        live(id="app"),
        live(id="other", spec=threshold, component_name="bg"),
        live(id="high", spec=threshold | {"value": 90}, component_name="api"),
        live(id="mine", spec=threshold, component_name="api"),
    ]
    identity = "CPU_UTILIZATION/GREATER_THAN/80/FIVE_MINUTES"
    found = find(alerts, DesiredAlert("api", identity, "api/CPU_UTILIZATION"))
    assert found is not None
    assert found.id == "mine"
    assert find(alerts, DesiredAlert("cron", identity, "cron/CPU_UTILIZATION")) is None


def test_an_alert_that_could_not_be_configured_differs_though_its_destinations_do_not() -> None:
    assert differences(wanted("a@b.co"), live("a@b.co", phase="CONFIGURING")) == []
    assert differences(wanted("a@b.co"), live("a@b.co", phase="ERROR")) == [
        ("phase", ChangeKind.CHANGED, "ERROR", "ACTIVE")
    ]


def test_only_an_app_in_sync_is_planned_for_its_destinations_alone() -> None:
    alerts = AlertPlan((wanted("a@b.co"),), (live(),))
    update = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(Change(("region",), ChangeKind.ADDED),))
    planned = with_alerts(update, alerts)
    assert (planned.action, planned.status, len(planned.differences)) == (Action.UPDATE, SyncStatus.OUT_OF_SYNC, 2)
    alone = with_alerts(IN_SYNC, alerts)
    assert (alone.action, alone.status, alone.spec_in_sync) == (Action.ALERTS, SyncStatus.OUT_OF_SYNC, True)
    assert (alone.differences, alone.writes, IN_SYNC.differences) == (alone.alerts, True, ())
    asked = Plan("web", SyncStatus.IN_SYNC, Action.REFUSE)
    assert with_alerts(asked, alerts).action is Action.REFUSE


def test_the_digest_has_both_sides_and_no_url() -> None:
    def digest(git: DesiredAlert, *alerts: Alert) -> str:
        return with_alerts(IN_SYNC, AlertPlan((git,), alerts)).alerts_digest

    git, own = wanted("a@b.co", hooks=[("#ops", URLS[0])]), live("a@b.co", hooks=[("#ops", URLS[0])])
    assert digest(git, own) == digest(wanted("A@b.co", hooks=[("ops", URLS[1])]), own)
    assert len({digest(git, own), digest(git), digest(wanted("a@b.co"), own), digest(git, live("c@d.co"))}) == 4


def test_a_new_alert_has_the_owners_address_and_no_webhook() -> None:
    assert is_as_new(live("a@b.co"))
    assert is_as_new(live())
    assert not is_as_new(live("a@b.co", "c@d.co"))
    assert not is_as_new(live(hooks=[("#ops", URLS[0])]))


def test_the_reason_of_an_alert_is_that_of_its_step() -> None:
    def alert(reason: Any) -> Alert:
        return live(progress={"steps": [{"name": "one"}, {"name": "two", "reason": reason}]})

    assert alert({"code": "NoAccess", "message": "no such user"}).trouble == "no such user"
    assert alert({"code": "NoAccess"}).trouble == "NoAccess"
    assert (alert(None).trouble, live().trouble) == ("", "")
    assert URLS[0] not in repr(live(hooks=[("#ops", URLS[0])]))


def test_in_a_public_plan_addresses_of_live_are_hidden_and_where_all_is_its_channels_too() -> None:
    git = wanted("a@b.co", hooks=[("#ops", URLS[0])])
    own = live("c@d.co", hooks=[("#ops", URLS[1]), ("#noise", URLS[0])], phase="ERROR")
    report = PlanReport((with_alerts(IN_SYNC, AlertPlan((git,), (own,))),))

    def shown(*, all_values: bool) -> list[tuple[str, Any, Any]]:
        (plan,) = hide_live_values(report, all_values=all_values).plans
        return [(one.path[-1], one.before, one.after) for one in plan.alerts]

    emails = [("emails", LIVE, None), ("emails", None, "a@b.co")]
    rest = [("#ops", None, None), ("phase", "ERROR", "ACTIVE")]
    assert shown(all_values=False) == [*emails, ("#noise", None, None), *rest]
    assert shown(all_values=True) == [*emails, (LIVE, None, None), *rest]


def test_the_same_destinations_in_another_order_are_as_wanted_and_as_they_were() -> None:
    ops, dev = ("#ops", URLS[0]), ("dev", URLS[1])
    one, other = live("a@b.co", "c@d.co", hooks=[ops, dev]), live("C@d.co", "a@b.co", hooks=[dev, ops])
    assert same(one, other)
    assert not same(one, live("a@b.co", "c@d.co", hooks=[ops]))
    assert as_wanted(wanted("c@d.co", "a@b.co", hooks=[dev, ops]), one)
    assert not as_wanted(wanted("a@b.co"), one)


def test_every_destination_is_sent() -> None:
    body = body_of(wanted("a@b.co", hooks=[("#ops", URLS[0])]))
    assert body == {"emails": ["a@b.co"], "slack_webhooks": [{"url": URLS[0], "channel": "#ops"}]}
