"""Plans, rollouts and findings as markdown for step summaries and pull requests.

``limit`` is in bytes of UTF-8: a comment takes 65,536, a step summary 1 MiB. What does not fit is shown in less and
less detail: everything, shorter values and fewer changes, one line per app, the totals. The same report always gives
the same text. ``header`` and ``footer`` are the caller's own markdown, kept in every case; ``full`` is where
the full report can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.findings import Finding
from reconciler.plan.model import Action, ChangeKind, Plan, PlanReport
from reconciler.redaction import without_query
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.text import count
from reconciler.views.lines import finding_counts, log_line, name, padded, paragraph, render, shortened
from reconciler.views.markup import (
    code,
    details,
    fence,
    finding_block,
    fitted,
    html_code,
    is_console,
    link,
)
from reconciler.views.plan_lines import (
    INDENT,
    Layout,
    columns,
    note_text,
    notes_to_show,
    origin_lines,
    override_label,
    parts_of,
    path_column,
)
from reconciler.views.summary import (
    OUTCOMES,
    cost_text,
    extra_reason,
    is_quiet,
    joined,
    outcome_counts,
    plan_cost,
    plan_counts,
    plan_word,
    rollout_facts,
    signed_money,
    took_text,
    total_cost,
    total_delta,
    unjudged,
    worst_last,
)
from reconciler.views.text import course, verdict

COMMENT_LIMIT = 65_536
"""Maximum size of a comment on GitHub."""

_CHANGE_SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "!", ChangeKind.REORDERED: "!"}
_NAMES_SHOWN = 30
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is shown: the width of a value, and the number of changes and findings per app, log lines, decisions."""

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
    """A plan, with a section per app that is collapsed unless the app was refused."""
    top = (header, _plan_heading(report), _plan_facts(report))
    bodies = (*(partial(_plan_detailed, report, detail) for detail in _DEGREES), partial(_plan_listed, report))
    return _page(top, bodies, footer, full, limit)


def _page(top: Sequence[str], bodies: Sequence[Callable[[], Iterable[str]]], footer: str, full: str, limit: int) -> str:
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


def _plan_facts(report: PlanReport) -> str:
    cost, delta = total_cost(report.plans), total_delta(report.plans)
    added = f" ({signed_money(delta)})" if delta and "→" in cost else ""
    return joined(f"**{cost}**{added}" if cost else "", count(report.requests, "request"))


def _plan_detailed(report: PlanReport, detail: _Detail) -> Iterator[str]:
    yield from (_app(plan, detail) for plan in report.plans if not is_quiet(plan))
    yield from (_in_sync(report.plans), _unjudged(report.plans), _unmanaged(report))
    yield finding_block(report.findings, detail.findings)


def _plan_listed(report: PlanReport) -> Iterator[str]:
    lines = [_plan_line(plan) for plan in report.plans if not is_quiet(plan)]
    yield fence(lines, "diff") if lines else ""
    yield finding_counts(report.findings) if report.findings else ""


def _plan_line(plan: Plan) -> str:
    changes = count(len(plan.changes), "change") if plan.changes else ""
    facts = joined(plan_word(plan), changes, plan_cost(plan))
    return f"{plan.action.value} {padded(name(plan.app), 24)}  {facts}"


def _app(plan: Plan, detail: _Detail) -> str:
    changes = count(len(plan.changes), "change") if plan.changes and plan.action is Action.UPDATE else ""
    counts = finding_counts(plan.findings) if plan.findings else ""
    facts = joined(plan_word(plan), plan_cost(plan), changes, counts)
    reason = extra_reason(plan)
    body = [
        code(reason, 1000) if reason else "",
        f"{override_label(plan.override).capitalize()}: {code(plan.override)}" if plan.override else "",
        f"Renamed from {code(plan.moved_from)}." if plan.moved_from else "",
        "Every source is updated to its newest commit or image."
        if plan.writes and plan.update_all_source_versions
        else "",
        _change_block(plan, detail),
        _origin_block(plan, detail),
        finding_block(plan.findings, detail.findings),
    ]
    opened = plan.action is Action.REFUSE or any(finding.is_error for finding in plan.findings)
    if not any(body):
        return f"`{plan.action.value}` {code(name(plan.app))} {facts}"
    summary = f"{plan.action.value} {html_code(name(plan.app))} {facts}"
    return details(summary, [part for part in body if part], opened=opened)


def _change_block(plan: Plan, detail: _Detail) -> str:
    """Changes and notes as a diff: GitHub colours a line by its first character."""
    parts = parts_of(plan.changes)
    column = path_column(parts, plan.notes)
    lines: list[str] = []
    for part in parts:
        if len(lines) == detail.changes:
            lines.append(f"… {count(len(plan.changes), 'change')} in total")
            break
        sign, text = _CHANGE_SIGNS[part.kind], part.text(detail.values)
        if part.kind in (ChangeKind.ADDED, ChangeKind.REMOVED):
            text = text.removeprefix(f"{sign} ")
        lines.append(f"{sign} {columns(shortened(part.label, detail.values), column, text)}")
    for note in notes_to_show(plan)[: detail.changes]:
        path = shortened("/".join(note.path), detail.values)
        lines.append(f"  {columns(path, column, note_text(note))}")
    return fence(lines, "diff") if lines else ""


