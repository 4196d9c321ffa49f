"""Explains why the models refuse a spec: every problem at once, with its place and a hint.

Once the models have refused the spec, the JSON Schema generated from them is asked for every error.
A value is shown only if the field cannot hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache

from reconciler.appspec.kinds import REGIONS, SIZES
from reconciler.appspec.shape import SPEC, Field, Record, Scalar
from reconciler.appspec.walk import field_of, fields_below, shape_at
from reconciler.desired.rules.context import RuleContext
from reconciler.desired.schema_errors import Fault, faults
from reconciler.findings import Finding, Severity
from reconciler.text import nearest, pointer_token

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


_MOST_FAULTS = 200
"""How many faults of a spec are explained: to find a place and a hint takes milliseconds each."""


def explain(context: RuleContext, spec: Mapping[str, object]) -> Iterator[Finding]:
    """The findings of ``spec``, which the models refuse: the context's spec without what other rules report."""
    reported: set[str] = set()
    found = faults(spec)
    if len(found) > _MOST_FAULTS:
        message = f"{len(found) - _MOST_FAULTS} more errors and warnings are not shown"
        yield context.error("too-many-findings", message, "fix the others first", "")
    for fault in found[:_MOST_FAULTS]:
        at = fault.pointer
        if at in reported or _awaits_variable(context, at, fault.value):
            continue
        if fault.keyword in ("type", "enum", "pattern", "minLength", "maxLength"):
            reported.add(at)  # one reason per value is enough
        yield _EXPLAINERS.get(fault.keyword, _other)(context, fault, at)


def _awaits_variable(context: RuleContext, at: str, value: object) -> bool:
    """Whether the value holds a variable that is not set, which loading already reported."""
    return at in context.app.substituted and isinstance(value, str) and "${" in value


# --- one explainer for each keyword -------------------------------------------------------------------------------


def _type(context: RuleContext, fault: Fault, at: str) -> Finding:
    expected = fault.wanted if isinstance(fault.wanted, str) else fault.wanted[0]
    message = f"{_called(fault)} must be {_TYPES[expected]}, got {_kind(fault.value)}{_shown(fault, ' ({})')}"
    return context.error("type", message, _type_hint(expected, fault.value), at)


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def _type_hint(expected: str, value: object) -> str:
    if isinstance(value, str) and (placeholder := _PLACEHOLDER.fullmatch(value)):
        return f"declare {placeholder[1]} under `variables` in reconcile.yaml to have it substituted"
    match expected, value:
        case "array", dict():
            return "write a list: start each item with `- `"
        case "string", dict():
            return "quote text that contains `: `"
        case "integer" | "number", str() if re.fullmatch(r"\d+(\.\d+)?", value):
            return "remove the quotes"
        case "object", list():
            return "remove the `- `: this is a single mapping, not a list"
        case _:
            return _TYPE_HINTS.get(expected, "")


_TYPE_HINTS = {
    "string": "quote it",
    "boolean": "write true or false, without quotes",
    "array": "write a list: start each item with `- `",
    "object": "put its fields on the following lines, indented",
}


def _unknown(context: RuleContext, fault: Fault, at: str) -> Finding:
    record, name = _record(fault.path), str(fault.wanted)
    meant = _FIELDS_MEANT.get(name, "")
    hint = (
        _ABSENT.get(name, "")
        or (_did_you_mean(meant, fault.value) if meant in record.fields else "")
        or _elsewhere(name)
        or _did_you_mean(nearest(name, record.fields, cutoff=0.75), fault.value)
        or "it will be sent as written"
    )
    severity = Severity.ERROR if context.strict else Severity.WARNING
    location = context.at(f"{at}/{pointer_token(name)}", key=True)
    return Finding(severity, "unknown-field", f"unknown field {name!r} in {_article(record)}", hint, location)


def _did_you_mean(near: str, present: Collection[str]) -> str:
    """A hint with the field meant, even if it is already set: a less similar one would be a wrong guess."""
    if near in present:
        return f"did you mean {near}, which is already set here?"
    return f"did you mean {near}?" if near else ""


