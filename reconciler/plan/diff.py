"""Finds the changes that turn one canonical tree into another.

Keyed trees are walked here. deepdiff does what is hard: it finds which items of a list moved, and which item became
which in a list that no schema knows. It is imported only then (docs/decisions/010-what-deepdiff-does.md), and no
difference depends on its finding it. It is given names of fields and numbers, one for each distinct value, so that no
secret can end up in its objects.

How changes are worded is decided here, too:

- a component, variable, domain … that is added or removed is one change, with everything in it as the value;
- an omitted field counts as its documented default: ``instance_count 1 → 3`` rather than ``+ 3``;
- an item of an ordered list is named by its content (``ingress/rules/[/api]``), one of a list that no schema knows by
  its index, from 0: the live one if it is changed or removed, Git's if it is added;
- of reordered items as many as possible stay, and the moves of all others are one change of the list.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from reconciler.appspec.shape import MISSING, SPEC, Listing, Record, Shape
from reconciler.appspec.walk import field_of, within
from reconciler.plan.canonical import Opaque, Path, Tree, plain
from reconciler.plan.model import Change, ChangeKind, Move

_ABSENT: Any = object()

_MOST_PAIRS = 1000
"""Items of a list that may be compared with each other: deepdiff takes some 0.3 ms for each two."""


def diff(before: Tree, after: Tree) -> tuple[Change, ...]:
    """The changes from one canonical tree to another, in the order of the spec's fields; empty if they are equal.

    A change of a secret has no values, and a secret within an added or removed part reads ``(secret)``.
    """
    return () if before == after else tuple(_members(SPEC, before, after, ()))


def related(one: Path, other: Path) -> bool:
    """Whether one path is the other or lies below it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def comparable(path: Path, *, labels: bool = True) -> Path:
    """The part of a path that leads to the same place in any comparison of this app.

    It ends at the first name that no schema knows, as items below are numbered; without ``labels`` also at an ordered
    list, as an item's content may be spelled differently.
    """
    shape: Shape | None = SPEC
    for depth, part in enumerate(path):
        if shape is None or (not labels and isinstance(shape, Listing) and shape.ordered):
            return path[:depth]
        shape = within(shape, part)
    return path


# --- keyed trees -----------------------------------------------------------------------------------------------------


def _pair(shape: Shape | None, old: Any, new: Any, path: Path) -> Iterator[Change]:
    """The changes at one place, where the two differ."""
    match shape, old, new:
        case Listing(ordered=True), tuple(), tuple():
            yield from _ordered(shape, labels(old), labels(new), path)
        case ((Record() | Listing() | None), dict(), dict()):
            yield from _members(shape, old, new, path)
        case None, list(), list():
            yield from _unnamed(old, new, path)
        case _:
            yield _change(path, old, new)


def _members(shape: Record | Listing | None, before: Tree, after: Tree, path: Path) -> Iterator[Change]:
    order = list(shape.fields) if isinstance(shape, Record) else []
    names = sorted(before.keys() | after.keys())
    for name in sorted(names, key=lambda name: order.index(name) if name in order else len(order)):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old != new:
            inner, unset = _below(shape, name)
            if unset not in (old, new):
                old, new = (unset if value is _ABSENT else value for value in (old, new))
            yield from _pair(inner, old, new, (*path, name))


def _below(shape: Shape | None, name: str) -> tuple[Shape | None, Any]:
    """The shape under a name, and what omitting it means (`_ABSENT`: nothing)."""
    field = field_of(shape, name)
    if field is None:
        return within(shape, name), _ABSENT
    if isinstance(field.shape, Listing):
        return field.shape, {} if field.shape.identity else () if field.shape.ordered else _ABSENT
    hidden = field.server_chosen or field.default in (MISSING, "")  # the empty string is an invisible value
    return field.shape, _ABSENT if hidden else field.default


def _change(path: Path, old: Any, new: Any, place: str = "") -> Change:
    kind = ChangeKind.ADDED if old is _ABSENT else ChangeKind.REMOVED if new is _ABSENT else ChangeKind.CHANGED
    if isinstance(old, Opaque) or isinstance(new, Opaque):
        return Change(path, kind, sensitive=True)
    before, after = (None if value is _ABSENT else plain(value) for value in (old, new))
    return Change(path, kind, before, after, place=place)


# --- lists -----------------------------------------------------------------------------------------------------------


def _ordered(shape: Listing, before: Tree, after: Tree, path: Path) -> Iterator[Change]:
    """The changes of an ordered list, its items by label."""
    old, new, order = [one for one in before if one in after], [one for one in after if one in before], list(after)
    stays = _staying(old, new)
    if old != new:
        yield _reordered(path, list(before), order, stays)
    for label, item in after.items():
        if label not in before:
            yield _change((*path, label), _ABSENT, item, _place(label, order, stays))
        elif before[label] != item:
            yield from _pair(shape.item, before[label], item, (*path, label))
    yield from (_change((*path, label), before[label], _ABSENT) for label in before if label not in after)


def _unnamed(before: list[Any], after: list[Any], path: Path) -> Iterator[Change]:
    """The changes of a list that no schema knows, its items by number."""
    origins = _origins(before, after)
    places = {origin: place for place, origin in enumerate(origins)}
    new = [str(origin) for origin in origins if origin is not None]
    old = sorted(new, key=int)
    if old != new:
        yield _reordered(path, old, new, _staying(old, new))
    for number, item in enumerate(before):
        now = after[places[number]] if number in places else _ABSENT
        if item != now:
            yield from _pair(None, item, now, (*path, str(number)))
    yield from (_change((*path, str(at)), _ABSENT, item) for at, item in enumerate(after) if origins[at] is None)


