"""Applies RFC 6902 operations to a spec, whose paths name the items of lists by identity: ``/services/web/image/tag``.

Items of lists without an identity are named by number, ``-`` is the place after the last one. An operation that does
not apply is a finding at its line, and the following ones are tried all the same, so that every mistake is shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.appspec.shape import SPEC, Listing, Shape
from reconciler.appspec.walk import within
from reconciler.desired.parts import Part, copied, identity_in, part_of, taken_apart
from reconciler.desired.reading import guide_of
from reconciler.findings import Finding, Severity
from reconciler.text import did_you_mean, segments
from reconciler.yamltext import Document

PATCH = "patch"
"""The field of an overlay that holds operations instead of a partial spec."""

FIELDS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("from", "path"),
    "copy": ("from", "path"),
    "test": ("path", "value"),
}
"""The operations of `appspec.schema` with their fields."""


class Refused(Exception):
    """An operation that cannot be applied: the code of the finding, its message and hint."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Place(NamedTuple):
    """A place in a spec: the part that holds it, the last segment, the shape of what is there, the key or index.

    ``index`` is None where nothing is yet.
    """

    holder: Part
    name: str
    holds: Shape | None
    shape: Shape | None
    index: Any


@dataclass(frozen=True, slots=True)
class Patching:
    """The operations of one document."""

    document: Document

    def run(self, base: Part, data: dict[str, Any]) -> list[Finding]:
        """Apply the operations in order; returns what is wrong with them."""
        if found := self._malformed(data):
            return [found]
        findings = []
        for number, operation in enumerate(data[PATCH]):
            at = f"/{PATCH}/{number}"
            try:
                self._apply(base, operation, at)
            except Refused as why:
                findings.append(self._finding(why, f"{at}/path"))
        return findings

    def _malformed(self, data: dict[str, Any]) -> Finding | None:
        hint = "write a list of operations, such as `{op: replace, path: /services/web/instance_count, value: 3}`"
        if not isinstance(data[PATCH], list) or not all(isinstance(one, dict) for one in data[PATCH]):
            return self._finding(Refused("overlay-invalid", "patch is not a list of operations", hint), f"/{PATCH}")
        if others := sorted(data.keys() - {PATCH, "name"}):
            message = f"{others[0]!r} next to patch: an overlay is either a partial spec or operations"
            why = Refused("overlay-ambiguous", message, "write two overlays, in two documents")
            return self._finding(why, f"/{others[0]}")
        return None

    def _finding(self, why: Refused, pointer: str) -> Finding:
        return Finding(Severity.ERROR, why.code, why.message, why.hint, self.document.locate(pointer))

    def _apply(self, base: Part, operation: dict[str, Any], at: str) -> None:
        word = _checked(operation)
        source = _existing(base, operation["from"]) if "from" in FIELDS[word] else None
        moved = copied(source.holder.value[source.index]) if source else None
        if word == "move" and source:
            del source.holder.value[source.index]
        place = _place(base, operation["path"])
        value = moved or self._value(place, operation, at)
        match word:
            case "add" | "move" | "copy":
                _add(place, value)
            case "remove":
                del _present(place).holder.value[place.index]
            case "replace":
                _check_identity(_present(place), value)
                place.holder.value[place.index] = value
            case _:
                if taken_apart(_present(place).holder.value[place.index])[0] != taken_apart(value)[0]:
                    raise Refused("overlay-invalid", f"test: {operation['path']} has a different value")

    def _value(self, place: Place, operation: dict[str, Any], at: str) -> Part:
        """The value of an operation, read as what its place holds: text stays text."""
        if "value" not in operation:
            return Part(None, self.document, at)
        data = self.document.built(f"{at}/value", guide_of(place.shape))
        return part_of(data, self.document, f"{at}/value")


