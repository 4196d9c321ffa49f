"""How the platform changes a spec before it stores it: encrypts secrets, fills in defaults, translates routes. Pure.

`settings.py` has a switch for each of these. Secrets become ``EV[1:nonce:cipher]``, which only their own app can
decrypt. The cipher is built from the standard library's hashes: it is authenticated and bound to the app, which is what
clients can observe. It is no protection outside a sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import BUILT_KINDS, DEFAULT_SIZE, ROUTABLE_KINDS, SIZED_KINDS, SOURCE_FIELDS, components
from reconciler.appspec.secrets import CIPHERTEXT_FORM, is_marked, secrets
from reconciler.appspec.shape import MISSING, SPEC, Record, Scalar, canonical_spelling
from reconciler.appspec.walk import branches, find_known, mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.sandbox.settings import Settings
    from reconciler.sandbox.simulation.store import Tree

_SECRETS = branches(SPEC, lambda _, field: field.can_be_secret)
_BUILDPACKS = "buildpack-stack=ubuntu-22"
_DATABASE_VERSIONS = {"PG": "16", "MYSQL": "8", "REDIS": "7", "VALKEY": "8", "MONGODB": "7", "KAFKA": "3.8"}
_TAG = 16
_RETURNED_AS_SENT = re.compile(r"(^|\.)(log_destinations\.|ingress\.secure_header(\.|$))")
"""Places whose credentials the platform does not encrypt."""


class ForeignCiphertext(ValueError):
    """A ciphertext that the app cannot decrypt, at ``place`` in the spec."""

    def __init__(self, place: str) -> None:
        super().__init__(f"unable to decrypt {place}")
        self.place = place


def cleaned(value: Any) -> Any:
    """A copy without nulls: to the platform, null is the same as absent."""
    if isinstance(value, dict):
        return {str(key): cleaned(item) for key, item in value.items() if item is not None}
    return [cleaned(item) for item in value if item is not None] if isinstance(value, list) else value


def respelled(spec: Tree) -> Tree:
    """The spec in canonical spelling: ``nyc`` for ``nyc3``, POST_DEPLOY for UNSPECIFIED, no empty zones."""

    def domain(item: Tree) -> Tree:
        return {key: value for key, value in item.items() if key != "zone" or value}

    def job(item: Tree) -> Tree:
        return item | {"kind": canonical_spelling("job-kind", item["kind"])} if "kind" in item else item

    out = dict(spec)
    for name, change in (("domains", domain), ("jobs", job)):
        if isinstance(spec.get(name), list):
            out[name] = [change(item) if isinstance(item, dict) else item for item in spec[name]]
    if "region" in spec:
        out["region"] = canonical_spelling("region", spec["region"])
    return out


def normalised(spec: Tree, settings: Settings) -> Tree:
    """The spec as the platform renders it, before encryption. The input must be valid and cleaned."""
    out = respelled(spec)
    if settings.rewrites_routes:
        out = with_ingress(out, longest_first=settings.routes_order == "longest")
    if settings.fills_defaults != "none":
        out = _recorded_defaults(out, settings.default_region)
    if settings.fills_defaults in ("common", "documented"):
        out = _common_defaults(out)
    if settings.fills_defaults == "documented":
        out = mapped(out, SPEC, members=_documented)
    return presented(out, settings)


def presented(spec: Tree, settings: Settings) -> Tree:
    """The part of `normalised` that changes how a spec is written, not what it means."""

    def written(envs: list[Tree]) -> list[Tree]:
        out = [_typed(env, general=settings.returns_general_type) for env in envs]
        return sorted(out, key=lambda env: str(env.get("key"))) if settings.reorders_envs else out

    out = _with_envs(spec, written)
    if settings.unknown_fields == "drop":
        out = mapped(out, SPEC, members=_known)
    return _without_zeros(out) if settings.omits_zero_values else out


def first_ciphertext(spec: Tree, settings: Settings) -> str | None:
    """The place of the first secret that is ciphertext, where the platform encrypts: ``services.0.envs.4.value``."""
    for pointer, value in secrets(spec):
        place = pointer[1:].replace("/", ".")
        if isinstance(value, str) and CIPHERTEXT_FORM.match(value) and _encrypts(place, settings):
            return place
    return None


def _encrypts(place: str, settings: Settings) -> bool:
    """Whether the platform encrypts the secrets at a place in a spec."""
    return settings.encrypts_log_tokens or not _RETURNED_AS_SENT.search(place)


def encrypted(spec: Tree, settings: Settings, key: bytes, app_id: str, number: int) -> Tree:
    """The spec with every secret encrypted for the app. ``number`` must be new for each submission.

    A secret without a value stays without: nothing of an earlier spec is kept.

    Raises:
        ForeignCiphertext: with `foreign_ciphertext_decrypts` off.
    """
    count = 0

    def hide(value: Any, place: str) -> Any:
        nonlocal count
        if not isinstance(value, str) or not value:
            return value
        if CIPHERTEXT_FORM.match(value):
            if settings.foreign_ciphertext_decrypts or decrypt(key, app_id, value) is not None:
                return value
            raise ForeignCiphertext(place)
        count += 1
        return encrypt(key, app_id, f"{number}:{count}", value)

    out: Tree = mapped(spec)
    for pointer, field, value, owner in tuple(find_known(out, _SECRETS)):
        place = pointer[1:].replace("/", ".")
        if is_marked(field, owner) and _encrypts(place, settings):
            owner[field.name] = hide(value, place)
    return out


def encrypt(key: bytes, app_id: str, number: object, plaintext: str) -> str:
    """A ciphertext for the app; it differs for each ``number``."""
    own = hmac.digest(key, app_id.encode(), "sha256")
    nonce = hmac.digest(own, f"nonce:{number}".encode(), "sha256")[:24]
    hidden = _mixed(plaintext.encode(), own, nonce)
    sealed = hmac.digest(own, nonce + hidden, "sha256")[:_TAG] + hidden
    return f"EV[1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}]"


def decrypt(key: bytes, app_id: str, ciphertext: str) -> str | None:
    """The plaintext, or None if the ciphertext is not this app's."""
    match = CIPHERTEXT_FORM.match(ciphertext)
    if not match:
        return None
    own = hmac.digest(key, app_id.encode(), "sha256")
    try:
        nonce, sealed = (base64.b64decode(part, validate=True) for part in match.groups())
    except ValueError:
        return None
    tag, hidden = sealed[:_TAG], sealed[_TAG:]
    if not hmac.compare_digest(tag, hmac.digest(own, nonce + hidden, "sha256")[:_TAG]):
        return None
    return _mixed(hidden, own, nonce).decode()