def _origins(before: list[Any], after: list[Any]) -> list[int | None]:
    """The live item that each of Git's items was: an equal one, or the closest of the rest, or the one in its place."""
    was = {key: place for place, key in enumerate(_keys(before))}
    origins = [was.get(key) for key in _keys(after)]
    taken = set(origins)
    old = [place for place, item in enumerate(before) if place not in taken and isinstance(item, dict | list)]
    new = [place for place, item in enumerate(after) if origins[place] is None and isinstance(item, dict | list)]
    if 0 < len(old) * len(new) <= _MOST_PAIRS:
        numbers: dict[Any, int] = {}
        trees = ([_numbered(items[place], numbers) for place in left] for items, left in ((before, old), (after, new)))
        for level in _found(*trees, ignore_order=True):
            here, there = (level.path(output_format="list", use_t2=second) for second in (False, True))
            if len(here) > 1 and origins[new[there[0]]] is None and old[here[0]] not in taken:
                origins[new[there[0]]] = old[here[0]]
                taken.add(old[here[0]])
    for place, origin in enumerate(origins):
        prior = origins[place - 1] if place else -1
        if origin is None and prior is not None and prior + 1 < len(before) and prior + 1 not in taken:
            origins[place] = prior + 1  # adjacent on both sides: no other item can match it
    return origins


def _reordered(path: Path, before: list[str], after: list[str], stays: Collection[str]) -> Change:
    moved = [item for item in after if item in before and item not in stays]
    moves = tuple(Move(item, _place(item, after, stays)) for item in moved)
    return Change(path, ChangeKind.REORDERED, before, after, moves=moves)


def _staying(before: list[str], after: list[str]) -> Collection[str]:
    """The items that can stay when the same items are reordered: all others are moved past them."""
    if before == after:
        return before
    numbers = {item: number for number, item in enumerate(before)}
    order = [numbers[item] for item in after]
    places = {number: place for place, number in enumerate(order)}
    moved = {number for level in _found(sorted(order), order) for number in (level.t1, level.t2)}
    stays = [number for number in order if number not in moved]
    for number in sorted(moved & places.keys()):  # of two that swap places deepdiff names both: one can stay
        at = bisect(stays, number)
        around = [*stays[max(at - 1, 0) : at], number, *stays[at : at + 1]]
        if around == sorted(around, key=lambda one: places[one]):
            stays.insert(at, number)
    return {before[number] for number in stays}


def _place(item: str, after: Sequence[str], stays: Collection[str]) -> str:
    """An item's new place: ``before [/api]``, or ``after [/]`` if none that stays follows; empty if all move."""
    at = after.index(item)
    if any(one in stays for one in after[at:]):
        return f"before {after[at + 1]}"
    return f"after {after[at - 1]}" if stays else ""


def _keys(items: list[Any]) -> Iterator[tuple[Any, int]]:
    """The key of each item, with a count of equal ones."""
    seen: Counter[Any] = Counter()
    for key in map(_key, items):
        seen[key] += 1
        yield key, seen[key]


def _key(value: Any) -> Any:
    """A hashable form of a value: equal values have equal keys."""
    if isinstance(value, dict):
        return frozenset((name, _key(item)) for name, item in value.items())
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value


def _numbered(value: Any, numbers: dict[Any, int]) -> Any:
    """A part of a tree with a number for each distinct value."""
    if isinstance(value, dict):
        return {name: _numbered(item, numbers) for name, item in value.items()}
    if isinstance(value, list):
        return [_numbered(item, numbers) for item in value]
    return numbers.setdefault(_key(value), len(numbers))


def _found(first: Any, second: Any, *, ignore_order: bool = False) -> Iterator[Any]:
    """The differences that deepdiff finds between two trees of names and numbers; if unordered, of closest items."""
    from deepdiff import DeepDiff

    found = DeepDiff(
        first,
        second,
        view="tree",
        ignore_order=ignore_order,
        cutoff_distance_for_pairs=1,  # the closest items are a pair, however different
        cutoff_intersection_for_pairs=1,
        threshold_to_diff_deeper=0,  # never give up on a dict as "too different"
        ignore_private_variables=False,  # a field may be called `__name`
    )
    for levels in found.values():
        yield from levels


# --- items of ordered lists ------------------------------------------------------------------------------------------


def labels(items: Iterable[Any]) -> dict[str, Any]:
    """The items of an ordered list by a label from their content, in order; equal labels are numbered."""
    out: dict[str, Any] = {}
    for item in items:
        label = wanted = _label(item)
        number = 1
        while label in out:
            number += 1
            label = f"{wanted}#{number}"
        out[label] = item
    return out


def _label(item: Any) -> str:
    """``[/api]``, ``[example.com/api]`` for ingress rules; else the item itself, shortened."""
    if isinstance(item, dict) and item.keys() & {"match", "component", "redirect"}:
        match = item.get("match", {})
        parts = [match.get(name, {}) for name in ("authority", "path")] if isinstance(match, dict) else [{}, {}]
        host, path = ("".join(map(str, part.values())) if isinstance(part, dict) else str(part) for part in parts)
        return f"[{host}{path or '/'}]"
    if isinstance(item, dict):
        return "[" + ",".join(f"{name}={value}" for name, value in sorted(item.items())) + "]"
    return f"[{json.dumps(item, default=repr)}]"


def place_of(items: tuple[Any, ...], part: str) -> int | None:
    """The index of the item with that label, or with that number; None if there is none."""
    known = list(labels(items))
    if part in known:
        return known.index(part)
    return int(part) if part.isdecimal() and int(part) < len(items) else None
