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
from reconciler.rollout import writes as writing
from reconciler.rollout.failure import candidates, collect, other_versions, summary
from reconciler.rollout.health import components_with_health, judge, worst
from reconciler.rollout.observations import RolloutContext, deployments_of, new_ones, ours_among, pinned_id
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
    Role,
    RollbackOptions,
    RolloutState,
    Seen,
    Successor,
    Task,
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
            return await writing.look_up(step, state, context)
        case Follow() | CheckHealth() | Probe() | Wait():
            return await _watch(step, context, clock)
        case Adopt():
            return await _adopt(step, state, context, clock)
        case Look() | FindSuccessor() | ReadBack() | VerifyUnpinned():
            if isinstance(step, Look) and state.goal.task in (Task.UPDATE, Task.REDEPLOY):
                with suppress(NotFound):  # which is for the look to find
                    await ask_before(context, clock)
            return await _read_app(step, state, context)
        case CollectFailure() | FindCandidates() | ValidateRollback():
            return await _prepare(step, state, context)
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
    seen.made.add(step.deployment_id)
    context.recorder.following(step.deployment_id, step.role)
    context.adopted_at = context.now()
    accused = bool(seen.probe_before) and step.role in (Role.ROLLBACK, Role.RESTORE)
    return Adopted(components_with_health(spec), applies(context.job.policy.health.probe, spec) and not accused)


async def _watch(step: Follow | CheckHealth | Probe | Wait, context: RolloutContext, clock: Clock) -> Seen:
    app_id = context.seen.app_id
    match step:
        case Follow():
            age = context.now() - context.adopted_at
            deployment = await context.poller.deployment(app_id, step.deployment_id, age)
            context.seen.saw(deployment)
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
    seen.saw_app(app)
    match step:
        case Look():
            return _sight(state, on)
        case VerifyUnpinned():
            return PinSeen(seen.pin_of(app))
        case FindSuccessor():
            return _successor(step, on)
        case ReadBack():
            return _back_read(step, on)
        case _:
            assert_never(step)


def _sight(state: RolloutState, context: RolloutContext) -> Precheck:
    seen, specs = context.seen, context.specs
    app = seen.app
    assert app is not None
    seen.all_known(deployments_of(app))
    seen.active_before = app.active_deployment.id if app.active_deployment else ""
    pinned = pinned_id(app)
    if state.goal.task is Task.RESUME and pinned and pinned == (state.goal.follow_id or pinned):
        seen.made.add(pinned)
    running = app.running_deployment
    return Precheck(
        pin=seen.pin_of(app),
        pinned_id=pinned,
        moved=specs.moved(app),
        running_id=running.id if running and specs.carries(running.spec) else "",
        active_is_ours=bool(
            app.active_deployment and specs.carries(app.active_deployment.spec) and specs.carries(app.spec)
        ),
    )


def _successor(step: FindSuccessor, context: RolloutContext) -> Successor:
    """The newer deployment of our spec that took over; none if the app's spec is not ours any more."""
    seen, specs = context.seen, context.specs
    app = seen.app
    assert app is not None
    pin = seen.pin_of(app)
    if not specs.carries(app.spec):
        return Successor(pin)
    newer = [found for found in deployments_of(app) if not seen.is_older(found.id, step.deployment_id)]
    return Successor(pin, ours_among(newer, seen, specs))


def _back_read(step: ReadBack, context: RolloutContext) -> BackRead:
    """Whether the deployment is what is active; what of it went missing is warned of."""
    seen, specs = context.seen, context.specs
    app = seen.app
    assert app is not None
    standing = _standing(step, app, context)
    if standing is ActiveState.OURS and context.job.desired is not None:
        for path in specs.missing(app.spec):
            context.recorder.warn(f"{path} was sent, and the platform did not keep it")
        if app.active_deployment and not specs.carries(app.active_deployment.spec):
            warning = f"deployment {step.deployment_id} is active, but does not carry the spec that was asked for"
            context.recorder.warn(warning)
    return BackRead(standing)


def _standing(step: ReadBack, app: LiveApp, context: RolloutContext) -> ActiveState:
    seen, active, running = context.seen, app.active_deployment, app.running_deployment
    if seen.pin_of(app) is Pin.OTHER:
        return ActiveState.PINNED
    if active is None:
        return ActiveState.BEFORE
    if active.id == step.deployment_id:
        replaced = running is not None and not context.specs.same(running.spec, active.spec)
        return ActiveState.OTHER if replaced else ActiveState.OURS
    before = active.id in seen.known or seen.is_older(active.id, step.deployment_id)
    return ActiveState.BEFORE if before else ActiveState.OTHER


# ---- going back ---------------------------------------------------------------------------------------------------


async def _prepare(
    step: CollectFailure | FindCandidates | ValidateRollback, state: RolloutState, context: RolloutContext
) -> Seen:
    match step:
        case CollectFailure():
            return await _collect(step, state, context)
        case FindCandidates():
            return await _options(state, context)
        case ValidateRollback():
            return await _validate(step, context)
        case _:
            assert_never(step)


async def _collect(step: CollectFailure, state: RolloutState, context: RolloutContext) -> Seen:
    leg = state.leg
    assert leg is not None
    unhealthy, component = "", ""
    if leg.phase is Phase.ACTIVE:
        unhealthy = judge(leg.evidence, state.goal.rules, leg.components).reason
        component = worst(leg.evidence).component
    found = collect(context.client, context.seen.app_id, leg.id, unhealthy=unhealthy, component=component)
    failure = await found
    told = context.recorder.failed(failure)
    return Collected(summary(step.deployment_id, told))


async def _options(state: RolloutState, context: RolloutContext) -> Seen:
    seen, client = context.seen, context.client
    app = await client.get_app(seen.app_id)
    history = await client.list_deployments(seen.app_id, limit=HISTORY)
    seen.saw_app(app)
    for deployment in history:
        seen.saw(deployment)
    seen.all_known([*history, *deployments_of(app)])
    seen.base = app.spec
    pin = seen.pin_of(app)
    if state.leg is None:
        return RollbackOptions(pin, candidates=_asked_for(state.goal.follow_id, app, history, context))
    failed = state.leg.id
    newer = [found for found in new_ones(history, {failed}) if not _automatic(found)]
    newer = newer if any(found.id == failed for found in history) else []
    newer_id = ""
    if newer and newer[0].phase not in (Phase.ERROR, Phase.CANCELED) and context.specs.carries(newer[0].spec):
        newer_id = newer[0].id
    active = app.active_deployment.id if app.active_deployment else ""
    before = seen.active_before or (active if active != failed else "")
    found = candidates(history, failed={failed} | seen.made, active_before=before)
    serving = bool(found) and found[0].id == active
    reverted = serving and context.specs.same(app.spec, found[0].spec)
    return RollbackOptions(pin, bool(newer), newer_id, tuple(each.id for each in found), serving, reverted)


def _asked_for(target: str, app: LiveApp, history: Sequence[Deployment], context: RolloutContext) -> tuple[str, ...]:
    """Where a person wants to go back to: the one they named, or the version that served before what serves now."""
    if target:
        return (target,)
    active = app.active_deployment
    found = candidates(history, failed=[active.id] if active else [])
    if active is not None:
        found = other_versions(found, active, context.specs.same)
    return tuple(deployment.id for deployment in found)


def _automatic(deployment: Deployment) -> bool:
    """Whether the platform itself went back: that is nobody's wish."""
    return deployment.cause_details is not None and deployment.cause_details.type == "AUTO_ROLLBACK"


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
