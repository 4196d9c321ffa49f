"""Performs the steps of one app's rollout, and says what each found. Nothing is decided here.

Reads that fail are findings, too (`Failed`); writes whose answer is lost are `Lost`. `writes.py` has the writes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import assert_never

from reconciler.clock import Clock
from reconciler.errors import LiveError, NotFound, Unauthorized
from reconciler.live.models import Deployment, Health, LiveApp, Phase
from reconciler.plan.platform import own_rollbacks
from reconciler.rollout import writes as writing
from reconciler.rollout.failure import HISTORY, prepare
from reconciler.rollout.health import components_with_health
from reconciler.rollout.model import Role, Task
from reconciler.rollout.observations import (
    RolloutContext,
    applies,
    ask,
    ask_before,
    deployments_of,
    new_ones,
    ours_among,
    pinned_id,
)
from reconciler.rollout.state import (
    ActiveState,
    Adopted,
    BackRead,
    Failed,
    HealthSeen,
    PhaseSeen,
    Pin,
    PinSeen,
    Precheck,
    RolloutState,
    Seen,
    Successor,
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
        return Failed(f"{problem.message}; the app itself exists")
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
            return await prepare(step, state, context, clock)
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
            return PinSeen(seen.pin_of(app), _standing(step, state, app, on), _kept(app, on))
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
    moved = _moved_meanwhile(before, app, context) if seen.awaited and before else specs.moved(app)
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


def _moved_meanwhile(before: LiveApp, app: LiveApp, context: RolloutContext) -> bool:
    """Whether anything but the platform's own rollback, which was waited for, changed the app since it was read."""
    seen, same = context.seen, context.specs.same
    known = {one.id for one in deployments_of(before)} | {seen.awaited}
    kept = same(app.spec, before.spec) or same(app.spec, seen.specs.get(seen.awaited, {}))
    return not kept or any(one.id not in known for one in deployments_of(app))


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
    standing = _standing(step, state, app, context)
    if standing is ActiveState.OURS and state.back is None and context.job.desired is not None:
        for path in context.specs.missing(app.spec):
            context.recorder.warn(f"{path} was sent, but the platform did not keep it")
    return BackRead(standing, context.seen.pin_of(app), _kept(app, context))


def _kept(app: LiveApp, context: RolloutContext) -> bool:
    """Whether the app's spec is that of what is active, so that the next push deploys the same."""
    active = app.active_deployment
    return active is not None and context.specs.same(app.spec, active.spec or context.seen.specs.get(active.id, {}))


def _standing(
    step: ReadBack | VerifyUnpinned, state: RolloutState, app: LiveApp, context: RolloutContext
) -> ActiveState:
    seen, active, running = context.seen, app.active_deployment, app.running_deployment
    if seen.pin_of(app) is Pin.OTHER:
        return ActiveState.PINNED
    if active is None:
        return ActiveState.BEFORE
    if active.id != step.deployment_id:
        before = active.id in seen.known or seen.is_older(active.id, step.deployment_id)
        return ActiveState.BEFORE if before else ActiveState.OTHER
    if running is not None and not context.specs.same(running.spec, active.spec):
        return ActiveState.OTHER
    if active.phase not in (Phase.ACTIVE, Phase.UNKNOWN):
        return ActiveState.FAILED
    return ActiveState.DIVERGED if _diverges(active, state, app, context) else ActiveState.OURS


def _diverges(active: Deployment, state: RolloutState, app: LiveApp, context: RolloutContext) -> bool:
    """Whether the stored or the active spec is not the one that was sent; of a rollback, only what serves counts.

    A rollback of the platform's, or of an earlier run's, is to serve what the deployment carried that it restores.
    """
    seen, specs = context.seen, context.specs
    spec = active.spec or seen.specs.get(active.id, {})
    if state.back is not None:
        asked = seen.asked.get(active.id) or seen.specs.get(seen.restores.get(active.id, ""))
        return bool(spec and asked) and not specs.same(spec, asked or {})
    paths = dict.fromkeys([*specs.diverging(app.spec), *(specs.diverging(spec) if spec else ())])
    for path in paths:
        context.recorder.warn(f"{path} differs from what was sent")
    return bool(paths)
