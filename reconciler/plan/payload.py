"""Builds the spec to send: the user's own document, field for field, with only the necessary live values added."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.appspec.kinds import ROUTABLE_KINDS
from reconciler.appspec.shape import SPEC, Listing, Shape
from reconciler.appspec.walk import within
from reconciler.plan.align import Secrets, align, scaled_with
from reconciler.plan.canonical import Path, canonical, canonical_items, key_of
from reconciler.plan.diff import place_of
from reconciler.plan.secret_fingerprints import unencrypted, with_variable

_ABSENT: Any = object()

_OLDER_NAMES = {"http_path": "path"}
"""Fields with an older name."""


def payload(
    desired: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    *,
    ignore: Collection[str] = (),
    secrets: Secrets | None = None,
) -> dict[str, Any]:
    """The spec to send; the arguments are not modified.

    Two kinds of values are taken from live: the ciphertext of secrets that are kept, and the values at ignored
    paths (if live has none, none is sent). Everything else is Git's, unknown fields included. If the
    policy asks for fingerprints, one variable with those of the secrets is added.
    """
    if live is None:
        return _marked(desired, desired, secrets, ())
    aligned = align(canonical(desired), canonical(live), ignore=ignore, secrets=secrets)
    out: Any = desired
    for path in _carried(aligned.carried, desired):
        out = _with(SPEC, out, path, _found(SPEC, live, path))
    for component in scaled_with(aligned.carried):
        if _found(SPEC, out, (*component, "autoscaling")) not in (_ABSENT, None):
            out = _with(SPEC, out, (*component, "instance_count"), _ABSENT)
    return _marked(out, desired, secrets, {note.path for note in aligned.notes if note.kind == "ignored"})


def _carried(paths: Collection[Path], desired: Mapping[str, Any]) -> Iterator[Path]:
    """The paths and, if they include all of ingress, the deprecated fields equivalent to its rules."""
    yield from paths
    if any(path in (("ingress",), ("ingress", "rules")) for path in paths):
        tree = canonical(desired)
        for kind in ROUTABLE_KINDS:
            yield from ((kind, name, field) for name in tree.get(kind, {}) for field in ("routes", "cors"))


def _marked(
    out: Mapping[str, Any], desired: Mapping[str, Any], secrets: Secrets | None, ignored: Collection[Path]
) -> dict[str, Any]:
    """The spec with the fingerprints of Git's secrets, except ignored ones, which are not sent."""
    if secrets is None or secrets.fingerprints is None:
        return dict(out)
    values = unencrypted(canonical(desired), beside=ignored)
    return with_variable(out, secrets.fingerprints.text(str(desired.get("name", "")), values))


def _found(shape: Shape | None, node: Any, path: Path) -> Any:
    """The raw value at a path by identity, or `_ABSENT`."""
    for part in path:
        shape, node = _step(shape, node, part)
        if node is _ABSENT:
            return _ABSENT
    return node


def _step(shape: Shape | None, node: Any, part: str) -> tuple[Shape | None, Any]:
    """One part down, in a record by name, in a list by identity or index."""
    if isinstance(node, Mapping):
        return within(shape, part), node.get(part, node.get(_OLDER_NAMES.get(part, part), _ABSENT))
    if isinstance(node, list):
        index = _index(shape, node, part)
        return within(shape, part), _ABSENT if index is None else node[index]
    return None, _ABSENT


def _index(shape: Shape | None, items: list[Any], part: str) -> int | None:
    """The index of a part of a path in a raw list: by identity, or in an ordered list by label or number."""
    if isinstance(shape, Listing) and shape.identity:
        named = (place for place, item in enumerate(items) if isinstance(item, Mapping) and key_of(shape, item) == part)
        return next(named, None)
    return place_of(canonical_items(shape, items), part) if isinstance(shape, Listing) else None


def _with(shape: Shape | None, node: Any, path: Path, value: Any) -> Any:
    """A copy of the node with the value at the path, or without it if the value is absent."""
    part, *rest = path
    if isinstance(node, list):
        return _with_item(shape, node, path, value)
    inner = within(shape, part)
    held = node.get(part, node.get(_OLDER_NAMES.get(part, part)))
    if held is None and value is _ABSENT:
        return node
    below = _with(inner, _empty(inner) if held is None else held, tuple(rest), value) if rest else value
    gone = (_OLDER_NAMES.get(part), part if below is _ABSENT else None)
    out = {name: item for name, item in node.items() if name not in gone}
    return out if below is _ABSENT else {**out, part: below}


def _with_item(shape: Shape | None, items: list[Any], path: Path, value: Any) -> list[Any]:
    part, *rest = path
    index = _index(shape, items, part)
    if index is None:
        added = value if not rest else _ABSENT
        return items if added is _ABSENT else [*items, added]
    item = _with(within(shape, part), items[index], tuple(rest), value) if rest else value
    return [*items[:index], *([] if item is _ABSENT else [item]), *items[index + 1 :]]


def _empty(shape: Shape | None) -> Any:
    return [] if isinstance(shape, Listing) else {}
