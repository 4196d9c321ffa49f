"""Marks on the fields of the models: limits of the values, and what the platform does with a field beyond its type.

Read by `shape.py`, which turns models and marks into the tree that every other package walks. It knows marks by their
class; none is compared, and making classes that could be takes a noticeable part of a start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a field is for, and the limits of its values; `Port` and `Name` carry limits to the fields that use them.

    A ``pattern`` is searched for, and its ``$`` is the very end of the text.
    """

    description: str = ""
    ge: int | None = None
    le: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""

    @property
    def limited(self) -> bool:
        """Whether it limits values."""
        return bool(self.pattern) or (self.ge, self.le, self.min_length, self.max_length) != (None, None, None, None)


@dataclass(frozen=True, slots=True, eq=False)
class Default:
    """The documented default: a spec without the field means the same as one with this value.

    Used for comparing and for leaving fields out of an export; never written into what is sent.
    """

    value: Any


class ServerChosen:
    """If the field is omitted, the platform chooses the value or keeps the current one."""


class Secret:
    """A credential: stored as ``EV[1:…]`` ciphertext, which is what the API returns and what may be sent back."""


class SecretWhenTyped:
    """A credential if the sibling field ``type`` says ``SECRET`` (environment variables)."""


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """The fields that identify the items of a list; the order of such a list has no meaning."""

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        object.__setattr__(self, "fields", fields)


class Ordered:
    """A list whose order matters. A list with neither this nor an identity is a set."""


@dataclass(frozen=True, slots=True, eq=False)
class Spelling:
    """A string with several spellings of one meaning, see `canonical_spelling` in `spelling.py`."""

    kind: Literal["path", "duration", "hostname", "region", "job-kind"]


@dataclass(frozen=True, slots=True, eq=False)
class Deprecated:
    """Accepted but superseded by what ``instead`` names."""

    instead: str
