"""Validates a spec against the models, the rules that a schema cannot express, and the user's policies. Pure.

The models come first, which costs microseconds; only if they refuse is the reason worked out (`explain`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from reconciler.appspec.shape import SPEC, canonical_spelling
from reconciler.appspec.walk import accepts, branches, find_known
from reconciler.desired.load import DesiredApp
from reconciler.desired.rules import app as app_rules
from reconciler.desired.rules import components as component_rules
from reconciler.desired.rules import sources as source_rules
from reconciler.desired.rules.context import Rule, RuleContext, context_of, literal, records
from reconciler.findings import Finding, Severity, ranked

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
    """The findings of every app, and of all of them together, by place."""
    each = chain.from_iterable(validate(app, strict=strict, policies=policies) for app in apps)
    return tuple(ranked([*each, *_shared_domains(apps)]))


def _shared_domains(apps: Sequence[DesiredApp]) -> Iterator[Finding]:
    """A domain in two apps (C74): it leads to one of them."""
    first: dict[str, tuple[DesiredApp, str]] = {}
    for app in apps:
        for at, domain in records(app.spec, "domains"):
            name = str(canonical_spelling("hostname", literal(domain, "domain")))
            other, there = first.setdefault(name, (app, at))
            if name and other is not app:
                message = f"{name} is also a domain of app {other.name!r} (at {other.locate(f'{there}/domain')})"
                places = app.locate(f"{at}/domain"), (other.locate(f"{there}/domain"),)
                yield Finding(Severity.WARNING, "shared-domain", message, "remove it from one of the two", *places)


def of_new_app(app: DesiredApp, severity: Severity = Severity.ERROR) -> tuple[Finding, ...]:
    """What App Platform refuses in a spec only if the app is new."""
    return tuple(source_rules.ciphertext(context_of(app), severity))


def _schema(context: RuleContext) -> Iterator[Finding]:
    if context.app.accepted:
        return
    spec = _with_region(context.spec)
    if not accepts(spec):
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
    *source_rules.RULES,
    *app_rules.ROUTING_RULES,
    *component_rules.RULES,
)
"""Every rule, in the order of evaluation."""
