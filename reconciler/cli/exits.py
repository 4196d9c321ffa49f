"""Exit codes, and what each run ends with. The table of the README is checked against `MEANINGS`."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, assert_never

from reconciler.findings import has_errors
from reconciler.plan.model import NO_DRIFT, Action, SyncStatus
from reconciler.rollout.model import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutReport


class Exit(IntEnum):
    """The exit codes of `reconcile`."""

    OK = 0
    ERROR = 1
    DIFFERENCES = 2
    INVALID = 3
    ROLLED_BACK = 4
    PERSON_NEEDED = 5
    STALLED = 6
    REFUSED = 7
    USAGE = 64
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "converged, or nothing to do; a plan without `--exit-code`",
    Exit.ERROR: "an error: API, network, internal",
    Exit.DIFFERENCES: "`--drift`, `--plan --exit-code` or `fmt --check`: differences",
    Exit.INVALID: "specs or config invalid, or none found",
    Exit.ROLLED_BACK: "a deployment failed and was rolled back; the app is healthy on the earlier one",
    Exit.PERSON_NEEDED: "a deployment failed and could not be rolled back, or an app is blocked: a person is needed",
    Exit.STALLED: "stalled: this spec failed before and is not retried",
    Exit.REFUSED: "refused by a guard, or the saved plan no longer matches",
    Exit.USAGE: "usage",
    Exit.INTERRUPTED: "interrupted; what was left running is said",
}

_MOST_SERIOUS_FIRST = (
    Exit.INTERRUPTED,
    Exit.PERSON_NEEDED,
    Exit.ERROR,
    Exit.ROLLED_BACK,
    Exit.REFUSED,
    Exit.STALLED,
    Exit.INVALID,
    Exit.DIFFERENCES,
    Exit.OK,
)


def most_serious(codes: Iterable[Exit]) -> Exit:
    """Of several apps the most serious code wins."""
    return min(codes, key=_MOST_SERIOUS_FIRST.index, default=Exit.OK)


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
    return most_serious(_of_outcome(record.outcome.kind) for record in report.records)


def _of_outcome(kind: OutcomeKind) -> Exit:
    match kind:
        case OutcomeKind.UNCHANGED | OutcomeKind.APPLIED | OutcomeKind.DELETED | OutcomeKind.TAKEN_BACK:
            return Exit.OK
        case OutcomeKind.SKIPPED:  # what it was skipped for has a code of its own
            return Exit.OK
        case OutcomeKind.ROLLED_BACK | OutcomeKind.PINNED:
            return Exit.ROLLED_BACK
        case OutcomeKind.LEFT | OutcomeKind.DEGRADED | OutcomeKind.ROLLBACK_FAILED | OutcomeKind.BLOCKED:
            return Exit.PERSON_NEEDED
        case OutcomeKind.STALLED:
            return Exit.STALLED
        case OutcomeKind.REFUSED:
            return Exit.REFUSED
        case OutcomeKind.SUPERSEDED | OutcomeKind.CANCELED | OutcomeKind.TIMED_OUT | OutcomeKind.FAILED:
            return Exit.ERROR
        case OutcomeKind.INTERRUPTED:
            return Exit.INTERRUPTED
        case _:
            assert_never(kind)
