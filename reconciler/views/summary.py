"""Wording shared by every view: statuses and outcomes, counts, costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.plan.deployment_history import RECHECKS
from reconciler.plan.model import UNJUDGED, WRITTEN, Action, Change, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.text import count, duration
from reconciler.views.lines import cells

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
    "to set alerts",
    "to delete",
    "in sync",
    "paused",
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
"""Statuses that are shown with their reason."""


@dataclass(frozen=True, slots=True)
class OutcomeText:
    """How an outcome is shown.

    ``symbol``: ``✓`` done, ``=`` nothing to do, ``·`` not tried, ``!`` stopped short, ``✗`` failed. ``word``: one or
    two. ``meaning``: the app's state afterwards, in a sentence or two; empty if the word is enough.
    """

    symbol: str
    word: str
    meaning: str = ""


OUTCOMES = {
    OutcomeKind.UNCHANGED: OutcomeText("=", "in sync"),
    OutcomeKind.PAUSED: OutcomeText("·", "paused", "Nothing was changed."),
    OutcomeKind.APPLIED: OutcomeText("✓", "applied"),
    OutcomeKind.DELETED: OutcomeText("✓", "deleted"),
    OutcomeKind.TAKEN_BACK: OutcomeText(
        "✓",
        "rolled back as requested",
        "An earlier deployment is active, healthy and committed. The spec in Git will not be applied again until "
        "it changes, or with --retry.",
    ),
    OutcomeKind.SKIPPED: OutcomeText("·", "skipped", "Nothing was changed."),
    OutcomeKind.SUPERSEDED: OutcomeText(
        "!", "superseded", "Another deployment replaced this one. Run again to see the app's state."
    ),
    OutcomeKind.CANCELED: OutcomeText("!", "canceled", "The deployment was canceled by an unknown party."),
    OutcomeKind.PLATFORM_FAULT: OutcomeText(
        "✗", "platform fault", "The platform failed, not the spec. A later run tries again."
    ),
    OutcomeKind.STALLED: OutcomeText(
        "!", "stalled", "This spec failed before. It will not be retried until it changes in Git, or with --retry."
    ),
    OutcomeKind.REFUSED: OutcomeText("!", "refused", "Nothing was changed."),
    OutcomeKind.TIMED_OUT: OutcomeText(
        "!", "timed out", "The deployment is still running on App Platform. Run again to follow it."
    ),
    OutcomeKind.UNCONFIRMED: OutcomeText(
        "✗", "unconfirmed", "Whether the deployment serves could not be confirmed. Run again to check."
    ),
    OutcomeKind.INTERRUPTED: OutcomeText(
        "!", "interrupted", "The run was stopped before it finished. Run again to continue."
    ),
    OutcomeKind.ROLLED_BACK: OutcomeText(
        "✗", "rolled back", "The new spec failed. The app is back on the last good one: active, healthy and committed."
    ),
    OutcomeKind.LEFT: OutcomeText(
        "✗", "failed and left as is", "The new spec failed and was left as is (on_failure: leave)."
    ),
    OutcomeKind.FAILED: OutcomeText("✗", "failed", "An error ended the rollout. Run again to continue."),
    OutcomeKind.PINNED: OutcomeText(
        "✗",
        "rolled back and pinned",
        "An earlier deployment is active and the app is pinned to it: nothing is deployed until a person commits or "
        "reverts the rollback.",
    ),
    OutcomeKind.BLOCKED: OutcomeText("!", "blocked", "The app is pinned to a rollback. Nothing was changed."),
    OutcomeKind.DEGRADED: OutcomeText(
        "✗", "degraded", "The deployment failed and there is no earlier one to roll back to."
    ),
    OutcomeKind.DIVERGED: OutcomeText(
        "✗", "diverged", "The stored or the active spec is not the one that was sent. A person is needed."
    ),
    OutcomeKind.ROLLBACK_FAILED: OutcomeText("✗", "rollback failed", "The rollback failed. A person is needed."),
}
"""From the least to the most serious outcome."""

_PINNED_AS_REQUESTED = OutcomeText("✓", "rolled back and pinned as requested", OUTCOMES[OutcomeKind.PINNED].meaning)


def outcome_text(kind: OutcomeKind, *, requested: bool = False) -> OutcomeText:
    """How an outcome is shown: what a person asked for is done, not failed."""
    return _PINNED_AS_REQUESTED if requested and kind is OutcomeKind.PINNED else OUTCOMES[kind]


def ended(record: RolloutRecord) -> OutcomeText:
    """How the outcome of one app is shown."""
    return outcome_text(record.outcome.kind, requested=record.outcome.requested)


_SERIOUSNESS = {kind: rank for rank, kind in enumerate(OUTCOMES)}


def _verb(action: Action) -> str:
    return "set alerts" if action is Action.ALERTS else action.word


def plan_word(plan: Plan) -> str:
    """The app's state in a word or two: ``update``, ``in sync``, ``blocked``, ``refused``."""
    if plan.paused and plan.action is Action.NONE:
        return "paused"
    if plan.writes:
        return _verb(plan.action)
    if plan.resume_rollback or (plan.adopt_rollback and plan.status is SyncStatus.BLOCKED):
        return "rollback to finish"
    if plan.action is Action.REFUSE and plan.status not in _TELLING:
        return "refused"
    return _STATUS_WORDS[plan.status]


