"""The documents that programs read, as dataclasses: their JSON Schema is made of these. See `machine`.

Within a version, keys are only ever added. Every key is always there; what is not known is null or empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from reconciler.findings import Severity
from reconciler.plan.model import ChangeKind, Origin, SyncStatus
from reconciler.rollout.model import OutcomeKind

ActionWord = Literal["create", "update", "redeploy", "delete", "none", "refuse"]


@dataclass(frozen=True, slots=True)
class LocationData:
    """A place in a file. Lines and columns count from 1; 0 where the place is not known. pointer is RFC 6901."""

    file: str
    line: int
    column: int
    pointer: str


@dataclass(frozen=True, slots=True)
class FindingData:
    """One thing to tell about a spec, a configuration or a plan."""

    severity: Severity
    code: str
    message: str
    hint: str
    location: LocationData | None
    related: list[LocationData]


@dataclass(frozen=True, slots=True)
class CostData:
    """USD a month; null where nobody could say."""

    before: float | None
    after: float | None
    delta: float | None
    estimated: bool


@dataclass(frozen=True, slots=True)
class ChangeData:
    """One difference. path is by identity, parts are its segments; before is live, after is Git's."""

    path: str
    parts: list[str]
    kind: ChangeKind
    before: Any
    after: Any
    sensitive: bool


@dataclass(frozen=True, slots=True)
class NoteData:
    """Something that is told as no change, and why: kept, rotated, sent, ignored, unnamed, unjudged."""

    path: str
    parts: list[str]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class OriginData:
    """Who made one difference. commit, author: of the commit that moved Git; deployment_id, user: of what live has.

    when is ISO 8601, of the commit or, without one, of the deployment; null where it is not known.
    """

    path: str
    parts: list[str]
    kind: Origin
    text: str
    commit: str
    author: str
    when: str | None
    deployment_id: str
    user: str


@dataclass(frozen=True, slots=True)
class AttributionData:
    """Who made an app's differences: git_ahead, live_edit, both, unknown; and of each single one."""

    kind: Origin
    text: str
    changes: list[OriginData]


@dataclass(frozen=True, slots=True)
class AppPlanData:
    """What would be done to one app, and why. The digests are hex SHA-256 and contain no secret.

    follow: a deployment that is followed to its end; resume_rollback: it is a rollback an earlier run began.
    attribution: null unless drift was searched for and the app differs.
    """

    app: str
    app_id: str
    file: str
    status: SyncStatus
    action: ActionWord
    writes: bool
    reason: str
    override: str
    moved_from: str
    follow: str
    resume_rollback: bool
    update_all_source_versions: bool
    cost: CostData
    desired_digest: str
    live_digest: str
    changes: list[ChangeData]
    notes: list[NoteData]
    findings: list[FindingData]
    attribution: AttributionData | None


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What a run of the plan or of the search for drift found. actions counts apps by action."""

    version: Literal[1]
    kind: Literal["plan", "drift"]
    actions: dict[ActionWord, int]
    cost: CostData
    apps: list[AppPlanData]
    findings: list[FindingData]
    unmanaged: list[str]
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PhaseData:
    """A phase of a deployment; seconds since the rollout began."""

    phase: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class DeploymentData:
    """A deployment that belongs to a rollout. role: deploy, rollback, restore, followed."""

    id: str
    role: str
    phases: list[PhaseData]


@dataclass(frozen=True, slots=True)
class DecisionData:
    """A step that was chosen, what it does, and why; at in seconds since the rollout began."""

    at: float
    step: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailureData:
    """What failed, with the last lines of its log."""

    component: str
    step: str
    code: str
    message: str
    log_lines: list[str]
    links: list[str]


@dataclass(frozen=True, slots=True)
class AppRolloutData:
    """The account of one app's rollout. commands: what a person can run next.

    good: the app is as Git wants it. pinned: this rollout may have left the app pinned to a rollback.
    """

    app: str
    app_id: str
    action: ActionWord
    outcome: OutcomeKind
    good: bool
    pinned: bool
    reason: str
    commands: list[str]
    failure: FailureData | None
    deployments: list[DeploymentData]
    decisions: list[DecisionData]
    warnings: list[str]
    cost: CostData
    live_url: str
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """What a run did. outcomes counts apps by outcome; left_running names deployments that go on without us."""

    version: Literal[1]
    kind: Literal["rollout"]
    outcomes: dict[OutcomeKind, int]
    apps: list[AppRolloutData]
    left_running: list[str]
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FindingsDocument:
    """Findings by place; counts by severity."""

    version: Literal[1]
    kind: Literal["findings"]
    counts: dict[Severity, int]
    findings: list[FindingData]
