"""A new app that looks like one that no spec names any more: probably a rename (C21). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.appspec.models import COMPONENT_KINDS, SOURCE_FIELDS
from reconciler.desired.model import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import LiveApp
from reconciler.plan.canonical import Tree, canonical


def namesake(app: DesiredApp, wanted: Tree, strangers: Mapping[str, LiveApp]) -> tuple[Finding, ...]:
    """A warning for each live app outside Git that has the very components and sources of a new one."""
    traits = _traits(wanted)
    alike = [name for name, live in sorted(strangers.items()) if traits and _traits(canonical(live.spec)) == traits]
    return tuple(_warning(app, name) for name in alike)


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
        "renamed",
        f"{app.name} is a new app, and {name}, which no spec names any more, stays: was it renamed?",
        f"to keep the app, write `moved: {{{name}: {app.name}}}` in reconcile.yaml",
        app.locate("/name"),
    )
