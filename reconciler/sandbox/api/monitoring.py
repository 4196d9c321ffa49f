"""The operations to watch an app: health, instances, events, job invocations, bandwidth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.api.components import links, tail_lines
from reconciler.sandbox.http.request import Call, bad_request, conflict, listing, not_found, page_of
from reconciler.sandbox.simulation.lifecycle import moment
from reconciler.sandbox.simulation.render import deployment_tree
from reconciler.sandbox.simulation.running import LOG_TYPES, health_of, instances_of
from reconciler.sandbox.simulation.store import dumps, loads, make_id

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.store import App, Tree

_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


def list_instances(call: Call) -> str:
    """GET /v2/apps/{app_id}/instances."""
    app = call.app()
    active = call.platform.tx.deployment(app.active)
    return dumps({"instances": instances_of(app, active)})


def get_health(call: Call) -> str:
    """GET /v2/apps/{app_id}/health."""
    app = call.app()
    active = call.platform.tx.deployment(app.active)
    return dumps({"app_health": health_of(app, active, call.platform.now, call.settings.speed.settle)})


def event_phase(doc: Tree, now: float) -> str:
    """The phase of an autoscaling event, by its age unless it was canceled."""
    if doc.get("canceled"):
        return "CANCELED"
    age = now - doc["created_at"]
    if age < doc["seconds"] / 4:
        return "PENDING"
    return "IN_PROGRESS" if age < doc["seconds"] else "SUCCEEDED"


def _event(call: Call, row: tuple[Any, ...]) -> Tree:
    event_id, kind, text = row
    doc = loads(text)
    out: Tree = {"id": event_id, "type": kind, "created_at": moment(doc["created_at"])}
    if kind == "AUTOSCALING":
        phase = event_phase(doc, call.platform.now)
        return out | {"autoscaling": {"phase": phase, "components": doc["components"]}}
    deployment = call.platform.tx.deployment(doc["deployment_id"])
    assert deployment is not None
    return out | {"deployment_id": deployment.id, "deployment": deployment_tree(deployment, call.platform.now)}


def _event_row(call: Call, app: App) -> tuple[Any, ...]:
    rows = call.platform.tx.sql(
        "SELECT id, type, doc FROM events WHERE app_id = ? AND id = ?", app.id, call.params["event_id"]
    )
    if not rows:
        raise not_found()
    return rows[0]


def list_events(call: Call) -> str:
    """GET /v2/apps/{app_id}/events, newest first; ``event_types`` filters."""
    app, page = call.app(), page_of(call)
    kinds = call.many("event_types", ("UNKNOWN", "DEPLOYMENT", "AUTOSCALING")) or ("DEPLOYMENT", "AUTOSCALING")
    which = "FROM events WHERE app_id = ? AND (type = ? OR type = ?)"
    chosen = (app.id, kinds[0], kinds[-1])
    total = call.platform.tx.sql(f"SELECT count(*) {which}", *chosen)[0][0]
    rows = call.platform.tx.sql(
        f"SELECT id, type, doc {which} ORDER BY seq DESC LIMIT ? OFFSET ?",
        *chosen,
        page.size,
        page.offset,
    )
    return listing(call, "events", [dumps(_event(call, row)) for row in rows], page, total)


def get_event(call: Call) -> str:
    """GET …/events/{event_id}."""
    return dumps({"event": _event(call, _event_row(call, call.app()))})


def cancel_event(call: Call) -> str:
    """POST …/events/{event_id}/cancel: only autoscaling in progress can be canceled."""
    app = call.app()
    event_id, kind, text = _event_row(call, app)
    doc = loads(text)
    if kind != "AUTOSCALING" or event_phase(doc, call.platform.now) not in ("PENDING", "IN_PROGRESS"):
        raise conflict("only an autoscaling event in progress can be canceled")
    doc["canceled"] = True
    call.platform.tx.sql("UPDATE events SET doc = ? WHERE id = ?", dumps(doc), event_id)
    for name, change in doc["components"].items():
        app.counts[name] = change["from"]
    call.platform.save(app)
    return dumps({"event": _event(call, (event_id, kind, dumps(doc)))})


def event_logs(call: Call) -> str:
    """GET …/events/{event_id}/logs."""
    app = call.app()
    event_id, *_ = _event_row(call, app)
    kind = call.one("type")
    if kind not in LOG_TYPES:
        raise bad_request("type is required; events have AUTOSCALE_EVENT")
    place = f"{app.id}/{event_id}/-/AUTOSCALE_EVENT"
    return links(call, place, follow=call.flag("follow"), tail=tail_lines(call))


def invocation_tree(row: tuple[Any, ...], now: float) -> Tree:
    """A job invocation as the API returns it; its phase follows from its age unless it was canceled."""
    invocation_id, job, deployment_id, text = row
    doc = loads(text)
    start = doc["created_at"] + min(doc["seconds"] / 4, 5)
    end = doc["canceled_at"] or doc["created_at"] + doc["seconds"]
    out: Tree = {
        "id": invocation_id,
        "job_name": job,
        "deployment_id": deployment_id,
        "phase": "PENDING",
        "trigger": doc["trigger"],
        "created_at": moment(doc["created_at"]),
    }
    if now >= start and end >= start:
        out |= {"phase": "RUNNING", "started_at": moment(start)}
    if now >= end:
        out |= {"phase": "CANCELED" if doc["canceled_at"] else doc["result"], "completed_at": moment(end)}
    return out


def _on_schedule(call: Call) -> App:
    """The app that the path names, after running its jobs that are due."""
    app = call.app()
    call.platform.run_schedules(app, call.platform.now)
    call.platform.save(app)
    return app


def list_invocations(call: Call) -> str:
    """GET /v2/apps/{app_id}/job-invocations, newest first; ``job_names`` and ``deployment_id`` filter."""
    app, page = _on_schedule(call), page_of(call)
    names, deployment_id = call.many("job_names"), call.one("deployment_id")
    rows = call.platform.tx.sql(
        "SELECT id, job, deployment_id, doc FROM invocations WHERE app_id = ? ORDER BY seq DESC", app.id
    )
    rows = [row for row in rows if (not names or row[1] in names) and deployment_id in ("", row[2])]
    rows.sort(key=lambda row: -loads(row[3])["created_at"])  # scheduled ones may be recorded late
    chosen = rows[page.offset : page.offset + page.size]
    items = [dumps(invocation_tree(row, call.platform.now)) for row in chosen]
    return listing(call, "job_invocations", items, page, len(rows))


def _invocation_row(call: Call) -> tuple[Any, ...]:
    rows = call.platform.tx.sql(
        "SELECT id, job, deployment_id, doc FROM invocations WHERE app_id = ? AND id = ?",
        _on_schedule(call).id,
        call.params["job_invocation_id"],
    )
    name = call.params.get("job_name") or call.one("job_name")
    if not rows or (name and name != rows[0][1]):
        raise not_found()
    return rows[0]


def _answer_invocation(row: tuple[Any, ...], now: float) -> str:
    """An invocation, unwrapped as the description has it, and as ``job_invocation``, where the Go client looks.

    Both clients call the same type of trigger by another name: SCHEDULE unwrapped, SCHEDULED for the Go client.
    """
    plain = invocation_tree(row, now)
    trigger = plain["trigger"]
    wrapped = {**plain, "trigger": {**trigger, "type": trigger["type"].replace("SCHEDULE", "SCHEDULED")}}
    return dumps({**plain, "job_invocation": wrapped})


def get_invocation(call: Call) -> str:
    """GET …/job-invocations/{job_invocation_id}; ``job_name`` may narrow it. Wrapped and unwrapped."""
    return _answer_invocation(_invocation_row(call), call.platform.now)


def cancel_invocation(call: Call) -> str:
    """POST …/job-invocations/{job_invocation_id}/cancel. Wrapped and unwrapped."""
    row = _invocation_row(call)
    if invocation_tree(row, call.platform.now)["phase"] in _ENDED:
        raise conflict("the job invocation has ended")
    doc = loads(row[3]) | {"canceled_at": call.platform.now}
    call.platform.tx.sql("UPDATE invocations SET doc = ? WHERE id = ?", dumps(doc), row[0])
    return _answer_invocation((*row[:3], dumps(doc)), call.platform.now)


def invocation_logs(call: Call) -> str:
    """GET …/jobs/{job_name}/invocations/{job_invocation_id}/logs."""
    row = _invocation_row(call)
    if call.one("type") != "JOB_INVOCATION":
        raise bad_request("type must be JOB_INVOCATION")
    place = f"{call.params['app_id']}/{row[0]}/{row[1]}/JOB_INVOCATION"
    return links(call, place, follow=call.flag("follow"), tail=tail_lines(call))


def _day(text: str, now: float) -> str:
    """Midnight of a day, by default yesterday.

    Raises:
        HTTPException: 400 if the text is not a date.
    """
    try:
        when = datetime.fromisoformat(text) if text else datetime.fromtimestamp(now - 86400, UTC)
    except ValueError:
        raise bad_request("date must be an RFC 3339 time") from None
    return f"{when.date().isoformat()}T00:00:00Z"


def _usage(app_id: str, day: str) -> Tree:
    """A made-up number of bytes, always the same for an app and a day."""
    return {"app_id": app_id, "bandwidth_bytes": str(int(make_id(b"bytes", app_id, day)[:8], 16))}


def app_bandwidth(call: Call) -> str:
    """GET /v2/apps/{app_id}/metrics/bandwidth_daily."""
    day = _day(call.one("date"), call.platform.now)
    return dumps({"app_bandwidth_usage": [_usage(call.app().id, day)], "date": day})


def all_bandwidth(call: Call) -> str:
    """POST /v2/apps/metrics/bandwidth_daily {app_ids, date}; unknown apps are left out."""
    if "app_ids" not in call.record():
        raise bad_request("app_ids is required")
    day = _day(call.field("date", str, ""), call.platform.now)
    found = [app_id for app_id in call.strings("app_ids") if call.platform.tx.app(app_id)]
    return dumps({"app_bandwidth_usage": [_usage(app_id, day) for app_id in found], "date": day})
