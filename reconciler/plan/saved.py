"""Saved plans: what was reviewed, and whether it is still what would be done. Fails closed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from reconciler.config import Config, Policy
from reconciler.errors import PlanMismatch
from reconciler.plan.model import UNJUDGED, Action, Plan, SyncStatus


class SavedApp(BaseModel):
    """One app of a saved plan; digests are hex SHA-256 of the state of Git and App Platform.

    ``doing`` lists what the plan would do, without values. ``settings`` is the policy that it would be rolled out
    under, by dotted path, without the values of headers, which may be credentials; of a new app also its ``project``.
    ``alerts`` is the digest of who is notified of alerts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    app: str
    action: str
    status: str
    desired_digest: str
    live_digest: str
    doing: tuple[str, ...] = ()
    settings: dict[str, str] = {}
    alerts: str = ""


class SavedPlan(BaseModel):
    """The file written by `--save`; holds no secrets and no payload.

    ``environment`` is the one that was planned: apps of several may have the same name, in different accounts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[2] = 2
    kind: Literal["saved-plan"] = "saved-plan"
    environment: str = ""
    apps: tuple[SavedApp, ...]


def dump(plans: Iterable[Plan], config: Config, environment: str = "") -> str:
    """The text of a saved plan, ending in a newline."""
    apps = tuple(_saved(plan, config) for plan in plans)
    return SavedPlan(environment=environment, apps=apps).model_dump_json(indent=2) + "\n"


def is_saved(text: bytes) -> bool:
    """Whether a file's text is a saved plan, of any version, or empty: nothing else may be replaced by one."""
    try:
        return not text.strip() or json.loads(text)["kind"] == "saved-plan"
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def load(text: str, file: str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanMismatch: the text is not a saved plan, or is of another version.
    """
    try:
        return SavedPlan.model_validate_json(text)
    except ValidationError:
        message = f"{file} is not a saved plan of this version of reconcile"
        raise PlanMismatch(message, hint="save it again: reconcile --plan --save FILE") from None


def mismatches(saved: SavedPlan, plans: Iterable[Plan], config: Config, environment: str = "") -> list[str]:
    """Why the plans differ from the saved ones, one line per app; empty if they do not."""
    if saved.environment != environment:
        here, there = (
            f"of environment {name}" if name else "of no environment" for name in (saved.environment, environment)
        )
        return [f"it is the plan {here}, and this run is {there}"]
    before = {app.app: app for app in saved.apps}
    by_name = {plan.app: plan for plan in plans}
    now = {name: _saved(plan, config) for name, plan in by_name.items()}
    found = [f"{name}: not in the saved plan" for name in sorted(now.keys() - before.keys())]
    found += [f"{name}: only in the saved plan" for name in sorted(before.keys() - now.keys())]
    for name in sorted(before.keys() & now.keys()):
        if difference := _difference(before[name], now[name]):
            cause = by_name[name].reason if by_name[name].status in _SAY_WHY else ""
            found.append(f"{name}: {difference}" + (f": {cause}" if cause else ""))
    return found


_SAY_WHY = (SyncStatus.STALLED, SyncStatus.BLOCKED, SyncStatus.PROGRESSING)
"""What an app came to meanwhile that says why the plan is another one."""


def _saved(plan: Plan, config: Config) -> SavedApp:
    settings = dict(_flat(_without_header_values(config.policy(plan.app))))
    if plan.action is Action.CREATE:
        settings["project"] = config.project or "the default project"
    return SavedApp(
        app=plan.app,
        action=plan.action.word,
        status=plan.status.value,
        desired_digest=plan.desired_digest,
        live_digest=plan.live_digest,
        doing=tuple(_doing(plan)),
        settings=settings,
        alerts=plan.alerts_digest,
    )


def _without_header_values(policy: Policy) -> dict[str, Any]:
    settings = policy.model_dump(mode="json")
    if probe := settings["health"]["probe"]:
        probe["headers"] = sorted(probe["headers"])
    if not settings["alerts"]:
        del settings["alerts"]
    return settings


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested settings, as ``health.soak`` and its text."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from _flat(member, f"{path}.{key}" if path else key)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _doing(plan: Plan) -> Iterator[str]:
    if plan.moved_from:
        yield f"moves {plan.moved_from}"
    if plan.update_all_source_versions:
        yield "updates all source versions"
    for change in plan.differences:
        yield f"{change.kind.value} {change.human_path}"
    for note in (note for note in plan.notes if note.kind != UNJUDGED):  # it expires by itself
        yield f"{note.kind} {'/'.join(note.path)}"


def _difference(before: SavedApp, now: SavedApp) -> str:
    if SyncStatus.UNKNOWN in (before.status, now.status):
        when = "is" if now.status == SyncStatus.UNKNOWN else "was"
        return f"{when} unknown: App Platform could not be asked"
    if now.status == SyncStatus.IN_SYNC:  # nothing to do: there never was, or the saved plan was already applied
        reached = before.status == SyncStatus.IN_SYNC or before.desired_digest == now.desired_digest
        return "" if reached else "the spec in Git changed"
    if before.alerts != now.alerts:
        return "who is notified of alerts changed, in Git or on App Platform"
    if before.status == SyncStatus.IN_SYNC and before.desired_digest == now.desired_digest:
        return "the app was changed on App Platform"
    if before.desired_digest != now.desired_digest:
        return "the spec in Git changed"
    if before.live_digest != now.live_digest:
        return "the app was changed on App Platform"
    if (before.action, before.status) != (now.action, now.status):
        return f"was {before.action} ({before.status}), is {now.action} ({now.status})"
    if before.doing != now.doing:
        return "the policy changed, so other changes would be made"
    return _other_settings(before.settings, now.settings)


def _other_settings(before: dict[str, str], now: dict[str, str]) -> str:
    """The settings that changed, such as ``on_failure was rollback, is leave``."""
    changed = (key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key))
    return "; ".join(f"{key} was {before.get(key, 'not set')}, is {now.get(key, 'not set')}" for key in changed)
