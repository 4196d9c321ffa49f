"""Reads an app's deployments: whether a spec failed before, whether a rollback was left unfinished.

There is no state file: this evidence is enough. Pure; deployments come newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any

from reconciler.config import Policy
from reconciler.live.models import Deployment, LiveApp, Phase
from reconciler.plan.canonical import canonical
from reconciler.plan.platform import (
    FailedIn,
    OwnRollback,
    ended_at,
    failed_for,
    failed_in,
    failure_codes,
    is_platform_fault,
    own_rollbacks,
)

Carries = Callable[[Mapping[str, Any]], bool]
"""Whether a deployment's spec matches Git."""

SLACK = timedelta(minutes=15)
"""Time that a rollout may take beyond its timeouts: pauses, retries, a slow runner."""

GOING_BACK = timedelta(minutes=5)
"""Time to choose a rollback target: reading the failed log and the history, validating."""

SOAK_BACK = 15.0
"""Longest soak, in seconds, of a deployment that was good before."""

SENT = frozenset({"CREATE_APP", "UPDATE_SPEC"})
"""Names of the actions with which a spec is sent."""

NOT_OURS = frozenset({"DEPLOY_ON_PUSH", "MAINTENANCE", "AUTOSCALED", "UPDATE_DATABASE_TRUSTED_SOURCES"})
"""Causes of deployments that no run made, and so no run judges."""


@dataclass(frozen=True, slots=True)
class PriorFailure:
    """A deployment of the wanted spec that failed, was canceled or was rolled back.

    ``but`` says what became of the rollback, where the platform made it or it did not succeed; otherwise empty.
    ``attempts``: when each deployment of the spec was created that failed through a fault of the platform, newest
    first, if the newest did: such a spec is not to blame.
    """

    deployment: Deployment
    what: str
    but: str = ""
    attempts: tuple[datetime, ...] = ()


def prior_failure(deployments: Sequence[Deployment], carries: Carries, policy: Policy) -> PriorFailure | None:
    """Why the wanted spec must not be retried automatically; None if it never failed, or succeeded since.

    Only the newest deployment of that spec counts: a success after a failure is a success. One that was active and
    then rolled back, or replaced by the previous spec while a rollout would still have judged it, counts as
    failed: whoever restored it, a run or a person, had a reason (C45, C46). One that was canceled because a newer one
    replaced it did not fail (C50).
    """
    owns = own_rollbacks(deployments)
    for place, deployment in enumerate(deployments):
        if not carries(deployment.spec) or deployment.id in owns:
            continue
        newer = deployments[place - 1] if place else None
        match deployment.phase:
            case Phase.ERROR:
                return _failed(deployment, deployments, carries, owns)
            case Phase.CANCELED if newer is None or newer.is_rollback:
                return PriorFailure(deployment, "was canceled")
            case Phase.SUPERSEDED | Phase.ACTIVE:  # still active while its replacement is in progress
                older = next((old for old in deployments[place:] if not carries(old.spec)), None)
                if newer is not None and _was_undone(deployment, newer, older, policy):
                    return _undone(deployment, newer)
                return None
            case _:
                return None
    return None


def newest_failure(deployments: Sequence[Deployment], policy: Policy) -> PriorFailure | None:
    """Why what was deployed last is not retried, whatever Git wants; rollbacks do not count as deployed."""
    owns = own_rollbacks(deployments)
    newest = next((one for one in deployments if not (one.is_rollback or one.id in owns)), None)
    if newest is None:
        return None
    wanted = canonical(newest.spec)
    return prior_failure(deployments, lambda spec: canonical(spec) == wanted, policy)


def rolled_back(deployments: Sequence[Deployment], policy: Policy) -> frozenset[str]:
    """The ids of those that were active until they were rolled back, which the platform calls SUPERSEDED."""
    return frozenset(
        older.id
        for place, (newer, older) in enumerate(pairwise(deployments), start=1)
        if older.phase is Phase.SUPERSEDED
        if _was_undone(older, newer, _of_another_spec(deployments[place:]), policy)
    )


def _of_another_spec(deployments: Sequence[Deployment]) -> Deployment | None:
    """The newest deployment with a spec other than the first one's."""
    first = canonical(deployments[0].spec)
    return next((one for one in deployments if canonical(one.spec) != first), None)


def _failed(
    deployment: Deployment, deployments: Sequence[Deployment], carries: Carries, owns: Mapping[str, OwnRollback]
) -> PriorFailure:
    """A deployment in ERROR: by whose fault, and whether the platform went back from it by itself."""
    own = next((own for own in owns.values() if failed_for(own, owns) == deployment.id), None)
    but = f"the platform rolled back by itself (deployment {own.deployment.id})" if own else ""
    if not is_platform_fault(deployment):
        return PriorFailure(deployment, "failed", but)
    failed = [one.created_at for one in deployments if one.phase is Phase.ERROR and carries(one.spec)]
    code = ", ".join(sorted(failure_codes(deployment))) or "no reason is given"
    what = f"failed because of the platform ({code})"
    return PriorFailure(deployment, what, but, tuple(one for one in failed if one is not None))


