"""A spec taken apart into values that know where they were written, while overlays move and replace them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.shape import Listing, written_identity
from reconciler.findings import Location
from reconciler.text import pointer_token
from reconciler.yamltext import Document


@dataclass(slots=True)
class Part:
    """A value and where it was written. The members of a mapping and the items of a list are parts, too."""

    value: Any = field(repr=False)
    document: Document
    pointer: str

    def at(self) -> Location:
        """Its place."""
        return self.document.locate(self.pointer)


def part_of(data: Any, document: Document, pointer: str) -> Part:
    """Data as parts."""
    value = data
    if isinstance(data, dict):
        value = {key: part_of(item, document, f"{pointer}/{pointer_token(key)}") for key, item in data.items()}
    elif isinstance(data, list):
        value = [part_of(item, document, f"{pointer}/{index}") for index, item in enumerate(data)]
    return Part(value, document, pointer)


def copied(part: Part) -> Part:
    """A copy whose values can be changed on their own."""
    value = part.value
    if isinstance(value, dict):
        value = {key: copied(one) for key, one in value.items()}
    elif isinstance(value, list):
        value = [copied(one) for one in value]
    return Part(value, part.document, part.pointer)


def taken_apart(part: Part) -> tuple[Any, dict[str, tuple[Document, str]]]:
    """The data of parts, and by its pointers where it was written; left out is what follows from the part above."""
    places: dict[str, tuple[Document, str]] = {"": (part.document, part.pointer)}

    def below(part: Part, key: Any, pointer: str) -> Any:
        token = f"/{pointer_token(key)}"
        one = part.value[key]
        if one.document is not part.document or one.pointer != part.pointer + token:
            places[pointer + token] = (one.document, one.pointer)
        return plain(one, pointer + token)

    def plain(part: Part, pointer: str) -> Any:
        if isinstance(part.value, dict):
            return {key: below(part, key, pointer) for key in part.value}
        if isinstance(part.value, list):
            return [below(part, index, pointer) for index in range(len(part.value))]
        return part.value

    return plain(part, ""), places


def identity_in(part: Part, listing: Listing) -> str:
    """The identity of an item of a list; empty if it has none."""
    if not isinstance(part.value, dict):
        return ""
    return written_identity(
        listing, {name: below.value for name, below in part.value.items() if below.value is not None}
    )
