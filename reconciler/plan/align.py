"""Aligns a desired spec with the live one before they are compared.

A desired tree leaves some values open: ciphertext that Git cannot know, values that the platform chooses,
paths that the policy ignores. `align` fills them in from live, so that whatever still differs is a real difference; and
it lists the live values that must be sent for that to hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.secrets import is_marked
from reconciler.appspec.shape import SPEC, Field, Listing, Record, Shape
from reconciler.appspec.walk import field_of, within
from reconciler.plan.canonical import Opaque, Path, Tree
from reconciler.plan.diff import place_of
from reconciler.plan.model import Note
from reconciler.plan.routes import settle_ingress
from reconciler.plan.secret_fingerprints import VARIABLE, VERSION, Fingerprints, SecretMatch
from reconciler.text import segments

KEPT = "ciphertext cannot be compared"
ROTATED = "the new value will be sent"
IGNORED = "differs from Git, ignored as configured"
UNCHANGED = "its fingerprint matches the last value sent"
CHANGED = "its fingerprint differs from that of the last value sent"
UNMARKED = "no fingerprint stored yet; future changes will be detected"

_SCALING = ("autoscaling", "instance_count")
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Secrets:
    """Knowledge about secrets beyond the specs.

    ``rotate``: entries such as ``STRIPE_KEY``, ``api/STRIPE_KEY`` or a whole path whose new value is to be sent.
    ``changed``: paths whose plaintext is known to differ from what was sent last.
    ``fingerprints``: if the policy asks for them, they detect that from the live spec itself.
    """

    rotate: frozenset[str] = frozenset()
    changed: frozenset[Path] = frozenset()
    fingerprints: Fingerprints | None = field(default=None, repr=False)

    def rotates(self, path: Path) -> frozenset[str]:
        """The entries that match a secret at this path."""
        return frozenset(entry for entry in self.rotate if names(entry, path))


@dataclass(slots=True)
class _Walk:
    """The results of the walk."""

    secrets: Secrets
    app: str = ""
    """The live app's name, which is part of its fingerprints."""

    stored: Mapping[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    carried: list[Path] = field(default_factory=list)
    rotated: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two trees in which every difference is real.

    ``carried``: paths whose live value must be sent instead of Git's, or without one in Git (kept secrets, ignored
    paths); if live has none, Git's is omitted. ``rotated``: the entries of `Secrets.rotate` that had an effect.
    """

    desired: Tree
    live: Tree
    notes: tuple[Note, ...] = ()
    carried: tuple[Path, ...] = ()
    rotated: frozenset[str] = frozenset()


def align(desired: Tree, live: Tree, *, ignore: Collection[str] = (), secrets: Secrets | None = None) -> Aligned:
    """Make the canonical trees of Git and live comparable; neither is modified.

    ``ignore`` are JSON pointers by identity, such as ``/services/web/instance_count``; the part ``*`` matches
    every name, and everything below is ignored as well. The variable that holds fingerprints is never a difference.
    """
    if desired == live:
        return Aligned(desired, live)
    walk = _Walk(secrets or Secrets(), str(live.get("name", "")), stored_in(live))
    git, live = hidden(desired), hidden(live)
    desired = git
    paths = [segments(pointer) for pointer in ignore]
    for path in paths:  # components first: they determine which rules the platform would choose
        desired = desired if path[:1] == ("ingress",) else _ignored(SPEC, (desired, live), path, (), walk)
    desired = _scaled_in_one_way(git, desired, live, walk)
    if desired.get("ingress") != live.get("ingress"):
        desired, live = settle_ingress(desired, live)
    for path in paths:
        desired = _ignored(SPEC, (desired, live), path, (), walk) if path[:1] == ("ingress",) else desired
    desired = _record(SPEC, desired, live, (), walk)
    notes = tuple(sorted(walk.notes, key=lambda note: (note.path, note.kind)))
    return Aligned(desired, live, notes, tuple(walk.carried), frozenset(walk.rotated))


def names(entry: str, path: Path) -> bool:
    """Whether the parts of an entry are in the path, in that order: ``api/KEY`` in services/api/envs/KEY/value."""
    rest = iter(path)
    return all(part in rest for part in entry.split("/"))


# --- what the platform chooses, and secrets --------------------------------------------------------------------------


def _record(record: Record, desired: Tree, live: Tree, path: Path, walk: _Walk) -> Tree:
    """The desired record with the values it leaves to live; the same object if there are none."""
    desired = _left_to_live(record, desired, live)
    out = desired
    for name, theirs in live.items():
        ours = desired.get(name, _ABSENT)
        spec = record.fields.get(name)
        if spec is None or ours == theirs:
            continue
        taken = _field(spec, (desired, ours, theirs), (*path, name), walk)
        if taken is not ours:
            out = dict(desired) if out is desired else out
            out[name] = taken
    return out


def _left_to_live(record: Record, desired: Tree, live: Tree) -> Tree:
    """Fill in fields of one component that depend on each other."""
    if "autoscaling" in desired and "instance_count" in live:
        return {**desired, "instance_count": live["instance_count"]}
    if record.title == "Service":
        return _with_port(desired, live)
    return desired


def _with_port(desired: Tree, live: Tree) -> Tree:
    """Add the variable PORT that the platform sets for http_port if a service has none (API reference, http_port)."""
    theirs, ours = live.get("envs"), desired.get("envs", {})
    if not isinstance(theirs, dict) or not isinstance(ours, dict) or "PORT" in ours:
        return desired
    port = theirs.get("PORT")
    if (
        not isinstance(port, dict)
        or port.keys() - {"key", "value", "scope"}
        or port.get("value") != str(live.get("http_port", 8080))
    ):
        return desired
    return {**desired, "envs": {**ours, "PORT": port}}


def _field(spec: Field, values: tuple[Tree, Any, Any], path: Path, walk: _Walk) -> Any:
    """The aligned value of a field that differs from live; ``values``: the desired record, its value, live's."""
    desired, ours, theirs = values
    if spec.can_be_secret and (ours is not _ABSENT or is_marked(spec, desired)):
        return _secret(ours, theirs, path, walk)
    if ours is _ABSENT and spec.server_chosen:
        return theirs
    shape = spec.shape
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if isinstance(shape, Record):
            return _record(shape, ours, theirs, path, walk)
        if isinstance(shape, Listing) and shape.identity:
            return _items(shape, ours, theirs, path, walk)
    return ours


