"""Logs of deployments, as far as they are asked for: read after the rollouts, without secrets, never an error."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reconciler.engine.logs import with_logs
from reconciler.errors import Rejected
from reconciler.live.models import LogLinks
from reconciler.rollout.model import RolloutReport
from tests.views.samples import NEW, OLD, ROLLED_BACK, UNCHANGED

REPORT = RolloutReport((UNCHANGED, ROLLED_BACK), requests=3)


class Logged:
    """An account whose first deployment has both logs, and whose second was never built."""

    requests = 7

    async def logs(self, app_id: str, deployment_id: str, component: str, *, type: str, tail_lines: int):  # noqa: A002  as the client
        if (deployment_id, type) == (OLD, "BUILD"):
            raise Rejected("never reached", method="GET", path="logs", status=400)
        return LogLinks(historic_urls=(f"{type} of {deployment_id}",))

    async def log_tail(self, links: LogLinks, lines: int) -> list[str]:
        return [links.historic_urls[0], "the key is", "Zq8vT3mW5xY1kL7p", "Rn4jH6bV2cS9dF0g"]


def read(wanted, secrets=()):
    return asyncio.run(with_logs(REPORT, Logged(), wanted, {"api": frozenset(secrets)}))


def test_by_default_nothing_more_is_read():
    assert read("failed") is REPORT


def test_without_logs_a_failure_keeps_its_reason_and_loses_its_lines():
    api = read("none").records[1]
    assert ROLLED_BACK.failure is not None
    assert api.failure == replace(ROLLED_BACK.failure, log_lines=())


def test_all_logs_are_those_of_every_deployment_that_has_them():
    report = read("all")
    assert [(log.deployment_id, log.kind) for log in report.records[1].logs] == [
        (NEW, "BUILD"),
        (NEW, "DEPLOY"),
        (OLD, "DEPLOY"),
    ]
    assert report.records[0].logs == ()
    assert report.requests == 7


@pytest.mark.parametrize("secret", ["Zq8vT3mW5xY1kL7p", "Zq8vT3mW5xY1kL7p\nRn4jH6bV2cS9dF0g"])
def test_a_log_shows_no_secret_whether_it_has_one_line_or_several(secret):
    text = "\n".join(line for log in read("all", [secret]).records[1].logs for line in log.lines)
    assert "the key is" in text
    assert "Zq8vT3mW5xY1kL7p" not in text
