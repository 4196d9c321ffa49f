"""A plan as lines: each app with its symbol, action and cost, followed by its changes."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.plan.model import UNJUDGED, WRITTEN, Action, Change, ChangeKind, Note, Plan, PlanReport
from reconciler.redaction import MASK
from reconciler.text import count
from reconciler.views.lines import (
    Line,
    Tone,
    cells,
    change_text,
    finding_lines,
    inert,
    name,
    opaque,
    padded,
    shortened,
    width_of,
)
from reconciler.views.summary import extra_reason, is_quiet, plan_cost, plan_groups, plan_word, unjudged

INDENT = " " * 6
MANY_QUIET = 20
"""If more apps than this are in sync, they are counted instead of listed."""

_COST_EDGE = 72
_PATH_COLUMN = 48
_PATH_WIDTH = 300
_NAME_COLUMN = 32
_MANY_NOTES = 3
_NAMING = ("name", "key", "domain", "rule")
"""Identity fields, which are omitted because the path already contains them."""

_OF_SECRETS = ("kept", "rotated", "sent")
"""The kinds of notes about a secret."""

ACTION_TONES: dict[Action, Tone] = {
    Action.CREATE: "good",
    Action.UPDATE: "change",
    Action.REDEPLOY: "change",
    Action.ALERTS: "change",
    Action.DELETE: "bad",
    Action.NONE: "quiet",
    Action.REFUSE: "error",
}

_CHANGE_TONES: dict[ChangeKind, Tone] = {
    ChangeKind.ADDED: "good",
    ChangeKind.REMOVED: "bad",
    ChangeKind.CHANGED: "change",
    ChangeKind.REORDERED: "change",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths: the total ``width`` and the column of ``names``; ``verbose`` omits nothing, ``brief`` whatever can be."""

    width: int = 100
    names: int = 0
    verbose: bool = False
    brief: bool = False


def plan_lines(report: PlanReport, *, width: int, verbose: bool) -> Iterator[Line]:
    """The apps of a plan in order, then a count of those in sync if they are many, then general findings."""
    quiet = [plan for plan in report.plans if is_quiet(plan)]
    collapse = len(quiet) > MANY_QUIET and not verbose
    plans = [plan for plan in report.plans if not (collapse and is_quiet(plan))]
    names = max((cells(name(plan.app)) for plan in plans), default=0)
    layout = Layout(width, min(names, _NAME_COLUMN), verbose)
    shared = _shared_refusals(plans)
    for plan, alike in plan_groups(plans) if not verbose else [(plan, (plan.app,)) for plan in plans]:
        shown = replace(plan, reason="", override="") if _refusal(plan) in shared else plan
        if len(alike) > 1:
            shown = replace(shown, app=count(len(alike), "app"))
        yield from app_lines(shown, layout, each=len(alike) > 1)
        if len(alike) > 1:
            yield from wrapped(f"in {', '.join(map(name, alike))}", INDENT, width, "quiet")
    if collapse:
        yield (("  = ", "quiet"), (f"{count(len(quiet), 'app')} in sync", "quiet"))
    for (reason, override), apps in shared.items():
        yield ()
        yield from wrapped(f"{apps} apps refused: {reason}", "  ", width, "error")
        yield ((f"{INDENT}{override_label(override)}: ", "quiet"), (shortened(override, 200), "strong"))
    if len(report.waves) > 1:
        yield ()
        sizes = ", then ".join(map(str, report.waves))
        yield ((f"  applied in {len(report.waves)} waves: {sizes} of {sum(report.waves)} apps", "quiet"),)
    young, sentence = unjudged(report.plans)
    if young:
        yield ()
        yield ((f"  {sentence}: {_listed(young)}", "quiet"),)
    if report.unmanaged:
        yield ()
        summary = f"{count(len(report.unmanaged), 'live app')} without a spec, not touched"
        yield ((f"  {summary}: {_listed(report.unmanaged)}", "quiet"),)
    if report.findings:
        yield ()
        yield from finding_lines(report.findings, indent="  ")


def _listed(apps: Sequence[str]) -> str:
    return ", ".join(map(name, apps[:MANY_QUIET])) + (", …" if len(apps) > MANY_QUIET else "")


def _refusal(plan: Plan) -> tuple[str, str]:
    """Why a plan was refused, and what allows it."""
    return plan.reason, plan.override


