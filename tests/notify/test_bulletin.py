"""What is news: what the platform's history, the drift issue and GitHub's deployments say was said before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Config, Policy
from reconciler.engine.apply import Finished
from reconciler.engine.load import RunOptions
from reconciler.engine.planner import Planned, PlannedApp
from reconciler.live.models import Deployment
from reconciler.notify import bulletin
from reconciler.notify.bulletin import Bulletin
from reconciler.notify.memory import Memory
from reconciler.plan.model import Action, Plan, PlanReport, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import OutcomeKind, RolloutReport
from tests.notify.test_messages import record

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
CONFIG = Config.model_validate({"notify": [{"url": "${CHAT}"}]})
SECRET = "s3cr3t-Q7w9-Zk29"


def deployment(name: str, **fields: Any) -> Deployment:
    return Deployment.model_validate({"id": name, "phase": "ACTIVE", "spec": {"name": "shop"}} | fields)


def rollback(name: str) -> Deployment:
    return deployment(name, cause_details={"type": "MANUAL", "digitalocean_user_action": {"name": "ROLLBACK_APP"}})


def planned(*deployments: Deployment, config: Config = CONFIG, **options: Any) -> Planned:
    plan = Plan("shop", SyncStatus.STALLED, Action.REFUSE, "this spec failed")
    app = PlannedApp(plan, Policy(), deployments=deployments)
    return Planned((app,), PlanReport((plan,)), config, RunOptions(specs=(Path("specs"),), **options), 1)


def applied(kind: OutcomeKind, *deployments: Deployment, tried: bool = False) -> Bulletin:
    report = RolloutReport((record("shop", kind, f"because of {SECRET}", tried=tried),))
    made = bulletin.of(Finished(planned(*deployments, apply=True), report), Redactor([SECRET]), NOW, "https://run")
    assert made is not None
    return made


def test_what_a_run_did_is_always_news():
    made = applied(OutcomeKind.ROLLED_BACK, deployment("d2"), tried=True)
    for memory in (Memory(), Memory(found=frozenset({"shop"}))):
        [one] = made.due(memory)
        assert (one.app, one.word, one.reason) == ("shop", "rolled back", "because of (secret)")


def test_what_a_run_only_found_is_news_until_it_was_said():
    made = applied(OutcomeKind.STALLED, deployment("d2", phase="ERROR"), deployment("d1"))
    assert made.since == {"shop": "d2"}
    assert [one.word for one in made.due(Memory())] == ["stalled"]
    assert [one.word for one in made.due(Memory(found=frozenset()))] == ["stalled"]
    assert made.due(Memory(found=frozenset({"shop"}))) == ()


def test_a_stalled_app_that_was_rolled_back_is_known_to_whoever_rolled_it_back():
    made = applied(OutcomeKind.STALLED, rollback("d3"), deployment("d2", phase="SUPERSEDED"), deployment("d1"))
    assert made.settled == {"shop"}
    assert made.due(Memory()) == ()
    assert [one.word for one in made.due(Memory(found=frozenset()))] == ["stalled"], "GitHub knows better"


def test_an_app_without_any_history_is_said():
    assert [one.word for one in applied(OutcomeKind.BLOCKED).due(Memory())] == ["blocked"]


def test_drift_is_said_as_often_as_it_is_found_where_nothing_remembers():
    plans = [Plan(name, SyncStatus.OUT_OF_SYNC, Action.UPDATE) for name in ("shop", "desk")]
    found = planned(drift=True)
    found = Planned(found.apps, PlanReport(tuple(plans)), found.config, found.options, 2)
    made = bulletin.of(Finished(found), Redactor(), NOW)
    assert made is not None
    assert [one.app for one in made.due(Memory())] == ["shop", "desk"]
    assert [one.app for one in made.due(Memory(begun=frozenset({"desk"}), ended=("blog",)))] == ["desk", "blog"]
    assert made.due(Memory(begun=frozenset())) == ()


@pytest.mark.parametrize(
    "finished",
    [
        Finished(planned()),
        Finished(planned(apply=True), declined=True),
        Finished(planned(drift=True, rehearsal=True)),
        Finished(planned(apply=True, rehearsal=True), RolloutReport((record("shop", OutcomeKind.ROLLED_BACK),))),
        Finished(planned(drift=True, config=Config())),
    ],
    ids=["plan", "declined", "drift in the sandbox", "apply in the sandbox", "no channel"],
)
def test_a_plan_a_rehearsal_and_a_run_without_channels_say_nothing(finished: Finished):
    assert bulletin.of(finished, Redactor(), NOW) is None
