"""The life of a deployment, planned when it is created, and its progress at any time. Pure.

Nothing runs in the background: each request first applies everything that is due by now.

Progress is a tree of steps as in the vendor's examples: ``build`` (initialize, components) and ``deploy`` (initialize,
components with deploy and wait, finalize); ``total_steps`` counts the leaves, which share the time of their phase
evenly. Image components have a build step, too, which is skipped; a database has one in which it is created. The leaf
of a FAILED_DEPLOY job stays PENDING when the deployment succeeds, and no other step waits for it: ``deploy`` is
SUCCESS. So counting steps is no way to judge a deployment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import DEFAULT_SIZE, RUNNING_KINDS, SINGULAR, SIZED_KINDS, SIZES, components

if TYPE_CHECKING:
    from reconciler.sandbox.settings import Speed
    from reconciler.sandbox.simulation.store import Deployment, Tree

TERMINAL = frozenset({"ACTIVE", "SUPERSEDED", "ERROR", "CANCELED"})
"""Phases in which a deployment has ended."""

PHASES = ("PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING")
"""The phases on the way to ACTIVE, in order."""

_NOUNS = {**SINGULAR, "functions": "functions"}


def has_builds(spec: Tree) -> bool:
    """Whether any component is built from source."""
    return any(not component.get("image") for _, component in components(spec))


def timeline(start: float, speed: Speed, *, builds: bool, fate: Tree | None) -> list[list[Any]]:
    """(phase, second) of everything that will happen to a new deployment.

    Args:
        start: when it is created, seconds since 1970.
        speed: how long phases take.
        builds: whether anything is built.
        fate: what a fault does to it (see `faults.fate`): ``fails`` (``build`` or ``deploy``), ``hangs`` (the phase
            that never ends), ``slow`` (factor), each optional.
    """
    fate = fate or {}
    spans = (speed.pending_build, speed.build if builds else speed.skipped_build, speed.pending_deploy, speed.deploy)
    fatal = {"build": "BUILDING", "deploy": "DEPLOYING"}.get(fate.get("fails", ""))
    at, out = start, []
    for phase, seconds in zip(PHASES, spans, strict=True):
        out.append([phase, at])
        if fate.get("hangs") == phase:
            return out
        at += seconds * float(fate.get("slow") or 1.0)
        if phase == fatal:
            return [*out, ["ERROR", at]]
    return [*out, ["ACTIVE", at]]


def next_due(deployment: Deployment) -> float | None:
    """When a deployment next changes; None if it never will."""
    if deployment.ended_at is not None or deployment.done >= len(deployment.timeline):
        return None
    return float(deployment.timeline[deployment.done][1])


def hurry(deployment: Deployment, now: float) -> None:
    """Move everything that is planned to now, also for a deployment that hangs."""
    if deployment.timeline[-1][0] not in TERMINAL:
        missing = [phase for phase in PHASES if all(phase != name for name, _ in deployment.timeline)]
        deployment.timeline += [[phase, now] for phase in [*missing, "ACTIVE"]]
        deployment.fate = None
    for entry in deployment.timeline[deployment.done :]:
        entry[1] = min(entry[1], now)
    deployment.due_at = next_due(deployment)


def began(deployment: Deployment, phase: str) -> float | None:
    """When a phase began or will begin; None if it never will."""
    at = next((float(at) for name, at in deployment.timeline if name == phase), None)
    if at is None or (deployment.ended_at is not None and at > deployment.ended_at):
        return None
    return at


def reached(deployment: Deployment, phase: str) -> bool:
    """Whether a phase has begun by now."""
    return any(name == phase for name, _ in deployment.timeline[: deployment.done])


def tier_of(spec: Tree) -> str:
    """The tier: ``starter`` with static sites only, ``basic`` with the small sizes only, else ``professional``."""
    running = components(spec, SIZED_KINDS)
    if not running:
        return "starter"
    tiers = {SIZES[item.get("instance_size_slug") or DEFAULT_SIZE].tier for _, item in running}
    return "basic" if tiers == {"basic"} else "professional"


def duration(seconds: float) -> str:
    """Seconds as the platform's clients write durations: ``12.5s``."""
    return f"{round(seconds, 3):g}s"


@lru_cache(maxsize=4096)  # the same few times are in every answer about an app
def moment(seconds: float) -> str:
    """RFC 3339 in UTC, in whole seconds, as the platform writes every time but those of steps."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def precise(seconds: float) -> str:
    """RFC 3339 in UTC with nanoseconds, as the platform writes the times of steps."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


