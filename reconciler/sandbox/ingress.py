"""What the platform makes of the deprecated `routes` and `cors` of components: ingress rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.lifecycle import components

if TYPE_CHECKING:
    from reconciler.sandbox.store import Tree

ROUTABLE = ("services", "static_sites", "functions")
"""The kinds of components that requests can reach."""


def routable(spec: Tree) -> list[Tree]:
    """The components that requests from outside can reach: not services with internal ports only."""
    return [
        item
        for kind, item in components(spec, ROUTABLE)
        if not (kind == "services" and item.get("internal_ports") and not item.get("http_port"))
    ]


def with_ingress(spec: Tree, *, longest_first: bool) -> Tree:
    """The spec with `routes` and `cors` of its components said as ingress rules.

    An `ingress` that the spec has, even an empty one, stays; the components' own routes count for nothing then. Without
    any, a component without routes gets ``/`` if it is the first and nobody claims it, else ``/`` and its name.
    """
    out = dict(spec)
    for kind in ROUTABLE:
        if spec.get(kind):
            out[kind] = [{key: item[key] for key in item if key not in ("routes", "cors")} for item in spec[kind]]
    if "ingress" not in spec:
        rules = _rules(routable(spec))
        if longest_first:
            rules.sort(key=lambda rule: -len(rule["match"]["path"]["prefix"]))
        if rules:
            out["ingress"] = {"rules": rules}
    return out


def _rules(reachable: list[Tree]) -> list[Tree]:
    claimed = any((route.get("path") or "/") == "/" for item in reachable for route in item.get("routes") or [])
    rules = []
    for number, item in enumerate(reachable):
        default = "/" if number == 0 and not claimed else f"/{item['name']}"
        for route in item.get("routes") or [{"path": default}]:
            component: Tree = {"name": item["name"]}
            if route.get("preserve_path_prefix"):
                component["preserve_path_prefix"] = True
            rule: Tree = {"match": {"path": {"prefix": route.get("path") or "/"}}, "component": component}
            if item.get("cors"):
                rule["cors"] = item["cors"]
            rules.append(rule)
    return rules
