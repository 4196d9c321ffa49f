"""What is known of one app's rollout, and what a step can find out: frozen data, no decisions.

`RolloutState` only collects facts. `reduce.reduce` adds what a step found; `policy.next_step` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.live.models import Health, Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.health import Evidence
from reconciler.rollout.model import OutcomeKind, Role, Rules, Task


class Pin(StrEnum):
    """What the app is pinned to: nothing, the rollback this rollout made (or resumes), the platform's own, another."""

    NONE = "none"
    OURS = "ours"
    PLATFORM = "platform"
    OTHER = "other"


class Sent(StrEnum):
    """How far a write is. ``lost``: it was sent and may or may not have taken effect."""

    NOT_YET = "not_yet"
    ACCEPTED = "accepted"
    LOST = "lost"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why the platform, or the look right before a write, refused it.

    content   the platform does not want it
    taken     the app's name is taken
    access    the token may not, or the rate limit outlasted every retry
    gone      there is no such app any more
    moved     the app was changed since it was last read
    pinned    the app was pinned since it was last read
    """

    CONTENT = "content"
    TAKEN = "taken"
    ACCESS = "access"
    GONE = "gone"
    MOVED = "moved"
    PINNED = "pinned"


class WriteProbe(StrEnum):
    """What a look for a lost write found.

    ours       the deployment it made
    stored     our spec, but no deployment of it yet
    not_there  nothing of it: all is as it was before
    foreign    something else that was made meanwhile
    gone       no app at all
    """

    OURS = "ours"
    STORED = "stored"
    NOT_THERE = "not_there"
    FOREIGN = "foreign"
    GONE = "gone"


class ActiveState(StrEnum):
    """What the app shows after its deployment became healthy.

    ours      it is what is active, with the spec that was asked for
    before    what was active before still is
    failed    it is what is active, and its phase is not ACTIVE any more
    other     another deployment took over, or is about to
    pinned    a person rolled back meanwhile
    diverged  it is what is active, and the stored or the active spec is not the one that was sent
    """

    OURS = "ours"
    BEFORE = "before"
    FAILED = "failed"
    OTHER = "other"
    PINNED = "pinned"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Goal:
    """What this rollout is for; never changes.

    ``follow_id`` is the deployment to follow (task follow), or the only one to go back to (task roll_back; any, when
    empty). ``settled`` and ``reason`` give the state when nothing is to be done. ``again`` is the command that goes
    on where an interrupted or timed out run stopped.
    """

    task: Task
    app: str
    rules: Rules = field(default_factory=Rules)
    follow_id: str = ""
    settled: OutcomeKind = OutcomeKind.UNCHANGED
    reason: str = ""
    again: str = "reconcile"


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """One write: how far it is, how often it was sent, what looking for it found."""

    status: Sent = Sent.NOT_YET
    sends: int = 0
    looks: int = 0
    trace: WriteProbe | None = None
    deployment_id: str = ""
    refusal: Refusal = Refusal.CONTENT
    why: str = ""


@dataclass(frozen=True, slots=True)
class TrackedDeployment:
    """A deployment that is followed. ``build`` and ``deploy`` are seconds spent in either; ``missing`` 404 in a row.

    ``components`` are those of its spec whose health the platform reports. ``served``: it was seen ACTIVE.
    """

    role: Role
    id: str
    components: tuple[str, ...] = ()
    phase: Phase = Phase.UNKNOWN
    build: float = 0.0
    deploy: float = 0.0
    missing: int = 0
    served: bool = False
    evidence: Evidence = field(default_factory=Evidence)


# ---- what steps find ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failed:
    """A read failed. ``missing``: there is no such app. ``denied``: the token may not, which no repetition changes."""

    why: str
    missing: bool = False
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write was accepted; it made this deployment, if the answer says so."""

    deployment_id: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A write's answer never arrived, or says nothing about its effect."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A write was refused: it had no effect."""

    why: str
    refusal: Refusal = Refusal.CONTENT


@dataclass(frozen=True, slots=True)
class Precheck:
    """The app right before anything is written.

    ``moved``: it is no longer what the plan was made from. ``running_id``: a deployment under way that carries our
    spec; ``active_is_ours``: so does the active one. ``awaited``: the platform's own rollback is under way, and ours
    is to be sent once that has ended.
    """

    gone: bool = False
    pin: Pin = Pin.NONE
    pinned_id: str = ""
    moved: bool = False
    running_id: str = ""
    active_is_ours: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class WriteProbed:
    """What a look for a write found."""

    trace: WriteProbe
    deployment_id: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A deployment is followed from now on; its components whose health counts, and whether it is probed."""

    components: tuple[str, ...] = ()
    probed: bool = True


@dataclass(frozen=True, slots=True)
class PhaseSeen:
    """The phase of the deployment that is followed."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """The health of the app's components."""

    health: Health


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """What was wrong with the probe's answer; empty when nothing was. ``counts``: it is about this version."""

    problem: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Waited:
    """Time went by, nothing else."""


