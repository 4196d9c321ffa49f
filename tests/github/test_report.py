from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.clock import SystemClock
from reconciler.engine import safety
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Severity
from reconciler.github.context import EventContext
from reconciler.github.inputs import Inputs
from reconciler.github.report import NOTHING_KNOWN, ActionRun, Result, digest, drifting, fingerprint, output_values
from reconciler.plan.model import Action, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport

SYNC = Plan("site", SyncStatus.IN_SYNC, Action.NONE)
WEB = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, cost=Cost(5.0, 12.0), live_digest="1")
NEW = Plan("new", SyncStatus.ABSENT, Action.CREATE, cost=Cost(0.0, 5.0))
ODD = Plan("odd", SyncStatus.OUT_OF_SYNC, Action.UPDATE)
RUNNING = Plan("api", SyncStatus.PROGRESSING, Action.NONE)
STALLED = Plan("old", SyncStatus.STALLED, Action.REFUSE)


def planned(*plans: Plan, exit_code: Exit = Exit.OK) -> Result:
    return Result(exit_code=exit_code, plan=PlanReport(plans=plans))


def record(app: str, kind: OutcomeKind, cost: Cost | None = None) -> RolloutRecord:
    return RolloutRecord(app, Action.UPDATE, Outcome(kind), cost=cost or Cost())


def test_a_plan_s_outputs_say_what_would_change_and_what_it_costs() -> None:
    values = output_values(planned(SYNC, WEB, NEW, ODD, exit_code=Exit.DIFFERENCES))
    assert (values["changes"], values["drift"], values["cost-delta"], values["exit-code"]) == (
        "3",
        "true",
        "12.00",
        "2",
    )
    assert json.loads(values["apps"])[0] == {
        "app": "web",
        "action": "update",
        "status": "out_of_sync",
        "cost_delta": 7.0,
    }
    assert [app["app"] for app in json.loads(values["apps"])] == ["web", "new", "odd"]


def test_a_plan_without_changes_costs_nothing_more() -> None:
    values = output_values(planned(SYNC))
    assert (values["changes"], values["drift"], values["cost-delta"], values["apps"]) == ("0", "false", "0.00", "[]")


def test_unknown_costs_are_not_told_as_nought() -> None:
    assert output_values(planned(ODD))["cost-delta"] == ""


def test_an_apply_s_outputs_say_what_was_changed_and_what_was_rolled_back() -> None:
    records = (
        record("web", OutcomeKind.APPLIED, Cost(5.0, 12.0)),
        record("api", OutcomeKind.ROLLED_BACK),
        record("db", OutcomeKind.PINNED),
        record("site", OutcomeKind.UNCHANGED),
        record("old", OutcomeKind.STALLED),
    )
    values = output_values(Result(exit_code=Exit.ROLLED_BACK, rollout=RolloutReport(records)))
    assert (values["changes"], values["rolled-back"], values["cost-delta"]) == ("1", "api db", "7.00")
    assert [app["outcome"] for app in json.loads(values["apps"])] == ["applied", "rolled_back", "pinned", "stalled"]


@pytest.mark.parametrize(
    ("kind", "changes", "cost"),
    [
        (OutcomeKind.APPLIED, "1", "7.00"),
        (OutcomeKind.DELETED, "1", "7.00"),
        (OutcomeKind.LEFT, "1", "7.00"),
        (OutcomeKind.DEGRADED, "1", ""),
        (OutcomeKind.ROLLBACK_FAILED, "1", ""),
        (OutcomeKind.TIMED_OUT, "1", ""),
        (OutcomeKind.INTERRUPTED, "1", ""),
        (OutcomeKind.ROLLED_BACK, "0", "0.00"),
        (OutcomeKind.PINNED, "0", "0.00"),
        (OutcomeKind.BLOCKED, "0", "0.00"),
        (OutcomeKind.SUPERSEDED, "0", "0.00"),
        (OutcomeKind.CANCELED, "0", "0.00"),
        (OutcomeKind.FAILED, "0", "0.00"),
        (OutcomeKind.REFUSED, "0", "0.00"),
        (OutcomeKind.SKIPPED, "0", "0.00"),
    ],
)
def test_what_did_not_stay_changed_counts_and_costs_nothing(kind: OutcomeKind, changes: str, cost: str) -> None:
    values = output_values(Result(exit_code=Exit.ERROR, rollout=RolloutReport((record("web", kind, Cost(5.0, 12.0)),))))
    assert (values["changes"], values["cost-delta"]) == (changes, cost)


