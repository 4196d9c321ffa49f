"""With which exit code a run ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.exit_codes import Exit, most_serious
from reconciler.findings import has_errors
from reconciler.plan.model import NO_DRIFT, Action, SyncStatus
from reconciler.rollout.model import OutcomeKind

if TYPE_CHECKING:
    from reconciler.engine.plan import Planned
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutReport


def of_plan(report: PlanReport, *, differences_matter: bool) -> Exit:
    """What a plan or a drift run ends with. Differences count only where the caller asked for them."""
    if any(plan.status is SyncStatus.UNKNOWN for plan in report.plans):
        return Exit.ERROR
    if has_errors(report.findings) or any(has_errors(plan.findings) for plan in report.plans):
        return Exit.INVALID
    if differences_matter and any(_differs(plan) for plan in report.plans):
        return Exit.DIFFERENCES
    return Exit.OK


def _differs(plan: Plan) -> bool:
    return plan.action is not Action.NONE or plan.status not in NO_DRIFT


def of_rollout(report: RolloutReport) -> Exit:
    """What an apply ends with."""
    return most_serious(_OF_OUTCOMES[record.outcome.kind] for record in report.records)


def of_apply(report: RolloutReport, planned: Planned) -> Exit:
    """The rollout's code; a spec that the platform refused is an invalid spec rather than a guard's refusal."""
    invalid = {app.plan.app for app in planned.apps if has_errors(app.plan.findings)}
    others = replace(report, records=tuple(record for record in report.records if record.app not in invalid))
    codes = [of_rollout(others)]
    return most_serious([*codes, Exit.INVALID] if invalid else codes)


_OF_OUTCOMES = {
    OutcomeKind.UNCHANGED: Exit.OK,
    OutcomeKind.APPLIED: Exit.OK,
    OutcomeKind.DELETED: Exit.OK,
    OutcomeKind.TAKEN_BACK: Exit.OK,
    OutcomeKind.SKIPPED: Exit.OK,  # what it was skipped for has a code of its own
    OutcomeKind.ROLLED_BACK: Exit.ROLLED_BACK,
    OutcomeKind.PINNED: Exit.ROLLED_BACK,
    OutcomeKind.LEFT: Exit.PERSON_NEEDED,
    OutcomeKind.DEGRADED: Exit.PERSON_NEEDED,
    OutcomeKind.ROLLBACK_FAILED: Exit.PERSON_NEEDED,
    OutcomeKind.BLOCKED: Exit.PERSON_NEEDED,
    OutcomeKind.DIVERGED: Exit.PERSON_NEEDED,
    OutcomeKind.STALLED: Exit.STALLED,
    OutcomeKind.REFUSED: Exit.REFUSED,
    OutcomeKind.SUPERSEDED: Exit.ERROR,
    OutcomeKind.CANCELED: Exit.ERROR,
    OutcomeKind.TIMED_OUT: Exit.ERROR,
    OutcomeKind.UNCONFIRMED: Exit.ERROR,
    OutcomeKind.PLATFORM_FAULT: Exit.ERROR,
    OutcomeKind.FAILED: Exit.ERROR,
    OutcomeKind.INTERRUPTED: Exit.INTERRUPTED,
}
