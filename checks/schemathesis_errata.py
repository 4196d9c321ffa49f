"""Where the vendor's descriptions are wrong: what the service, its clients and its documentation say otherwise.

Each erratum corrects a description before the sandbox is held against it, and must still be needed: without it the
answer about an app that uses the field breaks the contract in at least one of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Tree = dict[str, Any]


@dataclass(frozen=True)
class Erratum:
    """What is wrong in a description, and how it reads when it is right (changed in place)."""

    name: str
    reason: str
    correct: Callable[[Tree], None]


def _records(value: Any) -> Iterator[Tree]:
    """Every schema within a schema that has properties."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield value
        for item in value.values():
            yield from _records(item)
    elif isinstance(value, list):
        for item in value:
            yield from _records(item)


def _logtail(document: Tree) -> None:
    for record in _records(document["components"]["schemas"]):
        logtail = record["properties"].get("logtail")
        if isinstance(logtail, dict):
            target = document["components"]["schemas"].get(str(logtail.get("$ref", "")).rpartition("/")[2], logtail)
            target["required"] = [name for name in target.get("required", []) if name != "endpoint"]
            if not target["required"]:
                del target["required"]


def _preserve_path_prefix(document: Tree) -> None:
    for record in _records(document["components"]["schemas"]):
        flag = record["properties"].get("preserve_path_prefix")
        if isinstance(flag, dict):
            flag |= {"type": "boolean", "example": True}


def _scheduled(document: Tree) -> None:
    for record in _records(document["components"]["schemas"]["app_job_spec"]):
        kinds = record["properties"].get("kind", {}).get("enum")
        if kinds and "SCHEDULED" not in kinds:
            kinds.append("SCHEDULED")


ERRATA = (
    Erratum(
        "log_destinations.logtail.endpoint",
        "the description requires an endpoint, which a logtail destination does not have: only a token",
        _logtail,
    ),
    Erratum(
        "ingress.rules.component.preserve_path_prefix",
        "the description types it string; the service and all clients have a boolean",
        _preserve_path_prefix,
    ),
    Erratum(
        "jobs.kind SCHEDULED",
        "the description lacks the kind of jobs that run by the clock",
        _scheduled,
    ),
)
"""All that the sandbox's answers need corrected; the descriptions' other errata concern requests and examples."""
