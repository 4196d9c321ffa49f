"""JSON Schema in bounded time, whatever a policy's author nests, repeats or compares.

Each evaluation of a keyword takes a step of a `Budget`. Patterns are matched by RE2, and what jsonschema does in
quadratic time is done here by hashing. Imported only when there is a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import ValidationError
from jsonschema.validators import extend, validator_for

from reconciler.patterns import matches

MOST_STEPS = 50_000
"""Maximum number of steps of one policy for one spec: a second or two; a usual policy takes hundreds."""

_COMPARED = 16
"""How many members of a keyword's value cost one step more: they are compared one by one."""


class TooManySteps(Exception):
    """A policy takes too long for a spec."""


@dataclass(slots=True)
class Budget:
    """How many steps a policy has left for a spec. One that was ``overdrawn`` is not evaluated again."""

    left: int = 0
    overdrawn: bool = False

    def counted(self, keyword: Callable[..., Any]) -> Callable[..., Any]:
        """The keyword, which takes a step each time it is evaluated."""

        def evaluate(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            self.left -= 1 + (len(value) // _COMPARED if isinstance(value, list | dict) else 0)
            if self.left < 0:
                raise TooManySteps
            return keyword(validator, value, instance, schema)

        return evaluate


def bounded(kind: Any, budget: Budget) -> Any:
    """The validator of a draft, with bounded keywords."""
    keywords = {name: budget.counted(keyword) for name, keyword in {**kind.VALIDATORS, **_KEYWORDS}.items()}
    return extend(kind, keywords)  # type: ignore[no-untyped-call]  # it has no types


def first_error(kind: Any, schema: Any) -> ValidationError | None:
    """What makes a schema invalid; None if it is valid. Takes about a millisecond for each keyword."""
    base = validator_for(kind.META_SCHEMA, default=kind)
    linear = extend(base, {"uniqueItems": _unique_items})  # type: ignore[no-untyped-call]  # it has no types
    return next(linear(kind.META_SCHEMA, format_checker=linear.FORMAT_CHECKER).iter_errors(schema), None)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("it does not match")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    for pattern, below in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if matches(pattern, name):
                yield from validator.descend(value, below, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, additional: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name not in known and not any(matches(pattern, name) for pattern in patterns):
            if additional is False:
                yield ValidationError("there are additional properties")
                return
            yield from validator.descend(value, additional, path=name)


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if unique and isinstance(instance, list) and len({_hashed(item) for item in instance}) < len(instance):
        yield ValidationError("it has non-unique elements")


def _hashed(value: Any) -> Any:
    """A hashable substitute that is equal for what JSON Schema takes for equal: 1 and 1.0, but not 1 and true."""
    match value:
        case dict():
            return ("object", frozenset((name, _hashed(item)) for name, item in value.items()))
        case list():
            return ("array", tuple(map(_hashed, value)))
        case bool():
            return ("boolean", value)
        case _:
            return value


_KEYWORDS: Mapping[str, Callable[..., Any]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
