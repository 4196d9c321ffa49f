"""The app spec as a plain tree, which packages walk instead of pydantic's internals.

`SPEC` is derived once from `models.AppSpec` and its marks. A `Shape` is one of

- `Scalar`   a string, integer, number or boolean
- `Listing`  items with an identity, ordered items, or a set
- `Record`   named fields
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from reconciler.appspec.marks import (
    Default,
    Deprecated,
    Identity,
    Ordered,
    Secret,
    SecretWhenTyped,
    ServerChosen,
    Spelling,
)
from reconciler.appspec.models import AppSpec
from reconciler.appspec.parts import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo


class _Missing:
    """The type of `MISSING`, which differs from None: null is a value that specs can contain."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""There is no documented default."""

ScalarType = Literal["string", "integer", "number", "boolean"]
_SCALARS: dict[type, ScalarType] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. ``choices`` are the documented values of an enumeration."""

    type: ScalarType
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: items identified by the fields in ``identity``, or ``ordered``, or a set of scalars."""

    item: Shape
    identity: tuple[str, ...] = ()
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, with its marks."""

    name: str
    shape: Shape
    required: bool = False
    default: Any = MISSING
    server_chosen: bool = False
    secret: bool = False
    secret_when_typed: bool = False
    spelling: str = ""
    deprecated: str = ""
    description: str = ""

    @property
    def can_be_secret(self) -> bool:
        """Whether its values are credentials, or may be."""
        return self.secret or self.secret_when_typed


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields, in the order they are usually written."""

    title: str
    fields: Mapping[str, Field]


Shape = Scalar | Listing | Record


_EXACT = 10**15
"""Numbers from here on are kept as written: a float cannot represent the largest ones."""


def identity_of(listing: Listing, item: Mapping[str, Any]) -> str:
    """The identity of an item in its list: ``web``, ``PORT``, ``CPU_UTILIZATION/GREATER_THAN/80``.

    An omitted field counts as its documented default; an item without any name has the identity "".
    """
    assert isinstance(listing.item, Record)
    parts = []
    for name in listing.identity:
        value = item.get(name)
        if value is None:
            default = listing.item.fields[name].default
            value = "" if default is MISSING else default
        number = isinstance(value, float | int) and not isinstance(value, bool) and abs(value) < _EXACT
        parts.append(f"{value:g}" if number else str(value))
    return "/".join(parts)


def _bare(annotation: Any) -> Any:
    """The annotation without Annotated and without None."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            (annotation,) = (arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def _shape(annotation: Any, marks: Sequence[Any]) -> Shape:
    bare = _bare(annotation)
    if get_origin(bare) is list:
        identity = next((mark.fields for mark in marks if isinstance(mark, Identity)), ())
        ordered = any(isinstance(mark, Ordered) for mark in marks)
        return Listing(_shape(get_args(bare)[0], ()), identity, ordered)
    if get_origin(bare) is Literal:
        choices = get_args(bare)
        return Scalar(_SCALARS[type(choices[0])], choices)
    if isinstance(bare, type) and issubclass(bare, Part):
        return record(bare)
    return Scalar(_SCALARS[bare])


def _field(name: str, info: FieldInfo) -> Field:
    marks = info.metadata

    def mark(kind: type) -> Any:
        return next((found for found in marks if isinstance(found, kind)), None)

    default, spelling, deprecated = mark(Default), mark(Spelling), mark(Deprecated)
    return Field(
        name=name,
        shape=_shape(info.annotation, marks),
        required=info.is_required(),
        default=MISSING if default is None else default.value,
        server_chosen=mark(ServerChosen) is not None,
        secret=mark(Secret) is not None,
        secret_when_typed=mark(SecretWhenTyped) is not None,
        spelling=spelling.kind if spelling else "",
        deprecated=deprecated.instead if deprecated else "",
        description=info.description or "",
    )


@cache
def record(model: type[Part]) -> Record:
    """The shape of a model."""
    return Record(model.__name__, {name: _field(name, info) for name, info in model.model_fields.items()})


SPEC: Record = record(AppSpec)
"""The shape of a whole app spec."""


# --- Canonical spellings of values that can be written in several ways ---


_DATA_CENTER = re.compile(r"^(atl|nyc|sfo|tor|ams|fra|lon|blr|sgp|syd)[1-9]$")
_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def _path(value: str) -> str:
    """A directory of a repository: ``./x``, ``x/`` and ``/x`` are the same, and so are ``/`` and ``.``."""
    parts = [part for part in value.split("/") if part not in ("", ".")]
    return "/".join(parts) or "/"


def _duration(value: str) -> str:
    """A duration in seconds: Go prints ``5h30m`` as ``5h30m0s``."""
    match = _DURATION.match(value)
    if not match or not value:
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return f"{hours * 3600 + minutes * 60 + seconds}s"


def _hostname(value: str) -> str:
    return value.rstrip(".").lower()


def _region(value: str) -> str:
    """A region: data centers (``nyc1``) are often written instead of regions (``nyc``)."""
    match = _DATA_CENTER.match(value)
    return match[1] if match else value


def _job_kind(value: str) -> str:
    """A job kind: UNSPECIFIED means POST_DEPLOY."""
    return "POST_DEPLOY" if value == "UNSPECIFIED" else value


_SPELLINGS = {
    "path": _path,
    "duration": _duration,
    "hostname": _hostname,
    "region": _region,
    "job-kind": _job_kind,
}


def canonical_spelling(kind: str, value: Any) -> Any:
    """The canonical spelling of a value; values other than strings are returned unchanged."""
    return _SPELLINGS[kind](value) if isinstance(value, str) else value
