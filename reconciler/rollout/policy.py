"""The whole policy of a rollout: deploy, judge, roll back, commit, stop.

`next_step` is a total, pure function of what is known. It is read from top to bottom: the way back, once one is taken;
before there is a deployment; and the judgement of the deployment, first by phase, then by health. Everything that can
be asked for is bounded (see `model.py`), so every rollout ends in `Finish`. docs/rollout.md shows it as a table.
"""

from __future__ import annotations

from typing import assert_never

from reconciler.live.models import Phase
from reconciler.rollout.health import Judgement, Verdict, judge
from reconciler.rollout.model import (
    HOPS,
    LOOK_EVERY,
    LOOKS,
    MISSING,
    SENDS,
    TRIES,
    Outcome,
    OutcomeKind,
    Role,
    Task,
    pause,
)
from reconciler.rollout.outcomes import blocked, denied, ended, status_command, timed_out
from reconciler.rollout.policy_rollback import Resolution, options, resolve, retry
from reconciler.rollout.policy_settle import TAKEN_OVER, over_budget, reading, serves, way_back
from reconciler.rollout.state import Pin, Precheck, Refusal, RolloutState, Successor, TrackedDeployment
from reconciler.rollout.steps import (
    Adopt,
    CollectFailure,
    FindSuccessor,
    Finish,
    Follow,
    Look,
    LookUp,
    Step,
    Write,
)


def next_step(state: RolloutState) -> Step:
    """What to do next, given everything that is known; total and pure."""
    if state.denied:
        return Finish(denied(state))
    if state.fault is not None:
        return _failed(state)
    if state.back is not None:
        return way_back(state, state.back)
    if state.leg is not None:
        return _deployed(state, state.leg)
    return _begin(state)


def _begin(state: RolloutState) -> Step:
    """What the task begins with, up to the deployment that is followed."""
    task = state.goal.task
    match task:
        case Task.NONE:
            return Finish(ended(state, state.goal.settled, state.goal.reason, status_command(state)))
        case Task.FOLLOW:
            return Adopt(Role.FOLLOWED, state.goal.follow_id)
        case Task.ADOPT:
            return Adopt(Role.PLATFORM, state.goal.follow_id)
        case Task.ROLL_BACK:
            return options(state)
        case Task.CREATE:
            return _write(state)
        case Task.UPDATE | Task.REDEPLOY | Task.DELETE | Task.RESUME:
            return _before(state)
        case _:
            assert_never(task)


def _failed(state: RolloutState) -> Step:
    """It failed: it is deployed once more, the way back is taken, or it is decided which."""
    if state.options is not None and (state.write.sends or state.write.stale):
        return retry(state, state.options)
    return options(state) if state.back is None else way_back(state, state.back)


# ---- before there is a deployment ---------------------------------------------------------------------------------


def _before(state: RolloutState) -> Step:
    """Nothing is written to an app that is not what the plan was made from."""
    sight = state.sight
    if sight is None:
        if state.tries >= TRIES:
            return Finish(ended(state, OutcomeKind.FAILED, f"nothing was changed: {state.why}", state.goal.again))
        return Look(pause(state.tries))
    if sight.gone:
        if state.goal.task is Task.DELETE:
            return Finish(ended(state, OutcomeKind.DELETED, "it was already deleted"))
        return Finish(_refused(state, "the app was deleted since it was planned"))
    if state.goal.task is Task.RESUME:
        return _resume(state, sight)
    if sight.pin is not Pin.NONE:
        return Finish(blocked(state))
    if sight.moved:
        return _moved(state, sight)
    if sight.awaited:
        return _await_platform(state)
    return _write(state)


def _await_platform(state: RolloutState) -> Step:
    """The platform is rolling back by itself: what is sent meanwhile would supersede that, so it is waited for."""
    rules = state.goal.rules
    if state.awaited >= rules.build + rules.deploy:
        why = f"nothing was changed: the platform's own rollback is still in progress after {state.awaited:.0f} s"
        return Finish(ended(state, OutcomeKind.TIMED_OUT, why, state.goal.again, status_command(state)))
    if state.tries >= TRIES:
        return Finish(ended(state, OutcomeKind.FAILED, f"nothing was changed: {state.why}", state.goal.again))
    return Look(LOOK_EVERY)


def _resume(state: RolloutState, sight: Precheck) -> Step:
    """Finish a rollback that an earlier run began: judge the deployment that the app is pinned to, then commit."""
    match sight.pin:
        case Pin.OURS:
            return Adopt(Role.ROLLBACK, sight.pinned_id)
        case Pin.PLATFORM:
            return Adopt(Role.PLATFORM, sight.pinned_id)
        case Pin.OTHER:
            return Finish(blocked(state))
        case Pin.NONE:
            return Finish(_refused(state, "the rollback to be finished no longer pins the app"))
        case _:
            assert_never(sight.pin)


def _moved(state: RolloutState, sight: Precheck) -> Step:
    """The app was changed since it was planned. If to the same as we want: fine. Else it is not overwritten."""
    if state.goal.task is not Task.DELETE and sight.running_id:
        return Adopt(Role.FOLLOWED, sight.running_id)
    if state.goal.task is not Task.DELETE and sight.active_is_ours:
        return Finish(ended(state, OutcomeKind.UNCHANGED, "the same spec was applied since it was planned"))
    return Finish(_refused(state, "the app changed since it was planned; that change was not overwritten"))


