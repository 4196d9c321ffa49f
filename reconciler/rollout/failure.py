"""What failed in a deployment: the failing step, its reason, the last lines of its log. An explanation, never an error.

Source of what a step says: the vendor's Go client (`DeploymentProgressStep`); a log that was never written answers 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.appspec.kinds import LogType
from reconciler.errors import LiveError
from reconciler.live.models import Deployment, ProgressStep
from reconciler.plan.platform import failing_step, own_rollbacks, was_active
from reconciler.rollout.model import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
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
