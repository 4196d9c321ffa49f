"""What the steps of one app's rollout need and observe: deployments, pins, health, and the user's probe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import has_address, is_offline
from reconciler.errors import LiveError
from reconciler.live.models import Deployment, LiveApp
from reconciler.patterns import matches
from reconciler.plan.platform import own_rollbacks
from reconciler.rollout.health import Grade, Sample, components_with_health, grade_components
from reconciler.rollout.model import TRIES, Rules
from reconciler.rollout.ports import Platform, RolloutJob, Specs
from reconciler.rollout.recorder import Recorder
from reconciler.rollout.state import Pin, ProbeSeen
from reconciler.rollout.watch import Poller

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.config import Policy
    from reconciler.config_sections import Probe


@dataclass(slots=True)
class RolloutContext:
    """The doors a rollout may use, and what it has seen through them. ``now`` is in seconds and never goes back.

    ``adopted_at`` is when the deployment began to be followed, ``read_at`` when its health was last asked for.
    """

    job: RolloutJob
    client: Platform
    poller: Poller
    specs: Specs
    recorder: Recorder
    seen: Observations
    now: Callable[[], float]
    adopted_at: float = 0.0
    read_at: float = 0.0


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
    last seen in progress, in seconds. ``listed_at`` is when the listing was requested that showed the app right before
    our write, in seconds; None where it was read by its id, as it must be once that was too long ago (``by_id``).
    """

    app_id: str = ""
    app: LiveApp | None = None
    live_url: str = ""
    known: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    specs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    restores: dict[str, str] = field(default_factory=dict)
    born: dict[str, Any] = field(default_factory=dict)
    active_before: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)
    probe_before: str | None = None
    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: str = ""
    owns: set[str] = field(default_factory=set)
    awaited: str = ""
    running_at: dict[str, float] = field(default_factory=dict)
    listed_at: float | None = None
    by_id: bool = False

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
    """The deployments that an app's own answer names, newest first."""
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


# --- Health, and the user's probe: where it applies, what its answer says, whether the earlier version failed it ---


def applies(probe: Probe | None, spec: Mapping[str, Any]) -> bool:
    """Whether a version is probed: not one without a live URL, nor one that is meant to be offline (C58)."""
    return probe is not None and has_address(spec) and not is_offline(spec)


def probe_problem(probe: Probe, *, status: int, body: str, error: str = "") -> str:
    """What is wrong with a probe's answer; empty when nothing is. ``error`` says why there was no answer."""
    if error:
        return f"{probe.method} {probe.path}: {error}"
    accepted = [probe.status] if isinstance(probe.status, int) else probe.status
    if status not in accepted:
        return f"{probe.method} {probe.path} answered {status}, not {' or '.join(map(str, accepted))}"
    if probe.method != "HEAD" and probe.body and not matches(probe.body, body):
        return f"{probe.method} {probe.path}: the body does not match {probe.body!r}"
    return ""


async def send(client: Platform, probe: Probe, live_url: str) -> ProbeSeen:
    """One probe of an app at its live URL."""
    if not live_url:
        return ProbeSeen(f"{probe.method} {probe.path} could not be sent: the app has no live URL", counts=False)
    url = live_url.rstrip("/") + "/" + probe.path.lstrip("/")
    answer = await client.probe(
        url, method=probe.method, headers=probe.headers, timeout=probe.timeout, verify_tls=probe.verify_tls
    )
    if not answer.sent:
        return ProbeSeen(f"{probe.method} {probe.path} could not be sent: {answer.error}", counts=False)
    return ProbeSeen(probe_problem(probe, status=answer.status or 0, body=answer.body, error=answer.error))


async def ask(context: RolloutContext) -> ProbeSeen:
    """What the probe says of the version that is active now."""
    probe, seen = context.job.policy.health.probe, context.seen
    if probe is None:
        return ProbeSeen()
    if not seen.live_url:
        try:
            seen.saw_app(await context.client.get_app(seen.app_id))
        except LiveError as problem:
            return ProbeSeen(f"the app's address could not be read: {problem.message}", counts=False)
    found = await send(context.client, probe, seen.live_url)
    if found.problem and found.counts and seen.probe_before:
        return ProbeSeen(f"{found.problem}; the probe failed on the previous version as well", counts=False)
    return found


async def ask_before(context: RolloutContext, clock: Clock, *, unless: str = "") -> None:
    """Probe the version that serves before ours does, once a rollout: unless it is the deployment to be judged.

    Neither is it probed where ours will not be.

    Raises:
        LiveError: the app could not be read.
    """
    probe, seen, desired = context.job.policy.health.probe, context.seen, context.job.desired
    if probe is None or seen.probe_before is not None or (desired and not applies(probe, desired.spec)):
        return
    app = await context.client.get_app(seen.app_id)
    active = app.active_deployment
    if active is None or active.id == unless or not applies(probe, active.spec):
        return
    for number in range(TRIES):
        await clock.sleep(probe.every if number else 0.0)
        seen.probe_before = (await send(context.client, probe, app.live_url)).problem
        if not seen.probe_before:
            return
    why = f"the probe fails on the previous version, so it is no reason to roll back: {seen.probe_before}"
    context.recorder.warn(why)


async def read_health(client: Platform, live: LiveApp, deployment: Deployment, policy: Policy) -> Sample:
    """One reading of the health of an app's active deployment, by its policy: the worse of components and probe."""
    found = Sample(Grade.GOOD)
    components = components_with_health(deployment.spec)
    if components and policy.health.components:
        try:
            found = grade_components(await client.health(live.id), components, Rules.of(policy))
        except LiveError as problem:
            found = Sample(Grade.UNKNOWN, problem.message)
    probe = policy.health.probe
    if probe is None or found.grade is not Grade.GOOD or not applies(probe, deployment.spec):
        return found
    answer = await send(client, probe, live.live_url)
    if not answer.problem:
        return found
    return Sample(Grade.SHORT if answer.counts else Grade.UNKNOWN, answer.problem)
