"""What performing the steps of one app's rollout needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.rollout.ports import Job, Platform, Specs
from reconciler.rollout.record import Recorder
from reconciler.rollout.sightings import Sightings
from reconciler.rollout.watch import Poller


@dataclass(slots=True)
class Context:
    """The doors a rollout may use, and what it has seen through them. ``now`` is in seconds and never goes back."""

    job: Job
    client: Platform
    poller: Poller
    specs: Specs
    recorder: Recorder
    seen: Sightings
    now: Callable[[], float]
    adopted_at: float = 0.0
