"""Refuses what a plan may not do unless allowed, and everything in a freeze window. Pure: the time is a parameter.

Fails closed: a guarded plan is refused until it is allowed by name.

The grammar of ``--allow``: ``remove=web/api`` (a component, a database or a domain, by app and name),
``replace=web/db`` (a different database under this name), ``region=web``, ``archive=web``, ``delete=web``,
``max-changes``. Each refused plan says which flags would let it through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from reconciler.appspec.kinds import COMPONENT_KINDS, SINGULAR
from reconciler.config import Policy
from reconciler.config_sections import Freeze, Guards
from reconciler.errors import UsageError
from reconciler.plan.model import Action, Change, ChangeKind, Plan, SyncStatus

MAX_CHANGES = "max-changes"
_BY_PART = ("remove", "replace")
_BY_APP = (*_BY_PART, "region", "archive", "delete")
_WHICH_DATABASE = ("engine", "production", "cluster_name", "db_name")
"""The fields that identify a database: with another value the data are left behind."""

_NOUNS: Mapping[str, str] = {**SINGULAR, "domains": "domain"}


def check_allowed(allowed: Collection[str]) -> None:
    """Refuse an ``--allow`` that can never match: a typo must not look like a permission.

    Raises:
        UsageError: it does not follow the grammar.
    """
    for entry in allowed:
        kind, _, what = entry.partition("=")
        app, slash, part = what.partition("/")
        named = app and part if kind in _BY_PART else kind in _BY_APP and app and not slash
        if entry != MAX_CHANGES and not named:
            raise UsageError(
                f"invalid --allow {entry}",
                hint="use remove=APP/NAME, replace=APP/DATABASE, region=APP, archive=APP, delete=APP or max-changes",
            )


PAUSED = "paused in reconcile.yaml"
"""Why nothing is done to an app, see `held`."""


def held(plan: Plan, policy: Policy, *, asked: bool = False) -> Plan:
    """The plan; of an app whose policy says ``paused``, one that does nothing, refused if it was ``asked`` for by name.

    What it shows stays: status, changes, findings. An app that App Platform could not be asked about stays unknown.
    """
    if not policy.paused or plan.status is SyncStatus.UNKNOWN:
        return plan
    why = plan.reason if plan.paused else f"{PAUSED}: {plan.reason}".removesuffix(": ")
    action = Action.REFUSE if asked else Action.NONE
    plan = replace(plan, action=action, reason=why, paused=True, override="", update_all_source_versions=False)
    return replace(plan, follow="", resume_rollback=False, adopt_rollback=False, retry_at=None)


def guarded(plans: Sequence[Plan], guards: Guards, *, fleet: int, allowed: Collection[str]) -> tuple[Plan, ...]:
    """The plans, with those refused that do what was not allowed. ``fleet``: the number of apps, live or wanted."""
    judged = [_judge(plan, allowed) for plan in plans]
    writing = sum(plan.writes for plan in judged)
    most = fleet * guards.max_changes / 100
    if fleet < guards.max_changes_from or writing <= most or MAX_CHANGES in allowed:
        return tuple(judged)
    new = sum(plan.action is Action.CREATE for plan in judged)
    what = "be created" if new == writing else "be created or change" if new else "change"
    share = f"{writing} of {fleet} apps would {what}, but one run may change at most {guards.max_changes}%"
    if new == writing:
        share += f"; a first fleet needs --allow {MAX_CHANGES}"
    return tuple(_refused(plan, share, [MAX_CHANGES]) if plan.writes else plan for plan in judged)


def _judge(plan: Plan, allowed: Collection[str]) -> Plan:
    if not plan.writes or plan.action is Action.CREATE:
        return plan
    found = [(need, why) for need, why in _dangers(plan) if need not in allowed]
    if not found:
        return plan
    return _refused(plan, "; ".join(why for _, why in found), [need for need, _ in found])


def _refused(plan: Plan, why: str, needs: Sequence[str]) -> Plan:
    flags = " ".join(f"--allow {need}" for need in dict.fromkeys(needs))
    return replace(plan, action=Action.REFUSE, reason=why, override=flags)


def _dangers(plan: Plan) -> Iterator[tuple[str, str]]:
    """What must be allowed for a plan, and why."""
    if plan.action is Action.DELETE:
        yield f"delete={plan.app}", "would delete the app"
    for change in plan.changes:
        yield from _danger(plan.app, change)


def is_dangerous(change: Change) -> bool:
    """Whether a change must be allowed."""
    return any(_danger("", change))


def takes_away(change: Change) -> bool:
    """Whether a change removes a component, a database or a domain."""
    head = change.path[0] if change.path else ""
    return head in (*COMPONENT_KINDS, "domains") and change.kind is ChangeKind.REMOVED and len(change.path) == 2


def _danger(app: str, change: Change) -> Iterator[tuple[str, str]]:
    head = change.path[0] if change.path else ""
    if head == "region":
        yield f"region={app}", f"would move the app from {change.before or 'its region'} to {change.after or 'another'}"
    elif head == "databases" and len(change.path) == 3 and change.path[2] in _WHICH_DATABASE:
        name, field = change.path[1:]
        yield f"replace={app}/{name}", f"would replace the database {name} ({field})"
    elif change.path == ("maintenance", "archive") and change.after is True:
        yield f"archive={app}", "would archive the app: its last instances stop"
    elif takes_away(change):
        name = change.path[1]
        yield f"remove={app}/{name}", f"would remove the {_NOUNS[head]} {name}"


# --- Freeze windows: windows in which nothing is applied ---


_MOST_LINKS = 1000
"""Maximum number of consecutive windows to follow, as they may never end."""


def frozen(windows: Iterable[Freeze], now: datetime) -> str:
    """Why nothing may be applied at that moment, and until when; empty if nothing forbids it.

    Windows that overlap or meet count as one: the end is the first moment outside all, the reason that of the
    window that ends there.
    """
    found = list(islice(_chain(tuple(windows), now), _MOST_LINKS))
    if not found:
        return ""
    until, window = found[-1]
    when = f"until {until:%Y-%m-%d %H:%M %Z}" if len(found) < _MOST_LINKS else "and the next ones leave no gap"
    reason = f" ({window.reason})" if window.reason else ""
    return f"a freeze window is open {when}{reason}"


def _chain(windows: Sequence[Freeze], now: datetime) -> Iterator[tuple[datetime, Freeze]]:
    """The latest end of the windows open now, then of those open at that moment, and so on."""
    moment = now
    while True:
        ends = [(end, window) for window in windows if (end := _end(window, moment)) is not None]
        if not ends:
            return
        # in UTC: datetimes in the same time zone compare by wall clock
        moment, window = max(ends, key=lambda found: found[0].astimezone(UTC))
        yield moment, window


def _end(window: Freeze, moment: datetime) -> datetime | None:
    return _cron_end(window, moment) if window.cron else _dated_end(window, moment)


def _cron_end(window: Freeze, now: datetime) -> datetime | None:
    """The end of the last of the cron windows that began until now, if that is still open.

    Found backwards from now, a time that exists: a window's duration ago may be an hour that the clocks skipped, from
    which cronsim goes on an hour late. With microseconds it counts the second of now itself.
    """
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    local = now.astimezone(ZoneInfo(window.time_zone))
    end = next(CronSim(window.cron, local.replace(microsecond=1), reverse=True)) + timedelta(seconds=window.duration)
    return end if end > local else None


def _dated_end(window: Freeze, now: datetime) -> datetime | None:
    start, end = window.begin_and_end()
    return end if start <= now < end else None
