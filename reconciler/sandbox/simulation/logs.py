"""The text of logs. Pure: made of what is known of the app and the deployment; secrets are never in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.lifecycle import components, reached
from reconciler.sandbox.simulation.progress import moment
from reconciler.sandbox.simulation.running import unhealthy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.simulation.store import App, Deployment, Tree

TYPES = ("UNSPECIFIED", "BUILD", "DEPLOY", "RUN", "RUN_RESTARTED", "AUTOSCALE_EVENT")
"""The types of logs, as the API's parameter has them."""


def available(deployment: Deployment, kind: str) -> bool:
    """Whether there are logs of this type: the phase they are about was reached."""
    if kind == "BUILD":
        return reached(deployment, "BUILDING")
    if kind == "DEPLOY":
        return reached(deployment, "DEPLOYING")
    return deployment.was_active


def latest_kind(deployment: Deployment) -> str:
    """The type of the furthest phase reached, for requests that leave it open."""
    return next((kind for kind in ("RUN", "DEPLOY") if available(deployment, kind)), "BUILD")


def text(app: App, deployment: Deployment, component: str, kind: str, now: float) -> str:
    """The log of one component, or of all, as lines ``component time message``."""
    found = [(where, item) for where, item in components(deployment.spec) if component in ("", item["name"])]
    lines: list[str] = []
    for where, item in found:
        says = _SAYINGS[kind](app, deployment, where, item, now)
        lines += [f"{item['name']} {moment(at)} {message}" for at, message in says]
    return "".join(f"{line}\n" for line in lines)


def _begin(deployment: Deployment, phase: str) -> float:
    return next((float(at) for name, at in deployment.timeline if name == phase), deployment.created_at)


def _build(_: App, deployment: Deployment, __: str, item: Tree, now: float) -> Iterator[tuple[float, str]]:
    at = _begin(deployment, "BUILDING")
    if item.get("image"):
        yield at, "nothing to build: the component runs an image"
        return
    yield at, f"building commit {deployment.commits.get(item['name'], 'unknown')}"
    yield at, f"$ {item.get('build_command') or 'build'}"
    fate = deployment.fate or {}
    if fate.get("fails") == "build" and fate.get("component") == item["name"]:
        if deployment.phase == "ERROR":
            yield deployment.phase_at, "error: build step exited with status 1"
            yield deployment.phase_at, fate["message"]
    elif now >= _begin(deployment, "PENDING_DEPLOY"):
        yield _begin(deployment, "PENDING_DEPLOY"), "build complete"


def _deploy(_: App, deployment: Deployment, where: str, item: Tree, now: float) -> Iterator[tuple[float, str]]:
    at = _begin(deployment, "DEPLOYING")
    yield at, f"starting {item['name']}"
    if where == "services":
        yield at, f"waiting for port {item.get('http_port') or 8080}"
    fate = deployment.fate or {}
    if fate.get("fails") == "deploy" and fate.get("component") == item["name"]:
        if deployment.phase == "ERROR":
            yield deployment.phase_at, "fatal: could not start: listen: configuration is missing"
            yield deployment.phase_at, fate["message"]
    elif deployment.was_active and now >= deployment.created_at:
        yield deployment.active_at or deployment.phase_at, "started"


def _run(app: App, deployment: Deployment, where: str, item: Tree, now: float) -> Iterator[tuple[float, str]]:
    if where in ("services", "workers"):
        at = deployment.active_at or deployment.phase_at
        yield at, "ready"
        if unhealthy(deployment, now) == item["name"] or app.health.get(item["name"]) == "UNHEALTHY":
            yield at, "error: upstream connection refused"
            yield at, "readiness check failed: HTTP 503"


_SAYINGS = {"BUILD": _build, "DEPLOY": _deploy, "RUN": _run, "RUN_RESTARTED": _run}
