"""How rollouts end: the outcomes, with reasons and the commands a person needs. Pure text, no decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.live.models import Phase
from reconciler.rollout.model import Outcome, OutcomeKind, Task

if TYPE_CHECKING:
    from reconciler.rollout.state import RolloutState


def ended(state: RolloutState, kind: OutcomeKind, reason: str, *commands: str) -> Outcome:
    """An outcome; if a rollback may still pin the app, it says so, with the commands that settle that.

    Only of an app that is gone (failed) there is nothing to settle. A rollback that failed is not what one keeps
    unseen: there the command that keeps it comes last.
    """
    settle = pin_commands(state)
    if state.pinned and kind is not OutcomeKind.FAILED and settle[0] not in commands:
        reason = f"{reason}. The app is left pinned to the rollback"
        settle = settle[::-1] if kind is OutcomeKind.ROLLBACK_FAILED else settle
        commands = tuple(dict.fromkeys((*commands, *settle)))
    return Outcome(kind, reason, commands, pinned=state.pinned)


def status_command(state: RolloutState) -> str:
    """The command that shows the app's state."""
    return f"reconcile status {state.goal.app}"


def fault_of(state: RolloutState) -> str:
    """What failed, in a clause, and that the platform rolled back by itself; or that a person asked for a rollback."""
    fault = state.fault or state.goal.reason or "a rollback was requested"
    return f"{fault}; {by_platform(state)}" if state.own else fault


def by_platform(state: RolloutState) -> str:
    """The clause that says whose rollback it was."""
    return f"the platform rolled back by itself (deployment {state.own})"


def _after_fault(state: RolloutState, what: str) -> str:
    """What happened in the end, after what failed, if anything did."""
    return f"{fault_of(state)}; {what}" if state.fault or state.own else what


def pin_commands(state: RolloutState) -> tuple[str, ...]:
    """What settles a pinned app: keep the rollback, take it back, look first."""
    return settling(state.goal.app)


def settling(app: str) -> tuple[str, ...]:
    """The same for an app of that name."""
    return (f"reconcile rollback {app} --commit", f"reconcile rollback {app} --revert", f"reconcile status {app}")


def blocked(state: RolloutState) -> Outcome:
    """Another party pinned the app: nothing is done against that."""
    whose = "" if state.pinned else " that this run did not make"
    why = f"the app is pinned to a rollback{whose}; nothing is deployed until that is settled"
    return ended(state, OutcomeKind.BLOCKED, _after_fault(state, why), *pin_commands(state))


def timed_out(state: RolloutState, deployment_id: str, what: str) -> Outcome:
    """A budget ran out; nothing is undone, the next run goes on."""
    follow = f"deployment {deployment_id} continues on App Platform, and the next run follows it"
    reason = f"{_after_fault(state, what)}; {follow}"
    return ended(state, OutcomeKind.TIMED_OUT, reason, state.goal.again, status_command(state))


def rollback_failed(state: RolloutState, why: str) -> Outcome:
    """It failed, and so did going back; a person is needed."""
    if state.goal.task is Task.RESUME:
        went = "the rollback is not committed"
    else:
        went = "the rollback failed, too" if state.fault or state.own else "the rollback failed"
    commands = () if state.pinned else (f"reconcile rollback {state.goal.app}", status_command(state))
    return ended(state, OutcomeKind.ROLLBACK_FAILED, _after_fault(state, f"{went}: {why}"), *commands)


def denied(state: RolloutState) -> Outcome:
    """The token may not read: nothing more is learnt however long one waits, and what was begun goes on."""
    if state.fault or state.back or state.pinned:
        return rollback_failed(state, state.why)
    reason = state.why
    if state.leg is not None:
        reason += f"; deployment {state.leg.id} continues on App Platform, and the next run follows it"
    elif state.write.sends:
        reason += f"; it is not known whether the {state.goal.task.value} took effect"
    return ended(state, OutcomeKind.FAILED, reason, state.goal.again, status_command(state))


def gone(state: RolloutState) -> Outcome:
    """The app was deleted meanwhile: there is nothing left that could be put right."""
    reason = _after_fault(state, "the app was deleted meanwhile")
    return ended(state, OutcomeKind.FAILED, reason, status_command(state))


def diverged(state: RolloutState, deployment_id: str) -> Outcome:
    """The deployment is active and healthy, and is not what was asked for."""
    what = f"deployment {deployment_id} is active, but the stored or the active spec is not the one that was sent"
    return ended(state, OutcomeKind.DIVERGED, _after_fault(state, what), status_command(state))


def unconfirmed(state: RolloutState, deployment_id: str, what: str) -> Outcome:
    """The deployment is healthy by its own account, and the app was not seen to serve it."""
    what = f"deployment {deployment_id} is active, but could not be confirmed as serving: {what}"
    why = _after_fault(state, what)
    return ended(state, OutcomeKind.UNCONFIRMED, why, state.goal.again, status_command(state))


def platform_fault(state: RolloutState, attempts: int, but: str = "") -> Outcome:
    """The spec failed through no fault of its own, as often as it may be tried for now."""
    rules = state.goal.rules
    bound = f"{attempts} of {rules.attempts} attempts within {rules.attempts_within / 3600:g} h"
    why = f"{fault_of(state)}; this is a fault of the platform, not of the spec: {but or bound}"
    return ended(state, OutcomeKind.PLATFORM_FAULT, why, state.goal.again, status_command(state))


def rolled_back(state: RolloutState, how: str) -> Outcome:
    """The app is healthy on what it ran before, because the new version failed or because a person wanted it."""
    kind = OutcomeKind.TAKEN_BACK if state.goal.task is Task.ROLL_BACK else OutcomeKind.ROLLED_BACK
    return ended(state, kind, _after_fault(state, how), status_command(state))


def interrupted(state: RolloutState, sending: str = "") -> Outcome:
    """A signal stopped the run: what continues, how to resume; ``sending`` names the write whose answer is missing."""
    running = state.back or state.leg
    if state.fault and state.back is None:
        reason = f"{state.fault}; stopped before the rollout was finished"
    elif running is not None and running.phase is Phase.UNKNOWN:
        reason = f"stopped when deployment {running.id} had just begun; it continues on App Platform"
    elif running is not None and not running.phase.terminal:
        reason = f"stopped while deployment {running.id} was {running.phase.value}; it continues on App Platform"
    elif running is not None:
        reason = f"stopped after deployment {running.id} became {running.phase.value}, before the rollout was finished"
    elif state.write.sends or sending:
        what, sending = sending or state.goal.task.value, ""
        reason = f"stopped while the {what} was being sent; it is not known whether it took effect"
    else:
        reason = "stopped before anything was sent"
    if sending:
        reason += f"; it is not known whether the {sending} took effect"
    if state.pinned:
        reason += "; the app stays pinned to this run's rollback until the next run commits it"
    commands = (state.goal.again, *(pin_commands(state) if state.pinned else (status_command(state),)))
    return ended(state, OutcomeKind.INTERRUPTED, reason, *commands)
