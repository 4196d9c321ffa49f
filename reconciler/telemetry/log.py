"""The log of a run: from what happens to lines of `events`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.errors import InvalidInput
from reconciler.findings import ranked
from reconciler.plan.model import SyncStatus
from reconciler.telemetry import events
from reconciler.text import count
from reconciler.views.json_documents import ErrorData
from reconciler.views.progress import SILENCE

if TYPE_CHECKING:
    from reconciler.errors import ReconcileError
    from reconciler.findings import Finding
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import Event
    from reconciler.telemetry.facts import RunFacts


class EventLog:
    """Writes events through ``write``, a line each; what it is given is redacted already."""

    def __init__(self, write: Callable[[str], None], run: str, command: str, now: Callable[[], datetime]) -> None:
        self.environment = ""
        self._write, self._now = write, now
        self._run = {"run": run, "command": command}
        self._last = 0.0
        self._publish(events.RunStarted, message=f"reconcile {command}", tool_version=__version__)

    def planned(self, report: PlanReport, *, drift: bool) -> None:
        """A plan, each app that is not in sync, and every finding."""
        text = f"compared {count(len(report.plans), 'app')} with Git"
        self._publish(events.PlanMade, message=text, kind="drift" if drift else "plan", **events.plan_counts(report))
        for finding in report.findings:
            self._found(finding)
        for plan in report.plans:
            if plan.status is not SyncStatus.IN_SYNC:
                given = {"status": plan.status, "action": plan.action, "app_id": plan.app_id, "cost": plan.cost}
                about = {"app": plan.app, "message": plan.reason, "changes": len(plan.differences)}
                self._publish(events.AppPlanned, **about, **given)
            for finding in plan.findings:
                self._found(finding, plan.app)

    def happened(self, event: Event) -> None:
        """An event of a rollout; one that only passes, nothing unless the log was silent for half a minute."""
        if event.passing and event.at - self._last < SILENCE:
            return
        self._last = event.at
        given = {"app": event.app, "message": event.text, "at": event.at, "phase": event.phase}
        if event.outcome:
            good = event.outcome.good
            level = "info" if good else "error"
            self._publish(events.RolloutOutcome, level=level, outcome=event.outcome, good=good, **given)
            return
        level = "warning" if event.kind == "warning" else "info"
        name = events.ROLLOUT[event.kind]
        self._publish(events.RolloutEvent, event=name, level=level, done=event.done, total=event.total, **given)

    def waiting(self, seconds: float, why: str) -> None:
        """Requests wait."""
        self._publish(events.Waiting, message=why, seconds=round(seconds, 3))

    def said(self, text: str, level: events.Level = "info") -> None:
        """A line for people."""
        self._publish(events.Said, level=level, message=text)

    def failed(self, error: ReconcileError) -> None:
        """The error that ended the run."""
        found = ranked(error.findings) if isinstance(error, InvalidInput) else ()
        data = ErrorData(
            type=error.type, message=error.message, hint=error.hint, exit_code=error.exit_code, findings=found
        )
        self._publish(events.Failed, level="error", message=error.message, error=data)

    def finished(self, facts: RunFacts) -> None:
        """The end of the run."""
        self.environment = facts.environment
        level = "error" if facts.exit_code not in events.NO_ERROR else "info"
        text = f"reconcile {facts.command} ended with exit code {facts.exit_code}"
        self._publish(events.RunFinished, level=level, message=text, **events.run_totals(facts))

    def _found(self, finding: Finding, app: str = "") -> None:
        level = events.LEVELS[finding.severity]
        self._publish(events.FindingMade, app=app, level=level, message=finding.message, finding=finding)

    def _publish(self, what: type[events.EventData], /, **given: Any) -> None:
        time = events.rfc3339(self._now())
        self._write(events.line(what(time=time, environment=self.environment, **self._run, **given)))
