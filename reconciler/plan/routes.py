"""How requests reach components: by ingress rules, deprecated routes, or the platform's choice.

The platform answers with ingress rules only. `translate_routes` gives `routes` and `cors` of components the same form;
`settle_ingress` then gives rules without an order of their own that of live, and accepts the rules that the platform
chose for an app without any (C23).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import ROUTABLE_KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

Tree = dict[str, Any]

LOOSE = "~routes"
"""The key, in a canonical ingress, of the rules translated from routes: a sorted tuple."""

CORS = "~cors"
"""The key, in a canonical ingress, of the cors of components that leave their route to the platform, by name."""


def translate_routes(spec: Tree) -> Tree:
    """Turn routes and cors of components into ingress rules, in place; what this makes is in alphabetical order.

    Cors of a component without routes belongs to the rules that lead to it: the explicit ones of the spec, or the one
    that the platform will choose if the spec has no ingress at all.
    """
    loose: list[Tree] = []
    cors: Tree = {}
    for kind in ROUTABLE_KINDS:
        for name, component in _components(spec, kind):
            routes, policy = component.pop("routes", ()), component.pop("cors", None)
            routes = routes if isinstance(routes, tuple) else ()
            loose += [_rule(name, route, policy) for route in routes if isinstance(route, dict)]
            if policy is not None and not routes:
                if "ingress" not in spec:
                    cors[name] = policy
                else:
                    _attach(spec, name, policy)
    ingress = spec.get("ingress", {})
    if (loose or cors) and isinstance(ingress, dict):
        merged = sorted((*ingress.get(LOOSE, ()), *loose), key=_sort_key)
        extra = {CORS: cors, LOOSE: tuple(merged)}
        spec["ingress"] = {**ingress, **{name: value for name, value in extra.items() if value}}
    return spec


def _components(spec: Tree, kind: str) -> Iterable[tuple[str, Tree]]:
    found = spec.get(kind)
    return [(name, item) for name, item in found.items() if isinstance(item, dict)] if isinstance(found, dict) else []


def _attach(spec: Tree, name: str, cors: Any) -> None:
    """Add cors to the explicit rules of a component without their own."""
    ingress = spec["ingress"]
    if isinstance(ingress, dict) and isinstance(rules := ingress.get("rules"), tuple):
        attached = (
            dict(sorted({**rule, "cors": cors}.items())) if _target(rule) == name and "cors" not in rule else rule
            for rule in rules
        )
        spec["ingress"] = {**ingress, "rules": tuple(attached)}


def _rule(name: str, route: Tree, cors: Any) -> Tree:
    rule: Tree = {"component": {"name": name}}
    if "preserve_path_prefix" in route:
        rule["component"]["preserve_path_prefix"] = route["preserve_path_prefix"]
    if cors is not None:
        rule["cors"] = cors
    if "path" in route:
        rule["match"] = {"path": {"prefix": route["path"]}}
    return rule


def _sort_key(rule: Tree) -> str:
    return json.dumps(rule, sort_keys=True, default=str)


def _target(rule: Any) -> str:
    """The component a rule sends requests to; empty for a redirect."""
    component = rule.get("component") if isinstance(rule, dict) else None
    return str(component.get("name", "")) if isinstance(component, dict) else ""


def routable(spec: Tree) -> dict[str, bool]:
    """The components that requests from outside can reach, and whether that is certain.

    A service with internal ports serves other components, and outside requests only if it sets http_port: one that is
    the default is not visible in a canonical tree.
    """
    return {
        name: not ("internal_ports" in item and "http_port" not in item)
        for kind in ROUTABLE_KINDS
        for name, item in _components(spec, kind)
    }


def settle_ingress(desired: Tree, live: Tree) -> tuple[Tree, Tree]:
    """Both specs with rules that can be compared one by one: all in order, and with the platform's choices.

    Without an ingress in Git, the platform chooses: for one component the rule for every path;
    for several, which rule each gets is not documented, so plain rules (a path prefix ``/`` or ``/name``, nothing
    else) count as the platform's.
    """
    ours, theirs = desired.get("ingress"), live.get("ingress")
    if not all(value is None or isinstance(value, dict) for value in (ours, theirs)):
        return desired, live
    if theirs is not None and theirs.keys() & {LOOSE, CORS}:
        reference = (*_rules(ours), *(ours or {}).get(LOOSE, ()))
        loose = [*theirs.get(LOOSE, ()), *_expected(live, theirs, ())]
        theirs = _with_rules(theirs, _merged(loose, _rules(theirs), reference))
        live = {**live, "ingress": theirs}
    implicit = ours is None or not ours.keys() - {LOOSE, CORS}
    if ours == {} or (not implicit and LOOSE not in (ours or {})):
        return desired, live
    ours = _of_components(ours or {}, routable(desired))
    reference = _rules(theirs)
    asked = implicit and (theirs is not None or CORS in ours)
    loose = [*ours.get(LOOSE, ()), *(_expected(desired, ours, reference) if asked else ())]
    rules = _merged(loose, _rules(ours), reference)
    if rules or not implicit or (theirs is not None and not any(routable(desired).values())):
        return {**desired, "ingress": _with_rules(ours, rules)}, live
    return {name: value for name, value in desired.items() if name != "ingress"}, live


def _rules(ingress: Tree | None) -> tuple[Tree, ...]:
    """The explicit rules of a canonical ingress; empty if they are not a list."""
    rules = ingress.get("rules") if ingress else None
    return rules if isinstance(rules, tuple) else ()


def _of_components(ingress: Tree, names: Collection[str]) -> Tree:
    """The ingress without what was translated from components that are ignored."""
    loose = tuple(rule for rule in ingress.get(LOOSE, ()) if _target(rule) in names)
    cors = {name: value for name, value in ingress.get(CORS, {}).items() if name in names}
    rest = {name: value for name, value in ingress.items() if name not in (LOOSE, CORS)}
    return {**rest, **{name: value for name, value in ((LOOSE, loose), (CORS, cors)) if value}}


def _with_rules(ingress: Tree, rules: Sequence[Tree]) -> Tree:
    out = {name: value for name, value in ingress.items() if name not in (LOOSE, CORS, "rules")}
    return {**out, "rules": tuple(rules)} if rules else out


def _merged(loose: Iterable[Tree], fixed: Iterable[Tree], reference: Sequence[Tree]) -> list[Tree]:
    """All rules: the fixed ones in order, each loose one where the reference has it, or else at the end."""
    waiting, ordered = list(loose), list(fixed)
    out: list[Tree] = []
    for rule in reference:
        if rule in waiting:
            waiting.remove(rule)
            out.append(rule)
        elif ordered:
            out.append(ordered.pop(0))
    return [*out, *ordered, *waiting]


def _expected(spec: Tree, ingress: Tree, reference: Sequence[Tree]) -> list[Tree]:
    """The rules that the platform chose, or would choose, for components without a route.

    Those of ``reference`` that may be its choice, that of an only component, and those that must exist because
    the component has cors.
    """
    everyone, cors = routable(spec), ingress.get(CORS, {})
    alone = len(everyone) == 1
    routed = {_target(rule) for rule in ingress.get(LOOSE, ())}
    free = [name for name in everyone if name not in routed]
    out: list[Tree] = []
    for rule in reference:
        name = _target(rule)
        choices = [_rule(name, route, cors.get(name)) for route in ({}, {"path": f"/{name}"})]
        if name in free and rule in choices[: 1 if alone else 2]:
            free.remove(name)
            out.append(rule)
    must = [name for name in free if everyone[name] and (alone or name in cors)]
    return [*out, *(_rule(name, {} if alone else {"path": f"/{name}"}, cors.get(name)) for name in must)]
