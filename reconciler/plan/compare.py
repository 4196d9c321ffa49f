"""Compares Git with live in the cheapest way: two canonical trees, aligned; their changes only if they differ."""

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
from reconciler.plan.diff import comparable, diff, related
from reconciler.plan.guard import is_dangerous, takes_away
from reconciler.plan.model import Change


@dataclass(frozen=True)
class Comparison:
    """One app of Git and the live app, None if there is none. Cheap until `changes` is used."""

    wanted: Tree
    live: LiveApp | None
    policy: Policy
    secrets: Secrets
    rendered: Mapping[str, Any] | None = None
    """The platform's own rendering of Git's spec, if it was proposed."""

    @cached_property
    def aligned(self) -> Aligned:
        """Git's tree aligned with that of the app's spec."""
        return align(self.wanted, self.live_tree, ignore=self.policy.ignore, secrets=self.secrets)

    @cached_property
    def live_tree(self) -> Tree:
        """The canonical tree of the app's spec; empty if there is no app."""
        return canonical(self.live.spec) if self.live else {}

    @property
    def spec_agrees(self) -> bool:
        """Whether the app's spec matches Git."""
        return self.live is not None and self.aligned.desired == self.aligned.live

    @cached_property
    def active_agrees(self) -> bool:
        """Whether the active deployment's spec matches Git; one that was read without its spec counts as matching."""
        active = self.live.active_deployment if self.live else None
        if active is None or active.phase in (Phase.ERROR, Phase.CANCELED):
            return False
        return self.carries(active.spec) if active.spec else self.spec_agrees

    @property
    def in_sync(self) -> bool:
        """Whether Git, the app's spec and the active deployment's spec agree, and nothing is in progress or pinned."""
        live = self.live
        quiet = live is not None and live.running_deployment is None and live.pinned_deployment is None
        return quiet and self.spec_agrees and self.active_agrees

    def carries(self, spec: Mapping[str, Any]) -> bool:
        """Whether some live spec, such as a deployment's, matches Git, as written or as the platform renders it."""
        if self.live is not None and spec == self.live.spec:
            return self.spec_agrees or not self.surviving
        if not spec:  # it was read without one, as a rendering may be
            return False
        tree = canonical(spec)
        readings = [self.wanted] if self.rendered is None else [self.wanted, canonical(self.rendered)]
        aligned = (align(reading, tree, ignore=self.policy.ignore, secrets=self.secrets) for reading in readings)
        return any(one.desired == one.live for one in aligned)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What would change in the app's spec by our own comparison."""
        return diff(self.aligned.live, self.aligned.desired)

    @cached_property
    def surviving(self) -> tuple[Change, ...]:
        """The changes that remain when the platform's own rendering of the spec is compared with live.

        A change of a secret always remains: the platform renders a secret as new ciphertext, or as plaintext.
        So does the removal of a part of the app, and, if anything is sent at all, whatever a guard checks: no guard
        may be bypassed because of a rendering, as Git's spec is what is sent.
        """
        if self.rendered is None or self.live is None or not self.changes:
            return self.changes
        theirs = align(canonical(self.rendered), self.live_tree, ignore=self.policy.ignore)
        seen = [comparable(change.path, labels=False) for change in diff(theirs.live, theirs.desired)]
        remaining = [
            change.sensitive or takes_away(change) or any(related(change.path, path) for path in seen)
            for change in self.changes
        ]
        return tuple(
            change
            for change, remains in zip(self.changes, remaining, strict=True)
            if remains or (any(remaining) and is_dangerous(change))
        )


def compare(
    spec: Mapping[str, Any], live: LiveApp | None, policy: Policy, *, secrets: Secrets | None = None
) -> Comparison:
    """Compare a spec in Git with the live app."""
    return Comparison(canonical(spec), live, policy, secrets or Secrets())


def desired_digest(tree: Tree) -> str:
    """Hex SHA-256 of a canonical tree with every secret hidden: it reveals nothing about them."""
    return _sha(json.dumps(plain(tree), sort_keys=True, ensure_ascii=False))


def live_digest(app: LiveApp) -> str:
    """Hex SHA-256 of everything a plan depends on: the app's spec with its ciphertext, and its deployments.

    Equal digests mean that the app was not changed, deployed or pinned in between. The time of the last update is left
    out: a renewed certificate changes it as well.
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
