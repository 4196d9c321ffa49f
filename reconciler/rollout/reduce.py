"""What a step found, added to what is known: pure, and no decisions beyond counting.

`reduce(state, step, seen, seconds)` takes the step that was performed, what it found, and how long it took since the
last observation. A pair of step and finding that cannot be is a bug and raises TypeError.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.live.models import Phase
from reconciler.rollout.health import (
    Evidence,
    grade_components,
    judge,
    passed,
    record_unreadable,
    saw_components,
    saw_phase,
    saw_probe,
)
from reconciler.rollout.model import SENDS_BACK, TRIES, Role, Rules
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
    FindCandidates,
    Follow,
    Look,
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
    state = _waited(state, step, seconds)
    match step, seen:
        case _, Failed() if seen.denied:
            return replace(state, why=seen.why, denied=True)
        case ((Follow() | CheckHealth() | Probe() | Wait()), _):
            return _with_leg(state, step, _watched(state, step, seen, seconds))
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


def _waited(state: RolloutState, step: Step, seconds: float) -> RolloutState:
    """Time went by while the platform's own rollback was waited for."""
    match step:
        case FindCandidates() if state.failed is not None:
            return replace(state, failed=replace(state.failed, age=state.failed.age + seconds))
        case Look() if state.sight is not None:
            return replace(state, awaited=state.awaited + seconds)
        case Write() | ValidateRollback() | RestoreSpec():  # it is decided what to do about the failure
            return replace(state, failed=None)
        case _:
            return state


def _settled(state: RolloutState) -> RolloutState:
    """The step had an answer: the next one has all its tries."""
    return replace(state, tries=0, why="", missing=False)


def _read(state: RolloutState, step: Step, seen: Seen) -> RolloutState:
    """What a look at the app found."""
    match seen:
        case Precheck():
            return replace(state, sight=seen, pinned=state.pinned or seen.pin is Pin.OURS)
        case Successor():
            looks = state.successor_looks + 1
            return replace(state, successor=seen, successor_looks=looks, pinned=_still_pinned(state, seen.pin))
        case BackRead():
            return _read_back(state, seen)
        case Collected() if state.back is not None:
            back = TrackedDeployment(state.back.role, state.back.id, phase=state.back.phase)
            failed = replace(seen, summary="", platform=False)
            return replace(state, relapse=seen.summary, failed=failed, back=back, standing=None, standing_looks=0)
        case Collected():
            leg = TrackedDeployment(state.leg.role, state.leg.id) if state.leg else None
            failed = replace(seen, summary="")
            return replace(state, fault=seen.summary, failed=failed, leg=leg, standing=None, standing_looks=0)
        case RollbackOptions() if isinstance(step, FindCandidates):
            return _looked_around(state, step, seen)
        case PinSeen():
            looks, pinned = state.pin_looks + 1, _still_pinned(state, seen.pin)
            state = replace(state, standing=seen.standing, kept=seen.kept)
            return replace(state, pin=seen.pin, pin_looks=looks, pinned=pinned)
        case _:
            raise TypeError(f"{type(step).__name__} cannot find {type(seen).__name__}")


def _read_back(state: RolloutState, seen: BackRead) -> RolloutState:
    """What the app shows was read, which is done once a deployment was judged healthy."""
    looks, pinned = state.standing_looks + 1, _still_pinned(state, seen.pin)
    leg, back = (tracked and _judged_healthy(tracked, state.goal.rules) for tracked in (state.leg, state.back))
    # A pin that came after the commit is settled, too.
    pin = state.pin if state.commit.status is Sent.NOT_YET else seen.pin
    state = replace(state, leg=leg, back=back, standing=seen.standing, standing_looks=looks)
    return replace(state, kept=seen.kept, pin=pin, pinned=pinned)


def _judged_healthy(tracked: TrackedDeployment, rules: Rules) -> TrackedDeployment:
    """The deployment with no more of its readings than what they came to."""
    rules = rules if tracked.role in (Role.DEPLOY, Role.FOLLOWED) else rules.going_back()
    reason = judge(tracked.evidence, rules, tracked.components).reason
    return replace(tracked, deploy=0.0, evidence=Evidence(healthy=reason, probed=tracked.evidence.probed))


def _looked_around(state: RolloutState, step: FindCandidates, seen: RollbackOptions) -> RolloutState:
    """The app and its deployments were read: what was seen of them before does not matter any more."""
    pinned = _still_pinned(state, seen.pin)
    leg = state.leg and TrackedDeployment(state.leg.role, state.leg.id)
    back = state.back and (
        TrackedDeployment(state.back.role, state.back.id, phase=Phase.ERROR)
        if step.unfit
        else replace(state.back, build=0.0, deploy=0.0, missing=0)
    )
    return RolloutState(
        state.goal,
        leg=leg,
        back=back,
        hops=state.hops,
        kept=state.kept,
        fault=state.fault,
        failed=state.failed,
        relapse=state.relapse,
        own=state.own,
        retries=state.retries,
        options=seen,
        undo=state.undo,
        pinned=pinned,
    )


def _still_pinned(state: RolloutState, pin: Pin) -> bool:
    """An app that was seen unpinned, or pinned to a person's rollback, is no longer pinned to ours."""
    return pin is Pin.PLATFORM or (state.pinned and pin is Pin.OURS)


# ---- the deployment that is followed ------------------------------------------------------------------------------


