"""A spec as a keyed tree: equivalent specs have equal trees.

Lists of named items become dicts by identity, so that order is ignored where it has no meaning (C04, C22). Values
equal to their documented default are omitted, because the platform may or may not write them (C03). Spellings
are unified, secrets become `Opaque`, and the deprecated `routes` and `cors` of a component become ingress rules (C23).
Undocumented fields stay as they are (C11). Every dict is in alphabetical order, so that equal trees are also the same
text.

Trees are only for comparing: nothing that is sent is ever made from one. They are plain dicts and tuples, shared rather
than copied, and must not be modified.

The walk over `shape.SPEC` is not that of `appspec.walk`: it happens once, at import, and leaves a table of fields for
each record, so that a spec costs one look-up a field, a fraction of what parsing it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from reconciler.appspec.kinds import ROUTABLE_KINDS
from reconciler.appspec.secrets import is_ciphertext, is_named_so, is_typed_so
from reconciler.appspec.shape import (
    MISSING,
    SPEC,
    Field,
    Listing,
    Record,
    Scalar,
    Shape,
    canonical_spelling,
    identity_of,
)
from reconciler.appspec.walk import mapped, within
from reconciler.plan.routes import translate_routes
from reconciler.redaction import MASK
from reconciler.text import segments

Tree = dict[str, Any]
"""A canonical spec or a part of one: dicts by field or by identity, tuples, scalars, `Opaque`."""

Path = tuple[str, ...]
"""A place in a canonical spec, by identity: ``("services", "web", "envs", "PORT", "value")``."""

Convert = Callable[[Any], Any]


class Opaque:
    """A secret in a tree. It can be compared, and knows whether it is ciphertext, but never shows its value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @property
    def is_ciphertext(self) -> bool:
        """Whether this is the platform's ciphertext rather than the secret itself."""
        return is_ciphertext(self._value)

    def holds(self, value: object) -> bool:
        """Whether this is exactly that value."""
        return self._value == value

    def reveal(self) -> str:
        """The value itself: for digests and fingerprints only, never for anything that is shown."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Opaque, self._value))

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Refuse to serialise a secret, even with pickle."""
        raise TypeError("a secret cannot be serialised")


_MAPPINGS = (dict, Mapping)  # the first is checked in a tenth of the time
_LISTS = (list, tuple)
_TEXT = frozenset({str})


def canonical(spec: Mapping[str, Any]) -> Tree:
    """The canonical tree of a spec, which may already be canonical.

    The spec is not modified. What does not fit the documented shape is kept as is: validation is done elsewhere.
    """
    return cast("Tree", _CANONICAL_SPEC(spec))


def canonical_items(listing: Listing, items: Sequence[Any]) -> tuple[Any, ...]:
    """The items of a raw list, each canonical by itself."""
    return tuple(map(_converter(listing.item), items))


def key_of(listing: Listing, item: Any) -> str:
    """The key of a raw list item in the canonical tree, without the suffix that distinguishes duplicates."""
    return identity_of(listing, _converter(listing.item)(item))


def identity_path(spec: Mapping[str, Any], pointer: str) -> Path:
    """The path by identity of a JSON pointer with list indexes, as far as the spec's shape defines identities."""
    node: Any = spec
    shape: Shape | None = SPEC
    out: list[str] = []
    for part in segments(pointer):
        listed = isinstance(node, list)
        node = node[int(part) if listed else part]
        keyed = listed and isinstance(shape, Listing) and shape.identity and isinstance(node, Mapping)
        out.append(key_of(shape, node) if keyed and isinstance(shape, Listing) else part)
        shape = within(shape, part)
    return tuple(out)


def plain(value: Any) -> Any:
    """A part of a tree as JSON has it, with ``(secret)`` in place of every secret."""
    return mapped(value, scalar=lambda item: MASK if isinstance(item, Opaque) else item)


