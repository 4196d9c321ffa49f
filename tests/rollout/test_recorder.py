"""Why each step was chosen, as the account tells it."""

from __future__ import annotations

import pytest

from reconciler.live.models import Phase
from reconciler.rollout.failure import summary
from reconciler.rollout.health import Evidence, Grade, Sample
from reconciler.rollout.model import Failure, Outcome, OutcomeKind, Role, Task
from reconciler.rollout.recorder import describe, why
from reconciler.rollout.state import ActiveState, Precheck, Refusal, RollbackOptions, RolloutState, Sent, WriteStatus
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    Look,
    LookUp,
    Probe,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
    Wait,
    Write,
)
from tests.rollout.table import LOST, goal, leg, state

BAD = Evidence(20, Sample(Grade.BAD, "api is unhealthy", "api"), 20, grade=Grade.BAD, confirmed=20)
GOOD = Evidence(40, Sample(Grade.GOOD, "fine"), 40, Sample(Grade.GOOD), 40, grade=Grade.GOOD, confirmed=40)
ACTIVE = leg(Phase.ACTIVE, evidence=GOOD)
BACK = leg(Phase.ACTIVE, Role.ROLLBACK, evidence=GOOD)
TWO = RollbackOptions(candidates=("a", "b"))

CASES: dict[str, tuple[RolloutState, Step, str]] = {
    "a new app": (state(Task.CREATE), Write(Task.CREATE), "there is no such app yet"),
    "an update": (state(), Write(Task.UPDATE), "the app is as it was planned"),
    "an update again": (state(write=LOST), Write(Task.UPDATE), "there is no trace of the previous attempt"),
    "a look": (state(), Look(), "a change since the plan is not overwritten"),
    "a look again": (state(tries=1, why="GET /v2/apps/1: 502"), Look(), "the last attempt failed: GET /v2/apps/1: 502"),
    "a lost write": (state(write=LOST), LookUp("update"), "the answer was lost: reset"),
    "a lost rollback": (state(undo=LOST), LookUp("rollback"), "the answer was lost: reset"),
    "a lost restore": (state(restore=LOST), LookUp("restore"), "the answer was lost: reset"),
    "a write without a deployment": (
        state(write=WriteStatus(Sent.ACCEPTED, 1)), LookUp("update"), "the answer names no deployment"),
    "a taken name": (
        state(write=WriteStatus(Sent.REFUSED, 1, refusal=Refusal.TAKEN, why="409: the name is taken")),
        LookUp("create"), "409: the name is taken"),
    "our deployment": (state(), Adopt(Role.DEPLOY, "d"), "it is what was sent"),
    "a restored spec's deployment": (state(), Adopt(Role.RESTORE, "d"), "it is what was sent"),
    "our rollback": (state(undo=WriteStatus(Sent.ACCEPTED, 1)), Adopt(Role.ROLLBACK, "d"), "it is what was sent"),
    "an earlier run's rollback": (state(Task.RESUME), Adopt(Role.ROLLBACK, "d"), "an earlier run began it"),
    "what the plan follows": (
        RolloutState(goal(Task.FOLLOW, reason="a deployment of this very spec is under way (BUILDING)")),
        Adopt(Role.FOLLOWED, "d"), "a deployment of this very spec is under way (BUILDING)"),
    "what runs already": (state(), Adopt(Role.FOLLOWED, "d"), "it was already in progress"),
    "what took over": (state(leg=ACTIVE), Adopt(Role.FOLLOWED, "e"), "the same spec was deployed again since"),
    "a superseded one": (state(leg=leg(Phase.SUPERSEDED)), FindSuccessor("d"), "it was superseded"),
    "one about to be": (state(leg=ACTIVE), FindSuccessor("d"), "another deployment is taking over"),
    "a healthy one": (state(leg=ACTIVE), ReadBack("d"), "healthy for 30 s"),
    "a healthy one, not shown yet": (
        state(leg=ACTIVE, standing=ActiveState.BEFORE), ReadBack("d"), "the app still shows what was active before"),
    "an error": (state(leg=leg(Phase.ERROR)), CollectFailure("d"), "its phase is ERROR"),
    "an unhealthy one": (
        state(leg=leg(Phase.ACTIVE, evidence=BAD)), CollectFailure("d"), "api is unhealthy, for 20 s"),
    "a failure": (state(leg=leg(Phase.ERROR), fault="api failed"), FindCandidates(), "api failed"),
    "a person's wish": (state(Task.ROLL_BACK), FindCandidates(), "a rollback was requested"),
    "a wait for the platform": (
        state(leg=leg(Phase.ERROR), fault="api failed", options=TWO), FindCandidates(5.0),
        "the platform may roll back by itself; waiting for it"),
    "a look while the platform rolls back": (
        state(sight=Precheck(awaited=True)), Look(5.0),
        "the platform is rolling back by itself; sending now would supersede that"),
    "a change right before": (
        state(undo=WriteStatus(sends=1)), FindCandidates(), "the app was changed right before the rollback"),
    "the first candidate": (state(options=TWO), ValidateRollback("a"), "it was the last good one"),
    "the one that serves": (
        state(options=RollbackOptions(candidates=("a",), serving=True)), ValidateRollback("a"), "it still serves"),
    "the next candidate": (
        state(options=TWO, rejected=("region_conflict",)), ValidateRollback("b"),
        "the previous candidate cannot be rolled back to: region_conflict"),
    "the one asked for": (
        RolloutState(goal(Task.ROLL_BACK, follow_id="a"), options=TWO), ValidateRollback("a"), "it was requested"),
    "a rollback": (
        state(options=TWO, valid=True), Rollback("a"), "the platform says that the app can be rolled back to it"),
    "a rollback again": (
        state(options=TWO, valid=True, undo=LOST), Rollback("a"), "there is no trace of the previous attempt"),
    "a spec sent back": (
        state(options=TWO, rejected=("region_conflict", "region_conflict")), RestoreSpec("a"),
        "no rollback is possible: region_conflict"),
    "a spec sent back again": (
        state(options=TWO, restore=LOST), RestoreSpec("a"), "there is no trace of the previous attempt"),
    "a healthy rollback": (state(back=BACK), CommitRollback(), "healthy for 15 s"),
    "a commit again": (
        state(back=BACK, commit=WriteStatus(Sent.ACCEPTED, 1)), CommitRollback(), "the app is still pinned"),
    "after a commit": (
        state(back=BACK, commit=WriteStatus(Sent.ACCEPTED, 1)), VerifyUnpinned("r"), "the commit was sent"),
    "after a lost commit": (state(back=BACK, commit=LOST), VerifyUnpinned("r"), "the answer to the commit was lost"),
}  # fmt: skip


@pytest.mark.parametrize(("known", "step", "reason"), CASES.values(), ids=CASES)
def test_the_account_tells_why(known: RolloutState, step: Step, reason: str) -> None:
    assert why(known, step) == reason


@pytest.mark.parametrize(
    "step", [Follow("d"), CheckHealth("d"), Probe("d"), Wait(5, "not yet"), Finish(Outcome(OutcomeKind.APPLIED))]
)
def test_what_passes_the_time_and_the_end_itself_need_no_reason(step: Step) -> None:
    assert why(state(leg=ACTIVE), step) == ""


def test_what_is_followed_is_named_before_it_is_explained() -> None:
    told = "following deployment d1, not of this run, with the same spec"
    assert describe(Adopt(Role.FOLLOWED, "d1")) == told


def test_a_failure_is_told_so_that_the_sentence_can_go_on() -> None:
    assert summary("d1", Failure("web", code="C", message="It failed.")) == "deployment d1 failed: web: C: It failed"
