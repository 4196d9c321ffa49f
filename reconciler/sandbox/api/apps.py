"""The operations on apps, propose, regions, instance sizes, detection and buildpacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from reconciler.appspec.kinds import (
    DEV_DATABASE_PRICE,
    REGIONS,
    RUNNING_KINDS,
    SIZES,
    SOURCE_FIELDS,
    STATIC_APP_PRICE,
    component_price,
    components,
)
from reconciler.sandbox.api.alerts import forget_destinations
from reconciler.sandbox.http.request import (
    Call,
    bad_request,
    conflict,
    listing,
    not_found,
    page_of,
    require_unpinned,
    require_uuid,
)
from reconciler.sandbox.simulation.render import app_body, deployment_tree, region_tree, with_project
from reconciler.sandbox.simulation.simulation import Cause
from reconciler.sandbox.simulation.store import App, Tree, dumps, is_static

if TYPE_CHECKING:
    from reconciler.appspec.kinds import InstanceSize
    from reconciler.sandbox.simulation.simulation import Platform

TEAM = "0d3db13e-a604-4944-9827-7ec2642d32ac"
"""The id of the team that owns every app, in the form of ``owner_uuid``."""

_NAME_LENGTH = 32
_SECONDS_A_MONTH = 2_419_200  # 28 days: the description's prices per second follow from it

BUILDPACKS: tuple[Tree, ...] = (
    {
        "id": "digitalocean/custom",
        "latest": True,
        "name": "Custom Build Command",
        "description": ["Run the provided custom build command"],
    },
    {
        "id": "digitalocean/node",
        "latest": True,
        "name": "Node.js",
        "description": ["Install dependencies using NPM or Yarn"],
    },
    {
        "id": "digitalocean/procfile",
        "latest": True,
        "name": "Procfile",
        "description": ["Configure default run commands from the Procfile if one exists"],
    },
)
"""Buildpacks, as a recorded answer has them; their versions are in no record."""


def answer_app(platform: Platform, app: App) -> str:
    """``{"app": …}``."""
    body = app.body or app_body(platform.tx, app, platform.now)
    return f'{{"app":{with_project(body, app.project_id)}}}'


def list_apps(call: Call) -> str:
    """GET /v2/apps; project ids only with ``with_projects``."""
    page, projects = page_of(call), call.flag("with_projects")
    tx = call.platform.tx
    total = tx.sql("SELECT count(*) FROM apps")[0][0]
    rows = tx.sql("SELECT id, body, project_id FROM apps ORDER BY seq LIMIT ? OFFSET ?", page.size, page.offset)
    items = []
    for app_id, kept, project_id in rows:
        body = kept
        if body is None:
            app = tx.app(app_id)
            assert app is not None
            body = app_body(tx, app, call.platform.now)
        items.append(with_project(body, project_id) if projects else body)
    return listing(call, "apps", items, page, total)


def get_app(call: Call) -> str:
    """GET /v2/apps/{id}."""
    return answer_app(call.platform, call.app("id"))


def get_app_by_name(call: Call) -> str:
    """GET /v2/apps/?name=, which the description lists as a parameter of `get_app`."""
    app = call.platform.tx.app_named(call.one("name"))
    if app is None:
        raise not_found()
    return answer_app(call.platform, app)


def _accepted(call: Call, *, new: bool) -> Tree:
    """The spec of the body as the platform renders it, before encryption. ``new``: the app does not exist yet.

    Raises:
        HTTPException: 400 if there is none; 400 (or as configured) with the first error in it.
    """
    # only writes need pydantic and the models; a sandbox that is only read starts without them
    from reconciler.sandbox.simulation.normalise import cleaned, first_ciphertext, normalised, respelled
    from reconciler.sandbox.simulation.validate import first_mistake

    spec: Any = cleaned(call.record().get("spec"))
    if not isinstance(spec, dict):
        raise bad_request("spec is required")
    spec = respelled(spec)
    settings = call.settings
    mistake = first_mistake(spec, unknown_fields=settings.unknown_fields == "refuse", sizes=settings.enforces_sizes)
    if mistake:
        raise _invalid(call, *mistake)
    if not settings.github_authenticated and any(item.get("github") for _, item in components(spec)):
        raise bad_request("GitHub user not authenticated")
    sealed = first_ciphertext(spec, settings) if new and not settings.new_apps_take_ciphertext else None
    if sealed:
        raise _invalid(call, sealed, "secret env value must not be encrypted before app is created")
    return normalised(spec, settings)


def _invalid(call: Call, place: str, what: str) -> HTTPException:
    newer = call.settings.invalid_spec_form == "newer"
    begin = "errors validating app spec; first error in field" if newer else "error validating app spec field"
    return HTTPException(call.settings.invalid_spec_status, f'{begin} "{place}": {what}')


def _stored(call: Call, spec: Tree, app_id: str) -> Tree:
    """The spec with its secrets encrypted for the app.

    Raises:
        HTTPException: 400 (or as configured) for the ciphertext of another app, if the settings refuse it.
    """
    from reconciler.sandbox.simulation.normalise import ForeignCiphertext, encrypted

    platform = call.platform
    try:
        return encrypted(spec, call.settings, platform.key, app_id, platform.tx.next_number())
    except ForeignCiphertext as error:
        raise _invalid(call, error.place, "unable to decrypt the value") from error


def create_app(call: Call) -> str:
    """POST /v2/apps {spec, project_id}; ``pending_deployment`` of the response is the new deployment."""
    platform = call.platform
    spec = _accepted(call, new=True)
    if platform.tx.app_named(spec["name"]):
        raise conflict(f"an app named {spec['name']} already exists")
    project_id = call.field("project_id", str, "") or call.settings.project_id
    seq, app_id = platform.new_id("app")
    app = App(
        seq=seq,
        id=app_id,
        name=spec["name"],
        spec=_stored(call, spec, app_id),
        created_at=platform.now,
        updated_at=platform.now,
        owner=TEAM,
        project_id=project_id,
    )
    platform.tx.save_app(app)
    platform.deploy(app, app.spec, Cause(text="initial deployment", action="CREATE_DEPLOYMENT"))
    return answer_app(platform, app)


def get_account(call: Call) -> str:
    """GET /v2/account: the user of the token, and the team, which owns every app."""
    user = {"email": call.platform.user["email"], "uuid": call.platform.user["uuid"], "status": "active"}
    return dumps({"account": {**user, "team": {"uuid": TEAM, "name": call.settings.team}}})


def update_app(call: Call) -> str:
    """PUT /v2/apps/{id} {spec, update_all_source_versions}: replaces the spec and deploys it, changed or not."""
    platform = call.platform
    app = call.app("id")
    newest = call.field("update_all_source_versions", bool, default=False)
    if app.pinned and call.settings.pinned_put == "refuse":
        require_unpinned(app)
    spec = _accepted(call, new=False)
    other = platform.tx.app_named(spec["name"])
    if other and other.id != app.id:
        raise conflict(f"an app named {spec['name']} already exists")
    app.name, app.spec, app.updated_at = spec["name"], _stored(call, spec, app.id), platform.now
    forget_destinations(platform, app)
    if app.pinned:
        platform.save(app)
    else:
        platform.deploy(app, app.spec, Cause(text="app spec updated", action="UPDATE_SPEC", newest_sources=newest))
    return answer_app(platform, app)


def delete_app(call: Call) -> str:
    """DELETE /v2/apps/{id}: the app and all that belongs to it are gone at once."""
    app = call.app("id")
    call.platform.tx.delete_app(app.id)
    call.platform.settled.discard(app.id)
    return dumps({"id": app.id})


def propose(call: Call) -> str:
    """POST /v2/apps/propose {spec, app_id}: what the spec would mean; nothing is changed."""
    from reconciler.sandbox.simulation.normalise import cleaned, presented

    tx = call.platform.tx
    app_id = call.field("app_id", str, "")
    app = tx.app(require_uuid(app_id)) if app_id else None
    if app_id and app is None:
        raise not_found()
    spec = _accepted(call, new=app is None)
    other = tx.app_named(spec["name"])
    available = other is None or (app is not None and other.id == app.id)
    static = is_static(spec)
    existing = _static_apps(call, app)
    cost = monthly_cost(spec)
    if static and existing >= call.settings.free_static_apps:
        cost += STATIC_APP_PRICE
    sent = presented(cleaned(call.record()["spec"]), call.settings)
    out: Tree = {
        "app_name_available": available,
        "existing_static_apps": str(existing),
        "max_free_static_apps": str(call.settings.free_static_apps),
        "spec": spec if call.settings.propose_fills_defaults else sent,
        "app_cost": round(cost),
        "app_is_static": static,
    }
    if not available:
        out["app_name_suggestion"] = _suggestion(call, spec["name"])
    return dumps(out)


def _static_apps(call: Call, but: App | None) -> int:
    """The number of static apps of the account, without one."""
    rows = call.platform.tx.sql("SELECT count(*) FROM apps WHERE is_static AND id <> ?", but.id if but else "")
    return int(rows[0][0])


def _suggestion(call: Call, name: str) -> str:
    number = 2
    while True:
        ending = f"-{number}"
        suggestion = name[: _NAME_LENGTH - len(ending)].rstrip("-") + ending
        if call.platform.tx.app_named(suggestion) is None:
            return suggestion
        number += 1


def monthly_cost(spec: Tree) -> float:
    """USD a month of a valid spec. Jobs do not count: they are billed by the second, for a time unknown beforehand."""
    databases = [item for item in spec.get("databases") or [] if not item.get("production")]
    running = sum(component_price(item) or 0.0 for _, item in components(spec, RUNNING_KINDS))
    return running + DEV_DATABASE_PRICE * len(databases)


def list_regions(_: Call) -> str:
    """GET /v2/apps/regions."""
    return dumps({"regions": [region_tree(region) for region in REGIONS.values()]})


def list_sizes(_: Call) -> str:
    """GET /v2/apps/tiers/instance_sizes."""
    offered = [_size(size) for size in SIZES.values() if not size.legacy]
    return dumps({"discount_percent": 0, "instance_sizes": offered})


def get_size(call: Call) -> str:
    """GET /v2/apps/tiers/instance_sizes/{slug}; sizes no longer offered are known, too."""
    size = SIZES.get(call.params["slug"])
    if size is None:
        raise not_found()
    return dumps({"instance_size": _size(size)})


def _size(size: InstanceSize) -> Tree:
    """An instance size as the API returns it: numbers as text, false flags left out."""
    flags = {
        "single_instance_only": size.single_instance_only,
        "scalable": size.scalable,
        "deprecation_intent": size.legacy,
    }
    return {
        "name": size.name,
        "slug": size.slug,
        "cpu_type": "DEDICATED" if size.scalable else "SHARED",
        "cpus": str(size.cpus),
        "memory_bytes": str(int(size.memory_gib * 1024**3)),
        "usd_per_month": f"{size.price:.2f}",
        "usd_per_second": f"{size.price / _SECONDS_A_MONTH:.12f}",
        "tier_slug": size.tier,
        "bandwidth_allowance_gib": str(size.bandwidth_gib),
        **{name: True for name, holds in flags.items() if holds},
    }


def detect(call: Call) -> str:
    """POST /v2/apps/detect {git, github …}: nothing is detected, as no source is read."""
    body = call.record()
    if sum(isinstance(body.get(name), dict) for name in SOURCE_FIELDS) != 1:
        raise bad_request(f"one of {', '.join(SOURCE_FIELDS)} is required")
    return dumps({"components": []})


def list_buildpacks(_: Call) -> str:
    """GET /v2/apps/buildpacks."""
    return dumps({"buildpacks": BUILDPACKS})


def upgrade_buildpack(call: Call) -> str:
    """POST …/upgrade_buildpack {buildpack_id, major_version, trigger_deployment}: all that is built is affected."""
    app, platform = call.app(), call.platform
    wanted = call.field("buildpack_id", str, "")
    if wanted not in {item["id"] for item in BUILDPACKS}:
        raise bad_request("there is no buildpack with this buildpack_id")
    call.field("major_version", int, 0)
    affected = [item["name"] for _, item in components(app.spec) if not item.get("image")]
    out: dict[str, Any] = {"affected_components": affected}
    if affected and call.field("trigger_deployment", bool, default=False):
        require_unpinned(app)
        made = platform.deploy(app, app.spec, Cause(text="buildpack upgraded", action="UPGRADE_BUILDPACK"))
        out["deployment"] = deployment_tree(made, platform.now)
    return dumps(out)