def _write(state: RolloutState) -> Step:
    """Send the plan's write, or find out what became of it."""
    task, write = state.goal.task, state.write
    resolution = resolve(write, state.tries, SENDS)
    match resolution:
        case Resolution.SEND:
            return Write(task)
        case Resolution.LOOK_UP:
            return LookUp(task.value, pause(write.looks + state.tries))
        case Resolution.ADOPT:
            return Adopt(Role.DEPLOY, write.deployment_id)
        case Resolution.GONE:
            if task is Task.DELETE:
                return Finish(ended(state, OutcomeKind.DELETED, "deleted"))
            return Finish(_refused(state, "the app was deleted after an answer was lost"))
        case Resolution.FOREIGN:
            why = "an answer was lost, and another party changed the app since; that change was not overwritten"
            return Finish(_refused(state, why))
        case Resolution.REFUSED:
            return Finish(_refused_write(state))
        case Resolution.GIVE_UP:
            why = f"could not determine whether the {task.value} took effect: {state.why or write.why}"
            return Finish(ended(state, OutcomeKind.FAILED, why, state.goal.again, status_command(state)))
        case _:
            assert_never(resolution)


def _refused_write(state: RolloutState) -> Outcome:
    """The platform refused the write: it had no effect."""
    match state.write.refusal:
        case Refusal.GONE if state.goal.task is Task.DELETE:
            return ended(state, OutcomeKind.DELETED, "it was already deleted")
        case Refusal.ACCESS:
            return ended(state, OutcomeKind.FAILED, f"nothing was changed: {state.write.why}", state.goal.again)
        case _:
            return _refused(state, state.write.why)


def _refused(state: RolloutState, why: str) -> Outcome:
    return ended(state, OutcomeKind.REFUSED, why, state.goal.again, status_command(state))


# ---- the deployment: by phase, then by health ---------------------------------------------------------------------


def _deployed(state: RolloutState, leg: TrackedDeployment) -> Step:
    """Judge the deployment that the write led to, or that is followed."""
    if leg.missing >= MISSING:
        why = "the app was deleted while it was rolled out"
        return Finish(ended(state, OutcomeKind.FAILED, why, state.goal.again))
    match leg.phase:
        case Phase.UNKNOWN | Phase.PENDING_BUILD | Phase.BUILDING | Phase.PENDING_DEPLOY | Phase.DEPLOYING:
            over = over_budget(leg, state.goal.rules)
            return Finish(timed_out(state, leg.id, over)) if over else Follow(leg.id)
        case Phase.ACTIVE:
            verdict = judge(leg.evidence, state.goal.rules, leg.components)
            return _judged(state, leg, verdict)
        case Phase.ERROR:
            return CollectFailure(leg.id)
        case Phase.SUPERSEDED | Phase.CANCELED:
            return _replaced(state, leg)
        case _:
            assert_never(leg.phase)


def _judged(state: RolloutState, leg: TrackedDeployment, verdict: Verdict) -> Step:
    """An active deployment, by its health."""
    match verdict.judgement:
        case Judgement.HEALTHY:
            return _healthy(state, leg, verdict.reason)
        case Judgement.UNHEALTHY:
            return CollectFailure(leg.id)
        case Judgement.UNKNOWN:
            return Finish(timed_out(state, leg.id, verdict.reason))
        case Judgement.WAITING:
            return reading(leg, state.goal.rules, verdict.reason)
        case _:
            assert_never(verdict.judgement)


def _healthy(state: RolloutState, leg: TrackedDeployment, why: str) -> Step:
    """Healthy: see that it is what serves, so that nothing green runs something old."""
    step = serves(state, leg)
    if step is TAKEN_OVER:
        return _replaced(state, leg)
    return step or Finish(ended(state, OutcomeKind.APPLIED, why))


def _replaced(state: RolloutState, leg: TrackedDeployment) -> Step:
    """Another deployment took over: follow it if it carries our spec; a canceled one may just have no successor yet."""
    successor, canceled = state.successor, leg.phase is Phase.CANCELED
    alone = canceled and (successor is None or not (successor.deployment_id or successor.other or successor.own_id))
    if successor is None or (alone and successor.pin is Pin.NONE and state.successor_looks < LOOKS):
        if state.tries >= TRIES:
            why = (
                f"deployment {leg.id} was {'canceled' if canceled else 'superseded'}; what took over could not be read"
            )
            return Finish(ended(state, OutcomeKind.SUPERSEDED, f"{why}: {state.why}", *_look_again(state)))
        return FindSuccessor(leg.id, pause(state.successor_looks + state.tries))
    if successor.pin is not Pin.NONE:
        return Finish(blocked(state))
    if successor.deployment_id and state.hops < HOPS:
        return Adopt(Role.FOLLOWED, successor.deployment_id)
    if alone:
        why = f"deployment {leg.id} was canceled by an unknown party; the app still runs what it ran before"
        return Finish(ended(state, OutcomeKind.CANCELED, why, status_command(state)))
    return Finish(_taken_over(state, successor))


def _taken_over(state: RolloutState, successor: Successor) -> Outcome:
    if successor.deployment_id:
        why = f"deployments of the same spec superseded each other more than {HOPS} times"
    else:
        why = "a deployment with another spec took over"
    return ended(state, OutcomeKind.SUPERSEDED, why, *_look_again(state))


def _look_again(state: RolloutState) -> tuple[str, str]:
    return state.goal.again, status_command(state)
