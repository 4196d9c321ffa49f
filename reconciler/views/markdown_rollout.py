"""Rollouts as markdown: what went wrong and why, what changed, what to do. Limits and detail as in `markdown`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from reconciler.plan.model import Action, Plan, PlanReport
from reconciler.redaction import without_query
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.text import count
from reconciler.views.lines import log_line, name, padded, paragraph, render, shortened
from reconciler.views.markdown import (
    COMMENT_LIMIT,
    DEGREES,
    NO_LINKS,
    Detail,
    Links,
    brief,
    change_block,
    names_of,
    page,
)
from reconciler.views.markup import code, console_url, details, fence, html_code, html_link, is_console, link, table
from reconciler.views.outcome_lines import alike, cause_of, commands_of, said_by_one
from reconciler.views.plan_lines import INDENT, Layout
from reconciler.views.summary import OUTCOMES, cost_text, ended, joined, outcome_counts, took_text, worst_first
from reconciler.views.text import course, verdict

_WIDTH = 100


def rollout(
    report: RolloutReport,
    planned: PlanReport | None = None,
    *,
    limit: int = COMMENT_LIMIT,
    header: str = "",
    footer: str = "",
    links: Links = NO_LINKS,
) -> str:
    """A rollout: a table, then a section per app, open if a person should read it, with what changed if ``planned``."""
    top = (header, _rollout_heading(report))
    plans = {plan.app: plan for plan in planned.plans} if planned else {}
    bodies = (
        *(partial(_rollout_detailed, report, plans, detail) for detail in DEGREES),
        partial(_rollout_listed, report),
    )
    return page(top, bodies, footer, links.full, limit)


def _rollout_heading(report: RolloutReport) -> str:
    """What went wrong if it is one thing, with its cause; else how many apps ended how."""
    if not report.records:
        return "### No apps"
    bad = [record for record in report.records if not record.outcome.kind.good]
    counts = outcome_counts(report.records)
    if len(bad) != 1:
        return f"### {count(len(report.records), 'app')}: {counts}"
    word, cause = ended(bad[0]).word, cause_of(bad[0])
    return f"### {code(name(bad[0].app))} {word}{f': {code(cause, 120)}' if cause else ''}"


def _noteworthy(report: RolloutReport) -> list[RolloutRecord]:
    """Records worth showing, the most serious first."""
    return [
        record
        for record in worst_first(report.records)
        if record.outcome.kind is not OutcomeKind.UNCHANGED or record.warnings
    ]


def _rollout_detailed(report: RolloutReport, plans: Mapping[str, Plan], detail: Detail) -> Iterator[str]:
    running = report.left_running[: detail.findings]
    yield f"Still running on App Platform:\n\n{fence(running)}" if running else ""
    shown = _noteworthy(report)
    yield _rollout_table(shown, plans, detail)
    for records in alike(shown):
        if said_by_one(records):
            yield _group(records, detail)
        else:
            yield from (_record(record, plans.get(record.app), detail) for record in records)
    same = [record.app for record in report.records if record not in shown]
    yield f"In sync: {names_of(same)}" if same and shown else ""


def _rollout_table(shown: Sequence[RolloutRecord], plans: Mapping[str, Plan], detail: Detail) -> str:
    rows = [
        (
            html_code(name(record.app)),
            f"{ended(record).symbol} {joined(ended(record).word, took_text(record))}",
            brief(foreseen, detail) if (foreseen := plans.get(record.app)) and foreseen.writes else "",
            cost_text(record.action, record.cost) if record.outcome.kind.good else "",
            html_link("deployment", record.console_url),
        )
        for record in shown
    ]
    return table(("app", "outcome", "change", "cost", ""), rows) if rows else ""


def _rollout_listed(report: RolloutReport) -> Iterator[str]:
    lines = [
        f"{ended(record).symbol} {padded(name(record.app), 24)}  {ended(record).word}" for record in _noteworthy(report)
    ]
    yield fence(lines) if lines else ""


def _group(records: Sequence[RolloutRecord], detail: Detail) -> str:
    """Apps that ended the same way for the same reason, such as a scope that the token lacks: it is said once."""
    kind = records[0].outcome.kind
    commands = tuple(commands_of(records)[: detail.findings])
    one = replace(_trimmed(records[0], detail), requests=0)
    one = replace(one, outcome=replace(one.outcome, commands=commands))
    summary = f"{OUTCOMES[kind].symbol} {count(len(records), 'app')} {OUTCOMES[kind].word}"
    account = render(verdict(one, Layout(_WIDTH))).split("\n")
    return details(summary, [names_of(sorted(record.app for record in records)), _lines(account)], opened=True)


def _record(record: RolloutRecord, plan: Plan | None, detail: Detail) -> str:
    """One app: if it went well what changed, collapsed; else why not, its log, what to do, and how it went."""
    shown, good = ended(record), record.outcome.kind.good
    trimmed = _trimmed(record, detail)
    diff = change_block(plan, detail) if plan and plan.action is Action.UPDATE else ""
    if good and not (trimmed.warnings or diff):
        return ""  # the table says it all
    account = render(verdict(replace(trimmed, requests=0), Layout(_WIDTH))).split("\n")
    body = [
        _lines(f"warning: {line}" for text in trimmed.warnings for line in paragraph(text))
        if good
        else _lines(account),
        diff if good or not diff else f"What changed:\n\n{diff}",
        "" if good else _pages(record),
        "" if good else _course(trimmed),
    ]
    summary = f"{shown.symbol} {html_code(name(record.app))} {joined(shown.word, took_text(record))}"
    return details(summary, [part for part in body if part and part != fence(())], opened=not good)


def _pages(record: RolloutRecord) -> str:
    """Links to the app and to what failed, where the account is the vendor's."""
    if not is_console(record.console_url):
        return ""
    pages = [link("control panel", console_url(record.app_id))]
    if record.deployments:
        failed = record.deployments[0].id
        pages.append(link("failed deployment" if record.failure else "deployment", console_url(record.app_id, failed)))
    return joined(*pages)


def _course(record: RolloutRecord) -> str:
    lines = render(course(record))
    return details("How the rollout went", [_lines(lines.split("\n"))]) if lines else ""


def _lines(lines: Iterable[str]) -> str:
    return fence(line.removeprefix(INDENT) for line in lines)


def _trimmed(record: RolloutRecord, detail: Detail) -> RolloutRecord:
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
