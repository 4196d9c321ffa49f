"""Apps and deployments as the API returns them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import REGIONS, components
from reconciler.sandbox.simulation.lifecycle import TERMINAL, began, duration, moment, progress, tier_of
from reconciler.sandbox.simulation.store import dumps, make_id

if TYPE_CHECKING:
    from reconciler.appspec.kinds import Region
    from reconciler.sandbox.simulation.store import App, Deployment, Tree, Tx

BASE = "urn:sandbox:base"
"""The placeholder for the sandbox's address in cached responses: each process may have another."""

HOST = "urn:sandbox:host"
"""The placeholder for the host alone."""


def placed(text: str, base_url: str) -> str:
    """A response with the address filled in."""
    if BASE in text or HOST in text:
        return text.replace(BASE, base_url).replace(HOST, base_url.partition("://")[2])
    return text


def deployment_tree(deployment: Deployment, now: float) -> Tree:
    """A deployment as the API returns it."""
    out: Tree = {"id": deployment.id, "spec": deployment.spec}
    for kind, item in components(deployment.spec):
        entry: Tree = {"name": item["name"]}
        if item["name"] in deployment.commits:
            entry["source_commit_hash"] = deployment.commits[item["name"]]
        out.setdefault(kind, []).append(entry)
    details: Tree = {"type": deployment.kind}
    if deployment.action:
        details["digitalocean_user_action"] = {"user": deployment.user, "name": deployment.action}
    out |= {
        "phase": deployment.phase,
        "phase_last_updated_at": moment(deployment.phase_at),
        "created_at": moment(deployment.created_at),
        "updated_at": moment(deployment.phase_at),
        "cause": deployment.cause,
        "cause_details": details,
        "progress": progress(deployment, now),
        "tier_slug": deployment.tier,
    }
    if deployment.previous:
        out["previous_deployment_id"] = deployment.previous
    if deployment.cloned_from:
        out["cloned_from"] = deployment.cloned_from
    if deployment.phase in TERMINAL:
        out["timing"] = _timing(deployment)
    return out


def _timing(deployment: Deployment) -> Tree:
    build, deploy = began(deployment, "BUILDING"), began(deployment, "PENDING_DEPLOY")
    out = {"pending": duration((build or deployment.phase_at) - deployment.created_at)}
    if build is not None:
        seconds = duration((deploy or deployment.phase_at) - build)
        out |= {"build_total": seconds, "build_billable": seconds}
    return out


def app_body(tx: Tx, app: App, now: float) -> str:
    """An app as the API returns it, as JSON without ``project_id`` and with `BASE` for the address."""
    return dumps(app_tree(tx, app, now))


def with_project(body: str, project_id: str) -> str:
    """An app's JSON with its project."""
    return f'{body[:-1]},"project_id":{dumps(project_id)}}}'


def app_tree(tx: Tx, app: App, now: float) -> Tree:
    """An app as the API returns it, without ``project_id`` and with `BASE` for the address."""
    out: Tree = {"id": app.id, "owner_uuid": app.owner, "spec": app.spec}
    for role in ("active", "in_progress", "pending", "pinned"):
        deployment = tx.deployment(getattr(app, role))
        if deployment is not None:
            out[f"{role}_deployment"] = deployment_tree(deployment, now)
    out |= {
        "created_at": moment(app.created_at),
        "updated_at": moment(app.updated_at),
        "last_deployment_created_at": moment(app.last_deployment_at),
        "tier_slug": tier_of(app.spec),
    }
    region = REGIONS.get(str(app.spec.get("region")))
    if region:
        out["region"] = region_tree(region)
    if app.active:
        url = f"{BASE}/_live/{app.id}"
        out |= {"default_ingress": url, "live_url": url, "live_url_base": url, "live_domain": HOST}
    if app.spec.get("domains"):
        out["domains"] = [_domain(app, item, out) for item in app.spec["domains"]]
    if (app.spec.get("egress") or {}).get("type") == "DEDICATED_IP":
        out["dedicated_ips"] = [_ip(app, number, active=bool(app.active)) for number in (1, 2)]
    if app.spec.get("vpc"):
        out["vpc"] = app.spec["vpc"]
    return out


def region_tree(region: Region) -> Tree:
    """A region as the API returns it."""
    out: Tree = {**asdict(region), "data_centers": list(region.data_centers)}
    return out | {"default": True} if region.slug == "nyc" else out


def _domain(app: App, spec: Tree, answer: Tree) -> Tree:
    """A domain: ACTIVE once a deployment with it is active, CONFIGURING while a deployment is in progress."""
    known = answer.get("active_deployment", {}).get("spec", {}).get("domains") or []
    active = any(item["domain"] == spec["domain"] for item in known)
    moving = "in_progress_deployment" in answer or "pending_deployment" in answer
    phase = "ACTIVE" if active else "CONFIGURING" if moving else "PENDING"
    status = {"ACTIVE": "SUCCESS", "CONFIGURING": "RUNNING", "PENDING": "PENDING"}[phase]
    names = ("default-ingress-ready", "ensure-zone", "ensure-record", "verify-cname", "ensure-certificate")
    out: Tree = {
        "id": make_id(b"domain", app.id, spec["domain"]),
        "phase": phase,
        "spec": spec,
        "progress": {"steps": [{"name": name, "status": status} for name in names]},
        "rotate_validation_records": False,
    }
    if active:
        out["certificate_expires_at"] = moment(app.created_at + 90 * 86400)
    return out


def _ip(app: App, number: int, *, active: bool) -> Tree:
    """A dedicated address, from the block that RFC 5737 reserves for documentation."""
    last = int(make_id(b"ip", app.id, number)[:2], 16)
    return {
        "id": make_id(b"ip", app.id, number),
        "ip": f"203.0.113.{last}",
        "status": "ASSIGNED" if active else "ASSIGNING",
    }
