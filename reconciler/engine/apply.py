"""One run, for any front end: load → validate → observe → plan → guard → apply → report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

from reconciler.config_names import no_spec
from reconciler.config_sections import NO_WAVES
from reconciler.desired.preview_mark import proven
from reconciler.engine import safety
from reconciler.engine.load import Desired, RunOptions, as_live, check_selection, load
from reconciler.engine.planner import Planned, PlannedApp, Planner, check_rotations, in_doubt, recheck_health
from reconciler.errors import InvalidInput, LiveError, Unauthorized, UsageError
from reconciler.findings import Finding
from reconciler.plan import warnings
from reconciler.plan.guard import check_allowed, frozen
from reconciler.plan.model import Action, Plan, PlanReport
from reconciler.plan.platform import PipelineCommit
from reconciler.plan.secret_fingerprints import Fingerprints
from reconciler.rollout.model import Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.rollout.ports import RolloutJob, SpecKnowledge

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from reconciler.clock import Clock
    from reconciler.desired.reading import Named
    from reconciler.engine.prune import Reading, Removed
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp


GOES_ON = (OutcomeKind.TIMED_OUT, OutcomeKind.INTERRUPTED)
"""Outcomes after which a deployment is still running."""


UNTOUCHED = (Action.NONE, Action.REFUSE, Action.ALERTS)
"""Actions of which no rollout comes in an apply."""


@dataclass(frozen=True)
class Watch:
    """The receiver of rollout events, and what stops the rollouts."""

    on_event: Callable[[Event], None] = lambda _event: None
    stop: asyncio.Event | None = None


class FrontEnd(Protocol):
    """The caller of a run: the command line, the action, a program."""

    def loaded(self, desired: Desired) -> None:
        """Receive what Git wants, even if it is invalid: from now on its secrets must not be printed."""

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """Return a client of App Platform."""

    def planned(self, planned: Planned) -> None:
        """Show the plan that is about to be applied or refused."""

    def agrees(self, planned: Planned) -> bool:
        """Return whether the plan is to be applied, which a person may be asked; it was shown and not refused."""

    def watch(self, apps: Sequence[str]) -> AbstractContextManager[Watch]:
        """Watch the rollouts of these apps."""


@dataclass(frozen=True)
class Finished:
    """The result of a run: what it found, and what it did if it was to apply. Its repr is short, like `Planned`'s.

    ``declined``: it was to apply, and the front end did not agree; nothing was changed.
    """

    planned: Planned
    rollout: RolloutReport | None = field(default=None, repr=False)
    declined: bool = False


async def run(
    options: RunOptions,
    front: FrontEnd,
    clock: Clock,
    look: Callable[[Planned, Client], Awaitable[None]] | None = None,
) -> Finished:
    """Plan, and apply if requested; ``look`` reads what else a plan is wanted for, with the same client.

    Raises:
        InvalidInput: specs or the configuration cannot be used; also if App Platform, which may have them so already,
            cannot be asked.
        PlanMismatch: the whole run is refused, see `safety`; nothing was changed.
        LiveError: App Platform could not be reached for any app.
    """
    desired = load(options, front.loaded)
    if options.apply:
        safety.refuse(options, desired.config, clock.now())
    planned: Planned | None = None
    try:
        async with front.connect() as client:
            planned = await plan(desired, options, client, clock)
            if not options.apply:
                if look is not None:
                    await look(planned, client)
                return Finished(planned)
            front.planned(planned)
            safety.refuse(options, desired.config, clock.now(), planned)
            if not front.agrees(planned):
                return Finished(planned, declined=True)
            return Finished(planned, await apply(planned, client, clock, front.watch))
    except (LiveError, UsageError) as error:
        if planned is None and desired.of_specs:  # without live, they are errors
            raise InvalidInput(desired.findings) from error
        if planned is None and isinstance(error, Unauthorized):
            error.message = f"nothing was changed: {error.message}"
        raise


async def apply(
    planned: Planned,
    client: Client,
    clock: Clock,
    watch: Callable[[Sequence[str]], AbstractContextManager[Watch]] = lambda _apps: nullcontext(Watch()),
) -> RolloutReport:
    """Roll out the plans unless they are refused; every app has a record, however it ends.

    Guards check every plan here again, whoever made it: what they refuse is not done and is recorded as refused.

    Raises:
        PlanMismatch: the whole run is refused, see `safety`; nothing was changed.
        LiveError: the account of the token could not be read.
        InvalidInput: apps depend on each other in a cycle; nothing was changed.
    """
    began, options = clock.monotonic(), planned.options
    safety.refuse(options, planned.config, clock.now(), planned)
    await safety.check_account(client, options, planned.config)
    guarded = safety.guard(planned.apps, options, planned.config, planned.fleet)
    with watch([app.plan.app for app in guarded]) as watched:
        first, later = in_doubt(guarded, clock.now())
        apps = await recheck_health(client, guarded, first, clock.now())
        report = await _roll_out(
            [_job(app, planned) for app in apps if not _rests(app.plan)], client, clock, watched, planned
        )
        if later and not (watched.stop and watched.stop.is_set()):
            again = await recheck_health(client, apps, later, clock.now())
            jobs = [_job(app, planned) for app in again if not _rests(app.plan) and app.plan.app in later]
            report = _joined(report, await _roll_out(jobs, client, clock, watched, planned))
            apps = again
        stopped = watched.stop is not None and watched.stop.is_set()
        wanted = "failed" if stopped and options.logs == "all" else options.logs
        if wanted != "failed":
            from reconciler.engine.logs import secrets_of, with_logs

            report = await with_logs(report, client, wanted, secrets_of(apps))
        unchanged = [_unchanged(app) for app in apps if _rests(app.plan)]
        records = {record.app: record for record in (*unchanged, *report.records)}
        in_order = tuple(records[app.plan.app] for app in apps)
        report = replace(report, records=in_order, seconds=clock.monotonic() - began)
        if any(app.alerts for app in apps):
            from reconciler.engine.alerts import applied

            report = await applied(
                report, apps, client, clock, watched.on_event, watched.stop, fail_fast=options.fail_fast
            )
    return replace(report, seconds=clock.monotonic() - began)


def _job(app: PlannedApp, planned: Planned) -> RolloutJob:
    return RolloutJob(
        app.plan,
        app.desired,
        app.policy,
        planned.config.project,
        app.secrets,
        app.rendered,
        planned.options.force_build,
        again=planned.options.again,
        history=frozenset(one.id for one in app.deployments),
    )


def _joined(one: RolloutReport, other: RolloutReport) -> RolloutReport:
    """Both of a run's reports."""
    left_running = (*one.left_running, *other.left_running)
    return replace(other, records=(*one.records, *other.records), left_running=left_running)


