"""Whether an active deployment is healthy: pure, over readings and the time they were made at.

Every reading gets a `Grade`. The readings of all sources together (components, probe) form a *stretch* of one grade.
The platform calls a deployment ACTIVE once its own checks succeed: if the first reading is good and comes soon, so was
the time before it. What a stretch means:

- good for as long as the soak, confirmed by a reading at its end: healthy;
- bad (UNHEALTHY, or a probe that fails after it had succeeded) for as long as the tolerance, unbroken: unhealthy.
  A shorter dip is a flap: it is forgiven, but the soak starts again;
- anything else waits for the health budget. What is known to be short of good then (replicas missing, a probe that
  never succeeded) is unhealthy; what is merely unknown is said to be so: nothing is rolled back for lack of evidence.
  A reading that could not be repeated for a minute is no evidence any more: what it said is unknown by then.

Where the platform reports no health, and that counts as good, the words say so: nothing contradicts it (C60).

A good stretch that is under way when the budget ends may finish its soak; one that breaks then is judged at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from math import ceil
from typing import TYPE_CHECKING, Any, assert_never

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.live.models import ComponentHealth, ComponentState, Health
from reconciler.rollout.model import HEALTH_EVERY, PHASE_EVERY, UNCONFIRMED, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping


SETTLING = 10.0
"""Seconds that replicas may take to be ready: between ACTIVE and the first reading at most, and between two while they
are not.
"""

ROUNDING = 0.001
"""Seconds by which a stretch may fall short, as its parts are added up."""


class Grade(IntEnum):
    """What one reading says; the greater, the worse."""

    GOOD = 0
    UNKNOWN = 1
    SHORT = 2
    BAD = 3


class Judgement(StrEnum):
    """What is known of a deployment's health. ``unknown``: the budget ended without evidence either way."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    WAITING = "waiting"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement and why."""

    judgement: Judgement
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of one source; ``component`` is the one that it is about.

    ``reported``: the source said so itself. Else the platform reports no health, and nothing contradicts it.
    """

    grade: Grade
    reason: str = ""
    component: str = ""
    reported: bool = True


NOTHING = Sample(Grade.UNKNOWN, "nothing is known yet")
"""What is known before the first reading."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The readings since a deployment became active; all times in seconds since then.

    ``components_at`` and ``probe_at`` are when each source was last asked, None before the first time;
    ``phase_at`` is when the deployment itself was last read, and
    ``silent_since`` is when the components last answered or, if they never did, were first asked; None while they
    answer. The stretch of one grade began at ``since`` and was last confirmed at ``confirmed``. ``probed``: the
    deployment is one that the probe applies to; ``healthy`` why it was judged so, which ends all readings.
    """

    age: float = 0.0
    components: Sample | None = None
    components_at: float | None = None
    probe: Sample | None = None
    probe_at: float | None = None
    streak: int = 0
    grade: Grade = Grade.UNKNOWN
    since: float = 0.0
    confirmed: float = 0.0
    silent_since: float | None = None
    probed: bool = True
    phase_at: float = 0.0
    healthy: str = ""


def components_with_health(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The components of a spec whose health the platform reports: those with instances that keep running.

    Static sites, jobs, functions and databases have none; neither has an app that is archived.
    """
    if _mapping(spec.get("maintenance")).get("archive") is True:
        return ()
    return tuple(str(item["name"]) for _, item in components(spec, RUNNING_KINDS) if item.get("name"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def grade_components(health: Health, expected: tuple[str, ...], rules: Rules) -> Sample:
    """The worst of the components we wait for; others, such as one that is being removed, do not count."""
    reported = {component.name: component for component in health.components}
    samples = [_grade_component(name, reported.get(name), rules) for name in expected]
    nothing = Sample(Grade.GOOD, "nothing to judge")
    return max(samples, key=lambda sample: (sample.grade, not sample.reported), default=nothing)


def _grade_component(name: str, component: ComponentHealth | None, rules: Rules) -> Sample:
    state = component.state if component else ComponentState.UNKNOWN
    match state:
        case ComponentState.UNHEALTHY:
            return Sample(Grade.BAD, f"{name} is unhealthy", name)
        case ComponentState.HEALTHY | ComponentState.UNKNOWN:
            ready, desired = (component.replicas_ready, component.replicas_desired) if component else (None, None)
            if ready is not None and desired is not None and ready < desired:
                return Sample(Grade.SHORT, f"{name} has {ready} of {desired} replicas ready", name)
            if state is ComponentState.HEALTHY:
                return Sample(Grade.GOOD, f"{name} is healthy", name)
            if rules.unknown_is_healthy:
                return Sample(Grade.GOOD, f"the platform reports no health for {name}", name, reported=False)
            return Sample(Grade.UNKNOWN, f"the health of {name} is unknown", name)
        case _:
            assert_never(state)


def saw_phase(evidence: Evidence) -> Evidence:
    """The deployment was read now, and is still ACTIVE."""
    return replace(evidence, phase_at=evidence.age)


def passed(evidence: Evidence, seconds: float) -> Evidence:
    """Time went by."""
    return replace(evidence, age=evidence.age + seconds)


def saw_components(evidence: Evidence, sample: Sample) -> Evidence:
    """The components were read now."""
    return _stretch(evidence, components=sample, components_at=evidence.age, silent_since=None)


def record_unreadable(evidence: Evidence) -> Evidence:
    """The components were asked for now, and there was no answer: their turn is over, and what they said grows old."""
    answered = evidence.age if evidence.components_at is None else evidence.components_at
    since = answered if evidence.silent_since is None else evidence.silent_since
    asked = replace(evidence, components_at=evidence.age, silent_since=since)
    if evidence.age - since < UNCONFIRMED:
        return asked
    return _stretch(asked, components=Sample(Grade.UNKNOWN, "the health of the components cannot be read"))


def saw_probe(evidence: Evidence, problem: str, rules: Rules, *, counts: bool = True) -> Evidence:
    """The probe was sent now; ``problem`` is empty when its answer was right.

    A probe that never succeeded is short of good, as a new address takes a while; one that fails after that is bad.
    Unless it ``counts``, because it could not be sent or fails on any version, this version's health stays unknown.
    """
    streak = 0 if problem else min(evidence.streak + 1, rules.probe_count)
    was_good = evidence.probe is not None and evidence.probe.grade in (Grade.GOOD, Grade.BAD)
    if not counts:
        sample = Sample(Grade.UNKNOWN, problem)
    elif problem:
        sample = Sample(Grade.BAD if was_good else Grade.SHORT, problem)
    elif streak < rules.probe_count:
        sample = Sample(Grade.SHORT, f"the probe succeeded {streak} of {rules.probe_count} times in a row")
    else:
        sample = Sample(Grade.GOOD, "the probe succeeds")
    return _stretch(evidence, probe=sample, probe_at=evidence.age, streak=streak)


def _stretch(before: Evidence, **reading: Any) -> Evidence:
    """The evidence with the latest reading, by which its stretch is continued or started again."""
    evidence = replace(before, **reading)
    grade = worst(evidence).grade
    first = worst(before) is NOTHING and evidence.age <= SETTLING + HEALTH_EVERY
    since = evidence.since if grade is evidence.grade else 0.0 if first and grade is Grade.GOOD else evidence.age
    return replace(evidence, grade=grade, since=since, confirmed=evidence.age)


def judge(evidence: Evidence, rules: Rules, expected: tuple[str, ...]) -> Verdict:
    """What the readings so far mean; ``expected`` are the components whose health counts."""
    wants_components = rules.judge_components and bool(expected)
    wants_probe = rules.probe_every > 0 and evidence.probed
    if not wants_components and not wants_probe:
        return Verdict(
            Judgement.HEALTHY, "active, with no sign of trouble; no health is reported and no probe is configured"
        )
    if evidence.healthy:
        return Verdict(Judgement.HEALTHY, evidence.healthy)
    complete = (evidence.components is not None or not wants_components) and (
        evidence.probe is not None or not wants_probe
    )
    grade = evidence.grade if complete else max(evidence.grade, Grade.UNKNOWN)
    stretch = evidence.confirmed - evidence.since
    if grade is Grade.GOOD and stretch >= rules.soak - ROUNDING:
        return Verdict(Judgement.HEALTHY, _well(evidence, f"{rules.soak:g} s"))
    if grade is Grade.BAD and stretch >= rules.tolerance - ROUNDING:
        return Verdict(Judgement.UNHEALTHY, f"{worst(evidence).reason}, for {stretch:.0f} s")
    budget = rules.health + (rules.soak + UNCONFIRMED if grade is Grade.GOOD else 0.0)
    if evidence.age < budget:
        return Verdict(Judgement.WAITING, _so_far(evidence, grade, rules))
    if grade in (Grade.SHORT, Grade.BAD):
        return Verdict(Judgement.UNHEALTHY, f"{worst(evidence).reason} after {rules.health:g} s")
    latest = worst(evidence)
    why = f": {latest.reason}" if latest.grade is Grade.UNKNOWN else ""
    return Verdict(Judgement.UNKNOWN, f"its health could not be determined within {rules.health:g} s{why}")


def _well(evidence: Evidence, how_long: str) -> str:
    """How long all has been good, and by whose word."""
    components = evidence.components
    if components is None or components.reported:
        return f"healthy for {how_long}"
    probe = ", the probe succeeds" if evidence.probe else ""
    return f"no sign of trouble for {how_long}; {components.reason}{probe}"


def _so_far(evidence: Evidence, grade: Grade, rules: Rules) -> str:
    """What is seen now, and since when where that decides."""
    stretch = evidence.confirmed - evidence.since
    if grade is Grade.GOOD:
        return _well(evidence, f"{stretch:.0f} of {rules.soak:g} s")
    reason = worst(evidence).reason
    return f"{reason}, for {stretch:.0f} of {rules.tolerance:g} s" if grade is Grade.BAD else reason


def worst(evidence: Evidence) -> Sample:
    """The worst of the latest readings."""
    samples = [sample for sample in (evidence.components, evidence.probe) if sample]
    return max(samples, key=lambda sample: sample.grade, default=NOTHING)


class HealthSource(StrEnum):
    """Where a reading comes from; phase: the deployment itself, which may not stay ACTIVE; none: nothing is due."""

    PHASE = "phase"
    COMPONENTS = "components"
    PROBE = "probe"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Due:
    """Which source is to be read now; of none, ``wait`` says in how many seconds the next is due."""

    source: HealthSource
    wait: float = 0.0


def first_by(rules: Rules) -> float:
    """Seconds after ACTIVE at which the components are first read: their replicas may not be ready any sooner."""
    return min(SETTLING, rules.soak / 2, max(rules.tolerance, HEALTH_EVERY))


def components_due(evidence: Evidence, rules: Rules) -> float:
    """When the components are read next: as seldom as shows that they were good for the soak, whatever happened.

    Two readings of what is good are at most the tolerance apart, so that a fault that lasts as long is in one of them,
    and the last is at the end of the soak. What is bad is read more often, as it must be bad without a break to count.
    """
    last = evidence.components_at
    if last is None:
        return first_by(rules)
    if evidence.grade is Grade.GOOD:
        left = evidence.since + rules.soak - last
        readings = max(1, ceil((left - ROUNDING) / max(rules.tolerance, HEALTH_EVERY)))
        return last + max(HEALTH_EVERY, left / readings)
    return last + (HEALTH_EVERY if evidence.grade is Grade.BAD else SETTLING)


def next_reading(evidence: Evidence, rules: Rules, expected: tuple[str, ...]) -> Due:
    """Which source to ask now, or how long to wait: components by `components_due`, the probe at its own interval.

    The phase is read every 10 s, as an active deployment may still end in ERROR.
    """
    wait = _due_in(evidence.phase_at, evidence.age, PHASE_EVERY)
    if not wait:
        return Due(HealthSource.PHASE)
    waits = [wait]
    if rules.judge_components and expected:
        wait = max(0.0, components_due(evidence, rules) - evidence.age)
        if not wait:
            return Due(HealthSource.COMPONENTS)
        waits.append(wait)
    if rules.probe_every > 0 and evidence.probed:
        wait = _due_in(evidence.probe_at, evidence.age, rules.probe_every)
        if not wait:
            return Due(HealthSource.PROBE)
        waits.append(wait)
    return Due(HealthSource.NONE, max(0.1, min(waits)))


def _due_in(last: float | None, age: float, every: float) -> float:
    """Seconds until a source is read again; 0 when it is due."""
    return 0.0 if last is None else max(0.0, last + every - age)
