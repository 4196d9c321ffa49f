"""What a deployment that goes back comes to: ours or the platform's own is judged, settled, and seen to serve.

A part of the policy of `policy.py`: pure, total, bounded. The judgement of any deployment, forward or back, begins
with what is at the end of this module.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from reconciler.live.models import Phase
from reconciler.rollout.health import HealthSource, Judgement, Verdict, judge, next_reading
from reconciler.rollout.model import HOPS, LOOKS, MISSING, SENDS_BACK, TRIES, OutcomeKind, Role, Rules, Task, pause
from reconciler.rollout.outcomes import (
    blocked,
    diverged,
    ended,
    fault_of,
    gone,
    pin_commands,
    rollback_failed,
    rolled_back,
    status_command,
    timed_out,
    unconfirmed,
)
from reconciler.rollout.policy_rollback import blameless, candidate, codes, look, options, restore
from reconciler.rollout.state import (
    ActiveState,
    Pin,
    Refusal,
    RollbackOptions,
    RolloutState,
    Sent,
    Successor,
    TrackedDeployment,
)
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    Probe,
    ReadBack,
    Step,
    VerifyUnpinned,
    Wait,
)


def way_back(state: RolloutState, back: TrackedDeployment) -> Step:
    """Judge the deployment that goes back: the rollback's, the restored spec's, the platform's own, what served."""
    if back.missing >= MISSING:
        return Finish(gone(state))
    ours = back.role in (Role.ROLLBACK, Role.RESTORE)
    match back.phase:
        case Phase.UNKNOWN | Phase.PENDING_BUILD | Phase.BUILDING | Phase.PENDING_DEPLOY | Phase.DEPLOYING:
            over = over_budget(back, state.goal.rules)
            if over and not ours:
                return Finish(timed_out(state, back.id, over))
            return Finish(rollback_failed(state, over)) if over else Follow(back.id)
        case Phase.ACTIVE:
            verdict = judge(back.evidence, state.goal.rules.going_back(), back.components)
            return _judged(state, back, verdict)
        case Phase.ERROR if ours:
            return _relapsed(state, back)
        case Phase.CANCELED | Phase.SUPERSEDED if ours:
            return _replaced(state, back)
        case Phase.ERROR | Phase.CANCELED | Phase.SUPERSEDED:
            return _platform_failed(state, back)
        case _:
            assert_never(back.phase)


def _judged(state: RolloutState, back: TrackedDeployment, verdict: Verdict) -> Step:
    """An active deployment that goes back, by its health."""
    match verdict.judgement:
        case Judgement.WAITING:
            return reading(back, state.goal.rules.going_back(), verdict.reason)
        case Judgement.UNHEALTHY if back.role is Role.SERVING:
            return _platform_failed(state, back)
        case Judgement.UNHEALTHY | Judgement.UNKNOWN:
            return Finish(rollback_failed(state, f"deployment {back.id}: {verdict.reason}"))
        case Judgement.HEALTHY:
            return _healthy(state, back)
        case _:
            assert_never(verdict.judgement)


# ---- it ended otherwise -------------------------------------------------------------------------------------------


def _relapsed(state: RolloutState, back: TrackedDeployment) -> Step:
    """Our rollback, or the spec we sent back, failed: the platform may go back by itself now; nothing else is tried."""
    if state.relapse is None:
        return CollectFailure(back.id)
    found = look(state)
    return Finish(rollback_failed(state, state.relapse)) if isinstance(found, RollbackOptions) else found


def _replaced(state: RolloutState, back: TrackedDeployment) -> Step:
    """Ours was superseded or canceled: follow the platform's own, else a person's decision counts; settle our pin."""
    successor = state.successor
    alone = back.phase is Phase.CANCELED and (successor is None or not _found(successor))
    if alone and state.commit.status is not Sent.NOT_YET:
        return _canceled(state, back)
    if successor is None or (alone and state.successor_looks < LOOKS):
        if state.tries >= TRIES:
            unread = f"deployment {back.id} was {back.phase.value.lower()}; what took over could not be read"
            return Finish(gone(state) if state.missing else rollback_failed(state, unread))
        return FindSuccessor(back.id, pause(state.successor_looks + state.tries))
    if successor.own_id and state.hops < HOPS:
        return Adopt(Role.PLATFORM, successor.own_id)
    if successor.deployment_id and back.role in (Role.PLATFORM, Role.SERVING) and state.hops < HOPS:
        return Adopt(Role.FOLLOWED, successor.deployment_id)
    if alone:
        return _canceled(state, back)
    if successor.pin is not Pin.NONE:
        return Finish(blocked(state))
    why = f"{fault_of(state)}; during the rollback, another deployment took over"
    return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))


