"""The operations on components: logs and consoles, whose URLs `web.routes` serves, and dev databases."""

from __future__ import annotations

from reconciler.appspec.kinds import BUILT_KINDS, RUNNING_KINDS, components
from reconciler.sandbox.http.request import Call, bad_request, not_found, require_unpinned, ticket
from reconciler.sandbox.simulation.render import deployment_tree
from reconciler.sandbox.simulation.running import LOG_TYPES, latest_log_type, logs_available
from reconciler.sandbox.simulation.simulation import Cause
from reconciler.sandbox.simulation.store import App, Deployment, Tree, dumps, make_id


def _active(call: Call, app: App) -> Deployment:
    """The active deployment; the latest one while none is active."""
    tx = call.platform.tx
    found = tx.deployment(app.active) if app.active else next(iter(tx.deployments(app.id, limit=1)), None)
    if found is None:
        raise not_found()
    return found


def _component(call: Call, deployment: Deployment, *, running: bool = False) -> str:
    """The component in the path, or in the query, where the vendor's Go client puts it; it must exist.

    Raises:
        HTTPException: 404.
    """
    name = call.params.get("component_name") or call.one("component_name")
    kinds = RUNNING_KINDS if running else BUILT_KINDS
    if name and name not in {item["name"] for _, item in components(deployment.spec, kinds)}:
        raise not_found()
    return name


def _logs(call: Call, deployment: Deployment) -> str:
    kind = call.one("type")
    if not kind:
        raise bad_request("type is required")
    if kind not in LOG_TYPES:
        raise bad_request(f"type is one of {', '.join(LOG_TYPES)}")
    follow, tail = call.flag("follow"), tail_lines(call)
    component = _component(call, deployment)
    if kind == "AUTOSCALE_EVENT":
        raise bad_request("the logs of an autoscaling event are part of the event")
    if kind == "UNSPECIFIED":
        kind = latest_log_type(deployment)
    if kind.startswith("RUN") and deployment.phase in ("SUPERSEDED", "ERROR", "CANCELED"):
        raise bad_request(f"cannot get running logs from deployment {deployment.id} in phase final_cleanup")
    if not logs_available(deployment, kind):
        raise bad_request(f"deployment {deployment.id} is {deployment.phase}: there are no {kind} logs yet")
    return links(call, "/".join((deployment.app_id, deployment.id, component or "-", kind)), follow=follow, tail=tail)


def tail_lines(call: Call) -> int:
    """The parameter ``tail_lines``: how many of the last lines; -1 or absent: all.

    Raises:
        HTTPException: 400.
    """
    return -1 if call.one("tail_lines", "-1") == "-1" else call.number("tail_lines", 1, 2**31)


def links(call: Call, place: str, *, follow: bool, tail: int = -1) -> str:
    """``{live_url, historic_urls}``; ``live_url``, a web socket, only for clients that follow."""
    query = f"token={ticket(call.platform.key, place)}" + (f"&tail_lines={tail}" if tail > 0 else "")
    url = f"{call.base_url}/_logs/{place}"
    out: dict[str, object] = {"historic_urls": [f"{url}?{query}"]}
    if follow:
        out = {"live_url": f"{url}/live?{query}", **out}
    return dumps(out)


def app_logs(call: Call) -> str:
    """GET …/logs and GET …/components/{component_name}/logs: of the active deployment."""
    return _logs(call, _active(call, call.app()))


def deployment_logs(call: Call) -> str:
    """GET …/deployments/{deployment_id}/logs and …/deployments/{deployment_id}/components/{component_name}/logs."""
    return _logs(call, call.deployment(call.app()))


def _exec(call: Call, deployment: Deployment) -> str:
    component = _component(call, deployment, running=True)
    if not deployment.was_active or deployment.phase != "ACTIVE":
        raise bad_request("the component has no running instance")
    place = f"{deployment.app_id}/{component}"
    scheme = call.base_url.replace("http", "ws", 1)
    return dumps({"url": f"{scheme}/_exec/{place}?token={ticket(call.platform.key, 'exec', place)}"})


def app_exec(call: Call) -> str:
    """GET …/components/{component_name}/exec."""
    return _exec(call, _active(call, call.app()))


def deployment_exec(call: Call) -> str:
    """GET …/deployments/{deployment_id}/components/{component_name}/exec."""
    return _exec(call, call.deployment(call.app()))


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