@dataclass(frozen=True, slots=True)
class _Span:
    """The time of a phase: from when until when (None: it does not end), seen at ``now``; ``cut``: ended early."""

    start: float | None
    end: float | None
    now: float
    cut: bool
    fate: Tree | None


def progress(deployment: Deployment, now: float) -> Tree:
    """The ``progress`` of a deployment at a time (seconds since 1970)."""
    until = now if deployment.ended_at is None else deployment.ended_at
    fate = deployment.fate or {}
    failed = fate.get("fails", "")
    times = [("BUILDING", "PENDING_DEPLOY", "build"), ("DEPLOYING", "ACTIVE", "deploy")]
    steps = []
    for begin, finish, name in times:
        start = began(deployment, begin)
        end = began(deployment, "ERROR" if failed == name else finish)
        planned = end if end is not None else _planned_end(deployment, begin)
        span = _Span(start, planned, until, deployment.ended_at is not None, fate if failed == name else None)
        tree = _build_steps(deployment.spec) if name == "build" else _deploy_steps(deployment.spec)
        step: Tree = {"name": name, "status": "PENDING", "steps": tree}
        _fill(step, span, deployment)
        steps.append(step)
    counts = dict.fromkeys(("PENDING", "RUNNING", "SUCCESS", "ERROR"), 0)
    for leaf in leaves(steps):
        counts[leaf["status"]] += 1
    return {
        **{f"{status.lower()}_steps": count for status, count in counts.items() if count},
        "total_steps": sum(counts.values()),
        "steps": steps,
        "summary_steps": [{key: value for key, value in step.items() if key != "steps"} for step in steps],
    }


def _planned_end(deployment: Deployment, phase: str) -> float | None:
    """When a phase ends unless the deployment is ended early; None if it hangs."""
    names = [name for name, _ in deployment.timeline]
    if phase not in names:
        return None
    following = names.index(phase) + 1
    return float(deployment.timeline[following][1]) if following < len(names) else None


def _leaf(name: str, component: str = "", message: str = "") -> Tree:
    step: Tree = {"name": name, "status": "PENDING"}
    if component:
        step |= {"component_name": component, "message_base": message}
    return step


def _build_steps(spec: Tree) -> list[Tree]:
    built = [_leaf(item["name"], item["name"], f"Building {_NOUNS[kind]}") for kind, item in components(spec)]
    built += [_leaf(item["name"], item["name"], "Creating database") for item in spec.get("databases") or []]
    steps = [_leaf("initialize")]
    return [*steps, {"name": "components", "status": "PENDING", "steps": built}] if built else steps


def _deploy_steps(spec: Tree) -> list[Tree]:
    jobs: dict[str, list[Tree]] = {"PRE_DEPLOY": [], "POST_DEPLOY": [], "FAILED_DEPLOY": [], "SCHEDULED": []}
    for job in spec.get("jobs") or []:
        kind = str(job.get("kind") or "POST_DEPLOY")
        words = kind.lower().replace("_", "-")
        name = job["name"]
        leaf = _leaf("run" if kind != "SCHEDULED" else "deploy", name, f"Running {words} job")
        jobs.get(kind, jobs["POST_DEPLOY"]).append(_group(name, [leaf]))
    running = []
    for kind, item in components(spec, ("services", "workers", "static_sites", "functions")):
        name, noun = item["name"], _NOUNS[kind]
        leaves = [_leaf("deploy", name, f"Deploying {noun}")]
        if kind in RUNNING_KINDS:
            leaves.append(_leaf("wait", name, f"Waiting for {noun}"))
        running.append(_group(name, leaves))
    parts = [*jobs["PRE_DEPLOY"], *running, *jobs["SCHEDULED"], *jobs["POST_DEPLOY"], *jobs["FAILED_DEPLOY"]]
    middle = [{"name": "components", "status": "PENDING", "steps": parts}] if parts else []
    return [_leaf("initialize"), *middle, _leaf("finalize")]


def _group(name: str, steps: list[Tree]) -> Tree:
    return {"name": name, "component_name": name, "status": "PENDING", "steps": steps}


def leaves(steps: list[Tree]) -> list[Tree]:
    """The steps without steps of their own, in order."""
    out: list[Tree] = []
    for step in steps:
        out += leaves(step["steps"]) if step.get("steps") else [step]
    return out


