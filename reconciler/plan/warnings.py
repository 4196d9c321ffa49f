"""Findings and notes of a plan besides its changes, and redaction of values that are secret elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.appspec.kinds import BUILT_KINDS, COMPONENT_KINDS, SOURCE_FIELDS
from reconciler.appspec.secrets import is_typed_so
from reconciler.appspec.shape import SPEC, Record
from reconciler.appspec.walk import branches, find_known, mapped
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import LiveApp
from reconciler.plan.align import Aligned
from reconciler.plan.canonical import Opaque, Path, Tree, canonical, identity_path
from reconciler.plan.model import Change, ChangeKind, Move, Note, Plan
from reconciler.redaction import Redactor

UNNAMED = "set on App Platform but not in Git: the update may remove it"


def redact_changes(changes: tuple[Change, ...], secrets: Collection[str]) -> tuple[Change, ...]:
    """The changes without any of these values: a secret may be part of a plain variable (C05)."""
    if not secrets or not changes:
        return changes
    redact = Redactor(secrets)
    return tuple(_hidden(change, redact) for change in changes)


def _hidden(change: Change, redact: Redactor) -> Change:
    before, after = (
        mapped(value, scalar=lambda item: redact(item) if isinstance(item, str) else item)
        for value in (change.before, change.after)
    )
    if before == after and change.before != change.after:
        return replace(change, before=None, after=None, sensitive=True, place="", moves=())
    moves = tuple(Move(redact(move.item), redact(move.place)) for move in change.moves)
    return replace(change, before=before, after=after, place=redact(change.place), moves=moves)


def left_out(changes: tuple[Change, ...], surviving: tuple[Change, ...]) -> Iterator[Finding]:
    """Report differences that the platform's own rendering of the spec lacks: no reason to deploy, but worth knowing.

    What Git adds and the rendering lacks is a field that the platform drops; anything else is a different way of
    writing the same thing.
    """
    for change in changes:
        if change in surviving:
            continue
        if change.kind is ChangeKind.ADDED:
            message = f"App Platform drops {change.human_path} when it renders the spec"
            yield Finding(Severity.WARNING, "not-taken", message, "remove it, or check its name and position")
        else:
            message = f"{change.human_path} is written differently but means the same to App Platform"
            yield Finding(
                Severity.NOTICE, "same-to-platform", message, "to silence this, write it as `reconcile import` does"
            )


_SET_BY_PEOPLE = (
    ("vpc",),
    ("features",),
    ("ingress", "load_balancer"),
    ("ingress", "load_balancer_size"),
    *(("domains", "*", field) for field in ("type", "minimum_tls_version", "certificate")),
)
"""Values that the platform may choose and people may also set."""


def unnamed(wanted: Tree, aligned: Aligned, rendered: Tree) -> Iterator[Note]:
    """Live values that Git does not have, though people may have set them: an update sends the spec without them.

    Values that the platform's own rendering of Git's spec also has are its choice and left out.
    """
    for path in _SET_BY_PEOPLE:
        for place in _places(aligned.live, path):
            ignored = any(place[: len(carried)] == carried for carried in aligned.carried)
            kept = _at(aligned.desired, place)
            if not ignored and kept is not None and _at(wanted, place) is None and _at(rendered, place) != kept:
                yield Note(place, "unnamed", UNNAMED)


def _places(tree: Tree, path: Path) -> Iterator[Path]:
    """The paths in a tree that match a pattern."""
    if "*" not in path:
        yield from [path] if _at(tree, path) is not None else []
        return
    head, _, field = path
    items = tree.get(head)
    for name in items if isinstance(items, Mapping) else ():
        yield from _places(tree, (head, name, field))


def _at(tree: Tree, path: Path) -> Any:
    node: Any = tree
    for part in path:
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _is_typed(record: Record) -> bool:
    return any(field.secret_when_typed for field in record.fields.values())


_TYPES = branches(SPEC, lambda record, field: field.name == "type" and _is_typed(record))
"""Fields that say whether a value is a secret."""


def secrets_without_value(app: DesiredApp, tree: Tree, live: Tree) -> Iterator[Finding]:
    """Secrets without a value in Git and on App Platform; ``tree``: Git's, aligned with live.

    A component that was renamed is another one to App Platform, which moves no secret: the old one's is lost (C82).
    """
    for found in find_known(app.spec, _TYPES):
        pointer = found.pointer.removesuffix("/type")
        if not is_typed_so(found.owner) or found.owner.get("value"):
            continue
        path = identity_path(app.spec, pointer)
        node = _at(tree, path)
        if isinstance(node, Mapping) and node and "value" not in node:
            message = f"the secret {'/'.join(path)} has no value in Git or on App Platform"
            hint = "set it in the control panel, or use a declared variable: value: ${NAME}"
            if former := _removed_with(path[2:], tree, live):
                message = f"{message}; {former} has one, and an update removes it with the component"
                hint = f"if {former} was renamed, give the value: App Platform moves no secret. {hint}"
            yield Finding(Severity.WARNING, "secret-without-value", message, hint, app.locate(pointer))


def _removed_with(rest: Path, tree: Tree, live: Tree) -> str:
    """A live component that Git no longer has, and that has a secret at this path, as ``services/web``."""
    for kind in BUILT_KINDS:
        before = live.get(kind)
        for name in before if rest and isinstance(before, Mapping) else ():
            if _at(tree, (kind, name)) is None and isinstance(_at(live, (kind, name, *rest, "value")), Opaque):
                return f"{kind}/{name}"
    return ""


# --- A new app that looks like a live app without a spec: probably a rename (C21). Pure ---


_CODE = "renamed"
_MANY = 3
"""If there are more warnings, they are merged: many apps look alike, which suggests that none was renamed."""


def possible_rename(app: DesiredApp, wanted: Tree, unmanaged_apps: Mapping[str, LiveApp]) -> tuple[Finding, ...]:
    """A warning for each live app without a spec that has exactly the components and sources of a new one."""
    traits = _traits(wanted)
    alike = [
        name for name, live in sorted(unmanaged_apps.items()) if traits and _traits(canonical(live.spec)) == traits
    ]
    return tuple(_warning(app, name) for name in alike)


def without_repeats(plans: Sequence[Plan]) -> tuple[tuple[Plan, ...], tuple[Finding, ...]]:
    """The plans, and findings that concern no single app: many such warnings are merged into one with their number."""
    alike = [plan for plan in plans for finding in plan.findings if finding.code == _CODE]
    if len(alike) <= _MANY:
        return tuple(plans), ()
    rest = tuple(
        replace(plan, findings=tuple(finding for finding in plan.findings if finding.code != _CODE)) for plan in plans
    )
    apps = len({plan.app for plan in alike})
    who = "1 new app looks" if apps == 1 else f"{apps} new apps look"
    merged = Finding(
        Severity.WARNING,
        _CODE,
        f"{who} like live apps that have no spec: was one renamed?",
        "to keep it, add `moved: {OLD: NEW}` to reconcile.yaml; --unmanaged lists them",
    )
    return rest, (merged,)


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
        f"{app.name} is new, and {name} has no spec any more and is left running: was it renamed?",
        f"to keep the app, add `moved: {{{name}: {app.name}}}` to reconcile.yaml",
        app.locate("/name"),
    )
