"""The steps that change something, and the looks that tell what became of a change whose answer was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from reconciler.clock import Clock
from reconciler.errors import (
    AnswerLost,
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    ServerFailed,
    TransportFailed,
    Unauthorized,
    UsageError,
)
from reconciler.live.models import Deployment, LiveApp
from reconciler.rollout.model import Task
from reconciler.rollout.observations import RolloutContext, deployments_of, new_ones, ours_among, pinned_id
from reconciler.rollout.ports import ManualPlatform
from reconciler.rollout.state import Accepted, Lost, Refusal, Refused, Seen, WriteProbe, WriteProbed
from reconciler.rollout.steps import CommitRollback, LookUp, RestoreSpec, Rollback, Write
from reconciler.rollout.watch import FRESH

Answer = Accepted | Lost | Refused

RECENT = 10
"""Deployments that are looked through for the one that a lost write made."""


async def write(step: Write | Rollback | CommitRollback | RestoreSpec, context: RolloutContext) -> Answer:
    """Send one write."""
    try:
        match step:
            case Write():
                return await _plan_write(step.task, context)
            case Rollback():
                return await _roll_back(step, context)
            case CommitRollback():
                await context.client.commit_rollback(context.seen.app_id)
                return Accepted()
            case RestoreSpec():
                return await _restore(step, context)
            case _:
                assert_never(step)
    except LiveError as problem:
        return classify_error(problem, creating=isinstance(step, Write) and step.task is Task.CREATE)


async def _plan_write(task: Task, context: RolloutContext) -> Answer:
    job, seen, client = context.job, context.seen, context.client
    match task:
        case Task.CREATE:
            app = await client.create_app(context.specs.payload(None), job.project_id)
            named = app.id and app.name == job.plan.app  # another app would be followed, and rolled back
            return _followed(app, context) if named else Lost("the answer is not about the app")
        case Task.UPDATE:
            live = seen.app
            assert live is not None
            await client.take_turn()
            if seen.listed_at is not None and context.now() - seen.listed_at > FRESH:
                seen.by_id = True
                return Refused("the app was read too long ago for a write", Refusal.STALE)
            latest = job.plan.update_all_source_versions
            payload = context.specs.payload(live.spec)
            return _updated(await client.update_app(seen.app_id, payload, update_all_source_versions=latest), context)
        case Task.REDEPLOY:
            deployment = await client.create_deployment(seen.app_id, force_build=job.force_build)
            seen.saw(deployment)
            return Accepted(deployment.id)
        case Task.DELETE:
            await client.delete_app(seen.app_id)
            return Accepted()
        case _:
            raise TypeError(f"{task.value} is nothing that can be sent")


def _updated(app: LiveApp, context: RolloutContext) -> Accepted:
    """The same; a deployment that came between our look and our write, and was superseded by it, is warned of."""
    known = context.job.history | context.seen.known
    sent = _followed(app, context)
    before = next((one.previous_deployment_id for one in deployments_of(app) if one.id == sent.deployment_id), "")
    if before and context.job.history and before not in known:
        context.recorder.warn(
            f"deployment {before} was made after the app was last read, and this update superseded it"
        )
    return sent


def _followed(app: LiveApp, context: RolloutContext) -> Accepted:
    """The deployment a write made: the pending one, by the platform's word; never one that was there before."""
    known = set(context.seen.known)
    context.seen.saw_app(app)
    made = [app.pending_deployment, app.in_progress_deployment]
    return Accepted(next((found.id for found in made if found and found.id and found.id not in known), ""))


async def _roll_back(step: Rollback, context: RolloutContext) -> Answer:
    """Roll back, unless the app was changed since it was decided where to, by a person or the platform itself."""
    seen = context.seen
    app = await context.client.get_app(seen.app_id)
    if pinned_id(app):
        return Refused("the app was pinned meanwhile", Refusal.PINNED)
    news = [found for found in deployments_of(app) if found.id not in seen.known | seen.made]
    if news or not context.specs.same(app.spec, seen.base):
        return Refused("the app was changed meanwhile", Refusal.MOVED)
    return _rolling_back(await context.client.roll_back(seen.app_id, step.deployment_id, skip_pin=False), step, context)