def extra_reason(plan: Plan) -> str:
    """The reason, if it adds something to the action and the changes."""
    if plan.paused and plan.action is Action.NONE:
        return f"{_STATUS_WORDS[plan.status]}; {plan.reason}"
    if plan.status in _TELLING or plan.action in (Action.REFUSE, Action.REDEPLOY, Action.DELETE):
        return plan.reason
    return plan.reason if plan.action is Action.UPDATE and not plan.moved_from else ""


def is_quiet(plan: Plan) -> bool:
    """Whether the app is in sync and there is nothing else to show."""
    rests = plan.action is Action.NONE and plan.status is SyncStatus.IN_SYNC
    return rests and not plan.findings and not plan.paused


def unjudged(plans: Iterable[Plan]) -> tuple[list[str], str]:
    """The apps in sync whose health may not have been checked yet, and a sentence that precedes their names."""
    alike = (plan for plan in plans if is_quiet(plan) or plan.action is Action.ALERTS)
    apps = [plan.app for plan in alike if any(note.kind == UNJUDGED for note in plan.notes)]
    which = "it" if len(apps) == 1 else "them" if len(apps) <= RECHECKS else f"the {RECHECKS} youngest of these"
    check = f"apply will check {which}"
    return apps, f"{count(len(apps), 'app')} became active recently and may not have been health-checked yet; {check}"


def plan_counts(plans: Iterable[Plan]) -> str:
    """``1 to create, 1 to update, 1 in sync, 1 blocked``."""
    tally = Counter(f"to {_verb(plan.action)}" if plan.writes else plan_word(plan) for plan in plans)
    return ", ".join(f"{tally[word]:,} {word}" for word in _TALLY_ORDER if tally[word])


Group = tuple[Plan, Sequence[str]]
"""A plan, and the names of all apps of which it is true."""


def plan_groups(plans: Iterable[Plan]) -> list[Group]:
    """The plans in order; those that say the same of several apps are one."""
    groups: dict[Hashable, tuple[Plan, list[str]]] = {}
    for plan in plans:
        groups.setdefault(_sameness(plan), (plan, []))[1].append(plan.app)
    return list(groups.values())


def _sameness(plan: Plan) -> Hashable:
    """What two plans have in common that say the same; the app's name for one that is about nothing else."""
    if plan.findings or not plan.differences or plan.is_new or plan.action is Action.DELETE:
        return plan.app
    origin = plan.attribution and replace(plan.attribution, app="")
    notes = tuple(
        note for note in plan.notes if note.kind != WRITTEN
    )  # places differ, and only verbose plans show them
    alike = replace(plan, app="", app_id="", file="", cost=Cost(), attribution=origin, changes=(), notes=notes)
    alike = replace(alike, desired_digest="", live_digest="", alerts_digest="")
    return plan_cost(plan), repr(alike), tuple(_meaning(change) for change in plan.changes)


def _meaning(change: Change) -> Hashable:
    """What two changes have in common that say the same. A text, which may be long, is compared as it is."""
    before, after = change.before, change.after
    no_texts = replace(
        change,
        before=None if isinstance(before, str) else before,
        after=None if isinstance(after, str) else after,
    )
    return repr(no_texts), *(value if isinstance(value, str) else None for value in (before, after))


