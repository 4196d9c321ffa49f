"""Decides on a plan from a comparison: status, action, reason. A decision table over frozen data.

Three specs are compared: Git's, the app's, and that of its active deployment. In sync means that all agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity, has_errors
from reconciler.live.models import Deployment, LiveApp, Phase, Proposal
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import Comparison, desired_digest, live_digest
from reconciler.plan.deployment_history import (
    RECHECKS,
    PriorFailure,
    followed_rollback,
    may_be_rolled_back,
    prior_failure,
    repeated,
    unfinished_rollback,
    unjudged,
)
from reconciler.plan.model import UNJUDGED, Action, Cost, Note, Plan, SyncStatus, compared_cost, unchanged_cost
from reconciler.plan.platform import (
    OwnRollback,
    PipelineCommit,
    failed_attempt,
    failed_for,
    newer_findings,
    older_components,
    own_rollbacks,
)
from reconciler.plan.warnings import left_out, redact_changes, secrets_without_value, unnamed, without_secrets
from reconciler.text import ago


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence beyond the two specs.

    ``proposal`` is None, and ``deployments`` (newest first) are empty, if they were not requested. ``findings`` are the
    platform's objections. ``retry``: retry a spec that failed. ``moved_from``: the app's current name. ``pin_trouble``:
    why the unfinished rollback that the app is pinned to is unhealthy. ``commit``: what the pipeline runs for.
    ``redeploy``: a person asks for a deployment of the spec that is live. ``show_live_values``: show what looks like a
    credential.
    """

    now: datetime
    proposal: Proposal | None = None
    deployments: Sequence[Deployment] = ()
    findings: tuple[Finding, ...] = ()
    retry: bool = False
    moved_from: str = ""
    pin_trouble: str = ""
    commit: PipelineCommit | None = None
    redeploy: bool = False
    show_live_values: bool = False


def make_plan(desired: DesiredApp, comparison: Comparison, evidence: Evidence) -> Plan:
    """What would be done to one app, and why."""
    if evidence.proposal is not None:
        comparison = replace(comparison, rendered=evidence.proposal.spec)
    live = comparison.live
    if comparison.in_sync:
        assert live is not None
        return _in_sync(desired, live, comparison, evidence)
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
            *secrets_without_value(desired, comparison.aligned.desired, comparison.live_tree),
            *(newer_findings(desired, live, evidence.commit, evidence.deployments) if live else ()),
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
    if decided.status is SyncStatus.IN_SYNC:  # as the platform renders it, or about to be replaced
        return _again(decided, comparison, evidence)
    if evidence.redeploy:
        return _redeployed(decided)
    if decided.action is Action.UPDATE:
        rendered = canonical(comparison.rendered or {})
        return replace(decided, notes=(*decided.notes, *unnamed(comparison.wanted, comparison.aligned, rendered)))
    return decided


def _in_sync(desired: DesiredApp, live: LiveApp, comparison: Comparison, evidence: Evidence) -> Plan:
    """Nothing of the spec differs."""
    plan = Plan(
        desired.name,
        SyncStatus.IN_SYNC,
        Action.NONE,
        app_id=live.id,
        file=desired.file,
        notes=(*comparison.aligned.notes, *_young(live, comparison, evidence.now)),
        findings=tuple(newer_findings(desired, live, evidence.commit, evidence.deployments)),
        cost=unchanged_cost(comparison.live_tree),
        desired_digest=desired_digest(without_secrets(comparison.wanted, desired)),
    )
    return _again(plan, comparison, evidence)


def _again(plan: Plan, comparison: Comparison, evidence: Evidence) -> Plan:
    """The plan of an app in sync: deploy it again only for a newer commit, or because a person asks for it."""
    live, commit = comparison.live, evidence.commit
    assert live is not None
    running, older = live.running_deployment, older_components(live, commit)
    newer = older and running is None and comparison.policy.source_versions == "latest"
    if not evidence.redeploy and not newer:
        return plan
    if running is not None:
        reason = f"a deployment of another spec is in progress ({running.id}): redeploy when that has finished"
        return replace(plan, status=SyncStatus.PROGRESSING, action=Action.REFUSE, reason=reason)
    again = replace(
        plan,
        status=SyncStatus.OUT_OF_SYNC,
        action=Action.REDEPLOY,
        notes=comparison.aligned.notes,
        live_digest=live_digest(live),
    )
    if evidence.redeploy:
        return replace(again, reason="redeploying as requested, with the newest commit or image of every source")
    assert commit is not None  # else nothing is older
    sha = commit.sha[:7]
    failed = failed_attempt(evidence.deployments, older, commit)
    if failed is None or evidence.retry:
        return replace(again, reason=f"the app does not run commit {sha} yet: redeploying")
    reason = f"commit {sha} was deployed but did not stay active (deployment {failed.id}); not retrying it"
    return replace(again, status=SyncStatus.STALLED, action=Action.REFUSE, reason=reason, override="--retry")


