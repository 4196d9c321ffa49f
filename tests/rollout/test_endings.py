"""Each end says why: a wrong reason would send a person looking in the wrong place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Phase
from reconciler.rollout.model import OutcomeKind, Role, Rules, Task
from reconciler.rollout.policy import next_step
from reconciler.rollout.state import (
    ActiveState,
    Pin,
    Precheck,
    Refusal,
    RollbackOptions,
    Sent,
    Successor,
    WriteProbe,
    WriteStatus,
)
from reconciler.rollout.steps import Finish
from tests.rollout.table import LOST, RULES, SEEN, SICK, SOAKED, TRIED, leg, lost, state

QUIET = "GET /v2/apps/1: 502"
"""What TRIED says."""


def refused(refusal: Refusal) -> WriteStatus:
    return WriteStatus(Sent.REFUSED, 1, refusal=refusal, why="no")


def end(facts: dict[str, Any], task: Task = Task.UPDATE) -> tuple[str, str]:
    step = next_step(state(task, **facts))
    assert isinstance(step, Finish), step
    return step.outcome.kind.value, step.outcome.reason


PLACED = {"sight": SEEN}
NOT_LEARNT = "could not determine whether the update took effect"


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (TRIED, "failed", f"nothing was changed: {QUIET}"),
        ({"sight": Precheck(gone=True)}, "refused", "the app was deleted since it was planned"),
        (
            {"sight": Precheck(moved=True)},
            "refused",
            "the app changed since it was planned; that change was not overwritten",
        ),
        (
            {"sight": Precheck(moved=True, active_is_ours=True)},
            "unchanged",
            "the same spec was applied since it was planned",
        ),
        (PLACED | {"write": refused(Refusal.CONTENT)}, "refused", "no"),
        (PLACED | {"write": refused(Refusal.ACCESS)}, "failed", "nothing was changed: no"),
        (PLACED | {"write": refused(Refusal.GONE)}, "refused", "no"),
        (
            PLACED | {"write": lost(WriteProbe.GONE)},
            "refused",
            "the app was deleted after an answer was lost",
        ),
        (
            PLACED | {"write": lost(WriteProbe.FOREIGN)},
            "refused",
            "an answer was lost, and another party changed the app since; that change was not overwritten",
        ),
        (PLACED | {"write": LOST} | TRIED, "failed", f"{NOT_LEARNT}: {QUIET}"),
        (PLACED | {"write": lost(WriteProbe.STORED, looks=4)}, "failed", f"{NOT_LEARNT}: reset"),
    ],
)
def test_before_a_deployment(facts: dict[str, Any], kind: str, reason: str) -> None:
    assert end(facts) == (kind, reason)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"sight": Precheck(gone=True)}, "it was already deleted"),
        (PLACED | {"write": refused(Refusal.GONE)}, "it was already deleted"),
        (PLACED | {"write": lost(WriteProbe.GONE)}, "deleted"),
    ],
)
def test_what_is_to_be_deleted_is_gone_by_us_or_by_somebody(facts: dict[str, Any], reason: str) -> None:
    assert end(facts, Task.DELETE) == ("deleted", reason)


def test_a_name_that_is_taken_is_told_as_the_platform_tells_it() -> None:
    taken = replace(refused(Refusal.TAKEN), trace=WriteProbe.FOREIGN, looks=1)
    assert end({"write": taken}, Task.CREATE) == ("refused", "no")


def test_a_rollback_that_was_to_be_finished_is_no_more() -> None:
    assert end(PLACED, Task.RESUME) == ("refused", "the rollback to be finished no longer pins the app")


HEALTHY = {"leg": leg(Phase.ACTIVE, evidence=SOAKED)}
OVER = {"leg": leg(Phase.SUPERSEDED)}
NOT_CONFIRMED = "deployment d is active, but could not be confirmed as serving"


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (
            {"leg": leg(Phase.BUILDING, missing=3)},
            "failed",
            "the app was deleted while it was rolled out",
        ),
        (
            {"leg": leg(Phase.CANCELED), "successor": Successor(), "successor_looks": 4},
            "canceled",
            "deployment d was canceled by an unknown party; the app still runs what it ran before",
        ),
        (HEALTHY | {"standing": ActiveState.OURS}, "applied", "healthy for 30 s"),
        (HEALTHY | TRIED, "unconfirmed", f"{NOT_CONFIRMED}: the app could not be read: {QUIET}"),
        (HEALTHY | TRIED | {"missing": True}, "failed", "the app was deleted meanwhile"),
        (
            HEALTHY | {"standing": ActiveState.BEFORE, "standing_looks": 4},
            "unconfirmed",
            f"{NOT_CONFIRMED}: the app does not show it as active",
        ),
        (
            HEALTHY | {"standing": ActiveState.DIVERGED},
            "diverged",
            "deployment d is active, but the stored or the active spec is not the one that was sent",
        ),
        (OVER | TRIED, "superseded", f"deployment d was superseded; what took over could not be read: {QUIET}"),
        (OVER | {"successor": Successor()}, "superseded", "a deployment with another spec took over"),
        (
            OVER | {"successor": Successor(deployment_id="e"), "hops": 5},
            "superseded",
            "deployments of the same spec superseded each other more than 5 times",
        ),
    ],
)
def test_a_deployment(facts: dict[str, Any], kind: str, reason: str) -> None:
    assert end(facts) == (kind, reason)


FAULT = {"leg": leg(Phase.ERROR), "fault": "deployment d failed"}
ONE = FAULT | {"options": RollbackOptions(candidates=("c1",))}
RESTORING = ONE | {"rejected": ("region_conflict",)}
SINCE = "the app was changed since, and that change is not overwritten"


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (
            FAULT | {"rules": Rules(on_failure="leave"), "options": RollbackOptions()},
            "left",
            "deployment d failed; left as is, as the policy asks",
        ),
        (
            FAULT | TRIED,
            "rollback_failed",
            f"deployment d failed; the rollback failed, too: the earlier deployments could not be read: {QUIET}",
        ),
        (FAULT | TRIED | {"missing": True}, "failed", "deployment d failed; the app was deleted meanwhile"),
        (
            FAULT | {"options": RollbackOptions(newer=True)},
            "superseded",
            "deployment d failed; another deployment started since; not rolling back",
        ),
        (
            FAULT | {"options": RollbackOptions()},
            "degraded",
            "deployment d failed; no rollback target: no earlier deployment was ever active",
        ),
        (
            ONE | {"options": RollbackOptions(candidates=("c1",), serving=True, reverted=True), "rejected": ("x",)},
            "rolled_back",
            "deployment d failed; deployment c1 still serves, and the platform has made its spec the app's again",
        ),
        (
            ONE | {"valid": True, "undo": LOST} | TRIED,
            "rollback_failed",
            (
                "deployment d failed; the rollback failed, too: "
                "could not determine whether the rollback took effect: reset"
            ),
        ),
        (
            ONE | {"valid": True, "undo": refused(Refusal.CONTENT)},
            "rollback_failed",
            "deployment d failed; the rollback failed, too: could not determine whether the rollback took effect: no",
        ),
        (RESTORING | {"restore": lost(WriteProbe.FOREIGN)}, "superseded", f"deployment d failed; {SINCE}"),
        (RESTORING | {"restore": refused(Refusal.MOVED)}, "superseded", f"deployment d failed; {SINCE}"),
        (
            RESTORING | {"restore": refused(Refusal.CONTENT)},
            "rollback_failed",
            (
                "deployment d failed; the rollback failed, too: no rollback is possible (region_conflict), "
                "and the last good spec could not be sent: no"
            ),
        ),
    ],
)
def test_choosing_where_to_go_back_to(facts: dict[str, Any], kind: str, reason: str) -> None:
    assert end(facts) == (kind, reason)


def back(phase: Phase, **more: Any) -> dict[str, Any]:
    """A rollback's deployment, ``r``; the app is pinned to it."""
    return {"back": replace(leg(phase, Role.ROLLBACK, **more), id="r"), "fault": "it failed", "pinned": True}


