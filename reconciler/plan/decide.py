"""Decides on a plan from a comparison: status, action, reason. A decision table over frozen data.

Three specs are compared: Git's, the app's, and that of its active deployment. In sync means that all agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reconciler.appspec.kinds import DEV_DATABASE_PRICE, RUNNING_KINDS, component_price
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity, has_errors
from reconciler.live.models import Deployment, LiveApp, Phase, Proposal
from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.compare import Comparison, desired_digest, live_digest
from reconciler.plan.deployment_history import PriorFailure, prior_failure, unfinished_rollback, unjudged
from reconciler.plan.model import UNJUDGED, Action, Cost, Note, Plan, SyncStatus
from reconciler.plan.warnings import left_out, redact_changes, secrets_without_value, unnamed, without_secrets
from reconciler.text import ago


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence beyond the two specs.

    ``proposal`` and ``deployments`` (newest first) are None if they were not requested. ``findings`` are the platform's
    objections. ``retry``: retry a spec that failed. ``moved_from``: the app's current name. ``pin_trouble``: why the
    unfinished rollback that the app is pinned to is unhealthy. ``show_live_values``: show what looks like a credential.
    """

    now: datetime
    proposal: Proposal | None = None
    deployments: Sequence[Deployment] | None = None
    findings: tuple[Finding, ...] = ()
    retry: bool = False
    moved_from: str = ""
    pin_trouble: str = ""
    show_live_values: bool = False


def make_plan(desired: DesiredApp, comparison: Comparison, evidence: Evidence) -> Plan:
    """What would be done to one app, and why."""
    if evidence.proposal is not None:
        comparison = replace(comparison, rendered=evidence.proposal.spec)
    live = comparison.live
    if comparison.in_sync:
        assert live is not None
        return Plan(
            desired.name,
            SyncStatus.IN_SYNC,
            Action.NONE,
            app_id=live.id,
            file=desired.file,
            notes=(*comparison.aligned.notes, *_young(live, comparison, evidence.now)),
            cost=unchanged_cost(comparison.live_tree),
            desired_digest=desired_digest(without_secrets(comparison.wanted, desired)),
        )
    plan = Plan(
        desired.name,
        SyncStatus.ABSENT,
        Action.CREATE,
        app_id=live.id if live else "",
        file=desired.file,
        changes=redact_changes(comparison.surviving, desired, show=evidence.show_live_values),
        notes=comparison.aligned.notes if live else (),
        findings=(
            *evidence.findings,
            *_name_findings(desired, live, evidence),
            *left_out(comparison.changes, comparison.surviving),
            *secrets_without_value(desired, comparison.aligned.desired),
        ),
        cost=_cost(comparison, evidence),
        desired_digest=desired_digest(without_secrets(comparison.wanted, desired)),
        live_digest=live_digest(live) if live else "",
        update_all_source_versions=comparison.policy.source_versions == "latest",
        moved_from=evidence.moved_from,
    )
    decided = _decide(plan, comparison, evidence)
    if decided.writes and has_errors(decided.findings):
        return replace(decided, action=Action.REFUSE, reason="App Platform rejects this spec")
    if decided.action is Action.UPDATE:
        rendered = canonical(comparison.rendered or {})
        return replace(decided, notes=(*decided.notes, *unnamed(comparison.wanted, comparison.aligned, rendered)))
    return decided


def _young(live: LiveApp, comparison: Comparison, now: datetime) -> Iterator[Note]:
    """Note that apply would check the health of an app in sync: an interrupted run may not have done so."""
    age = unjudged(live, comparison.policy, now)
    if age is not None:
        yield Note(
            (),
            UNJUDGED,
            f"became active {ago(now - age, now)} and may not have been health-checked: apply will check it",
        )