def _shared_refusals(plans: Sequence[Plan]) -> dict[tuple[str, str], int]:
    """Refusals that several apps share, with their number, so that each is shown once."""
    tally = Counter(_refusal(plan) for plan in plans if plan_word(plan) == "refused" and plan.override)
    return {refusal: apps for refusal, apps in tally.items() if apps > 1}


def app_lines(plan: Plan, layout: Layout, *, each: bool = False) -> Iterator[Line]:
    """One app, or several that are alike: a line, followed by its changes, notes and findings."""
    reason = inert(extra_reason(plan))
    word, cost = plan_word(plan), plan_cost(plan)
    cost += " each" if cost and each else ""
    tone = ACTION_TONES[plan.action]
    head: Line = (
        (f"  {plan.action.value} ", tone),
        (padded(name(plan.app), layout.names), "strong" if tone != "quiet" else ""),
        (f"  {word}{' (new app)' if plan.is_new and plan.action is Action.REFUSE else ''}", tone),
    )
    beside = reason if width_of(head) + cells(reason) + 2 <= layout.width else ""
    if beside:
        head = (*head, (f": {beside}", ""))
    if cost:
        gap = min(_COST_EDGE, layout.width) - width_of(head) - cells(cost)
        head = (*head, (" " * max(gap, 2) + cost, ""))
    yield head
    if reason and not beside:
        yield from wrapped(reason, INDENT, layout.width)
    yield from _beneath(plan, layout)


def _beneath(plan: Plan, layout: Layout) -> Iterator[Line]:
    parts, alerts = parts_of(plan.changes), parts_of(plan.alerts)
    column = path_column([*parts, *alerts], plan.notes)
    if plan.moved_from:
        yield ((f"{INDENT}renamed from {name(plan.moved_from)}", ""),)
    if not (plan.is_new or plan.action is Action.DELETE) or layout.verbose:
        yield from _change_lines(parts, layout.width, column)
    yield from _change_lines(alerts, layout.width, column)
    for sentence in origin_lines(plan):
        yield from wrapped(sentence, INDENT, layout.width, "notice")
    if plan.writes and plan.update_all_source_versions:
        yield ((f"{INDENT}every source is updated to its newest commit or image", ""),)
    if not is_quiet(plan) or layout.verbose:
        yield from _note_lines(notes_to_show(plan, verbose=layout.verbose), layout, column)
    yield from finding_lines(plan.findings, indent=INDENT)
    if plan.override:
        yield ((f"{INDENT}{override_label(plan.override)}: ", "quiet"), (shortened(plan.override, 200), "strong"))


def override_label(override: str) -> str:
    """The label of a plan's override: a flag allows what was refused, a command shows more."""
    return "to allow it" if override.startswith("-") else "see"


def wrapped(text: str, indent: str, width: int, tone: Tone = "") -> Iterator[Line]:
    """A long text over several lines."""
    for line in textwrap.wrap(inert(text), max(width - len(indent), 40), break_on_hyphens=False):
        yield ((indent + line, tone),)


def _change_lines(parts: Sequence[ChangeLine], width: int, column: int) -> Iterator[Line]:
    """One part per line, paths and values in two columns; ``column`` is the width of the first."""
    for part in parts:
        tone = _CHANGE_TONES[part.kind]
        text = part.text(max(width - len(INDENT) - column, 32))
        if cells(part.label) < column:
            yield ((INDENT + padded(part.label, column), ""), (text, tone))
        else:
            yield ((INDENT + part.label, ""),)
            yield ((f"{INDENT}    ", ""), (text, tone))


def origin_lines(plan: Plan) -> Iterator[str]:
    """Who made the differences: one sentence for all if it is the same, else one for each group."""
    if plan.attribution is None:
        return
    groups: dict[str, list[str]] = {}
    for one in plan.attribution.changes:
        groups.setdefault(one.text, []).append("/".join(one.path))
    if len(groups) < 2:
        yield next(iter(groups), plan.attribution.text)
        return
    for text, paths in groups.items():
        more = f" and {len(paths) - _MANY_NOTES} more" if len(paths) > _MANY_NOTES else ""
        yield f"{', '.join(paths[:_MANY_NOTES])}{more}: {text}"


