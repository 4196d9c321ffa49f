"""A new app that looks like one that no spec names any more: probably a rename (C21). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.appspec.models import COMPONENT_KINDS, SOURCE_FIELDS
from reconciler.desired.model import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import LiveApp
from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.model import Plan

_CODE = "renamed"
_MANY = 3
"""More warnings than these are one: apps made from one mould all resemble each other, and then it is no rename."""


def namesake(app: DesiredApp, wanted: Tree, strangers: Mapping[str, LiveApp]) -> tuple[Finding, ...]:
    """A warning for each live app outside Git that has the very components and sources of a new one."""
    traits = _traits(wanted)
    alike = [name for name, live in sorted(strangers.items()) if traits and _traits(canonical(live.spec)) == traits]
    return tuple(_warning(app, name) for name in alike)


def told_once(plans: Sequence[Plan]) -> tuple[tuple[Plan, ...], tuple[Finding, ...]]:
    """The plans, and what concerns none alone: of many such warnings one that counts, which then stands for all."""
    alike = [plan for plan in plans for finding in plan.findings if finding.code == _CODE]
    if len(alike) <= _MANY:
        return tuple(plans), ()
    rest = tuple(
        replace(plan, findings=tuple(finding for finding in plan.findings if finding.code != _CODE)) for plan in plans
    )
    apps = len({plan.app for plan in alike})
    who = "1 new app looks" if apps == 1 else f"{apps} new apps look"
    told = Finding(
        Severity.WARNING,
        _CODE,
        f"{who} like live apps outside Git: was one renamed?",
        "to keep it, write `moved: {OLD: NEW}` in reconcile.yaml; --unmanaged names all",
    )
    return rest, (told,)


def _traits(tree: Tree) -> frozenset[tuple[str, str, str]]:
    """Kind, name and source of each component."""
    return frozenset(
        (kind, name, repr([(field, component[field]) for field in SOURCE_FIELDS if field in component]))
        for kind in COMPONENT_KINDS
        if isinstance(components := tree.get(kind), dict)
        for name, component in components.items()
        if isinstance(component, dict)
    )


def _warning(app: DesiredApp, name: str) -> Finding:
    return Finding(
        Severity.WARNING,
        _CODE,
        f"{app.name} is a new app, and {name}, which no spec names any more, stays: was it renamed?",
        f"to keep the app, write `moved: {{{name}: {app.name}}}` in reconcile.yaml",
        app.locate("/name"),
    )
