"""What the page shows of the apps: states, timelines, steps, logs, and what its buttons do. Pure; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.html.timeline import Bar, Lane, Timeline, lane
from reconciler.sandbox.simulation import faults
from reconciler.sandbox.simulation.lifecycle import TERMINAL, leaves, progress
from reconciler.sandbox.simulation.running import log_text, logs_available, unhealthy
from reconciler.sandbox.web.buttons import Button, break_rollback, breaks, push, sentence
from reconciler.sandbox.web.summary import latest_of, reason_of, status_of, unhealthy_components, why
from reconciler.text import ago, count, duration

if TYPE_CHECKING:
    from reconciler.sandbox.simulation.simulation import Platform
    from reconciler.sandbox.simulation.store import App, Deployment, Tree

PER_PAGE = 100
_OPEN = 6
"""Up to this many apps are shown with their deployments at once."""

_LAST = 5
"""The number of deployments shown of an app."""

_LOG_LINES = 40
_BEYOND = 1.4
"""How much longer a scale is than what took time on it, which leaves room for the stretch that is active."""


class Badge(NamedTuple):
    """A state: a symbol, a word and a tone, of which the first two are enough to know it."""

    symbol: str
    word: str
    tone: str


class Step(NamedTuple):
    """A step of a deployment: build or deploy, what it does, how far it is, how long it took."""

    phase: str
    what: str
    state: Badge
    took: str


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """What a click on a deployment shows; ``badges`` and ``reason`` are there without."""

    badges: tuple[Badge, ...]
    reason: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppBody:
    """What an opened app shows. ``waiting``: what its faults will do; ``deployments``: by the anchor of their lane."""

    waiting: tuple[str, ...]
    breaks: tuple[Button, ...]
    rollback: Button
    push: Button
    timeline: Timeline
    deployments: dict[str, DeploymentView]


@dataclass(frozen=True, slots=True)
class AppView:
    """One app; ``body`` only if it is opened."""

    id: str
    name: str
    states: tuple[Badge, ...]
    what: str
    when: str
    live: bool
    body: AppBody | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the apps, the ``number``-th of ``last``.

    ``waiting``: what the pending faults will do that are of none of these apps.
    """

    apps: tuple[AppView, ...]
    title: str
    facts: tuple[str, ...]
    waiting: tuple[str, ...]
    number: int
    last: int


class Choice(NamedTuple):
    """What a reader chose: the number of a page, and the ids of apps that are opened and closed there.

    Other apps are opened where there are few.
    """

    number: int = 1
    opened: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()

    def opens(self, app_id: str, total: int) -> bool:
        """Whether an app is opened, one of ``total``."""
        return app_id in self.opened or (total <= _OPEN and app_id not in self.closed)


