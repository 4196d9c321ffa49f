"""What a deployment that goes back comes to: what ended otherwise, what is settled, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.model import Role, Rules
from reconciler.rollout.policy import next_step
from reconciler.rollout.state import (
    ActiveState,
    Collected,
    Pin,
    Refusal,
    RollbackOptions,
    RolloutState,
    Sent,
    Successor,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    LookUp,
    ReadBack,
    RestoreSpec,
    Step,
    ValidateRollback,
    VerifyUnpinned,
)
from tests.rollout.table import LOST, NOTHING, RULES, SICK, SOAKED, TRIED, leg, state

LEAVING, PINNING = replace(RULES, on_failure="leave"), replace(RULES, on_failure="pin")
COMMITTING = replace(RULES, after_platform_rollback="commit")
STATUS = ("reconcile status web",)
AGAIN_OR_STATUS = ("reconcile", *STATUS)
SETTLE = ("reconcile rollback web --commit", "reconcile rollback web --revert", *STATUS)
SERVES = RollbackOptions(candidates=("c1",), serving=True, serving_id="c1")
REVERTED = replace(SERVES, reverted=True)
ACCEPTED = WriteStatus(Sent.ACCEPTED, 1)
BEFORE, OTHER, OURS = ActiveState.BEFORE, ActiveState.OTHER, ActiveState.OURS


def back(phase: Phase, role: Role = Role.ROLLBACK, rules: Rules = RULES, **facts: Any) -> RolloutState:
    """A deployment ``d`` that goes back in this role, in this phase."""
    found = leg(phase, role, **facts.pop("leg", {}))
    return state(rules=rules, **{"fault": "it failed", "back": found} | facts)


def healthy(role: Role = Role.ROLLBACK, rules: Rules = RULES, **facts: Any) -> RolloutState:
    """The same, active and healthy, and seen to serve."""
    return back(Phase.ACTIVE, role, rules, **{"leg": {"evidence": SOAKED}, "standing": OURS} | facts)


def theirs(rules: Rules = RULES, **facts: Any) -> RolloutState:
    """The platform's own rollback, active and healthy, and seen to serve."""
    return healthy(Role.PLATFORM, rules, **{"own": "d"} | facts)


def end(known: RolloutState) -> tuple[str, str]:
    step = next_step(known)
    assert isinstance(step, Finish), step
    return step.outcome.kind.value, step.outcome.reason


# ---- it ended otherwise -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(back(Phase.ERROR, Role.RESTORE), CollectFailure("d"), id="a restored spec failed"),
        pytest.param(back(Phase.CANCELED, Role.RESTORE), FindSuccessor("d"), id="a restored spec's was canceled"),
        pytest.param(back(Phase.SUPERSEDED, Role.RESTORE), FindSuccessor("d"), id="a restored spec's was superseded"),
        pytest.param(back(Phase.CANCELED, Role.PLATFORM), FindCandidates(), id="the platform's was canceled"),
        pytest.param(back(Phase.CANCELED, Role.SERVING), FindCandidates(unfit=True), id="what served was canceled"),
    ],
)
def test_what_ended_otherwise_is_looked_into_by_whose_it_is(known: RolloutState, step: Step) -> None:
    assert next_step(known) == step


def test_a_restored_spec_beyond_its_budget_has_failed() -> None:
    late = back(Phase.DEPLOYING, Role.RESTORE, leg={"deploy": 1200})
    assert end(late) == (
        "rollback_failed",
        "it failed; the rollback failed, too: the deployment took more than 1200 s",
    )


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(back(Phase.BUILDING, leg={"served": True, "build": 9999}), Follow("d"), id="the build's is spent"),
        pytest.param(
            state(leg=leg(Phase.BUILDING, served=True, build=9999, deploy=1199)), Follow("d"), id="going forward"
        ),
    ],
)
def test_what_served_before_and_is_built_again_is_charged_as_a_deployment(known: RolloutState, step: Step) -> None:
    assert next_step(known) == step


