"""What a rollout is bound by and what it hands out: tasks, roles, the numbers of its policy; outcomes, records, events.

The policy's own types (states, steps) are in `state.py` and `steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from reconciler.plan.deployment_history import SOAK_BACK
from reconciler.plan.model import Action, Cost

if TYPE_CHECKING:
    from reconciler.config import Policy


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
    paused           its policy says that nothing is to be done
    applied          the new spec is active and healthy, or only who is notified of alerts had to be set, and is
    deleted          the app was deleted, as planned
    rolled_back      it failed; an earlier deployment is active, healthy and committed
    taken_back       a person asked for it; an earlier deployment is active, healthy and committed
    pinned           it failed; rolled back and left pinned for a person, as the policy asks
    left             it failed; left as is, as the policy asks
    degraded         it failed, and there is no rollback target
    rollback_failed  it failed, and so did the rollback: a person is needed
    blocked          the app is pinned by a person
    stalled          this spec failed before and is not tried again
    superseded       another deployment replaced it
    canceled         the deployment was canceled by an unknown party
    diverged         what was deployed is active, and the stored or the active spec is not the one that was sent
    unconfirmed      it reports that it is healthy, and the app was not seen to serve it
    platform_fault   it failed by a fault of the platform, as often as it may be tried for now
    timed_out        a timeout was reached; the deployment is still running on App Platform
    refused          a guard, a race or the platform refused it before anything was changed
    skipped          an app it depends on did not become healthy, or the run was stopped
    interrupted      a signal stopped the run while the rollout was under way
    failed           an error of the API or the network; the reason has the details
    """

    UNCHANGED = "unchanged"
    PAUSED = "paused"
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
        """Whether the app is as Git wants it, or is left alone as Git wants it."""
        return self in (OutcomeKind.UNCHANGED, OutcomeKind.PAUSED, OutcomeKind.APPLIED, OutcomeKind.DELETED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rollout ended, why, and what a person can run next.

    ``pinned``: this rollout leaves the app pinned to a rollback of its own, or cannot rule that out. ``requested``: a
    person asked for exactly this.
    """

    kind: OutcomeKind
    reason: str = ""
    commands: tuple[str, ...] = ()
    pinned: bool = False
    requested: bool = False


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
class DeploymentLog:
    """The last lines of a log of a deployment; ``kind``: BUILD or DEPLOY."""

    deployment_id: str
    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """The account of one app's rollout. ``wave``: the one it belonged to, from 1; 0 without waves.

    ``deployment_id`` and ``phase`` are of the deployment that the rollout ended on, or that serves an app in sync.
    ``console_url`` is its page in the vendor's control panel, ``logs`` what was asked for beyond the failure's.
    ``alerts`` names those for which this run set who is notified.
    """

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
    wave: int = 0
    deployment_id: str = ""
    phase: str = ""
    console_url: str = ""
    logs: tuple[DeploymentLog, ...] = ()
    alerts: tuple[str, ...] = ()


EventKind = Literal["decision", "phase", "progress", "warning", "outcome"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that just happened, for live progress. ``at`` in seconds since the run began.

    ``done`` and ``total`` count the steps of the deployment under way; 0 when there is none. What is ``passing`` is for
    progress that is drawn in place, and no line of a log. ``kind``: a decision of the policy or of the scheduler, a new
    phase of a deployment, progress within it, a warning, or the outcome. ``requested``: as of an `Outcome`.
    """

    at: float
    app: str
    text: str
    phase: str = ""
    done: int = 0
    total: int = 0
    outcome: OutcomeKind | None = None
    passing: bool = False
    kind: EventKind = "decision"
    requested: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """What a run of `reconcile` did. ``left_running`` names deployments that continue on App Platform.

    ``warnings``: what was to be done with the report and failed, such as a message; no outcome depends on it.
    """

    records: tuple[RolloutRecord, ...]
    requests: int = 0
    seconds: float = 0.0
    left_running: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


# --- The numbers of the policy: what the user may choose, and what bounds every loop ---


TRIES = 3
"""How often a read that decides something may fail in a row; each try is already retried by the client."""

LOOKS = 4
"""How often the platform is looked at for a write whose answer was lost, before it counts as not done."""

SENDS = 2
"""How often a create, an update, a redeploy or a delete may be sent: again only after looking."""

SENDS_BACK = 3
"""The same for a rollback, a commit and a restored spec: nothing but the way back to a healthy app depends on it."""

MISSING = 3
"""How many 404 in a row mean that the app is gone: a deployment may take a moment to show up."""

HOPS = 5
"""How many superseding deployments of the same spec are followed."""

HEALTH_EVERY = 5.0
"""Seconds between two readings of the components' health at least, and once one was bad."""

UNCONFIRMED = 60.0
"""Seconds after which a reading of health that could not be repeated counts no more; for as long a good one may still
be repeated once the health budget and the soak are over.
"""


NEEDS = 20
"""Requests that a rollout may need to its end, its way back included; `make fleet` counts them."""

LOOK_EVERY = 5.0
"""Seconds between two looks for the platform's own rollback, and at what is waited for before a write."""

PHASE_EVERY = 10.0
"""Seconds between two readings of the phase of a deployment that is active."""

RETRY_PAUSE = 60.0
"""Seconds after a fault of the platform before the first retry; twice as many before the second, and so on."""


def pause(tries: int) -> float:
    """Seconds to wait before the next try: 0 before the first, then 2, 5, 10."""
    return (0.0, 2.0, 5.0, 10.0)[min(tries, 3)]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a user's policy says, as the plain numbers that decide; seconds throughout.

    ``probe_every`` is 0 where no probe is asked for.
    """

    build: float = 3600.0
    deploy: float = 1200.0
    health: float = 300.0
    soak: float = 30.0
    tolerance: float = 20.0
    judge_components: bool = True
    unknown_is_healthy: bool = True
    probe_every: float = 0.0
    probe_count: int = 1
    on_failure: Literal["rollback", "pin", "leave"] = "rollback"
    platform_rollback: float = 300.0
    after_platform_rollback: Literal["adopt", "commit"] = "adopt"
    attempts: int = 3
    attempts_within: float = 21600.0

    @classmethod
    def of(cls, policy: Policy) -> Rules:
        """The rules of an app's policy in `reconcile.yaml`."""
        probe = policy.health.probe
        return cls(
            build=policy.timeouts.build,
            deploy=policy.timeouts.deploy,
            health=policy.timeouts.health,
            soak=policy.health.soak,
            tolerance=policy.health.tolerance,
            judge_components=policy.health.components,
            unknown_is_healthy=policy.health.unknown == "healthy",
            probe_every=probe.every if probe else 0.0,
            probe_count=probe.count if probe else 1,
            on_failure=policy.on_failure,
            platform_rollback=policy.timeouts.platform_rollback,
            after_platform_rollback=policy.after_platform_rollback,
            attempts=policy.platform_faults.attempts,
            attempts_within=policy.platform_faults.within,
        )

    def going_back(self) -> Rules:
        """The rules for a deployment that was good before: the soak is short."""
        return replace(self, soak=min(self.soak, SOAK_BACK))
