"""The operations on deployments and rollbacks; rollback conditions have the codes of the vendor's API description."""

from __future__ import annotations

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.sandbox.http.request import Call, bad_request, conflict, listing, page_of, require_unpinned
from reconciler.sandbox.simulation.lifecycle import TERMINAL, tier_of
from reconciler.sandbox.simulation.render import deployment_tree
from reconciler.sandbox.simulation.simulation import Cause, Platform
from reconciler.sandbox.simulation.store import App, Deployment, Tree, dumps

KINDS = (
    "MANUAL",
    "DEPLOY_ON_PUSH",
    "MAINTENANCE",
    "MANUAL_ROLLBACK",
    "AUTO_ROLLBACK",
    "UPDATE_DATABASE_TRUSTED_SOURCES",
    "AUTOSCALED",
)
"""The types of deployments that the list can be filtered by."""


ERRORS = (
    "incompatible_phase",
    "incompatible_result",
    "exceeded_revision_limit",
    "app_pinned",
    "database_config_conflict",
    "region_conflict",
)
"""Codes of conditions that forbid a rollback."""

WARNINGS = ("static_site_requires_rebuild", "image_source_missing_digest")
"""Codes of conditions that only warn."""


def answer_deployment(deployment: Deployment, now: float) -> str:
    """``{"deployment": …}``."""
    return dumps({"deployment": deployment_tree(deployment, now)})


def list_deployments(call: Call) -> str:
    """GET /v2/apps/{app_id}/deployments, newest first."""
    app, page = call.app(), page_of(call)
    kinds = call.many("deployment_types", KINDS)
    tx = call.platform.tx
    marks = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
    total = tx.sql(f"SELECT count(*) FROM deployments WHERE app_id = ?{marks}", app.id, *kinds)[0][0]  # noqa: S608 - only marks are put in
    found = tx.deployments(app.id, kinds=kinds, limit=page.size, offset=page.offset)
    items = [dumps(deployment_tree(item, call.platform.now)) for item in found]
    return listing(call, "deployments", items, page, total)


def create_deployment(call: Call) -> str:
    """POST /v2/apps/{app_id}/deployments {force_build}: the current spec again, from the newest sources."""
    app = call.app()
    call.field("force_build", bool, default=False)  # there is no build cache to bypass
    require_unpinned(app)
    return answer_deployment(call.platform.deploy(app, app.spec, Cause(action="CREATE_DEPLOYMENT")), call.platform.now)


def get_deployment(call: Call) -> str:
    """GET /v2/apps/{app_id}/deployments/{deployment_id}."""
    return answer_deployment(call.deployment(call.app()), call.platform.now)


def cancel_deployment(call: Call) -> str:
    """POST …/deployments/{deployment_id}/cancel: the previous deployment goes on serving."""
    app = call.app()
    deployment = call.deployment(app)
    if deployment.phase in TERMINAL:
        raise conflict(f"deployment cannot be canceled: it is {deployment.phase}")
    return answer_deployment(call.platform.cancel(app, deployment), call.platform.now)


def restart(call: Call) -> str:
    """POST /v2/apps/{app_id}/restart {components}: a rolling restart; nothing is built."""
    app = call.app()
    names = call.strings("components")
    platform = call.platform
    require_unpinned(app)
    active = platform.tx.deployment(app.active)
    if active is None:
        raise bad_request("app has no active deployment to restart")
    known = {item["name"] for _, item in components(active.spec, RUNNING_KINDS)}
    unknown = sorted(set(names) - known)
    if unknown:
        raise bad_request(f"component {unknown[0]} does not exist or cannot be restarted")
    cause = Cause(text="restarting app", action="RESTART", cloned_from=active.id, builds=False, newest_sources=False)
    return answer_deployment(platform.deploy(app, active.spec, cause), platform.now)


def _target(call: Call, app: App) -> Deployment:
    deployment_id = call.field("deployment_id", str, "")
    if not deployment_id:
        raise bad_request("deployment_id is required")
    return call.deployment(app, deployment_id)


def validate_rollback(call: Call) -> str:
    """POST …/rollback/validate {deployment_id, skip_pin}: 200 whether valid or not."""
    app = call.app()
    call.field("skip_pin", bool, default=False)
    return dumps(rollback_validation(call.platform, app, _target(call, app)))


