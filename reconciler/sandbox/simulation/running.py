"""A running app: the health of its components, its instances, its responses, scheduled jobs, logs and sources. Pure.

Nothing runs in the background: a request for job invocations first adds those that were due. Logs have no secrets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from reconciler.appspec.kinds import RUNNING_KINDS, LogType, components
from reconciler.sandbox.simulation.lifecycle import TERMINAL, leaves, moment, progress, reached
from reconciler.sandbox.simulation.store import make_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.simulation.store import App, Deployment, Tree

MOST_RUNS = 50
"""The most runs of a job that are caught up on after a long time without requests: the latest."""

LOG_TYPES = ("UNSPECIFIED", *get_args(LogType))
"""The types of logs that can be asked for."""

_INSTANCE_TYPES = {"services": "SERVICE", "workers": "WORKER"}
_MOST_INSTANCES = 250  # of a component, as autoscaling has it; more are not listed


def count_of(app: App, item: Tree) -> int:
    """The number of instances of a component: set by an autoscaling event, else the minimum, else as in the spec."""
    fewest = (item.get("autoscaling") or {}).get("min_instance_count")
    return int(app.counts.get(item["name"]) or fewest or item.get("instance_count") or 1)


def unhealthy(active: Deployment, now: float) -> str | None:
    """The component that a fault has made unhealthy, "" if it has no instances; None if there is none."""
    fate = active.fate or {}
    if fate.get("fails") != "health" or active.active_at is None or now < active.active_at + float(fate["after"]):
        return None
    return str(fate["component"])


def state_of(app: App, active: Deployment, name: str, now: float, settle: float) -> str:
    """HEALTHY, UNHEALTHY or UNKNOWN for a component of the active deployment."""
    if name in app.health:
        return app.health[name]
    if unhealthy(active, now) == name:
        return "UNHEALTHY"
    return "UNKNOWN" if now < (active.active_at or 0.0) + settle else "HEALTHY"


def health_of(app: App, active: Deployment | None, now: float, settle: float) -> Tree:
    """The ``app_health`` of an app; without an active deployment it has no components."""
    if active is None or (active.spec.get("maintenance") or {}).get("archive"):
        return {"components": []}
    found = []
    for _, item in components(active.spec, RUNNING_KINDS):
        name, wanted = item["name"], count_of(app, item)
        state = state_of(app, active, name, now, settle)
        ready = {"HEALTHY": wanted, "UNHEALTHY": 0}.get(state, 0)
        load = int(make_id(b"load", app.id, name)[:2], 16)
        found.append(
            {
                "name": name,
                "state": state,
                "replicas_desired": wanted,
                "replicas_ready": ready,
                "cpu_usage_percent": round(load / 16, 2) if ready else 0.0,
                "memory_usage_percent": round(10 + load / 8, 2) if ready else 0.0,
            }
        )
    out: Tree = {"components": found}
    functions = [item["name"] for _, item in components(active.spec, ("functions",))]
    if functions:
        metrics = [{"metric_label": "activations", "metric_value": 0.0, "time_window": "1h"}]
        out["functions_components"] = [
            {"name": name, "functions_component_health_metrics": metrics} for name in functions
        ]
    return out


def instances_of(app: App, active: Deployment | None) -> list[Tree]:
    """The instances of an app, named like the platform's: component, deployment, five characters."""
    out: list[Tree] = []
    if active is None:
        return out
    for kind, item in components(active.spec, RUNNING_KINDS):
        name = item["name"]
        for number in range(min(count_of(app, item), _MOST_INSTANCES)):
            mark = make_id(b"instance", active.id, name, number)[:5]
            out.append(
                {
                    "component_name": name,
                    "component_type": _INSTANCE_TYPES[kind],
                    "instance_name": f"{name}-{active.id[:8]}-{mark}",
                    "instance_alias": f"{name}-{number}",
                }
            )
    return out


def visit(app: App, active: Deployment | None, now: float) -> tuple[int, str]:
    """(status, text) of the app's response to a request."""
    if active is None:
        return 404, "Your request could not be routed.\n"
    spec = active.spec
    maintenance = spec.get("maintenance") or {}
    if maintenance.get("enabled") or maintenance.get("archive"):
        return 503, f"{app.name} is down for maintenance\n"
    if spec.get("ingress") is not None and not spec["ingress"].get("rules"):
        return 404, "Your request could not be routed.\n"
    if unhealthy(active, now) is not None or "UNHEALTHY" in app.health.values():
        return 503, "no healthy upstream\n"
    return 200, f"{app.name} {active.id}\n"


def scheduled(spec: Tree) -> list[Tree]:
    """The jobs of a spec that run on a schedule."""
    return [job for job in spec.get("jobs") or [] if job.get("kind") == "SCHEDULED" and _cron(job)]


def due(job: Tree, after: float, until: float) -> list[float]:
    """When a job was due between two moments (seconds since 1970), in order; at most the latest `MOST_RUNS`."""
    from cronsim import CronSim

    zone = time_zone(job["schedule"])
    found: list[float] = []
    # backwards from just after the end, which itself is never due
    for run in CronSim(_cron(job), datetime.fromtimestamp(until + 1, UTC).astimezone(zone), reverse=True):
        at = run.timestamp()
        if at <= after or len(found) == MOST_RUNS:
            break
        if at <= until:
            found.append(at)
    return found[::-1]


def _cron(job: Tree) -> str:
    return str((job.get("schedule") or {}).get("cron") or "")


def time_zone(schedule: Tree) -> tzinfo:
    """The time zone of a job's schedule.

    Raises:
        ZoneInfoNotFoundError, ValueError, OSError: no such time zone; OSError for names that are no file names.
    """
    name = schedule.get("time_zone") or "UTC"
    return UTC if name == "UTC" else ZoneInfo(name)