def _found(successor: Successor) -> bool:
    """Whether anything shows what came after a canceled deployment."""
    return bool(successor.own_id or successor.other or successor.deployment_id or successor.pin is Pin.OTHER)


def _canceled(state: RolloutState, back: TrackedDeployment) -> Step:
    """Our rollback was canceled and nothing came after it: no pin is left to it, and a person is needed."""
    if state.pinned and state.goal.rules.on_failure == "rollback":
        return _unpin(state, back) or Finish(blocked(state))
    why = f"deployment {back.id} was canceled by an unknown party"
    return Finish(rollback_failed(state, why))


def _platform_failed(state: RolloutState, back: TrackedDeployment) -> Step:
    """The platform's own rollback did not hold: judge what serves, else roll back to the same version, once."""
    found = look(state)
    if isinstance(found, FindCandidates):
        return replace(found, unfit=back.role is Role.SERVING)
    if not isinstance(found, RollbackOptions):
        return found
    if back.role is Role.PLATFORM and found.serving_id:
        return Adopt(Role.SERVING, found.serving_id)
    if state.goal.rules.on_failure == "leave":
        why = f"{fault_of(state)}, and that rollback failed, too; left as is, as the policy asks"
        return Finish(ended(state, OutcomeKind.LEFT, why, status_command(state)))
    if state.relapse is not None or not found.candidates or found.pin is not Pin.NONE:
        return Finish(rollback_failed(state, state.relapse or f"deployment {back.id} did not stay healthy"))
    return candidate(state, found)


# ---- healthy: seen to serve, committed, unpinned ------------------------------------------------------------------


def _healthy(state: RolloutState, back: TrackedDeployment) -> Step:
    """Healthy again: see that it is what serves, then settle it."""
    if state.commit.status is Sent.NOT_YET and state.options is None:
        unsettled = serves(state, back)
        if unsettled is not None:
            return _replaced(state, back) if unsettled is TAKEN_OVER else unsettled
    if back.role in (Role.PLATFORM, Role.SERVING):
        return _settle_platform(state, back)
    if back.role is Role.RESTORE and state.pinned:
        return Finish(blocked(state))
    if back.role is Role.RESTORE:
        no_rollback = f", as no rollback is possible ({codes(state)})" if state.rejected else ""
        return Finish(rolled_back(state, f"the last good spec was sent again{no_rollback}"))
    if state.goal.rules.on_failure == "pin":
        whose = "requested" if state.goal.task is Task.ROLL_BACK else "the policy asks"
        why = f"{fault_of(state)}; rolled back by deployment {back.id}, left pinned as {whose}"
        return Finish(ended(state, OutcomeKind.PINNED, why, *pin_commands(state)))
    return _unpin(state, back) or _committed(state, back)


def _committed(state: RolloutState, back: TrackedDeployment) -> Step:
    """The rollback is committed: is it still what serves, and is its spec the app's, where the policy asks for that?"""
    unsettled = serves(state, back)
    if unsettled is not None and state.restore.status is Sent.NOT_YET:
        return _replaced(state, back) if unsettled is TAKEN_OVER else unsettled
    if state.own and state.goal.rules.after_platform_rollback == "commit" and not state.kept:
        return restore(state, back.id)
    return Finish(rolled_back(state, f"rolled back by deployment {back.id}, committed and unpinned"))


def _settle_platform(state: RolloutState, back: TrackedDeployment) -> Step:
    """The platform's own rollback, or what served before it, is healthy: what is still to be done about it."""
    rules = state.goal.rules
    done = f"deployment {back.id} is active and healthy"
    if rules.on_failure == "leave":
        pin = "; the app is pinned to it" if state.pinned else ""
        commands = pin_commands(state) if state.pinned else (status_command(state),)
        why = f"{fault_of(state)}; {done}{pin}; left as is, as the policy asks"
        return Finish(ended(state, OutcomeKind.LEFT, why, *commands))
    if {state.undo.status, state.restore.status} != {Sent.NOT_YET}:  # sent is not done: it is followed first
        return _put_back(state, done)
    if rules.on_failure == "pin" and state.pinned:
        why = f"{fault_of(state)}; {done}; the app is pinned to it, as the policy asks"
        return Finish(ended(state, OutcomeKind.PINNED, why, *pin_commands(state)))
    if state.pinned or state.commit.status is not Sent.NOT_YET:
        step = _unpin(state, back)
        if step is not None:
            return step
        done += ", and its pin was committed"
    if blameless(state):
        return options(state)
    if rules.on_failure == "pin" or (rules.after_platform_rollback == "commit" and not state.kept):
        return _put_back(state, done)
    return Finish(rolled_back(state, done))