def repeated(
    deployments: Sequence[Deployment], carries: Carries, policy: Policy, now: datetime, *, stored: bool
) -> int:
    """How many of the newest deployments one user sent within a time that all have one and the same spec, not Git's.

    Hardly a person does that; a run does whose spec the platform stores or deploys otherwise. ``stored``: the app's
    spec is Git's. Where it is not, only updates count: who deploys the same spec again and again has other reasons.
    """
    names = SENT | {"CREATE_DEPLOYMENT"} if stored else SENT
    within = timedelta(seconds=policy.platform_faults.within)
    newest = deployments[0] if deployments else None
    if newest is None or not newest.spec or carries(newest.spec):
        return 0

    def again(one: Deployment) -> bool:
        action = one.cause_details.digitalocean_user_action if one.cause_details else None
        sent = action is not None and action.name in names and one.user == newest.user
        recent = one.created_at is not None and now - one.created_at <= within
        return sent and recent and canonical(one.spec) == canonical(newest.spec)

    return sum(1 for _ in takewhile(again, deployments))


def may_be_rolled_back(past: PriorFailure, deployments: Sequence[Deployment], policy: Policy, now: datetime) -> bool:
    """Whether the platform may still roll back by itself from what failed last, so that no run has ended on it yet."""
    failed = past.deployment
    since = failed.phase_last_updated_at or ended_at(failed)
    newest = deployments[0].id == failed.id and failed.phase is Phase.ERROR
    comes = failed_in(failed) in (FailedIn.DEPLOY, FailedIn.UNKNOWN)
    return newest and comes and since is not None and now - since < timedelta(seconds=policy.timeouts.platform_rollback)


def followed_rollback(
    app: LiveApp, deployments: Sequence[Deployment], policy: Policy, now: datetime
) -> OwnRollback | None:
    """The platform's own rollback that is to be judged now, or None.

    It is under way; or it pins the app, and the policy is to leave no pin; or it has been active for less than the
    soak, so that no run can have judged it yet.
    """
    owns = own_rollbacks(deployments)
    pinned, running, active = app.pinned_deployment, app.running_deployment, app.active_deployment
    if pinned is not None:
        own = owns.get(pinned.id)
        return own if own and own.proven and policy.on_failure == "rollback" else None
    if running is not None:
        return owns.get(running.id)
    own = owns.get(active.id) if active else None
    since = own.deployment.phase_last_updated_at or ended_at(own.deployment) if own else None
    young = since is not None and now - since < timedelta(seconds=min(policy.health.soak, SOAK_BACK))
    return own if young else None


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
    token within that time, what is committed is what that person rolled back to (docs/decisions/008). Where the
    platform tried to roll back by itself first, a run waited for that: the time counts from the end of its attempt.
    """
    pinned = app.pinned_deployment
    if pinned is None or policy.on_failure != "rollback":
        return None
    ids = [deployment.id for deployment in deployments]
    if pinned.id not in ids:
        return None
    place = ids.index(pinned.id)
    rollback = deployments[place]
    owns = own_rollbacks(deployments)
    older = [one for one in deployments[place:] if not (one.is_rollback or one.id in owns)]
    failed = older[0] if older else None
    if not rollback.is_rollback or pinned.id in owns or failed is None or not carries(failed.spec):
        return None
    if failed.cause_details is not None and failed.cause_details.type in NOT_OURS:
        return None
    if failed.user and rollback.user and failed.user.uuid != rollback.user.uuid:
        return None
    judged = failed.phase in (Phase.ERROR, Phase.SUPERSEDED, Phase.ACTIVE)
    attempt = next((one for one in deployments[place:] if one.id in owns), None)
    since = attempt if attempt is not None and failed_for(owns[attempt.id], owns) == failed.id else failed
    return rollback if judged and _within_a_rollout(since, rollback, policy) else None


RECHECKS = 5
"""How many young apps a run looks at again: what an interrupted run left, it names itself if it still can."""


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

    A run that saw a deployment fail waits for the platform's own rollback before it goes back.

    A run judges from when the deployment failed or became active; a later one that follows what a killed run left does
    so for as long as it is `unjudged`. If no step has that time, all timeouts count from its creation.
    """
    if first.created_at is None or second.created_at is None:
        return False
    times, judging = policy.timeouts, timedelta(seconds=policy.timeouts.health + policy.health.soak)
    settled = ended_at(first)
    waiting = timedelta(seconds=times.platform_rollback)
    if settled is None:
        budget = timedelta(seconds=times.build + times.deploy) + judging + waiting + SLACK
        return timedelta(0) <= second.created_at - first.created_at <= budget
    budget = waiting + SLACK if first.phase is Phase.ERROR else judging + SLACK + judging + GOING_BACK
    return first.created_at <= second.created_at <= settled + budget