def test_a_deployment_under_way_is_no_drift_for_the_exit_code_either() -> None:
    assert safety.of_plan(PlanReport((SYNC, RUNNING)), differences_matter=True) == 0
    assert safety.of_plan(PlanReport((SYNC, STALLED)), differences_matter=True) == 2


def test_two_jobs_about_different_specs_have_a_comment_each() -> None:
    def key(**given: Any) -> str:
        inputs = Inputs(**given)
        return ActionRun(inputs=inputs, context=EventContext(), clock=SystemClock(), out=print).key

    assert len({key(), key(specs=("a",)), key(specs=("a", "b")), key(specs=("b",))}) == 4
    assert key(specs=("a", "b")) == key(specs=("b", "a"))
    assert key(exclude=("web",)) not in (key(), key(apps=("web",)))
    assert key(only_changed="auto") == key(), "the apply on merge looks at all of them"
    assert key(specs=("proposed/a",), own_specs=("a",)) == key(specs=("a",))


def test_a_run_that_got_nowhere_knows_nothing() -> None:
    assert output_values(Result(exit_code=Exit.ERROR)) == NOTHING_KNOWN | {"exit-code": "1"}


def test_drift_is_unknown_when_somebody_could_not_look_or_a_deployment_is_still_running() -> None:
    assert drifting(Result(exit_code=Exit.ERROR, plan=PlanReport((WEB,)))) is None
    assert drifting(planned(SYNC, RUNNING, exit_code=Exit.DIFFERENCES)) is None
    broken = Finding(Severity.ERROR, "yaml", "no")
    assert drifting(Result(exit_code=Exit.INVALID, plan=PlanReport((), findings=(broken,)))) is None


def test_a_stalled_app_is_drift_and_a_running_one_beside_it_hides_nothing() -> None:
    assert drifting(planned(SYNC, RUNNING, STALLED, exit_code=Exit.STALLED)) == (STALLED,)


def test_a_fingerprint_names_a_drift_whatever_the_order() -> None:
    moved = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, cost=Cost(5.0, 12.0), live_digest="2")
    assert fingerprint((WEB, NEW)) == fingerprint((NEW, WEB))
    assert len({fingerprint(plans) for plans in [(), (WEB,), (moved,), (WEB, NEW)]}) == 4
    assert fingerprint(()) == ""
    assert digest(planned(WEB)) == fingerprint((WEB,))
    assert digest(Result(exit_code=Exit.OK)) == ""


def test_what_is_worth_a_comment() -> None:
    warning = Finding(Severity.WARNING, "latest", "a tag that moves")
    assert not planned(SYNC).is_noteworthy
    assert planned(SYNC, WEB).is_noteworthy
    assert Result(exit_code=Exit.OK, plan=PlanReport((SYNC,), findings=(warning,))).is_noteworthy
    assert Result(exit_code=Exit.INVALID).is_noteworthy
    assert not Result(exit_code=Exit.ERROR).is_noteworthy, "a plan that could not be made is red anyway"
    assert Result(exit_code=Exit.OK, rollout=RolloutReport((record("web", OutcomeKind.APPLIED),))).is_noteworthy
    assert not Result(exit_code=Exit.OK, rollout=RolloutReport((record("web", OutcomeKind.UNCHANGED),))).is_noteworthy
    assert Result(exit_code=Exit.ERROR, rollout=RolloutReport((record("web", OutcomeKind.FAILED),))).is_noteworthy
