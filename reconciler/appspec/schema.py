"""The JSON Schema of an app spec (draft 2020-12), generated from the models: for editors and for explaining errors.

It accepts exactly what the models accept: text that is text, whole numbers that are whole, null where a field may be
left out, no unknown fields. Unknown fields and values are refused here and by the models alike; that they may be new
ones of the platform is for whoever reads the verdict to weigh.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from reconciler.appspec.models import AppSpec
from reconciler.appspec.shape import MISSING, SPEC, Field, Record
from reconciler.appspec.walk import fields_below

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""What ``$schema`` says."""


@cache
def spec_schema() -> dict[str, Any]:
    """The schema, the same at every call; not to be changed.

    Field descriptions are the models'; ``default`` is the platform's documented default, ``deprecated`` marks fields
    with a newer way. A field that may be left out may also be null.
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
    """The schema or null, without a choice of branches where one can do: errors then say what is wrong at once."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    out = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None]
    return out