def _decide(plan: Plan, comparison: Comparison, evidence: Evidence) -> Plan:
    """The decision table, most urgent first."""
    live = comparison.live
    if live is None:
        return replace(plan, reason="no app has this name yet")
    if live.pinned_deployment is not None:
        return _pinned(plan, live, comparison, evidence)
    under_way = [run for run in (live.pending_deployment, live.in_progress_deployment) if run is not None]
    differs = bool(plan.changes)
    running = next((run for run in under_way if not differs and (not run.spec or comparison.carries(run.spec))), None)
    if running is not None:
        reason = f"a deployment of this spec is in progress ({running.phase.value})"
        return replace(_quiet(plan), status=SyncStatus.PROGRESSING, follow=running.id, reason=reason)
    if rollback := next((run for run in under_way if run.is_rollback), None):
        reason = f"a rollback is in progress ({rollback.id}): run again when it has finished"
        return replace(plan, status=SyncStatus.PROGRESSING, action=Action.REFUSE, reason=reason)
    past = _prior_failure(comparison, evidence)
    if past is not None and (differs or not comparison.active_agrees) and not evidence.retry:
        return _stalled(plan, live, past, evidence)
    if differs:
        return replace(
            plan, status=SyncStatus.OUT_OF_SYNC, action=Action.UPDATE, reason=_why_update(plan, live, comparison)
        )
    return _same_spec(_quiet(plan), live, comparison, past)


def _quiet(plan: Plan) -> Plan:
    return replace(plan, action=Action.NONE)


def _same_spec(plan: Plan, live: LiveApp, comparison: Comparison, past: PriorFailure | None) -> Plan:
    """Decide for an app whose spec matches Git, depending on its active deployment."""
    if comparison.active_agrees:
        return replace(plan, status=SyncStatus.IN_SYNC)
    what = f"its last deployment {past.what}" if past else "no deployment with it is active"
    running = live.running_deployment
    if running is not None:
        what = f"a deployment of another spec is in progress ({running.id})"
    reason = f"the app's spec matches Git, but {what}: redeploying"
    return replace(plan, status=SyncStatus.OUT_OF_SYNC, action=Action.REDEPLOY, reason=reason)


def _pinned(plan: Plan, live: LiveApp, comparison: Comparison, evidence: Evidence) -> Plan:
    """Decide for an app with an uncommitted rollback: ours, from a run that was killed, or a person's."""
    pinned = live.pinned_deployment
    assert pinned is not None
    blocked = replace(plan, status=SyncStatus.BLOCKED)
    ours = unfinished_rollback(live, evidence.deployments or (), comparison.carries, comparison.policy)
    if ours is not None and ours.phase in (Phase.ERROR, Phase.CANCELED):
        ended = "failed" if ours.phase is Phase.ERROR else "was canceled"
        reason = f"pinned to a rollback that {ended} (deployment {ours.id}): a person is needed"
        return replace(blocked, action=Action.REFUSE, reason=reason, override=f"reconcile status {plan.app}")
    if ours is not None and evidence.pin_trouble:
        return replace(blocked, action=Action.REFUSE, reason=_unhealthy_pin(plan.app, ours, evidence.pin_trouble))
    if ours is not None:
        reason = (
            "an earlier run was interrupted after rolling back: checking the rollback's health, then committing it "
            "if it is healthy"
        )
        return replace(_quiet(blocked), follow=ours.id, resume_rollback=True, reason=reason)
    who = (pinned.user.full_name or pinned.user.email) if pinned.user else ""
    parts = ("pinned to a rollback", ago(pinned.created_at, evidence.now), f"by {who}" if who else "")
    reason = " ".join(part for part in parts if part)
    return replace(blocked, action=Action.REFUSE, reason=reason, override=f"reconcile status {plan.app}")


def _unhealthy_pin(app: str, rollback: Deployment, trouble: str) -> str:
    """What a person can choose, and what each command does: no run settles an unhealthy rollback."""
    return (
        f"pinned to a rollback that is unhealthy (deployment {rollback.id}: {trouble}), so a person chooses: "
        f"reconcile rollback {app} --commit --force keeps it and unpins the app; "
        f"reconcile rollback {app} --revert deploys the spec from before it again; "
        "once it is healthy, the next apply commits it"
    )