def page_view(platform: Platform, choice: Choice) -> Page:
    """The chosen page, or the nearest there is. Everything that is due must have been applied."""
    total = platform.tx.sql("SELECT count(*) FROM apps")[0][0]
    last = max(1, -(-total // PER_PAGE))
    number = max(1, min(choice.number, last))
    rows = platform.tx.sql("SELECT id FROM apps ORDER BY seq LIMIT ? OFFSET ?", PER_PAGE, (number - 1) * PER_PAGE)
    apps = [app for (app_id,) in rows if (app := platform.tx.app(app_id)) is not None]
    pending = faults.listed(platform.tx)
    names = {name for app in apps for name in (app.id, app.name)}
    title = count(total, "app")
    return Page(
        tuple(_app(platform, app, pending, opened=choice.opens(app.id, total)) for app in apps),
        f"Sandbox: {title}",
        (title, *([count(len(pending), "fault") + " waiting"] if pending else [])),
        tuple(f"{fault['app'] or 'any app'}: {sentence(fault)}" for fault in pending if fault["app"] not in names),
        number,
        last,
    )


# --- Apps ---


_STATES = {
    "running": Badge("✓", "running", "good"),
    "deploying": Badge("▸", "deploying", "change"),
    "pinned": Badge("!", "pinned", "warning"),
    "fault waiting": Badge("!", "fault waiting", "warning"),
    "unhealthy": Badge("✗", "unhealthy", "bad"),
    "last deployment failed": Badge("✗", "last deployment failed", "bad"),
    "not running": Badge("✗", "not running", "bad"),
}


def _app(platform: Platform, app: App, pending: list[Tree], *, opened: bool) -> AppView:
    latest = latest_of(platform, app)
    active = platform.tx.deployment(app.active)
    ill = unhealthy_components(platform, app, active)
    status = status_of(app, active, ill, latest)
    words = [status, "deploying"] if status == "pinned" and (app.pending or app.in_progress) else [status]
    waiting = tuple(sentence(fault) for fault in pending if fault["app"] in (app.id, app.name))
    return AppView(
        app.id,
        app.name,
        tuple(_STATES[word] for word in [*words, *(["fault waiting"] if waiting else [])]),
        _what(latest) if latest else "",
        ago(_moment(latest.created_at), _moment(platform.now)) if latest else "",
        active is not None,
        _body(platform, app, waiting, ill) if opened else None,
    )


def _what(latest: Deployment) -> str:
    """The latest deployment on one line: ``building: initial deployment``, or why it failed."""
    phase = "" if latest.phase in TERMINAL else f"{latest.phase.lower().replace('_', ' ')}: "
    return phase + why(latest)


def _body(platform: Platform, app: App, waiting: tuple[str, ...], ill: tuple[str, ...]) -> AppBody:
    made = platform.tx.deployments(app.id, limit=_LAST)
    return AppBody(
        waiting,
        breaks(app.name),
        break_rollback(app.name),
        push(app.name),
        _timeline(made, ill, platform.now),
        {item.id: _deployment(app, item, ill, platform.now) for item in made},
    )


# --- Deployments ---


_NAMES = {
    "DEPLOY_ON_PUSH": "push",
    "MANUAL_ROLLBACK": "rollback",
    "AUTO_ROLLBACK": "platform",
    "MAINTENANCE": "maintenance",
    "AUTOSCALED": "autoscaled",
    "UPDATE_DATABASE_TRUSTED_SOURCES": "database",
    "RESTART": "restart",
    "REVERT_APP_ROLLBACK": "revert",
}
"""Names of lanes by the deployment's type or, if that is manual, its action."""


def _phases(item: Deployment, now: float) -> list[tuple[str, float, float]]:
    """The phases of a deployment until now, each with its begin and end in seconds since the deployment was created."""
    ended = item.phase in TERMINAL and item.phase != "ACTIVE"
    end = max(item.phase_at if ended else now, item.created_at)
    seen = [(phase, float(at)) for phase, at in item.timeline[: item.done] if phase != "ERROR" and at <= end]
    spans = [
        (phase, at - item.created_at, (seen[place + 1][1] if place + 1 < len(seen) else end) - item.created_at)
        for place, (phase, at) in enumerate(seen)
    ]
    return [*spans, (item.phase, end - item.created_at, end - item.created_at)] if ended else spans


def _timeline(made: list[Deployment], ill: tuple[str, ...], now: float) -> Timeline:
    """The lanes of an app, newest first. The scale is of what took time; an active stretch may go on beyond its end."""
    lanes = [_lane(item, ill, now) for item in made]
    busy = [bar.began if bar.word == "active" else bar.ended for one in lanes for bar in one.bars]
    return Timeline(tuple(lanes), max(busy, default=0.0) * _BEYOND)


def _lane(item: Deployment, ill: tuple[str, ...], now: float) -> Lane:
    name = _NAMES.get(item.kind) or _NAMES.get(item.action, "deploy")
    about = f"{item.cause}, {ago(_moment(item.created_at), _moment(now))}"
    made = lane(name, item.id[:8], _phases(item, now), about)
    failed = bool(ill) if item.phase == "ACTIVE" else _was_unhealthy(item)
    bars = [_active(bar, failed=failed) if bar.look == "soak" else bar for bar in made.bars]
    return replace(made, bars=tuple(bars), anchor=item.id)


def _active(bar: Bar, *, failed: bool) -> Bar:
    """The stretch in which a deployment is active; a long one in whole minutes or hours, as a change is sent."""
    seconds = bar.ended - bar.began
    unit = 3600 if seconds >= 3600 else 60 if seconds >= 60 else 1
    whole = seconds // unit * unit
    return replace(bar, word="active", ended=bar.began + (whole or seconds), failed=failed)


def _was_unhealthy(item: Deployment) -> bool:
    """Whether a deployment that is no longer active had become unhealthy."""
    return item.was_active and unhealthy(item, item.phase_at) is not None


def _reason(item: Deployment, ill: tuple[str, ...]) -> str:
    """What went wrong with a deployment, and with which component; ``ill``: those that are unhealthy now."""
    if ill:
        return f"unhealthy: {', '.join(ill)}"
    if item.phase != "ACTIVE" and _was_unhealthy(item):
        return f"became unhealthy: {unhealthy(item, item.phase_at)}"
    reason, component = reason_of(item), (item.fate or {}).get("component", "")
    return f"{component}: {reason}" if reason and component else reason


def _deployment(app: App, item: Deployment, ill: tuple[str, ...], now: float) -> DeploymentView:
    ill = ill if item.id == app.active else ()
    unwell = [Badge("✗", "unhealthy", "bad")] if ill else []
    pinned = [Badge("!", "pinned", "warning")] if item.id == app.pinned else []
    facts = (
        ("deployment", item.id),
        ("type", item.kind),
        ("created", said(item.created_at)),
        ("by", item.user["email"]),
        ("restores", item.cloned_from),
    )
    return DeploymentView(
        (*unwell, *pinned),
        _reason(item, ill),
        tuple((label, text) for label, text in facts if text),
        tuple(_steps(item, now)),
        _log(app, item, now),
    )


_STEP_STATES = {"SUCCESS": ("✓", "good"), "ERROR": ("✗", "bad"), "RUNNING": ("▸", "change"), "PENDING": ("·", "quiet")}


def _steps(item: Deployment, now: float) -> list[Step]:
    found = []
    for phase in progress(item, now)["steps"]:
        for leaf in leaves(phase["steps"]):
            what = " ".join(filter(None, (leaf.get("message_base", leaf["name"]), leaf.get("component_name"))))
            symbol, tone = _STEP_STATES[leaf["status"]]
            state = Badge(symbol, leaf["status"].lower(), tone)
            found.append(Step(phase["name"], what, state, _took(leaf, now)))
    return found


def _took(leaf: Tree, now: float) -> str:
    if "started_at" not in leaf:
        return ""
    ended = datetime.fromisoformat(leaf["ended_at"]) if "ended_at" in leaf else _moment(now)
    return duration((ended - datetime.fromisoformat(leaf["started_at"])).total_seconds())


def _log(app: App, item: Deployment, now: float) -> tuple[str, ...]:
    """The last lines of a deployment's logs: ``12:00:03 api: build complete``."""
    kinds = [kind for kind in ("BUILD", "DEPLOY", "RUN") if logs_available(item, kind)]
    lines = [line for kind in kinds for line in log_text(app, item, "", kind, now).splitlines()]
    return tuple(map(_log_line, lines[-_LOG_LINES:]))


def _log_line(line: str) -> str:
    component, _, rest = line.partition(" ")
    at, _, message = rest.partition(" ")
    return f"{at[11:19]} {component}: {message}" if message else line


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def said(seconds: float) -> str:
    """A moment in words: ``2026-11-28 12:00:00 UTC``."""
    return _moment(seconds).strftime("%Y-%m-%d %H:%M:%S UTC")