def _mixed(text: bytes, key: bytes, nonce: bytes) -> bytes:
    """The text XOR a stream derived from key and nonce; its own inverse."""
    stream = hashlib.shake_256(key + nonce).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def routable(spec: Tree) -> list[Tree]:
    """The components that requests can reach: not services with internal ports only."""
    return [
        item
        for kind, item in components(spec, ROUTABLE_KINDS)
        if not (kind == "services" and item.get("internal_ports") and not item.get("http_port"))
    ]


def with_ingress(spec: Tree, *, longest_first: bool) -> Tree:
    """The spec with the deprecated `routes` and `cors` of its components as ingress rules.

    An existing `ingress`, even an empty one, stays: declared routes are added after its rules, and the cors of a
    component without routes moves to the rules that lead to it. Without an ingress, a component without routes gets
    ``/`` if it is the first and no other has that path, else ``/`` and its name.
    """
    out = dict(spec)
    for kind in ROUTABLE_KINDS:
        if spec.get(kind):
            out[kind] = [{key: item[key] for key in item if key not in ("routes", "cors")} for item in spec[kind]]
    explicit = spec.get("ingress")
    reachable = routable(spec)
    if explicit is None:
        made = [_rule(item, route) for item, route in _routes(reachable)]
    else:
        made = [_rule(item, route) for item in reachable for route in item.get("routes") or []]
    if longest_first:
        made.sort(key=lambda rule: -len(rule["match"]["path"]["prefix"]))
    rules = [*_with_cors((explicit or {}).get("rules") or [], reachable), *made]
    if rules:
        out["ingress"] = {**(explicit or {}), "rules": rules}
    return out


def _routes(reachable: list[Tree]) -> list[tuple[Tree, Tree]]:
    """Every component with each of its routes, declared or default."""
    claimed = any((route.get("path") or "/") == "/" for item in reachable for route in item.get("routes") or [])
    found = []
    for number, item in enumerate(reachable):
        default = "/" if number == 0 and not claimed else f"/{item['name']}"
        found += [(item, route) for route in item.get("routes") or [{"path": default}]]
    return found


def _rule(item: Tree, route: Tree) -> Tree:
    component: Tree = {"name": item["name"]}
    if route.get("preserve_path_prefix"):
        component["preserve_path_prefix"] = True
    rule: Tree = {"match": {"path": {"prefix": route.get("path") or "/"}}, "component": component}
    return rule | {"cors": item["cors"]} if item.get("cors") else rule


