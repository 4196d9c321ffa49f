"""Refuses runs (freeze, the wrong account, another plan than expected, guards, apps of others); exit codes.

`engine.apply` calls these checks before anything is written, for every front end, and fail
closed. A plan shows what guards refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconciler.config import Config
from reconciler.config_sections import NO_GUARDS
from reconciler.engine.load import Desired, RunOptions, check
from reconciler.engine.planner import PlannedApp
from reconciler.errors import PlanMismatch, ReconcileError, Unauthorized
from reconciler.exit_codes import MOST_SERIOUS_FIRST, Exit
from reconciler.findings import has_errors
from reconciler.plan.guard import frozen, guarded, held
from reconciler.plan.model import NO_DRIFT, Action, Plan, SyncStatus
from reconciler.plan.platform import FAILED_PUSH
from reconciler.rollout.model import OutcomeKind
from reconciler.yamltext import open_file

if TYPE_CHECKING:
    from reconciler.engine.planner import Planned
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp
    from reconciler.plan.model import PlanReport
    from reconciler.plan.saved import SavedPlan
    from reconciler.rollout.model import RolloutReport


FORBIDDEN = 403

OVERRIDE_FREEZE = "use --override-freeze to apply anyway"
"""The hint of a refusal inside a freeze window."""


def refuse(options: RunOptions, config: Config, now: datetime, planned: Planned | None = None) -> None:
    """Refuse to apply inside a freeze window, or a plan other than the expected one.

    Without ``planned``, which is known only later, just check that the expected plan can be read.

    Raises:
        PlanMismatch: it is refused; if the plan differs, the message says which apps differ and how.
    """
    if not options.override_freeze and (reason := frozen(config.freeze, now)):
        raise PlanMismatch(f"nothing was applied: {reason}", hint=OVERRIDE_FREEZE)
    if options.expect is None:
        return
    from reconciler.plan import saved

    expected = _read(options.expect)
    if planned is None:
        return
    if found := saved.mismatches(expected, [app.plan for app in planned.apps], config, planned.environment):
        message = f"the saved plan {options.expect} is out of date; nothing was changed"
        raise PlanMismatch("\n".join([message, *found]), hint="make a new plan, have it reviewed, and apply that")


async def check_account(
    client: Client, options: RunOptions, config: Config, fleet: Iterable[LiveApp] | None = None
) -> None:
    """Refuse the token of another account than the configuration names (C88); fails closed.

    The account is read where the token may. Else the owner of the apps, ``fleet``, must be the one that is named. A
    rehearsal in the embedded sandbox is of no account.

    Raises:
        PlanMismatch: it is another one, or which one it is cannot be read.
        LiveError: App Platform could not be reached.
    """
    wanted = config.account
    if wanted is None or options.rehearsal:
        return
    try:
        found: tuple[str, str] | None = await client.team()
    except Unauthorized as error:
        if error.status != FORBIDDEN:
            raise
        found = None
    owners = {app.owner_uuid for app in (await client.list_apps() if fleet is None else fleet)} - {""}
    ids = owners if len(owners) == 1 else set()
    if found is not None:
        ids = ids | {found[0]}
    if (found and wanted.team and found[1] == wanted.team) or _bare(wanted.uuid) in set(map(_bare, ids)) - {""}:
        return
    name = f"the team {wanted.team!r}" if wanted.team else f"the account {wanted.uuid}"
    message = f"nothing was changed: reconcile.yaml is for {name}, and "
    if found is None and (wanted.team or not ids):
        hint = "give the token the scope account:read" + ("" if wanted.uuid else ", or name the account by its uuid")
        raise PlanMismatch(f"{message}the account of this token cannot be read", hint=hint)
    theirs = f"the team {found[1]!r} ({found[0]})" if found else f"the account {', '.join(ids)}"
    hint = f"use a token of {name}, or correct `account` in reconcile.yaml"
    raise PlanMismatch(f"{message}this token belongs to {theirs}", hint=hint)


def _bare(uuid: str) -> str:
    """An id in one spelling: the API writes that of a team without hyphens, that of an app's owner with them."""
    return uuid.replace("-", "").lower()


def guard(apps: Sequence[PlannedApp], options: RunOptions, config: Config, fleet: int) -> tuple[PlannedApp, ...]:
    """The apps, with the plans refused that do what was not allowed, and those of paused apps doing nothing.

    ``fleet`` is the number of apps, live or wanted: at least the number of plans, whatever the caller passes.
    """
    plans = [held(app.plan, config.policy(app.plan.app), asked=options.redeploy) for app in apps]
    allowed = guarded(plans, config.guards or NO_GUARDS, fleet=max(fleet, len(apps)), allowed=options.allow)
    return tuple(app.planned(plan) for app, plan in zip(apps, allowed, strict=True))


def refuse_unowned(desired: Desired, options: RunOptions) -> None:
    """Refuse specs of apps that the repository's own specs do not name, if those are given.

    Raises:
        PlanMismatch: there are such apps.
    """
    if not options.own_specs:
        return
    own = check(replace(options, specs=options.own_specs, apps=frozenset(), checkout=None)).known
    if unowned := ", ".join(sorted(desired.known - own)):
        message = f"the fork has specs of apps that this repository's own specs do not name: {unowned}"
        raise PlanMismatch(message, hint="to plan a new app, open the pull request from a branch of this repository")


def save(file: Path, planned: Planned) -> None:
    """Save a plan for a later run to expect; the file's folder is made if need be.

    Raises:
        ReconcileError: the file cannot be written, or holds something else, such as a spec.
    """
    from reconciler.desired.export import rewrite
    from reconciler.plan import saved

    try:
        if file.is_file() and not saved.is_saved(file.read_bytes()):
            hint = "name another file, or remove it"
            raise ReconcileError(f"cannot save the plan: {file} holds something that is no saved plan", hint=hint)
        text = saved.dump(planned.report.plans, planned.config, planned.environment)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() or not file.exists():
            rewrite(file, text)
        else:  # a pipe or a device
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        hint = "choose a file in a writable folder"
        raise ReconcileError(f"cannot save the plan to {file}: {error.strerror}", hint=hint) from None


def _read(file: Path) -> SavedPlan:
    from reconciler.plan import saved

    try:
        with open_file(file) as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        hint = "save it again: reconcile --plan --save FILE"
        raise PlanMismatch(f"cannot read the saved plan {file}: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        text = ""  # not a plan of any version
    return saved.load(text, str(file))


# --- The exit code of a run ---


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


def most_serious(codes: Iterable[Exit]) -> Exit:
    """Of several apps the most serious code wins."""
    return min(codes, key=MOST_SERIOUS_FIRST.index, default=Exit.OK)


def _of_outcome(kind: OutcomeKind) -> Exit:
    match kind:
        case (
            OutcomeKind.UNCHANGED
            | OutcomeKind.APPLIED
            | OutcomeKind.DELETED
            | OutcomeKind.TAKEN_BACK
            | OutcomeKind.PAUSED
        ):
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
