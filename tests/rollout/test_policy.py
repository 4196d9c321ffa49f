"""The policy as a decision table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.model import Role, Task
from reconciler.rollout.policy import next_step
from reconciler.rollout.state import (
    ActiveState,
    Collected,
    Pin,
    Precheck,
    RollbackOptions,
    RolloutState,
    Sent,
    Successor,
    WriteProbe,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    Look,
    LookUp,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
)
from tests.rollout.table import LOST, ROWS, RULES, SEEN, SOAKED, TRIED, Row, leg, lost, state, told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}: {row.when}")
def test_the_policy_decides(row: Row) -> None:
    assert told(next_step(row.state)) == row.then


HEALTHY = leg(Phase.ACTIVE, evidence=SOAKED)
BACK = leg(Phase.ACTIVE, Role.ROLLBACK, evidence=SOAKED)


def reason(state: RolloutState) -> str:
    step = next_step(state)
    assert isinstance(step, Finish)
    return step.outcome.reason


def test_what_could_not_be_learnt_is_told_with_the_last_error() -> None:
    gone_quiet = state(sight=SEEN, write=LOST, tries=3, why="GET /v2/apps/1: 502")
    assert reason(gone_quiet) == "could not determine whether the update took effect: GET /v2/apps/1: 502"
    in_vain = state(sight=SEEN, write=lost(WriteProbe.STORED, looks=4))
    assert reason(in_vain) == "could not determine whether the update took effect: reset"


UNDER_WAY = [phase for phase in Phase if not phase.terminal]


@pytest.mark.parametrize("phase", UNDER_WAY)
def test_a_deployment_under_way_is_followed_there_and_back(phase: Phase) -> None:
    assert next_step(state(leg=leg(phase))) == Follow("d")
    assert next_step(state(back=leg(phase, Role.ROLLBACK))) == Follow("d")


@pytest.mark.parametrize("phase", UNDER_WAY)
def test_each_budget_ends_when_it_is_spent_and_is_charged_alone(phase: Phase) -> None:
    budget, spent, other = ("build", 3600, "deploy") if phase.building else ("deploy", 1200, "build")
    assert next_step(state(leg=leg(phase, **{budget: spent - 1, other: 9999}))) == Follow("d")
    over = state(leg=leg(phase, **{budget: spent}))
    name = "build" if phase.building else "deployment"
    assert reason(over).startswith(f"the {name} took more than {spent} s; deployment d continues on App Platform")


ERROR, OVER = leg(Phase.ERROR), leg(Phase.SUPERSEDED)
FAULT = {"leg": ERROR, "fault": "deployment d failed"}
TWO = RollbackOptions(candidates=("c1", "c2"))
COMMITTED = {"back": BACK, "pinned": True, "commit": WriteStatus(Sent.ACCEPTED, 1)}


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({}, Look),
        ({"leg": OVER}, lambda after: FindSuccessor("d", after)),
        ({"back": replace(OVER, role=Role.ROLLBACK)}, lambda after: FindSuccessor("d", after)),
        (FAULT, FindCandidates),
        (FAULT | {"options": TWO}, lambda after: ValidateRollback("c1", after)),
        (FAULT | {"options": TWO, "rejected": ("x",)}, lambda after: ValidateRollback("c2", after)),
    ],
)
@pytest.mark.parametrize(("tries", "pause"), [(0, 0), (1, 2), (2, 5)])
def test_a_read_that_failed_is_made_again_after_a_while(facts: Any, step: Any, tries: int, pause: float) -> None:
    assert next_step(state(**facts, tries=tries)) == step(pause)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (
            lambda looks: {"sight": SEEN, "write": lost(WriteProbe.STORED, looks=looks)},
            lambda after: LookUp("update", after),
        ),
        (
            lambda looks: FAULT | {"options": TWO, "valid": True, "undo": lost(WriteProbe.STORED, looks=looks)},
            lambda after: LookUp("rollback", after, "c1"),
        ),
        (
            lambda looks: (
                FAULT | {"options": TWO, "rejected": ("x", "x"), "restore": lost(WriteProbe.STORED, looks=looks)}
            ),
            lambda after: LookUp("restore", after, "c1"),
        ),
        (
            lambda looks: {"leg": HEALTHY, "standing": ActiveState.BEFORE, "standing_looks": looks},
            lambda after: ReadBack("d", after),
        ),
        (
            lambda looks: COMMITTED | {"pin": Pin.OURS, "pin_looks": looks},
            lambda after: VerifyUnpinned("d", after),
        ),
    ],
)
@pytest.mark.parametrize(
    ("looks", "tries", "pause"), [(0, 0, 0), (1, 0, 2), (0, 2, 5), (1, 1, 5), (3, 0, 10), (3, 2, 10)]
)
def test_a_look_is_made_again_after_a_while_that_grows(
    facts: Any, step: Any, looks: int, tries: int, pause: float
) -> None:
    assert next_step(state(**facts(looks), tries=tries)) == step(pause)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (FAULT, FindCandidates(5)),
        ({"back": replace(OVER, role=Role.ROLLBACK)}, FindSuccessor("d", 5)),
        (COMMITTED | {"pin": Pin.OURS}, VerifyUnpinned("d", 5)),
        ({"leg": HEALTHY}, ReadBack("d", 5)),
    ],
)
def test_an_app_that_does_not_show_once_or_twice_is_not_gone(facts: Any, step: Step) -> None:
    assert next_step(state(**facts, tries=2, missing=True)) == step


@pytest.mark.parametrize(
    ("options", "facts", "step"),
    [
        (TWO, {}, ValidateRollback("c1")),
        (TWO, {"valid": True}, Rollback("c1")),
        (TWO, {"rejected": ("x",), "valid": True}, Rollback("c2")),
        (TWO, {"rejected": ("x", "y")}, RestoreSpec("c1")),
        (TWO, {"rejected": ("exceeded_revision_limit",)}, RestoreSpec("c1")),
        (replace(TWO, serving=True), {}, ValidateRollback("c1")),
        (replace(TWO, serving=True), {"valid": True}, Rollback("c1")),
        (replace(TWO, serving=True), {"rejected": ("x",)}, RestoreSpec("c1")),
        (replace(TWO, serving=True, reverted=True), {}, ValidateRollback("c1")),
        (replace(TWO, reverted=True), {"rejected": ("x",)}, ValidateRollback("c2")),
    ],
)
def test_candidates_are_tried_in_turn_and_the_best_ones_spec_is_the_last_resort(
    options: RollbackOptions, facts: Any, step: Step
) -> None:
    assert next_step(state(**FAULT, options=options, **facts)) == step


LOST_AGAIN = lost(WriteProbe.NOT_THERE, sends=2, looks=4)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({"leg": leg(Phase.BUILDING, missing=2)}, Follow("d")),
        ({"back": leg(Phase.BUILDING, Role.ROLLBACK, missing=2)}, Follow("d")),
        ({"leg": OVER, "successor": Successor(deployment_id="e"), "hops": 4}, Adopt(Role.FOLLOWED, "e")),
        (FAULT | {"options": RollbackOptions(newer=True, newer_id="e"), "hops": 4}, Adopt(Role.FOLLOWED, "e")),
        (FAULT | {"options": TWO, "valid": True, "undo": LOST_AGAIN}, Rollback("c1")),
        (FAULT | {"options": TWO, "rejected": ("x", "y"), "restore": LOST_AGAIN}, RestoreSpec("c1")),
        (COMMITTED | {"commit": WriteStatus(Sent.LOST, 2), "pin": Pin.OURS, "pin_looks": 4}, CommitRollback()),
    ],
)
def test_the_last_time_that_a_bound_allows_is_used(facts: Any, step: Step) -> None:
    assert next_step(state(**facts)) == step


def test_who_took_over_is_told() -> None:
    over = leg(Phase.SUPERSEDED)
    assert "a deployment with another spec took over" in reason(state(leg=over, successor=Successor()))
    again = state(leg=over, successor=Successor(deployment_id="e"), hops=5)
    assert "superseded each other more than 5 times" in reason(again)


AWAITED = Precheck(awaited=True)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"awaited": 3600.0}, id="the build's time is over"),
        pytest.param({"awaited": 4799.0}, id="a second before both are"),
        pytest.param({"write": lost(WriteProbe.NOT_THERE, looks=4)}, id="before an update is sent for the second time"),
    ],
)
def test_c49_nothing_is_sent_while_the_platforms_own_rollback_is_in_progress(facts: Any) -> None:
    assert next_step(state(sight=AWAITED, **facts)) == Look(5.0)


CANCELED, OTHERS = leg(Phase.CANCELED), {"leg": HEALTHY, "standing": ActiveState.OTHER}
LOOK_AGAIN = ("reconcile", "reconcile status web")


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param(OTHERS, FindSuccessor("d"), id="healthy, and not looked yet"),
        pytest.param(
            OTHERS | {"successor": Successor(deployment_id="e")}, Adopt(Role.FOLLOWED, "e"), id="healthy, and ours did"
        ),
    ],
)
def test_what_takes_over_from_a_healthy_deployment_is_looked_for(facts: Any, step: Step) -> None:
    assert next_step(state(**facts)) == step


@pytest.mark.parametrize(
    ("facts", "kind", "commands"),
    [
        pytest.param(OTHERS | {"successor": Successor(other=True)}, "superseded", LOOK_AGAIN, id="another, healthy"),
        pytest.param(
            {"leg": CANCELED, "successor": Successor(own_id="o")}, "superseded", LOOK_AGAIN, id="the platform"
        ),
        pytest.param(
            {"leg": CANCELED, "successor": Successor(Pin.OTHER)},
            "blocked",
            ("reconcile rollback web --commit", "reconcile rollback web --revert", "reconcile status web"),
            id="a person's rollback",
        ),
        pytest.param({"leg": OVER, **TRIED}, "superseded", LOOK_AGAIN, id="what could not be read"),
    ],
)
def test_what_took_over_is_the_end_as_soon_as_it_shows(facts: Any, kind: str, commands: tuple[str, ...]) -> None:
    step = next_step(state(**{"successor_looks": 1} | facts))
    assert isinstance(step, Finish)
    assert (step.outcome.kind.value, step.outcome.commands) == (kind, commands)


def test_what_failed_stands_in_the_reason_and_a_rollback_that_was_asked_for_says_so() -> None:
    failed = state(leg=leg(Phase.ERROR), fault="deployment d failed: api", options=RollbackOptions())
    assert reason(failed).startswith("deployment d failed: api; no rollback target")
    asked = state(Task.ROLL_BACK, options=RollbackOptions())
    assert reason(asked) == "there is no earlier deployment of another version to go back to; nothing was changed"


WAITING = RollbackOptions(candidates=("c1",), serving_id="c1")
DEPLOYED = Collected("deployment d failed", FailedIn.DEPLOY)
OTHER = {"standing": ActiveState.OTHER}
PINNING = {"rules": replace(RULES, on_failure="pin"), "own": "o"}
THEIRS = leg(Phase.ACTIVE, Role.PLATFORM, evidence=SOAKED)


def test_c49_a_pin_that_the_platform_made_is_judged_as_its_own_rollback() -> None:
    pinned = state(Task.RESUME, sight=Precheck(pin=Pin.PLATFORM, pinned_id="o"))
    assert next_step(pinned) == Adopt(Role.PLATFORM, "o")


def test_c49_an_app_that_is_deleted_while_the_platform_is_waited_for_is_gone() -> None:
    waiting = {"leg": ERROR, "fault": "deployment d failed", "failed": DEPLOYED, "options": WAITING}
    assert next_step(state(**waiting)) == FindCandidates(5.0)
    assert "the app was deleted meanwhile" in reason(state(**waiting, tries=3, missing=3))


def test_c49_ours_that_takes_over_from_the_platforms_own_rollback_is_followed() -> None:
    over = {"back": THEIRS, "own": "o", **OTHER, "successor": Successor(deployment_id="e", other=True)}
    assert next_step(state(**over)) == Adopt(Role.FOLLOWED, "e")


def test_c49_a_restored_spec_in_a_pinned_app_is_not_rolled_back_yet() -> None:
    restored = leg(Phase.ACTIVE, Role.RESTORE, evidence=SOAKED)
    sent = {"back": restored, "restore": WriteStatus(Sent.ACCEPTED, 1), "options": TWO, "pinned": True}
    step = next_step(state(**sent, standing=ActiveState.OURS))
    assert isinstance(step, Finish)
    assert (step.outcome.kind.value, step.outcome.pinned) == ("blocked", True)


def test_c49_what_cannot_be_pinned_is_said_not_to_be() -> None:
    done = {
        "back": THEIRS,
        **PINNING,
        "standing": ActiveState.OURS,
        "options": WAITING,
        "rejected": ("region_conflict",),
    }
    done |= {"undo": WriteStatus(Sent.NOT_YET, 0), "restore": WriteStatus(Sent.REFUSED, 1)}
    told_so = reason(state(**done))
    assert "the app is not pinned, as no rollback is possible (region_conflict)" in told_so


def test_c49_what_the_platform_made_the_apps_spec_again_needs_no_commit() -> None:
    rules = replace(RULES, after_platform_rollback="commit")
    reverted = RollbackOptions(candidates=("c1",), serving=True, reverted=True, serving_id="c1")
    done = {"back": THEIRS, "own": "o", "standing": ActiveState.OURS, "options": reverted, "kept": False}
    step = next_step(state(**done, rules=rules))
    assert isinstance(step, Finish)
    assert step.outcome.kind.value == "rolled_back"
