"""Plans, rollouts and findings as markdown for step summaries and pull requests.

``limit`` is in bytes of UTF-8: a comment takes 65,536, a step summary 1 MiB. What does not fit is told in less and
less detail: everything, shorter values and fewer changes, one line an app, the totals. The same report always gives
the same text. ``header`` and ``footer`` are the caller's own markdown, kept at every degree; ``full`` is where
the whole can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.findings import Finding, ranked
from reconciler.plan.model import Action, ChangeKind, Plan, PlanReport
from reconciler.redaction import without_query
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views.lines import finding_lines, render
from reconciler.views.markup import (
    code,
    details,
    fence,
    fitted,
    html_code,
    is_console,
    link,
)
from reconciler.views.plan_lines import (
    INDENT,
    Layout,
    note_text,
    origin_lines,
    override_label,
    parts_of,
    path_column,
    telling_notes,
)
from reconciler.views.rollout_lines import course, verdict
from reconciler.views.summary import (
    OUTCOMES,
    cost_text,
    finding_counts,
    is_quiet,
    joined,
    outcome_counts,
    plan_cost,
    plan_counts,
    plan_word,
    telling_reason,
    took_text,
    total_cost,
    total_delta,
    unjudged,
    worst_last,
)
from reconciler.views.values import (
    cells,
    count,
    duration,
    inert,
    log_line,
    name,
    padded,
    paragraph,
    shortened,
    signed_money,
)

COMMENT_LIMIT = 65_536
"""What a comment on GitHub may hold."""

SUMMARY_LIMIT = 1_048_576
"""What a step summary on GitHub may hold."""

_CHANGE_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "!", ChangeKind.REORDERED: "!"}
_NAMES_TOLD = 30
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is told: the width of a value, and how many changes and findings an app, log lines, decisions."""

    values: int
    changes: int
    findings: int
    log: int = 0
    decisions: bool = False


_DEGREES = (
    _Detail(values=240, changes=2000, findings=500, log=40, decisions=True),
    _Detail(values=120, changes=60, findings=60, log=15, decisions=True),
    _Detail(values=80, changes=12, findings=12, log=5),
)


def plan(report: PlanReport, *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "", full: str = "") -> str:
    """What would be done to which app: a part for each, collapsed unless it was refused."""
    top = (header, _plan_heading(report), _plan_facts(report))
    bodies = (*(partial(_plan_detailed, report, detail) for detail in _DEGREES), partial(_plan_listed, report))
    return _page(top, bodies, footer, full, limit)


def _page(top: Sequence[str], bodies: Sequence[Callable[[], Iterable[str]]], footer: str, full: str, limit: int) -> str:
    """The page with the first of the bodies with which it fits, else without any; only with the first it is whole."""

    def attempt(number: int) -> Iterator[str]:
        yield from top
        yield _abridged(full) if number else ""
        yield from bodies[number]() if number < len(bodies) else ()
        yield footer

    return fitted(map(attempt, range(len(bodies) + 1)), limit)


def _plan_heading(report: PlanReport) -> str:
    if not report.plans:
        return "### No apps"
    if all(is_quiet(plan) for plan in report.plans):
        return f"### Nothing to change: {count(len(report.plans), 'app')} in sync"
    return f"### {count(len(report.plans), 'app')}: {plan_counts(report.plans)}"


def _plan_facts(report: PlanReport) -> str:
    cost, delta = total_cost(report.plans), total_delta(report.plans)
    added = f" ({signed_money(delta)})" if delta and "→" in cost else ""
    return joined(f"**{cost}**{added}" if cost else "", count(report.requests, "request"))


def _plan_detailed(report: PlanReport, detail: _Detail) -> Iterator[str]:
    yield from (_app(plan, detail) for plan in report.plans if not is_quiet(plan))
    yield from (_in_sync(report.plans), _unjudged(report.plans), _unmanaged(report))
    yield _finding_block(report.findings, detail.findings)


def _plan_listed(report: PlanReport) -> Iterator[str]:
    lines = [_plan_line(plan) for plan in report.plans if not is_quiet(plan)]
    yield fence(lines, "diff") if lines else ""
    yield finding_counts(report.findings) if report.findings else ""


def _plan_line(plan: Plan) -> str:
    changes = count(len(plan.changes), "change") if plan.changes else ""
    told = joined(plan_word(plan), changes, plan_cost(plan))
    return f"{plan.action.value} {padded(name(plan.app), 24)}  {told}"


