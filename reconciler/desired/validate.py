"""Validates a spec against the models, the rules that a schema cannot express, and the user's policies. Pure.

The models come first, which costs microseconds; only if they refuse is the reason worked out (`explain`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.appspec.models import AppSpec
from reconciler.appspec.shape import SPEC, canonical_spelling
from reconciler.appspec.walk import branches, find_known
from reconciler.desired.load import DesiredApp
from reconciler.desired.rules import app as app_rules
from reconciler.desired.rules import components as component_rules
from reconciler.desired.rules import credentials as credential_rules
from reconciler.desired.rules.context import Rule, RuleContext, context_of
from reconciler.findings import Finding, ranked

if TYPE_CHECKING:
    from reconciler.desired.policies import Policy

_DEPRECATED = branches(SPEC, lambda _, field: bool(field.deprecated))


def validate(app: DesiredApp, *, strict: bool = False, policies: Sequence[Policy] = ()) -> tuple[Finding, ...]:
    """All findings about a spec, by place.

    Unknown fields and values are warnings, as the platform may know newer ones; errors with ``strict``.
    """
    context = context_of(app, strict=strict)
    findings = list(_schema(context))
    for rule in RULES:
        findings += rule(context)
    if policies:
        from reconciler.desired.policies import check

        findings += check(app, policies)
    return tuple(ranked(findings)) if findings else ()


def validate_all(
    apps: Sequence[DesiredApp], *, strict: bool = False, policies: Sequence[Policy] = ()
) -> tuple[Finding, ...]:
    """The findings of every app, by place."""
    return tuple(ranked(list(chain.from_iterable(validate(app, strict=strict, policies=policies) for app in apps))))


def is_valid(spec: Mapping[str, Any]) -> bool:
    """Whether the models accept a spec."""
    try:
        AppSpec.model_validate(spec)
    except ValidationError:
        return False
    return True


def _schema(context: RuleContext) -> Iterator[Finding]:
    if is_valid(context.spec):
        return
    spec = _with_region(context.spec)
    if not is_valid(spec):
        from reconciler.desired.explain import explain

        yield from explain(context, spec)


def _with_region(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with a data center (``nyc1``) replaced by its region (``nyc``), as `regions` reports it."""
    if "region" not in spec:
        return dict(spec)
    return {**spec, "region": canonical_spelling("region", spec["region"])}


def regions(context: RuleContext) -> Iterator[Finding]:
    """A data center in place of its region."""
    written = context.spec.get("region")
    region = canonical_spelling("region", written)
    if region != written:
        message = f"{written} is a data center; App Platform's region is {region}"
        yield context.notice("region", message, f"write {region}", "/region")


def deprecated(context: RuleContext) -> Iterator[Finding]:
    """Deprecated fields, each reported once per spec."""
    places: dict[str, list[str]] = {}
    newer: dict[str, str] = {}
    for pointer, field, _, _ in find_known(context.spec, _DEPRECATED):
        places.setdefault(field.name, []).append(pointer)
        newer[field.name] = field.deprecated
    for name, (first, *more) in places.items():
        places_text = f" (here and in {len(more)} other place{'s' if len(more) != 1 else ''})" if more else ""
        message = f"{name} is deprecated{places_text}"
        yield context.notice("deprecated", message, f"use {newer[name]}", first, *more)


RULES: tuple[Rule, ...] = (
    regions,
    deprecated,
    *app_rules.RULES,
    *component_rules.SOURCE_RULES,
    *app_rules.ROUTING_RULES,
    *component_rules.RULES,
    *credential_rules.RULES,
)
"""Every rule, in the order of evaluation."""