def plan_cost(plan: Plan) -> str:
    """See `cost_text`; empty for a plan that writes nothing."""
    return cost_text(plan.action, plan.cost)


def cost_text(action: Action, cost: Cost) -> str:
    """The effect of an action on the cost: ``$5.00/mo`` for a new app, ``+$7.00/mo`` for a change, else empty."""
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
    """USD per month that the plans add; None if nothing would be written or no app's cost is known."""
    deltas = [delta for plan in plans if plan.writes and (delta := _delta(plan.action, plan.cost)) is not None]
    return round(sum(deltas), 2) if deltas else None


def known_costs(plans: Sequence[Plan]) -> tuple[float | None, float | None]:
    """The monthly cost of all apps before and after, in USD; None if some app's is unknown."""
    befores = [_before(plan.action, plan.cost) for plan in plans]
    afters = [_after(plan.action, plan.cost) for plan in plans]
    return _sum(befores), _sum(afters)


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return round(sum(known), 2) if known and len(known) == len(amounts) else None


def total_cost(plans: Sequence[Plan]) -> str:
    """``$41.00 → $53.00/mo`` if every cost is known, else ``+$12.00/mo`` and the number of apps of unknown cost."""
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
    """The parts that are not empty, separated by dots."""
    return " · ".join(part for part in parts if part)


def outcome_counts(records: Iterable[RolloutRecord]) -> str:
    """``2 applied, 1 in sync, 1 rolled back``, the most serious last."""
    tally = Counter(record.outcome.kind for record in records)
    return ", ".join(f"{tally[kind]:,} {outcome.word}" for kind, outcome in OUTCOMES.items() if tally[kind])


def worst_last(records: Iterable[RolloutRecord]) -> list[RolloutRecord]:
    """The records, the most serious last: on a terminal the end is read first."""
    return sorted(records, key=lambda record: _SERIOUSNESS[record.outcome.kind])


def worst_first(records: Iterable[RolloutRecord]) -> list[RolloutRecord]:
    """The records, the most serious first: a page is read from the top."""
    return sorted(records, key=lambda record: -_SERIOUSNESS[record.outcome.kind])


def took_text(record: RolloutRecord) -> str:
    """How long a rollout took; empty if none was tried, however long the app had to wait."""
    tried = record.outcome.kind is not OutcomeKind.SKIPPED
    return duration(record.seconds) if record.seconds and tried else ""


def rollout_summary(report: RolloutReport) -> str:
    """``4 apps: 2 applied, 1 in sync, 1 rolled back · 23 requests · 2m 03s``."""
    records = report.records
    apps = f"{count(len(records), 'app')}: {outcome_counts(records)}" if records else "No apps"
    return joined(apps, rollout_facts(report))


def rollout_facts(report: RolloutReport) -> str:
    """``23 requests · 2m 03s``: for the terminal, as they count against the token's limit."""
    return joined(count(report.requests, "request"), duration(report.seconds) if report.seconds else "")


SETTLING = {
    "--commit": "keeps this version, if it is healthy, and unpins the app",
    "--revert": "deploys the spec from before the rollback again",
}
"""What each flag of `reconcile rollback` does to an app that is pinned."""


def explained(commands: Sequence[str], room: int = 0) -> list[str]:
    """Commands, each with what it does as a comment of the shell where that is not plain.

    The comment is put beneath its command if it does not fit into ``room`` columns beside it.
    """
    lines: list[str] = []
    for command in commands:
        meaning = next((f"# {text}" for flag, text in SETTLING.items() if flag in command.split()), "")
        beside = f"{command}  {meaning}".rstrip()
        lines += [beside] if not room or cells(beside) <= room else [command, f"  {meaning}"]
    return lines


def money(amount: float) -> str:
    """USD with cents: ``$41.00``, ``-$5.00``."""
    amount = round(amount, 2) + 0.0
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def signed_money(amount: float) -> str:
    """A difference in USD: ``+$7.00``, ``-$5.00``."""
    return f"{'+' if round(amount, 2) > 0 else ''}{money(amount)}"
