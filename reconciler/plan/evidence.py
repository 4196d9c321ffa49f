"""What Git can tell about an app: the versions of its spec, for `attribution`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.appspec.shape import SPEC, Listing, Record, Shape
from reconciler.desired.git_history import FileHistory, plain_specs
from reconciler.plan.align import segments
from reconciler.plan.canonical import key_of

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpecVersion:
    """What the spec file said after a commit; ``spec`` is None where it did not hold this app."""

    commit: str
    when: datetime
    author: str
    spec: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SpecHistory:
    """The versions of an app's spec in Git, newest first. ``gap`` says why there may be more; empty: that is all."""

    versions: tuple[SpecVersion, ...] = ()
    gap: str = ""


def spec_history(
    history: FileHistory, names: Collection[str], read: Callable[[str, str], Any] = plain_specs
) -> SpecHistory:
    """The versions of one app's spec in a file's history. ``names``: what the app is and was called.

    ``read`` takes a text apart as `History.removed_specs` asks for; pass one that puts variables in, as loading does.
    """

    def spec_of(text: str | None) -> Mapping[str, Any] | None:
        return next((spec for name, spec in read(text or "", "") if name in names), None)

    versions = (
        SpecVersion(revision.commit, revision.when, revision.author, spec_of(revision.text))
        for revision in history.revisions
    )
    return SpecHistory(tuple(versions), history.gap)


def identity_path(spec: Mapping[str, Any], pointer: str) -> Path:
    """The path by identity of a JSON pointer with list indexes, as far as the spec's shape tells identities."""
    node: Any = spec
    shape: Shape | None = SPEC
    out: list[str] = []
    for part in segments(pointer):
        if isinstance(node, list):
            node = node[int(part)]
            known = isinstance(shape, Listing) and shape.identity and isinstance(node, Mapping)
            out.append(key_of(shape, node) if known and isinstance(shape, Listing) else part)
            shape = shape.item if isinstance(shape, Listing) else None
        else:
            node = node[part]
            out.append(part)
            field = shape.fields.get(part) if isinstance(shape, Record) else None
            shape = field.shape if field else None
    return tuple(out)
