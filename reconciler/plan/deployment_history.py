"""Reads an app's deployments: whether a spec failed before, whether a rollback was left unfinished.

There is no state file: this evidence is enough. Pure; deployments come newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.config import Policy
from reconciler.live.models import Deployment, LiveApp, Phase
from reconciler.plan.canonical import canonical

Carries = Callable[[Mapping[str, Any]], bool]
"""Whether a deployment's spec matches Git."""

SLACK = timedelta(minutes=15)
"""Time that a rollout may take beyond its timeouts: pauses, retries, a slow runner."""

GOING_BACK = timedelta(minutes=5)
"""Time to choose a rollback target: reading the failed log and the history, validating."""

NOT_OURS = frozenset({"DEPLOY_ON_PUSH", "MAINTENANCE", "AUTOSCALED", "UPDATE_DATABASE_TRUSTED_SOURCES"})
"""Causes of deployments that no run made, and so no run judges."""


@dataclass(frozen=True, slots=True)
class PriorFailure:
    """A deployment of the wanted spec that failed, was canceled or was rolled back.

    ``but`` says how the rollback ended if it did not succeed either; otherwise empty.
    """

    deployment: Deployment
    what: str
    but: str = ""


def prior_failure(deployments: Sequence[Deployment], carries: Carries, policy: Policy) -> PriorFailure | None:
    """Why the wanted spec must not be retried automatically; None if it never failed, or succeeded since.

    Only the newest deployment of that spec counts: a success after a failure is a success. One that was active and
    then rolled back, or replaced by the previous spec while a rollout would still have judged it, counts as
    failed: whoever restored it, a run or a person, had a reason (C45, C46).
    """
    for place, deployment in enumerate(deployments):
        if not carries(deployment.spec):
            continue
        match deployment.phase:
            case Phase.ERROR:
                return PriorFailure(deployment, "failed")
            case Phase.CANCELED:
                return PriorFailure(deployment, "was canceled")
            case Phase.SUPERSEDED | Phase.ACTIVE:  # still active while its replacement is in progress
                newer = deployments[place - 1] if place else None
                older = next((old for old in deployments[place:] if not carries(old.spec)), None)
                if newer is not None and _was_undone(deployment, newer, older, policy):
                    return _undone(deployment, newer)
                return None
            case _:
                return None
    return None


def _was_undone(deployment: Deployment, newer: Deployment, older: Deployment | None, policy: Policy) -> bool:
    if newer.is_rollback:
        return True
    if older is None or not _within_a_rollout(deployment, newer, policy):
        return False
    return canonical(newer.spec) == canonical(older.spec)


def _undone(deployment: Deployment, newer: Deployment) -> PriorFailure:
    """A deployment that was rolled back, or was to be: if the rollback failed, it still serves."""
    if deployment.phase is not Phase.ACTIVE or newer.phase not in (Phase.ERROR, Phase.CANCELED):
        return PriorFailure(deployment, "was rolled back")
    became = "failed" if newer.phase is Phase.ERROR else "was canceled"
    return PriorFailure(
        deployment, "was to be rolled back", f"which {became} (deployment {newer.id}), so it still serves"
    )


def unfinished_rollback(
    app: LiveApp, deployments: Sequence[Deployment], carries: Carries, policy: Policy
) -> Deployment | None:
    """The rollback that the app is pinned to, if the evidence shows that an earlier run began it (C48).

    The evidence: the policy commits rollbacks; the pin is a rollback; the deployment before it (and before other
    attempts to roll back) carried the spec that Git still wants, was made as a run makes one, failed or was active, and
    was rolled back while a run would still have judged it; and the two were not made by different people. A pin without
    all of that is a person's and is never touched (C47). If a person did roll back with our
    token within that time, what is committed is what that person rolled back to (docs/decisions/008).
    """
    pinned = app.pinned_deployment
    if pinned is None or policy.on_failure != "rollback":
        return None
    ids = [deployment.id for deployment in deployments]
    if pinned.id not in ids:
        return None
    place = ids.index(pinned.id)
    rollback = deployments[place]
    failed = next((older for older in deployments[place:] if not older.is_rollback), None)
    if not rollback.is_rollback or failed is None or not carries(failed.spec):
        return None
    if failed.cause_details is not None and failed.cause_details.type in NOT_OURS:
        return None
    if failed.user and rollback.user and failed.user.uuid != rollback.user.uuid:
        return None
    judged = failed.phase in (Phase.ERROR, Phase.SUPERSEDED, Phase.ACTIVE)
    return rollback if judged and _within_a_rollout(failed, rollback, policy) else None


def unjudged(app: LiveApp, policy: Policy, now: datetime) -> timedelta | None:
    """How long an app's deployment has been active, if an interrupted run may not have finished checking its health.

    None once any rollout would have finished, or if it is unknown since when it is active.
    """
    active = app.active_deployment
    since = active.phase_last_updated_at if active else None
    if since is None:
        return None
    age = now - since
    budget = timedelta(seconds=policy.timeouts.health + policy.health.soak) + SLACK
    return max(age, timedelta(0)) if age <= budget else None


def _within_a_rollout(first: Deployment, second: Deployment, policy: Policy) -> bool:
    """Whether the second was made while a run would still have been judging the first or rolling it back.

    A run judges from when the deployment failed or became active; a later one that follows what a killed run left does
    so for as long as it is `unjudged`. If no step has that time, all timeouts count from its creation.
    """
    if first.created_at is None or second.created_at is None:
        return False
    times, judging = policy.timeouts, timedelta(seconds=policy.timeouts.health + policy.health.soak)
    settled = _settled_at(first)
    if settled is None:
        budget = timedelta(seconds=times.build + times.deploy) + judging + SLACK
        return timedelta(0) <= second.created_at - first.created_at <= budget
    budget = SLACK if first.phase is Phase.ERROR else judging + SLACK + judging + GOING_BACK
    return first.created_at <= second.created_at <= settled + budget


def _settled_at(deployment: Deployment) -> datetime | None:
    """When a deployment became active or failed: the end of its last step. None if no step has one."""
    steps = deployment.progress.steps if deployment.progress else ()
    return max((step.ended_at for step in steps if step.ended_at is not None), default=None)
