"""One run, for any front end: load → validate → observe → plan → guard → apply → report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from reconciler.engine import safety
from reconciler.engine.load import Desired, load
from reconciler.engine.options import RunOptions
from reconciler.engine.plan import Planned, plan
from reconciler.engine.recheck import recheck_health
from reconciler.errors import InvalidInput, LiveError, UsageError
from reconciler.plan.model import Plan, SyncStatus
from reconciler.rollout.model import Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.rollout.ports import RolloutJob, SpecKnowledge

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractAsyncContextManager

    from reconciler.clock import Clock
    from reconciler.live.client import Client

GOES_ON = (OutcomeKind.TIMED_OUT, OutcomeKind.INTERRUPTED)
"""Outcomes after which a deployment is still running."""


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

    def watch(self, apps: Sequence[str]) -> AbstractContextManager[Watch]:
        """Watch the rollouts of these apps."""


@dataclass(frozen=True)
class Finished:
    """The result of a run: what it found, and what it did if it was to apply. Its repr is short, like `Planned`'s."""

    planned: Planned
    rollout: RolloutReport | None = field(default=None, repr=False)


async def run(options: RunOptions, front: FrontEnd, clock: Clock) -> Finished:
    """Plan, and apply if requested.

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
                return Finished(planned)
            front.planned(planned)
            return Finished(planned, await apply(planned, client, clock, front.watch))
    except (LiveError, UsageError) as error:
        if planned is None and desired.of_specs:  # without live, they are errors
            raise InvalidInput(desired.findings) from error
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
        InvalidInput: apps depend on each other in a circle; nothing was changed.
    """
    began, options = clock.monotonic(), planned.options
    safety.refuse(options, planned.config, clock.now(), [app.plan for app in planned.apps])
    guarded = safety.guard(planned.apps, options, planned.config, planned.fleet)
    with watch([app.plan.app for app in guarded]) as watched:
        apps = await recheck_health(client, guarded, clock.now())
        jobs = [
            RolloutJob(
                app.plan,
                app.desired,
                app.policy,
                planned.config.project,
                app.secrets,
                app.rendered,
                options.force_build,
            )
            for app in apps
            if app.plan.status is not SyncStatus.IN_SYNC
        ]
        report = await _roll_out(jobs, client, clock, watched, options)
    unchanged = [_unchanged(app.plan) for app in apps if app.plan.status is SyncStatus.IN_SYNC]
    records = {record.app: record for record in (*unchanged, *report.records)}
    in_order = tuple(records[app.plan.app] for app in apps)
    return replace(report, records=in_order, seconds=clock.monotonic() - began)


async def roll_back(job: RolloutJob, client: Client, clock: Clock, watched: Watch) -> RolloutReport:
    """Roll one app back, or follow a rollback that was taken back, as a person asks by hand.

    Without the checks of `safety`: a freeze window must not prevent going back to what worked.

    Raises:
        ValueError: the job would do anything else.
    """
    if not (job.roll_back or job.follow):
        raise ValueError(f"{job.plan.app}: only apply, which runs the safety checks, may apply a plan")
    return await _roll_out([job], client, clock, watched, RunOptions(specs=()))


async def _roll_out(
    jobs: Sequence[RolloutJob], client: Client, clock: Clock, watched: Watch, options: RunOptions
) -> RolloutReport:
    from reconciler.rollout import scheduler

    began = clock.monotonic()
    records = await scheduler.roll_out(
        jobs,
        client,
        clock=clock,
        specs=SpecKnowledge,
        on_event=watched.on_event,
        concurrency=options.concurrency,
        fail_fast=options.fail_fast,
        stop=watched.stop,
    )
    left_running = tuple(record.app for record in records if record.outcome.kind in GOES_ON)
    return RolloutReport(tuple(records), client.requests, clock.monotonic() - began, left_running)


def _unchanged(plan: Plan) -> RolloutRecord:
    """The record of an app in sync, for which nothing runs."""
    return RolloutRecord(plan.app, plan.action, Outcome(OutcomeKind.UNCHANGED), app_id=plan.app_id, cost=plan.cost)
