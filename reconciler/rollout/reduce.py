"""What a step found, added to what is known: pure, and no decisions beyond counting.

`reduce(state, step, seen, seconds)` takes the step that was performed, what it found, and how long it took since the
last observation. A pair of step and finding that cannot be is a bug and raises TypeError.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.live.models import Phase
from reconciler.rollout.health import Evidence, grade_components, passed, record_unreadable, saw_components, saw_probe
from reconciler.rollout.limits import SENDS_BACK, TRIES, Rules
from reconciler.rollout.state import (
    Accepted,
    Adopted,
    BackRead,
    Collected,
    Failed,
    HealthSeen,
    Lost,
    PhaseSeen,
    Pin,
    PinSeen,
    Precheck,
    ProbeSeen,
    Refusal,
    Refused,
    Role,
    RollbackOptions,
    RolloutState,
    Seen,
    Sent,
    Successor,
    TrackedDeployment,
    Validated,
    Waited,
    WriteProbe,
    WriteProbed,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CommitRollback,
    Follow,
    LookUp,
    Probe,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    Wait,
    Write,
)

UNVERIFIABLE = "unverifiable"
"""The code of a candidate whose validation could not be had."""

REJECTED = "refused"
"""The code of a candidate that was valid, and whose rollback was refused all the same."""


def reduce(state: RolloutState, step: Step, seen: Seen, seconds: float = 0.0) -> RolloutState:
    """The state after a step found this out, ``seconds`` after the last observation."""
    match step, seen:
        case _, Failed() if seen.denied:
            return replace(state, why=seen.why, denied=True)
        case ((Follow() | CheckHealth() | Probe() | Wait()), _):
            return _with_leg(state, _watched(state, step, seen, seconds))
        case ValidateRollback(), Failed() if state.tries + 1 >= TRIES:
            return _settled(replace(state, rejected=(*state.rejected, UNVERIFIABLE)))
        case _, Failed():
            return replace(state, tries=state.tries + 1, why=seen.why, missing=seen.missing)
        case Adopt(), Adopted():
            fresh = Evidence(probed=seen.probed)
            leg = TrackedDeployment(step.role, step.deployment_id, seen.components, evidence=fresh)
            return _settled(_adopted(state, leg))
        case ((Write() | Rollback() | RestoreSpec() | CommitRollback()), (Accepted() | Lost() | Refused())):
            return _settled(_wrote(state, step, seen))
        case LookUp(), WriteProbed():
            return _settled(_looked(state, step, seen))
        case ValidateRollback(), Validated():
            if seen.code:
                return _settled(replace(state, rejected=(*state.rejected, seen.code)))
            return _settled(replace(state, valid=True))
        case _:
            return _settled(_read(state, step, seen))


def _settled(state: RolloutState) -> RolloutState:
    """The step had an answer: the next one has all its tries."""
    return replace(state, tries=0, why="", missing=False)


def _read(state: RolloutState, step: Step, seen: Seen) -> RolloutState:
    """What a look at the app found."""
    match seen:
        case Precheck():
            return replace(state, sight=seen, pinned=state.pinned or seen.pin is Pin.OURS)
        case Successor():
            return replace(state, successor=seen, pinned=_still_pinned(state, seen.pin))
        case BackRead():
            return replace(state, standing=seen.standing, standing_looks=state.standing_looks + 1)
        case Collected():
            leg = TrackedDeployment(state.leg.role, state.leg.id, phase=state.leg.phase) if state.leg else None
            return replace(state, fault=seen.summary, leg=leg)
        case RollbackOptions():
            return replace(state, options=seen)
        case PinSeen():
            pinned = _still_pinned(state, seen.pin)
            return replace(state, pin=seen.pin, pin_looks=state.pin_looks + 1, pinned=pinned)
        case _:
            raise TypeError(f"{type(step).__name__} cannot find {type(seen).__name__}")


def _still_pinned(state: RolloutState, pin: Pin) -> bool:
    """An app that was seen unpinned, or pinned to another rollback, is no longer pinned to ours."""
    return state.pinned and pin is Pin.OURS


# ---- the deployment that is followed ------------------------------------------------------------------------------


def _with_leg(state: RolloutState, leg: TrackedDeployment) -> RolloutState:
    return replace(state, back=leg) if state.back is not None else replace(state, leg=leg)


def _watched(state: RolloutState, step: Step, seen: Seen, seconds: float) -> TrackedDeployment:
    """The deployment that is followed, after time went by and it was read."""
    leg = state.back or state.leg
    if leg is None:
        raise TypeError(f"{type(step).__name__} without a deployment")
    leg = _charged(leg, seconds)
    match step, seen:
        case Follow(), PhaseSeen():
            spent = replace(leg, build=0.0, deploy=0.0) if seen.phase.terminal else leg
            return replace(spent, phase=seen.phase, missing=0)
        case Follow(), Failed():
            return replace(leg, missing=leg.missing + 1 if seen.missing else leg.missing)
        case Wait(), Waited():
            return leg
        case _:
            return _with_reading(leg, step, seen, state.goal.rules)


def _with_reading(leg: TrackedDeployment, step: Step, seen: Seen, rules: Rules) -> TrackedDeployment:
    """A reading of an active deployment's health."""
    match step, seen:
        case CheckHealth(), HealthSeen():
            sample = grade_components(seen.health, leg.components, rules)
            return replace(leg, evidence=saw_components(leg.evidence, sample))
        case CheckHealth(), Failed():
            return replace(leg, evidence=record_unreadable(leg.evidence))
        case Probe(), ProbeSeen():
            return replace(leg, evidence=saw_probe(leg.evidence, seen.problem, rules, tells=seen.tells))
        case _:
            raise TypeError(f"{type(step).__name__} cannot find {type(seen).__name__}")


