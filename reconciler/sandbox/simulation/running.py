"""What runs of an app: the health of its components, its instances, and whether it answers requests. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.ciphers import make_id
from reconciler.sandbox.simulation.lifecycle import RUNNING_KINDS, components

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import App, Deployment, Tree

_INSTANCE_TYPES = {"services": "SERVICE", "workers": "WORKER"}
_MOST_INSTANCES = 250  # of a component, as autoscaling has it; more are not listed


def count_of(app: App, item: Tree) -> int:
    """How many instances a component has: scaled by an event, the fewest of autoscaling, or as its spec says."""
    fewest = (item.get("autoscaling") or {}).get("min_instance_count")
    return int(app.counts.get(item["name"]) or fewest or item.get("instance_count") or 1)


def unhealthy(active: Deployment, now: float) -> str | None:
    """The component that a fault made unhealthy by now; "" if that is none with instances, None if all is well."""
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
    """The ``app_health`` of an app; without an active deployment there is nothing to tell of."""
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
    """The instances of an app, named as the platform names them: component, deployment, five letters."""
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
    """(status, text) of a request from outside to the app."""
    if active is None:
        return 404, "no deployment of this app is active\n"
    spec = active.spec
    maintenance = spec.get("maintenance") or {}
    if maintenance.get("enabled") or maintenance.get("archive"):
        return 503, f"{app.name} is down for maintenance\n"
    if spec.get("ingress") is not None and not spec["ingress"].get("rules"):
        return 404, "no ingress rule leads to a component\n"
    if unhealthy(active, now) is not None or "UNHEALTHY" in app.health.values():
        return 503, "no healthy upstream\n"
    return 200, f"{app.name} {active.id}\n"