def _rolling_back(deployment: Deployment, step: Rollback, context: RolloutContext) -> Accepted:
    seen = context.seen
    if not deployment.id:
        return Accepted()
    seen.asked[deployment.id] = seen.specs.get(step.deployment_id, {})
    seen.specs[deployment.id] = deployment.spec or seen.asked[deployment.id]
    seen.made.add(deployment.id)
    return Accepted(deployment.id)


async def _restore(step: RestoreSpec, context: RolloutContext) -> Answer:
    """Send an earlier deployment's spec, unless the app was changed since it was last read."""
    seen, specs = context.seen, context.specs
    app = await context.client.get_app(seen.app_id)
    spec = seen.specs.get(step.deployment_id, {})
    if not spec:
        return Refused(f"the spec of deployment {step.deployment_id} is unknown")
    if pinned_id(app):
        return Refused("the app was pinned meanwhile", Refusal.PINNED)
    if not specs.same(app.spec, seen.base):
        found = _restored(app, spec, context)
        return Accepted(found) if found else Refused("the app was changed meanwhile", Refusal.MOVED)
    sent = _followed(await context.client.update_app(seen.app_id, spec, update_all_source_versions=False), context)
    seen.asked[sent.deployment_id] = spec
    return sent


# ---- what became of it --------------------------------------------------------------------------------------------


async def look_up(step: LookUp, context: RolloutContext) -> Seen:
    """Look for the effect of a write.

    Raises:
        LiveError: it could not be looked for.
    """
    if step.write == Task.CREATE:
        return await _look_for_app(context)
    try:
        app = await context.client.get_app(context.seen.app_id)
    except NotFound:
        return WriteProbed(WriteProbe.GONE)
    if step.write == Task.DELETE:
        return WriteProbed(WriteProbe.NOT_THERE)
    if step.write == "rollback":
        return _look_for_rollback(app, step.deployment_id, context)
    if step.write == "restore":
        return await _look_for_restore(app, step.deployment_id, context)
    return await _look_for_update(app, context)


async def _look_for_app(context: RolloutContext) -> Seen:
    """Of a create: an app of the name. It is ours if it carries our spec, and never made twice (C44)."""
    app = await context.client.find_app(context.job.plan.app)
    if app is None:
        return WriteProbed(WriteProbe.NOT_THERE)
    if not context.specs.carries(app.spec):
        return WriteProbed(WriteProbe.FOREIGN)
    context.seen.saw_app(app)
    return await _deployment_of(app, context) or WriteProbed(WriteProbe.STORED)


async def _look_for_update(app: LiveApp, context: RolloutContext) -> Seen:
    """Of an update or a redeploy: a deployment that was not there before and carries our spec."""
    seen, specs = context.seen, context.specs
    before = seen.app
    assert before is not None
    found = await _deployment_of(app, context)
    if found is not None:
        return found
    if pinned_id(app):
        return WriteProbed(WriteProbe.FOREIGN)
    if specs.same(app.spec, before.spec):
        return WriteProbed(WriteProbe.NOT_THERE)
    return WriteProbed(WriteProbe.STORED if specs.carries(app.spec) else WriteProbe.FOREIGN)


async def _deployment_of(app: LiveApp, context: RolloutContext) -> WriteProbed | None:
    """A new deployment of our spec, from the app's own answer, else (one that failed at once) from its history."""
    seen, specs = context.seen, context.specs
    found = ours_among(deployments_of(app), seen, specs)
    if not found:
        history = await context.client.list_deployments(app.id or seen.app_id, limit=RECENT)
        found = ours_among(new_ones(history, seen.known), seen, specs)
    return WriteProbed(WriteProbe.OURS, found) if found else None


def _look_for_rollback(app: LiveApp, candidate: str, context: RolloutContext) -> Seen:
    """Of a rollback: a pin that was not there before, to a deployment of the candidate's spec."""
    seen, specs = context.seen, context.specs
    pinned = app.pinned_deployment
    if pinned is None or not pinned.id:
        running = app.running_deployment
        new = running is not None and running.is_rollback and running.id not in seen.known
        return WriteProbed(WriteProbe.STORED if new else WriteProbe.NOT_THERE)
    if pinned.id in seen.known or not specs.same(pinned.spec, seen.specs.get(candidate, {})):
        return WriteProbed(WriteProbe.FOREIGN)
    seen.saw(pinned)
    seen.made.add(pinned.id)
    return WriteProbed(WriteProbe.OURS, pinned.id)


