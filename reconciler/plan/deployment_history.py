"""What an app's deployments tell about a spec: whether it failed before, whether a rollback was left unfinished.

There is no state file: this evidence is all there is, and it is enough. Pure; deployments come newest first.
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
"""Whether a deployment's spec is what Git wants."""

SLACK = timedelta(minutes=15)
"""What a rollout may take beyond its budgets: pauses, retries, a slow runner."""

GOING_BACK = timedelta(minutes=5)
"""What finding out where to go back to may take: the log of what failed, the history, validations."""

NOT_OURS = frozenset({"DEPLOY_ON_PUSH", "MAINTENANCE", "AUTOSCALED", "UPDATE_DATABASE_TRUSTED_SOURCES"})
"""Causes of deployments that no run of ours made, and so none judges."""


@dataclass(frozen=True, slots=True)
class PriorFailure:
    """A deployment of the wanted spec that did not last, and what became of it: failed, canceled, rolled back.

    ``but`` tells what became of going back, where that did not end well either; else it is empty.
    """

    deployment: Deployment
    what: str
    but: str = ""


def prior_failure(deployments: Sequence[Deployment], carries: Carries, policy: Policy) -> PriorFailure | None:
    """Why the wanted spec is not to be tried again unasked; None if it never failed, or did well since.

    Only the newest deployment of that spec counts: a success after a failure is a success. One that was active and
    then rolled back, or replaced by the very spec before it while a rollout would still have judged it, counts as
    failed: who put it back had a reason, be it us or a person (C45, C46).
    """
    for place, deployment in enumerate(deployments):
        if not carries(deployment.spec):
            continue
        match deployment.phase:
            case Phase.ERROR:
                return PriorFailure(deployment, "failed")
            case Phase.CANCELED:
                return PriorFailure(deployment, "was canceled")
            case Phase.SUPERSEDED | Phase.ACTIVE:  # active still, while what takes its place is under way
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
    """A deployment that somebody went back from, or wanted to: what it failed with may still be what serves."""
    if deployment.phase is not Phase.ACTIVE or newer.phase not in (Phase.ERROR, Phase.CANCELED):
        return PriorFailure(deployment, "was rolled back")
    became = "failed" if newer.phase is Phase.ERROR else "was canceled"
    return PriorFailure(deployment, "was to be rolled back", f"which {became} (deployment {newer.id}): it still serves")


def unfinished_rollback(
    app: LiveApp, deployments: Sequence[Deployment], carries: Carries, policy: Policy
) -> Deployment | None:
    """The rollback the app is pinned to, if the evidence shows that an earlier run of ours began it (C48).

    The evidence: the policy commits rollbacks; the pin is a rollback; the deployment before it (and before other
    attempts to roll back) carried the very spec Git still wants, was made as a run makes one, failed or was active, and
    was rolled back while a run would still have judged it; and not two different people made the two. A pin without
    all of that is a person's, and is never touched (C47). Where it is a person's after all, who rolled back with our
    token and within our time, what is committed is what that person rolled back to (docs/decisions/008).
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
    """How long an app's deployment has been active, if a run that was cut short may not have judged it to the end.

    None once any rollout would have judged it, and where nothing says since when it is active.
    """
    active = app.active_deployment
    since = active.phase_last_updated_at if active else None
    if since is None:
        return None
    age = now - since
    budget = timedelta(seconds=policy.timeouts.health + policy.health.soak) + SLACK
    return max(age, timedelta(0)) if age <= budget else None


def _within_a_rollout(first: Deployment, second: Deployment, policy: Policy) -> bool:
    """Whether the second was made while a run would still have been judging the first, or going back from it.

    A run judges from when the deployment failed or became active; a later one that follows what a killed run left does
    so for as long as it is `unjudged`. Where no step tells when that was, all budgets since it was made count.
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
    """When a deployment became active or failed: the last of its steps ended then. None if no step tells."""
    steps = deployment.progress.steps if deployment.progress else ()
    return max((step.ended_at for step in steps if step.ended_at is not None), default=None)


def ago(moment: datetime | None, now: datetime) -> str:
    """``2 h ago``; empty where the moment is not known."""
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"