def _origin_block(plan: Plan, detail: _Detail) -> str:
    """Who made the differences."""
    lines = list(origin_lines(plan))
    shown = [f"- {code(line, detail.values * 2)}" for line in lines[: detail.changes]]
    return "\n".join([*shown, *([f"- … and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else [])])


def _in_sync(plans: Sequence[Plan]) -> str:
    quiet = [plan for plan in plans if is_quiet(plan)]
    if not quiet or len(quiet) == len(plans) > _NAMES_SHOWN:
        return ""
    return f"In sync: {_names([plan.app for plan in quiet])}"


def _unjudged(plans: Sequence[Plan]) -> str:
    young, sentence = unjudged(plans)
    return f"{sentence}: {_names(young)}" if young else ""


def _unmanaged(report: PlanReport) -> str:
    if not report.unmanaged:
        return ""
    return f"{count(len(report.unmanaged), 'live app')} without a spec, not touched: {_names(report.unmanaged)}"


def _names(apps: Sequence[str]) -> str:
    listed = ", ".join(code(name(app)) for app in apps[:_NAMES_SHOWN])
    return f"{listed} and {len(apps) - _NAMES_SHOWN:,} more" if len(apps) > _NAMES_SHOWN else listed


def rollout(
    report: RolloutReport, *, limit: int = COMMENT_LIMIT, header: str = "", footer: str = "", full: str = ""
) -> str:
    """A rollout report, with a section per app that changed, expanded if a person should read it."""
    top = (
        header,
        _rollout_heading(report),
        rollout_facts(report),
    )
    bodies = (*(partial(_rollout_detailed, report, detail) for detail in _DEGREES), partial(_rollout_listed, report))
    return _page(top, bodies, footer, full, limit)


def _rollout_heading(report: RolloutReport) -> str:
    if not report.records:
        return "### No apps"
    return f"### {count(len(report.records), 'app')}: {outcome_counts(report.records)}"


def _noteworthy(report: RolloutReport) -> list[RolloutRecord]:
    """Records worth showing, the most serious first: a page is read from the top."""
    return [
        record
        for record in reversed(worst_last(report.records))
        if record.outcome.kind is not OutcomeKind.UNCHANGED or record.warnings
    ]


def _rollout_detailed(report: RolloutReport, detail: _Detail) -> Iterator[str]:
    running = report.left_running[: detail.findings]
    yield f"Still running on App Platform:\n\n{fence(running)}" if running else ""
    yield from (_record(record, detail) for record in _noteworthy(report))


def _rollout_listed(report: RolloutReport) -> Iterator[str]:
    lines = [
        f"{OUTCOMES[record.outcome.kind].symbol} {padded(name(record.app), 24)}  {OUTCOMES[record.outcome.kind].word}"
        for record in _noteworthy(report)
    ]
    yield fence(lines) if lines else ""


def _record(record: RolloutRecord, detail: _Detail) -> str:
    """One app: a line if it went well; else why not, its log, what to do, and collapsed how it went."""
    kind = record.outcome.kind
    bill = cost_text(record.action, record.cost) if kind in (OutcomeKind.APPLIED, OutcomeKind.DELETED) else ""
    took = took_text(record)
    trimmed = _trimmed(record, detail)
    if kind.good and not trimmed.warnings:
        return f"`{OUTCOMES[kind].symbol}` {code(name(record.app))} {joined(OUTCOMES[kind].word, took, bill)}"
    console = [found for found in (record.failure.links if record.failure else ()) if is_console(found)]
    body = [
        _lines(f"warning: {line}" for text in trimmed.warnings for line in paragraph(text))
        if kind.good
        else _lines(render(verdict(trimmed, Layout(_WIDTH))).split("\n")),
        link("Open it in the control panel", console[0]) if console else "",
        "" if kind.good else _course(trimmed),
    ]
    facts = joined(f"{html_code(name(record.app))} {OUTCOMES[kind].word}", took, bill)
    return details(f"{OUTCOMES[kind].symbol} {facts}", [part for part in body if part], opened=not kind.good)


def _course(record: RolloutRecord) -> str:
    lines = render(course(record))
    return details("How the rollout went", [_lines(lines.split("\n"))]) if lines else ""


def _lines(lines: Iterable[str]) -> str:
    return fence(line.removeprefix(INDENT) for line in lines)


def _trimmed(record: RolloutRecord, detail: _Detail) -> RolloutRecord:
    """The record cut to the level of detail, without links that carry a credential."""
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
    """Findings by place; if there are too many, the errors first, then as many as fit."""

    def attempt(most: int) -> Iterator[str]:
        yield from (header, f"### {finding_counts(found).capitalize()}")
        yield finding_block(found, most) if most else ""
        yield footer

    return fitted(map(attempt, (2000, 500, 150, 50, 15, 0)), limit)
