"""The exit code of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from reconciler.errors import Interrupted, InvalidInput, PlanMismatch, ReconcileError, UsageError
from reconciler.exit_codes import Exit, most_serious
from reconciler.findings import has_errors
from reconciler.plan.model import NO_DRIFT, Action, SyncStatus
from reconciler.plan.newer import FAILED_PUSH
from reconciler.rollout.model import OutcomeKind

if TYPE_CHECKING:
    from reconciler.engine.plan import Planned
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutReport


def of_plan(report: PlanReport, *, differences_matter: bool, pushes_matter: bool = False) -> Exit:
    """The exit code of a plan or a drift check. Differences and failed pushes count if the caller asked for them."""
    if any(plan.status is SyncStatus.UNKNOWN for plan in report.plans):
        return Exit.ERROR
    if has_errors(report.findings) or any(has_errors(plan.findings) for plan in report.plans):
        return Exit.INVALID
    if differences_matter and any(_differs(plan) for plan in report.plans):
        return Exit.DIFFERENCES
    return Exit.DIFFERENCES if pushes_matter and _a_push_failed(report) else Exit.OK


def _a_push_failed(report: PlanReport) -> bool:
    return any(finding.code == FAILED_PUSH for plan in report.plans for finding in plan.findings)


def _differs(plan: Plan) -> bool:
    return plan.action is not Action.NONE or plan.status not in NO_DRIFT


def of_rollout(report: RolloutReport) -> Exit:
    """The exit code of an apply."""
    return most_serious(_of_outcome(record.outcome.kind) for record in report.records)


def of_apply(report: RolloutReport, planned: Planned) -> Exit:
    """The rollout's exit code; a spec that the platform rejected counts as invalid, not as refused by a guard."""
    invalid = {app.plan.app for app in planned.apps if has_errors(app.plan.findings)}
    codes = [_of_outcome(record.outcome.kind) for record in report.records if record.app not in invalid]
    codes += [Exit.INVALID] if invalid else []
    codes += [Exit.DIFFERENCES] if planned.options.fail_on_failed_push and _a_push_failed(planned.report) else []
    return most_serious(codes)


def _of_outcome(kind: OutcomeKind) -> Exit:
    match kind:
        case OutcomeKind.UNCHANGED | OutcomeKind.APPLIED | OutcomeKind.DELETED | OutcomeKind.TAKEN_BACK:
            return Exit.OK
        case OutcomeKind.SKIPPED:  # the app it was skipped for has a code of its own
            return Exit.OK
        case OutcomeKind.ROLLED_BACK | OutcomeKind.PINNED:
            return Exit.ROLLED_BACK
        case (
            OutcomeKind.LEFT
            | OutcomeKind.DEGRADED
            | OutcomeKind.ROLLBACK_FAILED
            | OutcomeKind.DIVERGED
            | OutcomeKind.BLOCKED
        ):
            return Exit.PERSON_NEEDED
        case OutcomeKind.STALLED:
            return Exit.STALLED
        case OutcomeKind.REFUSED:
            return Exit.REFUSED
        case (
            OutcomeKind.SUPERSEDED
            | OutcomeKind.CANCELED
            | OutcomeKind.PLATFORM_FAULT
            | OutcomeKind.UNCONFIRMED
            | OutcomeKind.TIMED_OUT
            | OutcomeKind.FAILED
        ):
            return Exit.ERROR
        case OutcomeKind.INTERRUPTED:
            return Exit.INTERRUPTED
        case _:
            assert_never(kind)


def of_error(error: ReconcileError) -> Exit:
    """The exit code of a run that an error ended."""
    match error:
        case UsageError():
            return Exit.USAGE
        case InvalidInput():
            return Exit.INVALID
        case PlanMismatch():
            return Exit.REFUSED
        case Interrupted():
            return Exit.INTERRUPTED
        case _:
            return Exit.ERROR
