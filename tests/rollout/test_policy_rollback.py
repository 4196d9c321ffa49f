"""How the way back is chosen: what is waited for, what is deployed again, what is gone back to, and what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.model import Role, Task
from reconciler.rollout.policy import next_step
from reconciler.rollout.state import (
    Collected,
    Pin,
    Refusal,
    RollbackOptions,
    RolloutState,
    Sent,
    WriteProbe,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    FindCandidates,
    Finish,
    LookUp,
    RestoreSpec,
    Step,
    ValidateRollback,
    Write,
)
from tests.rollout.table import LOST, RULES, TRIED, leg, lost, state

LEAVING = replace(RULES, on_failure="leave")
TWO = RollbackOptions(candidates=("c1", "c2"))
SERVES = RollbackOptions(candidates=("c1",), serving=True, serving_id="c1")
REVERTED = replace(SERVES, reverted=True)
AGAIN = replace(SERVES, attempts=1)


def failed(task: Task = Task.UPDATE, **facts: Any) -> RolloutState:
    """A deployment that failed, after which these are the facts."""
    return state(task, **{"leg": leg(Phase.ERROR), "fault": "deployment d failed"} | facts)


def fault(where: FailedIn = FailedIn.BUILD, age: float = 60.0) -> dict[str, Any]:
    """A fault of the platform so many seconds ago."""
    return {"failed": Collected("", where, age, platform=True)}


def end(known: RolloutState) -> str:
    step = next_step(known)
    assert isinstance(step, Finish), step
    return step.outcome.kind.value


# ---- what came since the failure ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param({"hops": 4}, Adopt(Role.PLATFORM, "o"), id="as often as the bound allows"),
        pytest.param({"hops": 5}, ValidateRollback("c1"), id="not beyond the bound"),
        pytest.param({"own": "o"}, ValidateRollback("c1"), id="the one that was followed is not followed again"),
        pytest.param({"own": "n"}, Adopt(Role.PLATFORM, "o"), id="a second one is"),
    ],
)
def test_c49_the_platforms_own_rollback_is_followed_once_and_so_often(facts: Any, step: Step) -> None:
    assert next_step(failed(options=replace(TWO, own_id="o"), **facts)) == step


# ---- what is waited for -------------------------------------------------------------------------------------------

DEPLOYING = Collected("", FailedIn.DEPLOY)


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(
            failed(failed=DEPLOYING, options=SERVES, **TRIED), FindCandidates(5.0), id="reads fail, the app is not gone"
        ),
        pytest.param(
            failed(failed=DEPLOYING, options=SERVES, tries=2, missing=True),
            FindCandidates(5.0),
            id="it was missing twice",
        ),
        pytest.param(
            failed(failed=replace(DEPLOYING, age=298), options=SERVES), FindCandidates(2.0), id="no longer than needed"
        ),
        pytest.param(
            failed(failed=replace(DEPLOYING, age=300), options=SERVES), ValidateRollback("c1"), id="its time is over"
        ),
        pytest.param(
            failed(failed=DEPLOYING, options=SERVES, own="o"), ValidateRollback("c1"), id="it went back before"
        ),
        pytest.param(failed(options=AGAIN, **fault(age=0)), FindCandidates(5.0), id="a fault of the platform"),
        pytest.param(
            failed(options=AGAIN, **fault(FailedIn.DEPLOY)), FindCandidates(5.0), id="the longer time, of the two"
        ),
        pytest.param(
            failed(options=replace(AGAIN, serving_id=""), **fault(FailedIn.DEPLOY, 59)),
            FindCandidates(1.0),
            id="nothing serves that it could go back to",
        ),
    ],
)
def test_the_platform_is_given_its_time_to_go_back_and_a_fault_of_its_own_to_pass(
    known: RolloutState, step: Step
) -> None:
    assert next_step(known) == step


def test_a_policy_that_leaves_waits_for_no_second_try() -> None:
    assert end(failed(rules=LEAVING, options=AGAIN, **fault(age=0))) == "platform_fault"


# ---- once more forward, or back -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(
            failed(options=AGAIN, failed=Collected(age=60)), ValidateRollback("c1"), id="the spec's own fault"
        ),
        pytest.param(failed(options=AGAIN), ValidateRollback("c1"), id="nothing is known of the failure"),
        pytest.param(state(Task.ROLL_BACK, options=TWO), ValidateRollback("c1"), id="a person asked to go back"),
        pytest.param(
            state(Task.ROLL_BACK, options=TWO, rules=LEAVING),
            ValidateRollback("c1"),
            id="a person asked to go back, `on_failure: leave`",
        ),
    ],
)
def test_only_a_fault_of_the_platform_is_deployed_again(known: RolloutState, step: Step) -> None:
    assert next_step(known) == step


def test_c51_what_the_history_does_not_show_as_an_attempt_is_not_tried_again() -> None:
    assert end(failed(options=SERVES, **fault())) == "platform_fault"


SENT = WriteStatus(Sent.ACCEPTED, 1, deployment_id="e")
REFUSED = WriteStatus(Sent.REFUSED, 1, why="no")
STORED = replace(AGAIN, ours_stored=True)


@pytest.mark.parametrize(
    ("write", "options", "step"),
    [
        pytest.param(SENT, AGAIN, Adopt(Role.DEPLOY, "e"), id="accepted"),
        pytest.param(LOST, AGAIN, LookUp("update"), id="the answer was lost"),
        pytest.param(LOST, STORED, LookUp("redeploy"), id="the answer to a redeploy was lost"),
        pytest.param(lost(WriteProbe.STORED, looks=3), STORED, LookUp("redeploy", 10.0), id="looked for three times"),
        pytest.param(WriteStatus(stale=True), AGAIN, Write(Task.UPDATE), id="held back, as the look was too old"),
        pytest.param(WriteStatus(stale=True), STORED, Write(Task.REDEPLOY), id="held back, a redeploy"),
    ],
)
def test_c51_a_second_try_is_seen_through_and_not_decided_anew(
    write: WriteStatus, options: RollbackOptions, step: Step
) -> None:
    assert next_step(failed(write=write, options=options)) == step


def test_c51_a_look_for_the_second_try_that_failed_is_made_again_after_a_while() -> None:
    write = lost(WriteProbe.STORED, looks=1)
    assert next_step(failed(write=write, options=AGAIN, tries=1)) == LookUp("update", 5.0)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(REFUSED, id="refused"),
        pytest.param(replace(REFUSED, refusal=Refusal.STALE, stale=True), id="held back twice"),
        pytest.param(lost(WriteProbe.FOREIGN), id="another party changed the app"),
        pytest.param(lost(WriteProbe.STORED, looks=4), id="no deployment of it shows"),
    ],
)
def test_c51_a_second_try_that_cannot_be_sent_is_a_fault_of_the_platform_and_nothing_goes_back(
    write: WriteStatus,
) -> None:
    step = next_step(failed(write=write, options=AGAIN))
    assert isinstance(step, Finish)
    assert step.outcome.kind.value == "platform_fault"
    assert step.outcome.reason.endswith(f"it could not be sent again: {write.why}")


def test_without_a_look_at_the_app_nothing_is_decided() -> None:
    assert next_step(failed(write=LOST)) == FindCandidates()


# ---- what still serves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"pinned": True}, id="while a rollback pins the app"),
        pytest.param({"back": leg(Phase.ERROR, Role.SERVING)}, id="when it was judged unhealthy"),
    ],
)
def test_what_serves_with_its_spec_stored_is_no_good_end(facts: Any) -> None:
    known = failed(options=REVERTED, rejected=("incompatible_phase",), **facts)
    assert next_step(known) == RestoreSpec("c1")


# ---- what a person can run next -----------------------------------------------------------------------------------

STATUS = ("reconcile status web",)
AGAIN_OR_STATUS = ("reconcile", *STATUS)


@pytest.mark.parametrize(
    ("known", "kind", "commands"),
    [
        pytest.param(
            failed(options=RollbackOptions(newer=True)), "superseded", AGAIN_OR_STATUS, id="another deployment started"
        ),
        pytest.param(state(Task.ROLL_BACK, options=RollbackOptions()), "refused", STATUS, id="nowhere else to go"),
        pytest.param(failed(options=RollbackOptions()), "degraded", STATUS, id="nothing was ever active"),
        pytest.param(
            failed(options=TWO, rejected=("x", "y"), restore=lost(WriteProbe.FOREIGN)),
            "superseded",
            AGAIN_OR_STATUS,
            id="the app was changed while a spec was sent back",
        ),
        pytest.param(failed(options=TWO, rules=LEAVING), "left", ("reconcile rollback web",), id="left as is"),
        pytest.param(
            failed(options=replace(TWO, pin=Pin.OTHER)),
            "blocked",
            ("reconcile rollback web --commit", "reconcile rollback web --revert", *STATUS),
            id="pinned by a person",
        ),
    ],
)
def test_an_end_names_what_a_person_can_run(known: RolloutState, kind: str, commands: tuple[str, ...]) -> None:
    step = next_step(known)
    assert isinstance(step, Finish)
    assert (step.outcome.kind.value, step.outcome.commands) == (kind, commands)
