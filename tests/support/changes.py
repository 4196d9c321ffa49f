"""Changes put to use: what a plan says would happen, done to a canonical tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.diff import labels
from reconciler.plan.model import Change, ChangeKind
from reconciler.redaction import MASK

_ORDERED = ("rules", "allow_origins", "egress_ips")


class _Labelled(dict[str, Any]):
    """An ordered list by label, while it is changed."""


class _Numbered(dict[str, Any]):
    """A list that no schema knows, its items by number, while it is changed."""


def apply_changes(before: Tree, changes: Iterable[Change]) -> Tree:
    """The tree after the changes, by what they say alone; a secret that they set reads ``(secret)``."""
    out = _opened(before)
    lists: dict[tuple[str, ...], list[Change]] = defaultdict(list)
    for change in changes:
        holder = _at(out, change.path if change.kind is ChangeKind.REORDERED else change.path[:-1])
        if change.kind is ChangeKind.REORDERED:
            lists[change.path].insert(0, change)
        elif change.kind is ChangeKind.ADDED and isinstance(holder, _Labelled | _Numbered):
            lists[change.path[:-1]].append(change)
        elif change.kind is ChangeKind.REMOVED:
            del holder[change.path[-1]]
        else:
            holder[change.path[-1]] = _after(change)
    for path in sorted(lists, key=len, reverse=True):  # numbers are those of before until their list is arranged
        _arrange(_at(out, path), lists[path])
    return canonical(_closed(out))


def _arrange(items: _Labelled | _Numbered, changes: list[Change]) -> None:
    """Move the items of a list that moved, and add those that are new."""
    added = {change.path[-1]: change for change in changes if change.kind is ChangeKind.ADDED}
    moves = {move.item: move.place for change in changes for move in change.moves}
    order = [label for label in items if label not in moves]
    places = moves | {label: change.place for label, change in added.items() if isinstance(items, _Labelled)}
    while places:  # its neighbour may have to be placed first
        label = next(label for label, place in places.items() if place.partition(" ")[2] in ["", *order])
        where, _, anchor = places.pop(label).partition(" ")
        at = order.index(anchor) if anchor else len(order)
        order.insert(at + (where == "after"), label)
    values = dict(items)
    items.clear()
    if isinstance(items, _Labelled):
        items.update({label: values[label] if label in values else _after(added[label]) for label in order})
        return
    arranged = [values[label] for label in order]
    for number, change in added.items():  # in the order of Git's list
        arranged.insert(int(number), _after(change))
    items.update({str(number): item for number, item in enumerate(arranged)})


def _after(change: Change) -> Any:
    return MASK if change.sensitive else _opened(change.after)


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        tree = tree.setdefault(part, _Labelled() if part in _ORDERED else {})
    return tree


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _labelled(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return _Numbered({str(number): _opened(item) for number, item in enumerate(value)})
    return value


def _labelled(key: str, value: Any) -> Any:
    if key in _ORDERED and isinstance(value, tuple | list):
        return _Labelled({label: _opened(item) for label, item in labels(tuple(value)).items()})
    return _opened(value)


def _closed(value: Any) -> Any:
    if isinstance(value, _Labelled):
        return tuple(map(_closed, value.values()))
    if isinstance(value, _Numbered):
        return list(map(_closed, value.values()))
    return {key: _closed(item) for key, item in value.items()} if isinstance(value, dict) else value
