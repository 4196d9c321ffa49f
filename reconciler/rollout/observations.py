"""What performing the steps of one app's rollout needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from reconciler.live.models import Deployment, LiveApp, Phase
from reconciler.plan.platform import own_rollbacks
from reconciler.rollout.poller import Poller
from reconciler.rollout.ports import Platform, RolloutJob, Specs
from reconciler.rollout.recorder import Recorder
from reconciler.rollout.state import ActiveState, Pin, RolloutState


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
    ``specs`` what each deployment carries, ``restores`` which earlier one it restores, if any; ``active_before`` what
    was active when we began; ``base`` the app's spec as it was when going back began; ``probe_before`` what was wrong
    with the probe's answer on the version before: empty for nothing, None where it was not asked. ``asked`` are the
    specs that deployments of ours must carry; ``failed`` the one that failed; ``owns`` rollbacks that the platform is
    proven to have made by itself; ``awaited`` one of them that is waited for; ``running_at`` when each deployment was
    last seen in progress, in seconds.
    """

    app_id: str = ""
    app: LiveApp | None = None
    live_url: str = ""
    known: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    born: dict[str, Any] = field(default_factory=dict)
    restores: dict[str, str] = field(default_factory=dict)
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
        if deployment.cloned_from:
            self.restores[deployment.id] = deployment.cloned_from
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


# --- What the app shows once it was read again ---


def moved_meanwhile(before: LiveApp, app: LiveApp, context: RolloutContext) -> bool:
    """Whether anything but the platform's own rollback, which was waited for, changed the app since it was read."""
    seen, same = context.seen, context.specs.same
    known = {one.id for one in deployments_of(before)} | {seen.awaited}
    kept = same(app.spec, before.spec) or same(app.spec, seen.specs.get(seen.awaited, {}))
    return not kept or any(one.id not in known for one in deployments_of(app))


def is_kept(app: LiveApp, context: RolloutContext) -> bool:
    """Whether the app's spec is that of what is active, so that the next push deploys the same."""
    active = app.active_deployment
    return active is not None and context.specs.same(app.spec, active.spec or context.seen.specs.get(active.id, {}))


def standing(deployment_id: str, state: RolloutState, app: LiveApp, context: RolloutContext) -> ActiveState:
    """What the app shows of a deployment that is to serve."""
    seen, active, running = context.seen, app.active_deployment, app.running_deployment
    if seen.pin_of(app) is Pin.OTHER:
        return ActiveState.PINNED
    if active is None:
        return ActiveState.BEFORE
    if active.id != deployment_id:
        before = active.id in seen.known or seen.is_older(active.id, deployment_id)
        return ActiveState.BEFORE if before else ActiveState.OTHER
    if running is not None and not context.specs.same(running.spec, active.spec):
        return ActiveState.OTHER
    if active.phase not in (Phase.ACTIVE, Phase.UNKNOWN):
        return ActiveState.FAILED
    return ActiveState.DIVERGED if _diverges(active, state, app, context) else ActiveState.OURS


def _diverges(active: Deployment, state: RolloutState, app: LiveApp, context: RolloutContext) -> bool:
    """Whether another spec is stored or serves than was asked for; of a rollback, only what serves counts.

    A rollback of the platform's, or of an earlier run's, is to serve what the deployment carried that it restores.
    """
    seen, specs = context.seen, context.specs
    spec = active.spec or seen.specs.get(active.id, {})
    if state.back is not None:
        asked = seen.asked.get(active.id) or seen.specs.get(seen.restores.get(active.id, ""))
        return bool(spec and asked) and not specs.same(spec, asked or {})
    paths = dict.fromkeys([*specs.diverging(app.spec), *(specs.diverging(spec) if spec else ())])
    for path in paths:
        context.recorder.warn(f"{path} is not as it was sent")
    return bool(paths)
