"""Prepares going back after a failure: what failed, where one can go back to, and whether the platform allows it.

What failed is an explanation, never an error: the failing step, its reason, the last lines of its log. Source of what a
step says: the vendor's Go client (`DeploymentProgressStep`); a log that was never written answers 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from reconciler.appspec.kinds import LogType
from reconciler.clock import Clock
from reconciler.errors import LiveError, NotFound, Rejected
from reconciler.live.models import Deployment, LiveApp, Phase, ProgressStep
from reconciler.plan.platform import (
    FailedIn,
    ended_at,
    failed_for,
    failed_in,
    failing_step,
    is_platform_fault,
    own_rollbacks,
    was_active,
)
from reconciler.rollout.health import judge, worst
from reconciler.rollout.model import LOOK_EVERY, Failure, Role, Task
from reconciler.rollout.observations import (
    RolloutContext,
    deployments_of,
    new_ones,
)
from reconciler.rollout.state import (
    Collected,
    RollbackOptions,
    RolloutState,
    Seen,
    Validated,
)
from reconciler.rollout.steps import (
    CollectFailure,
    FindCandidates,
    ValidateRollback,
)
from reconciler.rollout.watch import FRESH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from reconciler.rollout.ports import Platform


LINES = 20
"""Lines of a log that are kept."""


def summary(deployment_id: str, failure: Failure) -> str:
    """What failed, in a line that may go on: it ends in no full stop."""
    named = failure.message.startswith(f"{failure.component} ")
    said = ": ".join(part for part in ("" if named else failure.component, failure.code, failure.message) if part)
    return f"deployment {deployment_id} failed" + (f": {said.removesuffix('.')}" if said else "")


async def collect(
    client: Platform, app_id: str, deployment_id: str, *, unhealthy: str = "", component: str = ""
) -> tuple[Failure, Deployment | None]:
    """What can be learnt of a failed deployment, and the deployment as it was read; what cannot is left empty.

    ``unhealthy`` says why an active deployment is judged to have failed, and ``component`` which of its components
    did; both are empty for one in the phase ERROR.
    """
    try:
        deployment = await client.get_deployment(app_id, deployment_id)
    except LiveError as problem:
        unread = unhealthy or f"its steps could not be read: {problem.message}"
        return Failure(component=component, message=unread), None
    step = failing_step(deployment.progress.steps if deployment.progress else ())
    component = component or (step.component_name if step else "")
    lines, links = await _log(client, app_id, deployment, component, during=_log_types(step, unhealthy))
    reason = step.reason if step else None
    failure = Failure(
        component=component,
        step=step.name if step else "",
        code=reason.code if reason else "",
        message=unhealthy or (reason.message if reason else ""),
        log_lines=tuple(lines),
        links=links,
    )
    return failure, deployment


def _log_types(step: ProgressStep | None, unhealthy: str) -> tuple[LogType, ...]:
    """Which logs explain it best, the best first: a failed build's are those of the build."""
    if unhealthy:
        return ("RUN", "DEPLOY")
    if step is not None and "build" in step.name.lower():
        return ("BUILD",)
    return ("RUN", "DEPLOY", "BUILD") if step is not None and step.component_name else ("DEPLOY", "BUILD")


async def _log(
    client: Platform, app_id: str, deployment: Deployment, component: str, *, during: tuple[LogType, ...]
) -> tuple[list[str], tuple[str, ...]]:
    """The end of the first log that has any lines, and where it can be read."""
    links: tuple[str, ...] = ()
    for kind in during:
        try:
            found = await client.logs(app_id, deployment.id, component, type=kind, tail_lines=LINES)
        except LiveError:
            continue  # that phase was never reached, or its log is gone: the next best explains it
        links = links or found.historic_urls
        lines = await client.log_tail(found, LINES)
        if lines:
            return lines, found.historic_urls
    return [], links


# --- Which earlier deployments one could go back to: pure, over the app's history ---


def candidates(
    history: Sequence[Deployment], *, failed: Collection[str], active_before: str = "", most: int = 10
) -> tuple[Deployment, ...]:
    """Earlier deployments that were active and good, best first: the one active before, then newest first.

    ``history`` is newest first. Left out are ``failed``, those that never were active, and those that an earlier
    rollback went back from: what was judged unhealthy once is no refuge.
    """
    shunned = set(failed) | _left_behind(history)
    good = [found for found in history if found.id and found.id not in shunned and was_active(found)]
    good.sort(key=lambda found: found.id != active_before)  # stable: the others stay newest first
    return tuple(good[:most])


def other_versions(
    found: Sequence[Deployment], active: Deployment, same: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
) -> tuple[Deployment, ...]:
    """Those of another version than the active one; ``same`` compares two specs.

    Those of the same spec come last, and only if the platform shows that one of their components runs another commit
    or image: a tag alone does not tell two versions apart (C92).
    """
    twins = [one for one in found if same(one.spec, active.spec)]
    older = [one for one in twins if _differ(one.sources, active.sources)]
    return (*(one for one in found if one not in twins), *older)


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def _left_behind(history: Sequence[Deployment]) -> set[str]:
    """What each rollback in the history went back from: everything between it and where it went back to."""
    found: set[str] = set()
    positions = {deployment.id: position for position, deployment in enumerate(history)}
    back = own_rollbacks(history).keys() | {deployment.id for deployment in history if deployment.is_rollback}
    for position, deployment in enumerate(history):
        if deployment.id not in back:
            continue
        target = positions.get(deployment.cloned_from)
        end = target if target is not None and target > position else position + 2
        found |= {between.id for between in history[position:end]} - back
    return found


