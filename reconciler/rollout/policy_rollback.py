"""The way back, after a deployment failed: choose, validate, roll back, judge, commit, verify.

A part of the policy of `policy.py`: pure, total, bounded.
"""

from __future__ import annotations

from typing import assert_never

from reconciler.live.models import Phase
from reconciler.rollout.health import Judgement, Verdict, judge
from reconciler.rollout.limits import HOPS, LOOKS, MISSING, SENDS_BACK, TRIES, pause
from reconciler.rollout.model import OutcomeKind
from reconciler.rollout.outcomes import blocked, ended, gone, pin_commands, rollback_failed, rolled_back, status_command
from reconciler.rollout.policy_rules import Resolution, over_budget, reading, resolve
from reconciler.rollout.state import Pin, Refusal, Role, RollbackOptions, RolloutState, Sent, Task, TrackedDeployment
from reconciler.rollout.steps import (
    Adopt,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    LookUp,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
)

REVISION_LIMIT = "exceeded_revision_limit"
"""The code of a rollback that reaches too far back for the app's tier: no older candidate can be valid."""

APP_PINNED = "app_pinned"
"""The code of a rollback that is refused because the app is pinned already."""


def options(state: RolloutState) -> Step:
    """Find out where one could go back to, and whether that is still ours to decide."""
    found = state.options
    if found is None:
        if state.tries >= TRIES and state.missing:
            return Finish(gone(state))
        if state.tries >= TRIES:
            return Finish(rollback_failed(state, f"the earlier deployments could not be read: {state.why}"))
        return FindCandidates(pause(state.tries))
    if found.pin is not Pin.NONE:
        return Finish(blocked(state))
    if found.newer_id and state.hops < HOPS:
        return Adopt(Role.FOLLOWED, found.newer_id)
    if found.newer:
        why = f"{_fault(state)}; somebody deployed since, so nothing is rolled back"
        return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))
    if not found.candidates and state.goal.task is Task.ROLL_BACK:
        why = "there is no earlier deployment of another version to go back to; nothing was changed"
        return Finish(ended(state, OutcomeKind.REFUSED, why, status_command(state)))
    if not found.candidates:
        why = f"{_fault(state)}; no rollback target: no earlier deployment was ever active"
        return Finish(ended(state, OutcomeKind.DEGRADED, why, status_command(state)))
    return _candidate(state, found)


def _fault(state: RolloutState) -> str:
    return state.fault or "a rollback was asked for"


def _candidate(state: RolloutState, options: RollbackOptions) -> Step:
    """Validate the candidates in turn; roll back to the first that is valid, else restore the best one's spec.

    What still serves is never given up for something older: if it cannot be rolled back to, its spec is restored.
    """
    if APP_PINNED in state.rejected:
        return Finish(blocked(state))
    if options.serving and options.reverted and state.rejected:
        how = f"deployment {options.candidates[0]} still serves, and the platform made its spec the app's again"
        return Finish(rolled_back(state, how))
    exhausted = len(state.rejected) == len(options.candidates)
    if exhausted or REVISION_LIMIT in state.rejected or (options.serving and state.rejected):
        return _restore(state, options.candidates[0])
    candidate = options.candidates[len(state.rejected)]
    if not state.valid:
        return ValidateRollback(candidate, pause(state.tries))
    return _undo(state, candidate)


def _undo(state: RolloutState, candidate: str) -> Step:
    """Send the rollback, or find out what became of it."""
    resolution = resolve(state.undo, state.tries, SENDS_BACK)
    match resolution:
        case Resolution.SEND:
            return Rollback(candidate)
        case Resolution.LOOK_UP:
            return LookUp("rollback", pause(state.undo.looks + state.tries))
        case Resolution.ADOPT:
            return Adopt(Role.ROLLBACK, state.undo.deployment_id)
        case Resolution.FOREIGN:
            return Finish(blocked(state))
        case Resolution.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED | Resolution.GIVE_UP:
            return Finish(rollback_failed(state, f"what became of the rollback could not be learnt: {state.undo.why}"))
        case _:
            assert_never(resolution)


def _restore(state: RolloutState, candidate: str) -> Step:
    """Send the last good spec back as an update, or find out what became of that."""
    restore = state.restore
    resolution = resolve(restore, state.tries, SENDS_BACK)
    match resolution:
        case Resolution.SEND:
            return RestoreSpec(candidate)
        case Resolution.LOOK_UP:
            return LookUp("restore", pause(restore.looks + state.tries))
        case Resolution.ADOPT:
            return Adopt(Role.RESTORE, restore.deployment_id)
        case Resolution.FOREIGN:
            why = f"{_fault(state)}; somebody changed the app since, so nothing is written over it"
            return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))
        case Resolution.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED if restore.refusal is Refusal.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED if restore.refusal is Refusal.PINNED:
            return Finish(blocked(state))
        case Resolution.REFUSED if restore.refusal is Refusal.MOVED:
            why = f"{_fault(state)}; somebody changed the app since, so nothing is written over it"
            return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))
        case Resolution.REFUSED | Resolution.GIVE_UP:
            why = f"no rollback is possible ({_codes(state)}), and the last good spec could not be sent: {restore.why}"
            return Finish(rollback_failed(state, why))
        case _:
            assert_never(resolution)


