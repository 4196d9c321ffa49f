"""The app spec as a plain tree, which packages walk instead of the classes that describe it.

`SPEC` is derived once from `models.AppSpec` and its marks. A `Shape` is one of

- `Scalar`   a string, integer, number or boolean
- `Listing`  items with an identity, ordered items, or a set
- `Record`   named fields
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from reconciler.appspec import marks
from reconciler.appspec.models import AppSpec
from reconciler.appspec.parts import Part


class _Missing:
    """The type of `MISSING`, which differs from None: null is a value that specs can contain."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""There is no documented default."""

ScalarType = Literal["string", "integer", "number", "boolean"]
_SCALARS: dict[type, ScalarType] = {str: "string", int: "integer", float: "number", bool: "boolean"}


_UNLIMITED = marks.Field()


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value. ``choices`` are the documented values of an enumeration; limits as in `marks.Field`."""

    type: ScalarType
    choices: tuple[Any, ...] = ()
    limits: marks.Field = _UNLIMITED


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A list: items identified by the fields in ``identity``, or ``ordered``, or a set of scalars."""

    item: Shape
    identity: tuple[str, ...] = ()
    ordered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Named fields, in the order they are usually written."""

    title: str
    fields: Mapping[str, Field]
    description: str = ""


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


def written_identity(listing: Listing, item: Mapping[str, Any]) -> str:
    """The identity of an item as it is written, in any spelling: the one under which comparing finds it."""
    assert isinstance(listing.item, Record)
    fields = listing.item.fields
    spelled = {
        name: canonical_spelling(fields[name].spelling, item[name]) if fields[name].spelling else item[name]
        for name in listing.identity
        if name in item
    }
    return identity_of(listing, spelled)


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The annotation without Annotated and without None, and its marks, the outermost last."""
    found: tuple[Any, ...] = ()
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            found = (*annotation.__metadata__, *found)
            annotation = annotation.__origin__
        elif origin is Union or origin is types.UnionType:
            (annotation,) = (arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation, found


def _shape(annotation: Any) -> tuple[Shape, tuple[Any, ...]]:
    """The shape of an annotation, and its marks."""
    bare, found = _unwrapped(annotation)
    origin = get_origin(bare)
    if origin is list:
        identity = next((mark.fields for mark in found if type(mark) is marks.Identity), ())
        ordered = any(type(mark) is marks.Ordered for mark in found)
        return Listing(_shape(get_args(bare)[0])[0], identity, ordered), found
    if origin is Literal:
        choices = get_args(bare)
        return Scalar(_SCALARS[type(choices[0])], choices), found
    if issubclass(bare, Part):
        return record(bare), found
    limits = next((mark for mark in found if type(mark) is marks.Field and mark.limited), _UNLIMITED)
    return Scalar(_SCALARS[bare], limits=limits), found


def _field(name: str, annotation: Any, *, required: bool) -> Field:
    shape, found = _shape(annotation)
    mark = {type(one): one for one in found}  # of several `marks.Field` the outermost, which has the description
    return Field(
        name=name,
        shape=shape,
        required=required,
        default=mark[marks.Default].value if marks.Default in mark else MISSING,
        server_chosen=marks.ServerChosen in mark,
        secret=marks.Secret in mark,
        secret_when_typed=marks.SecretWhenTyped in mark,
        spelling=mark[marks.Spelling].kind if marks.Spelling in mark else "",
        deprecated=mark[marks.Deprecated].instead if marks.Deprecated in mark else "",
        description=mark.get(marks.Field, _UNLIMITED).description,
    )


@cache
def record(model: type[Part]) -> Record:
    """The shape of a model: the fields of its bases first."""
    annotations: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        annotations |= inspect.get_annotations(base)
    fields = {
        name: _field(name, annotation, required=not hasattr(model, name)) for name, annotation in annotations.items()
    }
    return Record(model.__name__, fields, inspect.cleandoc(model.__doc__ or ""))


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
