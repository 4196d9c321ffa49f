"""What this package needs of others: the platform and knowledge of specs, which tests replace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.appspec.kinds import LogType
from reconciler.config import Policy
from reconciler.desired.load import DesiredApp
from reconciler.live.models import Deployment, Health, LiveApp, LogLinks, Rank, RollbackValidation, Usage
from reconciler.plan.align import Secrets, align
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import Comparison, live_digest, payload
from reconciler.plan.model import Change, ChangeKind, Plan

if TYPE_CHECKING:
    from reconciler.live.fetch import ProbeAnswer


class Platform(Protocol):
    """The part of `reconciler.live.client.Client` that rollouts use; every method raises `LiveError`."""

    async def find_app(self, name: str) -> LiveApp | None:
        """The app of that name."""

    async def get_app(self, app_id: str) -> LiveApp:
        """One app."""

    async def create_app(self, spec: Mapping[str, Any], project_id: str = "") -> LiveApp:
        """Create an app."""

    async def update_app(
        self, app_id: str, spec: Mapping[str, Any], *, update_all_source_versions: bool = False
    ) -> LiveApp:
        """Replace an app's whole spec."""

    async def delete_app(self, app_id: str) -> None:
        """Destroy an app."""

    async def list_deployments(self, app_id: str, *, limit: int = 20) -> list[Deployment]:
        """The newest deployments, newest first."""

    async def get_deployment(self, app_id: str, deployment_id: str) -> Deployment:
        """One deployment."""

    async def create_deployment(self, app_id: str, *, force_build: bool = False) -> Deployment:
        """Deploy the app's spec again."""

    async def validate_rollback(self, app_id: str, deployment_id: str, *, skip_pin: bool = False) -> RollbackValidation:
        """Whether an app can be rolled back to a deployment."""

    async def roll_back(self, app_id: str, deployment_id: str, *, skip_pin: bool = False) -> Deployment:
        """Roll back: a new deployment, to which the app is pinned."""

    async def commit_rollback(self, app_id: str) -> None:
        """Keep what was rolled back to, and unpin the app."""

    async def health(self, app_id: str) -> Health:
        """The health of an app's components."""

    async def logs(
        self,
        app_id: str,
        deployment_id: str = "",
        component: str = "",
        *,
        type: LogType,  # noqa: A002  the API's own name
        tail_lines: int = 0,
    ) -> LogLinks:
        """Where logs are."""

    async def log_tail(self, links: LogLinks, lines: int = 20) -> list[str]:
        """The last lines of a log; never raises."""

    async def probe(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  of this one request, returned in the answer instead of raised
        verify_tls: bool = True,
    ) -> ProbeAnswer:
        """Ask an app itself; never raises."""

    async def look_at(
        self, app_ids: Collection[str], others: Collection[str] = ()
    ) -> tuple[Mapping[str, LiveApp], int]:
        """Those of these apps that the listing shows, by id, and how many requests that took."""

    def meter(self, key: str) -> AbstractContextManager[None]:
        """Count the requests sent inside under a key."""

    def reserve(self, key: str, requests: int) -> AbstractAsyncContextManager[None]:
        """Wait until the token's hour can spare so many requests; count those sent inside under a key."""

    async def take_turn(self) -> None:
        """Wait until the rate limit allows another request, and keep that turn for the running task's next one."""

    def rank(self, rank: Rank) -> None:
        """Whose turn it is when the running task's requests wait for the rate limit, from now on."""

    def pace(self) -> float:
        """Requests a minute that the rate limit allows for the next minutes."""

    def metered(self, key: str) -> Usage:
        """What was counted under a key so far."""


class ManualPlatform(Protocol):
    """The part of the client that settles a pin by hand; every method raises `LiveError`."""

    async def get_app(self, app_id: str) -> LiveApp:
        """One app."""

    async def commit_rollback(self, app_id: str) -> None:
        """Keep what was rolled back to, and unpin the app."""

    async def revert_rollback(self, app_id: str) -> Deployment:
        """Go back to the spec before the rollback, and unpin the app."""