def create_rollback(call: Call) -> str:
    """POST …/rollback {deployment_id, skip_pin}: deploys the old spec again; pins the app to it unless skipped."""
    app = call.app()
    skip_pin = call.field("skip_pin", bool, default=False)
    target = _target(call, app)
    platform = call.platform
    found = rollback_validation(platform, app, target)
    if not found["valid"]:
        message = f"{found['error']['code']}: {found['error']['message']}"
        raise conflict(message) if app.pinned else bad_request(message)
    app.before_rollback = None if skip_pin else app.spec
    if skip_pin:
        _commit(platform, app, target.spec)
    elif call.settings.rollback_changes_spec:
        app.spec, app.updated_at = target.spec, platform.now
    cause = Cause(
        "MANUAL_ROLLBACK",
        "manual rollback",
        "ROLLBACK_APP",
        cloned_from=target.id,
        builds=bool(target.spec.get("static_sites")),
        newest_sources=False,
    )
    made = platform.deploy(app, target.spec, cause)
    made.commits = target.commits
    platform.tx.save_deployment(made)
    if not skip_pin:
        app.pinned = made.id
    platform.save(app)
    return answer_deployment(made, platform.now)


def commit_rollback(call: Call) -> str:
    """POST …/rollback/commit: for good, and unpinned. 200 with an empty body."""
    app = call.app()
    platform = call.platform
    pinned = platform.tx.deployment(app.pinned)
    if pinned is None:
        raise conflict("app is not pinned to a rollback deployment")
    if pinned.phase not in TERMINAL:
        raise conflict("the rollback deployment has not finished")
    if not pinned.was_active:
        raise conflict("the rollback deployment failed; revert it or wait for another")
    app.pinned = ""
    _commit(platform, app, pinned.spec)
    platform.save(app)
    return ""


def revert_rollback(call: Call) -> str:
    """POST …/rollback/revert: a new deployment of the spec before the rollback, and unpinned."""
    app = call.app()
    platform = call.platform
    if not app.pinned:
        raise conflict("app is not pinned to a rollback deployment")
    app.spec = app.before_rollback or app.spec
    app.pinned, app.before_rollback, app.updated_at = "", None, platform.now
    cause = Cause(text="revert rollback", action="REVERT_APP_ROLLBACK", newest_sources=False)
    return answer_deployment(platform.deploy(app, app.spec, cause), platform.now)


def _commit(platform: Platform, app: App, spec: Tree) -> None:
    """Make the rolled-back spec the app's; the caller removes the pin."""
    app.before_rollback = None
    if platform.settings.commit_changes_spec:
        app.spec = spec
    app.updated_at = platform.now


def rollback_validation(platform: Platform, app: App, target: Deployment) -> Tree:
    """``{valid, error, warnings}``: the first condition that forbids the rollback, and all that only warn."""
    error = _forbidding(platform, app, target)
    out: Tree = {"valid": error is None}
    if error is not None:
        out["error"] = error
    warnings = _warnings(target.spec)
    return out | {"warnings": warnings} if warnings else out


def _forbidding(platform: Platform, app: App, target: Deployment) -> Tree | None:
    if app.pinned:
        return _condition("app_pinned", "a rollback is in progress and the app is pinned to it")
    if target.phase not in TERMINAL:
        return _condition("incompatible_phase", f"deployment phase {target.phase} is unsuitable for rollback")
    if target.id == app.active and not platform.settings.rollback_to_active:
        return _condition("incompatible_phase", "deployment is the active one")
    if not target.was_active:
        result = {"ERROR": "failed", "CANCELED": "canceled"}.get(target.phase, "superseded")
        return _condition("incompatible_result", f'deployment result "{result}" is unsuitable for rollback')
    tier = tier_of(app.spec)
    limit = platform.settings.revision_limits.get(tier, 0)
    if _revision(platform, app, target) > limit:
        message = f'the deployment is past the maximum historical revision limit of {limit} for the "{tier}" app tier'
        return _condition("exceeded_revision_limit", message)
    changed = _changed_databases(app.spec, target.spec)
    if changed:
        message = "the deployment's database config is different than the current config"
        return _condition("database_config_conflict", message, changed)
    if target.spec.get("region") != app.spec.get("region"):
        return _condition("region_conflict", "the deployment's region differs from the current app region")
    return None


def _revision(platform: Platform, app: App, target: Deployment) -> int:
    """The position among successful deployments: 1 for the newest, 2 for the one before …"""
    rows = platform.tx.sql(
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
