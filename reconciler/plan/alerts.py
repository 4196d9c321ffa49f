"""Compares who is notified of alerts in Git and on App Platform. Pure.

Order does not matter, nor do the case of an address and a channel's leading ``#``. Webhooks are compared by channel and
URL. Whether App Platform returns every URL as it was sent is not known for certain: one that is missing or masked
counts as any of the same channel.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from reconciler.desired.alerts import ALERTS, DesiredAlert
from reconciler.live.models import Alert
from reconciler.plan.canonical import key_of
from reconciler.plan.model import Action, Change, ChangeKind, Plan, SyncStatus

PATH = "alert_destinations"
"""What the paths of changes of destinations begin with."""

FAILED = "ERROR"
"""The phase of an alert that App Platform could not configure."""

PENDING = ("PENDING", "CONFIGURING")
"""Phases of an alert that it is still configuring."""


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """The destinations that an app's alerts should have, and what its alerts were when the plan was made."""

    wanted: tuple[DesiredAlert, ...]
    live: tuple[Alert, ...] = field(default=(), repr=False)


def find(alerts: Sequence[Alert], wanted: DesiredAlert) -> Alert | None:
    """The live alert of that component, rule and threshold."""
    named = (alert for alert in alerts if alert.component_name == wanted.component)
    return next((alert for alert in named if key_of(ALERTS, alert.spec) == wanted.identity), None)


def as_wanted(wanted: DesiredAlert, live: Alert) -> bool:
    """Whether exactly those are notified who should be; its phase is another matter."""
    return not any(_changes(wanted, live))


def same(one: Alert, other: Alert) -> bool:
    """Whether two readings of an alert have the same destinations."""
    return _addresses(one.emails) == _addresses(other.emails) and Counter(_hooks(one)) == Counter(_hooks(other))


def is_as_new(alert: Alert) -> bool:
    """Whether an alert may have the destinations of a new one: the owner's address, and no webhook."""
    return len(alert.emails) <= 1 and not alert.slack_webhooks


def changes(plan: AlertPlan) -> tuple[Change, ...]:
    """What differs, without any URL; an alert that App Platform failed to configure differs by that alone."""
    return tuple(change for wanted in plan.wanted for change in _of_alert(wanted, find(plan.live, wanted)))


def _of_alert(wanted: DesiredAlert, live: Alert | None) -> Iterator[Change]:
    yield from _changes(wanted, live or Alert())
    if live is not None and live.phase == FAILED:
        yield Change((PATH, wanted.key, "phase"), ChangeKind.CHANGED, FAILED, "ACTIVE")


def _changes(wanted: DesiredAlert, live: Alert) -> Iterator[Change]:
    emails = (PATH, wanted.key, "emails")
    for address in sorted(_addresses(live.emails) - _addresses(wanted.emails)):
        yield Change(emails, ChangeKind.REMOVED, before=address)
    for address in sorted(_addresses(wanted.emails) - _addresses(live.emails)):
        yield Change(emails, ChangeKind.ADDED, after=address)
    git, own = dict[str, list[str]](), dict[str, list[str]]()
    for hook in wanted.webhooks:
        git.setdefault(_channel(hook.channel), []).append(hook.url)
    for channel, url in _hooks(live):
        own.setdefault(channel, []).append(url)
    for channel in sorted(git.keys() | own.keys()):
        before, after = own.get(channel, []), git.get(channel, [])
        if not _agree(before, after):
            path = (PATH, wanted.key, "slack_webhooks", f"#{channel}".replace("#@", "@"))
            yield Change(path, _kind(before, after), sensitive=True)


def _agree(live: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether these may be the same URLs, as far as the live ones, of the same channel, can be read."""
    readable = Counter(url for url in live if is_readable(url))
    return len(live) == len(wanted) and readable <= Counter(wanted)


def is_readable(url: str) -> bool:
    """Whether a URL is whole, so that it can be compared."""
    return url.startswith("https://") and not any(char in url for char in "*…")


def _kind(before: Sequence[Any], after: Sequence[Any]) -> ChangeKind:
    if before and after:
        return ChangeKind.CHANGED
    return ChangeKind.ADDED if after else ChangeKind.REMOVED


def _addresses(emails: Sequence[str]) -> frozenset[str]:
    return frozenset(address.strip().casefold() for address in emails)


def _channel(name: str) -> str:
    return name.strip().removeprefix("#")


def _hooks(live: Alert) -> list[tuple[str, str]]:
    return [(_channel(hook.channel), hook.url) for hook in live.slack_webhooks]


def body_of(wanted: DesiredAlert) -> dict[str, Any]:
    """What is sent: every destination, as the operation replaces them all."""
    hooks = [{"url": hook.url, "channel": hook.channel} for hook in wanted.webhooks]
    return {"emails": list(wanted.emails), "slack_webhooks": hooks}


def with_alerts(plan: Plan, alerts: AlertPlan) -> Plan:
    """The plan with what differs in the destinations; of an app in sync otherwise, a plan to set those alone."""
    found = changes(alerts)
    plan = replace(plan, alerts=found, alerts_digest=_digest(alerts))
    if not found or plan.status is not SyncStatus.IN_SYNC or plan.action is not Action.NONE:
        return plan
    return replace(plan, status=SyncStatus.OUT_OF_SYNC, action=Action.ALERTS)


def _digest(alerts: AlertPlan) -> str:
    """Hex SHA-256 of both sides, as far as the plan rests on them, without URLs."""
    state = []
    for wanted in alerts.wanted:
        live = find(alerts.live, wanted) or Alert()
        git = sorted(_addresses(wanted.emails)), sorted(_channel(hook.channel) for hook in wanted.webhooks)
        own = sorted(_addresses(live.emails)), sorted(channel for channel, _ in _hooks(live))
        state.append((wanted.key, git, own))
    return sha256(json.dumps(state).encode()).hexdigest()
