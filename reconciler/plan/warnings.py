"""Findings and notes of a plan besides its changes, and which values of its changes are hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.appspec.kinds import BUILT_KINDS, COMPONENT_KINDS, SOURCE_FIELDS
from reconciler.appspec.secrets import CLONE_URL, credential, has_login, is_typed_so, may_be_anything
from reconciler.appspec.shape import SPEC, Listing, Record
from reconciler.appspec.walk import branches, find_known, shape_at
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Severity
from reconciler.live.models import LiveApp
from reconciler.plan.align import Aligned
from reconciler.plan.canonical import Opaque, Path, Tree, canonical, identity_path
from reconciler.plan.model import Change, ChangeKind, Note, Plan, PlanReport, SyncStatus
from reconciler.redaction import LIVE, MASK, Redactor

UNNAMED = "set on App Platform but not in Git: the update may remove it"


def redact_changes(changes: tuple[Change, ...], app: DesiredApp, *, show: bool = False) -> tuple[Change, ...]:
    """The changes without values that are secret by their place, or contain a secret (C05, C64, C66).

    Hidden are values with a secret variable in them, clone URLs with a login and, unless ``show``, what looks like a
    credential (C65); fields that are secret in any spec have no value here anyway.
    """
    if not changes:
        return changes
    hidden = map(_Hiding(_places_of(app), show=show).change, changes)
    redact = Redactor(app.secrets).within
    return tuple(replace(redact(change), path=change.path) for change in hidden)  # who made it is asked by its path


def without_secrets(tree: Tree, app: DesiredApp) -> Tree:
    """The app's canonical tree without the values that contain a secret, for a digest that anyone may see."""
    hidden: Tree = _Hiding(_places_of(app), show=True).value(tree, ()) if app.hidden else tree
    return hidden


def _places_of(app: DesiredApp) -> frozenset[Path]:
    return frozenset(_place(identity_path(app.spec, pointer)) for pointer in app.hidden)


def _place(path: Path) -> Path:
    """The part of a path that a comparison keeps: up to a list whose items have no name, or a field that is unknown."""
    for depth in range(len(path)):
        shape = shape_at(path[:depth])
        if shape is None or (isinstance(shape, Listing) and not shape.identity):
            return path[:depth]
    return path


@dataclass(frozen=True)
class _Hiding:
    """Hides values by their paths: whatever is at or below one of the ``places``, and what looks like a credential."""

    places: frozenset[Path]
    show: bool

    def change(self, change: Change) -> Change:
        """A change without its values, or without what is hidden in them."""
        if change.sensitive:
            return change
        labels = tuple(MASK if not self.show and credential("", part) else part for part in change.path)
        change = replace(change, path=labels)
        before, after = self.value(change.before, change.path), self.value(change.after, change.path)
        above = next((place for place in self.places if change.path[: len(place)] == place), None)
        change = replace(change, path=above or change.path)  # below it, a label would show the value
        if (
            above is not None
            or MASK in (before, after)
            or (change.moves and (before, after) != (change.before, change.after))
        ):
            return replace(change, before=None, after=None, sensitive=True, place="", moves=())
        return replace(change, before=before, after=after)

    def value(self, value: Any, path: Path) -> Any:
        """A value without what is hidden in it."""
        if path in self.places:
            return MASK
        match value:
            case dict():
                return {name: self.value(item, (*path, name)) for name, item in value.items()}
            case list() | tuple():
                return [self.value(item, (*path, str(number))) for number, item in enumerate(value)]
        if path[-1] == CLONE_URL and has_login(value):
            return MASK
        called = path[-2] if path[-1] == "value" and len(path) > 1 else path[-1]
        return MASK if not self.show and credential(called, value) else value


def hide_live_values(report: PlanReport, *, all_values: bool = False) -> PlanReport:
    """The report without values that only App Platform has; paths and Git's own values stay.

    Those are texts that may contain anything: values of variables, commands, unknown fields. Sizes, counts,
    tags and other choices stay, unless ``all_values``, as for a pull request from a fork: its plan is public and its
    specs are untrusted, and to name an app must not be enough to read its live spec.
    """
    return replace(report, plans=tuple(_without_live_values(plan, all_values=all_values) for plan in report.plans))


def _without_live_values(plan: Plan, *, all_values: bool) -> Plan:
    reason = plan.reason
    for change in plan.changes if all_values else ():
        if change.path == ("region",) and change.before:  # a guard's reason quotes it
            reason = reason.replace(f"from {change.before} ", f"from {LIVE} ")
    hidden = tuple(
        replace(change, before=LIVE if all_values else _without_texts(change.before, change.path))
        if change.before is not None and (all_values or change.kind is not ChangeKind.REORDERED)
        else change
        for change in plan.changes
    )
    return replace(plan, reason=reason, changes=hidden)