async def _look_for_restore(app: LiveApp, candidate: str, context: RolloutContext) -> Seen:
    """Of a restored spec: a deployment that was not there before and carries it."""
    seen, specs = context.seen, context.specs
    if pinned_id(app):
        return WriteProbed(WriteProbe.FOREIGN)
    spec = seen.specs.get(candidate, {})
    found = _restored(app, spec, context)
    if not found:
        history = await context.client.list_deployments(seen.app_id, limit=RECENT)
        news = new_ones(history, seen.known)
        found = next((new.id for new in news if specs.same(new.spec, spec)), "")
    if found:
        return WriteProbed(WriteProbe.OURS, found)
    if specs.same(app.spec, seen.base):
        return WriteProbed(WriteProbe.NOT_THERE)
    return WriteProbed(WriteProbe.STORED if specs.same(app.spec, spec) else WriteProbe.FOREIGN)


def _restored(app: LiveApp, spec: Mapping[str, Any], context: RolloutContext) -> str:
    """The new deployment of an app that carries a restored spec; empty when there is none."""
    seen, specs = context.seen, context.specs
    news = [found for found in deployments_of(app) if found.id not in seen.known]
    return next((new.id for new in news if specs.same(new.spec, spec)), "")


# --- What an error of a write means: it was refused and had no effect, or that is unknown ---


def classify_error(problem: LiveError, *, creating: bool = False) -> Lost | Refused:
    """A lost answer, any 5xx and a broken connection are looked into; every other error is a refusal."""
    match problem:
        case AnswerLost() | ServerFailed() | TransportFailed():
            return Lost(problem.message)
        case NotFound():
            return Refused(problem.message, Refusal.GONE)
        case Conflict() if creating:
            return Refused(problem.message, Refusal.TAKEN)
        case Unauthorized():
            return Refused(problem.words, Refusal.ACCESS)
        case RateLimited():
            return Refused(problem.message, Refusal.ACCESS)
        case _:
            return Refused(problem.message)


# --- What a person asks of a pinned app: keep the rollback, or take it back ---


PIN_LOOKS = 5
"""How often the app is read again for the pin to go."""

PIN_PAUSE = 2.0
"""Seconds between two looks."""


async def commit(client: ManualPlatform, app: LiveApp, clock: Clock) -> bool:
    """Keep the rollback the app is pinned to; whether the pin was seen to go.

    Raises:
        UsageError: the app is not pinned.
        LiveError: the platform refused, or it is unknown whether it took effect, and the pin is still there.
    """
    require_pin(app)
    try:
        await client.commit_rollback(app.id)
    except LiveError:
        if await _unpinned(client, app.id, clock, looks=1):
            return True
        raise
    return await _unpinned(client, app.id, clock, looks=PIN_LOOKS)


async def revert(client: ManualPlatform, app: LiveApp) -> Deployment:
    """Take the rollback back: the spec before it is deployed again. The deployment to follow is returned.

    Raises:
        UsageError: the app is not pinned.
        LiveError: the platform refused, or it is unknown whether it took effect.
    """
    require_pin(app)
    return await client.revert_rollback(app.id)


def require_pin(app: LiveApp) -> Deployment:
    """The deployment that the app is pinned to.

    Raises:
        UsageError: it is not pinned.
    """
    if app.pinned_deployment is None:
        raise UsageError(
            f"{app.name} is not pinned to a rollback: there is nothing to commit or revert",
            hint=f"reconcile status {app.name}",
        )
    return app.pinned_deployment


async def _unpinned(client: ManualPlatform, app_id: str, clock: Clock, *, looks: int) -> bool:
    for look in range(looks):
        if look:
            await clock.sleep(PIN_PAUSE)
        if (await client.get_app(app_id)).pinned_deployment is None:
            return True
    return False
