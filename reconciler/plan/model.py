"""The models of this package: `Plan`, `Change`, `SyncStatus`, `Action`.

A plan is inspectable, serialisable data without closures, secrets or payloads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from reconciler.appspec.kinds import DEV_DATABASE_PRICE, RUNNING_KINDS, component_price
from reconciler.findings import Finding
from reconciler.plan.canonical import Tree


class Action(StrEnum):
    """What a plan would do; the value is its symbol."""

    CREATE = "+"
    UPDATE = "~"
    REDEPLOY = "↻"
    DELETE = "-"
    NONE = "="
    REFUSE = "!"
    ALERTS = "@"
    """Who is notified of alerts is set, and nothing is deployed."""

    @property
    def word(self) -> str:
        """``create``, ``update`` …"""
        return self.name.lower()

    @property
    def writes(self) -> bool:
        """Whether it would change anything on App Platform."""
        return self not in (Action.NONE, Action.REFUSE)


class SyncStatus(StrEnum):
    """How an app in Git compares with the live one.

    absent        there is no live app of that name
    in_sync       Git, the app's spec and the active deployment's spec agree
    out_of_sync   they differ
    progressing   a deployment is running
    blocked       the app is pinned to a rollback
    stalled       this spec failed before, and was rolled back or left
    degraded      this spec failed before and no deployment is active to roll back to
    unknown       the platform could not be asked about it
    """

    ABSENT = "absent"
    IN_SYNC = "in_sync"
    OUT_OF_SYNC = "out_of_sync"
    PROGRESSING = "progressing"
    BLOCKED = "blocked"
    STALLED = "stalled"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


NO_DRIFT = frozenset({SyncStatus.IN_SYNC, SyncStatus.PROGRESSING})
"""A deployment in progress is not drift: its result is not known yet."""


class ChangeKind(StrEnum):
    """How a value differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Move:
    """An item of a list, by label or number, and its new place: ``before [/api]``, ``after [/]``."""

    item: str
    place: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``path`` is by identity: ``("services", "web", "envs", "PORT", "value")``.

    ``before`` is live, ``after`` is Git's; None if absent. Values of a sensitive change are never
    kept: they are None as well. Of a list in another order they are its items' labels, and ``moves`` says which of them
    have moved. ``place`` is that of an item that is added to an ordered list, among those that stay where they are.
    """

    path: tuple[str, ...]
    kind: ChangeKind
    before: Any = None
    after: Any = None
    sensitive: bool = False
    place: str = ""
    moves: tuple[Move, ...] = ()

    @property
    def human_path(self) -> str:
        """``services/web/envs/PORT/value``."""
        return "/".join(self.path)


UNJUDGED = "unjudged"
"""The kind of the note that an app became active so recently that its health may not have been checked."""


WRITTEN = "written"
"""The kind of the note where a changed value is written, for those who ask for more."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not a change, and why: a kept secret, an ignored path.

    ``kind``: kept | rotated | sent (all of a secret), ignored, unnamed (live has it, Git does not),
    written (in an environment: the place in Git, and the sources of variables),
    unjudged (of the whole app, without a path: its health may not have been checked yet).
    """

    path: tuple[str, ...]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """USD per month; None if unknown. ``estimated``: from list prices, not from the platform."""

    before: float | None = None
    after: float | None = None
    estimated: bool = False

    @property
    def delta(self) -> float | None:
        """What the plan adds to the cost."""
        if self.after is None or self.before is None:
            return None
        return round(self.after - self.before, 2)


Origin = Literal["git_ahead", "live_edit", "both", "unknown"]
"""Who made a difference: Git moved ahead, the app was changed, both, or unknown."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who made one difference. Unknown values are empty or None.

    ``commit``, ``author``, ``when``: of the commit that changed Git (empty: not committed yet); for a change of the app
    alone ``when`` is that of the deployment. ``deployment_id`` and ``user``: the deployment with the live value.
    """

    path: tuple[str, ...]
    kind: Origin
    text: str
    commit: str = ""
    author: str = ""
    when: datetime | None = None
    deployment_id: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class AppAttribution:
    """The same for an app: ``kind`` sums up its differences; ``text`` is one sentence."""

    app: str
    kind: Origin
    text: str
    changes: tuple[Attribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done to one app, and why.

    ``desired_digest`` and ``live_digest`` are hex SHA-256 of the canonical forms without any secret: equal digests
    mean that neither Git nor App Platform changed since the plan. An app in sync has only the first.
    """

    app: str
    status: SyncStatus
    action: Action
    reason: str = ""
    app_id: str = ""
    file: str = ""
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    findings: tuple[Finding, ...] = ()
    cost: Cost = field(default_factory=Cost)
    desired_digest: str = ""
    live_digest: str = ""
    update_all_source_versions: bool = False
    moved_from: str = ""
    follow: str = ""
    """A deployment of this spec, or an unfinished rollback, to follow to its end."""

    resume_rollback: bool = False
    """The rollback in ``follow`` was begun by an earlier run: check its health and commit it."""

    adopt_rollback: bool = False
    """The rollback in ``follow`` was made by the platform itself: judge it, and settle it as the policy asks."""

    paused: bool = False
    """The policy of the app says so: nothing is done, and ``status`` and ``changes`` say how it differs."""

    retry_at: datetime | None = None
    """When a spec that failed through faults of the platform is tried again; until then nothing is done."""

    override: str = ""
    """The flag that would allow what was refused, such as ``--allow delete=web``; empty if there is none."""

    attribution: AppAttribution | None = None
    """Who made the differences; None if not requested."""

    alerts: tuple[Change, ...] = ()
    """What differs in who is notified of alerts, which is set once the rest is applied."""

    alerts_digest: str = ""
    """Hex SHA-256 of who is notified, in Git and on App Platform, without URLs; empty if Git does not say."""

    @property
    def writes(self) -> bool:
        """Whether applying the plan would change anything."""
        return self.action.writes

    @property
    def is_new(self) -> bool:
        """Whether App Platform lacks the app: ``changes`` are its whole spec, to create, or refused or paused."""
        return self.action is Action.CREATE or (self.status is SyncStatus.ABSENT and bool(self.changes))

    @property
    def differences(self) -> tuple[Change, ...]:
        """What differs in the spec, and in who is notified of alerts."""
        return self.changes + self.alerts if self.alerts else self.changes

    @property
    def spec_in_sync(self) -> bool:
        """Whether the app is in sync but for who is notified of alerts."""
        return self.status is SyncStatus.IN_SYNC or self.action is Action.ALERTS


