"""Changes put to use: what a plan says would happen, done to a canonical tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.labels import labels
from reconciler.plan.model import Change, ChangeKind
from reconciler.redaction import MASK

_ORDERED = ("rules", "allow_origins", "egress_ips")


class _Labelled(dict[str, Any]):
    """An ordered list by label, while it is changed."""


def apply_changes(before: Tree, changes: Iterable[Change]) -> Tree:
    """The tree after the changes; a secret that they set stands as ``(secret)``."""
    out = _opened(before)
    for change in sorted(changes, key=lambda change: change.kind is ChangeKind.REORDERED):
        if change.kind is ChangeKind.REORDERED:
            items = _at(out, change.path)
            ordered = {label: items[label] for label in change.after}
            items.clear()
            items.update(ordered)
        else:
            _put(out, change)
    return canonical(_closed(out))


def _put(tree: Any, change: Change) -> None:
    holder = _at(tree, change.path[:-1])
    if change.kind is ChangeKind.REMOVED:
        del holder[change.path[-1]]
    else:
        holder[change.path[-1]] = MASK if change.sensitive else _opened(change.after)


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        tree = tree.setdefault(part, _Labelled() if part in _ORDERED else {})
    return tree


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _labelled(key, item) for key, item in value.items()}
    return value


def _labelled(key: str, value: Any) -> Any:
    if key in _ORDERED and isinstance(value, tuple | list):
        return _Labelled({label: _opened(item) for label, item in labels(tuple(value)).items()})
    return _opened(value)


def _closed(value: Any) -> Any:
    if isinstance(value, _Labelled):
        return tuple(map(_closed, value.values()))
    return {key: _closed(item) for key, item in value.items()} if isinstance(value, dict) else value
