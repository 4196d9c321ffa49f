"""What an app's state on App Platform is, in words: its health, who deployed what and why, what failed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.config import Policy
from reconciler.live.models import ComponentHealth, ComponentState, Deployment, Health, LiveApp
from reconciler.plan.deployment_history import PriorFailure, newest_failure
from reconciler.plan.platform import failed_push, failing_step, own_rollback
from reconciler.text import ago
from reconciler.views.lines import Tone

_CAUSES = {
    "MANUAL": "by hand or API",
    "DEPLOY_ON_PUSH": "push",
    "MAINTENANCE": "maintenance",
    "MANUAL_ROLLBACK": "rollback",
    "AUTO_ROLLBACK": "rollback by the platform",
    "UPDATE_DATABASE_TRUSTED_SOURCES": "database access",
    "AUTOSCALED": "autoscaling",
}
_ACTIONS = {
    "CREATE_DEPLOYMENT": "deploy",
    "UPDATE_SPEC": "spec update",
    "ROLLBACK_APP": "rollback",
    "REVERT_APP_ROLLBACK": "rollback reverted",
    "RESTART": "restart",
}


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app, its newest deployments (newest first) and the health of its components; None if not requested.

    ``policy``: how long a run judges a deployment of it, which tells a rollback for health from a later change.
    """

    app: LiveApp
    deployments: Sequence[Deployment] = ()
    health: Health | None = None
    policy: Policy = field(default_factory=Policy)


def cause(deployment: Deployment, history: Sequence[Deployment] = ()) -> str:
    """Why a deployment exists, in words; ``history`` shows which failure the platform rolled back by itself."""
    if own_rollback(deployment, history) is not None:
        return _CAUSES["AUTO_ROLLBACK"]
    details = deployment.cause_details
    action = details.digitalocean_user_action if details else None
    if action and action.name:
        return _ACTIONS.get(action.name, action.name.lower().replace("_", " "))
    if details and details.type:
        return _CAUSES.get(details.type, details.type.lower().replace("_", " "))
    return deployment.cause


def who(deployment: Deployment) -> str:
    """Who made a deployment, if the platform says."""
    user = deployment.user
    return (user.full_name or user.email or user.uuid) if user else ""


# --- What an app's state is, in a few words, health first ---


def health_word(one: AppStatus) -> tuple[str, Tone]:
    """``healthy``, ``unhealthy``, ``1 of 2 ready``; ``active`` where its health was not read."""
    if one.app.active_deployment is None:
        return "nothing active", "bad"
    components = one.health.components if one.health else ()
    if not components:
        return "active", "good"
    states = {component.state for component in components}
    if ComponentState.UNHEALTHY in states:
        return "unhealthy", "bad"
    ready = sum(component.replicas_ready or 0 for component in components)
    wanted = sum(component.replicas_desired or 0 for component in components)
    if ready < wanted:
        return f"{ready} of {wanted} ready", "warning"
    return ("healthy", "good") if states == {ComponentState.HEALTHY} else ("health unknown", "warning")


def conditions(one: AppStatus) -> list[tuple[str, Tone]]:
    """Its health and whatever else is worth knowing, each in a word or two."""
    app = one.app
    failure = last_failure(one)
    facts: list[tuple[bool, str, Tone]] = [
        (app.pinned_deployment is not None, "pinned", "warning"),
        (by_platform(one), "rolled back by the platform", "warning"),
        (not by_platform(one) and _by_user(app), "rolled back", "warning"),
        (failure is not None and not failure.attempts, "stalled", "warning"),
        (failure is not None and bool(failure.attempts), "platform fault", "warning"),
        (failed_push(app, one.deployments) is not None, "failed push", "warning"),
        (app.running_deployment is not None, phase_word(app.running_deployment), "change"),
    ]
    return [health_word(one), *((word, tone) for holds, word, tone in facts if holds)]


def by_platform(one: AppStatus) -> bool:
    """Whether what serves is a rollback that the platform made by itself."""
    active = one.app.active_deployment
    known = next((each for each in one.deployments if active and each.id == active.id), active)
    return known is not None and own_rollback(known, one.deployments) is not None


def _by_user(app: LiveApp) -> bool:
    """Whether what serves is a rollback of a run or a person that is committed."""
    active = app.active_deployment
    return active is not None and active.is_rollback and app.pinned_deployment is None


def phase_word(deployment: Deployment | None) -> str:
    """``pending build``; empty without a deployment."""
    return deployment.phase.value.lower().replace("_", " ") if deployment else ""


def last_failure(one: AppStatus) -> PriorFailure | None:
    """What failed last, unless a push made it: that has a word of its own."""
    failed = newest_failure(one.deployments, one.policy)
    return failed if failed_push(one.app, one.deployments) is None else None


def _failed_step(failed: PriorFailure) -> str:
    """The component and the reason of the step that failed; empty where no step did."""
    progress = failed.deployment.progress
    step = failing_step(progress.steps if progress else ())
    return " ".join(filter(None, (step.component_name, step.reason.code if step.reason else ""))) if step else ""


def stalled(one: AppStatus, now: datetime) -> str:
    """What failed last, its cause before its id, and whether it is retried; empty if nothing did."""
    failed = last_failure(one)
    if failed is None:
        return ""
    again = "a later run will retry it" if failed.attempts else "not retried until its spec changes, or with --retry"
    what = " ".join(filter(None, ("the last deployment", failed.what, ago(failed.deployment.created_at, now))))
    why, but = _failed_step(failed), f"; {failed.but}" if failed.but else ""
    return f"{what}{f': {why}' if why else ''}{but}; {again} (deployment {failed.deployment.id})"


def reasons(one: AppStatus, now: datetime) -> list[str]:
    """What else there is, in few words and without ids, the most serious first; for an app that is well its age."""
    pinned, running, failed = one.app.pinned_deployment, one.app.running_deployment, last_failure(one)
    made = [f"{ago(pinned.created_at, now)} {f'by {who(pinned)}' if who(pinned) else ''}".strip()] if pinned else []
    found = [f"pinned {text}".strip() for text in made]
    found += [
        f"{component.name} {readiness(component) or component.state.value.lower()}"
        for component in (one.health.components if one.health else ())
        if component.state is not ComponentState.HEALTHY or _lacks(component)
    ]
    if failed is not None:
        why = "" if failed.attempts else _failed_step(failed)
        when = f"{failed.what.removeprefix('was ')} {ago(failed.deployment.created_at, now)}".strip()
        found.append(("" if failed.attempts else "stalled: ") + when + (f": {why}" if why else ""))
    if push := failed_push(one.app, one.deployments):
        found.append(f"the last push failed {ago(push.created_at, now)}".strip())
    found += ["rolled back by the platform"] if by_platform(one) else []
    found += [phase_word(running)] if running else []
    active = one.app.active_deployment
    return found or ([f"deployed {when}"] if active and (when := ago(active.created_at, now)) else [])


def readiness(component: ComponentHealth) -> str:
    """``1/2 ready``; empty where the platform does not say."""
    ready, wanted = component.replicas_ready, component.replicas_desired
    return "" if ready is None or wanted is None else f"{ready}/{wanted} ready"


def _lacks(component: ComponentHealth) -> bool:
    return (component.replicas_ready or 0) < (component.replicas_desired or 0)
