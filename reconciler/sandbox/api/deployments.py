"""The operations on deployments and rollbacks, and the health of components."""

from __future__ import annotations

from reconciler.sandbox.http.refusal import bad_request, conflict, not_found
from reconciler.sandbox.http.request import Answer, Call, listing, page_of
from reconciler.sandbox.simulation import rollback
from reconciler.sandbox.simulation.lifecycle import TERMINAL
from reconciler.sandbox.simulation.render import deployment_tree
from reconciler.sandbox.simulation.running import health_of
from reconciler.sandbox.simulation.simulation import Cause
from reconciler.sandbox.simulation.store import App, Deployment, dumps

KINDS = (
    "MANUAL",
    "DEPLOY_ON_PUSH",
    "MAINTENANCE",
    "MANUAL_ROLLBACK",
    "AUTO_ROLLBACK",
    "UPDATE_DATABASE_TRUSTED_SOURCES",
    "AUTOSCALED",
)
"""The types of deployments, as the filter of the list has them."""


def answer_deployment(deployment: Deployment, now: float) -> Answer:
    """``{"deployment": …}``."""
    return Answer.of({"deployment": deployment_tree(deployment, now)})


def list_deployments(call: Call) -> Answer:
    """GET /v2/apps/{app_id}/deployments, newest first."""
    app, page = call.app(), page_of(call)
    kinds = call.many("deployment_types", KINDS)
    tx = call.world.tx
    marks = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
    total = tx.sql(f"SELECT count(*) FROM deployments WHERE app_id = ?{marks}", app.id, *kinds)[0][0]  # noqa: S608 - only marks are put in
    found = tx.deployments(app.id, kinds=kinds, limit=page.size, offset=page.offset)
    items = [dumps(deployment_tree(item, call.world.now)) for item in found]
    return listing(call, "deployments", items, page, total)


def create_deployment(call: Call) -> Answer:
    """POST /v2/apps/{app_id}/deployments {force_build}: the current spec again, from the newest sources."""
    app = call.app()
    call.field("force_build", bool, default=False)  # there is no cache that it could ignore
    call.world.require_unpinned(app)
    return answer_deployment(call.world.deploy(app, app.spec, Cause(action="CREATE_DEPLOYMENT")), call.world.now)


def get_deployment(call: Call) -> Answer:
    """GET /v2/apps/{app_id}/deployments/{deployment_id}."""
    return answer_deployment(call.deployment(call.app()), call.world.now)


def cancel_deployment(call: Call) -> Answer:
    """POST …/deployments/{deployment_id}/cancel: the previous deployment goes on serving."""
    app = call.app()
    return answer_deployment(call.world.cancel(app, call.deployment(app)), call.world.now)


def restart(call: Call) -> Answer:
    """POST /v2/apps/{app_id}/restart {components}: a rolling restart; nothing is built."""
    app = call.app()
    names = call.strings("components")
    world = call.world
    world.require_unpinned(app)
    active = world.tx.deployment(app.active) if app.active else None
    if active is None:
        raise bad_request("app has no active deployment to restart")
    known = {item["name"] for kind in ("services", "workers") for item in active.spec.get(kind) or []}
    unknown = sorted(set(names) - known)
    if unknown:
        raise bad_request(f"component {unknown[0]} does not exist or cannot be restarted")
    cause = Cause(text="restart", action="RESTART", cloned_from=active.id, builds=False, newest_sources=False)
    return answer_deployment(world.deploy(app, active.spec, cause), world.now)


def get_health(call: Call) -> Answer:
    """GET /v2/apps/{app_id}/health."""
    app = call.app()
    active = call.world.tx.deployment(app.active) if app.active else None
    return Answer.of({"app_health": health_of(app, active, call.world.now, call.settings.speed.settle)})


def _target(call: Call, app: App) -> Deployment:
    deployment_id = call.field("deployment_id", str, "")
    if not deployment_id:
        raise bad_request("deployment_id is required")
    target = call.world.tx.deployment(deployment_id)
    if target is None or target.app_id != app.id:
        raise not_found()
    return target


def validate_rollback(call: Call) -> Answer:
    """POST …/rollback/validate {deployment_id, skip_pin}: 200 whether valid or not."""
    app = call.app()
    call.field("skip_pin", bool, default=False)
    return Answer.of(rollback.verdict(call.world, app, _target(call, app)))


def create_rollback(call: Call) -> Answer:
    """POST …/rollback {deployment_id, skip_pin}: deploys the old spec again; pins the app to it unless skipped."""
    app = call.app()
    skip_pin = call.field("skip_pin", bool, default=False)
    target = _target(call, app)
    world = call.world
    found = rollback.verdict(world, app, target)
    if not found["valid"]:
        message = f"{found['error']['code']}: {found['error']['message']}"
        raise conflict(message) if app.pinned else bad_request(message)
    app.before_rollback = None if skip_pin else app.spec
    if skip_pin:
        rollback.commit(world, app, target.spec)
    elif call.settings.rollback_changes_spec:
        app.spec, app.updated_at = target.spec, world.now
    cause = Cause(
        "MANUAL_ROLLBACK",
        "manual rollback",
        "ROLLBACK_APP",
        cloned_from=target.id,
        builds=bool(target.spec.get("static_sites")),
        newest_sources=False,
    )
    made = world.deploy(app, target.spec, cause)
    made.commits = target.commits
    world.tx.save_deployment(made)
    if not skip_pin:
        app.pinned = made.id
    world.save(app)
    return answer_deployment(made, world.now)


def commit_rollback(call: Call) -> Answer:
    """POST …/rollback/commit: for good, and unpinned. 200 with an empty body."""
    app = call.app()
    world = call.world
    pinned = world.tx.deployment(app.pinned) if app.pinned else None
    if pinned is None:
        raise conflict("app is not pinned to a rollback deployment")
    if pinned.phase not in TERMINAL:
        raise conflict("the rollback deployment has not finished")
    if not pinned.was_active:
        raise conflict("the rollback deployment failed; revert it or wait for another")
    app.pinned = ""
    rollback.commit(world, app, pinned.spec)
    world.save(app)
    return Answer("")


def revert_rollback(call: Call) -> Answer:
    """POST …/rollback/revert: a new deployment of the spec before the rollback, and unpinned."""
    app = call.app()
    world = call.world
    if not app.pinned:
        raise conflict("app is not pinned to a rollback deployment")
    app.spec = app.before_rollback or app.spec
    app.pinned, app.before_rollback, app.updated_at = "", None, world.now
    cause = Cause(text="revert rollback", action="REVERT_APP_ROLLBACK", newest_sources=False)
    return answer_deployment(world.deploy(app, app.spec, cause), world.now)