def path_column(parts: Sequence[ChangeLine], notes: Sequence[Note]) -> int:
    """The width of an app's paths, with the gap that follows them."""
    labels = [*(part.label for part in parts), *(_label(note.path) for note in notes)]
    return min(max(map(cells, labels), default=0), _PATH_COLUMN) + 3


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One line of a change: its ``label`` is inert; the values of a ``whole`` part follow on separate lines."""

    label: str
    change: Change
    whole: bool = False

    @property
    def kind(self) -> ChangeKind:
        """How the value differs."""
        return self.change.kind

    def text(self, width: int) -> str:
        """What the change does, on one line of about ``width`` characters."""
        if self.whole:
            text = "+ added" if self.kind is ChangeKind.ADDED else "- removed"
            return shortened(f"{text} {self.change.place}".rstrip(), width)
        return change_text(self.change, width)


def parts_of(changes: Sequence[Change]) -> list[ChangeLine]:
    """Changes as lines: an added or removed part of a spec, then each of its values; each move. Without secrets."""
    return [part for change in changes for part in _parts_of(opaque(change))]


def lines_of(change: Change) -> int:
    """How many lines a change has, without those of the values of a part."""
    return 1 if change.sensitive else len(change.moves) or 1


def _parts_of(change: Change) -> Iterator[ChangeLine]:
    for move in change.moves:
        yield ChangeLine(_label((*change.path, move.item)), replace(change, place=move.place, moves=()))
    if change.moves:
        return
    leaves = _values_within(change)
    if not leaves:
        yield ChangeLine(_label(change.path), change)
        return
    if len(leaves) > 1 or leaves[0][0] != change.path:
        yield ChangeLine(_label(change.path), change, whole=True)
    depth = len(change.path)
    for path, value in leaves:
        leaf = replace(change, path=path, before=value, after=value)
        label = _label(path[depth:])
        yield ChangeLine(f"  {label}" if label else _label(change.path), leaf)


def _label(path: Sequence[str]) -> str:
    """A readable path; an unknown field may have a name of any length."""
    return shortened("/".join(path), _PATH_WIDTH)


def _values_within(change: Change) -> list[tuple[tuple[str, ...], Any]]:
    """The values of an added or removed part, each with its path; empty for any other change."""
    match change:
        case Change(kind=ChangeKind.ADDED, sensitive=False, after=dict() | list()):
            return list(_leaves(change.after, change.path))
        case Change(kind=ChangeKind.REMOVED, sensitive=False, before=dict() | list()):
            return list(_leaves(change.before, change.path))
        case _:
            return []


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The nested values, each with its path by identity; lists of plain values stay whole."""
    if isinstance(value, dict) and value:
        fields = {key: item for key, item in value.items() if not (key in _NAMING and (item,) == path[-1:])}
        if set(fields) == {"value"}:
            yield from _leaves(fields["value"], path)
            return
        for key, item in (fields or value).items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            label = next((str(item[key]) for key in _NAMING if item.get(key)), str(index))
            yield from _leaves(item, (*path, label))
    else:
        yield path, value


def _note_lines(notes: Sequence[Note], layout: Layout, column: int) -> Iterator[Line]:
    groups: dict[tuple[str, str], list[Note]] = {}
    for note in notes:
        groups.setdefault((note.kind, note.text), []).append(note)
    for group in groups.values():
        text = note_text(group[0])
        if len(group) > _MANY_NOTES and not layout.verbose:
            yield ((f"{INDENT}{count(len(group), 'value')}: {text}", "quiet"),)
            continue
        for note in group:
            path = _label(note.path)
            yield ((INDENT + columns(path, column, text), "quiet"),)


def columns(path: str, column: int, text: str) -> str:
    """A path padded to the width of its column, and a text beside it."""
    return f"{padded(path, column)}{'' if cells(path) < column else '  '}{text}"


def notes_to_show(plan: Plan, *, verbose: bool = False) -> list[Note]:
    """The notes, without those of a rotated secret that is already among the changes, and of places unless verbose."""
    changed = {change.path for change in plan.changes}
    elsewhere = (WRITTEN, UNJUDGED) if plan.action is Action.ALERTS else (WRITTEN,)  # one line names all of these apps
    notes = [note for note in plan.notes if verbose or note.kind not in elsewhere]
    return [note for note in notes if not (note.kind == "rotated" and note.path in changed)]


def note_text(note: Note) -> str:
    """``(secret) kept: ciphertext cannot be compared``."""
    what = f"{MASK} {note.kind}" if note.kind in _OF_SECRETS else note.kind
    text = note.text.removeprefix(f"{note.kind}: ")
    return shortened(f"{what}: {text}" if text else what, 300)
