"""Validation of specs as the platform does it: only the first of several errors is reported. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfoNotFoundError

from pydantic import ValidationError

from reconciler.appspec.kinds import BUILT_KINDS, COMPONENT_KINDS, ROUTABLE_KINDS, SOURCE_FIELDS, components
from reconciler.sandbox.simulation.running import time_zone
from reconciler.sandbox.simulation.typed import validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.simulation.store import Tree

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?([/?#][!#-;=?-Z_a-z~%]*)?")


def first_mistake(spec: Tree, *, unknown_fields: bool = False) -> tuple[str, str] | None:
    """(field, message) of the first error in a spec without nulls; None if it is valid."""
    try:
        validator().validate_python(spec)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            if problem["type"] != "extra_forbidden" or unknown_fields:
                return _dotted(problem["loc"]), problem["msg"]
    return next(_rules(spec), None)


def _dotted(place: tuple[int | str, ...]) -> str:
    out = ""
    for part in place:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out


def _rules(spec: Tree) -> Iterator[tuple[str, str]]:
    """The rules between fields and components."""
    yield from _names(spec)
    for kind, item in components(spec, BUILT_KINDS):
        yield from _component(f"{kind}.{item['name']}", item)
    for item in spec.get("databases") or []:
        if item.get("production") and not item.get("cluster_name"):
            yield f"databases.{item['name']}.cluster_name", "a production database needs the name of its cluster"
    if sum(item.get("type") == "PRIMARY" for item in spec.get("domains") or []) > 1:
        yield "domains", "only one domain can be PRIMARY"
    yield from _addresses(spec)
    yield from _ingress(spec)


def _addresses(spec: Tree) -> Iterator[tuple[str, str]]:
    for item in spec.get("domains") or []:
        if item.get("zone") and not _HOST.fullmatch(item["zone"]):
            yield f"domains.{item['domain']}.zone", "the zone is no host name"
    page = (spec.get("ingress") or {}).get("custom_error_page_url")
    if page and not _HTTPS.fullmatch(page):
        yield "ingress.custom_error_page_url", "the page is no https URL"


def _names(spec: Tree) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for kind, item in components(spec, COMPONENT_KINDS):
        if item["name"] in seen:
            yield f"{kind}.{item['name']}.name", "component names must be unique"
        seen.add(item["name"])
    domains = [item["domain"] for item in spec.get("domains") or []]
    for name in domains:
        if domains.count(name) > 1:
            yield "domains", f"domain {name} is given twice"


def _component(place: str, item: Tree) -> Iterator[tuple[str, str]]:
    sources = [source for source in SOURCE_FIELDS if item.get(source)]
    if len(sources) > 1:
        yield f"{place}.{sources[1]}", "a component has one source"
    image = item.get("image") or {}
    if image.get("tag") and image.get("digest"):
        yield f"{place}.image.digest", "an image has a tag or a digest, not both"
    scaling = item.get("autoscaling")
    if scaling:
        if item.get("instance_count"):
            yield f"{place}.instance_count", "instance_count cannot be used with autoscaling"
        low, high = scaling.get("min_instance_count"), scaling.get("max_instance_count")
        if low is not None and high is not None and low >= high:
            yield f"{place}.autoscaling", "min_instance_count must be less than max_instance_count"
    yield from _schedule(f"{place}.schedule", item.get("schedule") or {})
    if item.get("catchall_document") and item.get("error_document"):
        yield f"{place}.error_document", "a static site has a catchall_document or an error_document, not both"


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
        yield f"{place}.cron", "this is no cron expression"


def _ingress(spec: Tree) -> Iterator[tuple[str, str]]:
    reachable = {item["name"] for _, item in components(spec, ROUTABLE_KINDS)}
    for number, rule in enumerate((spec.get("ingress") or {}).get("rules") or []):
        place = f"ingress.rules[{number}]"
        component, redirect = rule.get("component"), rule.get("redirect")
        if component and redirect:
            yield place, "a rule has a component or a redirect, not both"
        if component and component["name"] not in reachable:
            yield f"{place}.component.name", f"component {component['name']} does not exist or cannot be routed to"
        if component and component.get("preserve_path_prefix") and component.get("rewrite"):
            yield f"{place}.component", "preserve_path_prefix cannot be used with rewrite"
    for kind, item in components(spec, ROUTABLE_KINDS):
        cors = item.get("cors") or {}
        for origin in cors.get("allow_origins") or []:
            if sum(key in origin for key in ("exact", "prefix", "regex")) != 1:
                yield f"{kind}.{item['name']}.cors.allow_origins", "an origin is one of exact, prefix and regex"
