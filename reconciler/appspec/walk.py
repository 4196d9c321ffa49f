"""The one walk over documents by the shape of an app spec: steps, a search, a copy, a check, the fields themselves.

Any document can be walked, whatever is wrong with it: what no model knows has the shape None. The walks that are not
made here are of another kind, and say so: `plan.canonical` (compiled once, as it is run on every spec), `plan.diff`,
`plan.align` and `desired.live_edits` (two documents at once).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from math import inf
from typing import Any, NamedTuple

from reconciler.appspec import marks
from reconciler.appspec.shape import SPEC, Field, Listing, Record, Scalar, ScalarType, Shape
from reconciler.text import pointer_token

_LISTS = (list, tuple)
_PARTS = (dict, list, tuple)

# --- steps -----------------------------------------------------------------------------------------------------------


def field_of(shape: Shape | None, name: Any) -> Field | None:
    """The field of that name; None if the shape is not a record or has no such field."""
    return shape.fields.get(name) if isinstance(shape, Record) else None


def within(shape: Shape | None, part: Any) -> Shape | None:
    """The shape one step down: that of a list's items whatever the part is, or of the field of that name."""
    if isinstance(shape, Listing):
        return shape.item
    field = field_of(shape, part)
    return field.shape if field else None


def shape_at(path: Iterable[str | int]) -> Shape | None:
    """The shape at a path of a spec; items of lists by index or by identity."""
    shape: Shape | None = SPEC
    for part in path:
        shape = within(shape, part)
    return shape


# --- a search --------------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """A field set in a document: its JSON pointer, its field in the models, its value, the mapping that has it."""

    pointer: str
    field: Field
    value: Any
    owner: dict[str, Any]


Wanted = Callable[[Field | None, Any, Mapping[str, Any], str], bool]
"""Called with a field, its name, the mapping that holds it, and the name of the field that holds that mapping."""


def find(
    node: Any,
    wanted: Wanted,
    shape: Shape | None = SPEC,
    pointer: str = "",
    *,
    parent: str = "",
    never: Mapping[str, frozenset[str]] = {},
) -> list[tuple[str, Any]]:
    """Pointer and value of the wanted fields of a document, outermost first, and nothing below them.

    A mapping where a list should be is taken for one of its items. ``never`` names scalar fields of records, by their
    title, that need not be looked at: a value that is no scalar is looked into all the same.
    """
    found: list[tuple[tuple[Any, ...], Any]] = []
    _search(node, (wanted, never), shape, ((), parent), found)
    return [(pointer + "".join(f"/{pointer_token(part)}" for part in path), value) for path, value in found]


def _search(
    node: Any,
    sought: tuple[Wanted, Mapping[str, frozenset[str]]],
    shape: Shape | None,
    place: tuple[tuple[Any, ...], str],
    found: list[tuple[tuple[Any, ...], Any]],
) -> None:
    """Add what is wanted to ``found`` with its path. Pointers are made of the few paths that lead to something."""
    path, parent = place
    wanted, never = sought
    if isinstance(node, dict):  # a check for Mapping takes ten times as long
        record = shape.item if isinstance(shape, Listing) else shape
        fields, skipped = (record.fields, never.get(record.title, ())) if isinstance(record, Record) else ({}, ())
        for name, value in node.items():
            if name in skipped and not isinstance(value, _PARTS):
                continue
            field = fields.get(name)
            if wanted(field, name, node, parent):
                found.append(((*path, name), value))
            elif isinstance(value, _PARTS):
                _search(value, sought, field.shape if field else None, ((*path, name), name), found)
    elif isinstance(node, _LISTS):
        item = shape.item if isinstance(shape, Listing) else shape
        for index, value in enumerate(node):
            if isinstance(value, _PARTS):
                _search(value, sought, item, ((*path, index), parent), found)


Branches = Mapping[str, tuple[Field, Any]]
"""The fields of a record that are wanted (with None) or have wanted ones below (with their branches)."""


def branches(record: Record, wanted: Callable[[Record, Field], bool]) -> Branches:
    """The branches of a record that lead to wanted fields: for a search by `find_known` that passes over the rest."""
    out: dict[str, tuple[Field, Any]] = {}
    for name, field in record.fields.items():
        below = _record_below(field.shape)
        if wanted(record, field):
            out[name] = (field, None)
        elif below and (tree := branches(below, wanted)):
            out[name] = (field, tree)
    return out


