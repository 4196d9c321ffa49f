"""Whether an app receives requests from outside, according to its spec. Pure, and tolerant of any spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def is_offline(spec: Mapping[str, Any]) -> bool:
    """Whether the app serves only its maintenance page (``archive`` implies ``enabled``)."""
    maintenance = spec.get("maintenance")
    return isinstance(maintenance, dict) and (maintenance.get("enabled") is True or maintenance.get("archive") is True)


def has_address(spec: Mapping[str, Any]) -> bool:
    """Whether the app has a live URL: a static site, functions, or a service that is not internal.

    Workers, jobs and databases serve no requests; a service with only internal ports serves none from outside.
    """
    if any(_items(spec, kind) for kind in ("static_sites", "functions")):
        return True
    ingress = spec.get("ingress")
    rules = _items(ingress, "rules") if isinstance(ingress, dict) else []
    routed = {name for rule in rules for name in _named(rule.get("component"))}
    return any(
        not service.get("internal_ports")
        or service.get("http_port")
        or service.get("routes")
        or routed.intersection(_named(service))
        for service in _items(spec, "services")
    )


def _items(node: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    items = node.get(kind)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _named(component: Any) -> Iterator[str]:
    if isinstance(component, dict) and isinstance(component.get("name"), str):
        yield component["name"]
