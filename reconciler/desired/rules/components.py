"""Rules on components and their credentials: what conflicts, is missing or malformed (C26, C69, C70, C72, C76, C77)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.kinds import DEFAULT_SIZE, DEV_ENGINES, SIZED_KINDS, SIZES, InstanceSize
from reconciler.appspec.secrets import CLONE_URL
from reconciler.appspec.shape import Scalar
from reconciler.appspec.walk import shape_at
from reconciler.desired.rules.context import (
    Component,
    Rule,
    RuleContext,
    literal,
    mapping,
    records,
    text,
    wrong_cron,
    wrong_duration,
    wrong_time_zone,
)
from reconciler.findings import Finding
from reconciler.text import segments

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
"""Alert rules that monitor the app."""

COMPONENT_ALERTS = re.compile(r"CPU_|MEM_|RESTART_|REQUEST|FUNCTIONS_")
"""Prefixes of alert rules that monitor a component."""


def instances(context: RuleContext) -> Iterator[Finding]:
    """A size may allow one instance only (C69); what older sizes allow is not documented any more."""
    for component in context.components:
        size, count = _size(component), component.data.get("instance_count")
        if size is None or not size.single_instance_only or not isinstance(count, int) or count <= 1:
            continue
        unset = "" if component.data.get("instance_size_slug") else ", the default size,"
        message = f"{component.called} has {count} instances, but {size.slug}{unset} runs only one"
        hint = "use a size for several instances, such as apps-s-1vcpu-1gb, or remove instance_count"
        at = f"{component.pointer}/instance_count"
        yield context.error_or_warning("single-instance-size", message, hint, at, certain=not size.legacy)


def _size(component: Component) -> InstanceSize | None:
    """The size of a component's instances; None if it has none, or an unknown one."""
    slug = component.data.get("instance_size_slug") or DEFAULT_SIZE
    return SIZES.get(slug) if component.kind in SIZED_KINDS and isinstance(slug, str) else None


def scaling(context: RuleContext) -> Iterator[Finding]:
    """Autoscaling excludes a fixed number of instances and needs bounds, a metric and a dedicated size (C26, C69)."""
    for component in context.components:
        autoscaling, at = mapping(component.data, "autoscaling"), f"{component.pointer}/autoscaling"
        if not autoscaling:
            continue
        if component.data.get("instance_count") is not None:
            message = f"{component.called} has both autoscaling and instance_count"
            places = (f"{component.pointer}/instance_count", at)
            yield context.error("autoscaling-and-count", message, "remove instance_count", *places)
        if component.kind == "jobs":
            message = f"{component.called} has autoscaling, but a job runs to completion"
            yield context.warning("autoscaling-job", message, "remove autoscaling", at)
            continue
        yield from _bounds(context, autoscaling, at)
        missing = [name for name in ("min_instance_count", "max_instance_count") if autoscaling.get(name) is None]
        missing += [] if autoscaling.get("metrics") else ["metrics"]
        if missing and component.kind in SIZED_KINDS:
            message = f"the autoscaling of {component.called} has no {' and no '.join(missing)}"
            examples = {"min_instance_count": "1", "max_instance_count": "3", "metrics": "{cpu: {percent: 80}}"}
            hint = f"add {', '.join(f'`{name}: {examples[name]}`' for name in missing)}"
            yield context.error("autoscaling-incomplete", message, hint, at)
        size = _size(component)
        if size is not None and not size.scalable:
            message = f"{component.called} has autoscaling, but {size.slug} is not a dedicated size"
            hint = "use a dedicated size such as apps-d-1vcpu-1gb, or instance_count instead of autoscaling"
            yield context.error_or_warning("autoscaling-size", message, hint, at, certain=not size.legacy)


def _bounds(context: RuleContext, autoscaling: Mapping[str, Any], at: str) -> Iterator[Finding]:
    low, high = autoscaling.get("min_instance_count"), autoscaling.get("max_instance_count")
    if not isinstance(low, int) or not isinstance(high, int) or low < high:
        return
    places = (f"{at}/min_instance_count", f"{at}/max_instance_count")
    if low > high:
        message = f"min_instance_count ({low}) is greater than max_instance_count ({high})"
        yield context.error("autoscaling-bounds", message, "swap them", *places)
    else:
        message = f"min_instance_count and max_instance_count are both {low}, so nothing can scale"
        yield context.warning("autoscaling-bounds", message, "raise max_instance_count, or use instance_count", *places)


