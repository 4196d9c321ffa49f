"""What a message says: one for a run, about what its channel is for, with nothing in it that a chat would act on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config_notify import Channel
from reconciler.notify.messages import (
    CARRIED,
    LISTED,
    Message,
    News,
    Occasion,
    drift_ended,
    message,
    of_drift,
    of_rollout,
    plain,
    trial,
)
from reconciler.plan.model import Action, AppAttribution, Change, ChangeKind, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import DeploymentRecord, Outcome, OutcomeKind, RolloutRecord, RolloutReport

AT = Occasion("production", datetime(2026, 3, 1, 2, 0, tzinfo=UTC), "https://github.example/acme/shop/actions/runs/7")
EVERYTHING = ["person_needed", "rolled_back", "stalled", "drift_begins", "applied", "drift_ends"]


def channel(**fields: Any) -> Channel:
    return Channel.model_validate({"url": "${CHAT}"} | fields)


def record(app: str, kind: OutcomeKind, reason: str = "", *, tried: bool = True, **outcome: Any) -> RolloutRecord:
    deployments = (DeploymentRecord("d1", "deploy"),) if tried else ()
    return RolloutRecord(app, Action.UPDATE, Outcome(kind, reason, **outcome), deployments=deployments)


def said(*records: RolloutRecord, about: Channel | None = None) -> Message | None:
    return message(of_rollout(RolloutReport(records)), AT, about or channel())


def test_a_night_with_a_failure_is_one_message(snapshot):
    found = said(
        record("web", OutcomeKind.APPLIED),
        record(
            "shop", OutcomeKind.ROLLED_BACK, "main: the health check failed: 503", commands=("reconcile status shop",)
        ),
        record(
            "desk",
            OutcomeKind.PINNED,
            "worker: exit code 1",
            commands=("reconcile rollback desk --commit",),
            pinned=True,
        ),
        record("blog", OutcomeKind.UNCHANGED, tried=False),
    )
    assert found is not None
    assert (found.topic, found.severity) == ("person_needed", "failure")
    assert f"{found.title}\n\n{found.body}" == snapshot


def test_a_fleet_is_one_message_that_names_some_and_counts_the_rest(snapshot):
    found = said(*(record(f"app-{n:02}", OutcomeKind.ROLLED_BACK, "exit code 1") for n in range(40)))
    assert found is not None
    assert found.title == "reconcile production: 40 apps were rolled back"
    assert found.body.count("\n") == LISTED + 1
    assert found.body == snapshot


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_is_said_as_what_it_is_or_not_at_all(kind: OutcomeKind):
    usual, everything = said(record("shop", kind)), said(record("shop", kind), about=channel(events=EVERYTHING))
    wanted = {
        OutcomeKind.ROLLED_BACK: "rolled_back",
        OutcomeKind.STALLED: "stalled",
        OutcomeKind.APPLIED: "applied",
        OutcomeKind.DELETED: "applied",
        **dict.fromkeys(
            (
                OutcomeKind.PINNED,
                OutcomeKind.LEFT,
                OutcomeKind.DEGRADED,
                OutcomeKind.ROLLBACK_FAILED,
                OutcomeKind.DIVERGED,
                OutcomeKind.BLOCKED,
            ),
            "person_needed",
        ),
    }.get(kind)
    assert (everything.topic if everything else None) == wanted
    assert (usual is None) == (wanted in (None, "applied"))


def test_an_app_that_may_be_left_pinned_needs_a_person_whatever_its_outcome():
    found = said(record("shop", OutcomeKind.TIMED_OUT, "still deploying", pinned=True))
    assert found is not None
    assert found.topic == "person_needed"


def test_a_channel_gets_only_its_events_and_its_apps():
    records = (record("web", OutcomeKind.ROLLED_BACK), record("shop", OutcomeKind.PINNED))
    assert said(*records, about=channel(events=["stalled"])) is None
    assert said(*records, about=channel(apps=["desk-*"])) is None
    found = said(*records, about=channel(apps=["w*"]))
    assert found is not None
    assert found.title == "reconcile production: web was rolled back"
    found = said(*records, about=channel(events=["rolled_back"], apps=["shop"]))
    assert found is not None, "an app that was rolled back and pinned was rolled back, too"
    assert found.title == "reconcile production: shop was rolled back"


def plan(app: str, status: SyncStatus, **fields: Any) -> Plan:
    return Plan(app, status, Action.UPDATE, **fields)


def test_drift_is_said_with_who_made_it_and_without_what_a_rollout_said():
    changed = (Change(("services", "main", "image", "tag"), ChangeKind.CHANGED, "1", "2"),)
    plans = (
        plan(
            "a-edited",
            SyncStatus.OUT_OF_SYNC,
            attribution=AppAttribution("a-edited", "live_edit", "changed live by Bob"),
        ),
        plan("b-absent", SyncStatus.ABSENT, reason="no app has this name yet"),
        plan("c-differs", SyncStatus.OUT_OF_SYNC, changes=changed),
        plan("d-pinned", SyncStatus.BLOCKED, reason="pinned to a rollback 2 h ago by Bob"),
        plan("e-stalled", SyncStatus.STALLED, reason="this spec failed"),
        plan("f-degraded", SyncStatus.DEGRADED, reason="this spec failed"),
        plan("g-deploying", SyncStatus.PROGRESSING),
        plan("h-unknown", SyncStatus.UNKNOWN),
        plan("i-fine", SyncStatus.IN_SYNC),
    )
    news = of_drift(PlanReport(plans))
    assert [(one.app, one.topics[0], one.reason) for one in news] == [
        ("a-edited", "drift_begins", "changed live by Bob"),
        ("b-absent", "drift_begins", "no app has this name yet"),
        ("c-differs", "drift_begins", "1 difference"),
        ("d-pinned", "person_needed", "pinned to a rollback 2 h ago by Bob"),
    ]
    found = message((*news[:2], *drift_ended(["shop"])), AT, channel())
    assert found is not None
    assert found.title == "reconcile production: 2 apps differ from Git, shop matches Git again"


def test_a_test_says_nothing_but_that_it_is_one():
    found = trial(Occasion("", AT.at))
    assert (found.topic, found.title, found.news) == ("test", "reconcile: test", ())


HOSTILE = "<!channel> @everyone [click](https://evil.example) `x` *bold* \x1b[31m\nsecond line"


def test_what_people_write_mentions_nobody_and_links_nowhere():
    found = said(record("shop", OutcomeKind.ROLLED_BACK, HOSTILE))
    assert found is not None
    text = found.title + found.body.removesuffix(AT.run_url)
    assert not [sign for sign in ("<", "@e", "](", "`", "*", "\x1b", "://") if sign in text]
    assert found.body.count("\n") == 1


@given(st.text(max_size=2000))
def test_no_text_is_markup(text: str):
    shown = plain(text)
    assert not set(shown) & set("<>`*[]\n\r\x1b")
    assert len(shown) < 1300
    assert "://" not in shown


def test_the_data_of_a_message_is_bounded():
    news = [News(f"a{n}", ("stalled",), "stalled") for n in range(CARRIED + 5)]
    found = message(news, AT, channel())
    assert found is not None
    assert len(found.news) == CARRIED + 5
