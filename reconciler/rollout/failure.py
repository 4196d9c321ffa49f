"""What failed in a deployment: the failing step, its reason, the last lines of its log. An explanation, never an error.

Source of what a step says: the vendor's Go client (`DeploymentProgressStep`); a log that was never written answers 400.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import LogType
from reconciler.errors import LiveError
from reconciler.live.models import Deployment, LiveApp, Phase, ProgressStep
from reconciler.plan.platform import failing_step, own_rollbacks, was_active
from reconciler.rollout.model import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from reconciler.clock import Clock
    from reconciler.rollout.observations import RolloutContext
    from reconciler.rollout.ports import Platform
    from reconciler.rollout.state import RolloutState


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


def targets(
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


def attempts(state: RolloutState, history: Sequence[Deployment], context: RolloutContext, clock: Clock) -> int:
    """How often what we want was deployed and failed, in any run, within the time in which that is counted."""
    within = timedelta(seconds=state.goal.rules.attempts_within)
    failed = [one for one in history if one.phase is Phase.ERROR and context.specs.carries(one.spec)]
    return sum(one.created_at is None or clock.now() - one.created_at <= within for one in failed)


def asked_for(target: str, app: LiveApp, history: Sequence[Deployment], context: RolloutContext) -> tuple[str, ...]:
    """Where a person wants to go back to: the one they named, or the version that served before what serves now."""
    if target:
        return (target,)
    active = app.active_deployment
    found = candidates(history, failed=[active.id] if active else [])
    if active is not None:
        found = other_versions(found, active, context.specs.same)
    return tuple(deployment.id for deployment in found)