def logs_available(deployment: Deployment, kind: str) -> bool:
    """Whether there are logs of this type: their phase was reached."""
    if kind == "BUILD":
        return reached(deployment, "BUILDING")
    if kind == "DEPLOY":
        return reached(deployment, "DEPLOYING")
    return deployment.was_active


def latest_log_type(deployment: Deployment) -> str:
    """The type of the furthest phase reached, for requests without a type."""
    return next((kind for kind in ("RUN", "DEPLOY") if logs_available(deployment, kind)), "BUILD")


def log_complete(deployment: Deployment, kind: str) -> bool:
    """Whether a log of this type grows no more."""
    if kind == "BUILD":
        return deployment.phase not in ("PENDING_BUILD", "BUILDING")
    if kind == "DEPLOY":
        return deployment.phase in TERMINAL
    return deployment.phase != "ACTIVE"


def log_text(app: App, deployment: Deployment, component: str, kind: str, now: float) -> str:
    """The log of one component, or of all (""), as lines ``component time message``; it agrees with the steps."""
    steps = progress(deployment, now)["steps"]
    lines: list[str] = []
    for where, item in components(deployment.spec):
        if component in ("", item["name"]):
            own = [leaf for leaf in leaves(steps) if leaf.get("component_name") == item["name"]]
            shown = _LOGS[kind](_Logged(app, deployment, where, item, own, now))
            lines += [f"{item['name']} {at} {message}" for at, message in shown]
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class _Logged:
    """A component of a deployment whose log is read ``now``; ``leaves``: its steps, of the build first."""

    app: App
    deployment: Deployment
    where: str
    item: Tree
    leaves: list[Tree]
    now: float


def _build(log: _Logged) -> Iterator[tuple[str, str]]:
    step = next(leaf for leaf in log.leaves if leaf["message_base"].startswith("Building"))
    if step["status"] == "PENDING":
        return
    if not log.item.get("image"):
        yield step["started_at"], f"building commit {log.deployment.commits.get(log.item['name'], 'unknown')}"
        yield step["started_at"], f"$ {log.item.get('build_command') or 'build'}"
    fate = log.deployment.fate or {}
    if step["status"] == "ERROR":
        if step.get("reason", {}).get("code", "") == "BuildJobExitNonZero":
            yield step["ended_at"], "error: build step exited with status 1"
        yield step["ended_at"], step.get("reason", fate).get("message", "")
    elif step["status"] == "SUCCESS":
        yield step["ended_at"], step["reason"]["message"] if "reason" in step else "build complete"


def _deploy(log: _Logged) -> Iterator[tuple[str, str]]:
    steps = [leaf for leaf in log.leaves if not leaf["message_base"].startswith("Building")]
    if steps[0]["status"] == "PENDING":
        return
    yield steps[0]["started_at"], f"starting {log.item['name']}"
    if log.where == "services":
        yield steps[0]["started_at"], f"waiting for port {log.item.get('http_port') or 8080}"
    failed = next((leaf for leaf in steps if leaf["status"] == "ERROR"), None)
    if failed is not None:
        if failed["reason"]["code"].startswith("DeployContainer"):
            yield failed["ended_at"], "fatal: could not start: listen: configuration is missing"
        yield failed["ended_at"], failed["reason"]["message"]
    elif steps[-1]["status"] == "SUCCESS":
        yield steps[-1]["ended_at"], "started"


def _run(log: _Logged) -> Iterator[tuple[str, str]]:
    if log.where in RUNNING_KINDS:
        at = moment(log.deployment.active_at or log.deployment.phase_at)
        yield at, "ready"
        name = log.item["name"]
        if unhealthy(log.deployment, log.now) == name or log.app.health.get(name) == "UNHEALTHY":
            yield at, "error: upstream connection refused"
            yield at, "readiness check failed: HTTP 503"


_LOGS = {"BUILD": _build, "DEPLOY": _deploy, "RUN": _run, "RUN_RESTARTED": _run}


# --- What a component runs from, and who deploys it ---


def user_of(token: str) -> dict[str, str]:
    """The user that a token belongs to, in the form of ``cause_details``."""
    return dict(_user_of(token))


@lru_cache(maxsize=64)
def _user_of(token: str) -> dict[str, str]:
    mark = hashlib.sha256(token.encode(errors="replace")).digest()
    user_id = make_id(mark, "user")
    return {"uuid": user_id, "email": f"user-{user_id[:6]}@example.com", "full_name": "Sandbox User"}


def source_of(item: Tree) -> str:
    """The source of a component, in a form that can be compared; empty for none."""
    kind = next((name for name in ("git", "github", "gitlab", "bitbucket", "image") if item.get(name)), "")
    source = item.get(kind) or {}
    where = source.get("repo") or source.get("repo_clone_url") or source.get("repository") or ""
    return f"{kind}:{where}:{source.get('branch') or source.get('tag') or ''}" if kind else ""


def deploys_on_push(item: Tree) -> bool:
    """Whether a push to a component's source deploys it."""
    if item.get("image"):
        return bool((item["image"].get("deploy_on_push") or {}).get("enabled"))
    return any((item.get(kind) or {}).get("deploy_on_push") for kind in ("github", "gitlab", "bitbucket"))


def pushed_text(item: Tree, commit: str) -> str:
    """The cause of a deployment that a push to the component's source started."""
    for kind, host in (("github", "github.com"), ("gitlab", "gitlab.com"), ("bitbucket", "bitbucket.org")):
        if item.get(kind):
            repo, branch = item[kind].get("repo", ""), item[kind].get("branch") or "main"
            return f"commit {commit[:7]} pushed to {host}/{repo}/tree/{branch}"
    return f"image tag {item['image'].get('tag') or 'latest'} pushed"
