"""Items of ordered lists have no name: they are told by what they say, such as ``[/api]`` for an ingress rule."""

from __future__ import annotations

import json
from typing import Any


def labels(items: tuple[Any, ...]) -> dict[str, Any]:
    """The items of an ordered list by what they say, in their order; equal labels are numbered."""
    out: dict[str, Any] = {}
    for item in items:
        label = wanted = _label(item)
        number = 1
        while label in out:
            number += 1
            label = f"{wanted}#{number}"
        out[label] = item
    return out


def _label(item: Any) -> str:
    """``[/api]``, ``[example.com/api]`` for ingress rules; else the item itself, short."""
    if isinstance(item, dict) and item.keys() & {"match", "component", "redirect"}:
        match = item.get("match", {})
        parts = [match.get(name, {}) for name in ("authority", "path")] if isinstance(match, dict) else [{}, {}]
        host, path = ("".join(map(str, part.values())) if isinstance(part, dict) else str(part) for part in parts)
        return f"[{host}{path or '/'}]"
    if isinstance(item, dict):
        return "[" + ",".join(f"{name}={value}" for name, value in sorted(item.items())) + "]"
    return f"[{json.dumps(item, default=repr)}]"


def place_of(items: tuple[Any, ...], part: str) -> int | None:
    """Where the item with that label stands, or with that number; None if there is none."""
    told = list(labels(items))
    if part in told:
        return told.index(part)
    return int(part) if part.isdecimal() and int(part) < len(items) else None
