"""What performing the steps of one app's rollout needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from reconciler.live.models import Deployment, LiveApp
from reconciler.plan.platform import own_rollbacks
from reconciler.rollout.poller import Poller
from reconciler.rollout.ports import Platform, RolloutJob, Specs
from reconciler.rollout.recorder import Recorder
from reconciler.rollout.state import Pin


@dataclass(slots=True)
class RolloutContext:
    """The doors a rollout may use, and what it has seen through them. ``now`` is in seconds and never goes back."""

    job: RolloutJob
    client: Platform
    poller: Poller
    specs: Specs
    recorder: Recorder
    seen: Observations
    now: Callable[[], float]
    adopted_at: float = 0.0


# --- What a rollout has seen of its app: which deployments are new, whose pin it is. Pure over what was read ---


@dataclass(slots=True)
class Observations:
    """What was seen so far.

    ``known`` are deployments that were there before our last write; ``made`` those that are ours, or are followed;
    ``specs`` what each deployment carries; ``active_before`` what was active when we began; ``base`` the app's spec
    as it was when going back began; ``probe_before`` what was wrong with the probe's answer on the version before:
    empty for nothing, None where it was not asked. ``asked`` are the specs that deployments of ours must carry;
    ``failed`` the one that failed; ``owns`` rollbacks that the platform is proven to have made by itself; ``awaited``
    one of them that is waited for; ``running_at`` when each deployment was last seen in progress, in seconds.
    """

    app_id: str = ""
    app: LiveApp | None = None
    live_url: str = ""
    known: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    born: dict[str, Any] = field(default_factory=dict)
    active_before: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)
    probe_before: str | None = None
    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: str = ""
    owns: set[str] = field(default_factory=set)
    awaited: str = ""
    running_at: dict[str, float] = field(default_factory=dict)

    def saw_app(self, app: LiveApp) -> None:
        """The app was read."""
        self.app = app
        self.app_id = app.id or self.app_id
        self.live_url = app.live_url or self.live_url
        for deployment in deployments_of(app):
            self.saw(deployment)

    def saw(self, deployment: Deployment) -> None:
        """A deployment was read."""
        if deployment.spec:
            self.specs[deployment.id] = deployment.spec
        if deployment.created_at:
            self.born[deployment.id] = deployment.created_at

    def all_known(self, deployments: Iterable[Deployment]) -> None:
        """What exists before a write cannot be what it made."""
        self.known |= {deployment.id for deployment in deployments}

    def pin_of(self, app: LiveApp) -> Pin:
        """Whose pin the app has."""
        pinned = pinned_id(app)
        if not pinned:
            return Pin.NONE
        if pinned in self.made:
            return Pin.OURS
        return Pin.PLATFORM if pinned in self.owns else Pin.OTHER

    def saw_history(self, app: LiveApp, listed: Sequence[Deployment], since: str) -> list[Deployment]:
        """The deployments of an app, newest first, with those that it shows and its listing does not yet.

        ``since`` is a deployment: what the app alone shows is newer if it was made after that one.
        """
        self.saw_app(app)
        for deployment in listed:
            self.saw(deployment)
        ids = {deployment.id for deployment in listed}
        unlisted = {one.id: one for one in deployments_of(app) if one.id not in ids}
        early = [one for one in unlisted.values() if self.is_older(since, one.id) and one.id not in self.known]
        history = [*early, *listed]
        self.owns |= {own.deployment.id for own in own_rollbacks(history).values() if own.proven}
        return history

    def is_older(self, one: str, other: str) -> bool:
        """Whether a deployment was made before another, as far as the platform said when."""
        first, second = self.born.get(one), self.born.get(other)
        return bool(first and second and first <= second)


def deployments_of(app: LiveApp) -> list[Deployment]:
    """The deployments that an app tells of itself, the newest first."""
    mine = (app.pending_deployment, app.in_progress_deployment, app.pinned_deployment, app.active_deployment)
    return [deployment for deployment in mine if deployment is not None and deployment.id]


def pinned_id(app: LiveApp) -> str:
    """The deployment an app is pinned to; empty when it is not."""
    return app.pinned_deployment.id if app.pinned_deployment else ""


def new_ones(history: Iterable[Deployment], known: set[str]) -> list[Deployment]:
    """The deployments at the head of a history that were made since anything known was."""
    return list(takewhile(lambda deployment: deployment.id not in known, history))


def ours_among(deployments: Iterable[Deployment], seen: Observations, specs: Specs) -> str:
    """The first deployment that was not seen before and that carries our spec; empty when there is none."""
    return next(
        (found.id for found in deployments if found.id not in seen.known | seen.made and specs.carries(found.spec)), ""
    )
