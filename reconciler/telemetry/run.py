"""The observer that publishes: log lines as things happen, metrics and a trace of the whole run at its end."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ReconcileError
from reconciler.telemetry.facts import ErrorFacts, PlanFacts, RolloutFacts, RunFacts
from reconciler.telemetry.observer import Observer

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.plan.model import PlanReport
    from reconciler.redaction import Redactor
    from reconciler.rollout.model import Event, RolloutReport
    from reconciler.telemetry.log import EventLog

Consumer = Callable[[RunFacts], None]
"""Writes or sends what is known of a run when it ended.

Raises:
    OSError, ReconcileError: it cannot.
"""


class RunObserver(Observer):
    """Publishes a run. ``redactor`` returns what hides the secrets known so far.

    ``consumers`` are called when it ended, by the name of what they write; what one could not do is a warning, said
    with ``warn`` or in the log, and changes nothing else.
    """

    def __init__(
        self, command: str, clock: Clock, redactor: Callable[[], Redactor], warn: Callable[[str], None]
    ) -> None:
        self.command = command
        self.id = os.urandom(8).hex()
        self.log: EventLog | None = None
        self.consumers: dict[str, Consumer] = {}
        self._clock, self._redactor, self._warn = clock, redactor, warn
        self._began, self._at = clock.now(), clock.monotonic()
        self._environment = self._first_environment = ""
        self._plans: list[PlanFacts] = []
        self._rollouts: list[RolloutFacts] = []
        self._ends: dict[str, datetime] = {}
        self._error: ErrorFacts | None = None
        self._requests = 0
        self._left: int | None = None

    @property
    def logs(self) -> bool:
        """See `Observer`."""
        return self.log is not None

    def now(self) -> datetime:
        """The time, measured from the beginning of the run: it does not jump when the machine's clock is set."""
        return self._began + timedelta(seconds=self._clock.monotonic() - self._at)

    def log_to(self, write: Callable[[str], None]) -> None:
        """Log every event from now on, a line each."""
        from reconciler.telemetry.log import EventLog

        self.log = EventLog(write, self.id, self.command, self.now)

    def within(self, environment: str) -> None:
        """See `Observer`."""
        self._environment = environment
        self._first_environment = self._first_environment or environment
        if self.log:
            self.log.environment = environment

    def planned(self, report: PlanReport, *, drift: bool, whole: bool) -> None:
        """See `Observer`."""
        report = self._redactor().within(report)
        self._plans.append(PlanFacts(self._environment, report, self.now(), drift, whole))
        if self.log:
            self.log.planned(report, drift=drift)

    def happened(self, event: Event) -> None:
        """See `Observer`."""
        if event.outcome:
            self._ends[event.app] = self.now()
        if self.log:
            self.log.happened(self._redactor().within(event))

    def rolled_out(self, report: RolloutReport) -> None:
        """See `Observer`."""
        report = self._redactor().within(report)
        self._rollouts.append(RolloutFacts(self._environment, report, dict(self._ends)))

    def sent(self, requests: int, left: int) -> None:
        """See `Observer`."""
        self._requests += requests
        self._left = left

    def waiting(self, seconds: float, why: str) -> None:
        """See `Observer`."""
        if self.log:
            self.log.waiting(seconds, self._redactor()(why))

    def said(self, text: str) -> None:
        """See `Observer`; how a line for people begins is its level in the log."""
        if self.log:
            said = text.removeprefix("warning: ")
            self.log.said(said, "info" if said == text else "warning")

    def failed(self, error: ReconcileError) -> None:
        """See `Observer`."""
        self._error = ErrorFacts(error.type, error.message)
        if self.log:
            self.log.failed(error)

    def finished(self, exit_code: int) -> None:
        """See `Observer`."""
        facts = self.facts(exit_code)
        for what, consume in self.consumers.items():
            try:
                consume(facts)
            except OSError as error:
                self._warning(f"no {what}: {error.strerror or error}")
            except ReconcileError as error:
                self._warning(f"no {what}: {'; '.join(filter(None, (error.message, error.hint)))}")
            except KeyboardInterrupt:  # pressed by who does not want to wait for it
                self._warning(f"no {what}: interrupted")
            except Exception as error:  # noqa: BLE001  whatever it is, the run ended as it did
                self._warning(f"no {what}: internal error: {type(error).__name__}")
        if self.log:
            self.log.finished(facts)

    def facts(self, exit_code: int) -> RunFacts:
        """What is known of the run, which ends now."""
        return RunFacts(
            self.id,
            self.command,
            self._first_environment,
            self._began,
            self.now(),
            exit_code,
            self._error,
            tuple(self._plans),
            tuple(self._rollouts),
            self._requests,
            self._left,
        )

    def _warning(self, text: str) -> None:
        text = self._redactor()(text)
        if self.log:
            self.log.said(text, "warning")
        else:
            self._warn(text)
