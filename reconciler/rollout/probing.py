"""The user's probe: where it applies, what its answer says, and whether the version before accuses the probe itself.

A probe is evidence of an app only if it reached it. One that could not be sent, or that failed on the version before
as well, says nothing of the version that is judged: it is reported, and nothing is rolled back for it (C57).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import has_address, is_offline
from reconciler.errors import LiveError
from reconciler.patterns import matches
from reconciler.rollout.health import Grade, Sample, components_with_health, grade_components
from reconciler.rollout.limits import PROBE_AT_MOST_EVERY, TRIES, Rules
from reconciler.rollout.state import ProbeSeen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.clock import Clock
    from reconciler.config import Policy, Probe
    from reconciler.live.models import Deployment, LiveApp
    from reconciler.rollout.observations import RolloutContext
    from reconciler.rollout.ports import Platform


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
        return ProbeSeen(f"{probe.method} {probe.path} could not be sent: the app has no live URL", tells=False)
    url = live_url.rstrip("/") + "/" + probe.path.lstrip("/")
    answer = await client.probe(
        url, method=probe.method, headers=probe.headers, timeout=probe.timeout, verify_tls=probe.verify_tls
    )
    if not answer.sent:
        return ProbeSeen(f"{probe.method} {probe.path} could not be sent: {answer.error}", tells=False)
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
            return ProbeSeen(f"the app's address could not be read: {problem.message}", tells=False)
    found = await send(context.client, probe, seen.live_url)
    if found.problem and found.tells and seen.probe_before:
        return ProbeSeen(f"{found.problem}; the probe failed on the version before as well", tells=False)
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
        await clock.sleep(max(PROBE_AT_MOST_EVERY, probe.interval) if number else 0.0)
        seen.probe_before = (await send(context.client, probe, app.live_url)).problem
        if not seen.probe_before:
            return
    context.recorder.warn(
        f"the probe fails on the version before, so it is no reason to roll back: {seen.probe_before}"
    )


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
    return Sample(Grade.SHORT if answer.tells else Grade.UNKNOWN, answer.problem)