def _with_leg(state: RolloutState, step: Step, leg: TrackedDeployment) -> RolloutState:
    """The state with what it follows; once its phase is read again, so is what the app shows."""
    state = replace(state, standing=None) if isinstance(step, Follow) else state
    return replace(state, back=leg) if state.back is not None else replace(state, leg=leg)


def _watched(state: RolloutState, step: Step, seen: Seen, seconds: float) -> TrackedDeployment:
    """The deployment that is followed, after time went by and it was read."""
    leg = state.back or state.leg
    if leg is None:
        raise TypeError(f"{type(step).__name__} without a deployment")
    leg = _charged(leg, seconds)
    match step, seen:
        case Follow(), PhaseSeen():
            return _in_phase(leg, seen.phase)
        case Follow(), Failed():
            return replace(leg, missing=leg.missing + 1 if seen.missing else leg.missing)
        case Wait(), Waited():
            return leg
        case _:
            return _with_reading(leg, step, seen, state.goal.rules)


def _in_phase(leg: TrackedDeployment, phase: Phase) -> TrackedDeployment:
    """The deployment in the phase that was read; its health counts from when it became ACTIVE.

    What it spent of its budgets stays spent, as one that was ACTIVE may be deployed once more.
    """
    if phase is leg.phase is Phase.ACTIVE:
        return replace(leg, missing=0, evidence=saw_phase(leg.evidence))
    served, fresh = leg.served or phase is Phase.ACTIVE, Evidence(probed=leg.evidence.probed)
    if phase.terminal and phase is not Phase.ACTIVE:
        return TrackedDeployment(leg.role, leg.id, leg.components, phase, served=served, evidence=fresh)
    build = 0.0 if phase is Phase.ACTIVE else leg.build
    return replace(leg, phase=phase, build=build, missing=0, served=served, evidence=fresh)


def _with_reading(leg: TrackedDeployment, step: Step, seen: Seen, rules: Rules) -> TrackedDeployment:
    """A reading of an active deployment's health."""
    match step, seen:
        case CheckHealth(), HealthSeen():
            sample = grade_components(seen.health, leg.components, rules)
            return replace(leg, evidence=saw_components(leg.evidence, sample))
        case CheckHealth(), Failed():
            return replace(leg, evidence=record_unreadable(leg.evidence))
        case Probe(), ProbeSeen():
            return replace(leg, evidence=saw_probe(leg.evidence, seen.problem, rules, counts=seen.counts))
        case _:
            raise TypeError(f"{type(step).__name__} cannot find {type(seen).__name__}")


def _charged(leg: TrackedDeployment, seconds: float) -> TrackedDeployment:
    """Time is charged to the budget of the phase that was last seen; what left ACTIVE again is being deployed."""
    if leg.phase is Phase.ACTIVE:
        return replace(leg, evidence=passed(leg.evidence, seconds))
    if leg.phase.building and not leg.served:
        return replace(leg, build=leg.build + seconds)
    return replace(leg, deploy=leg.deploy + seconds)


def _adopted(state: RolloutState, leg: TrackedDeployment) -> RolloutState:
    """A deployment is followed: how it came about, and what was known of the one before, does not matter any more."""
    match leg.role:
        case Role.DEPLOY | Role.FOLLOWED:
            hops = state.hops + (leg.role is Role.FOLLOWED)
            retries = state.retries + (leg.role is Role.DEPLOY and state.fault is not None)
            return RolloutState(state.goal, leg=leg, hops=hops, retries=retries, pinned=state.pinned)
        case Role.ROLLBACK:
            return _going_back(state, leg)
        case Role.RESTORE:
            return replace(_going_back(state, leg), rejected=tuple(sorted(set(state.rejected))))
        case Role.PLATFORM:
            failed = state.failed if state.relapse is None else None
            blameless = replace(failed, age=0.0) if failed and failed.platform else None
            return replace(_going_back(state, leg), own=leg.id, hops=state.hops + 1, failed=blameless)
        case Role.SERVING:
            return replace(_going_back(state, leg), failed=state.failed)
        case _:
            assert_never(leg.role)


def _going_back(state: RolloutState, back: TrackedDeployment) -> RolloutState:
    """A deployment that goes back is followed: what failed, and what was tried, is still known."""
    return RolloutState(
        state.goal,
        hops=state.hops,
        fault=state.fault,
        relapse=state.relapse,
        own=state.own,
        retries=state.retries,
        back=back,
        pinned=state.pinned,
    )


# ---- writes -------------------------------------------------------------------------------------------------------


def _wrote(state: RolloutState, step: Step, seen: Accepted | Lost | Refused) -> RolloutState:
    """A write was sent."""
    match step:
        case Write() if isinstance(seen, Refused) and seen.refusal is Refusal.STALE and not state.write.stale:
            return replace(state, sight=None, write=replace(state.write, stale=True))  # nothing was sent
        case Write():
            return replace(state, write=_sent(state.write, seen))
        case RestoreSpec():
            return replace(state, restore=_sent(state.restore, seen))
        case CommitRollback():
            return replace(state, commit=_sent(state.commit, seen), pin=None, pin_looks=0)
        case _:
            return _undone(state, seen)


def _undone(state: RolloutState, seen: Accepted | Lost | Refused) -> RolloutState:
    """A rollback was sent; one that was refused rules its candidate out, unless the app was changed right before."""
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