def test_what_served_before_and_is_built_for_too_long_has_timed_out() -> None:
    late = state(leg=leg(Phase.BUILDING, served=True, deploy=1200))
    assert end(late)[1].startswith("the deployment took more than 1200 s")


@pytest.mark.parametrize(
    ("role", "phase", "successor", "step"),
    [
        pytest.param(
            Role.ROLLBACK, Phase.SUPERSEDED, Successor(own_id="o"), Adopt(Role.PLATFORM, "o"), id="the platform's own"
        ),
        pytest.param(
            Role.SERVING,
            Phase.ACTIVE,
            Successor(deployment_id="e"),
            Adopt(Role.FOLLOWED, "e"),
            id="ours, after what served before",
        ),
    ],
)
def test_what_took_over_is_followed_as_often_as_the_bound_allows(
    role: Role, phase: Phase, successor: Successor, step: Step
) -> None:
    over = {"successor": successor, "standing": OTHER, "leg": {"evidence": SOAKED}}
    assert next_step(back(phase, role, hops=4, **over)) == step
    assert end(back(phase, role, hops=5, **over))[0] == "superseded"


@pytest.mark.parametrize("phase", [Phase.CANCELED, Phase.SUPERSEDED])
@pytest.mark.parametrize("role", [Role.ROLLBACK, Role.RESTORE])
def test_a_deployment_of_our_spec_that_supersedes_our_rollback_is_anothers_decision(role: Role, phase: Phase) -> None:
    step = next_step(back(phase, role, successor=Successor(deployment_id="e")))
    assert isinstance(step, Finish)
    assert (step.outcome.kind.value, step.outcome.commands) == ("superseded", AGAIN_OR_STATUS)


def test_anothers_deployment_that_supersedes_the_platforms_own_rollback_decides() -> None:
    assert end(theirs(standing=OTHER, successor=Successor(other=True)))[0] == "superseded"


# ---- it was canceled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        pytest.param({}, FindSuccessor("d"), id="not looked yet"),
        pytest.param({"successor": Successor(), "successor_looks": 1}, FindSuccessor("d", 2), id="nothing shows yet"),
        pytest.param(NOTHING | {"pinned": True}, CommitRollback(), id="nothing came, it pins the app"),
        pytest.param(
            {"pinned": True, "commit": ACCEPTED}, VerifyUnpinned("d"), id="its pin is being settled: no more looks"
        ),
    ],
)
def test_what_comes_after_a_canceled_rollback_is_looked_for_until_its_pin_is_settled(facts: Any, step: Step) -> None:
    assert next_step(back(Phase.CANCELED, **facts)) == step


@pytest.mark.parametrize(
    ("successor", "kind"),
    [
        pytest.param(Successor(other=True), "superseded", id="another deployment"),
        pytest.param(Successor(Pin.OTHER), "blocked", id="a person's rollback"),
    ],
)
def test_what_came_after_a_canceled_rollback_counts_as_soon_as_it_shows(successor: Successor, kind: str) -> None:
    assert end(back(Phase.CANCELED, successor=successor, successor_looks=1))[0] == kind


def test_a_canceled_rollback_whose_pin_came_back_is_for_a_person_to_settle() -> None:
    known = back(Phase.CANCELED, **NOTHING, commit=ACCEPTED, pin=Pin.NONE, pinned=True)
    step = next_step(known)
    assert isinstance(step, Finish)
    assert (step.outcome.kind.value, step.outcome.commands) == ("blocked", SETTLE)


