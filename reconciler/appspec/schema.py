"""The JSON Schema of an app spec (draft 2020-12), generated from the models: for editors and for explaining errors.

It accepts exactly what the models accept: text as text, integers as integers, null for optional fields,
no unknown fields. Both refuse unknown fields and values; callers decide how serious that is, as the platform
may have added them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from reconciler.appspec.models import AppSpec
from reconciler.appspec.shape import MISSING, SPEC, Field, Record
from reconciler.appspec.walk import fields_below

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The value of ``$schema``."""


@cache
def spec_schema() -> dict[str, Any]:
    """The schema, the same object at every call; do not modify it.

    Field descriptions are the models'; ``default`` is the platform's documented default, ``deprecated`` marks fields
    that are superseded. An optional field may also be null.
    """
    raw = AppSpec.model_json_schema()
    records = {record.title: record for record, _, _ in fields_below(SPEC)}
    definitions = {name: _tidy(raw["$defs"][name], records[name]) for name in sorted(raw["$defs"])}
    root = _tidy({key: value for key, value in raw.items() if key != "$defs"}, SPEC)
    return {
        "$schema": DIALECT,
        "title": "DigitalOcean App Platform app spec",
        **root,
        "$defs": definitions,
    }


def _tidy(model: dict[str, Any], record: Record) -> dict[str, Any]:
    """A model's schema without pydantic's titles, with the documented defaults."""
    properties = {name: _property(model["properties"][name], field) for name, field in record.fields.items()}
    out = {"type": "object", "description": model.get("description", ""), "properties": properties}
    if model.get("required"):
        out["required"] = model["required"]
    return out | {"additionalProperties": False}


def _property(raw: dict[str, Any], field: Field) -> dict[str, Any]:
    out = {key: value for key, value in raw.items() if key not in ("title", "default", "anyOf")}
    if "anyOf" in raw:
        out = _nullable(raw["anyOf"][0]) | out
    if field.default is not MISSING:
        out["default"] = field.default
    if field.deprecated:
        out |= {"deprecated": True, "description": f"{field.description} (deprecated: use {field.deprecated})"}
    return out


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema or null, without ``anyOf`` where possible: errors are then specific."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    out = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None]
    return out