@dataclass(frozen=True, slots=True)
class Successor:
    """What took over from a deployment: its id if it carries our spec, ``own_id`` if it is the platform's own rollback.

    ``other``: another deployment did.
    """

    pin: Pin = Pin.NONE
    deployment_id: str = ""
    own_id: str = ""
    other: bool = False


@dataclass(frozen=True, slots=True)
class BackRead:
    """What the app shows as active. ``kept``: the spec of what is active is the app's, too."""

    standing: ActiveState
    pin: Pin = Pin.NONE
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Collected:
    """What failed, in a line, where, and how many seconds ago; ``platform``: through a fault of the platform."""

    summary: str = ""
    failed_in: FailedIn = FailedIn.HEALTH
    age: float = 0.0
    platform: bool = False


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """Where one could go back to: ids of deployments that were active and good, best first.

    ``newer``: another deployment was started after the one that failed; ``newer_id`` says which, if it carries our
    spec. ``own_id``: the newest rollback that the platform made by itself since. ``serving_id``: an older deployment
    that is active. ``serving``: the first candidate is that one; ``reverted``: and its spec is the app's again.
    ``ours_stored``: the app's spec is what we want; ``attempts``: how often that was deployed recently and failed.
    """

    pin: Pin = Pin.NONE
    newer: bool = False
    newer_id: str = ""
    candidates: tuple[str, ...] = ()
    serving: bool = False
    reverted: bool = False
    own_id: str = ""
    serving_id: str = ""
    ours_stored: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Validated:
    """What the platform says of a rollback to a candidate; ``code`` is empty when it is valid."""

    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PinSeen:
    """Whether the app is pinned, and what it shows as active; see `BackRead`."""

    pin: Pin
    standing: ActiveState = ActiveState.OURS
    kept: bool = True


Seen = (
    Failed | Accepted | Lost | Refused | Precheck | WriteProbed | Adopted | PhaseSeen | HealthSeen | ProbeSeen | Waited
    | Successor | BackRead | Collected | RollbackOptions | Validated | PinSeen
)  # fmt: skip
"""Everything a step can find out."""


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Everything known of one rollout.

    ``write``     the plan's write; ``leg`` the deployment it led to, ``hops`` how many times another took over
    ``fault``     what failed, once that was collected (None before); ``failed`` where, when, by whose fault
    ``relapse``   what failed of the deployment that goes back, once that was collected
    ``options``   where one could go back to; ``rejected`` the codes of the candidates that cannot be used, in order;
                  ``valid`` whether the next one was found valid
    ``undo``      the rollback; ``restore`` the last good spec sent back; ``back`` the deployment either led to
    ``commit``    the commit of the rollback; ``pin`` and ``pin_looks`` what verifying it saw
    ``own``       the platform's own rollback that was followed last
    ``pinned``    a rollback of ours was sent and the app was not seen unpinned since; or the platform's own pins it
    ``retries``   how often the plan's write was sent again after a fault of the platform
    ``tries``     failed reads in a row at the present step, ``why``, ``missing`` and ``denied`` what the last one said
    """

    goal: Goal
    sight: Precheck | None = None
    awaited: float = 0.0
    write: WriteStatus = field(default_factory=WriteStatus)
    leg: TrackedDeployment | None = None
    hops: int = 0
    successor: Successor | None = None
    successor_looks: int = 0
    standing: ActiveState | None = None
    standing_looks: int = 0
    kept: bool = True
    fault: str | None = None
    failed: Collected | None = None
    relapse: str | None = None
    own: str = ""
    retries: int = 0
    options: RollbackOptions | None = None
    rejected: tuple[str, ...] = ()
    valid: bool = False
    undo: WriteStatus = field(default_factory=WriteStatus)
    restore: WriteStatus = field(default_factory=WriteStatus)
    back: TrackedDeployment | None = None
    commit: WriteStatus = field(default_factory=WriteStatus)
    pin: Pin | None = None
    pin_looks: int = 0
    pinned: bool = False
    tries: int = 0
    why: str = ""
    missing: bool = False
    denied: bool = False
