"""Names that must be unique: components, variables, domains, alerts, log destinations (C19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.appspec.shape import SPEC, Listing, Record, identity_of
from reconciler.appspec.spelling import canonical_spelling
from reconciler.desired.rules.context import Rule, RuleContext, did_you_mean, records
from reconciler.findings import Finding


def component_names(context: RuleContext) -> Iterator[Finding]:
    """A name stands for one component, whatever its kind; databases count."""
    named = [(component.name, f"{component.pointer}/name") for component in context.components if component.name]
    yield from _twice(context, named, "duplicate-name", "component", "component names are unique in an app: rename one")


def has_components(context: RuleContext) -> Iterator[Finding]:
    """An app without a component is none."""
    if not any(
        context.spec.get(kind) for kind in ("services", "static_sites", "jobs", "workers", "functions")
    ) and not (context.spec.get("databases")):
        known = [name for name in SPEC.fields if name not in context.spec]
        near = next(
            (hint for name in context.spec if name not in SPEC.fields and (hint := did_you_mean(name, known))), ""
        )
        hint = near or "add one of services, static_sites, jobs, workers, functions"
        yield context.error("no-components", "the app has no component", hint, "")


def environment_keys(context: RuleContext) -> Iterator[Finding]:
    """A variable is set once in each list."""
    for owner, pointer in _owners(context):
        envs = [
            (key, f"{at}/key") for at, env in records(owner, "envs", pointer) if isinstance(key := env.get("key"), str)
        ]
        yield from _twice(context, envs, "duplicate-env", "variable", "keep one of the two")


def alerts(context: RuleContext) -> Iterator[Finding]:
    """An alert is told apart by rule, operator, value and window."""
    for owner, pointer in _owners(context):
        found = [
            (identity_of(_ALERTS, alert), at) for at, alert in records(owner, "alerts", pointer) if alert.get("rule")
        ]
        yield from _twice(context, found, "duplicate-alert", "alert", "keep one of the two")


def log_destinations(context: RuleContext) -> Iterator[Finding]:
    """A log destination's name is unique in its component."""
    for owner, pointer in _owners(context):
        found = [
            (name, f"{at}/name")
            for at, destination in records(owner, "log_destinations", pointer)
            if isinstance(name := destination.get("name"), str)
        ]
        yield from _twice(context, found, "duplicate-log-destination", "log destination", "keep one of the two")


def domains(context: RuleContext) -> Iterator[Finding]:
    """A domain stands once, whatever its spelling, and one of them at most is PRIMARY."""
    found = list(records(context.spec, "domains"))
    named = [
        (str(canonical_spelling("hostname", name)), f"{at}/domain")
        for at, domain in found
        if isinstance(name := domain.get("domain"), str)
    ]
    yield from _twice(context, named, "duplicate-domain", "domain", "keep one of the two")
    primary = [f"{at}/type" for at, domain in found if domain.get("type") == "PRIMARY"]
    for at in primary[1:]:
        message = f"a second PRIMARY domain; the first is on line {context.at(primary[0]).line}"
        yield context.error("several-primary-domains", message, "make all but one of them ALIAS", at, primary[0])


RULES: tuple[Rule, ...] = (component_names, has_components, environment_keys, alerts, log_destinations, domains)
"""The rules of this module."""


def _alert_listing() -> Listing:
    shape = SPEC.fields["alerts"].shape
    assert isinstance(shape, Listing)
    assert isinstance(shape.item, Record)
    return shape


_ALERTS = _alert_listing()


def _owners(context: RuleContext) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Everything that has lists of its own: the app and its components."""
    yield context.spec, ""
    for component in context.components:
        yield component.data, component.pointer


def _twice(
    context: RuleContext, named: Iterable[tuple[str, str]], code: str, what: str, hint: str
) -> Iterator[Finding]:
    """A finding at each second place of a name, with the first place."""
    first: dict[str, str] = {}
    for name, pointer in named:
        other = first.setdefault(name, pointer)
        if other is not pointer:
            message = f"the {what} {name} stands here a second time; the first is on line {context.at(other).line}"
            yield context.error(code, message, hint, pointer, other)
