"""Holds a spec against the types and limits of its fields; errors are in pydantic's words."""

from __future__ import annotations

from functools import cache

from pydantic_core import CoreSchema, SchemaValidator, core_schema

from reconciler.appspec.shape import SPEC, Listing, Record, Scalar, Shape


@cache
def validator() -> SchemaValidator:
    """The validator of a spec without nulls; it refuses unknown fields."""
    return SchemaValidator(_schema(SPEC))


def _schema(shape: Shape) -> CoreSchema:
    match shape:
        case Record(_, fields):
            typed = {
                name: core_schema.typed_dict_field(_schema(field.shape), required=field.required)
                for name, field in fields.items()
            }
            return core_schema.typed_dict_schema(typed, strict=True, extra_behavior="forbid")
        case Listing(item):
            return core_schema.list_schema(_schema(item), strict=True)
        case Scalar(_, ()):
            return _scalar(shape)
        case Scalar(_, choices):
            return core_schema.literal_schema([*choices])


def _scalar(shape: Scalar) -> CoreSchema:
    limits = shape.limits
    match shape.type:
        case "string":
            return core_schema.str_schema(
                min_length=limits.min_length, max_length=limits.max_length, pattern=limits.pattern or None, strict=True
            )
        case "integer":
            return core_schema.int_schema(ge=limits.ge, le=limits.le, strict=True)
        case "number":
            return core_schema.float_schema(strict=True)
        case "boolean":
            return core_schema.bool_schema(strict=True)
