"""Performs the steps of one app's rollout, and says what each found. Nothing is decided here.

Reads that fail are findings, too (`Failed`); writes whose answer is lost are `Lost`. `writes.py` has the writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import assert_never

from reconciler.clock import Clock
from reconciler.errors import LiveError, NotFound, Rejected, Unauthorized
from reconciler.live.models import Deployment, Health, LiveApp, Phase
from reconciler.plan.platform import FailedIn, ended_at, failed_for, failed_in, is_platform_fault, own_rollbacks
from reconciler.rollout import writes as writing
from reconciler.rollout.failure import asked_for, attempts, collect, summary, targets
from reconciler.rollout.health import components_with_health, judge, worst
from reconciler.rollout.model import Role, Task
from reconciler.rollout.observations import (
    RolloutContext,
    deployments_of,
    is_kept,
    moved_meanwhile,
    new_ones,
    ours_among,
    pinned_id,
    standing,
)
from reconciler.rollout.probing import applies, ask, ask_before
from reconciler.rollout.state import (
    ActiveState,
    Adopted,
    BackRead,
    Collected,
    Failed,
    HealthSeen,
    PhaseSeen,
    Pin,
    PinSeen,
    Precheck,
    RollbackOptions,
    RolloutState,
    Seen,
    Successor,
    Validated,
    Waited,
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
    Look,
    LookUp,
    Probe,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
    Wait,
    Write,
)

HISTORY = 20
"""Deployments that are looked through for one to go back to."""

RECENT = 10
"""Deployments that are looked through for what took over."""


async def perform(step: Step, state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    """Do what a step asks for, after the pause it asks for, and say what was found."""
    after = getattr(step, "after", 0.0)
    if after:
        await clock.sleep(after)
    try:
        return await _perform(step, state, context, clock)
    except NotFound as problem:
        return await _not_found(problem, step, context)
    except Unauthorized as problem:
        return Failed(problem.words, denied=True)
    except LiveError as problem:
        return Failed(problem.message)


async def _not_found(problem: NotFound, step: Step, context: RolloutContext) -> Seen:
    """A 404: the app is asked before it counts as gone, and may still show the deployment that cannot be read (C55)."""
    try:
        app = await context.client.get_app(context.seen.app_id)
    except NotFound:
        return Failed(problem.message, missing=True)
    except Unauthorized as denied:
        return Failed(denied.words, denied=True)
    except LiveError:
        return Failed(problem.message)
    found = next(
        (one for one in deployments_of(app) if isinstance(step, Follow) and one.id == step.deployment_id), None
    )
    if found is None:
        return Failed(f"{problem.message}; the app itself is there")
    context.seen.saw(found)
    context.recorder.saw(found)
    return PhaseSeen(found.phase)


async def _perform(step: Step, state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    match step:
        case Write() | Rollback() | CommitRollback() | RestoreSpec():
            return await writing.write(step, context)
        case LookUp():
            return await writing.look_up(step, context)
        case Follow() | CheckHealth() | Probe() | Wait():
            return await _watch(step, state, context, clock)
        case Adopt():
            return await _adopt(step, state, context, clock)
        case Look() | FindSuccessor() | ReadBack() | VerifyUnpinned():
            if isinstance(step, Look) and state.goal.task in (Task.UPDATE, Task.REDEPLOY):
                with suppress(NotFound):  # which is for the look to find
                    await ask_before(context, clock)
            return await _read_app(step, state, context)
        case CollectFailure() | FindCandidates() | ValidateRollback():
            return await _prepare(step, state, context, clock)
        case Finish():
            raise TypeError("a finished rollout has nothing to perform")
        case _:
            assert_never(step)


# ---- following ----------------------------------------------------------------------------------------------------


async def _adopt(step: Adopt, state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    """Follow a deployment. One that is going back is not probed where the version before failed the probe as well."""
    seen, desired = context.seen, context.job.desired
    if step.role is Role.FOLLOWED and state.leg is None:
        with suppress(LiveError):  # then the probe has nothing to be compared with
            await ask_before(context, clock, unless=step.deployment_id)
    spec = seen.specs.get(step.deployment_id) or (desired.spec if desired else context.job.carried)
    if step.role not in (Role.PLATFORM, Role.SERVING):
        seen.made.add(step.deployment_id)
    context.recorder.following(step.deployment_id, step.role)
    context.adopted_at = context.now()
    accused = bool(seen.probe_before) and step.role in (Role.ROLLBACK, Role.RESTORE)
    return Adopted(components_with_health(spec), applies(context.job.policy.health.probe, spec) and not accused)


async def _watch(
    step: Follow | CheckHealth | Probe | Wait, state: RolloutState, context: RolloutContext, clock: Clock
) -> Seen:
    app_id = context.seen.app_id
    match step:
        case Follow():
            leg = state.back or state.leg
            active = leg is not None and leg.phase is Phase.ACTIVE
            age = None if active else context.now() - context.adopted_at
            deployment = await context.poller.deployment(app_id, step.deployment_id, age)
            context.seen.saw(deployment)
            if not deployment.phase.terminal:
                context.seen.running_at[deployment.id] = context.now()
            context.recorder.saw(deployment)
            return PhaseSeen(deployment.phase)
        case CheckHealth():
            try:
                return HealthSeen(await context.poller.health(app_id))
            except NotFound:  # an app without any health to tell
                return HealthSeen(Health())
        case Probe():
            return await ask(context)
        case Wait():
            await clock.sleep(step.seconds)
            return Waited()
        case _:
            assert_never(step)


# ---- looking at the app -------------------------------------------------------------------------------------------


async def _read_app(
    step: Look | FindSuccessor | ReadBack | VerifyUnpinned, state: RolloutState, on: RolloutContext
) -> Seen:
    seen = on.seen
    try:
        app = await on.client.get_app(seen.app_id)
    except NotFound:
        if isinstance(step, Look):
            return Precheck(gone=True)
        raise
    before = seen.app
    seen.saw_app(app)
    if seen.pin_of(app) is Pin.OTHER:  # the platform's own rollback may pin, too
        seen.saw_history(app, await on.client.list_deployments(seen.app_id, limit=HISTORY), pinned_id(app))
    match step:
        case Look():
            return await _sight(state, before, app, on)
        case VerifyUnpinned():
            seen.base = app.spec
            return PinSeen(seen.pin_of(app), standing(step.deployment_id, state, app, on), is_kept(app, on))
        case FindSuccessor():
            return await _successor(step, state, app, on)
        case ReadBack():
            return _back_read(step, state, app, on)
        case _:
            assert_never(step)


async def _sight(state: RolloutState, before: LiveApp | None, app: LiveApp, context: RolloutContext) -> Precheck:
    seen, specs = context.seen, context.specs
    pinned, running, active = pinned_id(app), app.running_deployment, app.active_deployment
    if state.goal.task is Task.RESUME and pinned and pinned == (state.goal.follow_id or pinned):
        seen.made.add(pinned)
    moved = moved_meanwhile(before, app, context) if seen.awaited and before else specs.moved(app)
    awaited = False
    if running and not moved and not specs.carries(running.spec):
        history = seen.saw_history(app, await context.client.list_deployments(seen.app_id, limit=HISTORY), running.id)
        awaited = running.id in own_rollbacks(history)
        seen.awaited = running.id if awaited else seen.awaited
    seen.all_known(deployments_of(app))
    seen.active_before = active.id if active else ""
    return Precheck(
        pin=seen.pin_of(app),
        pinned_id=pinned,
        moved=moved,
        running_id=running.id if running and specs.carries(running.spec) else "",
        active_is_ours=bool(active and specs.carries(active.spec) and specs.carries(app.spec)),
        awaited=awaited,
    )


async def _successor(step: FindSuccessor, state: RolloutState, app: LiveApp, context: RolloutContext) -> Successor:
    """What took over: a newer deployment of our spec, the platform's own rollback, or another."""
    seen, specs = context.seen, context.specs
    listed = await context.client.list_deployments(seen.app_id, limit=RECENT)
    history = seen.saw_history(app, listed, step.deployment_id)
    shown = [found for found in deployments_of(app) if not seen.is_older(found.id, step.deployment_id)]
    newer = new_ones(history, {step.deployment_id}) if any(one.id == step.deployment_id for one in history) else []
    newer += [one for one in shown if one.id not in {found.id for found in newer}]
    newer = [one for one in newer if one.id not in seen.known | {step.deployment_id, state.own}]
    owns = own_rollbacks(history)
    return Successor(
        seen.pin_of(app),
        ours_among(newer, seen, specs) if specs.carries(app.spec) else "",
        next((one.id for one in newer if one.id in owns), ""),
        other=any(one.id not in owns for one in newer),
    )


