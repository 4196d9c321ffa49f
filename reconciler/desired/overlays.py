"""Overlays: partial specs that are merged into a base spec by identity, and RFC 6902 operations (docs/decisions/016).

Merging moves `Part`s, which know where they were written, so that afterwards every value still has its file and line.
Nothing here reads files. What a mistake leads to is a finding, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.kinds import BUILT_KINDS, COMPONENT_KINDS, SINGULAR, SOURCE_FIELDS
from reconciler.appspec.shape import SPEC, Listing, Record, Shape
from reconciler.appspec.walk import within
from reconciler.desired.parts import Part, identity_in, part_of
from reconciler.desired.patches import PATCH, Patching
from reconciler.desired.reading import guide_of
from reconciler.findings import Finding, Severity
from reconciler.text import did_you_mean, nearest
from reconciler.yamltext import Document

OVERLAY_GUIDE = guide_of(SPEC, named=True)
"""Which values of an overlay are text."""

_TYPO = 0.88
"""How similar a new name must be to a known one to be taken for a misspelling of it."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One document of an overlay file, for the app of that name."""

    name: str
    document: Document

    @property
    def is_patch(self) -> bool:
        """Whether it holds operations."""
        return PATCH in self.document.data

    def apply(self, base: Part) -> list[Finding]:
        """Change the base spec; returns what is wrong with this overlay."""
        data = self.document.data
        if self.is_patch:
            return Patching(self.document).run(base, data)
        merge = Merge()
        over = part_of({key: value for key, value in data.items() if key != "name"}, self.document, "")
        base.value = merge.value(base, over, SPEC, ()).value
        return merge.findings