# common names for fields that are spelled quite differently
_FIELDS_MEANT = {
    **dict.fromkeys(("env", "environment", "environments", "environment_variables", "env_vars"), "envs"),
    **dict.fromkeys(("port", "ports", "http"), "http_port"),
    **dict.fromkeys(("instances", "replicas"), "instance_count"),
    **dict.fromkeys(("size", "instance_size", "cpu", "memory"), "instance_size_slug"),
    **dict.fromkeys(("command", "cmd", "start_command", "entrypoint"), "run_command"),
    **dict.fromkeys(("interval", "interval_seconds"), "period_seconds"),
    "healthy_threshold": "success_threshold",
    "unhealthy_threshold": "failure_threshold",
    "dockerfile": "dockerfile_path",
}
_NO_VOLUMES = "App Platform has no volumes: keep files in Spaces, data in a database"
_ABSENT = {
    **dict.fromkeys(("volumes", "volume", "volume_mounts"), _NO_VOLUMES),
    "secrets": "write a secret as a variable: `envs` with `type: SECRET`",
}


def _elsewhere(name: str) -> str:
    """Where a misplaced field belongs; the usual cause is wrong indentation."""
    owners = _owners().get(name, ())
    if not owners or len(owners) > 4:
        return ""
    return f"it is a field of {' or '.join(owners)}: check the indentation"


@cache
def _owners() -> Mapping[str, Sequence[str]]:
    """Field names with the records that have them."""
    out: dict[str, dict[str, None]] = {}
    for record, _, field in fields_below(SPEC):
        out.setdefault(field.name, {})[_article(record)] = None
    return {name: tuple(owners) for name, owners in out.items()}


def _required(context: RuleContext, fault: Fault, at: str) -> Finding:
    record, name = _record(fault.path), str(fault.wanted)
    misspelt = nearest(name, [one for one in fault.value if one not in record.fields], cutoff=0.65)
    hint = f"rename {misspelt} to {name}" if misspelt else f"add `{name}: …`"
    return context.error("missing-field", f"{_article(record)} needs `{name}`", hint, at)


def _enum(context: RuleContext, fault: Fault, at: str) -> Finding:
    value = str(fault.value)
    if placeholder := _PLACEHOLDER.search(value):
        message = f"{_called(fault)} is {value}, which is not a declared variable"
        return context.error("placeholder", message, _declare(placeholder[1]), at)
    choices = [str(choice) for choice in fault.wanted if choice is not None]
    meant = _MEANT.get(str(fault.path[-1]), {}).get(re.sub(r"[^a-z]", "", value.lower()), "")
    if fault.path[-1] == "instance_size_slug":
        meant = _size_meant(value)
    elif not meant:
        meant = nearest(value, choices, cutoff=0.75)
    hint = f"did you mean {meant}?" if meant else f"known values: {', '.join(choices)}"
    severity = Severity.ERROR if context.strict else Severity.WARNING
    message = f"unknown {_called(fault)} {value!r}"
    return Finding(severity, "unknown-value", message, hint, context.at(at))


_POSTGRES = ("postgres", "postgresql", "pgsql", "psql", "postgre")
_MEANT = {
    "engine": {**dict.fromkeys(_POSTGRES, "PG"), "mariadb": "MYSQL", "mongo": "MONGODB", "elasticsearch": "OPENSEARCH"},
    "region": {re.sub(r"[^a-z]", "", region.label.lower()): region.slug for region in REGIONS.values()},
}
"""What values of a field are called elsewhere, in lowercase letters."""


def _size_meant(value: str) -> str:
    """A size of the same numbers that is spelled alike: another number would be a wrong guess."""
    written = re.sub(r"(\d+)mb", lambda match: f"{int(match[1]) / 1024:g}gb", value.lower())
    numbers = re.findall(r"[\d.]+", written)
    return nearest(written, [slug for slug in SIZES if re.findall(r"[\d.]+", slug) == numbers], cutoff=0.9)


def _declare(name: str) -> str:
    return f"declare {name} under `variables` in reconcile.yaml, or write the value"


