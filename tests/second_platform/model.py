"""What the fake platform keeps, and the switches by which a platform may differ within its contract. Pure data.

A *version* is the tag of the first service's image, an *origin* says where a deployment comes from:

    setup, create, update, redeploy, rollback   what was there before; what the run under test sends
    auto                                        the platform's own rollback
    push, person                                a push to the repository; a person, by hand

Where data names deployments, ``of`` is an origin, a version, ``"origin version"``, or empty for any.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]

UNDER_WAY = ("PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING")

Phases = tuple[tuple[float, str], ...]
"""Seconds since a deployment was created, and the phase that it has from then on."""

GOOD: Phases = ((2, "BUILDING"), (8, "PENDING_DEPLOY"), (10, "DEPLOYING"), (20, "ACTIVE"))
QUICK: Phases = ((1, "DEPLOYING"), (2, "ACTIVE"))
BUILD_FAILS: Phases = ((2, "BUILDING"), (12, "ERROR"))
DEPLOY_FAILS: Phases = ((2, "BUILDING"), (8, "PENDING_DEPLOY"), (10, "DEPLOYING"), (25, "ERROR"))
ENDLESS: Phases = ((2, "BUILDING"), (8, "PENDING_DEPLOY"), (10, "DEPLOYING"))


@dataclass(frozen=True)
class Fault:
    """A step that failed. ``step``: build, deploy, or a name that no record shows; without a code it has no reason."""

    step: str = "deploy"
    code: str = "DeployContainerExitNonZero"
    message: str = "Your deploy failed because your container exited with a non-zero exit code."
    component: str = "web"


EXITED = Fault()
UNHEALTHY_CONTAINER = Fault(
    code="DeployContainerHealthChecksFailed", message="Your container failed its health checks."
)
BUILD_EXITED = Fault("build", "BuildJobExitNonZero", "Your build job failed because it returned a non-zero exit code.")
INTERNAL = Fault("build", "InternalError", "An internal error occurred. Contact support if this persists.", "")
RATE_LIMITED = Fault("build", "BuildRateLimit", "Too many builds are running; try again later.", "")
EXHAUSTED = Fault("deploy", "ResourceExhausted", "There is not enough capacity in this region at the moment.", "")


@dataclass(frozen=True)
class Fate:
    """How a deployment goes. ``times``: for so many deployments, 0 for all of them; ``shown``: the app shows it.

    ``until``: seconds after the first run began, for deployments that are created before; 0 for ever.
    """

    of: str = ""
    phases: Phases = GOOD
    faults: tuple[Fault, ...] = ()
    times: int = 0
    shown: bool = True
    until: float = 0.0


@dataclass(frozen=True)
class Running:
    """How a version behaves while it is active, by seconds since then.

    ``health``: the state of each component, empty for none reported; ``answers``: the status of the app's own URL,
    0 for a refused connection; ``body`` is what it answers.
    """

    of: str = ""
    health: tuple[tuple[float, str], ...] = ((0, "HEALTHY"),)
    answers: tuple[tuple[float, int], ...] = ((0, 200),)
    body: str = "hello"


@dataclass(frozen=True)
class OwnRollback:
    """The platform's own rollback after a failure of the deploy phase.

    ``delay``: seconds after the failure, None for never. ``after``: begin at this event instead of at a failure.
    ``cause``: it says the recorded text. ``type``: of cause_details, which are missing without it. ``to``: the version
    it goes back to; the one that was active where empty. ``pins`` and ``restores_spec`` are in no record.
    """

    delay: float | None = 30.0
    after: str = ""
    cause: bool = True
    type: str = ""
    to: str = ""
    pins: bool = False
    restores_spec: bool = False
    times: int = 1


@dataclass(frozen=True)
class Switches:
    """What the contract leaves open.

    ``order`` of lists: newest, oldest, shuffled. ``replaced``: the phase of a deployment that a newer one overtook.
    ``lag``: seconds by which what an operation reads is late. ``revisions``: how far back a rollback may reach.
    ``error_keeps_active``: an active deployment that ends in ERROR is still shown as the active one. ``same_second``:
    all deployments have the same time of creation.
    """

    order: str = "newest"
    replaced: str = "SUPERSEDED"
    lag: dict[str, float] = field(default_factory=dict)
    revisions: int = 10
    rollback_sets_spec: bool = False
    commit_sets_spec: bool = True
    error_keeps_active: bool = True
    live_url: bool = True
    same_second: bool = False


@dataclass(frozen=True)
class Tamper:
    """The platform alters a spec. ``when``: stored, deployed, proposed; ``path`` as in `edit`; ``of``: see above."""

    when: str
    path: str
    to: Any
    of: str = ""


@dataclass(eq=False)
class Deployment:
    """One deployment. Times are seconds since 1970; ``moves`` are the phases it had and when they began."""

    id: str
    spec: Spec
    origin: str
    created: float
    fate: Fate
    cause: str = ""
    details: dict[str, Any] | None = None
    previous: str = ""
    cloned: str = ""
    phase: str = "PENDING_BUILD"
    moves: list[tuple[float, str]] = field(default_factory=list)
    active_since: float | None = None

    @property
    def under_way(self) -> bool:
        return self.phase not in ("ACTIVE", "SUPERSEDED", "ERROR", "CANCELED")

    @property
    def version(self) -> str:
        return version_of(self.spec)

    def had(self, phase: str) -> bool:
        return any(name == phase for _, name in self.moves)


@dataclass(eq=False)
class App:
    """One app; ``deployments`` in the order they were made; ``before`` is its spec before it was rolled back."""

    id: str
    spec: Spec
    created: float
    updated: float
    deployments: list[Deployment] = field(default_factory=list)
    active: Deployment | None = None
    pinned: Deployment | None = None
    before: Spec = field(default_factory=dict)
    ciphertexts: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    def find(self, deployment_id: str) -> Deployment | None:
        return next((one for one in self.deployments if one.id == deployment_id), None)

    def running(self) -> Deployment | None:
        return next((one for one in reversed(self.deployments) if one.under_way), None)

    def served(self, version: str = "") -> Deployment | None:
        """The newest deployment (of a version) that was active once and did not fail."""
        was = (one for one in reversed(self.deployments) if one.active_since is not None and one.phase != "ERROR")
        return next((one for one in was if version in ("", one.version)), None)


def version_of(spec: Spec) -> str:
    """The tag of the first service's image; empty where there is none."""
    services = spec.get("services") or [{}]
    return str((services[0].get("image") or {}).get("tag", ""))


def meant(of: str, origin: str, version: str) -> bool:
    """Whether ``of`` names a deployment of this origin and version."""
    return of in ("", origin, version, f"{origin} {version}")


def at(steps: tuple[tuple[float, Any], ...], seconds: float) -> Any:
    """What holds at that time."""
    return next(value for since, value in reversed(steps) if since <= seconds)
