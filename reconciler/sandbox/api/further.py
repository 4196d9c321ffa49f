"""Operations that the vendor's clients call, and that the API description does not have.

Source: the vendor's Go client. Detection, buildpacks, and the databases of an app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import SOURCE_FIELDS, components
from reconciler.sandbox.http.request import Call, bad_request, not_found, require_unpinned
from reconciler.sandbox.simulation.render import deployment_tree
from reconciler.sandbox.simulation.simulation import Cause
from reconciler.sandbox.simulation.store import dumps, make_id

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import App, Tree

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
        raise bad_request("buildpack_id names no buildpack")
    call.field("major_version", int, 0)
    affected = [item["name"] for _, item in components(app.spec) if not item.get("image")]
    out: dict[str, Any] = {"affected_components": affected}
    if affected and call.field("trigger_deployment", bool, default=False):
        require_unpinned(app)
        made = platform.deploy(app, app.spec, Cause(text="buildpack upgraded", action="UPGRADE_BUILDPACK"))
        out["deployment"] = deployment_tree(made, platform.now)
    return dumps(out)


def _database(call: Call, app: App) -> Tree:
    """The dev database that the path names.

    Raises:
        HTTPException: 404.
    """
    name = call.params["component_name"]
    found = [item for item in app.spec.get("databases") or [] if item["name"] == name and not item.get("production")]
    if not found:
        raise not_found()
    database: Tree = found[0]
    return database


def connection_details(call: Call) -> str:
    """GET …/database_connection_details: of dev databases; nothing listens there."""
    app = call.app()
    found = []
    for item in app.spec.get("databases") or []:
        if item.get("production"):
            continue
        name, host = item["name"], f"{make_id(b'host', app.id, item['name'])[:8]}.db.invalid"
        password = make_id(call.platform.key, "password", app.id, name, app.passwords.get(name, 0))
        found.append(
            {
                "component_name": name,
                "host": host,
                "port": 25060,
                "username": name,
                "password": password,
                "database_name": name,
                "database_url": f"{str(item.get('engine') or 'PG').lower()}://{name}:{password}@{host}:25060/{name}",
            }
        )
    return dumps({"connection_details": found})


def reset_password(call: Call) -> str:
    """POST …/components/{component_name}/reset_password: of a dev database; the app is deployed with the new one."""
    app, platform = call.app(), call.platform
    name = _database(call, app)["name"]
    require_unpinned(app)
    app.passwords[name] = app.passwords.get(name, 0) + 1
    cause = Cause(text="database password reset", action="RESET_DATABASE_PASSWORD", builds=False, newest_sources=False)
    return dumps({"deployment": deployment_tree(platform.deploy(app, app.spec, cause), platform.now)})


def toggle_trusted_sources(call: Call) -> str:
    """POST …/components/{component_name}/trusted_sources {enable}: of a dev database."""
    app = call.app()
    _database(call, app)
    return dumps({"is_enabled": call.field("enable", bool, default=False)})
