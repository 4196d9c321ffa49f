"""Collects the edits that make a spec's text match the live spec, walking its nodes.

The text, its data and the wanted data are walked together, along the paths that differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from reconciler.appspec.secrets import is_ciphertext, is_marked, is_plaintext
from reconciler.appspec.shape import Field, Listing, Record, Scalar, Shape, canonical_spelling, written_identity
from reconciler.appspec.walk import field_of
from reconciler.desired.export import field_order, is_default, tidy
from reconciler.yamltext.edit import CannotEdit, Edits
from reconciler.yamltext.nodes import Entry, NodeText
from reconciler.yamltext.write import bare


class All:
    """Everything below differs or may differ."""


ALL = All()
Trie = dict[str, "Trie | All"]
"""The paths that differ, as a tree; `ALL` where they end."""

_ABSENT: Any = None
"""Null and an absent key are equivalent."""


class Merger:
    """Walks the text, its data (``have``) and the wanted data (``want``) together, and collects edits."""

    def __init__(self, edits: Edits) -> None:
        self.edits = edits

    def mapping(
        self, node: NodeText, have: Mapping[str, Any], want: Mapping[str, Any], record: Record | None, trie: Trie | All
    ) -> dict[str, Any]:
        """Edit a mapping; returns its resulting data."""
        out = dict(have)
        gone: list[int] = []
        new: list[str] = []
        for name in _names(have, want, trie):
            field = field_of(record, name)
            below = trie if isinstance(trie, All) else trie[name]
            if _is_live_plaintext(field, want, name) or (isinstance(below, All) and _same(field, have, want, name)):
                continue
            value = self._member(node, (have, want, name), record, below)
            if value is not _ABSENT:
                out[name] = value
                if node.child(name) is None:
                    new.append(name)
            elif name in have:
                del out[name]
                gone.append(_number(node, node.child(name)))
        self._older_names(node, record, out, new, gone)
        if gone and len(gone) == len(node.entries) and (node.flow or not new):
            raise CannotEdit
        self.edits.remove(node, gone)
        for name in _ordered(new, record):
            self.edits.insert(node, _after(node, name, record), name, _written(name, want[name], want, record)[name])
        return out

    def _member(
        self,
        node: NodeText,
        at: tuple[Mapping[str, Any], Mapping[str, Any], str],
        record: Record | None,
        trie: Trie | All,
    ) -> Any:
        """Edit one key; returns its resulting value, None if the key is removed."""
        have, want, name = at
        entry, theirs = node.child(name), want.get(name)
        field = field_of(record, name)
        if theirs is _ABSENT:
            return _ABSENT
        if entry is None:
            return bare(_written(name, theirs, want, record).get(name))
        if have.get(name) is _ABSENT:
            return self._replaced(node, entry, theirs, field)
        return self.value(node, entry, have[name], theirs, (field, trie))

    def _older_names(
        self, node: NodeText, record: Record | None, out: dict[str, Any], new: Sequence[str], gone: list[int]
    ) -> None:
        """Put a field that appears under its newer name in the place of the older one."""
        for name in list(out):
            field = field_of(record, name)
            if field and field.deprecated in new:
                del out[name]
                gone.append(_number(node, node.child(name)))

    def value(
        self, parent: NodeText, entry: Entry, have: Any, want: Any, guide: tuple[Field | None, Trie | All]
    ) -> Any:
        """Edit an entry's value; returns the result, None if nothing is left."""
        field, trie = guide
        node, shape = entry.value, field.shape if field else None
        if node.kind == "mapping" and isinstance(have, Mapping) and isinstance(want, Mapping) and node.entries:
            return self.mapping(node, have, want, shape if isinstance(shape, Record) else None, trie)
        if node.kind == "sequence" and isinstance(have, list) and isinstance(want, list) and want and node.entries:
            return self._sequence(node, have, want, shape if isinstance(shape, Listing) else None, trie)
        return self._replaced(parent, entry, want, field)

    def _replaced(self, parent: NodeText, entry: Entry, want: Any, field: Field | None) -> Any:
        if entry.explicit:
            raise CannotEdit
        value = tidy(want, field.shape if field else None)
        if value is None or (value == [] and field is not None):
            return _ABSENT
        self.edits.replace_value(parent, entry, value)
        return bare(value)

    # --- lists -------------------------------------------------------------------------------------------------------

    def _sequence(
        self, node: NodeText, have: list[Any], want: list[Any], listing: Listing | None, trie: Trie | All
    ) -> list[Any] | None:
        if listing and listing.identity:
            ours, theirs = _by_identity(listing, have), _by_identity(listing, want)
            if ours is not None and theirs is not None:
                found = {name: want[number] for name, number in theirs.items()}
                return self._keyed(node, (have, ours), found, listing, trie)
        item = listing.item if listing else None
        before = [_text(value, item) for value in have]
        after = [_text(value, item) for value in want]
        as_set = listing is not None and not listing.ordered and not listing.identity
        if before == after or (as_set and sorted(before) == sorted(after)):
            return have
        return self._aligned(node, have, want, item, SequenceMatcher(None, before, after, autojunk=False))

    def _keyed(
        self,
        node: NodeText,
        ours: tuple[list[Any], dict[str, int]],
        theirs: Mapping[str, Any],
        listing: Listing,
        trie: Trie | All,
    ) -> list[Any] | None:
        have, numbers = ours
        out: dict[int, Any] = dict(enumerate(have))
        new: list[Any] = []
        for name in _names(numbers, theirs, trie):
            number = numbers.get(name)
            if number is None and name not in theirs:
                raise CannotEdit  # a path that exists on neither side, so it did not come from comparing these two
            if number is None:
                new.append(tidy(theirs[name], listing.item))
            elif name not in theirs:
                del out[number]
            else:
                below = trie if isinstance(trie, All) else trie[name]
                guide = (Field(name, listing.item), below)
                out[number] = self.value(node, node.entries[number], have[number], theirs[name], guide)
        if not out and not new:
            return None
        if not out and node.flow:
            raise CannotEdit
        self.edits.remove(node, set(numbers.values()) - out.keys())
        for item in new:
            self.edits.insert(node, len(node.entries) - 1, None, item)
        return [*(out[number] for number in sorted(out)), *map(bare, new)]

    def _aligned(
        self, node: NodeText, have: list[Any], want: list[Any], item: Shape | None, matcher: SequenceMatcher[str]
    ) -> list[Any] | None:
        """Edit an ordered list: what stays is kept in place, what only moved keeps its text."""
        if not want:
            return None
        out: list[Any] = []
        gone: list[int] = []
        new: list[tuple[int, Any]] = []
        for kind, first, last, begin, end in matcher.get_opcodes():
            pairs = min(last - first, end - begin) if kind == "replace" else 0
            if kind == "equal":
                out += have[first:last]
                continue
            for offset in range(pairs):
                entry = node.entries[first + offset]
                guide = (Field("", item) if item else None, ALL)
                out.append(self.value(node, entry, have[first + offset], want[begin + offset], guide))
            gone += range(first + pairs, last)
            for value in want[begin + pairs : end]:
                new.append((first + pairs - 1 if pairs else first - 1, tidy(value, item)))
                out.append(bare(new[-1][1]))
        if len(gone) == len(node.entries) and node.flow:
            raise CannotEdit
        self.edits.remove(node, gone)
        for after, value in new:
            self.edits.insert(node, after, None, value)
        return out