def documents(context: RuleContext) -> Iterator[Finding]:
    """A static site serves either a catch-all or an error page for unknown paths."""
    for component in context.components:
        if text(component.data, "catchall_document") and text(component.data, "error_document"):
            message = f"{component.called} has both catchall_document and error_document"
            places = (f"{component.pointer}/error_document", f"{component.pointer}/catchall_document")
            yield context.error("catchall-and-error", message, "keep only one", *places)


def databases(context: RuleContext) -> Iterator[Finding]:
    """A production database is a managed cluster, which has a name."""
    for component in context.components:
        production = component.kind == "databases" and component.data.get("production") is True
        if production and not component.data.get("cluster_name"):
            message = f"{component.called} has `production: true` but no cluster_name"
            hint = "add `cluster_name: …` (a managed cluster of the account), or remove `production`"
            yield context.error("no-cluster-name", message, hint, f"{component.pointer}/production")


_ENGINES = shape_at(("databases", 0, "engine"))
assert isinstance(_ENGINES, Scalar)
_MANAGED_ONLY = frozenset(_ENGINES.choices) - {*DEV_ENGINES, "UNSET"}


def dev_databases(context: RuleContext) -> Iterator[Finding]:
    """A development database is one of few engines (C77)."""
    for component in context.components:
        engine = text(component.data, "engine")
        managed = component.data.get("production") is True or component.data.get("cluster_name")
        if component.kind == "databases" and not managed and engine in _MANAGED_ONLY:
            message = f"{component.called} is a development database, which App Platform does not offer for {engine}"
            hint = "add `production: true` and the `cluster_name` of a managed cluster, or use PG"
            yield context.warning("dev-database", message, hint, f"{component.pointer}/engine")


def health_ports(context: RuleContext) -> Iterator[Finding]:
    """A health check asks a port that the service listens on (C76)."""
    for component in context.components:
        inner = component.data.get("internal_ports")
        ports = [component.data.get("http_port") or 8080, *(inner if isinstance(inner, list) else ())]
        for name in ("health_check", "liveness_health_check"):
            port = mapping(component.data, name).get("port")
            if component.kind == "services" and isinstance(port, int) and port not in ports:
                message = f"the {name} of {component.called} checks port {port}, which is not one of its ports"
                hint = f"add `internal_ports: [{port}]`, or check http_port ({ports[0]})"
                yield context.warning("health-check-port", message, hint, f"{component.pointer}/{name}/port")


def forms(context: RuleContext) -> Iterator[Finding]:
    """Cron expressions, time zones and durations parse (C70)."""
    for component in context.components:
        schedule, at = mapping(component.data, "schedule"), component.pointer
        if (cron := literal(schedule, "cron")) and (wrong := wrong_cron(cron)):
            yield context.error_or_warning(
                "bad-cron",
                f"invalid cron expression: {wrong.message}",
                wrong.hint,
                f"{at}/schedule/cron",
                certain=wrong.certain,
            )
        if wrong := wrong_time_zone(zone := literal(schedule, "time_zone")):
            message = f"unknown time zone {zone!r}"
            yield context.error_or_warning(
                "bad-time-zone", message, wrong.hint, f"{at}/schedule/time_zone", certain=wrong.certain
            )
        if wrong := wrong_duration(literal(component.data, "timeout")):
            yield context.error_or_warning(
                "bad-duration", f"invalid timeout: {wrong.message}", wrong.hint, f"{at}/timeout", certain=wrong.certain
            )


def schedules(context: RuleContext) -> Iterator[Finding]:
    """A SCHEDULED job has a schedule; no other job does."""
    for component in context.components:
        if component.kind != "jobs":
            continue
        scheduled, at = component.data.get("kind") == "SCHEDULED", component.pointer
        if scheduled and not text(mapping(component.data, "schedule"), "cron"):
            message = f"{component.called} is SCHEDULED but has no cron expression"
            yield context.error("no-schedule", message, 'add `schedule: {cron: "0 3 * * *"}`', f"{at}/kind")
        if not scheduled and component.data.get("schedule") is not None:
            message = f"{component.called} has a schedule but is not SCHEDULED"
            yield context.error("schedule-without-kind", message, "add `kind: SCHEDULED`", f"{at}/schedule")


