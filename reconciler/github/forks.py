"""What a pull request from a fork may be told of the account it is planned against. Pure.

Its plan is public and its specs are a stranger's: naming an app must not be enough to read what runs there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import PlanMismatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.plan.model import Change, Plan, PlanReport

LIVE = "(live)"
"""What stands where a live value would."""


def hide_live_values(report: PlanReport) -> PlanReport:
    """The report without a value that only App Platform has; paths and Git's own values stay."""
    return replace(report, plans=tuple(map(_without_live_values, report.plans)))


def refuse_unmanaged(named: Collection[str], ours: Collection[str]) -> None:
    """Refuse specs of apps that the repository's own specs do not name.

    Raises:
        PlanMismatch: there are such apps.
    """
    if unmanaged_apps := sorted(set(named) - set(ours)):
        message = (
            f"the fork's specs are for apps that this repository's own specs do not name: {', '.join(unmanaged_apps)}"
        )
        raise PlanMismatch(message, hint="a new app is planned by a pull request from a branch of this repository")


def _without_live_values(plan: Plan) -> Plan:
    reason = plan.reason
    for change in plan.changes:
        if change.path == ("region",) and change.before:  # a guard's reason quotes it
            reason = reason.replace(f"from {change.before} ", f"from {LIVE} ")
    return replace(plan, reason=reason, changes=tuple(map(_hidden, plan.changes)))


def _hidden(change: Change) -> Change:
    return change if change.before is None else replace(change, before=LIVE)