@pytest.mark.parametrize(
    ("known", "canceled"),
    [(back(Phase.CANCELED, **NOTHING), True), (healthy(), False)],
    ids=["canceled", "healthy"],
)
def test_a_commit_that_does_not_unpin_says_what_became_of_the_rollback(known: RolloutState, canceled: bool) -> None:
    spent = WriteStatus(Sent.ACCEPTED, 3)
    kind, why = end(replace(known, commit=spent, pin=Pin.OURS, pin_looks=4, pinned=True))
    assert kind == "rollback_failed"
    cause = "deployment d was canceled by an unknown party; " if canceled else ""
    said = f"it failed; the rollback failed, too: {cause}the commit did not unpin the app"
    assert why.startswith(said)


# ---- the platform's own rollback failed ---------------------------------------------------------------------------

FELL = {"own": "d", "options": RollbackOptions(candidates=("c1",), serving_id="c1")}


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(back(Phase.ERROR, Role.PLATFORM), FindCandidates(), id="what serves may be fit"),
        pytest.param(
            back(Phase.ACTIVE, Role.SERVING, leg={"evidence": SICK}),
            FindCandidates(unfit=True),
            id="what serves is not fit",
        ),
        pytest.param(back(Phase.ERROR, Role.PLATFORM, tries=1), FindCandidates(2.0), id="a read that failed"),
        pytest.param(back(Phase.ERROR, Role.PLATFORM, **FELL), Adopt(Role.SERVING, "c1"), id="what serves is judged"),
        pytest.param(
            back(Phase.ERROR, Role.SERVING, **FELL), ValidateRollback("c1"), id="what serves is not judged twice"
        ),
    ],
)
def test_c49_if_the_platforms_own_rollback_fails_what_serves_is_judged_once(known: RolloutState, step: Step) -> None:
    assert next_step(known) == step


WITH_OWN = "it failed; the platform rolled back by itself (deployment d)"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        pytest.param(
            {"options": RollbackOptions()}, "deployment d did not stay healthy", id="nothing is left to go back to"
        ),
        pytest.param(
            {"options": RollbackOptions(Pin.OURS, candidates=("c1",))},
            "deployment d did not stay healthy",
            id="the app is pinned",
        ),
        pytest.param(
            {"options": RollbackOptions(candidates=("c1",)), "relapse": "deployment r failed"},
            "deployment r failed",
            id="ours had failed before",
        ),
    ],
)
def test_c49_if_nothing_else_can_be_done_the_reason_names_what_failed_last(facts: Any, why: str) -> None:
    known = back(Phase.ERROR, Role.PLATFORM, own="d", **facts)
    assert end(known) == ("rollback_failed", f"{WITH_OWN}; the rollback failed, too: {why}")


def test_c49_a_policy_that_leaves_says_that_the_platforms_own_rollback_failed() -> None:
    known = back(Phase.ERROR, Role.PLATFORM, LEAVING, own="d", options=RollbackOptions(candidates=("c1",)))
    step = next_step(known)
    assert isinstance(step, Finish)
    why = f"{WITH_OWN}, and that rollback failed, too; left as is, as the policy asks"
    assert (step.outcome.reason, step.outcome.commands) == (why, STATUS)


# ---- healthy, ours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(healthy(standing=None), ReadBack("d"), id="not looked yet"),
        pytest.param(healthy(standing=OTHER), FindSuccessor("d"), id="another takes over"),
        pytest.param(healthy(standing=BEFORE, commit=ACCEPTED, pin=Pin.NONE), ReadBack("d"), id="committed"),
        pytest.param(
            healthy(standing=OTHER, commit=ACCEPTED, pin=Pin.NONE),
            FindSuccessor("d"),
            id="committed, another takes over",
        ),
        pytest.param(
            theirs(PINNING, standing=None, options=SERVES), ValidateRollback("c1"), id="its spec is on its way"
        ),
    ],
)
def test_what_goes_back_is_seen_to_serve_before_and_after_the_commit(known: RolloutState, step: Step) -> None:
    assert next_step(known) == step


