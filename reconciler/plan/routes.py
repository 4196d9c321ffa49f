"""How requests reach components, whichever way a spec says it: ingress rules, deprecated routes, or nothing at all.

The platform answers with ingress rules only. `translate_routes` gives `routes` and `cors` of components the same form;
`settle_ingress` then lets rules that have no order of their own take live's, and accepts the rules that the platform
chose for an app that says nothing (C23).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Tree = dict[str, Any]

ROUTABLE_KINDS = ("services", "static_sites", "functions")
"""The kinds of components that requests can reach."""

LOOSE = "~routes"
"""Where, in a canonical ingress, the rules stand that were translated from routes: a sorted tuple."""


def translate_routes(spec: Tree) -> Tree:
    """Routes and cors of the components as ingress rules; changes the canonical spec that it is given."""
    loose: list[Tree] = []
    for kind in ROUTABLE_KINDS:
        for name, component in _components(spec, kind):
            if "routes" in component or "cors" in component:
                loose += _translated(spec, name, component)
    if loose:
        ingress = spec.get("ingress", {})
        if isinstance(ingress, dict):
            merged = (*ingress.get(LOOSE, ()), *loose)
            spec["ingress"] = {**ingress, LOOSE: tuple(sorted(merged, key=_sort_key))}
    return spec


def _components(spec: Tree, kind: str) -> Iterable[tuple[str, Tree]]:
    found = spec.get(kind)
    return [(name, item) for name, item in found.items() if isinstance(item, dict)] if isinstance(found, dict) else []


def _translated(spec: Tree, name: str, component: Tree) -> list[Tree]:
    """The rules of one component, which loses its routes and its cors."""
    routes, cors = component.pop("routes", ()), component.pop("cors", None)
    if not routes and _attached(spec, name, cors):
        return []
    if not routes:
        alone = len(routable(spec)) == 1
        routes = ({} if alone else _own_path(name),)
    return [_rule(name, route, cors) for route in routes if isinstance(route, dict)]


def _attached(spec: Tree, name: str, cors: Any) -> bool:
    """Whether the cors of a component without routes went to explicit rules, which then say where it is reached."""
    ingress = spec.get("ingress")
    if not isinstance(ingress, dict) or not isinstance(rules := ingress.get("rules"), tuple):
        return False
    spec["ingress"] = {
        **ingress,
        "rules": tuple(
            {**rule, "cors": cors} if _target(rule) == name and "cors" not in rule else rule for rule in rules
        ),
    }
    return True


def _rule(name: str, route: Tree, cors: Any) -> Tree:
    rule: Tree = {"component": {"name": name}}
    if "path" in route:
        rule["match"] = {"path": {"prefix": route["path"]}}
    if "preserve_path_prefix" in route:
        rule["component"]["preserve_path_prefix"] = route["preserve_path_prefix"]
    if cors is not None:
        rule["cors"] = cors
    return rule


def _sort_key(rule: Tree) -> str:
    return json.dumps(rule, sort_keys=True, default=str)


def _target(rule: Any) -> str:
    """The component a rule sends requests to; empty for a redirect."""
    component = rule.get("component") if isinstance(rule, dict) else None
    return str(component.get("name", "")) if isinstance(component, dict) else ""


def routable(spec: Tree) -> dict[str, bool]:
    """The components that requests from outside can reach, and whether that is certain.

    A service with internal ports serves other components, and the outside only if it names an http_port: one that is
    the default cannot be seen in a canonical tree.
    """
    return {
        name: not ("internal_ports" in item and "http_port" not in item)
        for kind in ROUTABLE_KINDS
        for name, item in _components(spec, kind)
    }


def routed(spec: Tree) -> set[str]:
    """The components that an ingress rule of a canonical spec names."""
    ingress = spec.get("ingress")
    if not isinstance(ingress, dict):
        return set()
    return {_target(rule) for rule in (*ingress.get("rules", ()), *ingress.get(LOOSE, ()))} - {""}


def settle_ingress(desired: Tree, live: Tree) -> tuple[Tree, Tree]:
    """Both specs with rules that can be compared one by one: without loose rules, and with the platform's choices.

    Git that has no ingress of its own leaves the choice to the platform: for one component the rule for every path;
    for several, which rule each got is not documented, so that plain rules (a path prefix ``/`` or ``/name``, nothing
    else) are taken as the platform's.
    """
    ours, theirs = desired.get("ingress"), live.get("ingress")
    implicit = ours is None or (isinstance(ours, dict) and ours.keys() == {LOOSE})
    translated = isinstance(theirs, dict) and LOOSE in theirs
    if not implicit and not translated and not (isinstance(ours, dict) and LOOSE in ours):
        return desired, live
    ours, theirs = ours if isinstance(ours, dict) else {}, theirs if isinstance(theirs, dict) else None
    if theirs is not None and translated:
        reference = (*ours.get("rules", ()), *ours.get(LOOSE, ()))
        theirs = _with_rules(theirs, _merged(theirs[LOOSE], theirs.get("rules", ()), reference))
        live = {**live, "ingress": theirs}
    loose = list(ours.get(LOOSE, ()))
    if implicit and theirs is None:
        return ({**desired, "ingress": _with_rules({}, loose)} if loose else desired), live
    reference = theirs.get("rules", ()) if theirs else ()
    chosen = _chosen(desired, loose, reference) if implicit else []
    rules = _merged([*loose, *chosen], ours.get("rules", ()), reference)
    if rules or not implicit or not any(routable(desired).values()):
        desired = {**desired, "ingress": _with_rules(ours, rules)}
    return desired, live


def _with_rules(ingress: Tree, rules: Sequence[Tree]) -> Tree:
    out = {name: value for name, value in ingress.items() if name not in (LOOSE, "rules")}
    return {**out, "rules": tuple(rules)} if rules else out


def _merged(loose: Iterable[Tree], fixed: Iterable[Tree], reference: Sequence[Tree]) -> list[Tree]:
    """All rules: the fixed ones in their order, each loose one where the reference has it, or else at the end."""
    waiting, ordered, out = list(loose), list(fixed), []
    for rule in reference:
        if rule in waiting:
            waiting.remove(rule)
            out.append(rule)
        elif ordered:
            out.append(ordered.pop(0))
    return [*out, *ordered, *waiting]


def _chosen(desired: Tree, loose: Sequence[Tree], reference: Sequence[Tree]) -> list[Tree]:
    """The rules the platform chose, or would choose, for the components that Git gives no route."""
    everyone = routable(desired)
    alone = len(everyone) == 1
    told = {_target(rule) for rule in loose}
    free = [name for name in everyone if name not in told]
    taken: list[Tree] = []
    for rule in reference:
        name = _target(rule)
        if name in free and (
            rule == _rule(name, {}, None) or (not alone and rule == _rule(name, _own_path(name), None))
        ):
            free.remove(name)
            taken.append(rule)
    return [_rule(name, {}, None) for name in free] if alone and all(everyone.values()) and not taken else taken


def _own_path(name: str) -> Tree:
    """The route of a component under its own name."""
    return {"path": f"/{name}"}
