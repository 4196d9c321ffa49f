"""Summaries of the apps with their latest deployments, and the status page at ``/``. Pure.

Static HTML that reloads itself, without scripts or external resources; everything that comes from specs is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from reconciler.appspec.kinds import RUNNING_KINDS, components
from reconciler.sandbox.simulation.running import state_of

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import Platform
    from reconciler.sandbox.simulation.store import App, Deployment

LAST = 5
"""The number of deployments shown of an app."""

PER_PAGE = 100
REFRESH = 5
"""Seconds until the page loads itself again."""

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #777 }
:root { --good: #12803c; --bad: #c62828; --busy: #1f6feb; --odd: #9a6700 }
@media (prefers-color-scheme: dark) {
  :root { --soft: #999; --good: #4ac26b; --bad: #ff7b72; --busy: #58a6ff; --odd: #d29922 }
}
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-bottom: 1rem }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1.05rem; margin: 0 }
header p, .when, .none { color: var(--soft); margin: 0 }
article { border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; margin: 0 0 .8rem }
.top { display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: baseline }
.top a { margin-left: auto }
table { border-collapse: collapse; width: 100%; table-layout: fixed; margin-top: .5rem; font-size: .9rem }
.id { width: 11rem } .phase { width: 10rem } .when { width: 7rem }
th { text-align: left; font-weight: 500; color: var(--soft) }
th, td { padding: .2rem .8rem .2rem 0; border-top: 1px solid var(--line); vertical-align: top }
td:last-child, th:last-child { padding-right: 0 } td { overflow-wrap: anywhere } .phase, .when { white-space: nowrap }
code { font-size: .85em } .reason { display: block; color: var(--bad) }
.soft { color: var(--soft) }
.good { color: var(--good) } .bad { color: var(--bad) } .busy { color: var(--busy) } .odd { color: var(--odd) }
.badge { border: 1px solid currentColor; border-radius: 999px; padding: 0 .6em; font-size: .85rem; white-space: nowrap }
nav { display: flex; gap: 1rem }
@media (max-width: 40rem) {
  thead { display: none }
  tr { display: flex; flex-wrap: wrap; column-gap: .8rem; border-top: 1px solid var(--line); padding: .2rem 0 }
  td, .id, .phase, .when { border: 0; padding: 0; width: auto } .when { margin-left: auto }
  .cause { order: 1; flex-basis: 100% }
}
"""

_TONES = {
    "running": "good",
    "deploying": "busy",
    "pinned": "odd",
    "unhealthy": "bad",
    "last deployment failed": "bad",
    "not running": "bad",
    "ACTIVE": "good",
    "ERROR": "bad",
    "CANCELED": "odd",
    "SUPERSEDED": "soft",
}


@dataclass(frozen=True, slots=True)
class DeploymentSummary:
    """A deployment at a glance; ``roles`` in its app: active, in progress, pending, pinned.

    ``created_at`` in seconds since 1970; ``reason``: why it failed, "" if it did not.
    """

    id: str
    phase: str
    cause: str
    created_at: float
    roles: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AppSummary:
    """An app at a glance with its latest deployments; ``live``: one of its deployments is active."""

    id: str
    name: str
    status: str
    live: bool
    deployments: tuple[DeploymentSummary, ...]


def summaries(platform: Platform, limit: int, offset: int = 0) -> list[AppSummary]:
    """Summaries of the apps, in order of creation. Everything that is due must have been applied."""
    rows = platform.tx.sql("SELECT id FROM apps ORDER BY seq LIMIT ? OFFSET ?", limit, offset)
    found = [platform.tx.app(app_id) for (app_id,) in rows]
    return [_app_summary(platform, app) for app in found if app is not None]


def _app_summary(platform: Platform, app: App) -> AppSummary:
    made = platform.tx.deployments(app.id, limit=LAST)
    active = platform.tx.deployment(app.active)
    return AppSummary(
        id=app.id,
        name=app.name,
        status=_status(platform, app, active, made[0] if made else None),
        live=active is not None,
        deployments=tuple(_deployment_summary(app, item) for item in made),
    )


