"""Walking only those branches of a spec in which a certain kind of field can stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.appspec.shape import Field, Listing, Record, Shape

Tree = Mapping[str, tuple[Field, Any]]
"""The fields of a record that are wanted (with None) or have wanted ones below (with their tree)."""


def pruned(record: Record, wanted: Callable[[Field], bool]) -> Tree:
    """The branches of a record that lead to wanted fields."""
    out: dict[str, tuple[Field, Any]] = {}
    for name, field in record.fields.items():
        below = _record_of(field.shape)
        if wanted(field):
            out[name] = (field, None)
        elif below and (tree := pruned(below, wanted)):
            out[name] = (field, tree)
    return out


def hits(node: Any, tree: Tree, pointer: str = "") -> Iterator[tuple[str, Field, Any, Mapping[str, Any]]]:
    """Pointer, field, value and owner of every wanted field that is set, in any document."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from hits(item, tree, f"{pointer}/{index}")
    elif isinstance(node, Mapping):
        for name, (field, below) in tree.items():
            value = node.get(name)
            if value is None:
                continue
            if below is None:
                yield f"{pointer}/{name}", field, value, node
            else:
                yield from hits(value, below, f"{pointer}/{name}")


def _record_of(shape: Shape) -> Record | None:
    match shape:
        case Record():
            return shape
        case Listing(Record() as item):
            return item
        case _:
            return None