def _without_texts(value: Any, path: Path) -> Any:
    match value:
        case dict():
            return {name: _without_texts(item, (*path, name)) for name, item in value.items()}
        case list():
            return [_without_texts(item, (*path, str(number))) for number, item in enumerate(value)]
        case str() if may_be_anything(path):
            return LIVE
        case _:
            return value


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
            kept = value_at(aligned.desired, place)
            if (
                not ignored
                and kept is not None
                and value_at(wanted, place) is None
                and value_at(rendered, place) != kept
            ):
                yield Note(place, "unnamed", UNNAMED)


def _places(tree: Tree, path: Path) -> Iterator[Path]:
    """The paths in a tree that match a pattern."""
    if "*" not in path:
        yield from [path] if value_at(tree, path) is not None else []
        return
    head, _, field = path
    items = tree.get(head)
    for name in items if isinstance(items, Mapping) else ():
        yield from _places(tree, (head, name, field))


def value_at(tree: Tree, path: Path) -> Any:
    """What a tree has at a path; None if nothing."""
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
        node = value_at(tree, path)
        if isinstance(node, Mapping) and node and "value" not in node:
            message = f"the secret {'/'.join(path)} has no value in Git or on App Platform"
            hint = "set it in the control panel, or use a declared variable: value: ${NAME}"
            if former := _removed_with(path[2:], tree, live):
                message = f"{message}; {former} has one, and an update removes it with the component"
                hint = f"if {former} was renamed, give the value: App Platform does not move secrets. {hint}"
            yield Finding(Severity.WARNING, "secret-without-value", message, hint, app.locate(pointer))


def _removed_with(rest: Path, tree: Tree, live: Tree) -> str:
    """A live component that Git no longer has, and that has a secret at this path, as ``services/web``."""
    for kind in BUILT_KINDS:
        before = live.get(kind)
        for name in before if rest and isinstance(before, Mapping) else ():
            if value_at(tree, (kind, name)) is None and isinstance(
                value_at(live, (kind, name, *rest, "value")), Opaque
            ):
                return f"{kind}/{name}"
    return ""


# --- What concerns no single app: a freeze window that is open (C86), an account that has none of the apps (C88) ---


_FLEET = 3
"""More new apps than this, and no other, are no accident where the account is the right one."""


def of_freeze(reason: str) -> tuple[Finding, ...]:
    """The warning that the plan cannot be applied now; ``reason``: see `guard.frozen`, empty outside all windows."""
    hint = "--override-freeze applies it anyway"
    return (Finding(Severity.WARNING, "freeze", f"cannot be applied now: {reason}", hint),) if reason else ()


def of_run(plans: Sequence[Plan], live: int, *, named: bool) -> tuple[Finding, ...]:
    """A warning if the account has ``live`` apps and none of many that Git wants, unless it is ``named`` in Git."""
    if named or len(plans) <= _FLEET or any(plan.status is not SyncStatus.ABSENT for plan in plans):
        return ()
    others = f"; it has {live} other{'' if live == 1 else 's'}" if live else ""
    message = f"this account has none of these {len(plans)} apps{others}"
    hint = "if they exist, the token belongs to another account; set `account` in reconcile.yaml to have that checked"
    return (Finding(Severity.WARNING, "none-live", message, hint),)


# --- A new app that looks like a live app without a spec: perhaps a rename (C21), if Git shows it (C87). Pure ---


_CODE = "renamed"
_MANY = 3
"""If there are more warnings, they are merged: many apps look alike, which suggests that none was renamed."""


def possible_rename(
    app: DesiredApp, wanted: Tree, unmanaged_apps: Mapping[str, LiveApp], removed: Callable[[str], str]
) -> tuple[Finding, ...]:
    """A warning for each live app without a spec that has exactly the components and sources of a new one.

    Only if Git shows that its spec was ``removed``: else another run may describe it, and to rename it would be wrong.
    """
    traits = _traits(wanted)
    alike = [
        name for name, live in sorted(unmanaged_apps.items()) if traits and _traits(canonical(live.spec)) == traits
    ]
    return tuple(_warning(app, name, shown) for name in alike if (shown := removed(name)))


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
        f"{who} like live apps whose specs were removed from Git: was one renamed?",
        "if so, `moved: {OLD: NEW}` in reconcile.yaml keeps it; --unmanaged lists them",
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


def _warning(app: DesiredApp, name: str, shown: str) -> Finding:
    return Finding(
        Severity.WARNING,
        _CODE,
        f"{app.name} is new, and {name} has the same components; {shown}: was it renamed?",
        f"if so, `moved: {{{name}: {app.name}}}` in reconcile.yaml keeps the app; if not, no action is needed",
        app.locate("/name"),
    )