GOOD = back(Phase.ACTIVE, evidence=SOAKED) | {"standing": ActiveState.OURS}
SENT = GOOD | {"commit": WriteStatus(Sent.ACCEPTED, 3, why="no")}
LEFT_PINNED = ". The app is left pinned to the rollback"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (back(Phase.ERROR) | {"relapse": "deployment r failed", "options": RollbackOptions()}, "deployment r failed"),
        (
            back(Phase.CANCELED)
            | {"successor": Successor(), "successor_looks": 4, "rules": replace(RULES, on_failure="pin")},
            "deployment r was canceled by an unknown party",
        ),
        (back(Phase.DEPLOYING, deploy=1200), "the deployment took more than 1200 s"),
        (back(Phase.SUPERSEDED) | TRIED, "deployment r was superseded; what took over could not be read"),
        (back(Phase.ACTIVE, evidence=SICK), "deployment r: api is as it is, for 20 s"),
        (SENT | TRIED, f"could not read whether the commit took effect: {QUIET}"),
        (SENT | {"pin": Pin.OURS, "pin_looks": 4}, "the commit did not unpin the app. no"),
    ],
)
def test_going_back_failed_too(facts: dict[str, Any], why: str) -> None:
    assert end(facts) == ("rollback_failed", f"it failed; the rollback failed, too: {why}{LEFT_PINNED}")