def _redeployed(plan: Plan) -> Plan:
    """The plan, refused if it would do anything but deploy what is live: that is not what was asked for."""
    if plan.status is SyncStatus.ABSENT:
        reason = "the app does not exist yet: apply creates it"
        plan = replace(plan, changes=(), cost=Cost())
    elif plan.action is Action.UPDATE:
        reason = "its spec differs from Git: apply it instead, as a redeploy changes no spec"
    elif plan.action is Action.NONE:
        reason = f"{plan.reason}: redeploy when that has finished"
    else:
        return plan
    return replace(plan, action=Action.REFUSE, reason=reason, follow="", resume_rollback=False, adopt_rollback=False)


def _young(live: LiveApp, comparison: Comparison, now: datetime) -> Iterator[Note]:
    """Note that apply would check the health of an app in sync: an interrupted run may not have done so."""
    age = unjudged(live, comparison.policy, now)
    if age is not None:
        yield Note(
            (),
            UNJUDGED,
            f"became active {ago(now - age, now)} and may not have been health-checked: "
            f"apply checks the {RECHECKS} youngest",
        )


def _decide(plan: Plan, comparison: Comparison, evidence: Evidence) -> Plan:
    """The decision table, most urgent first."""
    live = comparison.live
    if live is None:
        return replace(plan, reason="no app has this name yet")
    own = followed_rollback(live, evidence.deployments, comparison.policy, evidence.now)
    if own is not None and (live.pinned_deployment is not None or _failed_spec(own, comparison, evidence)):
        return _adopted(plan, live, own)
    if live.pinned_deployment is not None:
        return _pinned(plan, live, comparison, evidence)
    under_way = [run for run in (live.pending_deployment, live.in_progress_deployment) if run is not None]
    differs = bool(plan.changes)
    running = next((run for run in under_way if not differs and (not run.spec or comparison.carries(run.spec))), None)
    if running is not None:
        reason = f"a deployment of this spec is in progress ({running.phase.value})"
        return replace(_quiet(plan), status=SyncStatus.PROGRESSING, follow=running.id, reason=reason)
    if rollback := next((run for run in under_way if run.is_rollback and own is None), None):
        reason = f"a rollback is in progress ({rollback.id}): run again when it has finished"
        return replace(plan, status=SyncStatus.PROGRESSING, action=Action.REFUSE, reason=reason)
    past = prior_failure(evidence.deployments, comparison.carries, comparison.policy)
    if past is not None and (differs or not comparison.active_agrees) and not evidence.retry:
        stopped = _blameless if past.attempts else _stalled
        if (found := stopped(plan, live, past, comparison, evidence)) is not None:
            return found
    return _stuck(plan, comparison, evidence) or _sent(plan, live, comparison, past, own, evidence)


def _sent(
    plan: Plan,
    live: LiveApp,
    comparison: Comparison,
    past: PriorFailure | None,
    own: OwnRollback | None,
    evidence: Evidence,
) -> Plan:
    """Nothing prevents it: an update where the spec differs, else what the active deployment asks for."""
    if not plan.changes:
        return _same_spec(_quiet(plan), live, comparison, past, evidence)
    why = f"this spec {past.what}: trying again" if past and past.attempts else ""
    why = why or (_AWAITED.format(own.deployment.id) if own else _why_update(plan, live, comparison))
    return replace(plan, status=SyncStatus.OUT_OF_SYNC, action=Action.UPDATE, reason=why)


_AWAITED = "the platform is rolling back by itself (deployment {}); waiting for it"


def _failed_spec(own: OwnRollback, comparison: Comparison, evidence: Evidence) -> bool:
    """Whether what the platform goes back from is what Git still wants."""
    failed = failed_for(own, own_rollbacks(evidence.deployments))
    return any(one.id == failed and comparison.carries(one.spec) for one in evidence.deployments)