# --- comparing -------------------------------------------------------------------------------------------------------


def _names(have: Mapping[str, Any], want: Mapping[str, Any], trie: Trie | All) -> list[str]:
    return [*have, *(name for name in want if name not in have)] if isinstance(trie, All) else list(trie)


def _same(field: Field | None, have: Mapping[str, Any], want: Mapping[str, Any], name: str) -> bool:
    """Whether a field is the same on both sides, as far as that can be known: ciphertext cannot be compared."""
    ours, theirs = have.get(name), want.get(name)
    if field is None:
        return bool(ours == theirs) and isinstance(ours, bool) == isinstance(theirs, bool)
    if is_ciphertext(theirs):
        return ours == theirs or (is_marked(field, have) and not is_ciphertext(ours))
    if is_default(field, ours) and is_default(field, theirs):
        return True
    return (
        ours is not None and theirs is not None and _text(ours, field.shape, field) == _text(theirs, field.shape, field)
    )


def _text(value: Any, shape: Shape | None, field: Field | None = None) -> str:
    """A value in canonical spelling, for comparing."""
    if isinstance(shape, Scalar) and field and field.spelling:
        value = canonical_spelling(field.spelling, value)
    return json.dumps(bare(tidy(value, shape)), sort_keys=True)


def _by_identity(listing: Listing, items: Sequence[Any]) -> dict[str, int] | None:
    """The items' indexes by identity; None if identities are not unique."""
    out: dict[str, int] = {}
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            return None
        out[written_identity(listing, item)] = number
    return out if len(out) == len(items) else None


# --- places ----------------------------------------------------------------------------------------------------------


def _number(node: NodeText, entry: Entry | None) -> int:
    if entry is None:
        raise CannotEdit  # the key comes from a merge
    return next(number for number, one in enumerate(node.entries) if one is entry)


def _ordered(names: Sequence[str], record: Record | None) -> list[str]:
    order = field_order(record)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def _after(node: NodeText, name: str, record: Record | None) -> int:
    """The index of the entry that a new one follows: the last of those that come before it in order."""
    order = field_order(record)
    if name not in order:
        return len(node.entries) - 1
    before = set(order[: order.index(name)])
    return max((number for number, entry in enumerate(node.entries) if entry.key in before), default=0)


# --- values ----------------------------------------------------------------------------------------------------------


def _written(name: str, value: Any, around: Mapping[str, Any], record: Record | None) -> dict[str, Any]:
    """One field as it is written, within its record: whether it is a secret depends on the sibling ``type``."""
    beside = {"type": around["type"]} if "type" in around else {}
    return dict(tidy({**beside, name: value}, record))


def _is_live_plaintext(field: Field | None, want: Mapping[str, Any], name: str) -> bool:
    """Whether the live value is a plaintext secret, which is never written."""
    value = want.get(name)
    return field is not None and is_marked(field, want) and isinstance(value, str) and is_plaintext(value)