@pytest.mark.parametrize("pin", list(Pin))
def test_a_pin_is_looked_for_until_it_is_gone_whoever_made_it(pin: Pin) -> None:
    step = next_step(healthy(commit=ACCEPTED, pin=pin, pin_looks=1, pinned=True, options=SERVES))
    match pin:
        case Pin.OURS | Pin.PLATFORM:
            assert step == VerifyUnpinned("d", 2.0)
        case Pin.OTHER:
            assert end(healthy(commit=ACCEPTED, pin=pin, pin_looks=1))[0] == "blocked"
        case Pin.NONE:
            assert isinstance(step, Finish)


DONE: dict[str, Any] = {"commit": ACCEPTED, "pin": Pin.NONE}


@pytest.mark.parametrize(
    ("known", "step"),
    [
        pytest.param(
            healthy(rules=COMMITTING, own="o", kept=False, **DONE), RestoreSpec("d"), id="it is not the app's"
        ),
        pytest.param(
            healthy(rules=COMMITTING, own="o", kept=False, restore=LOST, **DONE),
            LookUp("restore", 0.0, "d"),
            id="the answer was lost",
        ),
        pytest.param(
            healthy(rules=COMMITTING, own="o", kept=False, restore=LOST, **DONE | {"standing": BEFORE}),
            LookUp("restore", 0.0, "d"),
            id="the answer was lost, and something new may serve",
        ),
    ],
)
def test_c49_once_ours_is_committed_after_the_platforms_its_spec_is_made_the_apps(
    known: RolloutState, step: Step
) -> None:
    assert next_step(known) == step


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(healthy(rules=COMMITTING, own="o", **DONE), id="it is the app's"),
        pytest.param(healthy(rules=COMMITTING, kept=False, **DONE), id="the platform did not go back"),
        pytest.param(healthy(own="o", kept=False, **DONE), id="the policy does not ask for it"),
    ],
)
def test_c49_otherwise_a_committed_rollback_is_the_end(known: RolloutState) -> None:
    kind, why = end(known)
    assert kind == "rolled_back"
    assert why.endswith("rolled back by deployment d, committed and unpinned")


def test_c49_a_spec_that_could_not_be_sent_back_is_said() -> None:
    kind, why = end(healthy(rules=COMMITTING, own="o", kept=False, restore=LOST, **DONE, **TRIED))
    assert kind == "rollback_failed"
    assert why.endswith("the last good spec could not be sent: reset")


def test_a_spec_that_was_sent_back_after_a_rollback_names_no_obstacle() -> None:
    assert end(healthy(Role.RESTORE)) == ("rolled_back", "it failed; the last good spec was sent again")


# ---- healthy, the platform's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pinned", "said", "commands"),
    [(True, "; the app is pinned to it", SETTLE), (False, "", STATUS)],
    ids=["pinned", "not pinned"],
)
def test_c49_a_policy_that_leaves_says_whether_the_platforms_own_pins_the_app(
    pinned: bool, said: str, commands: tuple[str, ...]
) -> None:
    step = next_step(theirs(LEAVING, pinned=pinned))
    assert isinstance(step, Finish)
    why = f"{WITH_OWN}; deployment d is active and healthy{said}; left as is, as the policy asks"
    assert (step.outcome.reason, step.outcome.commands) == (why, commands)


COMMITTED = {"commit": ACCEPTED, "pin": Pin.NONE}


def test_c49_a_pin_that_was_committed_is_said() -> None:
    done = f"{WITH_OWN}; deployment d is active and healthy"
    assert end(theirs()) == ("rolled_back", done)
    assert end(theirs(**COMMITTED)) == ("rolled_back", f"{done}, and its pin was committed")


