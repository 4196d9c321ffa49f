"""What is known of a run when it ended: the input of metrics and traces. Redacted, frozen, with real times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.plan.model import PlanReport
from reconciler.rollout.model import RolloutReport


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """A plan of one environment. ``whole``: of every app of the specs, none was deselected."""

    environment: str
    report: PlanReport
    made: datetime
    drift: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """The rollouts of one environment. ``ended``: when each of those that ran ended, by app."""

    environment: str
    report: RolloutReport
    ended: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """The error that ended a run: ``type`` as in its JSON, such as ``unauthorized``."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run. ``left``: requests that the token's hour still allowed at the end; None if it never connected."""

    id: str
    command: str
    environment: str
    began: datetime
    ended: datetime
    exit_code: int
    error: ErrorFacts | None = None
    plans: tuple[PlanFacts, ...] = ()
    rollouts: tuple[RolloutFacts, ...] = ()
    requests: int = 0
    left: int | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()