def _with_cors(rules: list[Tree], reachable: list[Tree]) -> list[Tree]:
    cors = {item["name"]: item["cors"] for item in reachable if item.get("cors") and not item.get("routes")}
    names = [(rule.get("component") or {}).get("name") for rule in rules]
    return [
        {**rule, "cors": cors[name]} if name in cors and "cors" not in rule else rule
        for name, rule in zip(names, rules, strict=True)
    ]


def _recorded_defaults(spec: Tree, region: str) -> Tree:
    """The spec with the defaults that records of the platform show, and no other."""
    out = {**spec, "region": spec.get("region") or region}
    if spec.get("services"):
        out["services"] = [
            item if item.get("internal_ports") else {**item, "http_port": item.get("http_port") or 8080}
            for item in spec["services"]
        ]
    return out


def _common_defaults(spec: Tree) -> Tree:
    """The spec with further defaults that the platform might write into most specs."""
    out = dict(spec)
    if "features" not in out and any(not item.get("image") for _, item in components(spec)):
        out["features"] = [_BUILDPACKS]
    for kind in BUILT_KINDS:
        if spec.get(kind):
            out[kind] = [_component(kind, item) for item in spec[kind]]
    if spec.get("databases"):
        out["databases"] = [_database(item) for item in spec["databases"]]
    if spec.get("domains"):
        primary = any(item.get("type") == "PRIMARY" for item in spec["domains"])
        kinds = ["ALIAS" if primary or number else "PRIMARY" for number in range(len(spec["domains"]))]
        out["domains"] = [{"type": kind, **item} for kind, item in zip(kinds, spec["domains"], strict=True)]
    return _with_envs(out, lambda envs: [{**env, "scope": env.get("scope") or "RUN_AND_BUILD_TIME"} for env in envs])


def _component(kind: str, item: Tree) -> Tree:
    out = dict(item)
    if kind in SIZED_KINDS:
        out.setdefault("instance_size_slug", DEFAULT_SIZE)
        if "autoscaling" not in item:
            out.setdefault("instance_count", 1)
    if kind == "jobs":
        out.setdefault("kind", "POST_DEPLOY")
    if any(source in item for source in SOURCE_FIELDS if source != "image"):
        out.setdefault("source_dir", "/")
    return out


def _database(item: Tree) -> Tree:
    version = _DATABASE_VERSIONS.get(str(item.get("engine")))
    return {**item, "version": version} if version and "version" not in item and not item.get("production") else item


def _known(value: Mapping[str, Any], record: Record | None) -> Iterable[tuple[str, Any]]:
    """The fields that the models have."""
    return [(name, item) for name, item in value.items() if record is None or name in record.fields]


def _documented(value: Mapping[str, Any], record: Record | None) -> Iterable[tuple[str, Any]]:
    """A record with every documented default that is not empty."""
    out = dict(value)
    for name, field in record.fields.items() if record else ():
        if name in out or field.default is MISSING or field.default in ("", {}) or _excluded(name, out):
            continue
        if isinstance(field.shape, Scalar):
            out[name] = field.default
    return out.items()


def _excluded(name: str, record: Tree) -> bool:
    """Whether a default would contradict the record."""
    return (
        (name == "instance_count" and "autoscaling" in record)
        or (name == "tag" and "digest" in record)
        or (name == "error_document" and bool(record.get("catchall_document")))
        or (name == "http_port" and bool(record.get("internal_ports")))
        or (name == "preserve_path_prefix" and "rewrite" in record)
        or (name == "source_dir" and "image" in record)
        or name in ("type", "routes", "cors")
    )


def _with_envs(spec: Tree, change: Callable[[list[Tree]], list[Tree]]) -> Tree:
    """The spec with ``change`` applied to the variables of the app and of each component."""

    def changed(item: Tree) -> Tree:
        return {**item, "envs": change(item["envs"])} if item.get("envs") else item

    return changed(spec) | {kind: [changed(item) for item in spec[kind]] for kind in BUILT_KINDS if spec.get(kind)}


def _typed(env: Tree, *, general: bool) -> Tree:
    if general:
        return {**env, "type": env.get("type") or "GENERAL"}
    return {key: value for key, value in env.items() if key != "type" or value != "GENERAL"}


def _without_zeros(value: Any) -> Any:
    """Without false, 0 and "" (as encoders with `omitempty` write); empty objects such as ``ingress: {}`` stay."""
    return mapped(value, members=lambda tree, _: [pair for pair in tree.items() if pair[1] not in (False, "", [])])
