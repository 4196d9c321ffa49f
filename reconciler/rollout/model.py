"""What others read of a rollout: its task, the roles of its deployments, outcomes, records and events.

The policy's own types (states, steps) are in `state.py` and `steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.plan.model import Action, Cost


class Task(StrEnum):
    """What a rollout is to do.

    create, update, redeploy, delete   the plan's action
    follow      go on with a deployment that is under way
    resume      finish a rollback that was begun and not committed
    adopt       judge a rollback that the platform made by itself, and settle it
    roll_back   a person asked for a rollback
    none        nothing to do: the plan says why
    """

    CREATE = "create"
    UPDATE = "update"
    REDEPLOY = "redeploy"
    DELETE = "delete"
    FOLLOW = "follow"
    RESUME = "resume"
    ADOPT = "adopt"
    ROLL_BACK = "roll_back"
    NONE = "none"


class Role(StrEnum):
    """What a deployment is to a rollout. ``platform``: the platform's own rollback; ``serving``: it served before."""

    DEPLOY = "deploy"
    FOLLOWED = "followed"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    PLATFORM = "platform"
    SERVING = "serving"


class OutcomeKind(StrEnum):
    """How a rollout ended.

    unchanged        there was nothing to do
    applied          the new spec is active and healthy
    deleted          the app was deleted, as planned
    rolled_back      it failed; an earlier deployment is active, healthy and committed
    taken_back       a person asked for it; an earlier deployment is active, healthy and committed
    pinned           it failed; rolled back and left pinned for a person, as the policy asks
    left             it failed; left as it is, as the policy asks
    degraded         it failed, and there is no rollback target
    rollback_failed  it failed, and so did the rollback: a person is needed
    blocked          the app is pinned by a person
    stalled          this spec failed before and is not tried again
    superseded       another deployment replaced it
    canceled         the deployment was canceled, by whom is unknown
    diverged         what was deployed is active, and another spec is stored or serves than was asked for
    unconfirmed      it reports that it is healthy, and the app was not seen to serve it
    platform_fault   it failed by a fault of the platform, as often as it may be tried for now
    timed_out        a timeout was reached; the deployment is still running on App Platform
    refused          a guard, a race or the platform refused it before anything was changed
    skipped          an app it depends on did not become healthy, or the run was stopped
    interrupted      a signal stopped the run while the rollout was under way
    failed           an error of the API or the network; the reason has the details
    """

    UNCHANGED = "unchanged"
    APPLIED = "applied"
    DELETED = "deleted"
    ROLLED_BACK = "rolled_back"
    TAKEN_BACK = "taken_back"
    PINNED = "pinned"
    LEFT = "left"
    DEGRADED = "degraded"
    ROLLBACK_FAILED = "rollback_failed"
    BLOCKED = "blocked"
    STALLED = "stalled"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"
    DIVERGED = "diverged"
    UNCONFIRMED = "unconfirmed"
    PLATFORM_FAULT = "platform_fault"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether the app is as Git wants it."""
        return self in (OutcomeKind.UNCHANGED, OutcomeKind.APPLIED, OutcomeKind.DELETED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rollout ended, why, and what a person can run next.

    ``pinned``: this rollout leaves the app pinned to a rollback of its own, or cannot rule that out.
    """

    kind: OutcomeKind
    reason: str = ""
    commands: tuple[str, ...] = ()
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase of a deployment as we saw it; seconds since the rollout began."""

    phase: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A deployment that belongs to a rollout. ``role``: see `Role`."""

    id: str
    role: str
    phases: tuple[PhaseSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A step that the policy chose, what it does, and why; ``at`` in seconds since the rollout began."""

    at: float
    step: str
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed: the component, the step, its reason, the last lines of its log, where more can be read."""

    component: str = ""
    step: str = ""
    code: str = ""
    message: str = ""
    log_lines: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """The account of one app's rollout."""

    app: str
    action: Action
    outcome: Outcome
    app_id: str = ""
    deployments: tuple[DeploymentRecord, ...] = ()
    decisions: tuple[Decision, ...] = ()
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    requests: int = 0
    seconds: float = 0.0
    cost: Cost = field(default_factory=Cost)
    live_url: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that just happened, for live progress. ``at`` in seconds since the run began.

    ``done`` and ``total`` count the steps of the deployment under way; 0 when there is none. What is ``passing`` is for
    progress that is drawn in place, and no line of a log.
    """

    at: float
    app: str
    text: str
    phase: str = ""
    done: int = 0
    total: int = 0
    outcome: OutcomeKind | None = None
    passing: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """What a run of `reconcile` did. ``left_running`` names deployments that go on without us."""

    records: tuple[RolloutRecord, ...]
    requests: int = 0
    seconds: float = 0.0
    left_running: tuple[str, ...] = ()
