"""How rollouts end: the outcomes, with reasons and the commands a person needs. Pure text, no decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.live.models import Phase
from reconciler.rollout.model import Outcome, OutcomeKind
from reconciler.rollout.state import Task

if TYPE_CHECKING:
    from reconciler.rollout.state import RolloutState


def ended(state: RolloutState, kind: OutcomeKind, reason: str, *commands: str) -> Outcome:
    """An outcome that says so itself if a rollback of ours may still pin the app."""
    return Outcome(kind, reason, commands, pinned=state.pinned)


def status_command(state: RolloutState) -> str:
    """The command that shows how the app stands."""
    return f"reconcile status {state.goal.app}"


def pin_commands(state: RolloutState) -> tuple[str, ...]:
    """What settles a pinned app: keep the rollback, take it back, look first."""
    app = state.goal.app
    return (f"reconcile rollback {app} --commit", f"reconcile rollback {app} --revert", f"reconcile status {app}")


def blocked(state: RolloutState) -> Outcome:
    """Somebody pinned the app: nothing is done against that."""
    whose = "" if state.pinned else " that this run did not make"
    why = f"the app is pinned to a rollback{whose}; nothing is deployed until that is settled"
    if state.fault:
        why = f"{state.fault}; {why}"
    return ended(state, OutcomeKind.BLOCKED, why, *pin_commands(state))


def timed_out(state: RolloutState, deployment_id: str, what: str) -> Outcome:
    """A budget ran out; nothing is undone, the next run goes on."""
    reason = f"{what}; deployment {deployment_id} goes on without us, and the next run follows it"
    return ended(state, OutcomeKind.TIMED_OUT, reason, state.goal.again, status_command(state))


def rollback_failed(state: RolloutState, why: str) -> Outcome:
    """It failed, and so did going back; a person is needed."""
    went = f"{state.fault}; going back failed, too" if state.fault else "going back failed"
    if state.goal.task is Task.RESUME:
        went = "the rollback is not committed"
    if state.pinned:
        reason = f"{went}: {why}. The app is left pinned to the rollback"
        return ended(state, OutcomeKind.ROLLBACK_FAILED, reason, *pin_commands(state))
    reason = f"{went}: {why}"
    commands = (f"reconcile rollback {state.goal.app}", status_command(state))
    return ended(state, OutcomeKind.ROLLBACK_FAILED, reason, *commands)


def denied(state: RolloutState) -> Outcome:
    """The token may not read: nothing more is learnt however long one waits, and what was begun goes on."""
    if state.fault or state.back or state.pinned:
        return rollback_failed(state, state.why)
    reason = state.why
    if state.leg is not None:
        reason += f"; deployment {state.leg.id} goes on, and the next run follows it"
    elif state.write.sends:
        reason += f"; whether the {state.goal.task.value} took effect is not known"
    return ended(state, OutcomeKind.FAILED, reason, state.goal.again, status_command(state))


def gone(state: RolloutState) -> Outcome:
    """Somebody deleted the app while it was taken back: there is nothing left that could be put right."""
    fault = f"{state.fault}; " if state.fault else ""
    return ended(state, OutcomeKind.FAILED, f"{fault}then somebody deleted the app", status_command(state))


def rolled_back(state: RolloutState, how: str) -> Outcome:
    """The app is healthy on what it ran before, because the new version failed or because a person wanted it."""
    fault = f"{state.fault}; " if state.fault else ""
    kind = OutcomeKind.TAKEN_BACK if state.goal.task is Task.ROLL_BACK else OutcomeKind.ROLLED_BACK
    return ended(state, kind, f"{fault}{how}", status_command(state))


def interrupted(state: RolloutState) -> Outcome:
    """A signal stopped the run here: what goes on without us, and how to resume."""
    running = state.back or state.leg
    if running is not None and running.phase is Phase.UNKNOWN:
        reason = f"stopped when deployment {running.id} had just begun; it goes on without us"
    elif running is not None and not running.phase.terminal:
        reason = f"stopped while deployment {running.id} was {running.phase.value}; it goes on without us"
    elif running is not None:
        reason = f"stopped after deployment {running.id} became {running.phase.value}, before the rollout was finished"
    elif state.write.sends:
        reason = f"stopped while the {state.goal.task.value} was being sent; whether it took effect is not known"
    else:
        reason = "stopped before anything was sent"
    if state.pinned:
        reason += "; the app is pinned to our rollback until that is committed, which the next run does"
    commands = (state.goal.again, *(pin_commands(state) if state.pinned else (status_command(state),)))
    return ended(state, OutcomeKind.INTERRUPTED, reason, *commands)