def text_of(value: Any) -> str:
    """A part of a tree as a sort key, independent of the order of its dicts. It contains secrets and is never shown."""

    def other(item: object) -> str:
        return f"{type(item).__name__} {item.reveal() if isinstance(item, Opaque) else item}"

    return json.dumps(value, sort_keys=True, default=other)


def _called(member: tuple[Any, Any]) -> str:
    """The sort key of a member of a mapping."""
    return str(member[0])


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 80 and 80.0 are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _opaque(value: Any) -> Any:
    """A secret of any type: in a part that no model knows it may be a number or a mapping."""
    if isinstance(value, str):
        return Opaque(value) if value else value
    return value if value is None or isinstance(value, bool | Opaque) else Opaque(text_of(value))


def _field(field: Field) -> Convert | None:
    if not isinstance(field.shape, Scalar):
        return _converter(field.shape)
    if field.secret:
        return _opaque
    if field.spelling:
        return lambda value: canonical_spelling(field.spelling, value) if value else value
    return None if field.shape.type in ("string", "boolean") else _whole


def _unknown(value: Any, parent: str = "") -> Any:
    """An undocumented part without nulls, which count as absent; fields named like secrets are secrets."""
    if isinstance(value, Mapping):
        members = sorted(value.items(), key=_called)
        return {name: _unnamed(name, item, value, parent) for name, item in members if item is not None}
    if isinstance(value, list | tuple):
        return type(value)(_unknown(item, parent) for item in value if item is not None)
    return Opaque(value) if is_ciphertext(value) else value


def _unnamed(name: str, value: Any, owner: Mapping[str, Any], parent: str = "") -> Any:
    """A field that no model knows; ``parent`` is the field that holds its owner."""
    return _opaque(value) if is_named_so(name, owner, parent) else _unknown(value, name)


def _list(listing: Listing) -> Convert:
    if listing.identity:
        return _keyed(listing, _converter(listing.item))
    item = _converter(listing.item)
    if listing.ordered:
        return lambda value: tuple(map(item, value)) if isinstance(value, list | tuple) else value
    return _set


def _set(value: Any) -> Any:
    """A list without order whose items have no identity but their value."""
    return tuple(sorted(map(_whole, value), key=text_of)) if isinstance(value, list | tuple) else value


def _keyed(listing: Listing, convert: Convert) -> Convert:
    (single,) = listing.identity if len(listing.identity) == 1 else ("",)

    def run(value: Any) -> Any:
        if not isinstance(value, _LISTS):
            if isinstance(value, _MAPPINGS):
                return {key: convert(item) for key, item in sorted(value.items(), key=_called)}
            return _unknown(value)
        items: list[Any] = []
        for item in value:
            if not isinstance(item, _MAPPINGS):
                return _unknown(value)
            items.append(convert(item))
        keys = [item.get(single) for item in items] if single else []
        if keys and _TEXT.issuperset(map(type, keys)) and len(set(keys)) == len(keys):
            return dict(sorted(zip(keys, items, strict=True)))  # no two keys are the same, so items are not compared
        return _disambiguated([(identity_of(listing, item), item) for item in items])

    return run


def _disambiguated(items: list[tuple[str, Tree]]) -> Tree:
    """Items by key; items with the same key are kept as ``web``, ``web#2`` …, in a fixed order."""
    if len({key for key, _ in items}) == len(items):
        return dict(sorted(items, key=itemgetter(0)))
    out: Tree = {}
    for key, item in sorted(items, key=lambda pair: (pair[0], text_of(pair[1]))):
        number, free = 1, key
        while free in out:
            number += 1
            free = f"{key}#{number}"
        out[free] = item
    return out


def _environment(out: Tree) -> Tree:
    """A variable's value is secret if its type says so or the platform encrypted it."""
    if "value" in out and (is_typed_so(out) or is_ciphertext(out["value"])):
        out["value"] = _opaque(out["value"])
    return out


def _autoscaled(out: Tree) -> Tree:
    """Under autoscaling the count depends on the load and is ignored (C26)."""
    if "autoscaling" in out:
        out.pop("instance_count", None)
    return out


