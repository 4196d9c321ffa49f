"""The state of apps on App Platform: health first, then pins, failures and rollbacks, and who deployed what. Pure.

A few apps are shown with their last deployments, a fleet with a line for each app, the worst last: on a terminal the
end is read first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.config import Policy
from reconciler.live.models import ComponentHealth, ComponentState, Deployment, Health, LiveApp, Phase
from reconciler.plan.deployment_history import PriorFailure, newest_failure, rolled_back
from reconciler.plan.platform import failed_push, failing_step, own_rollback, push_failure
from reconciler.text import ago, count
from reconciler.views.lines import Line, Span, Tone, cells, json_text, name, padded, render, shortened, width_of
from reconciler.views.plan_lines import MANY_QUIET, wrapped
from reconciler.views.summary import SETTLING, explained

DETAILED = 3
"""Up to so many apps are shown with their deployments; more are a fleet."""

_CAUSES = {
    "MANUAL": "by hand or API",
    "DEPLOY_ON_PUSH": "push",
    "MAINTENANCE": "maintenance",
    "MANUAL_ROLLBACK": "rollback",
    "AUTO_ROLLBACK": "rollback by the platform",
    "UPDATE_DATABASE_TRUSTED_SOURCES": "database access",
    "AUTOSCALED": "autoscaling",
}
_ACTIONS = {
    "CREATE_DEPLOYMENT": "deploy",
    "UPDATE_SPEC": "spec update",
    "ROLLBACK_APP": "rollback",
    "REVERT_APP_ROLLBACK": "rollback reverted",
    "RESTART": "restart",
}
_HEALTH: dict[ComponentState, Tone] = {ComponentState.HEALTHY: "good", ComponentState.UNHEALTHY: "bad"}
_TONES: dict[Phase, Tone] = {Phase.ACTIVE: "good", Phase.ERROR: "bad", Phase.CANCELED: "warning"}
_SYMBOLS: dict[Tone, str] = {"good": "✓", "change": "▸", "warning": "!", "bad": "✗"}
_NAME_COLUMN = 32


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app, its newest deployments (newest first) and the health of its components; None if not requested.

    ``policy``: how long a run judges a deployment of it, which tells a rollback for health from a later change.
    """

    app: LiveApp
    deployments: Sequence[Deployment] = ()
    health: Health | None = None
    policy: Policy = field(default_factory=Policy)


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


def cause(deployment: Deployment, history: Sequence[Deployment] = ()) -> str:
    """Why a deployment exists, in words; ``history`` shows which failure the platform rolled back by itself."""
    if own_rollback(deployment, history) is not None:
        return _CAUSES["AUTO_ROLLBACK"]
    details = deployment.cause_details
    action = details.digitalocean_user_action if details else None
    if action and action.name:
        return _ACTIONS.get(action.name, action.name.lower().replace("_", " "))
    if details and details.type:
        return _CAUSES.get(details.type, details.type.lower().replace("_", " "))
    return deployment.cause


def who(deployment: Deployment) -> str:
    """Who made a deployment, if the platform says."""
    user = deployment.user
    return (user.full_name or user.email or user.uuid) if user else ""


# --- What an app's state is, in a few words, health first ---


def health_word(one: AppStatus) -> tuple[str, Tone]:
    """``healthy``, ``unhealthy``, ``1 of 2 ready``; ``active`` where its health was not read."""
    if one.app.active_deployment is None:
        return "nothing active", "bad"
    components = one.health.components if one.health else ()
    if not components:
        return "active", "good"
    states = {component.state for component in components}
    if ComponentState.UNHEALTHY in states:
        return "unhealthy", "bad"
    ready = sum(component.replicas_ready or 0 for component in components)
    wanted = sum(component.replicas_desired or 0 for component in components)
    if ready < wanted:
        return f"{ready} of {wanted} ready", "warning"
    return ("healthy", "good") if states == {ComponentState.HEALTHY} else ("health unknown", "warning")


def conditions(one: AppStatus) -> list[tuple[str, Tone]]:
    """Its health and whatever else is worth knowing, each in a word or two."""
    app = one.app
    failure = _failure(one)
    facts: list[tuple[bool, str, Tone]] = [
        (app.pinned_deployment is not None, "pinned", "warning"),
        (by_platform(one), "rolled back by the platform", "warning"),
        (not by_platform(one) and _by_user(app), "rolled back", "warning"),
        (failure is not None and not failure.attempts, "stalled", "warning"),
        (failure is not None and bool(failure.attempts), "platform fault", "warning"),
        (failed_push(app, one.deployments) is not None, "failed push", "warning"),
        (app.running_deployment is not None, _phase(app.running_deployment), "change"),
    ]
    return [health_word(one), *((word, tone) for holds, word, tone in facts if holds)]