def _status(platform: Platform, app: App, active: Deployment | None, latest: Deployment | None) -> str:
    """The most important thing about an app: what needs a person comes first."""
    if app.pinned:
        return "pinned"
    if app.pending or app.in_progress:
        return "deploying"
    if active is None:
        return "not running"
    names = [item["name"] for _, item in components(active.spec, RUNNING_KINDS)]
    states = {state_of(app, active, name, platform.now, platform.settings.speed.settle) for name in names}
    if "UNHEALTHY" in states:
        return "unhealthy"
    return "last deployment failed" if latest is not None and latest.phase == "ERROR" else "running"


def _deployment_summary(app: App, item: Deployment) -> DeploymentSummary:
    held = {"active": app.active, "in progress": app.in_progress, "pending": app.pending, "pinned": app.pinned}
    failed = item.phase == "ERROR" and item.fate is not None
    return DeploymentSummary(
        id=item.id,
        phase=item.phase,
        cause=item.cause,
        created_at=item.created_at,
        roles=tuple(role for role, deployment_id in held.items() if deployment_id == item.id),
        reason=str((item.fate or {}).get("message", "")) if failed else "",
    )


def page(apps: list[AppSummary], *, total: int, number: int, waiting: int, now: float, base_url: str) -> str:
    """The page as HTML.

    Args:
        apps: the apps of this page.
        total: the number of all apps.
        number: the number of this page, from 1.
        waiting: the number of pending faults.
        now: the sandbox's time, seconds since 1970.
        base_url: the base of live URLs.
    """
    body = "".join(_app(app, now, base_url) for app in apps)
    body = body or '<p class="none">No apps here yet. Make one: <code>reconcile --sandbox</code></p>'
    facts = [_count(total, "app"), *([_count(waiting, "fault") + " waiting"] if waiting else []), _moment(now)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH}"><title>Sandbox: {_count(total, "app")}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f"<header><h1>App Platform sandbox</h1><p>{' · '.join(facts)}</p></header>"
        f"<main>{body}</main>{_pages(total, number)}</body></html>\n"
    )


def _app(app: AppSummary, now: float, base_url: str) -> str:
    live = f'<a href="{escape(base_url)}/_live/{escape(app.id)}">open</a>' if app.live else ""
    rows = "".join(_deployment(item, now) for item in app.deployments)
    return (
        f'<article id="{escape(app.id)}"><div class="top"><h2>{escape(app.name)}</h2>{_badge(app.status)}{live}</div>'
        '<table><thead><tr><th class="id">Deployment</th><th class="phase">Phase</th><th>Cause</th>'
        '<th class="when">When</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></article>"
    )


def _deployment(item: DeploymentSummary, now: float) -> str:
    roles = "".join(f" {_badge(role)}" for role in item.roles if role == "pinned")
    reason = f'<span class="reason">{escape(item.reason)}</span>' if item.reason else ""
    tone = _TONES.get(item.phase, "busy")
    return (
        f'<tr><td class="id"><code title="{escape(item.id)}">{escape(item.id[:8])}</code>{roles}</td>'
        f'<td class="phase {tone}">{escape(item.phase)}</td><td class="cause">{escape(item.cause)}{reason}</td>'
        f'<td class="when" title="{_moment(item.created_at)}">{_ago(now - item.created_at)}</td></tr>'
    )


def _badge(text: str) -> str:
    return f'<span class="badge {_TONES.get(text, "good")}">{escape(text)}</span>'


def _pages(total: int, number: int) -> str:
    last = max(1, -(-total // PER_PAGE))
    if last == 1:
        return ""
    before = f'<a href="?page={number - 1}">earlier</a>' if number > 1 else ""
    after = f'<a href="?page={number + 1}">later</a>' if number < last else ""
    return f"<nav>{before}<span>page {number} of {last}</span>{after}</nav>"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