# --- The steps that prepare going back; nothing is decided here ---

HISTORY = 20
"""Deployments that are read to find one to go back to."""


async def prepare(
    step: CollectFailure | FindCandidates | ValidateRollback,
    state: RolloutState,
    context: RolloutContext,
    clock: Clock,
) -> Seen:
    """Perform a step that prepares going back."""
    match step:
        case CollectFailure():
            return await _collect(step, state, context, clock)
        case FindCandidates():
            return await _options(step, state, context, clock)
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
    why = summary(step.deployment_id, context.recorder.failed(failure))
    if unhealthy:
        return Collected(why)
    where = failed_in(read) if read else FailedIn.UNKNOWN
    where = FailedIn.SOAK if leg.served else where
    platform = read is not None and is_platform_fault(read)
    return Collected(why, where, _failed_for(leg.id, read, context, clock), platform)


def _failed_for(deployment_id: str, read: Deployment | None, context: RolloutContext, clock: Clock) -> float:
    """Seconds since a deployment failed: by what the platform says, and no longer than it was seen to have ended."""
    ages: list[float] = []
    when = (read.phase_last_updated_at or ended_at(read) or read.updated_at) if read else None
    if when is not None:
        ages.append((clock.now() - when).total_seconds())
    if deployment_id in context.seen.running_at:
        ages.append(context.now() - context.seen.running_at[deployment_id])
    return max(0.0, min(ages, default=0.0))


async def _options(step: FindCandidates, state: RolloutState, context: RolloutContext, clock: Clock) -> Seen:
    seen, specs = context.seen, context.specs
    if step.after and state.options is not None and await _nothing_new(state, context):
        return state.options
    app = await context.client.get_app(seen.app_id)
    seen.listed_at = None
    listed = await context.client.list_deployments(seen.app_id, limit=HISTORY)
    failed = _failed_id(state, listed, context)
    history = seen.saw_history(app, listed, failed)
    seen.all_known([*history, *deployments_of(app)])
    seen.base = app.spec
    pin, active = seen.pin_of(app), app.active_deployment
    if not failed:
        return RollbackOptions(pin, candidates=_asked_for(state.goal.follow_id, app, history, context))
    owns = own_rollbacks(history)
    news = new_ones(history, {failed}) if any(one.id == failed for one in history) else []
    own_id = next((one.id for one in news if one.id in owns), "")
    newer = [one for one in news if one.id not in owns and one.id not in seen.made]
    newer_id = ""
    if newer and newer[0].phase not in (Phase.ERROR, Phase.CANCELED) and specs.carries(newer[0].spec):
        newer_id = newer[0].id
    found = _targets(state, failed, app, history, context)
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
        _attempts(state, history, context, clock),
    )


async def _nothing_new(state: RolloutState, context: RolloutContext) -> bool:
    """Whether the watch's listing shows the app as it was, while the platform's own rollback is waited for.

    The last look of that time is always at the app itself: a listing shows no deployment that has ended.
    """
    seen, failed = context.seen, state.failed
    if failed is None or failed.age + 2 * LOOK_EVERY >= state.goal.rules.platform_rollback:
        return False
    app = await context.poller.listed(seen.app_id, since=context.now() - FRESH)
    known = seen.known | seen.made
    return app is not None and all(one.id in known for one in deployments_of(app)) and app.spec == seen.base


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


def _targets(
    state: RolloutState, failed: str, app: LiveApp, history: Sequence[Deployment], context: RolloutContext
) -> Sequence[Deployment]:
    """What could be gone back to; once the platform went back by itself, that version alone."""
    seen, active = context.seen, app.active_deployment
    if state.own:
        back = state.back
        serving = back is not None and back.phase is Phase.ACTIVE
        own = next((one for one in history if one.id == state.own), None)
        if serving or own is None:
            return [one for one in history if back is not None and one.id == back.id]
        found = candidates(history, failed={failed} | seen.made)
        return [one for one in found if one.id == own.cloned_from or context.specs.same(one.spec, own.spec)]
    before = seen.active_before or (active.id if active and active.id != failed else "")
    return candidates(history, failed={failed} | seen.made, active_before=before)


def _attempts(state: RolloutState, history: Sequence[Deployment], context: RolloutContext, clock: Clock) -> int:
    """How often what we want was deployed and failed, in any run, within the time in which that is counted."""
    within = timedelta(seconds=state.goal.rules.attempts_within)
    failed = [one for one in history if one.phase is Phase.ERROR and context.specs.carries(one.spec)]
    return sum(one.created_at is None or clock.now() - one.created_at <= within for one in failed)


def _asked_for(target: str, app: LiveApp, history: Sequence[Deployment], context: RolloutContext) -> tuple[str, ...]:
    """Where a person wants to go back to: the one they named, or the version that served before what serves now."""
    if target:
        return (target,)
    active = app.active_deployment
    found = candidates(history, failed=[active.id] if active else [])
    if active is not None:
        found = other_versions(found, active, context.specs.same)
    return tuple(deployment.id for deployment in found)


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
