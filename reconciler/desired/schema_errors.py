"""Translates jsonschema's errors about a spec into faults; the one module that knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
from jsonschema import validators

from reconciler.appspec.schema import spec_schema
from reconciler.text import pointer_token

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_ORDER = ("type", "enum", "pattern", "minLength", "maxLength")


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem at a path of a spec.

    ``keyword`` is the schema's (``type``, ``enum`` …) and ``wanted`` its value; for ``required`` and
    ``additionalProperties`` there is one fault for each name, and ``wanted`` is that name. The repr leaves the value
    out, as it may be a secret.
    """

    keyword: str
    path: tuple[str | int, ...]
    value: Any = field(repr=False)
    wanted: Any

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return "".join("/" + pointer_token(token) for token in self.path)


def faults(spec: Any) -> list[Fault]:
    """Every fault of a spec, by path; at one path a wrong type comes first."""
    found = (fault for error in _validator().iter_errors(spec) for cause in _causes(error) for fault in _faults(cause))
    return sorted(_once(found), key=_rank)


@cache
def _validator() -> Validator:
    base = jsonschema.Draft202012Validator
    # JSON Schema accepts 1.0 as an integer, and `$` matches before a final line break; the models do neither
    types = base.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict = validators.extend(base, {"pattern": _pattern}, type_checker=types)  # type: ignore[no-untyped-call] # untyped in the library
    validator: Validator = strict(spec_schema())
    return validator


def _pattern(_validator: Validator, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    exact = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(exact, instance):
        yield jsonschema.ValidationError("does not match")


def _causes(error: ValidationError) -> Iterator[ValidationError]:
    """The error, or those of the record behind it: a record may be null, so the schema has two branches."""
    if error.validator != "anyOf":
        yield error
        return
    for cause in error.context or ():
        if cause.schema_path[0] == 0:
            yield from _causes(cause)


def _faults(error: ValidationError) -> Iterator[Fault]:
    schema: Any = error.schema
    wanted: Any = error.validator_value
    value: Any = error.instance
    keyword, path = str(error.validator), tuple(error.absolute_path)
    match keyword:
        case "additionalProperties":
            names = [name for name in value if name not in schema["properties"]]
        case "required":
            names = [name for name in wanted if name not in value]
        case _:
            yield Fault(keyword, path, value, wanted)
            return
    for name in names:
        yield Fault(keyword, path, value, name)


def _rank(fault: Fault) -> tuple[str, int]:
    return (fault.pointer, _ORDER.index(fault.keyword) if fault.keyword in _ORDER else len(_ORDER))


def _once(found: Iterator[Fault]) -> list[Fault]:
    """Drop repeated faults: jsonschema reports missing fields one by one, and `_faults` all of them each time."""
    seen: set[tuple[str, tuple[str | int, ...], str]] = set()
    out: list[Fault] = []
    for fault in found:
        key = (fault.keyword, fault.path, str(fault.wanted))
        if key not in seen:
            seen.add(key)
            out.append(fault)
    return out
