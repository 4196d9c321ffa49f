"""The numbers of the policy: what the user may choose, and what bounds every loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from reconciler.plan.deployment_history import SOAK_BACK

if TYPE_CHECKING:
    from reconciler.config import Policy

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
"""Seconds between two readings of the components' health."""

PROBE_AT_MOST_EVERY = 1.0
"""Shortest interval of probes, in seconds."""

UNCONFIRMED = 60.0
"""Seconds after which a reading of health that could not be repeated counts no more; for as long a good one may still
be repeated once the health budget and the soak are over.
"""


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
            probe_every=max(PROBE_AT_MOST_EVERY, probe.interval) if probe else 0.0,
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
