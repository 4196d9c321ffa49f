"""Apps and deployments as the API returns them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import REGIONS, components
from reconciler.sandbox.simulation.lifecycle import TERMINAL, began, duration, moment, precise, progress, tier_of
from reconciler.sandbox.simulation.store import dumps, make_id

if TYPE_CHECKING:
    from reconciler.appspec.kinds import Region
    from reconciler.sandbox.simulation.store import App, Deployment, Tree, Tx

BASE = "urn:sandbox:base"
"""The placeholder for the sandbox's address in cached responses: each process may have another."""

HOST = "urn:sandbox:host"
"""The placeholder for the host alone."""


BY_PLATFORM = ("MAINTENANCE", "UPDATE_DATABASE_TRUSTED_SOURCES", "AUTOSCALED")
"""Types of deployments that the platform makes for its own reasons."""


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
        if item.get("image"):
            entry["source_image_digest"] = item["image"].get("digest") or _digest(item["image"])
        out.setdefault(kind, []).append(entry)
    kind = deployment.kind if deployment.shown_kind is None else deployment.shown_kind
    details: Tree = {"type": kind} if kind else {}
    if deployment.kind in BY_PLATFORM:
        details["internal"] = True
    if deployment.action:
        details["digitalocean_user_action"] = {"user": deployment.user, "name": deployment.action}
    out |= {
        "phase": deployment.phase,
        "phase_last_updated_at": moment(deployment.phase_at),
        "created_at": moment(deployment.created_at),
        "updated_at": moment(deployment.phase_at),
        "cause": deployment.cause,
        "cause_details": details,
        "progress": _shown_progress(deployment, now),
        "tier_slug": deployment.tier,
    }
    if deployment.previous:
        out["previous_deployment_id"] = deployment.previous
    if deployment.cloned_from:
        out["cloned_from"] = deployment.cloned_from
    if deployment.phase in TERMINAL:
        out["timing"] = _timing(deployment)
    return out


def _shown_progress(deployment: Deployment, now: float) -> Tree:
    """The progress without the times that the platform leaves out: of components, but for what is really built."""

    def shown(step: Tree, *, building: bool) -> Tree:
        timed = "component_name" not in step or (building and step.get("reason", {}).get("code") != "PreBuiltImage")
        out = step if timed else {name: step[name] for name in step if name not in ("started_at", "ended_at")}
        below = [shown(child, building=building) for child in step.get("steps", ())]
        return {**out, "steps": below} if below else out

    found = progress(deployment, now)
    return found | {"steps": [shown(step, building=step["name"] == "build") for step in found["steps"]]}


def _digest(image: Tree) -> str:
    """The digest that a tag resolves to: always the same, as nothing is pulled."""
    named = ":".join(str(image.get(name) or "") for name in ("registry_type", "registry", "repository", "tag"))
    return f"sha256:{hashlib.sha256(named.encode()).hexdigest()}"


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
            shown = deployment_tree(deployment, now)
            del shown["progress"]["summary_steps"]  # only deployments that are asked for by themselves have them
            out[f"{role}_deployment"] = shown
            if role == "active":
                out["last_deployment_active_at"] = moment(deployment.active_at or deployment.phase_at)
    out |= {
        "created_at": moment(app.created_at),
        "updated_at": moment(app.updated_at),
        "last_deployment_created_at": moment(app.last_deployment_at),
        "tier_slug": tier_of(app.spec),
        "build_config": {},
    }
    region = REGIONS.get(str(app.spec.get("region")))
    if region:
        out["region"] = region_tree(region)
    if app.active:
        url = f"{BASE}/_live/{app.id}"
        out |= {"default_ingress": url, "live_url": url, "live_url_base": url, "live_domain": HOST}
    if app.spec.get("domains"):
        out |= _domains(app, out)
    if (app.spec.get("egress") or {}).get("type") == "DEDICATED_IP":
        out["dedicated_ips"] = [_ip(app, number, active=bool(app.active)) for number in (1, 2)]
    if app.spec.get("vpc"):
        out["vpc"] = app.spec["vpc"]
    return out


def region_tree(region: Region) -> Tree:
    """A region as the API returns it."""
    out: Tree = {**region._asdict(), "data_centers": list(region.data_centers)}
    return out | {"default": True} if region.slug == "nyc" else out


_DOMAIN_STEPS = (
    "default-ingress-ready",
    "ensure-zone",
    "ensure-ns-records",
    "verify-nameservers",
    "ensure-record",
    "ensure-alias-record",
    "ensure-wildcard-record",
    "verify-cname",
    "ensure-ssl-txt-record-saved",
    "ensure-ssl-txt-record",
    "ensure-renewal-email",
    "ensure-CA-authorization",
    "ensure-certificate",
    "create-deployment",
    "configuration-alert",
)


def _domains(app: App, answer: Tree) -> Tree:
    """``domains`` and, once one is PRIMARY and active, ``live_domain``.

    The addresses of the app stay the sandbox's, as no other can be reached.
    """
    found = [_domain(app, item, answer) for item in app.spec["domains"]]
    primary = [item["spec"] for item in found if item["phase"] == "ACTIVE" and item["spec"].get("type") == "PRIMARY"]
    return {"domains": found, **({"live_domain": primary[0]["domain"]} if primary else {})}


def _domain(app: App, spec: Tree, answer: Tree) -> Tree:
    """A domain: ACTIVE once a deployment with it is active, CONFIGURING while a deployment is in progress."""
    known = answer.get("active_deployment", {}).get("spec", {}).get("domains") or []
    active = any(item["domain"] == spec["domain"] for item in known)
    moving = "in_progress_deployment" in answer or "pending_deployment" in answer
    phase = "ACTIVE" if active else "CONFIGURING" if moving else "PENDING"
    status = {"ACTIVE": "SUCCESS", "CONFIGURING": "RUNNING", "PENDING": "PENDING"}[phase]
    times = {"started_at": precise(app.updated_at)} if phase != "PENDING" else {}
    times |= {"ended_at": precise(app.updated_at)} if active else {}
    out: Tree = {
        "id": make_id(b"domain", app.id, spec["domain"]),
        "phase": phase,
        "spec": spec,
        "progress": {"steps": [{"name": name, "status": status, **times} for name in _DOMAIN_STEPS]},
        "validation": {},
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