def _fill(step: Tree, span: _Span, deployment: Deployment) -> None:
    """Set status and times of every leaf, and of every parent from its children."""
    found = leaves([step])
    spare = _failed_deploy_leaves(found, deployment.spec)
    ordinary = [leaf for leaf in found if id(leaf) not in spare]
    if span.fate is not None:
        fatal = _fatal_leaf(ordinary, span.fate)
        ordinary = ordinary[: ordinary.index(fatal) + 1]
    if span.start is not None and span.now >= span.start:
        _time(ordinary, span)
        if span.fate is not None and deployment.phase == "ERROR" and step["name"] == "deploy":
            for leaf in found:
                if id(leaf) in spare and span.end is not None:
                    leaf |= {"status": "SUCCESS", "started_at": precise(span.end), "ended_at": precise(span.end)}
        if step["name"] == "build":
            _skip_builds(ordinary, deployment)
    _sum_up(step, spare)


def _skip_builds(leaves: list[Tree], deployment: Deployment) -> None:
    """Give the steps of components that were not built their reason."""
    images = {item["name"] for _, item in components(deployment.spec) if item.get("image")}
    databases = {item["name"] for item in deployment.spec.get("databases") or []}
    for leaf in leaves:
        name = leaf.get("component_name")
        if name is None or name in databases or leaf["status"] != "SUCCESS":
            continue
        if name in images:
            leaf["reason"] = _PREBUILT
        elif deployment.reuses_builds:
            leaf["reason"] = _REUSED


_PREBUILT = {
    "code": "PreBuiltImage",
    "message": "Your build job was skipped because you specified a pre-built image.",
}
_REUSED = {"code": "PreviousBuildReused", "message": "Your build job was skipped because a previous build was reused."}


def _failed_deploy_leaves(leaves: list[Tree], spec: Tree) -> set[int]:
    names = {job["name"] for job in spec.get("jobs") or [] if job.get("kind") == "FAILED_DEPLOY"}
    return {id(leaf) for leaf in leaves if leaf["name"] == "run" and leaf.get("component_name") in names}


def _fatal_leaf(leaves: list[Tree], fate: Tree) -> Tree:
    """The leaf that fails: the last of the fault's component, else of any component."""
    own = [leaf for leaf in leaves if leaf.get("component_name") == fate.get("component")]
    return (own or [leaf for leaf in leaves if leaf.get("component_name")] or leaves)[-1]


def _time(leaves: list[Tree], span: _Span) -> None:
    start, end, now = span.start, span.end, span.now
    assert start is not None
    share = (end - start) / len(leaves) if end is not None else None
    for number, leaf in enumerate(leaves):
        last = number == len(leaves) - 1
        begin = start if share is None else start + number * share
        finish = None if share is None else end if last else begin + share
        if now < begin or (share is None and number > 0):
            return
        leaf["started_at"] = precise(begin)
        if finish is not None and now >= finish:
            fails = last and span.fate is not None
            leaf |= {"status": "ERROR" if fails else "SUCCESS", "ended_at": precise(finish)}
            if fails and span.fate is not None and span.fate["code"]:
                leaf["reason"] = {"code": span.fate["code"], "message": span.fate["message"]}
        elif span.cut:
            reason = {"code": "DeploymentStopped", "message": "The deployment was canceled or superseded."}
            leaf |= {"status": "ERROR", "ended_at": precise(now), "reason": reason}
        else:
            leaf["status"] = "RUNNING"


def _sum_up(step: Tree, spare: set[int]) -> None:
    """Set a parent's status, times and reason from its children's; it does not wait for the leaves in ``spare``."""
    children = step.get("steps")
    if not children:
        return
    for child in children:
        _sum_up(child, spare)
    awaited = [child for child in children if not spare or not {id(leaf) for leaf in leaves([child])} <= spare]
    found = {child["status"] for child in awaited or children}
    alike = len(found) == 1
    step["status"] = "ERROR" if "ERROR" in found else next(iter(found)) if alike else "RUNNING"
    started = [child["started_at"] for child in children if "started_at" in child]
    ended = [child["ended_at"] for child in children if "ended_at" in child]
    if started:
        step["started_at"] = min(started)
    if ended and step["status"] in ("SUCCESS", "ERROR"):
        step["ended_at"] = max(ended)
    reason = next((child["reason"] for child in children if child["status"] == "ERROR" and "reason" in child), None)
    if reason:
        step["reason"] = reason