def _put_back(state: RolloutState, done: str) -> Step:
    """Pin the version that the platform went back to, or make its spec the app's again, by a rollback of ours."""
    found = look(state)
    if not isinstance(found, RollbackOptions):
        return found
    if state.goal.rules.on_failure == "pin" and state.rejected:
        return Finish(rolled_back(state, f"{done}; the app is not pinned, as no rollback is possible ({codes(state)})"))
    if state.goal.rules.on_failure == "rollback" and found.reverted:
        return Finish(rolled_back(state, done))
    refused = state.restore.status is Sent.REFUSED and state.restore.refusal is Refusal.CONTENT
    if refused or not found.candidates:
        why = state.restore.why or "it is not among the app's deployments"
        return Finish(rolled_back(state, f"{done}; its spec could not be made the app's: {why}"))
    return candidate(state, found)


def _unpin(state: RolloutState, back: TrackedDeployment) -> Step | None:
    """Commit, and look until the pin is gone; send it again if it stays, say so if that does not help. None: done."""
    commit = state.commit
    if commit.status is Sent.NOT_YET:
        return CommitRollback()
    match state.pin:
        case Pin.NONE:
            return None
        case Pin.OTHER:
            return Finish(blocked(state))
        case None | Pin.OURS | Pin.PLATFORM:
            pass
        case _:
            assert_never(state.pin)
    if state.tries >= TRIES:
        unread = f"could not read whether the commit took effect: {state.why}"
        return Finish(gone(state) if state.missing else rollback_failed(state, unread))
    if state.pin_looks < LOOKS:
        return VerifyUnpinned(back.id, pause(state.pin_looks + state.tries))
    if commit.sends < SENDS_BACK:
        return CommitRollback()
    why = f"deployment {back.id} was canceled by an unknown party; " if back.phase is Phase.CANCELED else ""
    return Finish(rollback_failed(state, f"{why}the commit did not unpin the app. {commit.why}".rstrip()))


# ---- what the judgement of any deployment shares, whether it goes forward or back ---------------------------------


def over_budget(leg: TrackedDeployment, rules: Rules) -> str:
    """Which budget of a deployment under way is spent, in words; empty while none is."""
    if leg.phase.building and not leg.served:
        return f"the build took more than {rules.build:g} s" if leg.build >= rules.build else ""
    return f"the deployment took more than {rules.deploy:g} s" if leg.deploy >= rules.deploy else ""


def reading(leg: TrackedDeployment, rules: Rules, why: str) -> Step:
    """The next reading of an active deployment: its phase, or its health."""
    due = next_reading(leg.evidence, rules, leg.components)
    match due.source:
        case HealthSource.PHASE:
            return Follow(leg.id)
        case HealthSource.COMPONENTS:
            return CheckHealth(leg.id)
        case HealthSource.PROBE:
            return Probe(leg.id)
        case HealthSource.NONE:
            return Wait(due.wait, why)
        case _:
            assert_never(due.source)


TAKEN_OVER = FindSuccessor("")
"""What `serves` answers where another deployment took over: what that means differs forward and back."""


def serves(state: RolloutState, leg: TrackedDeployment) -> Step | None:
    """See that a healthy deployment is what serves, with the spec that was asked for; None where it is."""
    if state.tries >= TRIES:
        unread = unconfirmed(state, leg.id, f"the app could not be read: {state.why}")
        return Finish(gone(state) if state.missing else unread)
    match state.standing:
        case ActiveState.OURS:
            return None
        case ActiveState.DIVERGED:
            return Finish(diverged(state, leg.id))
        case ActiveState.OTHER:
            return TAKEN_OVER
        case ActiveState.PINNED:
            return Finish(blocked(state))
        case None | ActiveState.BEFORE | ActiveState.FAILED:
            if state.standing_looks >= LOOKS:
                return Finish(unconfirmed(state, leg.id, "the app does not show it as active"))
            if state.standing is ActiveState.FAILED:
                return Follow(leg.id)
            return ReadBack(leg.id, pause(state.standing_looks + state.tries))
        case _:
            assert_never(state.standing)