class Specs(Protocol):
    """What a rollout must know of specs; see `SpecKnowledge`."""

    def payload(self, live: Mapping[str, Any] | None) -> dict[str, Any]:
        """What is sent: Git's spec, with what must be carried over from live."""

    def carries(self, spec: Mapping[str, Any]) -> bool:
        """Whether a live spec is what Git wants."""

    def missing(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Human paths of what Git wants and a live spec does not have."""

    def diverging(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Human paths of what a live spec has otherwise than Git wants, apart from what is missing."""

    def moved(self, app: LiveApp) -> bool:
        """Whether the app is no longer what the plan was made from."""

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two live specs mean the same."""


@dataclass(frozen=True, slots=True)
class RolloutJob:
    """One app's rollout: a plan, or something to go on with, which a plan can ask for, too.

    ``follow``           a deployment that is under way with our spec, to be followed instead of writing anything
    ``resume_rollback``  the app is pinned to a rollback that an earlier run began (to ``follow``, if that is named):
                         judge it and commit it
    ``roll_back``        a person asks for a rollback, to the deployment ``roll_back_to``, or to the best there is
    ``secrets``          which secrets' new value is to be sent
    ``rendered``         the platform's own rendering of the spec, where it was proposed
    ``carried``          the spec of the deployment to follow, where it is not one of Git's
    ``again``            the command that goes on where this run stops
    ``history``          the deployments that were known when it was planned, by id
    """

    plan: Plan
    desired: DesiredApp | None
    policy: Policy = field(default_factory=Policy)
    project_id: str = ""
    secrets: Secrets = field(default_factory=Secrets)
    rendered: Mapping[str, Any] | None = None
    force_build: bool = False
    follow: str = ""
    resume_rollback: bool = False
    roll_back: bool = False
    roll_back_to: str = ""
    carried: Mapping[str, Any] = field(default_factory=dict)
    again: str = "reconcile"
    history: frozenset[str] = frozenset()


# --- What a rollout knows of specs: the same comparison that made the plan ---


class SpecKnowledge:
    """See `ports.Specs`. Secrets that are to be rotated count only for what is sent, never for what is found."""

    def __init__(self, job: RolloutJob) -> None:
        self._job = job
        self._known = Secrets(fingerprints=job.secrets.fingerprints)
        self._wanted = canonical(job.desired.spec) if job.desired is not None else None

    def payload(self, live: Mapping[str, Any] | None) -> dict[str, Any]:
        """Git's document, field for field, with kept ciphertext and ignored paths carried over from live."""
        assert self._job.desired is not None
        return payload(self._job.desired.spec, live, ignore=self._job.policy.ignore, secrets=self._job.secrets)

    def carries(self, spec: Mapping[str, Any]) -> bool:
        """Whether a live spec is what Git wants, by our reading or by the platform's rendering of Git's spec."""
        if self._wanted is None:
            return False
        return Comparison(self._wanted, None, self._job.policy, self._known, self._job.rendered).carries(spec)

    def missing(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Human paths of what was sent and is not there; empty while all of it is there.

        The platform's own rendering does not count: it lacks just what the platform does not take (C09).
        """
        if self._wanted is None:
            return ()
        changes = self._changes(spec)
        return [change.human_path for change in changes if change.kind is ChangeKind.ADDED and not change.sensitive]

    def diverging(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Human paths of what a live spec has otherwise than Git wants; what is missing is another matter (C09)."""
        if self._wanted is None or self.carries(spec):
            return ()
        return [change.human_path for change in self._changes(spec) if change.kind is not ChangeKind.ADDED]

    def _changes(self, spec: Mapping[str, Any]) -> Sequence[Change]:
        """What would change in a live spec if it became what Git wants."""
        assert self._wanted is not None
        aligned = align(self._wanted, canonical(spec), ignore=self._job.policy.ignore, secrets=self._known)
        if aligned.desired == aligned.live:
            return ()
        from reconciler.plan.diff import diff

        return diff(aligned.live, aligned.desired)

    def moved(self, app: LiveApp) -> bool:
        """Whether the digest of what the plan rests on is another now; False for a plan without one."""
        return bool(self._job.plan.live_digest) and live_digest(app) != self._job.plan.live_digest

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two live specs mean the same, ciphertext included."""
        return one == other or canonical(one) == canonical(other)
