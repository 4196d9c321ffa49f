"""Two canonical trees, and what would have to change for the first to become the second.

The search for differences is deepdiff's. It is imported only when the trees are unequal, sees nothing but names and
numbers (each distinct value of the trees has one, so that no secret can end up in its objects and no two types are
taken for one), and its types end here.

What people read is decided here, too:

- a component, variable, domain … that is added or removed is one change, with all that it holds for a value;
- a field that is left out counts as its documented default: ``instance_count 1 → 3`` rather than ``+ 3``;
- an item of an ordered list is told by what it says (``ingress/rules/[/api]``), and a new order is one change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.shape import MISSING, SPEC, Listing, Record, Scalar, Shape
from reconciler.plan.canonical import Opaque, Tree, plain, text_of
from reconciler.plan.labels import labels
from reconciler.plan.model import Change, ChangeKind

Path = tuple[str, ...]

_ABSENT: Any = object()


def diff(before: Tree, after: Tree) -> tuple[Change, ...]:
    """The changes from one canonical tree to another, in the order of the spec's fields; none if they are equal.

    A change of a secret has no values, and a secret within an added or removed part stands as ``(secret)``.
    """
    if before == after:
        return ()
    prepared = _Prepared()
    first, second = prepared.pair(SPEC, before, after, ())
    changes = [*prepared.reordered, *(_told(found, before, after) for found in _found(first, second))]
    return tuple(sorted(changes, key=lambda change: _place(change.path, prepared.orders)))


def _found(first: Tree, second: Tree) -> Iterator[Path]:
    """The paths at which deepdiff finds the numbered trees to differ."""
    from deepdiff import DeepDiff

    found = DeepDiff(
        first,
        second,
        view="tree",
        threshold_to_diff_deeper=0,  # never give up on a dict as "too different": each difference is wanted
        ignore_private_variables=False,  # `__NAME` is a fine name of a variable
    )
    for levels in found.values():
        for level in levels:
            yield tuple(level.path(output_format="list"))


# --- preparing -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Prepared:
    """The trees as nested dicts of numbers, and what is found on the way: new orders, and the order of labels."""

    numbers: dict[Any, int] = field(default_factory=dict)
    reordered: list[Change] = field(default_factory=list)
    orders: dict[Path, list[str]] = field(default_factory=dict)

    def pair(self, shape: Shape | None, before: Any, after: Any, path: Path) -> tuple[Any, Any]:
        """Both sides of one place; where leaving out means being empty, the side that is left out is empty."""
        if isinstance(shape, Listing) and shape.ordered and isinstance(shape.item, Record):
            if isinstance(before, tuple) and isinstance(after, tuple):
                return self._ordered(shape, labels(before), labels(after), path)
        elif (
            shape is not None and not isinstance(shape, Scalar) and isinstance(before, dict) and isinstance(after, dict)
        ):
            return self._members(shape, before, after, path)
        return self._number(before), self._number(after)

    def _members(self, shape: Shape, before: Tree, after: Tree, path: Path) -> tuple[Tree, Tree]:
        first: Tree = {}
        second: Tree = {}
        for name in before.keys() | after.keys():
            old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
            if old == new:
                continue
            inner, empty = _within(shape, name)
            old, new = (empty if old is _ABSENT else old), (empty if new is _ABSENT else new)
            one, two = self.pair(inner, old, new, (*path, name))
            if old is not _ABSENT:
                first[name] = one
            if new is not _ABSENT:
                second[name] = two
        return first, second

    def _ordered(self, shape: Listing, before: Tree, after: Tree, path: Path) -> tuple[Tree, Tree]:
        kept = [label for label in before if label in after]
        new = [label for label in after if label not in before]
        self.orders[path] = [*after, *before]
        if [*kept, *new] != list(after):
            self.reordered.append(Change(path, ChangeKind.REORDERED, list(before), list(after)))
        return self._members(shape, before, after, path)

    def _number(self, value: Any) -> Any:
        """One number for each distinct value; values of different types never share one."""
        if value is _ABSENT:
            return None
        key = value if isinstance(value, Opaque) else (type(value), text_of(value))
        return self.numbers.setdefault(key, len(self.numbers))


def _within(shape: Shape, name: str) -> tuple[Shape | None, Any]:
    """The shape under a name, and what leaving it out is the same as (`_ABSENT`: nothing)."""
    if isinstance(shape, Listing):
        return shape.item, _ABSENT
    assert isinstance(shape, Record)
    spec = shape.fields.get(name)
    if spec is None:
        return None, _ABSENT
    if isinstance(spec.shape, Listing):
        if spec.shape.identity:
            return spec.shape, {}
        return spec.shape, () if spec.shape.ordered and isinstance(spec.shape.item, Record) else _ABSENT
    return spec.shape, {} if spec.default == {} else _ABSENT


# --- telling ---------------------------------------------------------------------------------------------------------


def _told(path: Path, before: Tree, after: Tree) -> Change:
    old, new = _at(before, path), _at(after, path)
    if isinstance(old, Opaque) or isinstance(new, Opaque):
        return Change(path, _kind(old, new), sensitive=True)
    default = _shown_default(path)
    if default is not _ABSENT:
        old, new = (default if old is _ABSENT else old), (default if new is _ABSENT else new)
    return Change(path, _kind(old, new), _value(old), _value(new))


def _kind(old: Any, new: Any) -> ChangeKind:
    if old is _ABSENT:
        return ChangeKind.ADDED
    return ChangeKind.REMOVED if new is _ABSENT else ChangeKind.CHANGED


def _value(value: Any) -> Any:
    return None if value is _ABSENT else plain(value)


def _at(tree: Any, path: Path) -> Any:
    """What stands at a path, through ordered lists by label."""
    for part in path:
        members = labels(tree) if isinstance(tree, tuple) else tree
        if not isinstance(members, Mapping) or part not in members:
            return _ABSENT
        tree = members[part]
    return tree


def _shown_default(path: Path) -> Any:
    """The documented default of a single value, worth showing: not the empty string, which nobody can see."""
    shape: Shape | None = SPEC
    default: Any = _ABSENT
    for part in path:
        default = _ABSENT
        if isinstance(shape, Listing):
            shape = shape.item
            continue
        spec = shape.fields.get(part) if isinstance(shape, Record) else None
        shape = spec.shape if spec else None
        if spec and isinstance(spec.shape, Scalar) and spec.default not in (MISSING, "") and not spec.server_chosen:
            default = spec.default
    return default


def _place(path: Path, orders: Mapping[Path, list[str]]) -> tuple[tuple[int, str], ...]:
    """What to sort by: fields as the spec lists them, unknown ones after them, names by alphabet, lists in order."""
    out: list[tuple[int, str]] = []
    shape: Shape | None = SPEC
    for depth, part in enumerate(path):
        if isinstance(shape, Record):
            names = list(shape.fields)
            spec = shape.fields.get(part)
            out.append((names.index(part) if spec else len(names), part))
            shape = spec.shape if spec else None
        else:
            order = orders.get(path[:depth])
            out.append((order.index(part) if order else 0, part))
            shape = shape.item if isinstance(shape, Listing) else None
    return tuple(out)
