"""Rollouts as JSON for programs, see `json_documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from reconciler.redaction import without_query
from reconciler.rollout.model import OutcomeKind, RolloutReport
from reconciler.views.json_documents import ActionWord, CostData, Data, Number, Text, at, counted, schema_of
from reconciler.views.lines import json_text


class PhaseData(Data):
    """A phase of a deployment; seconds since the rollout began."""

    phase: Text
    began: Number
    ended: Number


class DeploymentData(Data):
    """A deployment that belongs to a rollout. role: deploy, followed, rollback, restore, platform, serving."""

    id: Text
    role: Text
    phases: list[PhaseData]


class DecisionData(Data):
    """A step that was taken, and why; at is in seconds since the rollout began."""

    at: Number
    step: Text
    what: Text
    reason: Text


class FailureData(Data):
    """What failed, with the last lines of its log."""

    component: Text
    step: Text
    code: Text
    message: Text
    log_lines: list[Text]
    links: list[Annotated[Text, BeforeValidator(without_query)]]


class LogData(Data):
    """The last lines of a log of a deployment. kind: BUILD, DEPLOY."""

    deployment_id: Text
    kind: Text
    lines: list[Text]


class AppRolloutData(Data):
    """One app's rollout. commands: what a person can run next. wave: from 1, 0 without waves.

    good: the app matches Git. pinned: this rollout may have left the app pinned to a rollback.
    deployment_id, phase: of the deployment that the rollout ended on, or that serves an app in sync. console_url: its
    page in the control panel. logs: of every deployment, if asked for.
    """

    app: Text
    app_id: Text
    action: ActionWord
    outcome: OutcomeKind = at("outcome", "kind")
    good: bool = at("outcome", "kind", "good")
    pinned: bool = at("outcome", "pinned")
    reason: Text = at("outcome", "reason")
    commands: list[Text] = at("outcome", "commands")
    failure: FailureData | None
    deployments: list[DeploymentData]
    decisions: list[DecisionData]
    warnings: list[Text]
    cost: CostData
    live_url: Text
    wave: int
    deployment_id: Text
    phase: Text
    console_url: Text
    logs: list[LogData]
    requests: int
    seconds: Number


class RolloutDocument(Data):
    """The result of a run. outcomes counts apps by outcome; left_running names deployments still running.

    warnings: messages that were not sent.
    """

    version: Literal[1]
    kind: Literal["rollout"]
    outcomes: dict[OutcomeKind, int]
    apps: list[AppRolloutData]
    left_running: list[Text]
    warnings: list[Text]
    requests: int
    seconds: Number


def rollout(report: RolloutReport) -> str:
    """The JSON of a `RolloutDocument`."""
    return json_text(
        RolloutDocument(
            version=1,
            kind="rollout",
            outcomes=counted(OutcomeKind, [record.outcome.kind for record in report.records]),
            apps=report.records,
            left_running=report.left_running,
            warnings=report.warnings,
            requests=report.requests,
            seconds=report.seconds,
        )
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a `RolloutDocument`."""
    return schema_of("rollout", RolloutDocument)
