"""Who is notified of alerts: declared, read for the plan, and set once a rollout has ended well.

App Platform keeps destinations beside the spec and knows an alert only once it has the spec, so they are set after the
rollout, and only if that ended well. A run that dies in between leaves a difference, which the next plan shows. Nothing
counts as set until App Platform returns it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.desired.alerts import DesiredAlert, secrets_of
from reconciler.errors import AnswerLost, LiveError, RateLimited, ServerFailed, Unauthorized
from reconciler.plan.alerts import (
    FAILED,
    PENDING,
    AlertPlan,
    as_wanted,
    body_of,
    find,
    is_as_new,
    same,
    with_alerts,
)
from reconciler.plan.model import Action, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport, pause

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.engine.planner import PlannedApp
    from reconciler.live.client import Client
    from reconciler.live.models import Alert

SETTLES = 60.0
"""Seconds that an alert may take to appear after a rollout, and to be configured after it was given destinations."""

_AGAIN = ("reconcile",)
"""The command that sets what is missing."""


async def planned(
    apps: Sequence[PlannedApp], wanted: Mapping[str, tuple[DesiredAlert, ...]], client: Client
) -> tuple[PlannedApp, ...]:
    """The apps; the plans of those whose alerts Git describes, with what differs: one request for each that is live.

    Raises:
        Unauthorized, RateLimited: the token is refused, or its rate limit exhausted, for every app.
    """
    return tuple(await asyncio.gather(*(_planned(app, wanted.get(app.plan.app, ()), client) for app in apps)))


async def _planned(app: PlannedApp, wanted: tuple[DesiredAlert, ...], client: Client) -> PlannedApp:
    if not wanted or app.desired is None or app.plan.status is SyncStatus.UNKNOWN:
        return app
    try:
        live = tuple(await client.list_alerts(app.live.id)) if app.live else ()
    except (Unauthorized, RateLimited):
        raise
    except LiveError as error:
        reason = Redactor(app.desired.secrets)(error.message)
        return app.planned(replace(app.plan, status=SyncStatus.UNKNOWN, action=Action.REFUSE, reason=reason, follow=""))
    alerts = AlertPlan(wanted, live)
    return replace(app, plan=with_alerts(app.plan, alerts), alerts=alerts)


async def applied(
    report: RolloutReport,
    apps: Sequence[PlannedApp],
    client: Client,
    clock: Clock,
    on_event: Callable[[Event], None],
    stop: asyncio.Event | None = None,
    *,
    fail_fast: bool = False,
) -> RolloutReport:
    """The report, with the destinations set of every app whose rollout ended well.

    ``report.seconds`` are those since the run began. Nothing is begun once ``stop`` is set, nor with ``fail_fast`` of
    an app without a rollout if another app failed. An app whose destinations could not be set, or not be seen to be,
    has failed, whatever its rollout came to.
    """
    by_name = {app.plan.app: app for app in apps}
    failed = next((one.app for one in report.records if not one.outcome.kind.good), "") if fail_fast else ""
    run = _Run(client, clock, on_event, stop, clock.monotonic() - report.seconds, failed)
    records = [run.record(by_name[record.app], record) for record in report.records]
    return replace(report, records=tuple(await asyncio.gather(*records)), requests=client.requests)


class _Unset(Exception):
    """Why destinations are not, or not certainly, as Git wants them. ``kind``: how that ends the app."""

    def __init__(self, why: str, kind: OutcomeKind = OutcomeKind.FAILED) -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Run:
    client: Client
    clock: Clock
    on_event: Callable[[Event], None]
    stop: asyncio.Event | None
    began: float
    failed_first: str
    """The app after whose failure no other is begun; empty if there is none."""

    async def record(self, app: PlannedApp, record: RolloutRecord) -> RolloutRecord:
        """The record of an app, once its destinations are set; as it is where there is nothing to set."""
        rolled_out = record.outcome.kind is OutcomeKind.APPLIED
        due = app.alerts is not None and not app.plan.paused and (app.plan.alerts or rolled_out)
        if app.alerts is None or not due or not record.outcome.kind.good:
            return record
        if self.failed_first and not rolled_out:
            why = f"{self.failed_first} failed, and this run stops at the first failure"
            self._emit(record.app, why, OutcomeKind.SKIPPED)
            return replace(record, outcome=Outcome(OutcomeKind.SKIPPED, why, _AGAIN))
        try:
            with self.client.meter(record.app):
                done = await self._set(app.plan.app_id or record.app_id, app.alerts, rolled_out=rolled_out)
        except (LiveError, _Unset) as problem:
            return self._failed(app, record, problem)
        requests = self.client.metered(record.app).requests
        if not done:
            return replace(record, requests=requests)
        text = f"alert destinations set: {', '.join(done)}"
        self._emit(record.app, text, None if rolled_out else OutcomeKind.APPLIED)  # of a rollout it was said
        outcome = replace(record.outcome, kind=OutcomeKind.APPLIED, reason=record.outcome.reason or text)
        return replace(record, outcome=outcome, alerts=done, requests=requests)

    def _failed(self, app: PlannedApp, record: RolloutRecord, problem: LiveError | _Unset) -> RolloutRecord:
        done = record.outcome.kind is OutcomeKind.APPLIED
        kind = problem.kind if isinstance(problem, _Unset) else OutcomeKind.FAILED
        kind = OutcomeKind.FAILED if done and kind is OutcomeKind.REFUSED else kind  # then something was changed
        secrets = app.desired.secrets if app.desired else frozenset()
        secrets |= secrets_of(app.alerts.wanted if app.alerts else ())
        why = Redactor(secrets)(problem.message if isinstance(problem, LiveError) else str(problem))
        rest = "the spec was applied, but " if done else ""
        reason = f"{rest}its alert destinations are not as in Git: {why}"
        self._emit(record.app, reason, kind)
        requests = self.client.metered(record.app).requests
        return replace(record, outcome=Outcome(kind, reason, _AGAIN), requests=requests)

    def _emit(self, app: str, text: str, kind: OutcomeKind | None) -> None:
        at = round(self.clock.monotonic() - self.began, 3)
        self.on_event(Event(at, app, text, outcome=kind, kind="outcome" if kind else "decision"))

    async def _set(self, app_id: str, plan: AlertPlan, *, rolled_out: bool) -> tuple[str, ...]:
        """Set what differs, and read it back; returns the alerts that were set.

        Raises:
            LiveError: App Platform could not be asked, or refused the destinations.
            _Unset: they changed since the plan, or are not as sent within `SETTLES` seconds.
        """
        alerts = await self._read(app_id, plan.wanted, _missing)
        found = {wanted: alert for wanted in plan.wanted if (alert := find(alerts, wanted)) is not None}
        due = {one: alert for one, alert in found.items() if alert.phase == FAILED or not as_wanted(one, alert)}
        for wanted, alert in due.items():
            if _changed(wanted, alert, plan, rolled_out=rolled_out):
                raise _Unset(f"those of {wanted.key} changed since the plan; plan again", OutcomeKind.REFUSED)
        for wanted, alert in due.items():
            await self._assign(app_id, alert.id, wanted)
        if due:
            await self._read(app_id, tuple(due), _unsettled)
        return tuple(wanted.key for wanted in due)

    async def _assign(self, app_id: str, alert_id: str, wanted: DesiredAlert) -> None:
        """Send the destinations of an alert; if the answer is lost, reading them back decides."""
        try:
            await self.client.assign_alert_destinations(app_id, alert_id, body_of(wanted))
        except (AnswerLost, ServerFailed):
            return

    async def _read(
        self, app_id: str, wanted: Collection[DesiredAlert], problem: Callable[[Sequence[Alert], DesiredAlert], str]
    ) -> Sequence[Alert]:
        """The alerts of an app, read until nothing of what is wanted is missing.

        Raises:
            LiveError: App Platform could not be asked.
            _Unset: something is, after `SETTLES` seconds, or the run was stopped.
        """
        until, tries = 0.0, 0
        while True:
            if self.stop is not None and self.stop.is_set():
                raise _Unset("the run was stopped before that was certain", OutcomeKind.INTERRUPTED)
            alerts = await self.client.list_alerts(app_id)
            problems = [text for one in wanted if (text := problem(alerts, one))]
            if not problems:
                return alerts
            # Since the first answer: before it, in a large fleet, the request waited for the rate limit.
            until = until or self.clock.monotonic() + SETTLES
            if self.clock.monotonic() >= until:
                raise _Unset("; ".join(problems))
            await self.clock.sleep(pause(tries := tries + 1))


def _missing(alerts: Sequence[Alert], wanted: DesiredAlert) -> str:
    return "" if find(alerts, wanted) else f"App Platform does not list the alert {wanted.key}"


def _unsettled(alerts: Sequence[Alert], wanted: DesiredAlert) -> str:
    """Why an alert does not count as set; empty if it does. A phase that is left out, or unknown, is no reason."""
    alert = find(alerts, wanted)
    if alert is None or not as_wanted(wanted, alert):
        return f"App Platform does not return those of {wanted.key} as they were sent"
    if alert.phase == FAILED:
        return f"App Platform could not configure the alert {wanted.key}: {alert.trouble}".removesuffix(": ")
    return f"the alert {wanted.key} is still {alert.phase}" if alert.phase in PENDING else ""


def _changed(wanted: DesiredAlert, alert: Alert, plan: AlertPlan, *, rolled_out: bool) -> bool:
    """Whether a person changed the destinations since the plan. A rollout may have made them those of a new alert."""
    before = find(plan.live, wanted)
    return before is not None and not same(before, alert) and not (rolled_out and is_as_new(alert))
