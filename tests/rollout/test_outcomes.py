"""How each end is told: what happened, and the commands that a person needs next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Phase
from reconciler.rollout import outcomes as endings
from reconciler.rollout.model import Outcome, OutcomeKind, Role, Task
from reconciler.rollout.state import Goal, RolloutState, Sent, TrackedDeployment, WriteStatus

AGAIN, STATUS, ROLLBACK = "reconcile specs/web.yaml", "reconcile status web", "reconcile rollback web"
SETTLE = (f"{ROLLBACK} --commit", f"{ROLLBACK} --revert", STATUS)


def state(**facts: Any) -> RolloutState:
    return RolloutState(Goal(Task.UPDATE, "web", again=AGAIN), **facts)


FAULT = {"fault": "deployment d failed"}
OWN = {"own": "o"}
BY_ITSELF = "the platform rolled back by itself (deployment o)"
BY_HAND = RolloutState(Goal(Task.ROLL_BACK, "web", reason="ann asked for a rollback"))
UNSEEN = "deployment d is active, but could not be confirmed as serving: 502"
OTHER_SPEC = "deployment d is active, but the stored or the active spec is not the one that was sent"


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (
            (endings.blocked, state()),
            Outcome(
                OutcomeKind.BLOCKED,
                "the app is pinned to a rollback that this run did not make; nothing is deployed until that is settled",
                SETTLE,
            ),
        ),
        (
            (endings.blocked, state(pinned=True, **FAULT)),
            Outcome(
                OutcomeKind.BLOCKED,
                "deployment d failed; the app is pinned to a rollback; nothing is deployed until that is settled",
                SETTLE,
                pinned=True,
            ),
        ),
        (
            (endings.timed_out, state(), "d", "the build took more than 3600 s"),
            Outcome(
                OutcomeKind.TIMED_OUT,
                "the build took more than 3600 s; deployment d continues on App Platform, and the next run follows it",
                (AGAIN, STATUS),
            ),
        ),
        (
            (endings.timed_out, state(pinned=True, **FAULT), "r", "the build took more than 3600 s"),
            Outcome(
                OutcomeKind.TIMED_OUT,
                "deployment d failed; the build took more than 3600 s; deployment r continues on App Platform, and the"
                " next run follows it. The app is left pinned to the rollback",
                (AGAIN, STATUS, *SETTLE[:2]),
                pinned=True,
            ),
        ),
        (
            (endings.denied, state(why="403 no")),
            Outcome(OutcomeKind.FAILED, "403 no", (AGAIN, STATUS)),
        ),
        (
            (endings.denied, state(why="403 no", write=WriteStatus(Sent.LOST, 1))),
            Outcome(OutcomeKind.FAILED, "403 no; it is not known whether the update took effect", (AGAIN, STATUS)),
        ),
        (
            (endings.denied, state(why="403 no", leg=TrackedDeployment(Role.DEPLOY, "d"))),
            Outcome(
                OutcomeKind.FAILED,
                "403 no; deployment d continues on App Platform, and the next run follows it",
                (AGAIN, STATUS),
            ),
        ),
        (
            (endings.denied, state(why="403 no", leg=TrackedDeployment(Role.DEPLOY, "d"), **FAULT)),
            Outcome(
                OutcomeKind.ROLLBACK_FAILED,
                "deployment d failed; the rollback failed, too: 403 no",
                (ROLLBACK, STATUS),
            ),
        ),
        (
            (endings.denied, state(why="403 no", back=TrackedDeployment(Role.RESTORE, "b"))),
            Outcome(OutcomeKind.ROLLBACK_FAILED, "the rollback failed: 403 no", (ROLLBACK, STATUS)),
        ),
        (
            (endings.denied, state(why="403 no", pinned=True)),
            Outcome(
                OutcomeKind.ROLLBACK_FAILED,
                "the rollback failed: 403 no. The app is left pinned to the rollback",
                SETTLE[::-1],
                pinned=True,
            ),
        ),
        (
            (endings.rollback_failed, state(), "502"),
            Outcome(OutcomeKind.ROLLBACK_FAILED, "the rollback failed: 502", (ROLLBACK, STATUS)),
        ),
        (
            (endings.rollback_failed, state(pinned=True, **FAULT), "502"),
            Outcome(
                OutcomeKind.ROLLBACK_FAILED,
                "deployment d failed; the rollback failed, too: 502. The app is left pinned to the rollback",
                SETTLE[::-1],
                pinned=True,
            ),
        ),
        (
            (endings.rollback_failed, RolloutState(Goal(Task.RESUME, "web"), pinned=True), "api is unhealthy"),
            Outcome(
                OutcomeKind.ROLLBACK_FAILED,
                "the rollback is not committed: api is unhealthy. The app is left pinned to the rollback",
                SETTLE[::-1],
                pinned=True,
            ),
        ),
        (
            (endings.gone, state()),
            Outcome(OutcomeKind.FAILED, "the app was deleted meanwhile", (STATUS,)),
        ),
        (
            (endings.gone, state(pinned=True, **FAULT)),
            Outcome(OutcomeKind.FAILED, "deployment d failed; the app was deleted meanwhile", (STATUS,), pinned=True),
        ),
        (
            (endings.rolled_back, state(), "back to c"),
            Outcome(OutcomeKind.ROLLED_BACK, "back to c", (STATUS,)),
        ),
        (
            (endings.rolled_back, state(**FAULT), "back to c"),
            Outcome(OutcomeKind.ROLLED_BACK, "deployment d failed; back to c", (STATUS,)),
        ),
        (
            (endings.rolled_back, state(**FAULT, **OWN), "back to c"),
            Outcome(OutcomeKind.ROLLED_BACK, f"deployment d failed; {BY_ITSELF}; back to c", (STATUS,)),
        ),
        (
            (endings.rolled_back, replace(BY_HAND, own="o"), "back to c"),
            Outcome(OutcomeKind.TAKEN_BACK, f"ann asked for a rollback; {BY_ITSELF}; back to c", (STATUS,)),
        ),
        (
            (endings.rollback_failed, state(**OWN), "502"),
            Outcome(
                OutcomeKind.ROLLBACK_FAILED,
                f"a rollback was requested; {BY_ITSELF}; the rollback failed, too: 502",
                (ROLLBACK, STATUS),
            ),
        ),
        (
            (endings.diverged, state(), "d"),
            Outcome(OutcomeKind.DIVERGED, OTHER_SPEC, (STATUS,)),
        ),
        (
            (endings.diverged, state(pinned=True), "d"),
            Outcome(
                OutcomeKind.DIVERGED,
                f"{OTHER_SPEC}. The app is left pinned to the rollback",
                (STATUS, *SETTLE[:2]),
                pinned=True,
            ),
        ),
        (
            (endings.unconfirmed, state(), "d", "502"),
            Outcome(OutcomeKind.UNCONFIRMED, UNSEEN, (AGAIN, STATUS)),
        ),
        (
            (endings.platform_fault, state(**FAULT), 2),
            Outcome(
                OutcomeKind.PLATFORM_FAULT,
                "deployment d failed; this is a fault of the platform, not of the spec: 2 of 3 attempts within 6 h",
                (AGAIN, STATUS),
            ),
        ),
    ],
)
def test_an_end_says_what_happened_and_what_to_do(
    ending: tuple[Callable[..., Outcome], Any], expected: Outcome
) -> None:
    end, *what = ending
    assert end(*what) == expected


def test_an_end_that_names_the_commit_of_the_rollback_has_said_that_the_app_is_pinned() -> None:
    said = Outcome(OutcomeKind.PINNED, "left pinned as asked", SETTLE[:1], pinned=True)
    assert endings.ended(state(pinned=True), said.kind, said.reason, *said.commands) == said


def deployment(name: str, phase: Phase, role: Role = Role.DEPLOY) -> TrackedDeployment:
    return TrackedDeployment(role, name, phase=phase)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, "stopped before anything was sent"),
        (
            {"write": WriteStatus(sends=1)},
            "stopped while the update was being sent; it is not known whether it took effect",
        ),
        (
            {"leg": deployment("d", Phase.UNKNOWN)},
            "stopped when deployment d had just begun; it continues on App Platform",
        ),
        (
            {"leg": deployment("d", Phase.BUILDING), "write": WriteStatus(sends=1)},
            "stopped while deployment d was BUILDING; it continues on App Platform",
        ),
        (
            {"leg": deployment("d", Phase.ACTIVE)},
            "stopped after deployment d became ACTIVE, before the rollout was finished",
        ),
        (
            {"leg": deployment("d", Phase.UNKNOWN), "fault": "deployment d failed"},
            "deployment d failed; stopped before the rollout was finished",
        ),
        (
            {"leg": deployment("d", Phase.ERROR), "back": deployment("r", Phase.DEPLOYING, Role.ROLLBACK)},
            "stopped while deployment r was DEPLOYING; it continues on App Platform",
        ),
        (
            {"back": deployment("r", Phase.DEPLOYING, Role.ROLLBACK), "fault": "deployment d failed"},
            "stopped while deployment r was DEPLOYING; it continues on App Platform",
        ),
    ],
)
def test_an_interruption_says_how_far_it_was(facts: Any, reason: str) -> None:
    expected = Outcome(OutcomeKind.INTERRUPTED, reason, (AGAIN, STATUS))
    assert endings.interrupted(state(**facts)) == expected


def test_c90_an_interruption_never_says_that_nothing_was_sent_while_a_request_is_under_way() -> None:
    first = "stopped while the create was being sent; it is not known whether it took effect"
    assert endings.interrupted(state(), "create").reason == first
    leg = deployment("d", Phase.ERROR)
    later = endings.interrupted(state(leg=leg, fault="deployment d failed"), "rollback").reason
    told = "it is not known whether the rollback took effect"
    assert later == f"deployment d failed; stopped before the rollout was finished; {told}"


def test_an_interruption_that_leaves_a_pin_says_so_and_how_to_settle_it() -> None:
    found = endings.interrupted(state(pinned=True, back=deployment("r", Phase.ACTIVE, Role.ROLLBACK)))
    assert found.reason == (
        "stopped after deployment r became ACTIVE, before the rollout was finished; "
        "the app stays pinned to this run's rollback until the next run commits it"
    )
    assert found.commands == (AGAIN, *SETTLE)
    assert found.pinned