def _checked(operation: dict[str, Any]) -> str:
    """The word of an operation.

    Raises:
        Refused: it is none, or lacks something.
    """
    word = str(operation.get("op"))
    if word not in FIELDS:
        hint = did_you_mean(word, FIELDS, f"use one of {', '.join(FIELDS)}")
        raise Refused("overlay-invalid", f"unknown operation {word!r}", hint)
    missing = [name for name in FIELDS[word] if name not in operation]
    wrong = [name for name in ("path", "from") if name in FIELDS[word] and not _is_path(operation.get(name))]
    if missing or wrong:
        name = (missing or wrong)[0]
        message = f"{word} needs {name}" if missing else f"{name} is not a path by identity"
        raise Refused("overlay-invalid", message, "such as /services/web/envs/LOG_LEVEL/value")
    return word


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _place(base: Part, path: str) -> Place:
    """The place that a path names; everything above it must be there.

    Raises:
        Refused: it is not.
    """
    node = base
    shape: Shape | None = SPEC
    *above, last = segments(path)
    for depth, name in enumerate(above):
        index = _index(node, name, shape)
        if index is None:
            shown = "/" + "/".join(above[: depth + 1])
            raise Refused("overlay-no-match", f"{shown} is not in the base", _near(node, name, shape))
        node, shape = node.value[index], within(shape, name)
    return Place(node, last, shape, within(shape, last), _index(node, last, shape))


def _existing(base: Part, path: str) -> Place:
    return _present(_place(base, path))


def _present(place: Place) -> Place:
    """The same place.

    Raises:
        Refused: nothing is there.
    """
    if place.index is None:
        raise Refused(
            "overlay-no-match", f"{place.name} is not in the base", _near(place.holder, place.name, place.holds)
        )
    return place


def _index(node: Part, name: str, shape: Shape | None) -> Any:
    """The key or index under a name; None if there is none."""
    if isinstance(node.value, dict):
        return name if name in node.value else None
    if not isinstance(node.value, list):
        return None
    if isinstance(shape, Listing) and shape.identity:
        found = [index for index, one in enumerate(node.value) if identity_in(one, shape) == name]
        if len(found) > 1:
            raise Refused("overlay-ambiguous", f"{name} is in the base more than once", "name each item once")
        return found[0] if found else None
    return int(name) if name.isdecimal() and int(name) < len(node.value) else None


def _near(node: Part, name: str, shape: Shape | None) -> str:
    known: Collection[str] = node.value if isinstance(node.value, dict) else ()
    if isinstance(node.value, list) and isinstance(shape, Listing) and shape.identity:
        known = [identity_in(one, shape) for one in node.value]
    return did_you_mean(name, known, f"there are: {', '.join(known)}" if 0 < len(known) < 6 else "")


def _add(place: Place, value: Part) -> None:
    """Add a value as RFC 6902 does: in a mapping it replaces what is there, in a list it is inserted."""
    holder, name = place.holder.value, place.name
    keyed = isinstance(place.holds, Listing) and bool(place.holds.identity)
    if isinstance(holder, dict):
        holder[name] = value
    elif isinstance(holder, list) and keyed:
        _check_identity(place, value)
        if place.index is None:
            holder.append(value)
        else:
            holder[place.index] = value
    elif isinstance(holder, list) and (name == "-" or (name.isdecimal() and int(name) <= len(holder))):
        holder.insert(len(holder) if name == "-" else int(name), value)
    else:
        raise Refused("overlay-no-match", f"{name} is not a position in a list", "use an index, or - for the end")


def _check_identity(place: Place, value: Part) -> None:
    """Refuse an item under the name of another; one without its name gets it."""
    listing = place.holds
    if not (isinstance(listing, Listing) and listing.identity):
        return
    if isinstance(value.value, dict) and len(listing.identity) == 1:
        value.value.setdefault(listing.identity[0], Part(place.name, value.document, value.pointer))
    if (found := identity_in(value, listing)) != place.name:
        shown = f"{found!r}" if found else "an item without a name"
        raise Refused(
            "overlay-invalid", f"the path names {place.name!r}, the value is {shown}", "use the same name in both"
        )
