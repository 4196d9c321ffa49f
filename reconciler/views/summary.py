"""What every view says alike: the words for statuses and outcomes, the counts, the costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.findings import Finding, Severity
from reconciler.plan.model import UNJUDGED, Action, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views.values import count, duration, money, signed_money

_STATUS_WORDS = {
    SyncStatus.IN_SYNC: "in sync",
    SyncStatus.PROGRESSING: "progressing",
    SyncStatus.BLOCKED: "blocked",
    SyncStatus.STALLED: "stalled",
    SyncStatus.DEGRADED: "degraded",
    SyncStatus.ABSENT: "absent",
    SyncStatus.OUT_OF_SYNC: "out of sync",
    SyncStatus.UNKNOWN: "unknown",
}

_TALLY_ORDER = (
    "to create",
    "to update",
    "to redeploy",
    "to delete",
    "in sync",
    "absent",
    "out of sync",
    "progressing",
    "degraded",
    "stalled",
    "rollback to finish",
    "blocked",
    "refused",
    "unknown",
)

_TELLING = (
    SyncStatus.PROGRESSING,
    SyncStatus.BLOCKED,
    SyncStatus.STALLED,
    SyncStatus.DEGRADED,
    SyncStatus.UNKNOWN,
)
"""Statuses that need their reason beside them."""

OUTCOME_WORDS = {
    OutcomeKind.UNCHANGED: "in sync",
    OutcomeKind.APPLIED: "applied",
    OutcomeKind.DELETED: "deleted",
    OutcomeKind.ROLLED_BACK: "rolled back",
    OutcomeKind.TAKEN_BACK: "rolled back as asked",
    OutcomeKind.PINNED: "rolled back and pinned",
    OutcomeKind.LEFT: "failed and left",
    OutcomeKind.DEGRADED: "degraded",
    OutcomeKind.ROLLBACK_FAILED: "rollback failed",
    OutcomeKind.BLOCKED: "blocked",
    OutcomeKind.STALLED: "stalled",
    OutcomeKind.SUPERSEDED: "superseded",
    OutcomeKind.CANCELED: "canceled",
    OutcomeKind.DIVERGED: "diverged",
    OutcomeKind.UNCONFIRMED: "unconfirmed",
    OutcomeKind.PLATFORM_FAULT: "platform fault",
    OutcomeKind.TIMED_OUT: "timed out",
    OutcomeKind.REFUSED: "refused",
    OutcomeKind.SKIPPED: "skipped",
    OutcomeKind.INTERRUPTED: "interrupted",
    OutcomeKind.FAILED: "failed",
}
"""An outcome in a word or two."""

OUTCOME_MEANINGS = {
    OutcomeKind.UNCHANGED: "",
    OutcomeKind.APPLIED: "",
    OutcomeKind.DELETED: "",
    OutcomeKind.ROLLED_BACK: "The new spec failed. The app is back on the last good one: active, healthy and "
    "committed.",
    OutcomeKind.TAKEN_BACK: "An earlier deployment is active, healthy and committed. Git's spec is not applied again "
    "until it changes or --retry.",
    OutcomeKind.PINNED: "An earlier deployment is active and pinned: nothing deploys until somebody commits or "
    "reverts the rollback.",
    OutcomeKind.LEFT: "The new spec failed and was left as it is, as the policy asks.",
    OutcomeKind.DEGRADED: "The deployment failed and there is no earlier one to go back to.",
    OutcomeKind.ROLLBACK_FAILED: "Going back failed. A person is needed.",
    OutcomeKind.BLOCKED: "Somebody pinned the app to a rollback. Nothing was changed.",
    OutcomeKind.STALLED: "This very spec failed before. It is not tried again until Git changes or --retry.",
    OutcomeKind.SUPERSEDED: "Another deployment took over. Run again to see where the app stands.",
    OutcomeKind.CANCELED: "The deployment was canceled; by whom is unknown.",
    OutcomeKind.DIVERGED: "Another spec is stored or serves than was asked for. A person is needed.",
    OutcomeKind.UNCONFIRMED: "Whether the deployment serves could not be confirmed. Run again to look.",
    OutcomeKind.PLATFORM_FAULT: "The platform failed, not the spec. Run again later to try once more.",
    OutcomeKind.TIMED_OUT: "We stopped waiting; the deployment goes on without us. Run again to follow it.",
    OutcomeKind.REFUSED: "Nothing was changed.",
    OutcomeKind.SKIPPED: "Nothing was changed.",
    OutcomeKind.INTERRUPTED: "The run was stopped on the way. Run again to go on from where it stands.",
    OutcomeKind.FAILED: "An error got in the way; what is known is said here. Run again to go on.",
}
"""Where an app stands after such an outcome, in a sentence or two; nothing where the word says it all."""

SERIOUSNESS = (
    OutcomeKind.UNCHANGED,
    OutcomeKind.APPLIED,
    OutcomeKind.DELETED,
    OutcomeKind.TAKEN_BACK,
    OutcomeKind.SKIPPED,
    OutcomeKind.SUPERSEDED,
    OutcomeKind.CANCELED,
    OutcomeKind.PLATFORM_FAULT,
    OutcomeKind.STALLED,
    OutcomeKind.REFUSED,
    OutcomeKind.TIMED_OUT,
    OutcomeKind.UNCONFIRMED,
    OutcomeKind.INTERRUPTED,
    OutcomeKind.ROLLED_BACK,
    OutcomeKind.LEFT,
    OutcomeKind.FAILED,
    OutcomeKind.PINNED,
    OutcomeKind.BLOCKED,
    OutcomeKind.DEGRADED,
    OutcomeKind.DIVERGED,
    OutcomeKind.ROLLBACK_FAILED,
)
"""Outcomes from the one nobody needs to read to the one somebody must."""

_OUTCOME_SYMBOLS = {
    OutcomeKind.UNCHANGED: "=",
    OutcomeKind.APPLIED: "✓",
    OutcomeKind.DELETED: "✓",
    OutcomeKind.TAKEN_BACK: "✓",
    OutcomeKind.SKIPPED: "·",
    OutcomeKind.STALLED: "!",
    OutcomeKind.REFUSED: "!",
    OutcomeKind.BLOCKED: "!",
    OutcomeKind.SUPERSEDED: "!",
    OutcomeKind.CANCELED: "!",
    OutcomeKind.TIMED_OUT: "!",
    OutcomeKind.INTERRUPTED: "!",
}


def outcome_symbol(kind: OutcomeKind) -> str:
    """``✓`` done, ``=`` nothing to do, ``·`` not tried, ``!`` stopped short, ``✗`` failed."""
    return _OUTCOME_SYMBOLS.get(kind, "✗")


def plan_word(plan: Plan) -> str:
    """The app's state in a word or two: ``update``, ``in sync``, ``blocked``, ``refused``."""
    if plan.writes:
        return plan.action.word
    if plan.resume_rollback or (plan.adopt_rollback and plan.status is SyncStatus.BLOCKED):
        return "rollback to finish"
    if plan.action is Action.REFUSE and plan.status not in _TELLING:
        return "refused"
    return _STATUS_WORDS[plan.status]


