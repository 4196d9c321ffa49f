"""The way back, after a deployment failed: look, choose, validate, and send; and what became of any write.

A part of the policy of `policy.py`: pure, total, bounded. `policy_settle.py` judges what was sent.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from reconciler.plan.platform import FailedIn
from reconciler.rollout.model import (
    HOPS,
    LOOK_EVERY,
    LOOKS,
    RETRY_PAUSE,
    SENDS,
    SENDS_BACK,
    TRIES,
    Outcome,
    OutcomeKind,
    Role,
    Task,
    pause,
)
from reconciler.rollout.outcomes import (
    blocked,
    ended,
    fault_of,
    gone,
    platform_fault,
    rollback_failed,
    rolled_back,
    status_command,
)
from reconciler.rollout.state import (
    Collected,
    Pin,
    Refusal,
    RollbackOptions,
    RolloutState,
    Sent,
    WriteProbe,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    FindCandidates,
    Finish,
    LookUp,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    Write,
)

REVISION_LIMIT = "exceeded_revision_limit"
"""The code of a rollback that reaches too far back for the app's tier: no older candidate can be valid."""

APP_PINNED = "app_pinned"
"""The code of a rollback that is refused because the app is pinned already."""


# ---- what became of a write: one rule for every write there is ----------------------------------------------------


class Resolution(Enum):
    """What is to be done about a write, see `resolve`.

    send      send it
    look_up   look for its effect
    adopt     follow the deployment it made
    gone      the app is not there any more
    foreign   another party changed the app meanwhile
    refused   the platform refused it: it had no effect
    give_up   nothing more can be learnt
    """

    SEND = auto()
    LOOK_UP = auto()
    ADOPT = auto()
    GONE = auto()
    FOREIGN = auto()
    REFUSED = auto()
    GIVE_UP = auto()


def resolve(sending: WriteStatus, tries: int, most: int) -> Resolution:
    """What the status of a write asks for. Resent only after looks that show nothing of it, at most ``most`` times.

    ``tries`` counts the looks in a row that failed.
    """
    match sending.status:
        case Sent.NOT_YET:
            return Resolution.SEND
        case Sent.REFUSED if sending.refusal is not Refusal.TAKEN:
            return Resolution.REFUSED
        case Sent.ACCEPTED if sending.deployment_id:
            return Resolution.ADOPT
        case Sent.ACCEPTED | Sent.LOST | Sent.REFUSED:
            return Resolution.GIVE_UP if tries >= TRIES else _looked_for(sending, most)
        case _:
            assert_never(sending.status)


def _looked_for(sending: WriteStatus, most: int) -> Resolution:
    """The same for a write whose effect only a look shows: lost, without a deployment's id, or of a taken name."""
    fruitless = Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.GIVE_UP
    match sending.trace:
        case None:
            return Resolution.LOOK_UP
        case WriteProbe.OURS:
            return Resolution.ADOPT
        case WriteProbe.FOREIGN:
            return Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.FOREIGN
        case WriteProbe.GONE:
            return Resolution.GONE
        case WriteProbe.STORED:
            return Resolution.LOOK_UP if sending.looks < LOOKS else fruitless
        case WriteProbe.NOT_THERE:
            if sending.looks < LOOKS:
                return Resolution.LOOK_UP
            return Resolution.SEND if sending.status is Sent.LOST and sending.sends < most else fruitless
        case _:
            assert_never(sending.trace)


# ---- look: is it still ours to decide? ----------------------------------------------------------------------------


def options(state: RolloutState) -> Step:
    """It failed, or a person asks for a rollback: look at the app, and do what the policy asks for."""
    found = look(state)
    return choose(state, found) if isinstance(found, RollbackOptions) else found


def look(state: RolloutState) -> Step | RollbackOptions:
    """Look where one could go back to, and whether the platform or a person decided already; else what was found."""
    found = state.options
    if found is None:
        if state.tries >= TRIES and state.missing:
            return Finish(gone(state))
        if state.tries >= TRIES:
            return Finish(rollback_failed(state, f"the earlier deployments could not be read: {state.why}"))
        return FindCandidates(pause(state.tries))
    if found.own_id not in ("", state.own) and state.hops < HOPS:
        return Adopt(Role.PLATFORM, found.own_id)
    if found.pin is Pin.OTHER:
        return Finish(blocked(state))
    if found.newer_id and state.hops < HOPS:
        return Adopt(Role.FOLLOWED, found.newer_id)
    if found.newer:
        why = f"{fault_of(state)}; another deployment started since; not rolling back"
        return Finish(ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state)))
    failed = state.failed
    if failed is None or failed.age >= (patience := _patience(state, found, failed)):
        return found
    if state.tries >= TRIES and state.missing:
        return Finish(gone(state))
    return FindCandidates(min(LOOK_EVERY, patience - failed.age))


def _patience(state: RolloutState, found: RollbackOptions, failed: Collected) -> float:
    """Seconds after the failure in which nothing is sent: the platform may go back by itself, or is tried again later.

    It goes back only where an older deployment serves, and after a failure in the deploy phase.
    """
    by_itself = failed.failed_in in (FailedIn.DEPLOY, FailedIn.UNKNOWN) and not state.own
    comes = bool(found.serving_id) and by_itself
    return max(comes * state.goal.rules.platform_rollback, _retries(state, found) * RETRY_PAUSE * (state.retries + 1))


# ---- choose: which way back, or once more forward -----------------------------------------------------------------


