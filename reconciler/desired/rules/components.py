"""Rules on one component: conflicting and missing fields, and where its code comes from (C41, C43)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.kinds import SOURCE_FIELDS
from reconciler.desired.rules.context import Component, Rule, RuleContext, mapping, records, text
from reconciler.findings import Finding
from reconciler.text import did_you_mean

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

# variables that the platform sets for every app (source: its reference of bindable variables)
_PLATFORM = frozenset({"APP_URL", "APP_DOMAIN", "APP_ID", "STARTER_DOMAIN"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BINDABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\.([^{}]*)\}")


def scaling(context: RuleContext) -> Iterator[Finding]:
    """Autoscaling excludes a fixed number of instances and needs a maximum above its minimum (C26)."""
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
            message = f"min_instance_count ({low}) is greater than max_instance_count ({high})"
            yield context.error("autoscaling-bounds", message, "swap them", *places)
        else:
            message = f"min_instance_count and max_instance_count are both {low}, so nothing can scale"
            yield context.warning(
                "autoscaling-bounds", message, "raise max_instance_count, or use instance_count", *places
            )


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
                message = f"${{{name}.{field}}} refers to {name!r}, but the app has no such component or database"
                hint = did_you_mean(name, known, f"known: {', '.join(sorted(known))}")
                yield context.warning("unknown-bindable", message, hint, f"{at}/value")


def placeholders(context: RuleContext) -> Iterator[Finding]:
    """``${NAME}`` as a whole value, of an undeclared variable: reported once, as it may be meant for the platform."""
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
        message = f"{names} will be sent as written"
        hint = "to substitute it, declare it under `variables` in reconcile.yaml"
        yield context.notice("not-substituted", message, hint, first, *more)


def log_headers(context: RuleContext) -> Iterator[Finding]:
    """Header keys of a log destination are unique: secrets are matched by them."""
    for component in context.components:
        for at, destination in records(component.data, "log_destinations", component.pointer):
            first: dict[str, str] = {}
            for place, header in records(destination, "headers", at):
                key = text(header, "key")
                there = first.setdefault(key, place)
                if key and there != place:
                    message = f"{component.called} sends the log header {key!r} twice"
                    yield context.error("duplicate-header", message, "keep only one", f"{place}/key", f"{there}/key")


RULES: tuple[Rule, ...] = (
    scaling,
    documents,
    databases,
    schedules,
    alert_levels,
    bindables,
    placeholders,
    log_headers,
)
"""The rules of this module."""


# --- Where a component's code comes from (C41, C43): one complete source, and a fixed tag ---


_REPO = {
    "github": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "bitbucket": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "gitlab": re.compile(r"[^/\s:]+(/[^/\s:]+)+"),
}
_URL = re.compile(r"(?:https?://|git@)[^/:]+[/:](?P<repo>.+?)(?:\.git)?/?$")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEEDED = {"git": ("repo_clone_url",), "image": ("registry_type", "repository")}


def one_source(context: RuleContext) -> Iterator[Finding]:
    """A component has one source; a database has none."""
    for component in _built(context):
        present = [name for name in SOURCE_FIELDS if component.data.get(name) is not None]
        if not present:
            choices = ", ".join(SOURCE_FIELDS if component.kind != "functions" else SOURCE_FIELDS[:-1])
            message = f"{component.called} has no source"
            yield context.error("no-source", message, f"add one of {choices}", component.pointer)
        elif len(present) > 1:
            message = f"{component.called} has {len(present)} sources: {', '.join(present)}"
            places = [f"{component.pointer}/{name}" for name in present]
            yield context.error("several-sources", message, "keep only one", places[1], places[0], *places[2:])


def repositories(context: RuleContext) -> Iterator[Finding]:
    """A source names its repository as the host does."""
    for component in _built(context):
        for name in SOURCE_FIELDS:
            source = component.data.get(name)
            if not isinstance(source, Mapping):
                continue
            at = f"{component.pointer}/{name}"
            for needed in _NEEDED.get(name, ("repo",)):
                if source.get(needed) in (None, ""):
                    message = f"the {name} source of {component.called} has no {needed}"
                    yield context.warning("incomplete-source", message, f"add `{needed}: …`", at)
            if name in _REPO and (repo := text(source, "repo")):
                yield from _repository(context, name, repo, f"{at}/repo")


def _repository(context: RuleContext, host: str, repo: str, at: str) -> Iterator[Finding]:
    if _REPO[host].fullmatch(repo) and not repo.startswith("<"):
        return
    if "${" in repo:
        if at not in context.app.substituted:
            message = f"{repo} is not declared in reconcile.yaml and will be sent as written"
            yield context.warning("unknown-variable", message, "declare it under `variables`, or write owner/name", at)
        return
    url = _URL.match(repo)
    hint = f"write {url['repo']}" if url else "write it as on the host, such as my-org/my-app"
    yield context.warning("bad-repository", f"repo must be owner/name, got {repo!r}", hint, at)


def images(context: RuleContext) -> Iterator[Finding]:
    """An image has a tag or a digest, DOCR has no registry, and only DOCR deploys on push."""
    for component in context.components:
        image = mapping(component.data, "image")
        if not image:
            continue
        at = f"{component.pointer}/image"
        tag, digest = text(image, "tag"), text(image, "digest")
        if tag and digest:
            message = "an image can have a tag or a digest, not both"
            yield context.error(
                "tag-and-digest",
                message,
                "keep the digest: it always names the same image",
                f"{at}/tag",
                f"{at}/digest",
            )
        if digest and not _DIGEST.fullmatch(digest) and "${" not in digest:
            message = "a digest must be sha256: followed by 64 hex digits"
            yield context.error("bad-digest", message, "copy it from the registry", f"{at}/digest")
        yield from _registry(context, image, at)
        yield from _tag(context, component, image, at)


def _registry(context: RuleContext, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    docr = image.get("registry_type") == "DOCR"
    if docr and text(image, "registry"):
        message = "a DOCR image takes no registry: an account has only one"
        yield context.error("registry-with-docr", message, "remove `registry`", f"{at}/registry")
    if _deploys_on_push(image) and (not docr or image.get("digest")):
        message = "deploy_on_push works only for DOCR images with a tag"
        yield context.error(
            "deploy-on-push", message, "remove it, or use a DOCR image with a tag", f"{at}/deploy_on_push"
        )


def _tag(context: RuleContext, component: Component, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    """C41: the platform pulls a tag once; moving the tag afterwards has no effect."""
    tag = image.get("tag")
    if image.get("digest") or tag not in (None, "", "latest") or _deploys_on_push(image):
        return
    shown = "uses the tag latest" if tag else "has no tag, so it uses latest"
    message = f"{component.called} {shown}: newer images will not be noticed"
    yield context.warning("mutable-tag", message, "use a version tag or a digest", f"{at}/tag" if tag else at)


def _deploys_on_push(image: Mapping[str, Any]) -> bool:
    return mapping(image, "deploy_on_push").get("enabled") is True


def _built(context: RuleContext) -> Iterator[Component]:
    return (component for component in context.components if component.kind != "databases")


SOURCE_RULES: tuple[Rule, ...] = (one_source, repositories, images)
"""The rules of this module."""