def find_known(node: Any, tree: Branches, pointer: str = "") -> Iterator[Found]:
    """The wanted fields of the models that a document sets, null left out."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from find_known(item, tree, f"{pointer}/{index}")
    elif isinstance(node, dict):
        for name, (field, below) in tree.items():
            value = node.get(name)
            if value is None:
                continue
            if below is None:
                yield Found(f"{pointer}/{name}", field, value, node)
            else:
                yield from find_known(value, below, f"{pointer}/{name}")


# --- a copy ----------------------------------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def mapped(
    value: Any,
    shape: Shape | None = None,
    *,
    members: Callable[[Mapping[Any, Any], Record | None], Iterable[tuple[Any, Any]]] | None = None,
    scalar: Callable[[Any], Any] = _same,
) -> Any:
    """A copy of a document, made from the outside in; tuples become lists.

    Args:
        value: the document or a part of it.
        shape: its shape in the models.
        members: gives the members of a mapping in the copy, before they are copied themselves.
        scalar: returns the replacement for anything that is neither a mapping nor a list.
    """

    def copy(value: Any, shape: Shape | None) -> Any:
        if isinstance(value, dict):
            record = shape if isinstance(shape, Record) else None
            items = members(value, record) if members else value.items()
            if record is None:
                return {name: copy(item, None) for name, item in items}
            return {name: copy(item, within(record, name)) for name, item in items}
        if isinstance(value, _LISTS):
            below = shape.item if isinstance(shape, Listing) else None
            return [copy(item, below) for item in value]
        return scalar(value)

    return copy(value, shape)


# --- the shape itself ------------------------------------------------------------------------------------------------


def fields_below(shape: Shape, parent: str = "") -> Iterator[tuple[Record, str, Field]]:
    """Every field below a shape, with its record and the name of the field that holds that record."""
    record = _record_below(shape)
    if record:
        for name, field in record.fields.items():
            yield record, parent, field
            yield from fields_below(field.shape, name)


def _record_below(shape: Shape) -> Record | None:
    shape = shape.item if isinstance(shape, Listing) else shape
    return shape if isinstance(shape, Record) else None


# --- a check ---------------------------------------------------------------------------------------------------------
#
# The answer alone, for the many specs that are in order: functions made once from the tree take microseconds a spec,
# where a validator of a library would first be imported and built for longer than everything else takes together. Why a
# spec is refused is for `schema.spec_schema` and jsonschema to say; a property test holds the two to the same answer.


Check = Callable[[Any], bool]
"""Whether a value that is not null is accepted."""


def accepts(spec: object) -> bool:
    """Whether the models accept a spec: no unknown fields, no missing ones, strict types, values within limits."""
    return _spec()(spec)


@cache
def _spec() -> Check:
    return _check(SPEC)


def _check(shape: Shape) -> Check:
    match shape:
        case Record():
            return _record(shape)
        case Listing(item):
            of_item = _check(item)
            return lambda value: isinstance(value, list) and all(map(of_item, value))
        case Scalar(kind, ()):
            return _limited(_TYPES[kind], shape.limits) if shape.limits.limited else _TYPES[kind]
        case Scalar(_, choices):
            kinds = type(choices[0])
            return lambda value: type(value) is kinds and value in choices


def _record(record: Record) -> Check:
    checks = {name: _check(field.shape) for name, field in record.fields.items()}
    required = frozenset(name for name, field in record.fields.items() if field.required)

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        for name, item in value.items():
            of_field = checks.get(name)
            if of_field is None or not (name not in required if item is None else of_field(item)):
                return False
        return True

    return check


def _limited(of_type: Check, limits: marks.Field) -> Check:
    low = -inf if limits.ge is None else limits.ge
    high = inf if limits.le is None else limits.le
    shortest, longest = limits.min_length or 0, inf if limits.max_length is None else limits.max_length
    search = re.compile(re.sub(r"\$$", r"\\Z", limits.pattern)).search  # `$` also matches before a final line break

    def check(value: Any) -> bool:
        if not of_type(value):
            return False
        if isinstance(value, str):
            return shortest <= len(value) <= longest and search(value) is not None
        return bool(low <= value <= high)

    return check


_TYPES: Mapping[ScalarType, Check] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