def _items(listing: Listing, ours: Tree, theirs: Tree, path: Path, walk: _Walk) -> Tree:
    assert isinstance(listing.item, Record)
    out = dict(ours)
    for key, item in theirs.items():
        mine = ours.get(key)
        if isinstance(mine, dict) and isinstance(item, dict) and mine != item:
            out[key] = _record(listing.item, mine, item, (*path, key), walk)
    return out


def _secret(ours: Any, theirs: Any, path: Path, walk: _Walk) -> Any:
    """The aligned value of a secret that differs from live or may differ."""
    if not isinstance(theirs, Opaque):
        # Live does not have this as a secret yet. Becoming one is a change; its value, if equal, is not.
        return theirs if isinstance(ours, Opaque) and ours.holds(theirs) else ours
    if ours is _ABSENT:
        walk.carried.append(path)
        return theirs
    if not isinstance(ours, Opaque) or ours.is_ciphertext or not theirs.is_ciphertext:
        return ours
    if entries := walk.secrets.rotates(path):
        walk.rotated |= entries
        walk.notes.append(Note(path, "rotated", ROTATED))
        return ours
    if path in walk.secrets.changed:
        return ours
    if walk.secrets.fingerprints is not None:
        verdict = walk.secrets.fingerprints.verdict(walk.app, path, ours, walk.stored)
        if verdict is not SecretMatch.SAME:
            walk.notes.append(Note(path, "sent", CHANGED if verdict is SecretMatch.CHANGED else UNMARKED))
            return ours
    walk.notes.append(Note(path, "kept", UNCHANGED if walk.secrets.fingerprints else KEPT))
    walk.carried.append(path)
    return theirs


# --- ignored paths ---------------------------------------------------------------------------------------------------