def _health_check(out: Tree) -> Tree:
    """``path`` is the older name of ``http_path``."""
    if "path" in out and "http_path" not in out:
        out["http_path"] = out.pop("path")
        return dict(sorted(out.items()))
    return out


def _maintenance(out: Tree) -> Tree:
    """``archive`` implies ``enabled``."""
    if out.get("archive") is True:
        out.pop("enabled", None)
    return out


def _routed(out: Tree) -> Tree:
    """Routes and cors of components become ingress rules; most specs have neither."""
    items = (item for kind in ROUTABLE_KINDS if isinstance(found := out.get(kind), dict) for item in found.values())
    deprecated = any(isinstance(item, dict) and ("routes" in item or "cors" in item) for item in items)
    return dict(sorted(translate_routes(out).items(), key=_called)) if deprecated else out


_FINISH: Mapping[str, Convert] = {
    "AppSpec": _routed,
    "EnvVar": _environment,
    "Service": _autoscaled,
    "Worker": _autoscaled,
    "Job": _autoscaled,
    "HealthCheck": _health_check,
    "Maintenance": _maintenance,
}
"""The final step for a record whose fields are canonical; it may modify the dict it is given."""

_SAME_AS_ABSENT: Mapping[str, Any] = {"PathMatch.prefix": "/"} | {
    f"{record}.cors": {} for record in ("IngressRule", "Service", "StaticSite", "Functions")
}
"""Beyond the documented defaults: a match of the prefix ``/`` applies to every path, like a match without one, and an
empty cross-origin policy is none."""


def _dropped(record: Record, field: Field) -> tuple[Any, ...]:
    """The canonical values of a field that mean the same as omitting it.

    They include the empty string and 0: the API's messages use them as the unset values, and
    its Go client omits them when sending. So are an empty list, and an enumeration's own word for "not set".
    """
    shape = field.shape
    values: list[Any] = []
    if isinstance(shape, Listing):
        values = [{}, ()]
    elif isinstance(shape, Record):
        values = [{}] if field.default == {} else []
    else:
        if field.default is not MISSING:
            values.append(canonical_spelling(field.spelling, field.default) if field.spelling else field.default)
        if shape.type != "boolean":
            values.append("" if shape.type == "string" else 0)
        values += [choice for choice in shape.choices if str(choice).startswith(("UNSET", "UNSPECIFIED"))]
    if (place := f"{record.title}.{field.name}") in _SAME_AS_ABSENT:
        values.append(_SAME_AS_ABSENT[place])
    return tuple(values)


def _record(record: Record) -> Convert:
    table = {name: (_field(field), _dropped(record, field)) for name, field in record.fields.items()}
    finish = _FINISH.get(record.title)

    @lru_cache(maxsize=1024)
    def ordered(names: tuple[str, ...]) -> list[tuple[str, Convert | None, tuple[Any, ...] | None]]:
        return [(name, *table.get(name, (None, None))) for name in sorted(names, key=str)]

    def run(value: Any) -> Any:
        if not isinstance(value, _MAPPINGS):
            return _unknown(value)
        out: Tree = {}
        for name, convert, dropped in ordered(tuple(value)):  # most records of a fleet have the same few fields
            raw = value[name]
            if raw is None:
                continue
            if dropped is None:
                out[name] = _unnamed(name, raw, value)
                continue
            kept = raw if convert is None else convert(raw)
            if kept not in dropped:
                out[name] = kept
        return finish(out) if finish else out

    return run


_converters: dict[int, Convert] = {}


def _converter(shape: Shape) -> Convert:
    """The function that makes a part canonical; built once per shape."""
    if id(shape) not in _converters:
        keyed = _list(shape) if isinstance(shape, Listing) else _whole
        _converters[id(shape)] = _record(shape) if isinstance(shape, Record) else keyed
    return _converters[id(shape)]


_CANONICAL_SPEC = _converter(SPEC)
