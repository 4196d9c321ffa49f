"""How far a deployment is: nested steps with counts that add up. Pure.

The steps are those of the vendor's examples: ``build`` (initialize, components) and ``deploy`` (initialize, components
with deploy and wait, finalize); ``total_steps`` counts the leaves. The leaves of a phase share its time evenly.
A FAILED_DEPLOY job is a step that never completes when the deployment succeeds, which is why nobody should judge
a deployment by counting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.lifecycle import began, components

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import Deployment, Tree

_NOUNS = {
    "services": "service",
    "workers": "worker",
    "jobs": "job",
    "static_sites": "static site",
    "functions": "functions",
}


def moment(seconds: float) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class _Span:
    """A phase of steps: from when, until when (None: it does not end), and what we know by ``now``."""

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
    for leaf in _leaves(steps):
        counts[leaf["status"]] += 1
    return {
        **{f"{status.lower()}_steps": count for status, count in counts.items()},
        "total_steps": sum(counts.values()),
        "steps": steps,
        "summary_steps": [{key: value for key, value in step.items() if key != "steps"} for step in steps],
    }


def _planned_end(deployment: Deployment, phase: str) -> float | None:
    """When a phase would have ended had nobody cut the deployment short; None if it hangs."""
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
    built = [
        _leaf(item["name"], item["name"], f"Building {_NOUNS[kind]}")
        for kind, item in components(spec)
        if not item.get("image")
    ]
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
        if kind in ("services", "workers"):
            leaves.append(_leaf("wait", name, f"Waiting for {noun}"))
        running.append(_group(name, leaves))
    parts = [*jobs["PRE_DEPLOY"], *running, *jobs["SCHEDULED"], *jobs["POST_DEPLOY"], *jobs["FAILED_DEPLOY"]]
    middle = [{"name": "components", "status": "PENDING", "steps": parts}] if parts else []
    return [_leaf("initialize"), *middle, _leaf("finalize")]


def _group(name: str, steps: list[Tree]) -> Tree:
    return {"name": name, "component_name": name, "status": "PENDING", "steps": steps}


def _leaves(steps: list[Tree]) -> list[Tree]:
    out: list[Tree] = []
    for step in steps:
        out += _leaves(step["steps"]) if step.get("steps") else [step]
    return out


def _fill(step: Tree, span: _Span, deployment: Deployment) -> None:
    """Give every leaf its status and times, and every parent what follows from its children."""
    leaves = _leaves([step])
    spare = _failed_deploy_leaves(leaves, deployment.spec)
    ordinary = [leaf for leaf in leaves if id(leaf) not in spare]
    if span.fate is not None:
        fatal = _fatal_leaf(ordinary, span.fate)
        ordinary = ordinary[: ordinary.index(fatal) + 1]
    if span.start is not None and span.now >= span.start:
        _time(ordinary, span)
        if span.fate is not None and deployment.phase == "ERROR" and step["name"] == "deploy":
            for leaf in leaves:
                if id(leaf) in spare and span.end is not None:
                    leaf |= {"status": "SUCCESS", "started_at": moment(span.end), "ended_at": moment(span.end)}
    _sum_up(step)


def _failed_deploy_leaves(leaves: list[Tree], spec: Tree) -> set[int]:
    names = {job["name"] for job in spec.get("jobs") or [] if job.get("kind") == "FAILED_DEPLOY"}
    return {id(leaf) for leaf in leaves if leaf["name"] == "run" and leaf.get("component_name") in names}


def _fatal_leaf(leaves: list[Tree], fate: Tree) -> Tree:
    """The leaf that fails: the last of the component the fault names, else of the phase's components."""
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
        leaf["started_at"] = moment(begin)
        if finish is not None and now >= finish:
            fails = last and span.fate is not None
            leaf |= {"status": "ERROR" if fails else "SUCCESS", "ended_at": moment(finish)}
            if fails and span.fate is not None:
                leaf["reason"] = {"code": span.fate["code"], "message": span.fate["message"]}
        elif span.cut:
            reason = {"code": "DeploymentStopped", "message": "The deployment was canceled or superseded."}
            leaf |= {"status": "ERROR", "ended_at": moment(now), "reason": reason}
        else:
            leaf["status"] = "RUNNING"


def _sum_up(step: Tree) -> None:
    children = step.get("steps")
    if not children:
        return
    for child in children:
        _sum_up(child)
    found = {child["status"] for child in children}
    if "ERROR" in found:
        step["status"] = "ERROR"
    elif len(found) == 1:
        (step["status"],) = found
    else:
        step["status"] = "RUNNING"
    started = [child["started_at"] for child in children if "started_at" in child]
    ended = [child["ended_at"] for child in children if "ended_at" in child]
    if started:
        step["started_at"] = min(started)
    if ended and step["status"] in ("SUCCESS", "ERROR"):
        step["ended_at"] = max(ended)
    reason = next((child["reason"] for child in children if "reason" in child), None)
    if reason:
        step["reason"] = reason