@dataclass(slots=True)
class Merge:
    """One merge of a partial spec; collects what is wrong with it."""

    findings: list[Finding] = field(default_factory=list)

    def value(self, ours: Part, theirs: Part, shape: Shape | None, path: tuple[str, ...]) -> Part:
        """The base's part with the overlay's merged into it."""
        named = isinstance(shape, Listing) and bool(shape.identity)
        if isinstance(shape, Listing) and named and isinstance(ours.value, list):
            items = list(self._named(theirs, shape))
            if items or isinstance(theirs.value, dict | list):
                return self._keyed(ours, (theirs, items), shape, path)
        elif isinstance(ours.value, dict) and isinstance(theirs.value, dict):
            record = shape if isinstance(shape, Record) else None
            for name, below in theirs.value.items():
                self._member(ours, name, below, record, path)
            return ours
        if _kind(ours.value) == _kind(theirs.value):
            return theirs
        message = f"{_shown(path)} is {_kind(theirs.value)} here and {_kind(ours.value)} in the base ({ours.at()})"
        self._wrong("overlay-invalid", message, "write it as the base does", theirs, ours)
        return ours

    def _member(self, ours: Part, name: str, theirs: Part, record: Record | None, path: tuple[str, ...]) -> None:
        """Merge one field of a mapping; null removes it."""
        mine, here = ours.value.get(name), (*path, name)
        present = mine is not None and mine.value is not None
        if theirs.value is None:
            if not present:
                self._no_match(f"{_shown(here)} is not in the base, so null removes nothing", name, ours.value, theirs)
            ours.value.pop(name, None)
            return
        if not present:
            if record is not None and name not in record.fields:
                message = f"{_shown(here)}: no such field in the base or in App Platform's specs"
                self._no_match(message, name, record.fields, theirs, adds=True)
                return
            mine = _empty(theirs, within(record, name))
        ours.value[name] = self.value(mine, theirs, within(record, name), here)

    # --- lists of items with an identity -----------------------------------------------------------------------------

    def _named(self, theirs: Part, listing: Listing) -> Iterator[tuple[str, Part]]:
        """The overlay's items by identity: those of a list, or of a mapping by name."""
        if isinstance(theirs.value, dict):
            yield from theirs.value.items()
        for item in theirs.value if isinstance(theirs.value, list) else ():
            identity = identity_in(item, listing)
            if identity:
                yield identity, item
            else:
                hint = f"name it by its {' and '.join(listing.identity)}"
                self._wrong("overlay-invalid", "this list item has no identity", hint, item)

    def _keyed(
        self, ours: Part, theirs: tuple[Part, list[tuple[str, Part]]], listing: Listing, path: tuple[str, ...]
    ) -> Part:
        whole, items = theirs
        if not whole.value:
            hint = "null removes the whole list; `name: null` in a mapping removes one item"
            self._wrong("overlay-ambiguous", f"{_shown(path)} is empty, which changes nothing", hint, whole)
        given: dict[str, Part] = {}
        for identity, item in items:
            known = [one for one in ours.value if identity_in(one, listing) == identity]
            first = given.setdefault(identity, item)
            if first is not item or len(known) > 1:
                other, where = (first, "here") if first is not item else (known[1], "in the base")
                message = f"{_shown((*path, identity))} is {where} more than once ({other.at()})"
                self._wrong("overlay-ambiguous", message, "name each item once", item, other)
            elif known and item.value is None:
                ours.value.remove(known[0])
            elif known:
                self._merged_item(ours, known[0], (identity, item), listing, path)
            else:
                self._unknown_item(ours, (identity, item), listing, path)
        return ours

    def _unknown_item(self, ours: Part, theirs: tuple[str, Part], listing: Listing, path: tuple[str, ...]) -> None:
        """Add an item that the base lacks, if that is meant."""
        (identity, item), here = theirs, (*path, theirs[0])
        siblings = [identity_in(one, listing) for one in ours.value]
        if item.value is None:
            self._no_match(f"{_shown(here)} is not in the base, so null removes nothing", identity, siblings, item)
        elif self._may_be_new(identity, item, siblings, listing, path):
            ours.value.append(self._new(identity, item, listing, here))

    def _merged_item(
        self, ours: Part, mine: Part, theirs: tuple[str, Part], listing: Listing, path: tuple[str, ...]
    ) -> None:
        """Merge an item into the one of its identity, whose spelling stays."""
        identity, item = theirs
        if isinstance(item.value, dict):
            rest = {name: value for name, value in item.value.items() if name not in listing.identity}
            item = Part(rest, item.document, item.pointer)
        place = next(index for index, one in enumerate(ours.value) if one is mine)
        ours.value[place] = self.value(mine, item, listing.item, (*path, identity))

    def _may_be_new(
        self, identity: str, item: Part, siblings: Collection[str], listing: Listing, path: tuple[str, ...]
    ) -> bool:
        """Whether an item that the base lacks is meant to be added: complete, and no misspelling of another."""
        kind = path[0] if len(path) == 1 and path[0] in COMPONENT_KINDS else ""
        sourceless = kind in BUILT_KINDS and isinstance(item.value, dict) and not item.value.keys() & {*SOURCE_FIELDS}
        if sourceless:
            message = f"the base has no {SINGULAR[kind]} {identity!r}, and adding one needs a source"
        elif listing.identity in (("name",), ("key",)) and _misspelt(identity, siblings):
            message = f"{_shown((*path, identity))} is not in the base"
        else:
            return True
        self._no_match(message, identity, siblings, item, adds=not sourceless)
        return False

    def _new(self, identity: str, item: Part, listing: Listing, path: tuple[str, ...]) -> Part:
        """A new item; one that is written by name gets the field that names it."""
        new = self.value(_empty(item, listing.item), item, listing.item, path)
        if isinstance(new.value, dict) and len(listing.identity) == 1 and listing.identity[0] not in new.value:
            new.value = {listing.identity[0]: Part(identity, item.document, item.pointer), **new.value}
        return new

    # --- findings ----------------------------------------------------------------------------------------------------

    def _no_match(self, message: str, name: str, known: Collection[str], part: Part, *, adds: bool = False) -> None:
        hint = did_you_mean(name, known)
        if adds:
            hint = "; ".join(filter(None, [hint, "to add it anyway, write an operation: `op: add`"]))
        self._wrong("overlay-no-match", message, hint, part)

    def _wrong(self, code: str, message: str, hint: str, part: Part, other: Part | None = None) -> None:
        related = (other.at(),) if other else ()
        self.findings.append(Finding(Severity.ERROR, code, message, hint, part.at(), related))


def _empty(theirs: Part, shape: Shape | None) -> Part:
    """What an overlay's part is merged into if the base has nothing there."""
    listed = isinstance(shape, Listing) and bool(shape.identity) and isinstance(theirs.value, dict | list)
    value = [] if listed else {} if isinstance(theirs.value, dict) else theirs.value
    return Part(value, theirs.document, theirs.pointer)


def _misspelt(name: str, known: Collection[str]) -> bool:
    """Whether a name is nearly that of another item; those that differ in their numbers alone are meant."""
    near = nearest(name, known, cutoff=_TYPO)
    return bool(near) and re.sub(r"\d", "", near) != re.sub(r"\d", "", name)


def _kind(value: Any) -> str:
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a single value"


def _shown(path: tuple[str, ...]) -> str:
    return "/".join(path) or "the spec"
