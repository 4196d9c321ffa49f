"""What lies ahead of a deployment: its whole life is planned when it is made, and time does the rest.

Pure. Nothing runs in the background: a request first lets everything happen that is due by now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.appspec.catalog import DEFAULT_SIZE, SIZES

if TYPE_CHECKING:
    from reconciler.sandbox.settings import Speed
    from reconciler.sandbox.simulation.store import Deployment, Tree

TERMINAL = frozenset({"ACTIVE", "SUPERSEDED", "ERROR", "CANCELED"})
"""Phases in which nothing happens to a deployment any more by itself."""

PHASES = ("PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING")
"""The phases on the way to ACTIVE, in order."""

BUILT_SOURCES = ("git", "github", "gitlab", "bitbucket")
RUNNING_KINDS = ("services", "workers")
BUILT_KINDS = ("services", "static_sites", "jobs", "workers", "functions")


def components(spec: Tree, kinds: tuple[str, ...] = BUILT_KINDS) -> list[tuple[str, Tree]]:
    """(kind, component) of a spec, in the order of the kinds."""
    return [(kind, item) for kind in kinds for item in spec.get(kind) or []]


def has_builds(spec: Tree) -> bool:
    """Whether any component is built from source."""
    return any(not component.get("image") for _, component in components(spec))


def timeline(start: float, speed: Speed, *, builds: bool, fate: Tree | None) -> list[list[Any]]:
    """(phase, second) of everything that will happen to a deployment that is made now.

    Args:
        start: when it is made, seconds since 1970.
        speed: how long phases take.
        builds: whether something is built.
        fate: what a fault has in store: ``fails`` (``build`` or ``deploy``), ``hangs`` (the phase that never ends),
            ``slow`` (factor), each optional.
    """
    fate = fate or {}
    slow = float(fate.get("slow") or 1.0)
    spans = (speed.pending_build, speed.build if builds else speed.skipped_build, speed.pending_deploy, speed.deploy)
    fatal = {"build": "BUILDING", "deploy": "DEPLOYING"}.get(fate.get("fails", ""))
    at, out = start, []
    for phase, seconds in zip(PHASES, spans, strict=True):
        out.append([phase, at])
        if fate.get("hangs") == phase:
            return out
        at += seconds * slow
        if phase == fatal:
            return [*out, ["ERROR", at]]
    return [*out, ["ACTIVE", at]]


def next_due(deployment: Deployment) -> float | None:
    """When the next thing happens to a deployment; None if nothing will."""
    if deployment.ended_at is not None or deployment.done >= len(deployment.timeline):
        return None
    return float(deployment.timeline[deployment.done][1])


def began(deployment: Deployment, phase: str) -> float | None:
    """When a phase began, or will begin; None if it never will."""
    at = next((float(at) for name, at in deployment.timeline if name == phase), None)
    if at is None or (deployment.ended_at is not None and at > deployment.ended_at):
        return None
    return at


def reached(deployment: Deployment, phase: str) -> bool:
    """Whether a phase has begun by now."""
    return any(name == phase for name, _ in deployment.timeline[: deployment.done])


def tier_of(spec: Tree) -> str:
    """``starter`` for static sites only, ``basic`` for the small sizes, ``professional`` else."""
    running = components(spec, ("services", "workers", "jobs"))
    if not running:
        return "starter"
    tiers = {SIZES[item.get("instance_size_slug") or DEFAULT_SIZE].tier for _, item in running}
    return "basic" if tiers == {"basic"} else "professional"


def duration(seconds: float) -> str:
    """Seconds as the platform's clients write durations: ``12.5s``."""
    return f"{round(seconds, 3):g}s"