def _text(context: RuleContext, fault: Fault, at: str) -> Finding:
    """A text of the wrong form or length."""
    name = str(fault.path[-1])
    value = str(fault.value)
    rule = _RULES.get(name, "")
    if name == "name" and _record(fault.path[:-1]).title == "LogDestination":
        rule = "2 to 42 letters, digits, spaces and . - _ / ( )"
    message = f"invalid {_called(fault)}{_shown(fault, ' {}')}: use {rule}"
    if not rule:
        bound = f"{fault.wanted} character{'s' if fault.wanted != 1 else ''}"
        verb = {"pattern": f"match {fault.wanted}", "minLength": f"have at least {bound}"}
        message = f"{_called(fault)}{_shown(fault, ' ({})')} must {verb.get(fault.keyword, f'have at most {bound}')}"
    placeholder = _PLACEHOLDER.search(value)
    hint = _declare(placeholder[1]) if placeholder else _suggestion(name, value)
    return context.error(f"invalid-{name.replace('_', '-')}", message, hint, at)


_RULES = {
    "name": "2 to 32 lowercase letters, digits and dashes, starting with a letter and not ending with a dash",
    "key": "letters, digits and underscores, not starting with a digit",
    "domain": "a host name such as www.example.com, without https:// or a path",
    "custom_error_page_url": "an address that starts with https://",
}


def _suggestion(name: str, value: str) -> str:
    if name == "name":
        slug = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:32].rstrip("-")
        return f"write {slug}" if re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", slug) else ""
    if name == "key" and (key := re.sub(r"[^A-Za-z0-9_]+", "_", value).strip("_")):
        return f"write {key}" if not key[0].isdigit() else f"write _{key}"
    if name == "domain" and value.startswith("*."):
        return f"write {value[2:]} and `wildcard: true`"
    if name == "domain" and (host := re.sub(r"^[a-z]+://", "", value).partition("/")[0]) != value:
        return f"write {host}"
    return ""


def _range(context: RuleContext, fault: Fault, at: str) -> Finding:
    side, more = ("at least", "more") if fault.keyword == "minimum" else ("at most", "less")
    message = f"{_called(fault)} must be {side} {fault.wanted}, got {fault.value}"
    return context.error("out-of-range", message, f"write {fault.wanted} or {more}", at)


def _other(context: RuleContext, fault: Fault, at: str) -> Finding:
    """A keyword that the generated schema does not use at present."""
    return context.error("schema", f"{_called(fault)} breaks the schema rule {fault.keyword}: {fault.wanted}", "", at)


_EXPLAINERS: Mapping[str, Callable[[RuleContext, Fault, str], Finding]] = {
    "type": _type,
    "additionalProperties": _unknown,
    "required": _required,
    "enum": _enum,
    "pattern": _text,
    "minLength": _text,
    "maxLength": _text,
    "minimum": _range,
    "maximum": _range,
}


# --- words --------------------------------------------------------------------------------------------------------


def _record(path: Sequence[str | int]) -> Record:
    """The record at a path that is known to be one."""
    shape = shape_at(path)
    assert isinstance(shape, Record)
    return shape


def _field(path: Sequence[str | int]) -> Field | None:
    """The field at a path; None for an item of a list and for the spec itself."""
    return field_of(shape_at(path[:-1]), path[-1]) if path else None


def _called(fault: Fault) -> str:
    """What a fault is about, for messages: ``instance_count``, ``item 2 of features``."""
    if not fault.path:
        return "the spec"
    last = fault.path[-1]
    return f"item {last + 1} of {fault.path[-2]}" if isinstance(last, int) else last


def _article(record: Record) -> str:
    """``a static site``, ``an env var``: from the record's title."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", record.title).lower().replace("app spec", "app")
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _kind(value: object) -> str:
    match value:
        case None:
            return "an empty value"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _shown(fault: Fault, form: str) -> str:
    """A short value put into ``form``; empty if the field may hold a secret."""
    field, value = _field(fault.path), fault.value
    shows = field is not None and isinstance(field.shape, Scalar) and not field.can_be_secret
    if not shows or not isinstance(value, str | int | float) or len(str(value)) > 40:
        return ""
    return form.format(repr(value) if isinstance(value, str) else str(value).lower())
