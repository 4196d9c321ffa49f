"""May an app be rolled back to a deployment? With the codes of the vendor's API description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.simulation.lifecycle import TERMINAL, components, tier_of

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import World
    from reconciler.sandbox.simulation.store import App, Deployment, Tree

ERRORS = (
    "incompatible_phase",
    "incompatible_result",
    "exceeded_revision_limit",
    "app_pinned",
    "database_config_conflict",
    "region_conflict",
)
"""The codes of conditions that forbid a rollback."""

WARNINGS = ("static_site_requires_rebuild", "image_source_missing_digest")
"""The codes of conditions that are worth knowing."""


def verdict(world: World, app: App, target: Deployment) -> Tree:
    """``{valid, error, warnings}``: the first condition that forbids it, and everything worth knowing."""
    error = _forbidding(world, app, target)
    out: Tree = {"valid": error is None}
    if error is not None:
        out["error"] = error
    warnings = _warnings(target.spec)
    return out | {"warnings": warnings} if warnings else out


def _forbidding(world: World, app: App, target: Deployment) -> Tree | None:
    if app.pinned:
        return _condition("app_pinned", "a rollback is in progress and the app is pinned to it")
    if target.phase not in TERMINAL:
        return _condition("incompatible_phase", f"deployment phase {target.phase} is unsuitable for rollback")
    if target.id == app.active and not world.settings.rollback_to_active:
        return _condition("incompatible_phase", "deployment is the active one")
    if not target.was_active:
        result = {"ERROR": "failed", "CANCELED": "canceled"}.get(target.phase, "superseded")
        return _condition("incompatible_result", f'deployment result "{result}" is unsuitable for rollback')
    tier = tier_of(app.spec)
    limit = world.settings.revision_limits.get(tier, 0)
    if _revision(world, app, target) > limit:
        message = f'the deployment is past the maximum historical revision limit of {limit} for the "{tier}" app tier'
        return _condition("exceeded_revision_limit", message)
    changed = _changed_databases(app.spec, target.spec)
    if changed:
        message = "the deployment's database config is different than the current config"
        return _condition("database_config_conflict", message, changed)
    if target.spec.get("region") != app.spec.get("region"):
        return _condition("region_conflict", "the deployment's region differs from the current app region")
    return None


def _revision(world: World, app: App, target: Deployment) -> int:
    """1 for the newest successful deployment, 2 for the one before …"""
    rows = world.tx.sql(
        "SELECT count(*) FROM deployments WHERE app_id = ? AND was_active AND seq >= ?", app.id, target.seq
    )
    return int(rows[0][0])


def _changed_databases(current: Tree, target: Tree) -> list[str]:
    now = {item["name"]: item for item in current.get("databases") or []}
    then = {item["name"]: item for item in target.get("databases") or []}
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def _warnings(spec: Tree) -> list[Tree]:
    out = []
    static = [item["name"] for _, item in components(spec, ("static_sites",)) if not item.get("image")]
    if static:
        out.append(_condition("static_site_requires_rebuild", "static sites will be rebuilt", static))
    loose = [item["name"] for _, item in components(spec) if item.get("image") and not item["image"].get("digest")]
    if loose:
        message = (
            "one or more components are missing an image digest and are not guaranteed rollback to the old version."
        )
        out.append(_condition("image_source_missing_digest", message, loose))
    return out


def _condition(code: str, message: str, names: list[str] | None = None) -> Tree:
    return {"code": code, "message": message} | ({"components": names} if names else {})


def commit(world: World, app: App, spec: Tree) -> None:
    """What a commit changes besides the pin."""
    app.before_rollback = None
    if world.settings.commit_changes_spec:
        app.spec = spec
    app.updated_at = world.now
