"""Plans, rollouts and findings as markdown for step summaries and pull requests.

``limit`` is in bytes of UTF-8: a comment takes 65,536, a step summary 1 MiB. What does not fit is shown in less and
less detail: everything, shorter values and fewer changes, one line per app, the totals. The same report always gives
the same text. ``header`` and ``footer`` are the caller's own markdown, kept in every case; ``full`` is where
the full report can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from reconciler.findings import Finding
from reconciler.plan.model import Action, ChangeKind, Plan, PlanReport
from reconciler.text import count
from reconciler.views.lines import finding_counts, name, padded, shortened
from reconciler.views.markup import (
    code,
    details,
    fence,
    finding_block,
    fitted,
    html_code,
    link,
    table,
)
from reconciler.views.plan_lines import (
    columns,
    lines_of,
    note_text,
    notes_to_show,
    origin_lines,
    override_label,
    parts_of,
    path_column,
)
from reconciler.views.summary import (
    Group,
    extra_reason,
    is_quiet,
    joined,
    plan_cost,
    plan_counts,
    plan_groups,
    plan_word,
    signed_money,
    total_cost,
    total_delta,
)

COMMENT_LIMIT = 65_536
"""Maximum size of a comment on GitHub."""

_CHANGE_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "!", ChangeKind.REORDERED: "!"}
_NAMES_SHOWN = 30
_NAMES_IN_ROW = 3
_CELL = 60
_FEW = 5
_SMALL_DIFF = 16


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is shown: the width of a value; the number of changes and findings per app, of log lines; decisions.

    ``in_row``: how many changes are in a row of the table.
    """

    values: int
    changes: int
    findings: int
    log: int = 0
    decisions: bool = False
    in_row: int = 1


