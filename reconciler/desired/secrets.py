"""Where plaintext credentials stand in a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from reconciler.appspec.shape import SPEC, Field, Listing, Record, Shape

_CIPHERTEXT = re.compile(r"\s*EV\[")
_REFERENCE = re.compile(r"\$\{[^{}]*\}")

_Tree = Mapping[str, tuple[Field, Any]]
"""The fields of a record under which a secret can stand, each with the tree below it."""


def plaintext_secrets(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pointer and value of every credential that stands in the spec as plaintext.

    Neither ciphertext (``EV[…]``) nor a value that only refers to bindable variables (``${db.PASSWORD}``) is one.
    An environment variable counts as soon as its type is anything but GENERAL: a misspelt SECRET is one, too.
    """
    yield from _walk(spec, _tree(), "")


@cache
def _tree() -> _Tree:
    return _pruned(SPEC)


def _pruned(record: Record) -> _Tree:
    out: dict[str, tuple[Field, Any]] = {}
    for name, field in record.fields.items():
        if field.secret or field.secret_when_typed:
            out[name] = (field, None)
            continue
        below = _record_of(field.shape)
        tree = _pruned(below) if below else {}
        if tree:
            out[name] = (field, tree)
    return out


def _record_of(shape: Shape) -> Record | None:
    match shape:
        case Record():
            return shape
        case Listing(Record() as item):
            return item
        case _:
            return None


def _walk(node: Any, tree: _Tree, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk(item, tree, f"{pointer}/{index}")
        return
    if not isinstance(node, Mapping):
        return
    for name, (field, below) in tree.items():
        value = node.get(name)
        if value is None:
            continue
        if below is not None:
            yield from _walk(value, below, f"{pointer}/{name}")
        elif isinstance(value, str) and is_plaintext(value) and (field.secret or _is_typed(node)):
            yield f"{pointer}/{name}", value


def _is_typed(env: Mapping[str, Any]) -> bool:
    return env.get("type") not in (None, "GENERAL")


def is_plaintext(value: str) -> bool:
    """Whether a credential's value says something itself: it is not empty, no ciphertext, and no mere reference."""
    return bool(value.strip()) and not _CIPHERTEXT.match(value) and bool(_REFERENCE.sub("", value).strip())
