"""The policy as a decision table."""

from __future__ import annotations

import pytest

from reconciler.live.models import Phase
from reconciler.rollout.state import Options, RolloutState, Successor, Task, Trace
from reconciler.rollout.step import Finish
from reconciler.rollout.steps import next_step
from tests.rollout.table import LOST, ROWS, SEEN, Row, leg, lost, state, told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}: {row.when}")
def test_the_policy_decides(row: Row) -> None:
    assert told(next_step(row.state)) == row.then


def reason(state: RolloutState) -> str:
    step = next_step(state)
    assert isinstance(step, Finish)
    return step.outcome.reason


def test_what_could_not_be_learnt_is_told_with_the_last_error() -> None:
    gone_quiet = state(sight=SEEN, write=LOST, tries=3, why="GET /v2/apps/1: 502")
    assert reason(gone_quiet) == "what became of the update could not be learnt: GET /v2/apps/1: 502"
    in_vain = state(sight=SEEN, write=lost(Trace.STORED, looks=4))
    assert reason(in_vain) == "what became of the update could not be learnt: reset"


def test_who_took_over_is_told() -> None:
    over = leg(Phase.SUPERSEDED)
    assert "does not carry our spec" in reason(state(leg=over, successor=Successor()))
    again = state(leg=over, successor=Successor(deployment_id="e"), hops=5)
    assert "superseded each other more than 5 times" in reason(again)


def test_what_failed_stands_in_the_reason_and_a_rollback_that_was_asked_for_says_so() -> None:
    failed = state(leg=leg(Phase.ERROR), fault="deployment d failed: api", options=Options())
    assert reason(failed).startswith("deployment d failed: api; no rollback target")
    asked = state(Task.ROLL_BACK, options=Options())
    assert reason(asked) == "there is no earlier deployment of another version to go back to; nothing was changed"