def _charged(leg: TrackedDeployment, seconds: float) -> TrackedDeployment:
    """Time is charged to the budget of the phase that was last seen."""
    if leg.phase is Phase.ACTIVE:
        return replace(leg, evidence=passed(leg.evidence, seconds))
    if leg.phase.building:
        return replace(leg, build=leg.build + seconds)
    return replace(leg, deploy=leg.deploy + seconds)


def _adopted(state: RolloutState, leg: TrackedDeployment) -> RolloutState:
    """A deployment is followed: how it came about, and what was known of the one before, does not matter any more."""
    match leg.role:
        case Role.DEPLOY | Role.FOLLOWED:
            hops = state.hops + (leg.role is Role.FOLLOWED)
            return RolloutState(state.goal, leg=leg, hops=hops)
        case Role.ROLLBACK | Role.RESTORE:
            fault, rejected, pinned = state.fault, state.rejected, state.pinned
            return RolloutState(state.goal, fault=fault, rejected=rejected, back=leg, pinned=pinned)
        case _:
            assert_never(leg.role)


# ---- writes -------------------------------------------------------------------------------------------------------


def _wrote(state: RolloutState, step: Step, seen: Accepted | Lost | Refused) -> RolloutState:
    """A write was sent."""
    match step:
        case Write():
            return replace(state, write=_sent(state.write, seen))
        case RestoreSpec():
            return replace(state, restore=_sent(state.restore, seen))
        case CommitRollback():
            return replace(state, commit=_sent(state.commit, seen), pin=None, pin_looks=0)
        case _:
            return _undone(state, seen)


def _undone(state: RolloutState, seen: Accepted | Lost | Refused) -> RolloutState:
    """A rollback was sent. If somebody changed the app right before, it is decided anew; else that candidate is out."""
    sent = _sent(state.undo, seen)
    if not isinstance(seen, Refused):
        return replace(state, undo=sent, pinned=True)
    if seen.refusal in (Refusal.MOVED, Refusal.PINNED) and sent.sends < SENDS_BACK:
        return replace(state, options=None, rejected=(), valid=False, undo=WriteStatus(sends=sent.sends))
    return replace(
        state, rejected=(*state.rejected, REJECTED), valid=False, undo=WriteStatus(sends=sent.sends, why=seen.why)
    )


def _sent(before: WriteStatus, seen: Accepted | Lost | Refused) -> WriteStatus:
    """A write after it was sent once more."""
    sends = before.sends + 1
    match seen:
        case Accepted():
            return WriteStatus(Sent.ACCEPTED, sends, deployment_id=seen.deployment_id)
        case Lost():
            return WriteStatus(Sent.LOST, sends, why=seen.why)
        case Refused():
            return WriteStatus(Sent.REFUSED, sends, refusal=seen.refusal, why=seen.why)
        case _:
            assert_never(seen)


def _looked(state: RolloutState, step: LookUp, seen: WriteProbed) -> RolloutState:
    """A look for a write whose answer was lost."""
    match step.write:
        case "rollback":
            may_pin = seen.trace in (WriteProbe.OURS, WriteProbe.STORED)
            return replace(state, undo=_traced(state.undo, seen), pinned=state.pinned and may_pin)
        case "restore":
            return replace(state, restore=_traced(state.restore, seen))
        case _:
            return replace(state, write=_traced(state.write, seen))


def _traced(before: WriteStatus, seen: WriteProbed) -> WriteStatus:
    found = seen.deployment_id or before.deployment_id
    return replace(before, trace=seen.trace, looks=before.looks + 1, deployment_id=found)