def alert_levels(context: RuleContext) -> Iterator[Finding]:
    """Alerts on deployments and domains belong to the app, those on CPU and restarts to a component."""
    for at, alert in records(context.spec, "alerts"):
        rule = text(alert, "rule")
        if COMPONENT_ALERTS.match(rule):
            message = f"{rule} is a component alert, but is set on the app"
            yield context.warning("alert-level", message, "move it to a component's alerts", f"{at}/rule")
    for component in context.components:
        for at, alert in records(component.data, "alerts", component.pointer):
            rule = text(alert, "rule")
            if rule in APP_ALERTS:
                message = f"{rule} is an app alert, but is set on {component.called}"
                yield context.warning("alert-level", message, "move it to the app's alerts", f"{at}/rule")


def log_targets(context: RuleContext) -> Iterator[Finding]:
    """A log destination has one target (C72); its header keys are unique, as secrets are matched by them."""
    for component in context.components:
        for at, destination in records(component.data, "log_destinations", component.pointer):
            called = f"log destination {text(destination, 'name')!r} of {component.called}"
            yield from _log_target(context, destination, called, at)
            first: dict[str, str] = {}
            for place, header in records(destination, "headers", at):
                key = text(header, "key")
                there = first.setdefault(key, place)
                if key and there != place:
                    message = f"{component.called} sends the log header {key!r} twice"
                    yield context.error("duplicate-header", message, "keep only one", f"{place}/key", f"{there}/key")


_TARGETS = ("papertrail", "datadog", "logtail", "open_search", "endpoint")
_OF_ENDPOINT = ("headers", "tls_insecure")


def _log_target(context: RuleContext, destination: Mapping[str, Any], called: str, at: str) -> Iterator[Finding]:
    """The target may also be of a kind that no model knows yet."""
    targets = [name for name in _TARGETS if destination.get(name) is not None]
    if len(targets) > 1:
        message = f"{called} has {len(targets)} targets: {', '.join(targets)}"
        yield context.error(
            "log-target", message, "make each a separate destination", *(f"{at}/{one}" for one in targets[1:])
        )
    if not targets and not destination.keys() - {"name", *_OF_ENDPOINT}:
        hint = f"add one of {', '.join(_TARGETS[:-1])}, or the `endpoint` of another HTTP service"
        yield context.error("log-target", f"{called} has no target", hint, at)
    for name in _OF_ENDPOINT:
        if destination.get(name) and targets and "endpoint" not in targets:
            message = f"{called} has {name}, which only a destination with an `endpoint` of its own has"
            yield context.warning("log-fields", message, f"remove it; {targets[0]} does not use it", f"{at}/{name}")
    search = destination.get("open_search")
    if isinstance(search, Mapping):
        given = [name for name in ("endpoint", "cluster_name") if search.get(name)]
        if len(given) != 1:
            message = f"{called} has {'both endpoint and' if given else 'neither endpoint nor'} cluster_name"
            hint = "name a managed cluster (cluster_name) or an address (endpoint: https://host:port)"
            yield context.error("log-target", message, hint, f"{at}/open_search")


# --- Credentials in Git: plaintext where a secret belongs, and what looks like a credential anywhere else ---


def plaintext(context: RuleContext) -> Iterator[Finding]:
    """A plaintext credential in Git is no longer a secret; one in a clone URL is none on App Platform either."""
    for pointer in context.app.plaintexts:
        if segments(pointer)[-1] == CLONE_URL:
            hint = "connect the account under github, gitlab or bitbucket, and revoke this credential"
            yield context.warning("clone-url-login", f"{CLONE_URL} contains a credential", hint, pointer)
        elif pointer not in context.app.substituted:
            hint = (
                "use a declared variable (${NAME}), omit the value to keep the live one, "
                "or paste the encrypted EV[…] that App Platform returns"
            )
            yield context.warning("plaintext-secret", "plaintext secret", hint, pointer)


def lookalikes(context: RuleContext) -> Iterator[Finding]:
    """What looks like a credential in a plain field can be read by everyone who can read the app (C65)."""
    for pointer, _, what in context.app.lookalikes:
        substituted = pointer in context.app.substituted
        instead = "" if substituted else " and put the value into a declared variable: ${NAME}"
        hint = f"if it is one, add `type: SECRET`{instead}; plans show it only with --show-live-values"
        if segments(pointer)[-1] != "value":
            hint = f"if it is one, move it to an environment variable with `type: SECRET`{instead}"
        yield context.warning("looks-like-credential", f"this looks like {what}, but is not a secret", hint, pointer)


RULES: tuple[Rule, ...] = (
    instances,
    scaling,
    documents,
    databases,
    dev_databases,
    health_ports,
    schedules,
    forms,
    alert_levels,
    log_targets,
    plaintext,
    lookalikes,
)
"""The rules of this module."""
