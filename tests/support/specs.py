"""Hypothesis strategies for app specs: any field of the models, only valid ones.

`specs()` draws whole specs that local validation and the sandbox both take. `edits(spec)` draws one value of a spec and
another for it. Values keep within what the models' fields say (range, length, pattern, choices); `_mended` sees to the
rules between fields, such as one source a component.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from reconciler.appspec.kinds import COMPONENT_KINDS, DEFAULT_SIZE, SIZED_KINDS, SIZES, SOURCE_FIELDS
from reconciler.appspec.shape import SPEC, Field, Listing, Record, Scalar, Shape, identity_of
from reconciler.appspec.walk import fields_below

Spec = dict[str, Any]

NAMES = [f"{word}-{number}" for word in ("web", "api", "worker") for number in range(4)]
DOMAINS = ["example.com", "www.example.com", "shop.example.org", "xn--bcher-kva.example"]
KEYS = ["PORT", "LOG_LEVEL", "DATABASE_URL", "_private", "__name", "A", "b2"]
TEXTS = ["a", "plain words", "${db.DATABASE_URL}", "8080", "1.2", "on", "two\nlines", "ünï", "x/y~z", "#", "[]"]
PATHS = ["/", "/api", "/api/v2", "/assets"]

_TEXT: dict[str, list[str]] = {
    "name": NAMES,
    "domain": DOMAINS,
    "key": KEYS,
    "prefix": PATHS,
    "path": PATHS,
    "http_path": PATHS,
    "source_dir": ["/", "src", "./src", "/src/app/", "."],
    "output_dir": ["public", "/public", "dist/"],
    "dockerfile_path": ["Dockerfile", "./Dockerfile", "docker/Dockerfile"],
    "timeout": ["30m", "1h", "90s", "1h0m0s"],
    "max_age": ["5h30m", "60s", "5h30m0s", "1h"],
    "digest": ["sha256:" + "a" * 64, "sha256:" + "b" * 64],
    "zone": ["example.com", "example.org"],
    "custom_error_page_url": ["https://status.example.com/", "https://example.com/error.html"],
    "repo": ["acme/web", "acme/api"],
    "repo_clone_url": ["https://git.example.com/web.git"],
    "cron": ["0 3 * * *", "*/5 * * * *"],
    "time_zone": ["UTC", "Europe/Berlin"],
    "endpoint": ["https://logs.example.com:8080", "logs.example.com:514"],
    "scheme": ["http", "https"],
    "uri": ["/new", "/elsewhere"],
    "authority": ["example.com", "www.example.com"],
    "exact": ["example.com", "www.example.com", "/exact"],
    "regex": ["^https://.*$", "x+"],
    "registry": ["library", "acme"],
    "repository": ["nginx", "acme-web"],
    "tag": ["latest", "1.27", "v2"],
}
_RECORDS = {record.title: record for record, _, _ in fields_below(SPEC)}
_LIKELY = ("rules", "match", "path", "allow_origins")
"""Fields that hold what matters most, and would be rare otherwise, as they lie deep."""

SECRETS = ["hunter2-very-secret", "s3cr3t value, kept", "EV[1:bm9uY2U=:Y2lwaGVy]"]
"""Values of secrets."""


def specs(*, secrets: bool = True) -> st.SearchStrategy[Spec]:
    """Valid specs. Without ``secrets`` none has a value that the platform would encrypt."""
    return _part(SPEC.title, 0).map(lambda spec: _mended(spec, secrets=secrets))


@cache
def _part(title: str, depth: int) -> st.SearchStrategy[Spec]:
    """A part with its required fields and any of the others. Made once: making strategies costs more than drawing."""
    fields = _RECORDS[title].fields
    values = {name: _value(title, name, depth + 1) for name in fields}
    rarity = {
        name: 0 if name in _LIKELY else 2 if depth > 4 else 1 for name, field in fields.items() if not field.required
    }
    return _chosen(values, rarity)


@st.composite
def _chosen(draw: st.DrawFn, values: dict[str, st.SearchStrategy[Any]], rarity: dict[str, int]) -> Spec:
    """Every value; those with a rarity of 0, 1 and 2 three times, twice and once out of four. One draw throws all."""
    dice = dict(zip(rarity, draw(st.binary(min_size=len(rarity), max_size=len(rarity))), strict=True))
    return {name: draw(value) for name, value in values.items() if dice.get(name, 255) // 64 > rarity.get(name, 0)}


@cache
def _value(title: str, name: str, depth: int) -> st.SearchStrategy[Any]:
    field = _RECORDS[title].fields[name]
    match field.shape:
        case Scalar():
            return _scalar(field)
        case Listing() as listing:
            return _listing(listing, depth)
        case Record(below):
            return _part(below, depth)


def _listing(listing: Listing, depth: int) -> st.SearchStrategy[list[Any]]:
    item = _part(listing.item.title, depth) if isinstance(listing.item, Record) else _items(listing.item)
    key = (lambda value: identity_of(listing, value)) if listing.identity else None
    of_size = [st.lists(item, min_size=size, max_size=2, unique_by=key) for size in range(3)]
    return st.integers(0, 2).flatmap(of_size.__getitem__)


def _items(shape: Shape) -> st.SearchStrategy[Any]:
    assert isinstance(shape, Scalar)
    return st.integers(1, 65535) if shape.type == "integer" else st.sampled_from(["GET", "X-Id", "feature=one"])


def _scalar(field: Field) -> st.SearchStrategy[Any]:
    assert isinstance(field.shape, Scalar)
    if field.secret:
        return st.sampled_from(SECRETS)
    if field.shape.choices:
        return st.sampled_from(field.shape.choices)
    limits = field.shape.limits
    low, high = limits.ge or 0, 9999 if limits.le is None else limits.le
    if field.name.endswith("port"):
        low, high = 1, 65535
    match field.shape.type:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.sampled_from([0.5, 1, 80, 80.0])
        case "string":
            return st.sampled_from(_TEXT.get(field.name, TEXTS))


# --- the rules between fields ----------------------------------------------------------------------------------------


def _mended(spec: Spec, *, secrets: bool) -> Spec:
    spec = copy.deepcopy(spec)
    seen: set[str] = set()
    for kind in COMPONENT_KINDS:
        kept = []
        for item in spec.get(kind, []):
            if item["name"] not in seen:
                seen.add(item["name"])
                _component(kind, item)
                _size(kind, item)
                kept.append(item)
        if kind in spec:
            spec[kind] = kept
    if not any(spec.get(kind) for kind in COMPONENT_KINDS if kind != "databases"):
        spec["workers"] = [{"name": "only-worker", "image": _image()}]
    _domains(spec)
    _ingress(spec)
    for holder in [spec, *(item for kind in COMPONENT_KINDS for item in spec.get(kind, []))]:
        for env in holder.get("envs", []):
            if env.get("type") == "SECRET" and not secrets:
                env["type"] = "GENERAL"
            elif env.get("type") == "SECRET" and "value" in env:
                env["value"] = f"{env['value']} hidden"
    return _without_secrets(spec) if not secrets else spec


def _image() -> Spec:
    return {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": "1.27"}


def _component(kind: str, item: Spec) -> None:
    if kind == "databases":
        if item.get("production"):
            item.setdefault("cluster_name", "main")
        return
    _sources(item)
    if "autoscaling" in item:
        item.pop("instance_count", None)
        scaling = item["autoscaling"]
        scaling["min_instance_count"], scaling["max_instance_count"] = 1, scaling.get("max_instance_count", 2) + 1
        scaling["max_instance_count"] = min(scaling["max_instance_count"], 250)
        scaling["metrics"] = scaling.get("metrics") or {"cpu": {"percent": 70}}
    if "catchall_document" in item:
        item.pop("error_document", None)
    if kind == "jobs":
        _job(item)
    if cors := item.get("cors"):
        _origins(cors)
    item["log_destinations"] = [_log_destination(log) for log in item.get("log_destinations", [])]
    if not item["log_destinations"]:
        del item["log_destinations"]


def _sources(item: Spec) -> None:
    """Keep the first source that says something, completed; an empty one is none."""
    drawn = {name: item.pop(name) for name in SOURCE_FIELDS if name in item}
    kept = next((name for name, source in drawn.items() if source), "github")
    where = {"git": ("repo_clone_url", "https://git.example.com/web.git"), "image": ("repository", "nginx")}
    item[kept] = dict([where.get(kept, ("repo", "acme/web"))]) | drawn.get(kept, {"branch": "main"})
    _image_source(item.get("image"))


def _size(kind: str, item: Spec) -> None:
    """Give a component a size that takes its instances."""
    if kind not in SIZED_KINDS:
        return
    size = SIZES[item.get("instance_size_slug") or DEFAULT_SIZE]
    if "autoscaling" in item and not size.scalable:
        item["instance_size_slug"] = "apps-d-1vcpu-1gb"
    elif item.get("instance_count", 1) > 1 and size.single_instance_only:
        item["instance_size_slug"] = "apps-s-1vcpu-1gb"


def _image_source(image: Spec | None) -> None:
    if image is None:
        return
    image.update({key: value for key, value in _image().items() if key in ("registry_type", "repository")})
    if "digest" in image:
        image.pop("tag", None)
        image.pop("deploy_on_push", None)
    elif "deploy_on_push" in image:
        image["registry_type"] = "DOCR"
        image.pop("registry", None)
        image.pop("registry_credentials", None)


def _job(item: Spec) -> None:
    if item.get("kind") == "SCHEDULED":
        item["schedule"] = {"cron": "0 3 * * *", **item.get("schedule", {})}
    else:
        item.pop("schedule", None)


def _log_destination(log: Spec) -> Spec:
    kinds = [name for name in ("open_search", "endpoint", "papertrail", "datadog", "logtail") if name in log]
    out = {name: value for name, value in log.items() if name == "name" or name in kinds[:1]}
    if not kinds:
        out["logtail"] = {"token": "EV[1:bm9uY2U=:Y2lwaGVy]"}
    if "open_search" in out:
        out["open_search"].pop("cluster_name" if "endpoint" in out["open_search"] else "endpoint", None)
        if not out["open_search"].keys() & {"endpoint", "cluster_name"}:
            out["open_search"]["cluster_name"] = "logs"
        if "password" in out["open_search"].get("basic_auth", {}):  # the platform asks for both or none
            out["open_search"]["basic_auth"].setdefault("user", "logs")
    return out | {name: log[name] for name in ("headers", "tls_insecure") if name in log and "endpoint" in out}


def _origins(cors: Spec) -> None:
    for origin in cors.get("allow_origins", []):
        for name in list(origin)[:-1]:
            del origin[name]
    cors["allow_origins"] = [origin or {"regex": ".*"} for origin in cors.get("allow_origins", [])]


def _domains(spec: Spec) -> None:
    primary = False
    for domain in spec.get("domains", []):
        if "zone" in domain and not f".{domain['domain']}".endswith(f".{domain['zone']}"):
            del domain["zone"]
        if domain.get("type") == "PRIMARY":
            domain["type"] = "ALIAS" if primary else "PRIMARY"
            primary = True


def _ingress(spec: Spec) -> None:
    reachable = [item for kind in ("services", "static_sites", "functions") for item in spec.get(kind, [])]
    taken: set[str] = set()
    for item in reachable:
        if "ingress" in spec:
            item.pop("routes", None)
            item.pop("cors", None)
        if item.get("internal_ports") and item.keys() & {"routes", "cors"}:
            item.setdefault("http_port", 9000)  # what becomes of the routes of an internal service is not documented
        routes = [route for route in item.get("routes", []) if route.get("path", "/") not in taken]
        routes = list({route.get("path", "/"): route for route in routes}.values())
        taken |= {route.get("path", "/") for route in routes}
        if "routes" in item:
            item["routes"] = routes
    rules: list[Spec] = []
    matches: list[Any] = []
    for rule in spec.get("ingress", {}).get("rules", []):
        if _rule(rule, reachable) and _match(rule) not in matches:
            matches.append(_match(rule))
            rules.append(rule)
    if "rules" in spec.get("ingress", {}):
        spec["ingress"]["rules"] = rules


def _match(rule: Spec) -> tuple[str, ...]:
    path, host = rule.get("match", {}).get("path", {}), rule.get("match", {}).get("authority", {})
    return (
        path.get("exact", ""),
        path.get("prefix", "") if path.get("exact") else path.get("prefix", "/"),
        host.get("exact", ""),
        host.get("prefix", ""),
    )


def _rule(rule: Spec, reachable: list[Spec]) -> bool:
    """Mend a rule; whether it can be kept."""
    if "cors" in rule:
        _origins(rule["cors"])
    for name, part in rule.get("match", {}).items():
        if "exact" in part:
            part.pop("prefix", None)
            part["exact"] = "/exact" if name == "path" else part["exact"]
    if "redirect" in rule or not reachable:
        rule.pop("component", None)
        rule.setdefault("redirect", {"uri": "/new"})
        return True
    target = rule.setdefault("component", {})
    target["name"] = reachable[0]["name"]
    if target.get("preserve_path_prefix"):
        target.pop("rewrite", None)
    return True


def _without_secrets(spec: Spec) -> Spec:
    def walk(value: Any, shape: Shape) -> Any:
        if isinstance(shape, Listing) and isinstance(value, list):
            return [walk(item, shape.item) for item in value]
        if isinstance(shape, Record) and isinstance(value, dict):
            fields = shape.fields
            kept = {name: item for name, item in value.items() if not fields[name].secret or fields[name].required}
            return {name: walk(item, fields[name].shape) for name, item in kept.items()}
        return value

    out = walk(spec, SPEC)
    for kind in COMPONENT_KINDS:
        for item in out.get(kind, []):
            item.pop("log_destinations", None)
    return dict(out)


# --- one difference --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """One value of a spec and another for it: ``spec`` is the edited one, ``path`` leads there by identity."""

    spec: Spec
    path: tuple[str, ...]


@st.composite
def edits(draw: st.DrawFn, spec: Spec) -> Edit:
    """A spec with one value edited: a number, a text or a choice that is no name and no secret."""
    places = list(_places(SPEC, spec, (), (), ()))
    title, name, raw, path = draw(st.sampled_from(places))
    edited = copy.deepcopy(spec)
    node: Any = edited
    for part in raw[:-1]:
        node = node[part]
    node[raw[-1]] = draw(_value(title, name, 9))
    return Edit(edited, path)


def _places(
    record: Record, node: Spec, raw: tuple[Any, ...], path: tuple[str, ...], names: tuple[str, ...]
) -> Iterator[tuple[str, str, tuple[Any, ...], tuple[str, ...]]]:
    """Record, field, raw path and path by identity of each value; ``names``: the fields that tell the record apart."""
    for name, value in node.items():
        field = record.fields[name]
        match field.shape:
            case Scalar() if name not in names and not field.secret:
                yield record.title, name, (*raw, name), (*path, name)
            case Record() as below:
                yield from _places(below, value, (*raw, name), (*path, name), ())
            case Listing(Record() as below) as listing if listing.identity:
                for index, item in enumerate(value):
                    place = (*path, name, identity_of(listing, item))
                    yield from _places(below, item, (*raw, name, index), place, listing.identity)
            case _:
                continue