RESTORED = GOOD | {"back": replace(GOOD["back"], role=Role.RESTORE), "pinned": False}


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (
            GOOD | {"rules": replace(RULES, on_failure="pin")},
            "pinned",
            "it failed; rolled back by deployment r, left pinned as the policy asks",
        ),
        (
            SENT | {"pin": Pin.NONE, "pinned": False},
            "rolled_back",
            "it failed; rolled back by deployment r, committed and unpinned",
        ),
        (
            RESTORED | {"rejected": ("x", "y", "x")},
            "rolled_back",
            "it failed; the last good spec was sent again, as no rollback is possible (x, y)",
        ),
        (
            back(Phase.SUPERSEDED) | {"successor": Successor(), "pinned": False},
            "superseded",
            "it failed; during the rollback, another deployment took over",
        ),
        (back(Phase.BUILDING, missing=3), "failed", "it failed; the app was deleted meanwhile"),
    ],
)
def test_going_back(facts: dict[str, Any], kind: str, reason: str) -> None:
    assert end(facts) == (kind, reason)


def test_when_nothing_is_to_be_done_the_plan_says_why() -> None:
    plain = state(Task.NONE)
    goal = replace(plain.goal, settled=OutcomeKind.STALLED, reason="it failed before")
    step = next_step(replace(plain, goal=goal))
    assert isinstance(step, Finish)
    assert (step.outcome.kind, step.outcome.reason) == (OutcomeKind.STALLED, "it failed before")


def told(facts: dict[str, Any], task: Task = Task.UPDATE, rules: Rules = RULES) -> str:
    step = next_step(state(task, rules=rules, **facts))
    assert isinstance(step, Finish), step
    return step.outcome.reason


def test_a_rollback_that_was_asked_for_is_told_as_one_where_somebody_deployed_since() -> None:
    reason = told({"options": RollbackOptions(newer=True)}, Task.ROLL_BACK)
    assert reason == "a rollback was requested; another deployment started since; not rolling back"


def test_a_rollback_that_stays_refused_ends_as_failed() -> None:
    facts = {
        "leg": leg(Phase.ERROR),
        "fault": "api failed",
        "options": RollbackOptions(candidates=("a",)),
        "valid": True,
    }
    assert end({**facts, "undo": refused(Refusal.CONTENT)})[0] == "rollback_failed"


def test_how_the_deployment_that_goes_back_ended_is_told() -> None:
    back = {"back": leg(Phase.ERROR, Role.ROLLBACK), "fault": "api failed", "pinned": True}
    relapsed = {"relapse": "deployment r failed: api: exited", "options": RollbackOptions(Pin.OURS)}
    assert "deployment r failed: api: exited. The app is left pinned" in told({**back, **relapsed})
    canceled = {"back": leg(Phase.CANCELED, Role.ROLLBACK), "successor": Successor(), "successor_looks": 4}
    assert told({**back, **canceled, "pinned": False}).endswith("deployment d was canceled by an unknown party")


def test_who_wanted_a_pin_is_told() -> None:
    pin = replace(RULES, on_failure="pin")
    healthy: dict[str, Any] = {"back": leg(Phase.ACTIVE, Role.ROLLBACK, evidence=SOAKED), "pinned": True}
    healthy |= {"standing": ActiveState.OURS}
    assert told({**healthy, "fault": "api failed"}, rules=pin).endswith("left pinned as the policy asks")
    assert told(healthy, Task.ROLL_BACK, pin).endswith("left pinned as requested")