@pytest.mark.parametrize(
    ("rules", "facts", "step"),
    [
        pytest.param(COMMITTING, {"kept": False}, ValidateRollback("c1"), id="`commit`, it is not the app's"),
        pytest.param(PINNING, {}, ValidateRollback("c1"), id="`on_failure: pin`"),
        pytest.param(
            PINNING, {"options": REVERTED}, ValidateRollback("c1"), id="`on_failure: pin`, its spec is the app's"
        ),
        pytest.param(
            COMMITTING, {"undo": LOST, "pinned": True}, LookUp("rollback", 0.0, "c1"), id="an answer was lost"
        ),
        pytest.param(
            PINNING,
            {"undo": LOST, "pinned": True},
            LookUp("rollback", 0.0, "c1"),
            id="`on_failure: pin`, an answer was lost",
        ),
        pytest.param(
            PINNING,
            {"undo": replace(ACCEPTED, deployment_id="r"), "pinned": True},
            Adopt(Role.ROLLBACK, "r"),
            id="`on_failure: pin`, it was accepted and is judged",
        ),
        pytest.param(
            COMMITTING,
            {"restore": LOST, "valid": False, "rejected": ("x",)},
            LookUp("restore", 0.0, "c1"),
            id="a spec's answer was lost",
        ),
        pytest.param(
            COMMITTING, {"options": None, "restore": LOST, "kept": False}, FindCandidates(), id="not looked around yet"
        ),
    ],
)
def test_c49_the_version_that_the_platform_went_back_to_is_pinned_or_made_the_apps_by_a_rollback_of_ours(
    rules: Rules, facts: Any, step: Step
) -> None:
    valid = "undo" in facts
    assert next_step(theirs(rules, **{"options": SERVES, "valid": valid} | facts)) == step


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(theirs(kept=False), id="`adopt`: its spec may differ from the app's"),
        pytest.param(theirs(failed=Collected("", FailedIn.DEPLOY)), id="the spec was to blame"),
        pytest.param(theirs(COMMITTING, kept=False, options=REVERTED), id="its spec is the app's again"),
    ],
)
def test_c49_where_nothing_is_left_to_do_it_is_rolled_back(known: RolloutState) -> None:
    assert end(known) == ("rolled_back", f"{WITH_OWN}; deployment d is active and healthy")


def test_c49_after_a_fault_of_the_platform_its_rollback_is_not_waited_for_again() -> None:
    blameless = Collected("", FailedIn.DEPLOY, platform=True)
    assert end(theirs(failed=blameless, options=replace(SERVES, attempts=3)))[0] == "platform_fault"


def sent_back(refusal: Refusal, options: RollbackOptions = SERVES) -> RolloutState:
    """The spec of what the platform went back to was refused."""
    refused = WriteStatus(Sent.REFUSED, 1, refusal=refusal, why="no")
    return theirs(COMMITTING, kept=False, options=options, rejected=("app_too_old",), restore=refused)


@pytest.mark.parametrize(
    ("known", "kind", "why"),
    [
        pytest.param(
            sent_back(Refusal.CONTENT),
            "rolled_back",
            "deployment d is active and healthy; its spec could not be made the app's: no",
            id="the platform does not want it",
        ),
        pytest.param(
            theirs(COMMITTING, kept=False, options=RollbackOptions()),
            "rolled_back",
            "its spec could not be made the app's: it is not among the app's deployments",
            id="it is not in the history",
        ),
        pytest.param(
            sent_back(Refusal.MOVED),
            "superseded",
            "the app was changed since, and that change is not overwritten",
            id="the app was changed",
        ),
        pytest.param(sent_back(Refusal.GONE), "failed", "the app was deleted meanwhile", id="the app is gone"),
        pytest.param(
            theirs(PINNING, options=SERVES, rejected=("region_conflict",)),
            "rolled_back",
            "deployment d is active and healthy; the app is not pinned, as no rollback is possible (region_conflict)",
            id="`on_failure: pin`, not possible",
        ),
    ],
)
def test_c49_what_cannot_be_pinned_or_made_the_apps_is_said(known: RolloutState, kind: str, why: str) -> None:
    found, reason = end(known)
    assert found == kind
    assert reason.endswith(why)
