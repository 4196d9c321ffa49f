"""What one component may not ask for at once, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.appspec.secrets import plaintext_secrets
from reconciler.desired.rules.context import Rule, RuleContext, did_you_mean, mapping, records, text
from reconciler.findings import Finding

APP_ALERTS = frozenset(
    {
        "DEPLOYMENT_FAILED",
        "DEPLOYMENT_LIVE",
        "DEPLOYMENT_STARTED",
        "DEPLOYMENT_CANCELED",
        "DOMAIN_FAILED",
        "DOMAIN_LIVE",
    }
)
"""Alert rules that watch the app."""

COMPONENT_ALERTS = re.compile(r"CPU_|MEM_|RESTART_|REQUEST|FUNCTIONS_")
"""How alert rules that watch a component begin."""

# what the platform sets for every app, says its reference of bindable variables
_PLATFORM = frozenset({"APP_URL", "APP_DOMAIN", "APP_ID", "STARTER_DOMAIN"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BINDABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\.([^{}]*)\}")


def scaling(context: RuleContext) -> Iterator[Finding]:
    """Autoscaling excludes a fixed number of instances, and needs room between its bounds (C26)."""
    for component in context.components:
        autoscaling, at = mapping(component.data, "autoscaling"), component.pointer
        if not autoscaling:
            continue
        if component.data.get("instance_count") is not None:
            message = f"{component.called} has both autoscaling and instance_count"
            places = (f"{at}/instance_count", f"{at}/autoscaling")
            yield context.error("autoscaling-and-count", message, "remove instance_count", *places)
        low, high = autoscaling.get("min_instance_count"), autoscaling.get("max_instance_count")
        if not isinstance(low, int) or not isinstance(high, int) or low < high:
            continue
        places = (f"{at}/autoscaling/min_instance_count", f"{at}/autoscaling/max_instance_count")
        if low > high:
            message = f"min_instance_count is {low}, more than max_instance_count ({high})"
            yield context.error("autoscaling-bounds", message, "exchange the two", *places)
        else:
            message = f"min_instance_count and max_instance_count are both {low}: there is nothing to scale"
            yield context.warning("autoscaling-bounds", message, "raise the maximum, or use instance_count", *places)


def documents(context: RuleContext) -> Iterator[Finding]:
    """A static site answers unknown paths with one page."""
    for component in context.components:
        if text(component.data, "catchall_document") and text(component.data, "error_document"):
            message = f"{component.called} has both catchall_document and error_document"
            places = (f"{component.pointer}/error_document", f"{component.pointer}/catchall_document")
            yield context.error("catchall-and-error", message, "keep one of them", *places)


def databases(context: RuleContext) -> Iterator[Finding]:
    """A production database is a managed cluster, which has a name."""
    for component in context.components:
        production = component.kind == "databases" and component.data.get("production") is True
        if production and not component.data.get("cluster_name"):
            message = f"{component.called} is for production and names no cluster"
            hint = "add `cluster_name: …` (a managed cluster of the account), or remove `production`"
            yield context.error("no-cluster-name", message, hint, f"{component.pointer}/production")


def schedules(context: RuleContext) -> Iterator[Finding]:
    """A SCHEDULED job says when; no other job does."""
    for component in context.components:
        if component.kind != "jobs":
            continue
        scheduled, at = component.data.get("kind") == "SCHEDULED", component.pointer
        if scheduled and not text(mapping(component.data, "schedule"), "cron"):
            message = f"{component.called} is SCHEDULED and has no cron expression"
            yield context.error("no-schedule", message, 'add `schedule: {cron: "0 3 * * *"}`', f"{at}/kind")
        if not scheduled and component.data.get("schedule") is not None:
            message = f"{component.called} has a schedule and is not SCHEDULED"
            yield context.error("schedule-without-kind", message, "add `kind: SCHEDULED`", f"{at}/schedule")


def alert_levels(context: RuleContext) -> Iterator[Finding]:
    """Deployments and domains are the app's, CPU and restarts a component's."""
    for at, alert in records(context.spec, "alerts"):
        rule = text(alert, "rule")
        if COMPONENT_ALERTS.match(rule):
            message = f"the alert {rule} watches a component, and stands at the level of the app"
            yield context.warning("alert-level", message, "move it below a component", f"{at}/rule")
    for component in context.components:
        for at, alert in records(component.data, "alerts", component.pointer):
            rule = text(alert, "rule")
            if rule in APP_ALERTS:
                message = f"the alert {rule} watches the app, and stands in {component.called}"
                yield context.warning("alert-level", message, "move it to the app's own alerts", f"{at}/rule")


def bindables(context: RuleContext) -> Iterator[Finding]:
    """``${name.X}`` in a variable refers to a component or database of the app."""
    known = {component.name for component in context.components if component.name}
    yield from _bound(context, context.spec, "", known)
    for component in context.components:
        yield from _bound(context, component.data, component.pointer, known)


def _bound(context: RuleContext, owner: object, pointer: str, known: set[str]) -> Iterator[Finding]:
    for at, env in records(owner, "envs", pointer):
        value = env.get("value")
        if not isinstance(value, str) or "${" not in value:
            continue
        for name, field in _BINDABLE.findall(value):
            if name not in known and name != "_self":
                message = f"${{{name}.{field}}} refers to {name!r}, which is no component or database of the app"
                hint = did_you_mean(name, known, f"known here: {', '.join(sorted(known))}")
                yield context.warning("unknown-bindable", message, hint, f"{at}/value")


def placeholders(context: RuleContext) -> Iterator[Finding]:
    """``${NAME}`` as a whole value, of a variable that nobody sets: told once, as it may be meant for the platform."""
    owners = [(context.spec, ""), *((component.data, component.pointer) for component in context.components)]
    envs = [(f"{at}/value", env) for owner, pointer in owners for at, env in records(owner, "envs", pointer)]
    known: set[object] | None = None
    found: dict[str, str] = {}
    for at, env in envs:
        match = _VARIABLE.fullmatch(text(env, "value"))
        if not match or at in context.app.substituted:
            continue
        known = known or {one for _, other in envs if isinstance(one := other.get("key"), str)} | _PLATFORM
        if match[1] not in known or env.get("key") == match[1]:
            found.setdefault(at, match[1])
    if found:
        first, *more = found
        names = ", ".join(dict.fromkeys(f"${{{name}}}" for name in found.values()))
        message = f"sent as it stands: {names}"
        hint = "to have it replaced, declare the name under `variables` in reconcile.yaml"
        yield context.notice("not-substituted", message, hint, first, *more)


def log_headers(context: RuleContext) -> Iterator[Finding]:
    """Headers of a log destination are told apart by their keys: the secrets of two of one key would be mixed up."""
    for component in context.components:
        for at, destination in records(component.data, "log_destinations", component.pointer):
            first: dict[str, str] = {}
            for place, header in records(destination, "headers", at):
                key = text(header, "key")
                there = first.setdefault(key, place)
                if key and there != place:
                    message = f"{component.called} sends its logs with two headers {key!r}"
                    yield context.error("duplicate-header", message, "keep one of them", f"{place}/key", f"{there}/key")


def plaintext(context: RuleContext) -> Iterator[Finding]:
    """A credential in Git is no secret any more."""
    for pointer, _ in plaintext_secrets(context.spec):
        if pointer not in context.app.substituted:
            message = "a secret stands here as plaintext"
            hint = (
                "declare a variable in reconcile.yaml and write ${NAME}, or leave the value out to keep the one "
                "that is live, or write the encrypted EV[…] that the platform returns"
            )
            yield context.warning("plaintext-secret", message, hint, pointer)


RULES: tuple[Rule, ...] = (
    scaling,
    documents,
    databases,
    schedules,
    alert_levels,
    bindables,
    placeholders,
    log_headers,
    plaintext,
)
"""The rules of this module."""
