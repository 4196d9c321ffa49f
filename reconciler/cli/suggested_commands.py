"""Adds this run's connection flags to suggested commands: after a rehearsal, never the real account. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.cli.options import API_URL, SANDBOX_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cli.options import Connection
    from reconciler.findings import Finding
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutRecord, RolloutReport

_IN_TEXT = re.compile(r"\breconcile (?:status|rollback) [a-z][a-z0-9-]*[a-z0-9](?: --(?:commit|revert|pin))?")
"""A command about an app, as quoted in sentences."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Adds the ``flags`` of a connection to suggestions; unchanged if there are none."""

    flags: str = ""

    @classmethod
    def of(cls, connection: Connection) -> Suggestions:
        """The suggestions for a connection."""
        flags: list[str] = []
        if connection.sandbox:
            flags = ["--sandbox"]
            if connection.sandbox_file != SANDBOX_FILE:
                flags += ["--sandbox-file", str(connection.sandbox_file)]
        elif connection.api_url != API_URL:
            flags = ["--api-url", connection.api_url]
        return cls(shlex.join(flags))

    def command(self, text: str) -> str:
        """A command; a lone flag, such as ``--retry``, is unchanged."""
        return f"{text} {self.flags}" if self.flags and f"{text} ".startswith("reconcile ") else text

    def sentence(self, text: str) -> str:
        """A text with commands in it."""
        return _IN_TEXT.sub(lambda found: self.command(found[0]), text) if self.flags else text

    def plan(self, report: PlanReport) -> PlanReport:
        """A report of plans."""
        if not self.flags:
            return report
        return replace(
            report, plans=tuple(map(self._plan, report.plans)), findings=tuple(self._findings(report.findings))
        )

    def rollout(self, report: RolloutReport) -> RolloutReport:
        """A report of rollouts."""
        return replace(report, records=tuple(map(self._record, report.records))) if self.flags else report

    def _plan(self, plan: Plan) -> Plan:
        return replace(
            plan,
            reason=self.sentence(plan.reason),
            override=self.command(plan.override),
            findings=tuple(self._findings(plan.findings)),
        )

    def _record(self, record: RolloutRecord) -> RolloutRecord:
        outcome = record.outcome
        outcome = replace(
            outcome, reason=self.sentence(outcome.reason), commands=tuple(map(self.command, outcome.commands))
        )
        return replace(record, outcome=outcome, warnings=tuple(map(self.sentence, record.warnings)))

    def _findings(self, found: Iterable[Finding]) -> Iterable[Finding]:
        return (replace(one, message=self.sentence(one.message), hint=self.sentence(one.hint)) for one in found)
