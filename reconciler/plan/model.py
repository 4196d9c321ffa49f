"""The words of this room: `Plan`, `Change`, `SyncStatus`, `Action`.

A plan is inspectable, serialisable data: no closures, no secrets, nothing that would have to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from reconciler.findings import Finding


class Action(StrEnum):
    """What a plan would do; the value is its symbol."""

    CREATE = "+"
    UPDATE = "~"
    REDEPLOY = "↻"
    DELETE = "-"
    NONE = "="
    REFUSE = "!"

    @property
    def word(self) -> str:
        """``create``, ``update`` …"""
        return self.name.lower()

    @property
    def writes(self) -> bool:
        """Whether it would change anything on App Platform."""
        return self not in (Action.NONE, Action.REFUSE)


class SyncStatus(StrEnum):
    """How an app of Git stands to the live one.

    absent        there is no live app of that name
    in_sync       Git, the app's spec and the active deployment's spec agree
    out_of_sync   they differ
    progressing   a deployment is running
    blocked       somebody pinned the app to a rollback
    stalled       this very spec failed before, and was rolled back or left
    degraded      the spec agrees, but nothing is active: there is nothing to roll back to
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
"""A deployment under way is no drift: where it leads is not known yet."""


class ChangeKind(StrEnum):
    """How a value differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``path`` is by identity: ``("services", "web", "envs", "PORT", "value")``.

    ``before`` is live, ``after`` is Git's; None where there is nothing. Values of a sensitive change are never
    kept: they are None, too.
    """

    path: tuple[str, ...]
    kind: ChangeKind
    before: Any = None
    after: Any = None
    sensitive: bool = False

    @property
    def human_path(self) -> str:
        """``services/web/envs/PORT/value``."""
        return "/".join(self.path)


UNJUDGED = "unjudged"
"""The kind of the note that an app is active for so short a time that nobody may have judged its health."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a plan does not tell as a change, and why: a kept secret, an ignored path.

    ``kind``: kept | rotated | sent (all of a secret), ignored, unnamed (live has it, and Git does not name it),
    unjudged (of the whole app, without a path: nobody may have judged its health yet).
    """

    path: tuple[str, ...]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """USD a month; None where nobody could say. ``estimated``: from list prices, not from the platform."""

    before: float | None = None
    after: float | None = None
    estimated: bool = False

    @property
    def delta(self) -> float | None:
        """What the plan adds to the bill."""
        if self.after is None or self.before is None:
            return None
        return round(self.after - self.before, 2)


Origin = Literal["git_ahead", "live_edit", "both", "unknown"]
"""Who made a difference: Git moved ahead, somebody changed the app, both, or nobody can say."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who made one difference. What is not known is empty or None.

    ``commit``, ``author``, ``when``: of the commit that moved Git (empty: not committed yet); for a change of the app
    alone ``when`` is that of the deployment. ``deployment_id`` and ``user``: what brought the live value.
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
    mean that the plan still speaks of the same Git and the same App Platform. An app in sync has the first alone.
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
    """A deployment of this very spec, or an unfinished rollback, that is to be followed to its end."""

    resume_rollback: bool = False
    """The rollback in ``follow`` was begun by an earlier run: judge it and commit it."""

    adopt_rollback: bool = False
    """The rollback in ``follow`` was made by the platform itself: judge it, and settle it as the policy asks."""

    retry_at: datetime | None = None
    """When a spec that failed through faults of the platform is tried again; until then nothing is done."""

    override: str = ""
    """The flag that would allow what was refused, such as ``--allow delete=web``; empty when nothing would."""

    attribution: AppAttribution | None = None
    """Who made the differences; None where nobody asked."""

    @property
    def writes(self) -> bool:
        """Whether applying the plan would change anything."""
        return self.action.writes


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a run of `reconcile --plan` found. ``requests`` sent, ``seconds`` taken, apps that are ``unmanaged``."""

    plans: tuple[Plan, ...]
    findings: tuple[Finding, ...] = ()
    requests: int = 0
    seconds: float = 0.0
    unmanaged: tuple[str, ...] = ()