DEGREES = (
    Detail(values=240, changes=2000, findings=500, log=40, decisions=True, in_row=3),
    Detail(values=120, changes=60, findings=60, log=15, decisions=True, in_row=3),
    Detail(values=80, changes=12, findings=12, log=5),
)


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses on GitHub; empty ones are not shown.

    ``full``: where the whole report is. ``blob``: the repository's files at the commit. ``workflow``: where the
    workflow is run by hand, to allow what a guard refused.
    """

    full: str = ""
    blob: str = ""
    workflow: str = ""


NO_LINKS = Links()


def plan(
    report: PlanReport, *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "", links: Links = NO_LINKS
) -> str:
    """A plan: a table, then a section per app or group of equal ones, open where it is small or a person is needed."""
    top = (header, _plan_heading(report))
    groups = plan_groups([plan for plan in report.plans if not is_quiet(plan)])
    detailed = (partial(_plan_detailed, report, groups, detail, links) for detail in DEGREES)
    bodies = (*detailed, partial(_plan_listed, report))
    return page(top, bodies, footer, links.full, limit)


def page(top: Sequence[str], bodies: Sequence[Callable[[], Iterable[str]]], footer: str, full: str, limit: int) -> str:
    """The page with the first of the bodies with which it fits, else without any; only with the first it is whole."""

    def attempt(number: int) -> Iterator[str]:
        yield from top
        more = f" {link('See the full report', full)}." if full else ""
        yield f"Shortened to fit.{more}" if number else ""
        yield from bodies[number]() if number < len(bodies) else ()
        yield footer

    return fitted(map(attempt, range(len(bodies) + 1)), limit)


def _plan_heading(report: PlanReport) -> str:
    if not report.plans:
        return "### No apps"
    if all(is_quiet(plan) for plan in report.plans):
        return f"### Nothing to change: {count(len(report.plans), 'app')} in sync"
    return f"### {count(len(report.plans), 'app')}: {plan_counts(report.plans)}"


def plan_cost_change(report: PlanReport) -> str:
    """``$41.00 → $53.00/mo (+$12.00)``."""
    cost, delta = total_cost(report.plans), total_delta(report.plans)
    return f"{cost} ({signed_money(delta)})" if delta and "→" in cost else cost


def _plan_detailed(report: PlanReport, groups: Sequence[Group], detail: Detail, links: Links) -> Iterator[str]:
    yield _plan_table(report, groups, detail)
    few = len(groups) <= _FEW
    yield from (_app(plan, names, detail, links, few=few) for plan, names in groups)
    yield from (_in_sync(report.plans), _unmanaged(report), "" if groups else plan_cost_change(report))
    yield finding_block(report.findings, detail.findings, links.blob)


def _plan_table(report: PlanReport, groups: Sequence[Group], detail: Detail) -> str:
    rows = [
        (
            _named(names),
            f"{plan.action.value}&nbsp;{plan_word(plan)}",
            brief(plan, detail),
            plan_cost(plan) + (" each" if plan_cost(plan) and len(names) > 1 else ""),
        )
        for plan, names in groups
    ]
    if rows and (cost := plan_cost_change(report)):
        rows.append(("<b>total</b>", "", "", f"<b>{cost}</b>"))
    return table(("app", "action", "change", "cost"), rows) if rows else ""


def _named(names: Sequence[str]) -> str:
    """The name of an app, or how many there are and the first of them."""
    listed = ", ".join(html_code(name(app)) for app in names[:_NAMES_IN_ROW])
    if len(names) == 1:
        return listed
    return f"<b>{count(len(names), 'app')}</b> {listed}{', …' if len(names) > _NAMES_IN_ROW else ''}"


def brief(plan: Plan, detail: Detail) -> str:
    """The changes in a cell of the table, or why there are none: as much as is read at a glance."""
    reason = extra_reason(plan)
    if reason and not (plan.changes and plan.action is Action.UPDATE):
        return html_code(shortened(reason, detail.values))
    if plan.action not in (Action.UPDATE, Action.ALERTS):
        return "new app" if plan.action is Action.CREATE else ""
    parts = [part for part in parts_of(plan.differences[: detail.in_row]) if not part.label.startswith("  ")]
    lines = [html_code(f"{part.label} {part.text(_CELL)}") for part in parts[: detail.in_row]]
    rest = sum(map(lines_of, plan.differences)) - len(lines)
    return "<br>".join([*lines, *([f"and {count(rest, 'more change')}"] if rest else [])])


def _plan_listed(report: PlanReport) -> Iterator[str]:
    lines = [_plan_line(plan) for plan in report.plans if not is_quiet(plan)]
    yield fence(lines, "diff") if lines else ""
    yield finding_counts(report.findings) if report.findings else ""


def _plan_line(plan: Plan) -> str:
    changes = count(len(plan.differences), "change") if plan.differences else ""
    facts = joined(plan_word(plan), changes, plan_cost(plan))
    return f"{plan.action.value} {padded(name(plan.app), 24)}  {facts}"


def _app(plan: Plan, names: Sequence[str], detail: Detail, links: Links, *, few: bool) -> str:
    counted = plan.differences if plan.action in (Action.UPDATE, Action.ALERTS) else ()
    changes = count(len(counted), "change") if counted else ""
    counts = finding_counts(plan.findings) if plan.findings else ""
    facts = joined(plan_word(plan), changes, counts)
    reason = extra_reason(plan)
    diff = change_block(plan, detail)
    body = [
        f"In {names_of(names)}." if len(names) > 1 else "",
        code(reason, 1000) if len(reason) > detail.values or (reason and plan.action is Action.UPDATE) else "",
        _override(plan, links),
        f"Renamed from {code(plan.moved_from)}." if plan.moved_from else "",
        "Every source is updated to its newest commit or image."
        if plan.writes and plan.update_all_source_versions
        else "",
        diff,
        _origin_block(plan, detail),
        finding_block(plan.findings, detail.findings, links.blob),
    ]
    if not any(body):
        return ""  # the table says it all
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    summary = f"{plan.action.value} {html_code(name(plan.app))}{more} {facts}"
    small = few and diff.count("\n") <= _SMALL_DIFF
    opened = plan.action is Action.REFUSE or any(finding.is_error for finding in plan.findings)
    return details(summary, [part for part in body if part], opened=opened or small)


def _override(plan: Plan, links: Links) -> str:
    """What allows a refused plan and where, or what shows more."""
    if plan.override.startswith("-") and links.workflow:
        return f"To allow it, {link('run the workflow', links.workflow)} with the input `allow`: {code(plan.override)}"
    return f"{override_label(plan.override).capitalize()}: {code(plan.override)}" if plan.override else ""


def change_block(plan: Plan, detail: Detail) -> str:
    """Changes and notes as a diff: GitHub colours a line by its first character."""
    parts = parts_of(plan.differences)
    column = path_column(parts, plan.notes)
    lines: list[str] = []
    for part in parts:
        if len(lines) == detail.changes:
            lines.append(f"… {count(len(plan.differences), 'change')} in total")
            break
        sign, text = _CHANGE_SIGNS[part.kind], part.text(detail.values)
        if part.kind in (ChangeKind.ADDED, ChangeKind.REMOVED):
            text = text.removeprefix(f"{sign} ")
        lines.append(f"{sign} {columns(shortened(part.label, detail.values), column, text)}")
    for note in notes_to_show(plan)[: detail.changes]:
        path = shortened("/".join(note.path), detail.values)
        lines.append(f"  {columns(path, column, note_text(note))}")
    return fence(lines, "diff") if lines else ""


def _origin_block(plan: Plan, detail: Detail) -> str:
    """Who made the differences."""
    lines = list(origin_lines(plan))
    shown = [f"- {code(line, detail.values * 2)}" for line in lines[: detail.changes]]
    return "\n".join([*shown, *([f"- … and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else [])])


def _in_sync(plans: Sequence[Plan]) -> str:
    quiet = [plan for plan in plans if is_quiet(plan)]
    if not quiet or len(quiet) == len(plans) > _NAMES_SHOWN:
        return ""
    return f"In sync: {names_of([plan.app for plan in quiet])}"


def _unmanaged(report: PlanReport) -> str:
    if not report.unmanaged:
        return ""
    return f"{count(len(report.unmanaged), 'live app')} without a spec, not touched: {names_of(report.unmanaged)}"


def names_of(apps: Sequence[str]) -> str:
    """The first names, each a code span, and how many more there are."""
    listed = ", ".join(code(name(app)) for app in apps[:_NAMES_SHOWN])
    return f"{listed} and {len(apps) - _NAMES_SHOWN:,} more" if len(apps) > _NAMES_SHOWN else listed


def findings(
    found: Sequence[Finding], *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "", links: Links = NO_LINKS
) -> str:
    """Findings by place; if there are too many, the errors first, then as many as fit."""

    def attempt(most: int) -> Iterator[str]:
        yield from (header, f"### {finding_counts(found).capitalize()}")
        yield finding_block(found, most, links.blob) if most else ""
        yield footer

    return fitted(map(attempt, (2000, 500, 150, 50, 15, 0)), limit)
