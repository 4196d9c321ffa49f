"""What the platform makes of a spec: refuse it, fill in what it fills in, encrypt secrets, leave out what is empty.

Refusals have the recorded forms of the service's messages.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Iterator
from typing import Any

from tests.second_platform.model import Spec

KINDS = ("services", "static_sites", "workers", "jobs", "functions")
MISSING: Any = object()
"""In place of a value: the field is left out."""


class Refusal(Exception):
    """The platform refuses a request with 400 and this message."""


def check(spec: Any, ciphertexts: dict[str, str] | None) -> None:
    """Refuse a spec that the platform refuses; ``ciphertexts``: those the app was given, None for a new app.

    Raises:
        Refusal: the first error, in the newer of the recorded forms; that of routes is recorded in the older one.
    """
    if not isinstance(spec, dict) or not spec.get("name"):
        raise _first("name", "is required")
    if not any(spec.get(kind) for kind in KINDS):
        raise _first("components", "at least one component is required")
    names = [item.get("name") for kind in (*KINDS, "databases") for item in spec.get(kind, ())]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _first(f"components.{place}.name", f"component name {name!r} is already in use")
    _check_routes(spec)
    for field, env in _envs(spec):
        value = str(env.get("value", ""))
        if value.startswith("EV[") and ciphertexts is None:
            raise _first(field, "secret env value must not be encrypted before app is created")
        if value.startswith("EV[") and value not in ciphertexts:
            raise _first(field, "secret env value is not one of this app")


def _check_routes(spec: Spec) -> None:
    paths = [route.get("path", "/") for item in spec.get("services", ()) for route in item.get("routes", ())]
    for place, path in enumerate(paths):
        if path in paths[:place]:
            text = f'error validating app spec field "services.route.paths": route path "{path}" already in use'
            raise Refusal(text)


def _first(field: str, what: str) -> Refusal:
    return Refusal(f'errors validating app spec; first error in field "{field}": {what}')


def _envs(spec: Spec) -> Iterator[tuple[str, Spec]]:
    holders = [("", spec), *((f"{kind}.{i}.", item) for kind in KINDS for i, item in enumerate(spec.get(kind, ())))]
    for prefix, holder in holders:
        for place, env in enumerate(holder.get("envs", ())):
            yield f"{prefix}envs.{place}.value", env


def stored(spec: Spec, ciphertexts: dict[str, str]) -> Spec:
    """The spec as it is kept: http_port and region filled in, secrets encrypted, GENERAL and empty values left out."""
    out = copy.deepcopy(spec)
    out.setdefault("region", "fra")
    for service in out.get("services", ()):
        if not service.get("internal_ports"):
            service.setdefault("http_port", 8080)
    for _, env in _envs(out):
        if env.get("type") == "GENERAL":
            del env["type"]
        if env.get("type") == "SECRET" and not str(env.get("value", "EV[")).startswith("EV["):
            env["value"] = _encrypt(env["value"], ciphertexts)
    return lean(out)


def _encrypt(plain: str, ciphertexts: dict[str, str]) -> str:
    nonce = hashlib.sha256(str(len(ciphertexts)).encode()).digest()[:12]
    cipher = hashlib.sha256(nonce + plain.encode()).digest()
    text = f"EV[1:{base64.b64encode(nonce).decode()}:{base64.b64encode(cipher).decode()}]"
    ciphertexts[text] = plain
    return text


def lean(value: Any) -> Any:
    """The same without false, zero, empty text and empty lists; an object that becomes empty stays."""
    if isinstance(value, dict):
        kept = {key: lean(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if isinstance(item, dict) or item}
    return [lean(item) for item in value] if isinstance(value, list) else value


def edit(value: Any, path: str, to: Any) -> None:
    """Set what is at a dotted path (``*``: every item of a list), or remove it; a path that leads nowhere is left."""
    part, _, rest = path.partition(".")
    if isinstance(value, list):
        for item in value if part == "*" else value[int(part) : int(part) + 1]:
            edit(item, rest, to)
    elif isinstance(value, dict) and rest:
        edit(value.get(part), rest, to)
    elif isinstance(value, dict):
        value.pop(part, None)
        if to is not MISSING:
            value[part] = copy.deepcopy(to)
