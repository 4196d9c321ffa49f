"""How apps and deployments are answered: the shape of the recorded answers, zero and empty values left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.second_platform.model import App, Deployment, Fault, Switches
from tests.second_platform.specs import KINDS, lean

STAGES = ("build", "deploy")
HOST = "ondigitalocean.app"
OWNER = "5f0d6f7e-0b0e-4b0e-9a53-2f0f6f0f7b11"


def moment(seconds: float) -> str:
    """Whole seconds, as everything but steps has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _precise(seconds: float) -> str:
    """Nanoseconds, as steps have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def live_url(app: App) -> str:
    return f"https://{app.name}-x7k2q.{HOST}"


def app_json(app: App, switches: Switches, *, listed: bool = False) -> dict[str, Any]:
    """An app, as GET answers it; a list leaves out ``summary_steps``."""
    running, served = app.running(), app.served()
    queued = running is not None and running.phase == "PENDING_BUILD"
    out: dict[str, Any] = {
        "id": app.id,
        "owner_uuid": OWNER,
        "spec": app.spec,
        "created_at": moment(app.created),
        "updated_at": moment(app.updated),
        "last_deployment_created_at": moment(app.deployments[-1].created),
        "region": {"slug": "fra", "label": "Frankfurt", "continent": "Europe", "data_centers": ["fra1"]},
        "tier_slug": "basic",
        "build_config": {},
    }
    roles = {
        "active_deployment": app.active,
        "pending_deployment": running if queued else None,
        "in_progress_deployment": None if queued else running,
        "pinned_deployment": app.pinned,
    }
    out |= {role: deployment_json(one, switches, listed=listed) for role, one in roles.items() if one}
    if served is not None and served.active_since is not None:
        out["last_deployment_active_at"] = moment(served.active_since)
        if switches.live_url:
            url = live_url(app)
            out |= {"default_ingress": url, "live_url": url, "live_url_base": url, "live_domain": url[8:]}
    return lean(out)


def deployment_json(one: Deployment, switches: Switches, *, listed: bool = False) -> dict[str, Any]:
    """A deployment, as GET answers it."""
    created = one.created - one.created % 86400 if switches.same_second else one.created
    services = [
        {"name": item["name"], "source_image_digest": f"sha256:{item['image'].get('tag', 'latest'):0>64}"}
        for item in one.spec.get("services", ())
        if "image" in item
    ]
    out: dict[str, Any] = {
        "id": one.id,
        "spec": one.spec,
        "services": services,
        "phase": one.phase,
        "phase_last_updated_at": moment(one.moves[-1][0]),
        "created_at": moment(created),
        "updated_at": moment(one.moves[-1][0]),
        "cause": one.cause,
        "previous_deployment_id": one.previous,
        "cloned_from": one.cloned,
        "progress": _progress(one, listed=listed),
        "tier_slug": "basic",
        "timing": {"pending": "2s", "build_total": "6s", "build_billable": "0s"},
    }
    if one.details is not None:
        out["cause_details"] = one.details
    return lean(out)


# ---- progress -----------------------------------------------------------------------------------------------------


def _progress(one: Deployment, *, listed: bool) -> dict[str, Any]:
    """The steps, by the phases that the deployment had; a count of zero is left out with all that is zero."""
    faults = one.fate.faults if one.phase == "ERROR" else ()
    names = [item["name"] for kind in KINDS for item in one.spec.get(kind, ())]
    steps = [_stage(stage, names, _state(stage, one, faults), one, faults) for stage in STAGES]
    steps += [_other(fault, one) for fault in faults if fault.step not in STAGES]
    leaves = [leaf for step in steps for leaf in _leaves(step)]
    counts = {
        f"{status.lower()}_steps": sum(leaf["status"] == status for leaf in leaves)
        for status in ("PENDING", "RUNNING", "SUCCESS", "ERROR")
    }
    summary = {} if listed else {"summary_steps": [{"name": step["name"], "status": step["status"]} for step in steps]}
    return {**counts, "total_steps": len(leaves), "steps": steps, **summary}


def _state(stage: str, one: Deployment, faults: tuple[Fault, ...]) -> str:
    """How far build or deploy is."""
    built = one.had("PENDING_DEPLOY") or one.had("DEPLOYING") or one.active_since is not None
    if stage == "build" and built:
        return "SUCCESS"
    if one.phase == "ERROR" and (stage == "deploy") is built:
        known = not faults or any(fault.step in STAGES for fault in faults)
        return "ERROR" if known else "PENDING"
    if stage == "deploy" and one.active_since is not None:
        return "SUCCESS"
    reached = one.under_way and one.phase != "PENDING_BUILD" and (stage == "build" or built)
    return "RUNNING" if reached else "PENDING"


def _stage(name: str, components: list[str], state: str, one: Deployment, faults: tuple[Fault, ...]) -> dict[str, Any]:
    """Build or deploy: initialize, then each component. A fault of no component is the platform's own."""
    mine = [fault for fault in faults if fault.step == name] if state == "ERROR" else []
    opening: dict[str, Any] = {"name": "initialize", "status": "PENDING" if state == "PENDING" else "SUCCESS"}
    for fault in mine:
        if not fault.component:
            opening |= {"status": "ERROR", "reason": {"code": fault.code, "message": fault.message}}
    inner = [_component(component, name, state, mine) for component in components]
    times = {} if state == "PENDING" else {"started_at": _precise(one.moves[0][0])}
    if state in ("SUCCESS", "ERROR"):
        times["ended_at"] = _precise(_ended(name, one))
    steps = [opening, {"name": "components", "status": state, "steps": inner}]
    return {"name": name, "status": state, "steps": steps, **times}


def _ended(stage: str, one: Deployment) -> float:
    """When a stage was over."""
    marks = ("PENDING_DEPLOY", "DEPLOYING", "ACTIVE") if stage == "build" else ("ACTIVE",)
    return next((when for when, phase in one.moves if phase in marks), one.moves[-1][0])


def _component(name: str, stage: str, state: str, faults: list[Fault]) -> dict[str, Any]:
    verb = "Building" if stage == "build" else "Deploying"
    step: dict[str, Any] = {"name": name, "status": state, "component_name": name, "message_base": f"{verb} service"}
    fault = next((fault for fault in faults if fault.component == name), None)
    if state == "ERROR" and fault is None:
        step["status"] = "PENDING"
    elif fault is not None:
        step["reason"] = {"code": fault.code, "message": fault.message}
    elif stage == "build" and state == "SUCCESS":
        message = "Your build job was skipped because you specified a pre-built image."
        step["reason"] = {"code": "PreBuiltImage", "message": message}
    return step


def _other(fault: Fault, one: Deployment) -> dict[str, Any]:
    """A step whose name no record shows."""
    reason = {"code": fault.code, "message": fault.message}
    ended = _precise(one.moves[-1][0])
    step = {"name": fault.step, "status": "ERROR", "component_name": fault.component}
    return {**step, "reason": reason, "ended_at": ended}


def _leaves(step: dict[str, Any]) -> list[dict[str, Any]]:
    return [leaf for inner in step["steps"] for leaf in _leaves(inner)] if step.get("steps") else [step]
