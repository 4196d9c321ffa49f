"""The state of apps on App Platform: health first, then pins, failures and rollbacks, and who deployed what. Pure.

A few apps are shown with their last deployments, a fleet with a line for each app, the worst last: on a terminal the
end is read first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from reconciler.live.models import ComponentState, Deployment, Phase
from reconciler.plan.deployment_history import newest_failure, rolled_back
from reconciler.plan.platform import failed_push, push_failure
from reconciler.text import ago, count
from reconciler.views.app_status import (
    AppStatus,
    cause,
    conditions,
    health_word,
    phase_word,
    readiness,
    reasons,
    stalled,
    who,
)
from reconciler.views.lines import Line, Span, Tone, cells, json_text, name, padded, render, shortened, width_of
from reconciler.views.plan_lines import MANY_QUIET, wrapped
from reconciler.views.summary import SETTLING, explained

DETAILED = 3
"""Up to so many apps are shown with their deployments; more are a fleet."""

_HEALTH: dict[ComponentState, Tone] = {ComponentState.HEALTHY: "good", ComponentState.UNHEALTHY: "bad"}
_TONES: dict[Phase, Tone] = {Phase.ACTIVE: "good", Phase.ERROR: "bad", Phase.CANCELED: "warning"}
_SYMBOLS: dict[Tone, str] = {"good": "✓", "change": "▸", "warning": "!", "bad": "✗"}
_NAME_COLUMN = 32


def status(
    found: Sequence[AppStatus],
    *,
    now: datetime,
    color: bool = False,
    width: int = 120,
    flags: str = "",
    freeze: str = "",
    shown: int = 5,
) -> str:
    """A table for each app, or a line for each of a fleet.

    ``flags`` are added to every suggested command, ``freeze`` says why nothing may be applied now, ``shown`` bounds
    the deployments of an app.
    """
    lines = list(wrapped(f"{freeze}: nothing is applied", "", width, "warning")) if freeze else []
    if len(found) > DETAILED:
        lines += [*([()] if lines else []), *_fleet(found, now, width, flags)]
    else:
        for one in found:
            lines += [*([()] if lines else []), *_app(one, now, width, flags, shown)]
    return render(lines, color=color)


def machine(
    found: Sequence[AppStatus],
    redact: Callable[[Any], Any] = lambda data: data,
    *,
    freeze: str = "",
    console: Callable[[str], str] = lambda _app: "",
    shown: int = 5,
) -> str:
    """The same as a JSON document; ``redact`` removes secrets from its data, ``console`` links to an app."""
    apps = [_data(one, console, shown) for one in found]
    return json_text({"version": 1, "kind": "status", "apps": redact(apps), "freeze": redact(freeze)})


# --- A fleet: a line for each app ---


def _fleet(found: Sequence[AppStatus], now: datetime, width: int, flags: str) -> Iterator[Line]:
    quiet = [one for one in found if _is_quiet(one)]
    troubled = sorted((one for one in found if not _is_quiet(one)), key=_seriousness)
    listed = [*(quiet if len(quiet) <= MANY_QUIET else ()), *troubled]
    names = min(max((cells(name(one.app.name)) for one in listed), default=0), _NAME_COLUMN)
    states = max((cells(health_word(one)[0]) for one in listed), default=0)
    if len(quiet) > MANY_QUIET:
        yield ((f"  ✓ {count(len(quiet), 'app')} {', '.join(_tally(quiet))}", "good"),)
    for one in listed:
        yield from _brief(one, now, width, names, states)
    yield ()
    yield from wrapped(f"{count(len(found), 'app')}: {', '.join(_tally(found))}", "", width, "strong")
    yield from _fleet_commands(found, width, flags)


def _brief(one: AppStatus, now: datetime, width: int, names: int, states: int) -> Iterator[Line]:
    """The app, its health, then why: on more lines rather than cut."""
    word, state = health_word(one)
    tone = _tone(one)
    head: Line = (
        (f"  {_SYMBOLS[tone]} ", tone),
        (padded(name(one.app.name), names), "strong" if tone != "good" else ""),
        (f"  {padded(word, states)}  ", state),
    )
    indent = width_of(head)
    why = [text for ((text, _),) in wrapped("; ".join(reasons(one, now)), "", width - indent)]
    yield (*head, (why[0] if why else "", ""))
    yield from (((" " * indent + text, ""),) for text in why[1:])


def _is_quiet(one: AppStatus) -> bool:
    return all(tone == "good" for _, tone in conditions(one))


def _seriousness(one: AppStatus) -> tuple[int, bool, str]:
    order: tuple[Tone, ...] = ("good", "change", "warning", "bad")
    worst = max(order.index(tone) for _, tone in conditions(one))
    return worst, one.app.pinned_deployment is not None, one.app.name


def _tone(one: AppStatus) -> Tone:
    tones = {tone for _, tone in conditions(one)}
    worst_first: tuple[Tone, ...] = ("bad", "warning", "change")
    return next((tone for tone in worst_first if tone in tones), "good")


def _tally(found: Sequence[AppStatus]) -> list[str]:
    """How many apps each condition holds for, by number."""
    words = [word for one in found for word, _ in conditions(one)]
    tally = Counter("not ready" if word.endswith(" ready") else word for word in words)
    return [f"{number:,} {word}" if len(tally) > 1 else word for word, number in tally.most_common()]


def _fleet_commands(found: Sequence[AppStatus], width: int, flags: str) -> Iterator[Line]:
    """What settles pins, once for all apps, and what shows more."""
    commands: list[str] = []
    if any(one.app.pinned_deployment for one in found):
        commands = [f"reconcile rollback APP {flag} {flags}".rstrip() for flag in SETTLING]
    if not all(map(_is_quiet, found)):
        commands.append(f"reconcile status APP {flags}".rstrip())
    yield from (((f"  {line}", ""),) for line in explained(commands, width - 2))


# --- One app ---


def _app(one: AppStatus, now: datetime, width: int, flags: str, shown: int) -> Iterator[Line]:
    app = one.app
    said = conditions(one)
    between: list[Span] = [(", ", "") if number else ("  ", "") for number in range(len(said))]
    yield ((name(app.name), "strong"), *(span for pair in zip(between, said, strict=True) for span in pair))
    if app.live_url:
        yield (("    " + shortened(app.live_url, 200), "quiet"),)
    for problem in (push_failure(app, one.deployments), stalled(one, now)):
        yield from wrapped(problem, "    ", width, "warning")
    if pinned := app.pinned_deployment:
        made = ", ".join(part for part in (ago(pinned.created_at, now), who(pinned)) if part)
        pending = "" if pinned.phase.terminal else f", still {phase_word(pinned)}"
        yield from wrapped(f"pinned to a rollback{pending} ({made}): deployment {pinned.id}", "    ", width, "warning")
        commands = (f"reconcile rollback {app.name} {flag} {flags}".rstrip() for flag in SETTLING)
        yield from (((f"      {line}", ""),) for line in explained(tuple(commands), width - 6))
    for component in one.health.components if one.health else ():
        yield (
            (f"    {padded(name(component.name), 20)}  ", ""),
            (f"{component.state.value.lower():9}", _HEALTH.get(component.state, "warning")),
            (f"  {readiness(component)}", "quiet"),
        )
    yield from _table(one, now, width, shown)


def _table(one: AppStatus, now: datetime, width: int, shown: int) -> Iterator[Line]:
    rows = [_cells(deployment, one, now) for deployment in one.deployments[:shown]]
    widths = [max(cells(row[column]) for row in rows) for column in range(5)] if rows else []
    longest = max((len(deployment.id) for deployment in one.deployments), default=0)
    fits = len("    ") + longest + sum(widths) + len("  ") * len(widths) <= width
    for row, deployment in zip(rows, one.deployments, strict=False):
        mark, phase, when, why, by = (padded(text, width) for text, width in zip(row, widths, strict=True))
        tone = _TONES.get(deployment.phase, "")
        head: Line = ((f"    {mark} {deployment.id}  ", "quiet"), (phase, tone), (f"  {when}", ""))
        beside = f"  {why}  {by}"
        if fits:
            yield (*head, (beside, ""))
            continue
        yield head
        if beside.strip():
            yield ((f"      {beside.strip()}", ""),)


def _cells(deployment: Deployment, one: AppStatus, now: datetime) -> tuple[str, str, str, str, str]:
    active = one.app.active_deployment is not None and one.app.active_deployment.id == deployment.id
    undone = deployment.id in rolled_back(one.deployments, one.policy)
    why, by = shortened(cause(deployment, one.deployments), 40), shortened(who(deployment), 40)
    phase = "rolled back" if undone else phase_word(deployment)
    return ("▸" if active else " ", phase, ago(deployment.created_at, now), why, by)


# --- As data ---


def _state(one: AppStatus) -> str:
    app = one.app
    if app.pinned_deployment:
        return "pinned"
    return phase_word(app.running_deployment) or ("active" if app.active_deployment else "nothing active")


def _data(one: AppStatus, console: Callable[[str], str], shown: int) -> dict[str, object]:
    app = one.app
    undone = rolled_back(one.deployments, one.policy)
    failure = newest_failure(one.deployments, one.policy)
    return {
        "app": app.name,
        "id": app.id,
        "standing": _state(one),
        "health": health_word(one)[0],
        "conditions": [word for word, _ in conditions(one)[1:]],
        "live_url": app.live_url,
        "console_url": console(app.id),
        "active": app.active_deployment.id if app.active_deployment else None,
        "running": app.running_deployment.id if app.running_deployment else None,
        "pinned": app.pinned_deployment.id if app.pinned_deployment else None,
        "failed_push": push.id if (push := failed_push(app, one.deployments)) else None,
        "stalled": failure.deployment.id if failure and not failure.attempts else None,
        "components": [
            {
                "name": component.name,
                "state": component.state.value,
                "replicas_ready": component.replicas_ready,
                "replicas_desired": component.replicas_desired,
            }
            for component in (one.health.components if one.health else ())
        ],
        "deployments": [
            {
                "id": deployment.id,
                "phase": deployment.phase.value,
                "rolled_back": deployment.id in undone,
                "created_at": deployment.created_at.isoformat() if deployment.created_at else None,
                "cause": cause(deployment, one.deployments),
                "user": who(deployment),
            }
            for deployment in one.deployments[:shown]
        ],
    }
