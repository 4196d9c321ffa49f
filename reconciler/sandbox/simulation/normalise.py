"""What the platform makes of a spec before it stores it: secrets encrypted, defaults filled in, routes translated.

Pure. Which of it really happens are switches in `settings.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.appspec.shape import MISSING, SPEC, Listing, Record, Scalar, Shape
from reconciler.appspec.spelling import canonical_spelling
from reconciler.sandbox.http.refusal import Refusal
from reconciler.sandbox.simulation.ciphers import decrypt, encrypt, is_ciphertext
from reconciler.sandbox.simulation.ingress import with_ingress
from reconciler.sandbox.simulation.lifecycle import components

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.settings import Settings
    from reconciler.sandbox.simulation.store import Tree

_BUILDPACKS = "buildpack-stack=ubuntu-22"
_DATABASE_VERSIONS = {"PG": "16", "MYSQL": "8", "REDIS": "7", "VALKEY": "8", "MONGODB": "7", "KAFKA": "3.8"}


def cleaned(value: Any) -> Any:
    """A copy without nulls: to the platform null and absent are one."""
    if isinstance(value, dict):
        return {str(key): cleaned(item) for key, item in value.items() if item is not None}
    return [cleaned(item) for item in value if item is not None] if isinstance(value, list) else value


def respelled(spec: Tree) -> Tree:
    """The spec with one spelling: ``nyc3`` is ``nyc``, UNSPECIFIED is POST_DEPLOY, no zone is written as none."""
    out = dict(spec)
    if isinstance(spec.get("domains"), list):
        out["domains"] = [
            {key: value for key, value in item.items() if key != "zone" or value} if isinstance(item, dict) else item
            for item in spec["domains"]
        ]
    if "region" in spec:
        out["region"] = canonical_spelling("region", spec["region"])
    if isinstance(spec.get("jobs"), list):
        out["jobs"] = [
            {**job, "kind": canonical_spelling("job-kind", job["kind"])}
            if isinstance(job, dict) and "kind" in job
            else job
            for job in spec["jobs"]
        ]
    return out


def normalised(spec: Tree, settings: Settings) -> Tree:
    """The spec as the platform renders it, secrets aside. The input is valid and cleaned, and stays as it is."""
    out = respelled(spec)
    if settings.rewrites_routes:
        out = with_ingress(out, longest_first=settings.routes_order == "longest")
    if settings.fills_defaults != "none":
        out = _common_defaults(out, settings.default_region)
    if settings.fills_defaults == "documented":
        out = _documented(out, SPEC)
    return presented(out, settings)


def presented(spec: Tree, settings: Settings) -> Tree:
    """The parts of `normalised` that are about how a spec is written, not what it says."""
    out: Tree = _envs(spec, settings)
    if settings.unknown_fields == "drop":
        out = _known(out, SPEC)
    return _without_zeros(out) if settings.omits_zero_values else out


def encrypted(spec: Tree, settings: Settings, key: bytes, app_id: str, number: int) -> Tree:
    """The spec with every secret as a ciphertext of the app. ``number`` must be new for each submission.

    A secret without a value has none afterwards either: nothing of an earlier spec is kept.

    Raises:
        Refusal: a ciphertext that this app cannot decrypt, with `foreign_ciphertext_decrypts` off.
    """
    count = 0

    def hide(value: Any, pointer: str) -> Any:
        nonlocal count
        if not isinstance(value, str) or not value:
            return value
        if is_ciphertext(value):
            if settings.foreign_ciphertext_decrypts or decrypt(key, app_id, value) is not None:
                return value
            message = f'error validating app spec field "{pointer}": unable to decrypt the value'
            raise Refusal(settings.invalid_spec_status, "unprocessable_entity", message)
        count += 1
        return encrypt(key, app_id, f"{number}:{count}", value)

    out: Tree = _secrets(spec, SPEC, hide, "")
    return out


def _secrets(value: Any, shape: Shape, hide: Callable[[Any, str], Any], pointer: str) -> Any:
    if isinstance(shape, Listing) and isinstance(value, list):
        return [_secrets(item, shape.item, hide, f"{pointer}[{number}]") for number, item in enumerate(value)]
    if not isinstance(shape, Record) or not isinstance(value, dict):
        return value
    out = {}
    for name, item in value.items():
        field = shape.fields.get(name)
        place = f"{pointer}.{name}" if pointer else name
        if field is None:
            out[name] = item
        elif field.secret or (field.secret_when_typed and value.get("type") == "SECRET"):
            out[name] = hide(item, place)
        else:
            out[name] = _secrets(item, field.shape, hide, place)
    return out


def _common_defaults(spec: Tree, region: str) -> Tree:
    """What the platform visibly writes into most specs."""
    out = {**spec, "region": spec.get("region") or region}
    built = [item for _, item in components(spec) if not item.get("image")]
    if built and "features" not in out:
        out["features"] = [_BUILDPACKS]
    for kind in ("services", "workers", "jobs", "static_sites", "functions"):
        if spec.get(kind):
            out[kind] = [_component(kind, item) for item in spec[kind]]
    if spec.get("envs"):
        out["envs"] = [_scoped(env) for env in spec["envs"]]
    if spec.get("databases"):
        out["databases"] = [_database(item) for item in spec["databases"]]
    if spec.get("domains"):
        primary = any(item.get("type") == "PRIMARY" for item in spec["domains"])
        kinds = ["ALIAS" if primary or number else "PRIMARY" for number in range(len(spec["domains"]))]
        out["domains"] = [{"type": kind, **item} for kind, item in zip(kinds, spec["domains"], strict=True)]
    return out


def _component(kind: str, item: Tree) -> Tree:
    out = dict(item)
    if kind in ("services", "workers", "jobs"):
        out.setdefault("instance_size_slug", "apps-s-1vcpu-0.5gb")
        if "autoscaling" not in item:
            out.setdefault("instance_count", 1)
    if kind == "services" and not item.get("internal_ports"):
        out.setdefault("http_port", 8080)
    if kind == "jobs":
        out.setdefault("kind", "POST_DEPLOY")
    if any(source in item for source in ("git", "github", "gitlab", "bitbucket")):
        out.setdefault("source_dir", "/")
    if item.get("envs"):
        out["envs"] = [_scoped(env) for env in item["envs"]]
    return out


def _scoped(env: Tree) -> Tree:
    return {**env, "scope": env.get("scope") or "RUN_AND_BUILD_TIME"}


def _database(item: Tree) -> Tree:
    version = _DATABASE_VERSIONS.get(str(item.get("engine")))
    return {**item, "version": version} if version and "version" not in item and not item.get("production") else item


def _documented(value: Any, shape: Shape) -> Any:
    """Every documented default that says something, in every record that is there."""
    if isinstance(shape, Listing) and isinstance(value, list):
        return [_documented(item, shape.item) for item in value]
    if not isinstance(shape, Record) or not isinstance(value, dict):
        return value
    out = {
        name: _documented(item, shape.fields[name].shape) if name in shape.fields else item
        for name, item in value.items()
    }
    for name, field in shape.fields.items():
        if name in out or field.default is MISSING or field.default in ("", {}) or _excluded(name, out):
            continue
        if isinstance(field.shape, Scalar):
            out[name] = field.default
    return out


def _excluded(name: str, record: Tree) -> bool:
    """Whether a default would contradict what the record says."""
    return (
        (name == "instance_count" and "autoscaling" in record)
        or (name == "tag" and "digest" in record)
        or (name == "error_document" and bool(record.get("catchall_document")))
        or (name == "http_port" and bool(record.get("internal_ports")))
        or (name == "preserve_path_prefix" and "rewrite" in record)
        or (name == "source_dir" and "image" in record)
        or name in ("type", "routes", "cors")
    )


def _envs(spec: Tree, settings: Settings) -> Tree:
    def written(envs: list[Tree]) -> list[Tree]:
        out = [_typed(env, general=settings.returns_general_type) for env in envs]
        return sorted(out, key=lambda env: str(env.get("key"))) if settings.reorders_envs else out

    out = dict(spec)
    if spec.get("envs"):
        out["envs"] = written(spec["envs"])
    for kind in ("services", "workers", "jobs", "static_sites", "functions"):
        if spec.get(kind):
            out[kind] = [{**item, "envs": written(item["envs"])} if item.get("envs") else item for item in spec[kind]]
    return out


def _typed(env: Tree, *, general: bool) -> Tree:
    if general:
        return {**env, "type": env.get("type") or "GENERAL"}
    return {key: value for key, value in env.items() if key != "type" or value != "GENERAL"}


def _known(value: Any, shape: Shape) -> Any:
    if isinstance(shape, Listing) and isinstance(value, list):
        return [_known(item, shape.item) for item in value]
    if not isinstance(shape, Record) or not isinstance(value, dict):
        return value
    return {name: _known(item, shape.fields[name].shape) for name, item in value.items() if name in shape.fields}


def _without_zeros(value: Any) -> Any:
    """Without false, 0 and "" (as encoders with `omitempty` write); empty objects such as ``ingress: {}`` stay."""
    if isinstance(value, dict):
        return {key: _without_zeros(item) for key, item in value.items() if item not in (False, "", [])}
    return [_without_zeros(item) for item in value] if isinstance(value, list) else value
