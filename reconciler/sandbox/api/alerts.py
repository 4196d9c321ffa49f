"""The operations on alerts: those of an app and its components, and who is notified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.sandbox.http.request import Call, bad_request, not_found
from reconciler.sandbox.simulation.lifecycle import moment
from reconciler.sandbox.simulation.store import dumps, loads, make_id

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import Platform
    from reconciler.sandbox.simulation.store import App, Tree

_IDENTITY = ("rule", "operator", "value", "window")

_CONFIGURING = "alert-configure-insight-alert"


def alerts_of(platform: Platform, app: App) -> list[Tree]:
    """The alerts of an app and of its components, with their destinations; those of a new one are the owner's."""
    found = [("", alert) for alert in app.spec.get("alerts") or []]
    for kind in ("services", "workers", "jobs", "functions"):
        for item in app.spec.get(kind) or []:
            found += [(item["name"], alert) for alert in item.get("alerts") or []]
    kept = dict(platform.tx.sql("SELECT alert_id, doc FROM destinations WHERE app_id = ?", app.id))
    out = []
    for component, alert in found:
        alert_id = make_id(b"alert", app.id, component, *(alert.get(name, "") for name in _IDENTITY))
        own: Tree = {"emails": [platform.user["email"]], "slack_webhooks": [], "at": app.created_at, "ends": "ACTIVE"}
        doc: Tree = loads(kept[alert_id]) if alert_id in kept else own
        entry: Tree = {"id": alert_id, "spec": alert, **_progress(platform, doc)}
        if component:
            entry["component_name"] = component
        hooks = [_shown(hook, platform.settings.webhook_urls) for hook in doc["slack_webhooks"]]
        out.append(entry | {"emails": doc["emails"], "slack_webhooks": hooks})
    return out


def _progress(platform: Platform, doc: Tree) -> Tree:
    """The phase of an alert that was given these destinations ``at`` a moment, and its one step."""
    began, took, ends = doc.get("at", 0.0), platform.settings.speed.alert, doc.get("ends", "ACTIVE")
    age = platform.now - began
    phase = "PENDING" if age < took / 4 else "CONFIGURING" if age < took else ends
    status = {"PENDING": "PENDING", "CONFIGURING": "RUNNING", "ERROR": "ERROR"}.get(phase, "SUCCESS")
    step: Tree = {"name": _CONFIGURING, "status": status}
    if phase != "PENDING":
        step["started_at"] = moment(began)
    if phase == ends and phase != "CONFIGURING":
        step["ended_at"] = moment(began + took)
    if phase == "ERROR":
        step["reason"] = {"code": "AlertConfigurationFailed", "message": "the alert could not be configured"}
    return {"phase": phase, "progress": {"steps": [step]}}


def _shown(hook: Tree, urls: str) -> Tree:
    if urls == "returned":
        return hook
    masked = {"url": "https://hooks.slack.com/services/***"} if urls == "masked" else {}
    return {name: value for name, value in hook.items() if name != "url"} | masked


def forget_destinations(platform: Platform, app: App) -> None:
    """After an update: an alert that the spec no longer has loses its destinations; by the settings each does."""
    kept = {alert["id"] for alert in alerts_of(platform, app)} if platform.settings.updates_keep_destinations else set()
    for (alert_id,) in platform.tx.sql("SELECT alert_id FROM destinations WHERE app_id = ?", app.id):
        if alert_id not in kept:
            platform.tx.sql("DELETE FROM destinations WHERE alert_id = ?", alert_id)


def list_alerts(call: Call) -> str:
    """GET /v2/apps/{app_id}/alerts."""
    return dumps({"alerts": alerts_of(call.platform, call.app())})


def assign_destinations(call: Call) -> str:
    """POST …/alerts/{alert_id}/destinations {emails, slack_webhooks}: replaces them."""
    app, platform = call.app(), call.platform
    alert_id = call.params["alert_id"]
    if all(alert["id"] != alert_id for alert in alerts_of(platform, app)):
        raise not_found()
    emails = call.strings("emails")
    hooks: list[Any] = call.field("slack_webhooks", list, [])
    for hook in hooks:
        if not isinstance(hook, dict) or not all(isinstance(hook.get(name, ""), str) for name in ("url", "channel")):
            raise bad_request("slack_webhooks must be a list of {url, channel}")
    hooks = [{name: hook[name] for name in ("url", "channel") if name in hook} for hook in hooks]
    ends = platform.settings.alert_ends
    platform.tx.sql(
        "INSERT INTO destinations VALUES (?, ?, ?) ON CONFLICT (alert_id) DO UPDATE SET doc = excluded.doc",
        alert_id,
        app.id,
        dumps({"emails": emails, "slack_webhooks": hooks, "at": platform.now, "ends": ends}),
    )
    (alert,) = (alert for alert in alerts_of(platform, app) if alert["id"] == alert_id)
    return dumps({"alert": alert})