def telling_reason(plan: Plan) -> str:
    """The reason, where it says more than the action and the changes do."""
    if plan.status in _TELLING or plan.action in (Action.REFUSE, Action.REDEPLOY, Action.DELETE):
        return plan.reason
    return plan.reason if plan.action is Action.UPDATE and not plan.moved_from else ""


def is_quiet(plan: Plan) -> bool:
    """Whether there is nothing to say of the app but that it is in sync."""
    return plan.action is Action.NONE and plan.status is SyncStatus.IN_SYNC and not plan.findings


def unjudged(plans: Iterable[Plan]) -> tuple[list[str], str]:
    """The apps in sync whose health nobody may have judged yet, and a sentence that ends before their names."""
    apps = [plan.app for plan in plans if is_quiet(plan) and any(note.kind == UNJUDGED for note in plan.notes)]
    one = len(apps) == 1
    looks = f"an apply looks at {'its' if one else 'their'} health"
    return apps, f"{count(len(apps), 'app')} became active lately and may not be judged yet, {looks}"


def plan_counts(plans: Iterable[Plan]) -> str:
    """``1 to create, 1 to update, 1 in sync, 1 blocked``."""
    tally = Counter(f"to {plan.action.word}" if plan.writes else plan_word(plan) for plan in plans)
    return ", ".join(f"{tally[word]:,} {word}" for word in _TALLY_ORDER if tally[word])


def plan_cost(plan: Plan) -> str:
    """See `cost_text`; nothing for a plan that writes nothing."""
    return cost_text(plan.action, plan.cost)