def _back_read(step: ReadBack, state: RolloutState, app: LiveApp, context: RolloutContext) -> BackRead:
    """Whether the deployment is what serves; fields that were sent and are missing are warned of."""
    shown = standing(step.deployment_id, state, app, context)
    if shown is ActiveState.OURS and state.back is None and context.job.desired is not None:
        for path in context.specs.missing(app.spec):
            context.recorder.warn(f"{path} was sent, and the platform did not keep it")
    return BackRead(shown, context.seen.pin_of(app), is_kept(app, context))


# ---- going back ---------------------------------------------------------------------------------------------------


async def _prepare(
    step: CollectFailure | FindCandidates | ValidateRollback,
    state: RolloutState,
    context: RolloutContext,
    clock: Clock,
) -> Seen:
    match step:
        case CollectFailure():
            return await _collect(step, state, context, clock)
        case FindCandidates():
            return await _options(state, context, clock)
        case ValidateRollback():
            return await _validate(step, context)
        case _:
            assert_never(step)


async def _collect(step: CollectFailure, state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    seen, leg = context.seen, state.back or state.leg
    assert leg is not None
    unhealthy, component = "", ""
    if leg.phase is Phase.ACTIVE:
        unhealthy = judge(leg.evidence, state.goal.rules, leg.components).reason
        component = worst(leg.evidence).component
    failure, read = await collect(context.client, seen.app_id, leg.id, unhealthy=unhealthy, component=component)
    seen.failed = seen.failed or leg.id
    told = summary(step.deployment_id, context.recorder.failed(failure))
    if unhealthy:
        return Collected(told)
    where = failed_in(read) if read else FailedIn.UNKNOWN
    where = FailedIn.SOAK if leg.served else where
    platform = read is not None and is_platform_fault(read)
    return Collected(told, where, _failed_for(leg.id, read, context, clock), platform)


def _failed_for(deployment_id: str, read: Deployment | None, context: RolloutContext, clock: Clock) -> float:
    """Seconds since a deployment failed: by what the platform says, and no longer than it was seen to have ended."""
    ages: list[float] = []
    when = (read.phase_last_updated_at or ended_at(read) or read.updated_at) if read else None
    if when is not None:
        ages.append((clock.now() - when).total_seconds())
    if deployment_id in context.seen.running_at:
        ages.append(context.now() - context.seen.running_at[deployment_id])
    return max(0.0, min(ages, default=0.0))


async def _options(state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    seen, specs = context.seen, context.specs
    app = await context.client.get_app(seen.app_id)
    listed = await context.client.list_deployments(seen.app_id, limit=HISTORY)
    failed = _failed_id(state, listed, context)
    history = seen.saw_history(app, listed, failed)
    seen.all_known([*history, *deployments_of(app)])
    seen.base = app.spec
    pin, active = seen.pin_of(app), app.active_deployment
    if not failed:
        return RollbackOptions(pin, candidates=asked_for(state.goal.follow_id, app, history, context))
    owns = own_rollbacks(history)
    news = new_ones(history, {failed}) if any(one.id == failed for one in history) else []
    own_id = next((one.id for one in news if one.id in owns), "")
    newer = [one for one in news if one.id not in owns and one.id not in seen.made]
    newer_id = ""
    if newer and newer[0].phase not in (Phase.ERROR, Phase.CANCELED) and specs.carries(newer[0].spec):
        newer_id = newer[0].id
    found = targets(state, failed, app, history, context)
    serving_id = active.id if active and active.id != failed and active.phase not in _ENDED else ""
    serving = bool(found) and active is not None and found[0].id == active.id
    return RollbackOptions(
        pin,
        bool(newer),
        newer_id,
        tuple(each.id for each in found),
        serving,
        serving and specs.same(app.spec, found[0].spec),
        own_id,
        serving_id,
        specs.carries(app.spec),
        attempts(state, history, context, clock),
    )


_ENDED = (Phase.ERROR, Phase.CANCELED)


def _failed_id(state: RolloutState, listed: Sequence[Deployment], context: RolloutContext) -> str:
    """The deployment that failed, of which is asked what came after it; empty where a person asks for a rollback."""
    if state.back is not None and state.relapse is not None and state.back.role in (Role.ROLLBACK, Role.RESTORE):
        return state.back.id
    if state.goal.task is Task.ADOPT and not context.seen.failed:
        owns = own_rollbacks(listed)
        own = owns.get(state.goal.follow_id)
        context.seen.failed = failed_for(own, owns) if own else ""
    return state.leg.id if state.leg else context.seen.failed


async def _validate(step: ValidateRollback, context: RolloutContext) -> Seen:
    try:
        answer = await context.client.validate_rollback(context.seen.app_id, step.deployment_id, skip_pin=False)
    except NotFound as problem:
        return Validated("not_found", problem.message)
    except Rejected as problem:
        return Validated(problem.error_id or "rejected", problem.message)
    for warning in answer.warnings:
        context.recorder.warn(f"rollback to {step.deployment_id}: {warning.code or 'warning'}: {warning.message}")
    if answer.valid:
        return Validated()
    code = answer.error.code if answer.error and answer.error.code else "invalid"
    message = answer.error.message if answer.error else ""
    context.recorder.warn(f"no rollback to {step.deployment_id}: {code}{': ' + message if message else ''}")
    return Validated(code, message)
