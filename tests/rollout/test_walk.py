"""What holds in every state that the policy can reach, whatever the platform and other people do."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from reconciler.rollout.model import OutcomeKind, Task
from reconciler.rollout.recorder import describe, why
from reconciler.rollout.reduce import reduce
from reconciler.rollout.state import RolloutState, Sent, Waited
from reconciler.rollout.steps import WRITES, CommitRollback, Finish, Rollback, Write
from tests.rollout.table import DOCUMENT, document
from tests.rollout.walk import Walk, goals, quick_replace, small_bounds, walked


@pytest.fixture(scope="module")
def walk() -> Walk:
    """The walk over every state, once: no other file needs it, so that no other process walks again."""
    with small_bounds():
        return walked(goals())


def test_the_walk_reaches_tens_of_thousands_of_states_and_every_kind_of_step(walk: Walk) -> None:
    assert len(walk.steps) > 10_000
    assert len({type(step) for step in walk.steps}) == 18


def test_what_is_replaced_quickly_is_what_the_library_replaces(walk: Walk) -> None:
    for state, _ in walk.nodes[:: len(walk.nodes) // 1000]:
        for found in fields(RolloutState):
            change = {found.name: getattr(walk.nodes[-1][0], found.name)}
            assert quick_replace(state, **change) == replace(state, **change)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nope'"):
        quick_replace(walk.nodes[0][0], nope=1)


def test_every_path_ends_in_an_outcome_within_a_bounded_number_of_steps(walk: Walk) -> None:
    longest = walk.longest()  # raises if any state can be reached again from itself
    assert max(longest) < 200
    ends = [step for step, nexts in zip(walk.steps, walk.edges, strict=True) if not nexts]
    assert ends
    assert all(isinstance(step, Finish) for step in ends)


def test_nothing_follows_a_finish(walk: Walk) -> None:
    for step, nexts in zip(walk.steps, walk.edges, strict=True):
        if isinstance(step, Finish):
            assert not nexts


def test_no_app_is_left_pinned_unless_the_outcome_says_so(walk: Walk) -> None:
    for (state, pins), step in zip(walk.nodes, walk.steps, strict=True):
        if isinstance(step, Finish) and pins:
            assert step.outcome.pinned, (step, state)


def test_an_outcome_that_leaves_a_pin_names_the_commands_that_settle_it(walk: Walk) -> None:
    pinned = {step for step in walk.steps if isinstance(step, Finish) and step.outcome.pinned}
    assert {step.outcome.kind for step in pinned} >= {OutcomeKind.ROLLBACK_FAILED, OutcomeKind.PINNED}
    for step in pinned:
        if step.outcome.kind is not OutcomeKind.FAILED:  # somebody deleted the app
            assert "reconcile rollback web --commit" in step.outcome.commands
            assert "reconcile rollback web --revert" in step.outcome.commands


def test_rolled_back_is_only_said_when_the_app_was_seen_unpinned(walk: Walk) -> None:
    for (_, pins), step in zip(walk.nodes, walk.steps, strict=True):
        if isinstance(step, Finish) and step.outcome.kind in (OutcomeKind.ROLLED_BACK, OutcomeKind.TAKEN_BACK):
            assert not pins
            assert not step.outcome.pinned


def test_pinned_is_only_said_once_the_rollback_that_pins_the_app_was_judged(walk: Walk) -> None:
    for (known, _), step in zip(walk.nodes, walk.steps, strict=True):
        if isinstance(step, Finish) and step.outcome.kind is OutcomeKind.PINNED:
            assert known.undo.status is Sent.NOT_YET, "what it led to is followed, and is not an answer to wait for"


def test_taken_back_is_said_where_a_person_asked_for_it_and_nowhere_else(walk: Walk) -> None:
    found = zip(walk.nodes, walk.steps, strict=True)
    ends = {(known.goal.task, step.outcome.kind) for (known, _), step in found if isinstance(step, Finish)}
    back = {(task, kind) for task, kind in ends if kind in (OutcomeKind.ROLLED_BACK, OutcomeKind.TAKEN_BACK)}
    assert {kind for task, kind in back if task is Task.ROLL_BACK} == {OutcomeKind.TAKEN_BACK}
    assert {kind for task, kind in back if task is not Task.ROLL_BACK} == {OutcomeKind.ROLLED_BACK}


def test_whatever_is_decided_has_words_and_a_reason_and_what_passes_the_time_has_neither(walk: Walk) -> None:
    for (known, _), step in zip(walk.nodes, walk.steps, strict=True):
        if isinstance(step, Finish):
            assert not why(known, step)
        else:
            assert bool(why(known, step)) == bool(describe(step)), (step, known)


def test_every_outcome_has_a_reason_and_every_bad_one_a_command(walk: Walk) -> None:
    for step in walk.steps:
        if isinstance(step, Finish) and step.outcome.kind is not OutcomeKind.UNCHANGED:
            outcome = step.outcome
            assert outcome.reason
            assert "None" not in outcome.reason
            if not outcome.kind.good and outcome.kind is not OutcomeKind.FAILED:
                assert outcome.commands


def test_a_policy_that_leaves_never_goes_back_and_one_that_pins_never_commits(walk: Walk) -> None:
    for (state, _), step in zip(walk.nodes, walk.steps, strict=True):
        rules, task = state.goal.rules, state.goal.task.value
        if rules.on_failure == "leave" and task not in ("roll_back", "resume"):
            assert not isinstance(step, Rollback)
        if rules.on_failure == "pin":
            assert not isinstance(step, CommitRollback)


def test_c46_the_plans_write_is_sent_at_most_twice_and_again_only_after_looking(walk: Walk) -> None:
    sends = [state.write for (state, _), step in zip(walk.nodes, walk.steps, strict=True) if isinstance(step, Write)]
    assert {write.sends for write in sends} == {0, 1}
    assert all(write.looks >= 2 for write in sends if write.sends == 1)


def test_every_step_that_writes_is_one_of_four(walk: Walk) -> None:
    writing = {type(step).__name__ for step in walk.steps if isinstance(step, WRITES)}
    assert writing == {"Write", "Rollback", "CommitRollback", "RestoreSpec"}


def test_with_all_real_bounds_but_one_hop_a_rollback_of_the_platforms_own_still_ends() -> None:
    found = [goal for goal in goals() if goal.task == "adopt" and goal.rules.on_failure == "leave"]
    with small_bounds("HOPS"):
        walk = walked(found)
    assert max(walk.longest()) < 150


def test_a_finding_that_a_step_cannot_make_is_a_bug(walk: Walk) -> None:
    kinds = {type(step): step for step in walk.steps if not isinstance(step, Finish)}
    states = {type(step): state for (state, _), step in zip(walk.nodes, walk.steps, strict=True)}
    for kind, step in kinds.items():
        if kind.__name__ != "Wait":
            with pytest.raises(TypeError, match=kind.__name__):
                reduce(states[kind], step, Waited())


def test_following_without_a_deployment_is_a_bug(walk: Walk) -> None:
    follow = next(step for step in walk.steps if type(step).__name__ == "Follow")
    with pytest.raises(TypeError, match="without a deployment"):
        reduce(RolloutState(goals()[0]), follow, Waited())


def test_the_document_shows_the_table_and_the_diagram_as_the_code_has_them(walk: Walk) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(text, walk) == text, "run: python -m tests.rollout.table"