def _prior_failure(comparison: Comparison, evidence: Evidence) -> PriorFailure | None:
    return prior_failure(evidence.deployments or (), comparison.carries, comparison.policy)


def _stalled(plan: Plan, live: LiveApp, past: PriorFailure, evidence: Evidence) -> Plan:
    when = ago(past.deployment.created_at, evidence.now)
    failure = f"this spec {past.what} {when} (deployment {past.deployment.id})".replace("  ", " ")
    failure = f"{failure}, {past.but}" if past.but else failure
    if live.active_deployment is None:
        reason = f"{failure}; no deployment is active, and there is none to roll back to"
        return replace(plan, status=SyncStatus.DEGRADED, action=Action.REFUSE, reason=reason, override="--retry")
    reason = f"{failure}; not retrying until the spec changes in Git"
    return replace(plan, status=SyncStatus.STALLED, action=Action.REFUSE, reason=reason, override="--retry")


def _why_update(plan: Plan, live: LiveApp, comparison: Comparison) -> str:
    if plan.moved_from:
        return f"currently named {plan.moved_from}"
    if live.running_deployment is not None:
        return f"a deployment of another spec is in progress ({live.running_deployment.id}); it would be superseded"
    if comparison.active_agrees:
        return (
            "the app's spec differs from Git, but the active deployment does not: it was changed without a deployment"
        )
    return ""


def _cost(comparison: Comparison, evidence: Evidence) -> Cost:
    proposed = evidence.proposal.app_cost if evidence.proposal else None
    live = comparison.live_tree if comparison.live else None
    return compared_cost(live, comparison.aligned.desired, proposed)


def _name_findings(desired: DesiredApp, live: LiveApp | None, evidence: Evidence) -> tuple[Finding, ...]:
    """Report a taken name before anything is sent."""
    proposal = evidence.proposal
    if live is not None or proposal is None or proposal.app_name_available is not False:
        return ()
    hint = f"{proposal.app_name_suggestion} is available" if proposal.app_name_suggestion else "choose another name"
    message = f"the name {desired.name} is taken by an app that this token cannot see"
    return (Finding(Severity.ERROR, "name-taken", message, hint, desired.locate("/name")),)


# --- Monthly cost: the platform's price, else an estimate by the list prices of `appspec.kinds` ---


def estimated_cost(tree: Tree) -> float | None:
    """USD per month of a canonical spec; None if it has a size without a known price, or an invalid count.

    Services and workers count with their instances (under autoscaling the minimum); jobs run too briefly to be
    estimated, static sites and functions have an allowance.
    """
    total = 0.0
    for kind in RUNNING_KINDS:
        for component in _items(tree, kind):
            price = component_price(component)
            if price is None:
                return None
            total += price
    return total + sum(DEV_DATABASE_PRICE for database in _items(tree, "databases") if not database.get("production"))


def compared_cost(live: Tree | None, desired: Tree, proposed: float | None) -> Cost:
    """The cost before and after. ``proposed`` is the platform's price of the new spec, which takes precedence.

    The difference uses list prices on both sides, so that a price that only the platform knows cannot look
    like a change.
    """
    before = estimated_cost(live) if live is not None else 0.0
    after = estimated_cost(desired)
    if proposed is None:
        return Cost(before, after, estimated=True)
    if live is None:
        return Cost(0.0, float(proposed))
    if before is None or after is None:
        return Cost(None, float(proposed))
    return Cost(round(max(0.0, proposed - after + before), 2), float(proposed))


def unchanged_cost(tree: Tree) -> Cost:
    """The cost of an app that stays as it is."""
    amount = estimated_cost(tree)
    return Cost(amount, amount, estimated=True)


def _items(tree: Tree, kind: str) -> list[dict[str, Any]]:
    found = tree.get(kind)
    return [item for item in found.values() if isinstance(item, dict)] if isinstance(found, dict) else []
