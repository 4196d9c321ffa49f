"""The steps that the policy can choose, and what each means to the platform: data. `executor.py` performs them."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.rollout.model import Outcome, Role, Task


@dataclass(frozen=True, slots=True)
class Look:
    """Read the app again right before writing: still what the plan was made from? ``after`` that many seconds."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Write:
    """Send the plan's create (POST), update (PUT), redeploy (POST deployments) or delete."""

    task: Task


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look for the effect of a write whose answer was lost.

    ``write``: the task, or rollback or restore, of which ``deployment_id`` is the one to go back to.
    """

    write: str
    after: float = 0.0
    deployment_id: str = ""


@dataclass(frozen=True, slots=True)
class Adopt:
    """From now on this deployment is followed; sends nothing."""

    role: Role
    deployment_id: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Wait a while and read the deployment, by its id."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Read the health of the app's components."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Send the user's HTTP probe to the app's live URL."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class FindSuccessor:
    """Read the app and its deployments: what took over from the deployment?"""

    deployment_id: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read the app: is the deployment what serves, with the spec that was asked for?"""

    deployment_id: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class CollectFailure:
    """Fetch the failing step, its reason and the last log lines."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class FindCandidates:
    """Read the app and its deployments: did the platform go back by itself, and where could one go back to?

    ``unfit``: the deployment that served before was judged unhealthy.
    """

    after: float = 0.0
    unfit: bool = False


@dataclass(frozen=True, slots=True)
class ValidateRollback:
    """Ask whether the app can be rolled back to this deployment; changes nothing."""

    deployment_id: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """Roll back to this deployment: a new deployment is made and the app is pinned to it."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class CommitRollback:
    """Commit the rollback, which unpins the app."""


@dataclass(frozen=True, slots=True)
class VerifyUnpinned:
    """Read the app: is the pin gone, and is the deployment what serves?"""

    deployment_id: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class RestoreSpec:
    """Send the spec of this earlier deployment as an update."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The rollout ended."""

    outcome: Outcome


Step = (
    Look
    | Write
    | LookUp
    | Adopt
    | Follow
    | CheckHealth
    | Probe
    | Wait
    | FindSuccessor
    | ReadBack
    | CollectFailure
    | FindCandidates
    | ValidateRollback
    | Rollback
    | CommitRollback
    | VerifyUnpinned
    | RestoreSpec
    | Finish
)
"""Everything the policy can ask for."""

WRITES = (Write, Rollback, CommitRollback, RestoreSpec)
"""The steps that change something on App Platform."""
