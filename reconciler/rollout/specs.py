"""What a rollout knows of specs: the plan room's knowledge, for one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.live.models import LiveApp
from reconciler.plan.align import Secrets, align
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import Comparison, live_digest
from reconciler.plan.model import ChangeKind
from reconciler.plan.payload import payload
from reconciler.rollout.ports import Job


class JobSpecs:
    """See `ports.Specs`. For a job without a spec of Git (a manual rollback) nothing carries it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._spec: Mapping[str, Any] = job.desired.spec if job.desired else {}
        # Rotated secrets are new ciphertext once they are sent: from then on they cannot be compared either.
        self._wanted = Comparison(canonical(self._spec), None, job.policy, Secrets(), job.rendered)

    def payload(self, live: Mapping[str, Any] | None) -> dict[str, Any]:
        """See `ports.Specs`."""
        return payload(self._spec, live, ignore=self._job.policy.ignore, secrets=self._job.secrets)

    def carries(self, spec: Mapping[str, Any]) -> bool:
        """See `ports.Specs`."""
        return bool(self._spec) and self._wanted.carries(spec)

    def missing(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """See `ports.Specs`."""
        from reconciler.plan.diff import diff

        aligned = align(self._wanted.wanted, canonical(spec), ignore=self._job.policy.ignore)
        changes = diff(aligned.live, aligned.desired)
        return tuple(change.human_path for change in changes if change.kind is ChangeKind.ADDED)

    def moved(self, app: LiveApp) -> bool:
        """See `ports.Specs`."""
        return live_digest(app) != self._job.plan.live_digest

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """See `ports.Specs`."""
        return canonical(one) == canonical(other)
