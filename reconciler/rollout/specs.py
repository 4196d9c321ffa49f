"""What a rollout knows of specs, from the plan room: the same comparison that made the plan."""

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
    """See `ports.Specs`. Secrets that are to be rotated count only for what is sent, never for what is found."""

    def __init__(self, job: Job) -> None:
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
        aligned = align(self._wanted, canonical(spec), ignore=self._job.policy.ignore)
        if aligned.desired == aligned.live:
            return ()
        from reconciler.plan.diff import diff

        changes = diff(aligned.live, aligned.desired)
        return [change.human_path for change in changes if change.kind is ChangeKind.ADDED and not change.sensitive]

    def moved(self, app: LiveApp) -> bool:
        """Whether the digest of what the plan rests on is another now; False for a plan without one."""
        return bool(self._job.plan.live_digest) and live_digest(app) != self._job.plan.live_digest

    def same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two live specs mean the same, ciphertext included."""
        return one == other or canonical(one) == canonical(other)
