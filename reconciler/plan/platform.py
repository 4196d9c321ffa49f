"""What the platform did by itself, read from deployments: its own rollbacks, and failures that are its own. Pure.

Source: published records of the real service. After a failure in the deploy phase, never after a failed build, the
platform makes a deployment by itself: its cause is ``automated rollback after failed deployment of "<id>"``,
``previous_deployment_id`` names the failed one and ``cloned_from`` the one it goes back to. Deployments come newest
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.live.models import Deployment, Phase, ProgressStep
from reconciler.plan.canonical import canonical

FAULTS = frozenset({"InternalError", "BuildRateLimit", "ResourceExhausted"})
"""Reason codes of steps that fail through no fault of the spec."""

BY_USERS = frozenset({"MANUAL_ROLLBACK", "ROLLBACK_APP", "REVERT_APP_ROLLBACK", "RESTART"})
"""Types and actions of deployments that set ``cloned_from``, too, and that only a user asks for."""

TYPES = frozenset(
    {
        "MANUAL",
        "DEPLOY_ON_PUSH",
        "MAINTENANCE",
        "MANUAL_ROLLBACK",
        "AUTO_ROLLBACK",
        "UPDATE_DATABASE_TRUSTED_SOURCES",
        "AUTOSCALED",
    }
)
"""The documented types of causes; of any other nothing is known."""


class FailedIn(StrEnum):
    """Where a deployment failed, which decides whether the platform may go back by itself.

    build    before anything was deployed: the platform does nothing
    deploy   in the deploy phase: the platform goes back within minutes
    soak     it was ACTIVE, and its phase became ERROR
    health   it is ACTIVE and unhealthy: only we judge that
    unknown  its steps do not say
    """

    BUILD = "build"
    DEPLOY = "deploy"
    SOAK = "soak"
    HEALTH = "health"
    UNKNOWN = "unknown"


def failed_in(deployment: Deployment) -> FailedIn:
    """The phase in which a deployment in ERROR failed, by the topmost of its steps that did."""
    steps = deployment.progress.steps if deployment.progress else ()
    names = [step.name.lower() for step in steps if any(one.status == "ERROR" for one in walk_steps((step,)))]
    if not names:
        return FailedIn.UNKNOWN
    if "build" in names[0]:
        return FailedIn.BUILD
    return FailedIn.DEPLOY if "deploy" in names[0] else FailedIn.UNKNOWN


def walk_steps(steps: Sequence[ProgressStep]) -> Iterator[ProgressStep]:
    """Every step, the inner ones before the one they are part of."""
    for step in steps:
        yield from walk_steps(step.steps)
        yield step


def failing_step(steps: Sequence[ProgressStep]) -> ProgressStep | None:
    """The innermost step that failed; of several, the first that names a component and says why."""
    failed = [step for step in walk_steps(steps) if step.status == "ERROR"]

    def silence(step: ProgressStep) -> tuple[bool, bool]:
        return (not (step.reason and (step.reason.code or step.reason.message)), not step.component_name)

    return min(failed, key=silence, default=None)


def failure_codes(deployment: Deployment) -> frozenset[str]:
    """The reason codes of the steps that failed; a reason without a code counts as its message."""
    steps = deployment.progress.steps if deployment.progress else ()
    reasons = [step.reason for step in walk_steps(steps) if step.status == "ERROR" and step.reason]
    return frozenset(reason.code or reason.message for reason in reasons) - {""}


def is_platform_fault(deployment: Deployment) -> bool:
    """Whether a deployment ended in ERROR through no fault of its spec.

    Every reason must be the platform's own: one of the user's wins. No reason at all counts as well, but only in a
    deployment that was read by its id, as listings may leave the steps out.
    """
    return deployment.phase is Phase.ERROR and failure_codes(deployment) <= FAULTS


def was_active(deployment: Deployment) -> bool:
    """Whether it ever served. SUPERSEDED alone does not tell: a build that was overtaken is that, too.

    Of a superseded one, every step must have succeeded, where the platform still says so.
    """
    match deployment.phase:
        case Phase.ACTIVE:
            return True
        case Phase.SUPERSEDED:
            progress = deployment.progress
            if progress is None or not progress.total_steps:
                return True
            return not progress.error_steps and progress.success_steps == progress.total_steps
        case _:
            return False


# --- The platform's own rollback (C49) ---


@dataclass(frozen=True, slots=True)
class OwnRollback:
    """A deployment that the platform made by itself after another one failed.

    ``failed_id`` is the one that failed, empty where nothing says which. ``proven``: by its type or its cause; else
    only its lineage speaks for it, and nothing against it.
    """

    deployment: Deployment
    failed_id: str
    proven: bool


def own_rollback(one: Deployment, history: Sequence[Deployment]) -> OwnRollback | None:
    """The platform's own rollback that a deployment is, or None.

    Its type or a cause that names the failed deployment proves it. Its lineage alone counts if no type that is known
    and no user's action speaks against it, and its spec is that of an earlier deployment that was active.
    """
    kind = one.cause_details.type if one.cause_details else ""
    action = one.cause_details.digitalocean_user_action if one.cause_details else None
    name = action.name if action else ""
    if {kind, name} & BY_USERS:
        return None
    failed = _failed_before(one, history)
    named = next((each.id for each in failed if each.id in one.cause), "")
    if not named and "failed" in one.cause and one.previous_deployment_id in one.cause:
        named = one.previous_deployment_id
    if kind == "AUTO_ROLLBACK" or named:
        previous = one.previous_deployment_id or (failed[0].id if failed else "")
        return OwnRollback(one, named or previous, proven=True)
    before = next((each for each in failed if each.id == one.previous_deployment_id), None)
    if name or kind in TYPES or before is None or not one.cloned_from or not _is_earlier(one, before, history):
        return None
    return OwnRollback(one, before.id, proven=False)


def _failed_before(one: Deployment, history: Sequence[Deployment]) -> list[Deployment]:
    """The deployments that ended in ERROR before this one was made, newest first."""
    return [each for each in history if each.phase is Phase.ERROR and each.id and each.id != one.id]


def _is_earlier(one: Deployment, failed: Deployment, history: Sequence[Deployment]) -> bool:
    """Whether its spec is that of a deployment which was active before the failed one was made."""
    older = history[history.index(failed) + 1 :]
    return any(was_active(each) and canonical(each.spec) == canonical(one.spec) for each in older)


def own_rollbacks(history: Sequence[Deployment]) -> dict[str, OwnRollback]:
    """All rollbacks in a history that the platform made by itself, by their ids."""
    found = (own_rollback(one, history) for one in history)
    return {each.deployment.id: each for each in found if each is not None}


def failed_for(own: OwnRollback, owns: Mapping[str, OwnRollback]) -> str:
    """The deployment of a user's at which a chain of the platform's own rollbacks began."""
    seen: set[str] = set()
    while own.failed_id in owns and own.failed_id not in seen:
        seen.add(own.failed_id)
        own = owns[own.failed_id]
    return own.failed_id


def ended_at(deployment: Deployment) -> datetime | None:
    """When a deployment became active or failed: when the last of its steps ended. None if no step tells."""
    steps = deployment.progress.steps if deployment.progress else ()
    return max((step.ended_at for step in steps if step.ended_at is not None), default=None)
