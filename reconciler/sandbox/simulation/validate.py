"""Validation of specs as the platform does it: only the first of several errors is reported. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfoNotFoundError

from pydantic import ValidationError

from reconciler.appspec.kinds import (
    BUILT_KINDS,
    COMPONENT_KINDS,
    DEFAULT_SIZE,
    ROUTABLE_KINDS,
    SIZES,
    SOURCE_FIELDS,
    components,
)
from reconciler.sandbox.simulation.running import time_zone
from reconciler.sandbox.simulation.typed import validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.simulation.store import Tree

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?([/?#][!#-;=?-Z_a-z~%]*)?")


def first_mistake(spec: Tree, *, unknown_fields: bool = False, sizes: bool = True) -> tuple[str, str] | None:
    """(field, message) of the first error in a spec without nulls; None if it is valid.

    ``unknown_fields``: a field that no document has is one; ``sizes``: so is what an instance size does not allow.
    """
    try:
        validator().validate_python(spec)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            if problem["type"] != "extra_forbidden" or unknown_fields:
                return ".".join(map(str, problem["loc"])), problem["msg"]
    limits = (mistake for place, item in _placed(spec, BUILT_KINDS) for mistake in _scale(place, item) if sizes)
    return next(chain(_rules(spec), limits), None)


def _rules(spec: Tree) -> Iterator[tuple[str, str]]:
    """The rules between fields and components."""
    if not components(spec, COMPONENT_KINDS):
        yield "name", "an app needs at least one component"
    yield from _names(spec)
    yield from _variables(spec)
    for place, item in _placed(spec, BUILT_KINDS):
        yield from _component(place, item)
    yield from _routes(spec)
    for place, item in _placed(spec, ("databases",)):
        if item.get("production") and not item.get("cluster_name"):
            yield f"{place}.cluster_name", "a production database needs the name of its cluster"
    if sum(item.get("type") == "PRIMARY" for item in spec.get("domains") or []) > 1:
        yield "domains", "only one domain can be PRIMARY"
    yield from _addresses(spec)
    yield from _ingress(spec)


def _placed(spec: Tree, kinds: tuple[str, ...]) -> Iterator[tuple[str, Tree]]:
    """(place, item) of every item of lists in the spec: ``services.0``."""
    return ((f"{kind}.{number}", item) for kind in kinds for number, item in enumerate(spec.get(kind) or []))


def _addresses(spec: Tree) -> Iterator[tuple[str, str]]:
    for place, item in _placed(spec, ("domains",)):
        if item.get("zone") and not _HOST.fullmatch(item["zone"]):
            yield f"{place}.zone", "the zone is not a host name"
    page = (spec.get("ingress") or {}).get("custom_error_page_url")
    if page and not _HTTPS.fullmatch(page):
        yield "ingress.custom_error_page_url", "the page is not an https URL"


def _names(spec: Tree) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for place, item in _placed(spec, COMPONENT_KINDS):
        if item["name"] in seen:
            yield f"{place}.name", "component names must be unique"
        seen.add(item["name"])
    domains = [item["domain"] for item in spec.get("domains") or []]
    for name in domains:
        if domains.count(name) > 1:
            yield "domains", f"domain {name} is given twice"


def _variables(spec: Tree) -> Iterator[tuple[str, str]]:
    owners = [("envs", spec), *((f"{place}.envs", item) for place, item in _placed(spec, BUILT_KINDS))]
    for place, owner in owners:
        seen: set[str] = set()
        for number, env in enumerate(owner.get("envs") or []):
            if env["key"] in seen:
                yield f"{place}.{number}.key", f"env key {env['key']} is given twice"
            seen.add(env["key"])


def _routes(spec: Tree) -> Iterator[tuple[str, str]]:
    taken: set[str] = set()
    for place, item in _placed(spec, ROUTABLE_KINDS):
        routes = item.get("routes") or []
        if routes and place.startswith("services") and item.get("internal_ports") and not item.get("http_port"):
            yield f"{place}.routes", "an internal service, with internal_ports only, cannot have routes"
        for route in routes:
            path = route.get("path") or "/"
            if path in taken:
                yield f"{place.partition('.')[0]}.route.paths", f'route path "{path}" already in use'
            taken.add(path)


def _component(place: str, item: Tree) -> Iterator[tuple[str, str]]:
    sources = [source for source in SOURCE_FIELDS if item.get(source)]
    if not sources:
        yield place, "a component needs a source: git, github, gitlab, bitbucket or image"
    if len(sources) > 1:
        yield f"{place}.{sources[1]}", "a component has one source"
    image = item.get("image") or {}
    if image.get("tag") and image.get("digest"):
        yield f"{place}.image.digest", "an image has a tag or a digest, not both"
    yield from _schedule(f"{place}.schedule", item.get("schedule") or {})
    if item.get("catchall_document") and item.get("error_document"):
        yield f"{place}.error_document", "a static site has a catchall_document or an error_document, not both"


def _scale(place: str, item: Tree) -> Iterator[tuple[str, str]]:
    """The limits that instance sizes carry as ``single_instance_only`` and ``scalable``.

    No document has the first for sizes that are no longer offered, and published specs have several instances of them.
    """
    size, scaling = SIZES[item.get("instance_size_slug") or DEFAULT_SIZE], item.get("autoscaling")
    if size.single_instance_only and not size.legacy and (item.get("instance_count") or 1) > 1:
        yield f"{place}.instance_count", f"instance size {size.slug} allows a single instance only"
    if not scaling:
        return
    if item.get("instance_count"):
        yield f"{place}.instance_count", "instance_count cannot be used with autoscaling"
    if not size.scalable:
        yield f"{place}.autoscaling", f"instance size {size.slug} does not allow autoscaling: it needs a dedicated one"
    low, high = scaling.get("min_instance_count"), scaling.get("max_instance_count")
    if low is None or high is None or not scaling.get("metrics"):
        yield f"{place}.autoscaling", "min_instance_count, max_instance_count and a metric are required"
    elif low >= high:
        yield f"{place}.autoscaling", "min_instance_count must be less than max_instance_count"


def _schedule(place: str, schedule: Tree) -> Iterator[tuple[str, str]]:
    from cronsim import CronSim, CronSimError

    try:
        zone = time_zone(schedule)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{place}.time_zone", "there is no such time zone"
        return
    try:
        if schedule.get("cron"):
            CronSim(schedule["cron"], datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError:
        yield f"{place}.cron", "this is not a cron expression"


def _ingress(spec: Tree) -> Iterator[tuple[str, str]]:
    reachable = {item["name"] for _, item in components(spec, ROUTABLE_KINDS)}
    for number, rule in enumerate((spec.get("ingress") or {}).get("rules") or []):
        place = f"ingress.rules.{number}"
        component, redirect = rule.get("component"), rule.get("redirect")
        if component and redirect:
            yield place, "a rule has a component or a redirect, not both"
        if component and component["name"] not in reachable:
            yield f"{place}.component.name", f"component {component['name']} does not exist or cannot be routed to"
        if component and component.get("preserve_path_prefix") and component.get("rewrite"):
            yield f"{place}.component", "preserve_path_prefix cannot be used with rewrite"
    for place, item in _placed(spec, ROUTABLE_KINDS):
        cors = item.get("cors") or {}
        for origin in cors.get("allow_origins") or []:
            if sum(key in origin for key in ("exact", "prefix", "regex")) != 1:
                yield f"{place}.cors.allow_origins", "an origin is one of exact, prefix and regex"