@dataclass(frozen=True, slots=True)
class PlanReport:
    """The result of `reconcile --plan`: plans, ``requests`` sent, ``seconds`` taken, ``unmanaged`` apps.

    ``waves``: how many apps each wave of an apply would change; empty without waves. ``warnings``: what was to be done
    with the report and failed, such as a message.
    """

    plans: tuple[Plan, ...]
    findings: tuple[Finding, ...] = ()
    requests: int = 0
    seconds: float = 0.0
    unmanaged: tuple[str, ...] = ()
    waves: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


# --- Monthly cost: the platform's price, else an estimate by the list prices of `appspec.kinds` ---


def estimated_cost(tree: Tree) -> float | None:
    """USD per month of a canonical spec; None if it has a size without a known price, or an invalid count.

    Services and workers count with their instances (under autoscaling the minimum); jobs run too briefly to be
    estimated, static sites and functions have an allowance.
    """
    total = 0.0
    for kind in RUNNING_KINDS:
        for component in _items(tree, kind):
            price = component_price(component)
            if price is None:
                return None
            total += price
    return total + sum(DEV_DATABASE_PRICE for database in _items(tree, "databases") if not database.get("production"))


def compared_cost(live: Tree | None, desired: Tree, proposed: float | None) -> Cost:
    """The cost before and after. ``proposed`` is the platform's price of the new spec, which takes precedence.

    The difference uses list prices on both sides, so that a price that only the platform knows cannot look
    like a change.
    """
    before = estimated_cost(live) if live is not None else 0.0
    after = estimated_cost(desired)
    if proposed is None:
        return Cost(before, after, estimated=True)
    if live is None:
        return Cost(0.0, float(proposed))
    if before is None or after is None:
        return Cost(None, float(proposed))
    return Cost(round(max(0.0, proposed - after + before), 2), float(proposed))


def unchanged_cost(tree: Tree) -> Cost:
    """The cost of an app that stays as it is."""
    amount = estimated_cost(tree)
    return Cost(amount, amount, estimated=True)


def _items(tree: Tree, kind: str) -> list[dict[str, Any]]:
    found = tree.get(kind)
    return [item for item in found.values() if isinstance(item, dict)] if isinstance(found, dict) else []
