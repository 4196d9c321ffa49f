"""What a step's finding adds to the state, and what the policy makes of it, where a rollout rarely comes by."""

from __future__ import annotations

import pytest

from reconciler.live.models import Phase
from reconciler.rollout.model import SENDS_BACK, TRIES
from reconciler.rollout.policy import next_step
from reconciler.rollout.reduce import REJECTED, UNVERIFIABLE, reduce
from reconciler.rollout.state import (
    Failed,
    Pin,
    PinSeen,
    Precheck,
    Refusal,
    Refused,
    RollbackOptions,
    RolloutState,
    Seen,
    Waited,
    WriteStatus,
)
from reconciler.rollout.steps import CheckHealth, Follow, Look, Rollback, Step, ValidateRollback, VerifyUnpinned
from tests.rollout.table import leg, state

TWO = RollbackOptions(candidates=("c1", "c2"))
VALID = state(leg=leg(Phase.ERROR), fault="deployment d failed", options=TWO, valid=True)


def test_a_candidate_that_cannot_be_validated_in_three_tries_makes_way_for_the_next() -> None:
    found = state(leg=leg(Phase.ERROR), fault="deployment d failed", options=TWO)
    for tried in range(TRIES):
        assert (found.tries, found.rejected) == (tried, ())
        step = next_step(found)
        assert isinstance(step, ValidateRollback)
        assert step.deployment_id == "c1"
        found = reduce(found, step, Failed("POST /v2/apps/1/rollback/validate: 502"))
    assert (found.tries, found.why, found.rejected) == (0, "", (UNVERIFIABLE,))
    assert next_step(found) == ValidateRollback("c2")


@pytest.mark.parametrize("refusal", [Refusal.MOVED, Refusal.PINNED])
def test_where_to_go_back_to_is_decided_anew_when_somebody_came_in_between(refusal: Refusal) -> None:
    found = reduce(VALID, Rollback("c1"), Refused("somebody was faster", refusal))
    assert (found.options, found.rejected, found.valid, found.pinned) == (None, (), False, False)
    assert type(next_step(found)).__name__ == "FindCandidates"
    assert found.undo == WriteStatus(sends=1)


def test_an_app_that_somebody_changes_right_before_each_rollback_is_not_asked_for_ever() -> None:
    found = VALID
    for _ in range(SENDS_BACK):
        found = RolloutState(found.goal, leg=VALID.leg, fault=VALID.fault, options=TWO, valid=True, undo=found.undo)
        found = reduce(found, Rollback("c1"), Refused("somebody was faster", Refusal.MOVED))
    assert (found.options, found.rejected) == (TWO, (REJECTED,))
    assert found.undo == WriteStatus(sends=SENDS_BACK, why="somebody was faster")


def test_a_candidate_whose_rollback_the_platform_refuses_makes_way_for_the_next() -> None:
    found = reduce(VALID, Rollback("c1"), Refused("no such revision"))
    assert (found.options, found.rejected, found.valid) == (TWO, (REJECTED,), False)
    assert next_step(found) == ValidateRollback("c2")


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (Look(), Waited()),
        (VerifyUnpinned("r"), Refused("no")),
        (Follow("d"), Precheck()),
        (CheckHealth("d"), PinSeen(Pin.NONE)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_finding_that_its_step_cannot_make_is_a_bug_and_says_which(step: Step, seen: Seen) -> None:
    with pytest.raises(TypeError, match=f"{type(step).__name__} cannot find {type(seen).__name__}"):
        reduce(state(leg=leg(Phase.BUILDING)), step, seen)


def test_watching_a_deployment_before_there_is_one_is_a_bug() -> None:
    with pytest.raises(TypeError, match="Follow without a deployment"):
        reduce(state(), Follow("d"), Waited())
