"""What the platform makes of the deprecated `routes` and `cors` of components: ingress rules. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.lifecycle import components

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import Tree

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

    An `ingress` that the spec has, even an empty one, stays: declared routes are added behind its rules, and the cors
    of a component without routes goes to the rules that lead there. Without one, a component without routes gets ``/``
    if it is the first and nobody claims it, else ``/`` and its name.
    """
    out = dict(spec)
    for kind in ROUTABLE:
        if spec.get(kind):
            out[kind] = [{key: item[key] for key in item if key not in ("routes", "cors")} for item in spec[kind]]
    explicit = spec.get("ingress")
    reachable = routable(spec)
    if explicit is None:
        made = [_rule(item, route) for item, route in _routes(reachable)]
    else:
        made = [_rule(item, route) for item in reachable for route in item.get("routes") or []]
    if longest_first:
        made.sort(key=lambda rule: -len(rule["match"]["path"]["prefix"]))
    rules = [*_with_cors((explicit or {}).get("rules") or [], reachable), *made]
    if rules:
        out["ingress"] = {**(explicit or {}), "rules": rules}
    return out


def _routes(reachable: list[Tree]) -> list[tuple[Tree, Tree]]:
    """Every component with every route it has or is given."""
    claimed = any((route.get("path") or "/") == "/" for item in reachable for route in item.get("routes") or [])
    found = []
    for number, item in enumerate(reachable):
        default = "/" if number == 0 and not claimed else f"/{item['name']}"
        found += [(item, route) for route in item.get("routes") or [{"path": default}]]
    return found


def _rule(item: Tree, route: Tree) -> Tree:
    component: Tree = {"name": item["name"]}
    if route.get("preserve_path_prefix"):
        component["preserve_path_prefix"] = True
    rule: Tree = {"match": {"path": {"prefix": route.get("path") or "/"}}, "component": component}
    return rule | {"cors": item["cors"]} if item.get("cors") else rule


def _with_cors(rules: list[Tree], reachable: list[Tree]) -> list[Tree]:
    cors = {item["name"]: item["cors"] for item in reachable if item.get("cors") and not item.get("routes")}
    names = [(rule.get("component") or {}).get("name") for rule in rules]
    return [
        {**rule, "cors": cors[name]} if name in cors and "cors" not in rule else rule
        for name, rule in zip(names, rules, strict=True)
    ]