async def roll_back(job: RolloutJob, client: Client, clock: Clock, watched: Watch) -> RolloutReport:
    """Roll one app back, or follow a rollback that was taken back, as a person asks by hand.

    Without the checks of `safety`: a freeze window must not prevent going back to what worked.

    Raises:
        ValueError: the job would do anything else.
    """
    if not (job.roll_back or job.follow):
        raise ValueError(f"{job.plan.app}: only apply, which runs the safety checks, may apply a plan")
    return await _roll_out([job], client, clock, watched)


async def _roll_out(
    jobs: Sequence[RolloutJob], client: Client, clock: Clock, watched: Watch, planned: Planned | None = None
) -> RolloutReport:
    from reconciler.rollout import scheduler

    options = planned.options if planned else RunOptions(specs=())

    began = clock.monotonic()
    records = await scheduler.roll_out(
        jobs,
        client,
        clock=clock,
        specs=SpecKnowledge,
        on_event=watched.on_event,
        concurrency=options.concurrency,
        fail_fast=options.fail_fast,
        waves=(planned.config.rollout if planned else None) or NO_WAVES,
        stop=watched.stop,
    )
    left_running = tuple(record.app for record in records if record.outcome.kind in GOES_ON)
    return RolloutReport(tuple(records), client.requests, clock.monotonic() - began, left_running)


def _rests(plan: Plan) -> bool:
    """Whether nothing is to be rolled out, nor a deployment to be followed: its spec is in sync, or it is paused."""
    return not plan.follow and plan.action in (Action.NONE, Action.ALERTS) and (plan.paused or plan.spec_in_sync)


def _unchanged(app: PlannedApp) -> RolloutRecord:
    """The record of an app for which nothing runs."""
    plan, active = app.plan, app.live.active_deployment if app.live else None
    return RolloutRecord(
        plan.app,
        plan.action,
        Outcome(OutcomeKind.PAUSED, plan.reason) if plan.paused else Outcome(OutcomeKind.UNCHANGED),
        app_id=plan.app_id,
        cost=plan.cost,
        live_url=app.live.live_url if app.live else "",
        deployment_id=active.id if active else "",
        phase=active.phase.value if active else "",
    )


# --- The plan: nothing is changed ---