def _abridged(full: str) -> str:
    where = f" {link('The whole of it', full)} is one click away." if full else ""
    return f"Too much for one page: shortened.{where}"


def _app(plan: Plan, detail: _Detail) -> str:
    changes = count(len(plan.changes), "change") if plan.changes and plan.action is Action.UPDATE else ""
    counts = finding_counts(plan.findings) if plan.findings else ""
    told = joined(plan_word(plan), plan_cost(plan), changes, counts)
    reason = telling_reason(plan)
    body = [
        code(reason, 1000) if reason else "",
        f"{override_label(plan.override).capitalize()}: {code(plan.override)}" if plan.override else "",
        f"Renamed from {code(plan.moved_from)}." if plan.moved_from else "",
        "Every source is taken at its newest commit or image."
        if plan.writes and plan.update_all_source_versions
        else "",
        _change_block(plan, detail),
        _origin_block(plan, detail),
        _finding_block(plan.findings, detail.findings),
    ]
    opened = plan.action is Action.REFUSE or any(finding.is_error for finding in plan.findings)
    if not any(body):
        return f"`{plan.action.value}` {code(name(plan.app))} {told}"
    summary = f"{plan.action.value} {html_code(name(plan.app))} {told}"
    return details(summary, [part for part in body if part], opened=opened)


def _change_block(plan: Plan, detail: _Detail) -> str:
    """Changes and notes as a diff: GitHub colours a line by what it begins with."""
    parts = parts_of(plan.changes)
    column = path_column(parts, plan.notes)
    lines: list[str] = []
    for told in parts:
        if len(lines) == detail.changes:
            lines.append(f"… and more: {count(len(plan.changes), 'change')} in all")
            break
        sign, text = _CHANGE_SIGNS[told.kind], told.text(detail.values)
        if told.kind in (ChangeKind.ADDED, ChangeKind.REMOVED):
            text = text.removeprefix(f"{sign} ")
        lines.append(f"{sign} {_columns(shortened(told.label, detail.values), column, text)}")
    for note in telling_notes(plan)[: detail.changes]:
        path = shortened("/".join(note.path), detail.values)
        lines.append(f"  {_columns(path, column, note_text(note))}")
    return fence(lines, "diff") if lines else ""


def _origin_block(plan: Plan, detail: _Detail) -> str:
    """Who made the differences."""
    lines = list(origin_lines(plan))
    told = [f"- {code(line, detail.values * 2)}" for line in lines[: detail.changes]]
    return "\n".join([*told, *([f"- … and {len(lines) - len(told)} more"] if len(lines) > len(told) else [])])


def _columns(path: str, column: int, text: str) -> str:
    return f"{padded(path, column)}{'' if cells(path) < column else '  '}{text}"


def _in_sync(plans: Sequence[Plan]) -> str:
    quiet = [plan for plan in plans if is_quiet(plan)]
    if not quiet or len(quiet) == len(plans) > _NAMES_TOLD:
        return ""
    return f"In sync: {_names([plan.app for plan in quiet])}"


def _unjudged(plans: Sequence[Plan]) -> str:
    young, told = unjudged(plans)
    return f"{told}: {_names(young)}" if young else ""


def _unmanaged(report: PlanReport) -> str:
    if not report.unmanaged:
        return ""
    return f"{count(len(report.unmanaged), 'live app')} not in Git, left alone: {_names(report.unmanaged)}"


def _names(apps: Sequence[str]) -> str:
    told = ", ".join(code(name(app)) for app in apps[:_NAMES_TOLD])
    return f"{told} and {len(apps) - _NAMES_TOLD:,} more" if len(apps) > _NAMES_TOLD else told


def rollout(
    report: RolloutReport, *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "", full: str = ""
) -> str:
    """How each app ended: a part for each that changed, open where somebody should read it."""
    top = (header, _rollout_heading(report), _rollout_facts(report))
    bodies = (*(partial(_rollout_detailed, report, detail) for detail in _DEGREES), partial(_rollout_listed, report))
    return _page(top, bodies, footer, full, limit)


def _rollout_heading(report: RolloutReport) -> str:
    if not report.records:
        return "### No apps"
    return f"### {count(len(report.records), 'app')}: {outcome_counts(report.records)}"


