"""Compares Git with live in the cheapest way, and builds the spec that is sent.

Two canonical trees are aligned, and their changes computed only if they differ. What is sent is the user's own
document, field for field, with only the necessary live values added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic_core import to_json

from reconciler.appspec.kinds import ROUTABLE_KINDS
from reconciler.appspec.shape import SPEC, Listing, Shape
from reconciler.appspec.walk import within
from reconciler.config import Policy
from reconciler.live.models import LiveApp, Phase
from reconciler.plan.align import Aligned, Secrets, align, scaled_with
from reconciler.plan.canonical import Opaque, Path, Tree, canonical, canonical_items, key_of, plain
from reconciler.plan.diff import comparable, diff, place_of, related
from reconciler.plan.guard import is_dangerous, takes_away
from reconciler.plan.model import Change
from reconciler.plan.secret_fingerprints import unencrypted, with_variable


@dataclass(frozen=True)
class Comparison:
    """One app of Git and the live app, None if there is none. Cheap until `changes` is used."""

    wanted: Tree
    live: LiveApp | None
    policy: Policy
    secrets: Secrets
    rendered: Mapping[str, Any] | None = None
    """The platform's own rendering of Git's spec, if it was proposed."""

    spec: Mapping[str, Any] | None = field(default=None, repr=False)
    """Git's spec as it is written, of which ``wanted`` is the tree."""

    @cached_property
    def aligned(self) -> Aligned:
        """Git's tree aligned with that of the app's spec."""
        return align(self.wanted, self.live_tree, ignore=self.policy.ignore, secrets=self.secrets)

    @cached_property
    def live_tree(self) -> Tree:
        """The canonical tree of the app's spec; empty if there is no app."""
        if self.live is None:
            return {}
        if self.live.spec == self.spec:  # word for word, as after `reconcile import`: in a twentieth of the time
            return self.wanted
        return canonical(self.live.spec)

    @cached_property
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

    @cached_property
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
    return Comparison(canonical(spec), live, policy, secrets or Secrets(), spec=spec)


def desired_digest(tree: Tree) -> str:
    """Hex SHA-256 of a canonical tree with every secret hidden: it reveals nothing about them."""
    try:
        text = to_json(tree, fallback=plain)  # in a fifth of the time of `json`, and trees are in alphabetical order
    except ValueError:  # half of a surrogate pair
        text = json.dumps(tree, default=plain).encode()
    return hashlib.sha256(text).hexdigest()


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


# --- The spec to send ---


Spec = Mapping[str, Any]
"""A spec as it is sent or received."""

_ABSENT: Any = object()

_OLDER_NAMES = {"http_path": "path"}
"""Fields with an older name."""


def payload(
    desired: Spec, live: Spec | None, *, ignore: Collection[str] = (), secrets: Secrets | None = None
) -> dict[str, Any]:
    """The spec to send; the arguments are not modified.

    Two kinds of values are taken from live: the ciphertext of secrets that are kept, and the values at ignored
    paths (if live has none, none is sent). Everything else is Git's, unknown fields included. If the
    policy asks for fingerprints, one variable with those of the secrets is added.
    """
    if live is None:
        return _marked(desired, desired, secrets, ())
    aligned = align(canonical(desired), canonical(live), ignore=ignore, secrets=secrets)
    out: Any = desired
    for path in _carried(aligned.carried, desired):
        out = _with(SPEC, out, path, _found(SPEC, live, path))
    for component in scaled_with(aligned.carried):
        if _found(SPEC, out, (*component, "autoscaling")) not in (_ABSENT, None):
            out = _with(SPEC, out, (*component, "instance_count"), _ABSENT)
    return _marked(out, desired, secrets, {note.path for note in aligned.notes if note.kind == "ignored"})


def _carried(paths: Collection[Path], desired: Mapping[str, Any]) -> Iterator[Path]:
    """The paths and, if they include all of ingress, the deprecated fields equivalent to its rules."""
    yield from paths
    if any(path in (("ingress",), ("ingress", "rules")) for path in paths):
        tree = canonical(desired)
        for kind in ROUTABLE_KINDS:
            yield from ((kind, name, field) for name in tree.get(kind, {}) for field in ("routes", "cors"))


def _marked(
    out: Mapping[str, Any], desired: Mapping[str, Any], secrets: Secrets | None, ignored: Collection[Path]
) -> dict[str, Any]:
    """The spec with the fingerprints of Git's secrets, except ignored ones, which are not sent."""
    if secrets is None or secrets.fingerprints is None:
        return dict(out)
    values = unencrypted(canonical(desired), beside=ignored)
    return with_variable(out, secrets.fingerprints.text(str(desired.get("name", "")), values))


def _found(shape: Shape | None, node: Any, path: Path) -> Any:
    """The raw value at a path by identity, or `_ABSENT`."""
    for part in path:
        shape, node = _step(shape, node, part)
        if node is _ABSENT:
            return _ABSENT
    return node


def _step(shape: Shape | None, node: Any, part: str) -> tuple[Shape | None, Any]:
    """One part down, in a record by name, in a list by identity or index."""
    if isinstance(node, Mapping):
        return within(shape, part), node.get(part, node.get(_OLDER_NAMES.get(part, part), _ABSENT))
    if isinstance(node, list):
        index = _index(shape, node, part)
        return within(shape, part), _ABSENT if index is None else node[index]
    return None, _ABSENT


def _index(shape: Shape | None, items: list[Any], part: str) -> int | None:
    """The index of a part of a path in a raw list: by identity, or in an ordered list by label or number."""
    if isinstance(shape, Listing) and shape.identity:
        named = (place for place, item in enumerate(items) if isinstance(item, Mapping) and key_of(shape, item) == part)
        return next(named, None)
    return place_of(canonical_items(shape, items), part) if isinstance(shape, Listing) else None


def _with(shape: Shape | None, node: Any, path: Path, value: Any) -> Any:
    """A copy of the node with the value at the path, or without it if the value is absent."""
    part, *rest = path
    if isinstance(node, list):
        return _with_item(shape, node, path, value)
    inner = within(shape, part)
    held = node.get(part, node.get(_OLDER_NAMES.get(part, part)))
    if held is None and value is _ABSENT:
        return node
    below = _with(inner, _empty(inner) if held is None else held, tuple(rest), value) if rest else value
    gone = (_OLDER_NAMES.get(part), part if below is _ABSENT else None)
    out = {name: item for name, item in node.items() if name not in gone}
    return out if below is _ABSENT else {**out, part: below}


def _with_item(shape: Shape | None, items: list[Any], path: Path, value: Any) -> list[Any]:
    part, *rest = path
    index = _index(shape, items, part)
    if index is None:
        added = value if not rest else _ABSENT
        return items if added is _ABSENT else [*items, added]
    item = _with(within(shape, part), items[index], tuple(rest), value) if rest else value
    return [*items[:index], *([] if item is _ABSENT else [item]), *items[index + 1 :]]


def _empty(shape: Shape | None) -> Any:
    return [] if isinstance(shape, Listing) else {}
