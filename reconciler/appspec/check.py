"""Whether a spec is what the models describe. Pure.

The answer alone, for the many specs that are in order: functions made once from the tree take microseconds a spec,
where a validator of a library would first be imported and built for longer than everything else takes together. Why a
spec is refused is for `schema.spec_schema` and jsonschema to say; a property test holds the two to the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import inf
from typing import Any

from reconciler.appspec.marks import Field
from reconciler.appspec.shape import SPEC, Listing, Record, Scalar, ScalarType, Shape

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


def _limited(of_type: Check, limits: Field) -> Check:
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