async def plan(desired: Desired, options: RunOptions, client: Client, clock: Clock) -> Planned:
    """Observe, compare, propose what differs, and plan; nothing is changed.

    A fleet in sync costs only the listing of its apps.

    Raises:
        PlanMismatch: specs name apps that they must not name, or the token is of another account.
        InvalidInput: App Platform refuses a spec, and does not have it so already.
    """
    safety.refuse_unowned(desired, options)
    check_allowed(options.allow)
    check_rotations(options.rotate, desired.apps, desired.known)
    began, now = clock.monotonic(), clock.now()
    planner = _planner(desired, options, client, now)
    removed = pruning(desired, options)
    fleet = {app.name: app for app in await client.list_apps(planner.page_by_page(desired))}
    await safety.check_account(client, options, desired.config, fleet.values())
    desired = as_live(desired, fleet)
    apps = await planner.plans(desired.apps, fleet, desired.known)
    unmanaged_apps = unmanaged(fleet, desired)
    notes: tuple[Finding, ...] = ()
    if removed is not None:
        chosen = removed.chosen(desired, options)
        deletions, notes = removed.judge([fleet[name] for name in unmanaged_apps if chosen.selects(name)], planner)
        apps += deletions
        unmanaged_apps = tuple(sorted({*unmanaged_apps} - {app.plan.app for app in deletions}))
    if desired.alerts and not options.redeploy:
        from reconciler.engine import alerts

        apps = await alerts.planned(apps, desired.alerts, client)
    if options.drift:
        from reconciler.engine.drift import attributed

        apps = attributed(apps, _reader(desired, options), now, desired.environment)
    if desired.environment is not None:
        from reconciler.engine.environments import with_sources

        apps = tuple(with_sources(app, desired.sources) for app in apps)
    plans, renames = warnings.without_repeats([app.plan for app in apps])
    apps = tuple(app.planned(one) for app, one in zip(apps, plans, strict=True))
    everyone = len(fleet.keys() | desired.known)
    apps = safety.guard(apps, options, desired.config, everyone)
    noted = warnings.of_run([app.plan for app in apps], len(fleet), named=desired.config.account is not None)
    if not (options.drift or options.override_freeze):
        noted += warnings.of_freeze(frozen(desired.config.freeze, now))
    report = PlanReport(
        tuple(app.plan for app in apps),
        (*_without_removed(desired.findings, removed), *notes, *renames, *noted),
        requests=client.requests,
        seconds=clock.monotonic() - began,
        unmanaged=unmanaged_apps if options.unmanaged else (),
        waves=tuple(
            (desired.config.rollout or NO_WAVES).sizes(sum(plan.plan.action not in UNTOUCHED for plan in apps))
        ),
    )
    environment = desired.environment.name if desired.environment else ""
    return Planned(apps, report, desired.config, options, everyone, environment)


def _planner(desired: Desired, options: RunOptions, client: Client, now: datetime) -> Planner:
    return Planner(
        client,
        desired.config,
        now,
        options.rotate,
        options.retry,
        fingerprints(desired, options),
        PipelineCommit.of(options.environ),
        options.redeploy,
        options.show_live_values,
        _removals(desired, options, now),
    )


def _without_removed(findings: Sequence[Finding], removed: Removed | None) -> list[Finding]:
    """The findings without those that the configuration still names an app whose spec was removed: it has to (C81)."""
    expected = {no_spec(name) for name in removed.specs} if removed is not None else set()
    return [finding for finding in findings if finding.message not in expected]


def unmanaged(fleet: Mapping[str, LiveApp], desired: Desired) -> tuple[str, ...]:
    """Live apps without a spec, current or former name; they are reported and never touched. Previews are none."""
    moved = (desired.config.former_names(name) for name in desired.known - fleet.keys())
    names = (fleet.keys() - desired.known).difference(*moved)
    return tuple(sorted(name for name in names if proven(fleet[name].spec, desired.known) is None))


def fingerprints(desired: Desired, options: RunOptions) -> Fingerprints | None:
    """The fingerprints of secrets, if the policy of any app asks for them.

    Raises:
        UsageError: one does, and the environment has no key.
    """
    wanted = any(desired.config.policy(app.name).secrets == "fingerprint" for app in desired.apps)
    return Fingerprints.of(options.environ) if wanted else None


def pruning(desired: Desired, options: RunOptions) -> Removed | None:
    """The removed specs in Git's history, if they are to be pruned.

    Raises:
        PlanMismatch: they are, and Git's history is incomplete.
        InvalidInput: there is no spec, and never was.
        UsageError: an app that is selected by name neither has a spec nor had one that was removed.
    """
    if not options.prune:
        return None
    from reconciler.engine.changed import named
    from reconciler.engine.prune import Removed, check_emptied

    since = named(options.changed_since, options.environ)
    removed = Removed.read(options.specs, desired.known, _reading(desired, options), since)
    check_emptied(desired.findings, removed)
    check_selection(removed.chosen(desired, options), desired.known.union(removed.specs))
    return removed


def _reading(desired: Desired, options: RunOptions) -> Reading:
    from reconciler.engine.prune import Reading

    read, own = _reader(desired, options), desired.environment
    return Reading(read, own.own.base_name) if own else Reading(read)


def _removals(desired: Desired, options: RunOptions, now: datetime) -> Callable[[str], str]:
    """See `prune.removals`; Git is only looked at if something asks."""

    @cache
    def removed() -> Callable[[str], str]:
        from reconciler.engine.prune import removals

        return removals(options.specs, desired.known, _reading(desired, options), now)

    def shown(name: str) -> str:
        return removed()(name)

    return shown


def _reader(desired: Desired, options: RunOptions) -> Callable[[str, str], Named]:
    if desired.environment is not None:
        from reconciler.desired.environments import reader_in

        return reader_in(desired.environment, desired.config, options.environ, options.variables)
    from reconciler.desired.reading import reader

    return reader(desired.config, options.environ, options.variables)
