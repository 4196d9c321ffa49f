"""Tells the documents of other tools from app specs: folders of specs often have them, too. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from reconciler.appspec.kinds import COMPONENT_KINDS, components
from reconciler.appspec.shape import SPEC
from reconciler.desired.reading import WRAPPER
from reconciler.text import nearest

OTHER = "of another tool"
"""What a document is that has no field of an app spec; only the folder it is in can make it look like one."""


def unrelated(data: Any, file: str) -> str:
    """What a document is if it is not an app spec: ``a Kubernetes object``; empty if it may be one.

    Only signs that no app spec can have count, however wrong it is: a spec that is passed over is not compared.
    """
    if file in _FILES:
        return _FILES[file]
    if isinstance(data, list):
        return "an Ansible playbook" if any("hosts" in play for play in data if isinstance(play, dict)) else ""
    if not isinstance(data, dict) or _has_components(data):
        return ""
    return next((kind for kind, is_one in _SIGNS if is_one(data)), "")


_FILES = dict.fromkeys(("package.json", "package-lock.json", "composer.json", "tsconfig.json"), "a package's JSON")
_OF_SPECS = frozenset({*SPEC.fields, WRAPPER})


def _has_components(data: Mapping[str, Any]) -> bool:
    """Whether a mapping lists components by name, which nothing but an app spec does."""
    return "apiVersion" not in data and any("name" in item for _, item in components(data, COMPONENT_KINDS))


def _any_of(parent: Any, *names: str) -> bool:
    """Whether a mapping has a mapping with any of the names."""
    parts = parent.values() if isinstance(parent, dict) else ()
    return any(not part.keys().isdisjoint(names) for part in parts if isinstance(part, dict))


def _is_compose(data: Mapping[str, Any]) -> bool:
    services = data.get("services")
    images = (
        [one.get("image") for one in services.values() if isinstance(one, dict)] if isinstance(services, dict) else []
    )
    return any(isinstance(image, str) for image in images) or _any_of(
        services, "build", "container_name", "ports", "depends_on"
    )


_SIGNS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("a Kubernetes object", lambda data: {"apiVersion", "kind"} <= data.keys()),
    ("a Helm chart", lambda data: {"apiVersion", "version"} <= data.keys()),
    ("a Docker Compose file", _is_compose),
    ("a CI workflow", lambda data: _any_of(data.get("jobs"), "steps", "runs-on", "uses")),
    ("a GitHub action", lambda data: isinstance(data.get("runs"), dict)),
    ("a GitLab CI file", lambda data: "stages" in data or _any_of(data, "script")),
    ("a CI pipeline", lambda data: "pipelines" in data or {"steps", "pool"} <= data.keys() or "trigger" in data),
    ("an OpenAPI description", lambda data: not data.keys().isdisjoint(("openapi", "swagger"))),
    ("a JSON Schema", lambda data: "$schema" in data and not data.keys().isdisjoint(("properties", "$defs"))),
    (OTHER, lambda data: not _near_spec(data)),
)
"""What other tools' documents are called, and how they are known."""


def _near_spec(data: Mapping[str, Any]) -> bool:
    """Whether a mapping has a field of an app spec, perhaps misspelt; an empty one may become a spec."""
    return not data or any(name in _OF_SPECS or nearest(name, _OF_SPECS, cutoff=0.8) for name in islice(data, 100))
