"""Git against live, in the cheapest way that tells: two canonical trees, aligned; deepdiff only if they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.config import Policy
from reconciler.live.models import LiveApp, Phase
from reconciler.plan.align import Aligned, Secrets, align
from reconciler.plan.canonical import Opaque, Tree, canonical, plain
from reconciler.plan.guard import is_dangerous, takes_away
from reconciler.plan.model import Change


@dataclass(frozen=True)
class Comparison:
    """One app of Git and what is live; None for an app that is not there. Cheap until `changes` is asked for."""

    wanted: Tree
    live: LiveApp | None
    policy: Policy
    secrets: Secrets
    rendered: Mapping[str, Any] | None = None
    """The platform's own rendering of Git's spec, where it was proposed."""

    @cached_property
    def aligned(self) -> Aligned:
        """Git's tree against that of the app's spec."""
        return align(self.wanted, self.live_tree, ignore=self.policy.ignore, secrets=self.secrets)

    @cached_property
    def live_tree(self) -> Tree:
        """The canonical tree of the app's spec; empty for an app that is not there."""
        return canonical(self.live.spec) if self.live else {}

    @property
    def spec_agrees(self) -> bool:
        """Whether the app's spec is what Git wants."""
        return self.live is not None and self.aligned.desired == self.aligned.live

    @cached_property
    def active_agrees(self) -> bool:
        """Whether the active deployment's spec is what Git wants; one that came without its spec says nothing else."""
        active = self.live.active_deployment if self.live else None
        if active is None or active.phase in (Phase.ERROR, Phase.CANCELED):
            return False
        return self.carries(active.spec) if active.spec else self.spec_agrees

    @property
    def in_sync(self) -> bool:
        """Whether Git, the app's spec and the active deployment's spec agree, and nothing is under way or pinned."""
        live = self.live
        quiet = live is not None and live.running_deployment is None and live.pinned_deployment is None
        return quiet and self.spec_agrees and self.active_agrees

    def carries(self, spec: Mapping[str, Any]) -> bool:
        """Whether some live spec, such as a deployment's, is what Git wants, by our reading or the platform's."""
        if self.live is not None and spec == self.live.spec:
            return self.spec_agrees or not self.surviving
        if not spec:  # it came without one, as a rendering may
            return False
        tree = canonical(spec)
        readings = [self.wanted] if self.rendered is None else [self.wanted, canonical(self.rendered)]
        aligned = (align(reading, tree, ignore=self.policy.ignore, secrets=self.secrets) for reading in readings)
        return any(one.desired == one.live for one in aligned)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What would change in the app's spec by our own reading of it."""
        from reconciler.plan.diff import diff

        return diff(self.aligned.live, self.aligned.desired)

    @cached_property
    def surviving(self) -> tuple[Change, ...]:
        """The changes that also stand when the platform's own rendering of the spec is compared with live.

        A change of a secret always stands: what the platform renders of a secret is new ciphertext, or the plaintext.
        So does what takes a part of the app away, and, where anything is sent at all, whatever a guard judges: no guard
        may be opened by what a rendering shows, as it is Git's spec that is sent.
        """
        if self.rendered is None or self.live is None or not self.changes:
            return self.changes
        from reconciler.plan.diff import diff

        theirs = align(canonical(self.rendered), self.live_tree, ignore=self.policy.ignore)
        seen = [change.path for change in diff(theirs.live, theirs.desired)]
        standing = [
            change.sensitive or takes_away(change) or any(_related(change.path, path) for path in seen)
            for change in self.changes
        ]
        return tuple(
            change
            for change, stands in zip(self.changes, standing, strict=True)
            if stands or (any(standing) and is_dangerous(change))
        )


def _related(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one path is the other or lies below it: the two readings may tell a change at different depths."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def compare(
    spec: Mapping[str, Any], live: LiveApp | None, policy: Policy, *, secrets: Secrets | None = None
) -> Comparison:
    """Compare a spec of Git with what is live."""
    return Comparison(canonical(spec), live, policy, secrets or Secrets())


def desired_digest(tree: Tree) -> str:
    """Hex SHA-256 of a canonical tree with every secret hidden: it gives nothing away about them."""
    return _sha(json.dumps(plain(tree), sort_keys=True, ensure_ascii=False))


def live_digest(app: LiveApp) -> str:
    """Hex SHA-256 of all that a plan rests on: the app's spec with its ciphertext, and which deployments it has.

    Equal digests mean that nobody changed, deployed or pinned the app in between. The time of the last update is left
    out: a renewed certificate moves it, too.
    """
    deployments = (
        app.active_deployment,
        app.running_deployment,
        app.pinned_deployment,
    )
    parts = [
        app.id,
        _revealed(canonical(app.spec)),
        *(deployment.id if deployment else "" for deployment in deployments),
    ]
    return _sha("\n".join(parts))


def _revealed(tree: Tree) -> str:
    """The tree as text, ciphertext included; never leaves the digest."""

    def hidden(value: object) -> str:
        return hashlib.sha256(value.reveal().encode()).hexdigest() if isinstance(value, Opaque) else str(value)

    return json.dumps(tree, sort_keys=True, ensure_ascii=False, default=hidden)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