def by_platform(one: AppStatus) -> bool:
    """Whether what serves is a rollback that the platform made by itself."""
    active = one.app.active_deployment
    known = next((each for each in one.deployments if active and each.id == active.id), active)
    return known is not None and own_rollback(known, one.deployments) is not None


def _by_user(app: LiveApp) -> bool:
    """Whether what serves is a rollback of a run or a person that is committed."""
    active = app.active_deployment
    return active is not None and active.is_rollback and app.pinned_deployment is None


def _phase(deployment: Deployment | None) -> str:
    return deployment.phase.value.lower().replace("_", " ") if deployment else ""


def _failure(one: AppStatus) -> PriorFailure | None:
    """What failed last, unless a push made it: that has a word of its own."""
    failed = newest_failure(one.deployments, one.policy)
    return failed if failed_push(one.app, one.deployments) is None else None


def _failed_step(failed: PriorFailure) -> str:
    """The component and the reason of the step that failed; empty where no step did."""
    progress = failed.deployment.progress
    step = failing_step(progress.steps if progress else ())
    return " ".join(filter(None, (step.component_name, step.reason.code if step.reason else ""))) if step else ""


def _stalled(one: AppStatus, now: datetime) -> str:
    """What failed last, its cause before its id, and whether it is retried; empty if nothing did."""
    failed = _failure(one)
    if failed is None:
        return ""
    again = "a later run tries it again" if failed.attempts else "not retried until its spec changes, or with --retry"
    what = " ".join(filter(None, ("the last deployment", failed.what, ago(failed.deployment.created_at, now))))
    why, but = _failed_step(failed), f"; {failed.but}" if failed.but else ""
    return f"{what}{f': {why}' if why else ''}{but}; {again} (deployment {failed.deployment.id})"


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
    why = [text for ((text, _),) in wrapped("; ".join(_reasons(one, now)), "", width - indent)]
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


def _reasons(one: AppStatus, now: datetime) -> list[str]:
    """What else there is, in few words and without ids, the most serious first; for an app that is well its age."""
    pinned, running, failed = one.app.pinned_deployment, one.app.running_deployment, _failure(one)
    made = [f"{ago(pinned.created_at, now)} {f'by {who(pinned)}' if who(pinned) else ''}".strip()] if pinned else []
    found = [f"pinned {text}".strip() for text in made]
    found += [
        f"{component.name} {_ready(component) or component.state.value.lower()}"
        for component in (one.health.components if one.health else ())
        if component.state is not ComponentState.HEALTHY or _lacks(component)
    ]
    if failed is not None:
        why = "" if failed.attempts else _failed_step(failed)
        when = f"{failed.what.removeprefix('was ')} {ago(failed.deployment.created_at, now)}".strip()
        found.append(("" if failed.attempts else "stalled: ") + when + (f": {why}" if why else ""))
    if push := failed_push(one.app, one.deployments):
        found.append(f"the last push failed {ago(push.created_at, now)}".strip())
    found += ["rolled back by the platform"] if by_platform(one) else []
    found += [_phase(running)] if running else []
    active = one.app.active_deployment
    return found or ([f"deployed {when}"] if active and (when := ago(active.created_at, now)) else [])


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
    for problem in (push_failure(app, one.deployments), _stalled(one, now)):
        yield from wrapped(problem, "    ", width, "warning")
    if pinned := app.pinned_deployment:
        made = ", ".join(part for part in (ago(pinned.created_at, now), who(pinned)) if part)
        pending = "" if pinned.phase.terminal else f", still {_phase(pinned)}"
        yield from wrapped(f"pinned to a rollback{pending} ({made}): deployment {pinned.id}", "    ", width, "warning")
        commands = (f"reconcile rollback {app.name} {flag} {flags}".rstrip() for flag in SETTLING)
        yield from (((f"      {line}", ""),) for line in explained(tuple(commands), width - 6))
    for component in one.health.components if one.health else ():
        yield (
            (f"    {padded(name(component.name), 20)}  ", ""),
            (f"{component.state.value.lower():9}", _HEALTH.get(component.state, "warning")),
            (f"  {_ready(component)}", "quiet"),
        )
    yield from _table(one, now, width, shown)


def _ready(component: ComponentHealth) -> str:
    ready, wanted = component.replicas_ready, component.replicas_desired
    return "" if ready is None or wanted is None else f"{ready}/{wanted} ready"


def _lacks(component: ComponentHealth) -> bool:
    return (component.replicas_ready or 0) < (component.replicas_desired or 0)


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
    phase = "rolled back" if undone else _phase(deployment)
    return ("▸" if active else " ", phase, ago(deployment.created_at, now), why, by)


# --- As data ---


def _state(one: AppStatus) -> str:
    app = one.app
    if app.pinned_deployment:
        return "pinned"
    return _phase(app.running_deployment) or ("active" if app.active_deployment else "nothing active")


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