def cost_text(action: Action, cost: Cost) -> str:
    """What an action does to the bill: ``$5.00/mo`` for a new app, ``+$7.00/mo`` for a change, else nothing."""
    delta = _delta(action, cost)
    about = "≈" if cost.estimated else ""
    if not action.writes:
        return ""
    if delta is None:
        return "" if cost.after is None else f"{about}{money(cost.after)}/mo"
    if action is Action.CREATE:
        return f"{about}{money(delta)}/mo"
    return f"{about}{signed_money(delta)}/mo" if delta else ""


def _before(action: Action, cost: Cost) -> float | None:
    return 0.0 if action is Action.CREATE and cost.before is None else cost.before


def _after(action: Action, cost: Cost) -> float | None:
    if not action.writes:
        return _before(action, cost)
    return 0.0 if action is Action.DELETE and cost.after is None else cost.after


def _delta(action: Action, cost: Cost) -> float | None:
    before, after = _before(action, cost), _after(action, cost)
    return None if before is None or after is None else round(after - before, 2)


def total_delta(plans: Sequence[Plan]) -> float | None:
    """USD a month that the plans add to the bill; None if nothing would be written, or for no app anybody could say."""
    deltas = [delta for plan in plans if plan.writes and (delta := _delta(plan.action, plan.cost)) is not None]
    return round(sum(deltas), 2) if deltas else None


def known_costs(plans: Sequence[Plan]) -> tuple[float | None, float | None]:
    """What all apps cost a month before and after, in USD; None each if nobody could say of some app."""
    befores = [_before(plan.action, plan.cost) for plan in plans]
    afters = [_after(plan.action, plan.cost) for plan in plans]
    return _sum(befores), _sum(afters)


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return round(sum(known), 2) if known and len(known) == len(amounts) else None


def total_cost(plans: Sequence[Plan]) -> str:
    """``$41.00 → $53.00/mo`` if every app's cost is known, else ``+$12.00/mo``, and how many nobody could price."""
    about = "≈" if any(plan.cost.estimated for plan in plans) else ""
    before, after = known_costs(plans)
    if before is not None and after is not None:
        return f"{about}{money(after)}/mo" if before == after else f"{about}{money(before)} → {money(after)}/mo"
    delta = total_delta(plans)
    if delta is None:
        return ""
    unknown = sum(plan.writes and _delta(plan.action, plan.cost) is None for plan in plans)
    more = f", without {count(unknown, 'app')} of unknown cost" if unknown else ""
    return f"{about}{signed_money(delta)}/mo{more}"


def plan_summary(report: PlanReport) -> str:
    """``4 apps: 1 to create, 1 to update, 1 in sync, 1 blocked · $41.00 → $53.00/mo · 3 requests``."""
    plans = report.plans
    apps = f"{count(len(plans), 'app')}: {plan_counts(plans)}" if plans else "No apps"
    return joined(apps, total_cost(plans), count(report.requests, "request"))


def joined(*parts: str) -> str:
    """The parts that say something, with dots between."""
    return " · ".join(part for part in parts if part)


def outcome_counts(records: Iterable[RolloutRecord]) -> str:
    """``2 applied, 1 in sync, 1 rolled back``, the most serious last."""
    tally = Counter(record.outcome.kind for record in records)
    return ", ".join(f"{tally[kind]:,} {OUTCOME_WORDS[kind]}" for kind in SERIOUSNESS if tally[kind])


def worst_last(records: Iterable[RolloutRecord]) -> list[RolloutRecord]:
    """The records, those that need reading at the end, where a terminal leaves the eye."""
    return sorted(records, key=lambda record: SERIOUSNESS.index(record.outcome.kind))


def took_text(record: RolloutRecord) -> str:
    """How long a rollout took; nothing where none was tried, however long the app had to wait to be told so."""
    tried = record.outcome.kind is not OutcomeKind.SKIPPED
    return duration(record.seconds) if record.seconds and tried else ""


def rollout_summary(report: RolloutReport) -> str:
    """``4 apps: 2 applied, 1 in sync, 1 rolled back · 23 requests · 2m 03s``."""
    records = report.records
    apps = f"{count(len(records), 'app')}: {outcome_counts(records)}" if records else "No apps"
    return joined(apps, count(report.requests, "request"), duration(report.seconds) if report.seconds else "")


def finding_counts(findings: Iterable[Finding]) -> str:
    """``3 errors, 1 warning``; ``no findings`` for none."""
    tally = Counter(finding.severity for finding in findings)
    return (
        ", ".join(count(tally[severity], severity.value) for severity in Severity if tally[severity]) or "no findings"
    )