def _codes(state: RolloutState) -> str:
    return ", ".join(dict.fromkeys(state.rejected))


# ---- the deployment that goes back --------------------------------------------------------------------------------


def way_back(state: RolloutState, back: TrackedDeployment) -> Step:
    """Judge the rollback's deployment, or the restored spec's, and settle it."""
    if back.missing >= MISSING:
        return Finish(gone(state))
    match back.phase:
        case Phase.UNKNOWN | Phase.PENDING_BUILD | Phase.BUILDING | Phase.PENDING_DEPLOY | Phase.DEPLOYING:
            over = over_budget(back, state.goal.rules)
            return Finish(rollback_failed(state, over)) if over else Follow(back.id)
        case Phase.ACTIVE:
            rules = state.goal.rules.going_back()
            verdict = judge(back.evidence, rules, back.components)
            return _judged(state, back, verdict)
        case Phase.ERROR:
            return Finish(rollback_failed(state, f"deployment {back.id} failed"))
        case Phase.CANCELED:
            return Finish(rollback_failed(state, f"deployment {back.id} was canceled by somebody"))
        case Phase.SUPERSEDED:
            return _taken_over(state, back)
        case _:
            assert_never(back.phase)


def _taken_over(state: RolloutState, back: TrackedDeployment) -> Step:
    """Somebody settled it otherwise: that is theirs to decide; only the pin must be told."""
    if state.successor is None:
        if state.tries >= TRIES and state.missing:
            return Finish(gone(state))
        if state.tries >= TRIES:
            return Finish(rollback_failed(state, f"deployment {back.id} was superseded, by what could not be read"))
        return FindSuccessor(back.id, pause(state.tries))
    if state.successor.pin is not Pin.NONE:
        return Finish(blocked(state))
    why = f"{_fault(state)}; while it was taken back, somebody's deployment took over"
    return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))


def _judged(state: RolloutState, back: TrackedDeployment, verdict: Verdict) -> Step:
    """An active deployment that goes back, by its health."""
    match verdict.judgement:
        case Judgement.WAITING:
            return reading(back, state.goal.rules.going_back(), verdict.reason)
        case Judgement.UNHEALTHY | Judgement.UNKNOWN:
            return Finish(rollback_failed(state, f"deployment {back.id}: {verdict.reason}"))
        case Judgement.HEALTHY:
            return _settle(state, back)
        case _:
            assert_never(verdict.judgement)


def _settle(state: RolloutState, back: TrackedDeployment) -> Step:
    """Healthy again: commit the rollback and see that the pin is gone; a restored spec needs neither."""
    if back.role is Role.RESTORE:
        how = f"the last good spec was sent back, as no rollback is possible ({_codes(state)})"
        return Finish(rolled_back(state, how))
    if state.goal.rules.on_failure == "pin":
        whose = "was asked for" if state.goal.task is Task.ROLL_BACK else "the policy asks"
        why = f"{_fault(state)}; rolled back by deployment {back.id}, left pinned as {whose}"
        return Finish(ended(state, OutcomeKind.PINNED, why, *pin_commands(state)))
    commit = state.commit
    if commit.status is Sent.NOT_YET:
        return CommitRollback()
    match state.pin:
        case Pin.NONE:
            return Finish(rolled_back(state, f"rolled back by deployment {back.id}, committed, not pinned any more"))
        case Pin.OTHER:
            return Finish(blocked(state))
        case None | Pin.OURS:
            return _verify(state)
        case _:
            assert_never(state.pin)


def _verify(state: RolloutState) -> Step:
    """The commit was sent: look until the pin is gone, send it again if it stays, say so if that does not help."""
    commit = state.commit
    if state.tries >= TRIES and state.missing:
        return Finish(gone(state))
    if state.tries >= TRIES:
        return Finish(rollback_failed(state, f"whether the commit took effect could not be read: {state.why}"))
    if state.pin_looks < LOOKS:
        return VerifyUnpinned(pause(state.pin_looks + state.tries))
    if commit.sends < SENDS_BACK:
        return CommitRollback()
    return Finish(rollback_failed(state, f"the commit did not unpin the app. {commit.why}".rstrip()))