def _adopted(plan: Plan, live: LiveApp, own: OwnRollback) -> Plan:
    """The platform rolled back by itself, or is about to, and no run has judged that."""
    pinned = live.pinned_deployment is not None
    pins = ", and the app is pinned to that" if pinned else ""
    reason = f"deployment {own.failed_id} failed; the platform rolls back by itself (deployment {own.deployment.id})"
    status = SyncStatus.BLOCKED if pinned else SyncStatus.PROGRESSING
    return replace(_quiet(plan), status=status, follow=own.deployment.id, adopt_rollback=True, reason=reason + pins)


def _recent(past: PriorFailure, comparison: Comparison, now: datetime) -> list[datetime]:
    """When the spec was tried within the time in which attempts are counted, newest first."""
    within = timedelta(seconds=comparison.policy.platform_faults.within)
    return [one for one in past.attempts if now - one <= within]


def _blameless(
    plan: Plan, _live: LiveApp, past: PriorFailure, comparison: Comparison, evidence: Evidence
) -> Plan | None:
    """A spec that failed through faults of the platform is tried again, so often within a time; None: now."""
    faults, recent = comparison.policy.platform_faults, _recent(past, comparison, evidence.now)
    if len(recent) < faults.attempts:
        return None
    again = recent[faults.attempts - 1] + timedelta(seconds=faults.within)
    but = f", {past.but}" if past.but else ""
    reason = (
        f"this spec {past.what} (deployment {past.deployment.id}){but}: {len(recent)} attempts within "
        f"{faults.within / 3600:g} h; the next try is after {again:%Y-%m-%d %H:%M} UTC"
    )
    status, override = SyncStatus.OUT_OF_SYNC, "--retry"
    return replace(plan, status=status, action=Action.REFUSE, reason=reason, retry_at=again, override=override)


def _quiet(plan: Plan) -> Plan:
    return replace(plan, action=Action.NONE)


def _stuck(plan: Plan, comparison: Comparison, evidence: Evidence) -> Plan | None:
    """What is sent is not what is stored, and history does not show what was sent: a bound is kept (C53)."""
    faults = comparison.policy.platform_faults
    times = repeated(evidence.deployments, comparison.carries, comparison.policy, evidence.now, stored=not plan.changes)
    if times < faults.attempts or evidence.retry:
        return None
    reason = (
        f"the last {times} updates all led to the same spec, which is not Git's: App Platform stores or "
        f"deploys a different spec from the one sent. At most {faults.attempts} such updates are made within "
        f"{faults.within / 3600:g} h"
    )
    return replace(plan, status=SyncStatus.STALLED, action=Action.REFUSE, reason=reason, override="--retry")


def _unshown(comparison: Comparison, evidence: Evidence) -> Deployment | None:
    """The newest deployment, if it is ACTIVE and carries what Git wants: one more would show no more (C53)."""
    newest = next(iter(evidence.deployments), None)
    active = newest is not None and newest.phase is Phase.ACTIVE and comparison.carries(newest.spec)
    return newest if active and not evidence.retry else None


def _same_spec(
    plan: Plan, live: LiveApp, comparison: Comparison, past: PriorFailure | None, evidence: Evidence
) -> Plan:
    """Decide for an app whose spec matches Git, depending on its active deployment."""
    if comparison.active_agrees:
        return replace(plan, status=SyncStatus.IN_SYNC)
    if unshown := _unshown(comparison, evidence):
        reason = f"deployment {unshown.id} of this spec is ACTIVE, but the app does not show it yet"
        return replace(plan, status=SyncStatus.PROGRESSING, follow=unshown.id, reason=reason)
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
    ours = unfinished_rollback(live, evidence.deployments, comparison.carries, comparison.policy)
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
    if any(own.proven for own in own_rollbacks(evidence.deployments).values() if own.deployment.id == pinned.id):
        reason = f"pinned to a rollback that the platform made by itself (deployment {pinned.id})"
        return replace(blocked, action=Action.REFUSE, reason=reason, override=f"reconcile status {plan.app}")
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


def _stalled(plan: Plan, live: LiveApp, past: PriorFailure, comparison: Comparison, evidence: Evidence) -> Plan:
    when = ago(past.deployment.created_at, evidence.now)
    failure = f"this spec {past.what} {when} (deployment {past.deployment.id})".replace("  ", " ")
    failure = f"{failure}, {past.but}" if past.but else failure
    may_go_back = may_be_rolled_back(past, evidence.deployments, comparison.policy, evidence.now)
    if live.active_deployment is not None and may_go_back:
        reason = f"{failure}; the platform may still roll back by itself: waiting for it"
        return replace(_quiet(plan), status=SyncStatus.PROGRESSING, follow=past.deployment.id, reason=reason)
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
