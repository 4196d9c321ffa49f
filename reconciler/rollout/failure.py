"""What failed in a deployment: the failing step, its reason, the last lines of its log. An explanation, never an error.

Source of what a step says: the vendor's Go client (`DeploymentProgressStep`); a log that was never written answers 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import LiveError
from reconciler.live.models import Deployment, ProgressStep
from reconciler.rollout.model import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.rollout.ports import LogType, Platform

LINES = 20
"""Lines of a log that are kept."""


def failing_step(steps: Iterable[ProgressStep]) -> ProgressStep | None:
    """The innermost step that failed; of several, the first that names a component and says why."""
    failed = [step for step in _walk(steps) if step.status == "ERROR"]

    def silence(step: ProgressStep) -> tuple[bool, bool]:
        return (not (step.reason and (step.reason.code or step.reason.message)), not step.component_name)

    return min(failed, key=silence, default=None)


def _walk(steps: Iterable[ProgressStep]) -> Iterator[ProgressStep]:
    """Every step, the inner ones before the one they are part of."""
    for step in steps:
        yield from _walk(step.steps)
        yield step


def summary(deployment_id: str, failure: Failure) -> str:
    """What failed, in a line that may go on: it ends in no full stop."""
    named = failure.message.startswith(f"{failure.component} ")
    said = ": ".join(part for part in ("" if named else failure.component, failure.code, failure.message) if part)
    return f"deployment {deployment_id} failed" + (f": {said.removesuffix('.')}" if said else "")


async def collect(
    client: Platform, app_id: str, deployment_id: str, *, unhealthy: str = "", component: str = ""
) -> Failure:
    """What can be learnt of a failed deployment; what cannot is left empty.

    ``unhealthy`` says why an active deployment is judged to have failed, and ``component`` which of its components
    did; both are empty for one in the phase ERROR.
    """
    try:
        deployment = await client.get_deployment(app_id, deployment_id)
    except LiveError as problem:
        return Failure(component=component, message=unhealthy or f"its steps could not be read: {problem.message}")
    step = failing_step(deployment.progress.steps if deployment.progress else ())
    component = component or (step.component_name if step else "")
    lines, links = await _log(client, app_id, deployment, component, during=_log_types(step, unhealthy))
    reason = step.reason if step else None
    return Failure(
        component=component,
        step=step.name if step else "",
        code=reason.code if reason else "",
        message=unhealthy or (reason.message if reason else ""),
        log_lines=tuple(lines),
        links=links,
    )


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
