"""What the fields of `reconcile.yaml` may hold: durations, paths into a spec, headers."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic_core import core_schema

from reconciler.text import LONGEST_DURATION, parse_duration

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler, TypeAdapter
    from pydantic.json_schema import JsonSchemaValue


def _in_range(seconds: float) -> float:
    if not 0 <= seconds <= LONGEST_DURATION:
        raise ValueError("a duration must be between 0s and 366d")
    return seconds


def _positive(seconds: float) -> float:
    if not seconds:
        raise ValueError("a timeout must be longer than 0s; write 90s, 5m or 1h30m")
    return seconds


_AS_TEXT = PlainSerializer(lambda seconds: f"{Decimal(str(seconds)).normalize():f}s", return_type=str)  # never 1e+06s
_AS_SCHEMA = WithJsonSchema({"type": ["string", "number"], "description": "a duration such as 90s, 5m or 1h30m"})

Duration = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_in_range), _AS_TEXT, _AS_SCHEMA]
"""Seconds, from 0 to 366 days."""

Timeout = Annotated[
    float, BeforeValidator(parse_duration), AfterValidator(_in_range), AfterValidator(_positive), _AS_TEXT, _AS_SCHEMA
]
"""The same, but more than 0."""


def _pointer(value: str) -> str:
    """Refuse an ignored path that does not start at the spec: it would silently match nothing."""
    if not value.startswith("/"):
        raise ValueError(f"{value!r} is not a JSON pointer; write /{value}")
    return value


Pointer = Annotated[str, AfterValidator(_pointer)]


_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FRAMING = ("content-length", "transfer-encoding")
LONGEST_PATH = 8000


def _header_name(value: str) -> str:
    if not _FIELD_NAME.fullmatch(value):
        raise ValueError("invalid header name; use letters, digits and hyphens, such as X-Probe")
    if value.lower() in _FRAMING:
        raise ValueError("this header is not allowed in a request without a body; remove it")
    return value


def _header_value(value: str) -> str:
    """Messages never contain the value: it may be a credential."""
    if not value.isascii() or CONTROL.search(value.replace("\t", "")):
        raise ValueError("a header must be ASCII on one line; encode other text, such as with base64")
    if value != value.strip():
        raise ValueError("a header must not begin or end with a space; remove it")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
"""What an HTTP client sends, by RFC 9110; anything else would fail at every try, long after it was written."""


class Section(BaseModel):
    """A section of the file: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Later:
    """A type that is imported only for a file that has a value of it."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    @cached_property
    def type(self) -> Any:
        """The type itself."""
        return getattr(import_module(self._module), self._name)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter

        return TypeAdapter(self.type)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        # A ValidationError that is raised within another keeps its places, below that of the field.
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: Any) -> Any:
        return self._adapter.validate_python(value)

    def __get_pydantic_json_schema__(self, _schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # Within another schema, so that a model becomes a definition of its own.
        return handler(core_schema.definitions_schema(self._adapter.core_schema, []))


def later(module: str, name: str) -> Any:
    """The type as a field's annotation; every start is spared its module and its models."""
    return Annotated[Any, Later(module, name)]
