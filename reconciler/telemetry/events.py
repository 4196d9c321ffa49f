"""The lines of `--log-format json`: one JSON object for each event, described by the schema `event`.

Within a version, keys and events are only added. Every key of an event is always present. ``run``, ``command``,
``environment`` and ``app`` are the same words everywhere, so that a log can be searched by each.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from reconciler.exit_codes import Exit
from reconciler.findings import Severity
from reconciler.plan.model import Action, PlanReport, SyncStatus
from reconciler.rollout.model import EventKind, OutcomeKind
from reconciler.telemetry.facts import RunFacts
from reconciler.views.json_documents import ActionWord, CostData, Data, ErrorData, FindingData, Number, Text, counted
from reconciler.views.lines import json_text

Level = Literal["info", "warning", "error"]

LEVELS: dict[Severity, Level] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "info"}

NO_ERROR = (Exit.OK, Exit.DIFFERENCES)
"""Exit codes of runs that did what they were to do."""


class EventData(Data):
    """What every event has. time: RFC 3339, UTC. run: the same in all events of a run. message: a sentence for people.

    environment, app: empty where it is about none.
    """

    version: Literal[1] = 1
    time: Text
    run: Text
    command: Text
    environment: Text = ""
    app: Text = ""
    level: Level = "info"
    message: Text = ""


class RunStarted(EventData):
    """A run began. tool_version: that of reconcile."""

    event: Literal["run.started"] = "run.started"
    tool_version: Text


class PlanMade(EventData):
    """A plan was made, of one environment.

    actions, statuses: counts of apps. findings: counts by severity. unmanaged: live apps without a spec, if asked for.
    """

    event: Literal["plan.made"] = "plan.made"
    kind: Literal["plan", "drift"]
    apps: int
    actions: dict[ActionWord, int]
    statuses: dict[SyncStatus, int]
    findings: dict[Severity, int]
    unmanaged: int
    requests: int
    seconds: Number


class AppPlanned(EventData):
    """The plan of an app that is not in sync; message: why. changes: how many values differ."""

    event: Literal["app.planned"] = "app.planned"
    app_id: Text
    status: SyncStatus
    action: ActionWord
    changes: int
    cost: CostData


class FindingMade(EventData):
    """A problem or remark about the specs, the configuration or the plan."""

    event: Literal["finding"] = "finding"
    finding: FindingData


class RolloutEvent(EventData):
    """Something happened to an app. at: seconds since the rollouts began.

    rollout.decision: the policy chose a step. rollout.phase: the deployment has a new phase. rollout.progress: it
    advanced within one, or is still awaited. rollout.warning: something worth knowing that stops nothing.
    done, total: the steps of the deployment; 0 if unknown.
    """

    event: Literal["rollout.decision", "rollout.phase", "rollout.progress", "rollout.warning"]
    at: Number
    phase: Text
    done: int
    total: int


class RolloutOutcome(EventData):
    """The rollout of an app ended. good: the app matches Git.

    A second one follows if its alert destinations could not be set afterwards; the last one counts.
    """

    event: Literal["rollout.outcome"] = "rollout.outcome"
    at: Number
    phase: Text
    outcome: OutcomeKind
    good: bool


class Waiting(EventData):
    """Requests wait: for the rate limit, or after a failure."""

    event: Literal["requests.waiting"] = "requests.waiting"
    seconds: Number


class Said(EventData):
    """Anything else that is said about the run: message has it; its level is warning if something could not be done."""

    event: Literal["message"] = "message"


class Failed(EventData):
    """An error ended the run, with the problems of an invalid input."""

    event: Literal["error"] = "error"
    error: ErrorData


class RunFinished(EventData):
    """The run ended; the last event. outcomes: apps by outcome, all 0 where nothing was rolled out.

    budget_remaining: requests that the token's hour still allowed; null if there was no connection. left_running: apps
    whose deployments are still running on App Platform.
    """

    event: Literal["run.finished"] = "run.finished"
    exit_code: int
    seconds: Number
    requests: int
    budget_remaining: int | None
    outcomes: dict[OutcomeKind, int]
    left_running: list[Text]


AnyEvent = (
    RunStarted
    | PlanMade
    | AppPlanned
    | FindingMade
    | RolloutEvent
    | RolloutOutcome
    | Waiting
    | Said
    | Failed
    | RunFinished
)


ROLLOUT: dict[EventKind, Any] = {kind: f"rollout.{kind}" for kind in ("decision", "phase", "progress", "warning")}
"""The event of each kind of `rollout.model.Event`, outcomes aside."""


def line(event: EventData) -> str:
    """An event as one line of ASCII."""
    return json_text(event, indent=None)


def rfc3339(when: datetime) -> str:
    """A time as ``2026-03-01T12:00:00.000Z``; ``when`` is in UTC."""
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z"


def plan_counts(report: PlanReport) -> dict[str, Any]:
    """The fields of `PlanMade` that count."""
    found = [*report.findings, *(finding for plan in report.plans for finding in plan.findings)]
    return {
        "apps": len(report.plans),
        "actions": counted(Action, [plan.action for plan in report.plans]),
        "statuses": counted(SyncStatus, [plan.status for plan in report.plans]),
        "findings": counted(Severity, [finding.severity for finding in found]),
        "unmanaged": len(report.unmanaged),
        "requests": report.requests,
        "seconds": report.seconds,
    }


def run_totals(facts: RunFacts) -> dict[str, Any]:
    """The fields of `RunFinished` that sum up."""
    records = [record for one in facts.rollouts for record in one.report.records]
    return {
        "exit_code": facts.exit_code,
        "seconds": facts.seconds,
        "requests": facts.requests,
        "budget_remaining": facts.left,
        "outcomes": counted(OutcomeKind, [record.outcome.kind for record in records]),
        "left_running": [name for one in facts.rollouts for name in one.report.left_running],
    }


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    union: TypeAdapter[Any] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])
    schema = union.json_schema(mode="serialization")
    about = {"title": "Event", "description": "A line on standard error with --log-format json: one event of a run."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **about, **schema}