def _rollout_facts(report: RolloutReport) -> str:
    return joined(count(report.requests, "request"), duration(report.seconds) if report.seconds else "")


def _told(report: RolloutReport) -> list[RolloutRecord]:
    """Records with something to tell, the ones that need reading first: in a page the eye starts at the top."""
    return [
        record
        for record in reversed(worst_last(report.records))
        if record.outcome.kind is not OutcomeKind.UNCHANGED or record.warnings
    ]


def _rollout_detailed(report: RolloutReport, detail: _Detail) -> Iterator[str]:
    running = report.left_running[: detail.findings]
    yield f"Left running, they go on without us:\n\n{fence(running)}" if running else ""
    yield from (_record(record, detail) for record in _told(report))


def _rollout_listed(report: RolloutReport) -> Iterator[str]:
    lines = [
        f"{OUTCOMES[record.outcome.kind].symbol} {padded(name(record.app), 24)}  {OUTCOMES[record.outcome.kind].word}"
        for record in _told(report)
    ]
    yield fence(lines) if lines else ""


def _record(record: RolloutRecord, detail: _Detail) -> str:
    """One app: a line if it went well; else why not, what its log said and what to do, and folded away how it went."""
    kind = record.outcome.kind
    bill = cost_text(record.action, record.cost) if kind in (OutcomeKind.APPLIED, OutcomeKind.DELETED) else ""
    took = took_text(record)
    told = _trimmed(record, detail)
    if kind.good and not told.warnings:
        return f"`{OUTCOMES[kind].symbol}` {code(name(record.app))} {joined(OUTCOMES[kind].word, took, bill)}"
    console = [found for found in (record.failure.links if record.failure else ()) if is_console(found)]
    body = [
        _lines(f"warning: {line}" for text in told.warnings for line in paragraph(text))
        if kind.good
        else _lines(render(verdict(told, Layout(_WIDTH))).split("\n")),
        link("Open it in the control panel", console[0]) if console else "",
        "" if kind.good else _course(told),
    ]
    facts = joined(f"{html_code(name(record.app))} {OUTCOMES[kind].word}", took, bill)
    return details(f"{OUTCOMES[kind].symbol} {facts}", [part for part in body if part], opened=not kind.good)


def _course(record: RolloutRecord) -> str:
    told = render(course(record))
    return details("How it went", [_lines(told.split("\n"))]) if told else ""


def _lines(told: Iterable[str]) -> str:
    return fence(line.removeprefix(INDENT) for line in told)


def _trimmed(record: RolloutRecord, detail: _Detail) -> RolloutRecord:
    """The record with as much as the detail allows, and no link that carries a credential."""
    failure = record.failure and replace(
        record.failure,
        message=record.failure.message[: detail.values * 20],
        log_lines=tuple(log_line(line, detail.values) for line in record.failure.log_lines[-detail.log :]),
        links=tuple(shortened(without_query(found), 300) for found in record.failure.links[: detail.findings]),
    )
    outcome = replace(
        record.outcome,
        reason=record.outcome.reason[: detail.values * 20],
        commands=tuple(shortened(command, 500) for command in record.outcome.commands[: detail.findings]),
    )
    return replace(
        record,
        failure=failure,
        outcome=outcome,
        deployments=record.deployments[-detail.changes :],
        decisions=record.decisions[-detail.findings :] if detail.decisions else (),
        warnings=tuple(shortened(warning, detail.values) for warning in record.warnings[: detail.findings]),
    )


def findings(found: Sequence[Finding], *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "") -> str:
    """Findings by place; when there are too many, the errors first, then as many as fit."""

    def attempt(most: int) -> Iterator[str]:
        yield from (header, f"### {finding_counts(found).capitalize()}")
        yield _finding_block(found, most) if most else ""
        yield footer

    return fitted(map(attempt, (2000, 500, 150, 50, 15, 0)), limit)


def _finding_block(found: Sequence[Finding], most: int) -> str:
    if not found:
        return ""
    ordered = ranked(list(found))
    if len(found) > most:
        weighty = sorted(ordered, key=lambda finding: finding.severity.rank)[:most]
        ordered = ranked(weighty)
    lines = [inert(line) for line in render(finding_lines(ordered)).split("\n")] if ordered else []
    if len(found) > most:
        lines.append(f"… and {len(found) - most:,} more")
    return fence(lines)
