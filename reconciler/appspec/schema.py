"""The JSON Schema of an app spec (draft 2020-12): for editors and for explaining errors.

It accepts exactly what `check.accepts` does: text as text, integers as integers, null for optional fields,
no unknown fields. Both refuse unknown fields and values; callers decide how serious that is, as the platform
may have added them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from reconciler.appspec.shape import MISSING, SPEC, Field, Listing, Record, Scalar, Shape
from reconciler.appspec.walk import fields_below

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
"""The operations of RFC 6902."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The value of ``$schema``."""


@cache
def spec_schema() -> dict[str, Any]:
    """The schema, the same object at every call; do not modify it.

    ``default`` is the platform's documented default, ``deprecated`` marks fields that are superseded. An optional field
    may also be null.
    """
    records = {record.title: record for record, _, _ in fields_below(SPEC)}
    del records[SPEC.title]
    return {
        "$schema": DIALECT,
        "title": "DigitalOcean App Platform app spec",
        **_record(SPEC),
        "$defs": {title: _record(records[title]) for title in sorted(records)},
    }


@cache
def overlay_schema() -> dict[str, Any]:
    """The schema of an overlay, the same object at every call: a partial spec, or a list of operations.

    Every field may be left out, and null removes it; lists whose items have an identity may be written by name.
    """
    records = {record.title: record for record, _, _ in fields_below(SPEC)}
    del records[SPEC.title]
    partial = _partial(SPEC) | {"required": ["name"]}
    partial["properties"] = {**partial["properties"], "name": {"type": "string", "description": "the app in the base"}}
    return {
        "$schema": DIALECT,
        "title": "overlay of a DigitalOcean App Platform app spec",
        "if": {"required": ["patch"]},
        "then": _patch(),
        "else": partial,
        "$defs": {title: _partial(records[title]) for title in sorted(records)},
    }


def _patch() -> dict[str, Any]:
    """An overlay of operations."""
    path = {"type": "string", "pattern": "^/", "description": "by identity, such as /services/web/instance_count"}
    operation = {
        "type": "object",
        "properties": {"op": {"enum": list(OPERATIONS)}, "path": path, "from": path, "value": {}},
        "required": ["op", "path"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"name": {"type": "string"}, "patch": {"type": "array", "items": operation}},
        "required": ["name", "patch"],
        "additionalProperties": False,
    }


def _partial(record: Record) -> dict[str, Any]:
    """A record of which any part may be written."""
    properties = {}
    for name, field in record.fields.items():
        value, listing = _value(field.shape), field.shape
        if isinstance(listing, Listing) and listing.identity:
            named = {"type": "object", "additionalProperties": _nullable(_value(listing.item))}
            value = {"anyOf": [value, named, {"type": "null"}]}
        else:
            value = _nullable(value)
        properties[name] = {**value, "description": field.description} if field.description else value
    return {
        "type": "object",
        "description": record.description,
        "properties": properties,
        "additionalProperties": False,
    }


def _record(record: Record) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "object", "description": record.description}
    out["properties"] = {name: _property(field) for name, field in record.fields.items()}
    if required := [name for name, field in record.fields.items() if field.required]:
        out["required"] = required
    return out | {"additionalProperties": False}


def _property(field: Field) -> dict[str, Any]:
    out = _value(field.shape)
    if not field.required:
        out = _nullable(out)
    if field.description:
        out["description"] = field.description
    if field.default is not MISSING:
        out["default"] = field.default
    if field.deprecated:
        out |= {"deprecated": True, "description": f"{field.description} (deprecated: use {field.deprecated})"}
    return dict(sorted(out.items())) if field.required else out


def _value(shape: Shape) -> dict[str, Any]:
    match shape:
        case Record(title):
            return {"$ref": f"#/$defs/{title}"}
        case Listing(item):
            return {"items": _value(item), "type": "array"}
        case Scalar(kind, choices, limits):
            keywords = {
                "enum": list(choices) or None,
                "maxLength": limits.max_length,
                "maximum": limits.le,
                "minLength": limits.min_length,
                "minimum": limits.ge,
                "pattern": limits.pattern or None,
            }
            return {**{name: value for name, value in keywords.items() if value is not None}, "type": kind}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema or null, without ``anyOf`` where possible: errors are then specific."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    out = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None]
    return out
