"""The interface through which a front end reports a run to machines, and what answers it while nothing is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.errors import ReconcileError
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import Event, RolloutReport


class Observer:
    """Receives what happens in a run, and does nothing with it; `run.RunObserver` is the one that does.

    Reports are redacted by the observer. While it ``logs``, nothing else may be printed on standard error.
    """

    @property
    def logs(self) -> bool:
        """Whether it writes a log to standard error."""
        return False

    def within(self, environment: str) -> None:
        """What follows is about this environment; empty without environments."""

    def planned(self, report: PlanReport, *, drift: bool, whole: bool) -> None:
        """A plan was made; ``whole``: of every app of the specs, none was deselected."""

    def happened(self, event: Event) -> None:
        """Something happened to an app."""

    def rolled_out(self, report: RolloutReport) -> None:
        """The rollouts ended."""

    def sent(self, requests: int, left: int) -> None:
        """A connection was closed that sent so many requests; the token's hour still allows ``left``."""

    def waiting(self, seconds: float, why: str) -> None:
        """Requests wait for the rate limit, or after a failure."""

    def said(self, text: str) -> None:
        """The front end has a line for people; it is redacted already."""

    def failed(self, error: ReconcileError) -> None:
        """An error ended the run."""

    def finished(self, exit_code: int) -> None:
        """The run ended: write what is written at its end. What cannot be written is a warning."""


_observers = [Observer()]


def observer() -> Observer:
    """What hears of the run of this process."""
    return _observers[-1]


def observe(observing: Observer) -> None:
    """Report the run to this observer from now on."""
    _observers[:] = [observing]


def traced(environ: Mapping[str, str]) -> bool:
    """Whether a trace is asked for, by OpenTelemetry's own variables: an endpoint is set and nothing turns it off."""
    ends = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    exporters = (environ.get("OTEL_TRACES_EXPORTER") or "otlp").replace(" ", "").split(",")
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or "otlp" not in exporters
    return not off and any(environ.get(name) for name in ends)