def _ignored(shape: Shape | None, pair: tuple[Any, Any], rest: Path, path: Path, walk: _Walk) -> Any:
    """The desired part with the live value at an ignored path; ``pair``: the desired and the live part."""
    ours, theirs = pair
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return _ignored_item(shape, (ours, theirs), rest, path, walk)
    if not isinstance(ours, dict) or not isinstance(theirs, dict) or not rest:
        return ours
    head, *below = rest
    out = ours
    for key in sorted(ours.keys() | theirs.keys()) if head == "*" else [head]:
        mine, live = ours.get(key, _ABSENT), theirs.get(key, _ABSENT)
        if mine == live:
            continue
        inner, empty = _below(shape, key)
        here = (*path, key)
        if not below:
            taken = live
            walk.notes.append(Note(here, "ignored", IGNORED))
            walk.carried.append(here)
        else:
            parts = (_or_empty(mine, empty), _or_empty(live, empty))
            taken = _ignored(inner, parts, tuple(below), here, walk)
            taken = mine if taken is parts[0] else taken
        if taken is not mine:
            out = {name: value for name, value in out.items() if name != key}
            if taken is not _ABSENT and not (taken == {} and empty):
                out[key] = taken
    return out


def _ignored_item(
    shape: Shape | None, pair: tuple[tuple[Any, ...], tuple[Any, ...]], rest: Path, path: Path, walk: _Walk
) -> tuple[Any, ...]:
    """The same within an item of an ordered list, by label (``[/api]``) or number; Git decides which items exist."""
    ours, theirs = pair
    head, *below = rest
    index, other = place_of(ours, head), place_of(theirs, head)
    if not below or index is None or other is None:
        return ours
    taken = _ignored(within(shape, head), (ours[index], theirs[other]), tuple(below), (*path, head), walk)
    return (*ours[:index], taken, *ours[index + 1 :])


def scaled_with(paths: Collection[Path]) -> list[Path]:
    """The components with a count or autoscaling among the paths: a spec with both is invalid."""
    return list(dict.fromkeys(path[:2] for path in paths if len(path) > 2 and path[2] in _SCALING))


def _scaled_in_one_way(git: Tree, desired: Tree, live: Tree, walk: _Walk) -> Tree:
    """The desired tree without a count next to an ignored autoscaling, or autoscaling next to an ignored count."""
    for kind, name in scaled_with(walk.carried):
        component, path = desired[kind][name], (kind, name, "instance_count")
        theirs = live[kind][name].get("instance_count")
        if "autoscaling" in component:
            scaled = {key: value for key, value in component.items() if key != "instance_count"}
            walk.carried = [one for one in walk.carried if one != path]
            walk.notes = [note for note in walk.notes if note.path != path]
        elif "autoscaling" in git[kind][name] and theirs is not None and path not in walk.carried:
            scaled = {**component, "instance_count": theirs}
            walk.carried.append(path)
        else:
            continue
        desired = {**desired, kind: {**desired[kind], name: scaled}}
    return desired


def _below(shape: Shape | None, key: str) -> tuple[Shape | None, bool]:
    """The shape under a key, and whether omitting it means the same as an empty value."""
    below, spec = within(shape, key), field_of(shape, key)
    keyed = isinstance(below, Listing) and bool(below.identity)
    return below, spec is not None and (keyed or spec.default == {})


def _or_empty(value: Any, empty: bool) -> Any:
    return {} if value is _ABSENT and empty else value


# --- The variable in which an app's fingerprints are kept ---


def stored_in(tree: Tree) -> dict[str, str]:
    """The fingerprints kept in a canonical spec, by tag; empty if they are not ours or of another version."""
    envs = tree.get("envs")
    entry = envs.get(VARIABLE) if isinstance(envs, dict) else None
    text = entry.get("value") if isinstance(entry, dict) else None
    version, _, pairs = text.partition(":") if isinstance(text, str) else ("", "", "")
    return dict(pair.split("=", 1) for pair in pairs.split(",") if "=" in pair) if version == VERSION else {}


def hidden(tree: Tree) -> Tree:
    """The canonical spec without our variable; the same object if it has none."""
    envs = tree.get("envs")
    if not isinstance(envs, dict) or VARIABLE not in envs:
        return tree
    rest = {name: env for name, env in envs.items() if name != VARIABLE}
    out = {**tree, "envs": rest}
    if not rest:
        del out["envs"]
    return out