def choose(state: RolloutState, found: RollbackOptions) -> Step:
    """Nothing else has decided: leave it, try a spec without fault again, or go back."""
    if state.goal.rules.on_failure == "leave" and state.goal.task is not Task.ROLL_BACK:
        why = f"{fault_of(state)}; left as is, as the policy asks"
        kind = OutcomeKind.PLATFORM_FAULT if blameless(state) else OutcomeKind.LEFT
        return Finish(ended(state, kind, why, f"reconcile rollback {state.goal.app}"))
    if _retries(state, found):
        return retry(state, found)
    if blameless(state) and (found.serving_id or not found.candidates):
        return Finish(platform_fault(state, found.attempts))
    if not found.candidates and state.goal.task is Task.ROLL_BACK:
        why = "there is no earlier deployment of another version to go back to; nothing was changed"
        return Finish(ended(state, OutcomeKind.REFUSED, why, status_command(state)))
    if not found.candidates:
        why = f"{fault_of(state)}; no rollback target: no earlier deployment was ever active"
        return Finish(ended(state, OutcomeKind.DEGRADED, why, status_command(state)))
    return candidate(state, found)


def blameless(state: RolloutState) -> bool:
    """Whether the spec failed through a fault of the platform, and what to do about that is still open."""
    return state.failed is not None and state.failed.platform


def _retries(state: RolloutState, found: RollbackOptions) -> bool:
    """Whether a spec that failed through a fault of the platform may be deployed again by this run."""
    rules = state.goal.rules
    allowed = 0 < found.attempts < rules.attempts and state.retries + 1 < rules.attempts
    return blameless(state) and allowed and rules.on_failure != "leave"


def retry(state: RolloutState, found: RollbackOptions) -> Step:
    """Deploy a spec that is not to blame again: by a redeploy if it is the app's, else by an update."""
    task = Task.REDEPLOY if found.ours_stored else Task.UPDATE
    write = state.write
    resolution = resolve(write, state.tries, SENDS)
    match resolution:
        case Resolution.SEND:
            return Write(task)
        case Resolution.LOOK_UP:
            return LookUp(task.value, pause(write.looks + state.tries))
        case Resolution.ADOPT:
            return Adopt(Role.DEPLOY, write.deployment_id)
        case Resolution.GONE:
            return Finish(gone(state))
        case Resolution.FOREIGN | Resolution.REFUSED | Resolution.GIVE_UP:
            return Finish(platform_fault(state, found.attempts, f"it could not be sent again: {write.why}"))
        case _:
            assert_never(resolution)


def candidate(state: RolloutState, options: RollbackOptions) -> Step:
    """Validate the candidates in turn; roll back to the first that is valid, else restore the best one's spec.

    What still serves is never given up for something older: if it cannot be rolled back to, its spec is restored.
    """
    if APP_PINNED in state.rejected:
        return Finish(blocked(state))
    if options.serving and options.reverted and state.rejected and state.back is None and not state.pinned:
        how = f"deployment {options.candidates[0]} still serves, and the platform has made its spec the app's again"
        return Finish(rolled_back(state, how))
    exhausted = len(state.rejected) >= len(options.candidates)
    if exhausted or REVISION_LIMIT in state.rejected or (options.serving and state.rejected):
        return restore(state, options.candidates[0])
    target = options.candidates[len(state.rejected)]
    if not state.valid:
        return ValidateRollback(target, pause(state.tries))
    return _undo(state, target)


def codes(state: RolloutState) -> str:
    """Why no candidate could be rolled back to."""
    return ", ".join(dict.fromkeys(state.rejected))


# ---- send ---------------------------------------------------------------------------------------------------------


def _undo(state: RolloutState, target: str) -> Step:
    """Send the rollback, or find out what became of it."""
    resolution = resolve(state.undo, state.tries, SENDS_BACK)
    match resolution:
        case Resolution.SEND:
            return Rollback(target)
        case Resolution.LOOK_UP:
            return LookUp("rollback", pause(state.undo.looks + state.tries), target)
        case Resolution.ADOPT:
            return Adopt(Role.ROLLBACK, state.undo.deployment_id)
        case Resolution.FOREIGN:
            return Finish(blocked(state))
        case Resolution.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED | Resolution.GIVE_UP:
            return Finish(
                rollback_failed(state, f"could not determine whether the rollback took effect: {state.undo.why}")
            )
        case _:
            assert_never(resolution)


def restore(state: RolloutState, target: str) -> Step:
    """Send the last good spec back as an update, or find out what became of that."""
    sent = state.restore
    resolution = resolve(sent, state.tries, SENDS_BACK)
    match resolution:
        case Resolution.SEND:
            return RestoreSpec(target)
        case Resolution.LOOK_UP:
            return LookUp("restore", pause(sent.looks + state.tries), target)
        case Resolution.ADOPT:
            return Adopt(Role.RESTORE, sent.deployment_id)
        case Resolution.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED if sent.refusal is Refusal.GONE:
            return Finish(gone(state))
        case Resolution.REFUSED if sent.refusal is Refusal.PINNED:
            return Finish(blocked(state))
        case Resolution.REFUSED if sent.refusal is Refusal.MOVED:
            return Finish(_changed(state))
        case Resolution.FOREIGN:
            return Finish(_changed(state))
        case Resolution.REFUSED | Resolution.GIVE_UP:
            why = f"no rollback is possible ({codes(state)}), and the last good spec could not be sent: {sent.why}"
            return Finish(rollback_failed(state, why))
        case _:
            assert_never(resolution)


def _changed(state: RolloutState) -> Outcome:
    why = f"{fault_of(state)}; the app was changed since, and that change is not overwritten"
    return ended(state, OutcomeKind.SUPERSEDED, why, state.goal.again, status_command(state))
