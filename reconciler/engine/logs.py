"""Build and deploy logs for the report of a run, as far as they are asked for; read after the rollouts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import LiveError
from reconciler.redaction import Redactor
from reconciler.rollout.model import DeploymentLog, RolloutRecord, RolloutReport

if TYPE_CHECKING:
    from reconciler.appspec.kinds import LogType
    from reconciler.engine.load import Logs
    from reconciler.engine.planner import PlannedApp
    from reconciler.live.client import Client

LINES = 500
"""Lines of each log that are kept, its last ones."""

_KINDS: tuple[LogType, ...] = ("BUILD", "DEPLOY")


def secrets_of(apps: Sequence[PlannedApp]) -> dict[str, frozenset[str]]:
    """The secret values of each app, which its logs may hold."""
    return {
        app.plan.app: app.policy.secret_values | (app.desired.secrets if app.desired else frozenset()) for app in apps
    }


async def with_logs(
    report: RolloutReport, client: Client, wanted: Logs, secrets: Mapping[str, frozenset[str]]
) -> RolloutReport:
    """The report with the logs of every deployment that it made or followed, or without any, failures included.

    A log that cannot be read is left out: it changes nothing about how the rollout ended.
    """
    if wanted == "failed":
        return report
    if wanted == "none":
        return replace(report, records=tuple(map(_without, report.records)))
    jobs = (_with(record, client, Redactor(secrets.get(record.app, ()))) for record in report.records)
    return replace(report, records=tuple(await asyncio.gather(*jobs)), requests=client.requests)


def _without(record: RolloutRecord) -> RolloutRecord:
    failure = record.failure
    return replace(record, failure=replace(failure, log_lines=())) if failure else record


async def _with(record: RolloutRecord, client: Client, redact: Redactor) -> RolloutRecord:
    found = [
        # as one text: a secret may have several lines
        DeploymentLog(made.id, kind, tuple(redact("\n".join(lines)).split("\n")))
        for made in record.deployments
        for kind in _KINDS
        if (lines := await _lines(client, record.app_id, made.id, kind))
    ]
    return replace(record, logs=tuple(found))


async def _lines(client: Client, app_id: str, deployment_id: str, kind: LogType) -> list[str]:
    try:
        return await client.log_tail(await client.logs(app_id, deployment_id, "", type=kind, tail_lines=LINES), LINES)
    except LiveError:  # that phase was never reached, or its log is gone
        return []
