"""Plans, rollouts and findings as text for a terminal or a pipe.

Without ``color`` the text is plain and rich is not imported. No result ends in a newline, and nothing in it
can move a cursor: unprintable characters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from reconciler.plan.model import PlanReport
from reconciler.redaction import without_query
from reconciler.rollout.model import (
    Decision,
    DeploymentRecord,
    Event,
    Failure,
    OutcomeKind,
    PhaseSpan,
    RolloutRecord,
    RolloutReport,
)
from reconciler.text import count, duration
from reconciler.views.lines import (
    Line,
    Tone,
    cells,
    inert,
    log_line,
    name,
    padded,
    paragraph,
    render,
    shortened,
    width_of,
)
from reconciler.views.outcome_lines import counted_kinds, fleet_lines, is_fleet, outcome_tone
from reconciler.views.plan_lines import INDENT, Layout, plan_lines, wrapped
from reconciler.views.summary import (
    OUTCOMES,
    cost_text,
    ended,
    explained,
    joined,
    outcome_text,
    plan_summary,
    rollout_summary,
    took_text,
    worst_last,
)

_EVENT_WIDTH = 500


def plan(report: PlanReport, *, color: bool = False, width: int = 100, verbose: bool = False) -> str:
    """What would be done to each app, and its cost; the summary is the last line.

    ``width`` in columns bounds values, not paths or reasons. ``verbose`` lists every app in sync, every field of a
    new app and every kept secret.
    """
    lines = list(plan_lines(report, width=width, verbose=verbose))
    return render([*lines, *([()] if lines else []), ((plan_summary(report), "strong"),)], color=color)


def rollout(report: RolloutReport, *, color: bool = False, width: int = 100, verbose: bool = False) -> str:
    """How each app ended, the most serious last with why and what to do; the summary is the last line.

    ``verbose`` lists every app in sync, whole logs, and the decisions of rollouts that went well.
    """
    lines = list(rollout_lines(report, width=width, verbose=verbose))
    return render([*lines, *([()] if lines else []), ((rollout_summary(report), "strong"),)], color=color)


def event(happened: Event, *, names: int = 0, color: bool = False) -> str:
    """One line for a pipe: ``  4.2s  web  BUILDING 3/7  text``. ``names``: the columns of the longest app name."""
    return render([event_line(happened, names)], color=color)


def event_line(happened: Event, names: int = 0) -> Line:
    """See `event`."""
    phase = happened.phase + (f" {happened.done}/{happened.total}" if happened.total else "")
    tone: Tone = ""
    if happened.outcome is not None:
        shown = outcome_text(happened.outcome, requested=happened.requested)
        phase = f"{shown.symbol} {shown.word}"
        tone = outcome_tone(happened.outcome, requested=happened.requested)
    line: Line = ((f"{happened.at:7.1f}s  ", "quiet"), (padded(name(happened.app), names), "strong"))
    if phase:
        line = (*line, (f"  {shortened(phase, 80)}", tone))
    if happened.text:
        line = (*line, (f"  {shortened(happened.text, _EVENT_WIDTH)}", ""))
    return line


# --- A rollout as lines: how each app ended and, if it did not end well, why and what to do ---


_MANY = 10
"""If more apps than this are listed, the addresses of those that went well are left out."""

_EDGE = 72
_LABELS = 14
_NAME_COLUMN = 32
_MANY_LOG_LINES = 30
_MANY_MESSAGE_LINES = 12


def rollout_lines(report: RolloutReport, *, width: int, verbose: bool) -> Iterator[Line]:
    """Every app, the most serious last; then the deployments still running."""
    counted = [] if verbose else counted_kinds(report.records)
    records = [record for record in worst_last(report.records) if record.outcome.kind not in counted or record.warnings]
    names = max((cells(name(record.app)) for record in records), default=0)
    layout = Layout(width, min(names, _NAME_COLUMN), verbose, brief=len(records) > _MANY and not verbose)
    for kind in counted:
        hidden = sum(record.outcome.kind is kind and not record.warnings for record in report.records)
        yield ((f"  {OUTCOMES[kind].symbol} {count(hidden, 'app')} {OUTCOMES[kind].word}", outcome_tone(kind)),)
    bad = [record for record in records if not record.outcome.kind.good]
    fleet = is_fleet(bad) and not verbose
    for record in records:
        yield from record_lines(record, layout) if not fleet or record.outcome.kind.good else ()
    if fleet:
        yield from fleet_lines(bad, layout)
    if report.left_running and not (fleet and {*report.left_running} <= {record.app for record in bad}):
        yield ()
        yield (("  Still running on App Platform:", "warning"),)
        for running in report.left_running:
            yield ((f"{INDENT}{shortened(running, 300)}", ""),)


def record_lines(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    """One app: a line if it ended well, else all details."""
    kind, shown = record.outcome.kind, ended(record)
    tone = outcome_tone(kind, requested=record.outcome.requested)
    head: Line = (
        (f"  {shown.symbol} ", tone),
        (padded(name(record.app), layout.names), "strong" if tone != "quiet" else ""),
        (f"  {shown.word}", tone),
    )
    took = took_text(record)
    bill = cost_text(record.action, record.cost) if kind in (OutcomeKind.APPLIED, OutcomeKind.DELETED) else ""
    if right := joined(took, bill):
        head = (*head, (" " * max(min(_EDGE, layout.width) - width_of(head) - cells(right), 2) + right, ""))
    yield head
    if kind.good or (kind is OutcomeKind.TAKEN_BACK and not layout.verbose):
        yield from _good(record, layout)
    else:
        yield from account(record, layout)


def _good(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    if meaning := OUTCOMES[record.outcome.kind].meaning:
        yield from wrapped(meaning, INDENT, layout.width)
    if record.live_url and not layout.brief and record.outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.TAKEN_BACK):
        yield ((f"{INDENT}{shortened(record.live_url, 300)}", "quiet"),)
    yield from _labelled("warning", _paragraphs(record.warnings, layout), "warning")
    if layout.verbose:
        yield from _labelled("why", paragraph(record.outcome.reason), "")
        yield from _deployments(record.deployments, layout.width)
        yield from _decisions(record.decisions, layout.width)
        yield from _labelled("requests", [f"{record.requests:,}"] if record.requests else [], "")


def account(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    """The app's state, why, what failed with the last lines of its log, and the commands that help.

    Decisions were already printed when they were made: they are repeated only if verbose.
    """
    yield from _why(record, layout)
    yield from course(record, layout.width) if layout.verbose else _deployments(record.deployments, layout.width)
    yield from _what_next(record, layout)


def verdict(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    """The account without its `course`."""
    yield from _why(record, layout)
    yield from _what_next(record, layout)


def course(record: RolloutRecord, width: int = 0) -> Iterator[Line]:
    """How the rollout went: the deployments and the decisions between them, wrapped to ``width`` unless it is 0."""
    yield from _deployments(record.deployments, width)
    yield from _decisions([chosen for chosen in record.decisions if chosen.step != "Finish"], width)


def _why(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    if meaning := OUTCOMES[record.outcome.kind].meaning:
        yield from wrapped(meaning, INDENT, layout.width)
    yield from _labelled("why", _paragraphs([record.outcome.reason], layout), "")
    if record.failure:
        yield from _failure(record.failure, layout)


def _paragraphs(texts: Iterable[str], layout: Layout) -> list[str]:
    """The lines of the texts, each wrapped to the width left beside a label."""
    room = layout.width - _LABELS - len(INDENT)
    return [
        wrapped_line for text in texts for line in paragraph(text) for ((wrapped_line, _),) in wrapped(line, "", room)
    ]


def _what_next(record: RolloutRecord, layout: Layout) -> Iterator[Line]:
    yield from _labelled("warning", _paragraphs(record.warnings, layout), "warning")
    yield from _labelled("app", [shortened(record.app_id, 80)] if record.app_id else [], "quiet")
    yield from _labelled("requests", [f"{record.requests:,}"] if record.requests else [], "quiet")
    room = layout.width - _LABELS - len(INDENT)
    yield from _labelled("run", explained([inert(command) for command in record.outcome.commands], room), "strong")


def _failure(failure: Failure, layout: Layout) -> Iterator[Line]:
    where = ", ".join(
        part
        for part in (
            shortened(failure.component, 80),
            f"step {shortened(failure.step, 120)}" if failure.step else "",
        )
        if part
    )
    code = shortened(failure.code, 120)
    message = _paragraphs([failure.message], layout)
    if len(message) > _MANY_MESSAGE_LINES and not layout.verbose:
        cut = len(message) - _MANY_MESSAGE_LINES
        message = [*message[:_MANY_MESSAGE_LINES], f"… ({count(cut, 'more line')})"]
    first = ": ".join(part for part in (where, code) if part)
    yield from _labelled("failed", [*([first] if first else []), *message], "")
    lines = failure.log_lines if layout.verbose else failure.log_lines[-_MANY_LOG_LINES:]
    yield from _labelled("log", [f"│ {log_line(line)}" for line in lines], "")
    if failure.links:
        yield ((f"{INDENT}more", "quiet"),)
    for link in failure.links:
        yield ((INDENT + inert(without_query(link)), "quiet"),)


def _deployments(deployments: Sequence[DeploymentRecord], width: int) -> Iterator[Line]:
    """Role, id and phases of each; the phases go on the next line if they do not fit."""
    roles = max((cells(inert(made.role)) for made in deployments), default=0)
    room = width - len(INDENT) - _LABELS
    lines: list[str] = []
    for made in deployments:
        head = f"{padded(inert(made.role), roles)}  {shortened(made.id, 80)}"
        phases = phases_text(made.phases)
        if not width or cells(head) + cells(phases) + 2 <= room:
            lines.append(f"{head}  {phases}".rstrip())
        else:
            lines += [head, *(text for ((text, _),) in wrapped(phases, " " * (roles + 2), room))]
    yield from _labelled("deployment" if len(deployments) == 1 else "deployments", lines, "")


def phases_text(phases: Sequence[PhaseSpan]) -> str:
    """``BUILDING 40s, DEPLOYING 1m 02s, ACTIVE``: phases in order with their duration, except for the last."""
    texts = [f"{shortened(span.phase, 40)} {duration(span.ended - span.began)}" for span, _ in pairwise(phases)]
    return ", ".join([*texts, *(shortened(span.phase, 40) for span in phases[-1:])])


def _decisions(decisions: Sequence[Decision], width: int) -> Iterator[Line]:
    steps = [shortened(decision.step, 40) for decision in decisions]
    column = max(map(cells, steps), default=0)
    lines: list[str] = []
    for decision, step in zip(decisions, steps, strict=True):
        sentence = shortened(": ".join(text for text in (decision.what, decision.reason) if text), 300)
        head = f"{decision.at:6.1f}s  {padded(step, column)}  "
        room = width - len(INDENT) - _LABELS - cells(head)
        first, *rest = [text for ((text, _),) in wrapped(sentence, "", room)] if width else [sentence]
        lines += [f"{head}{first}".rstrip(), *(" " * cells(head) + text for text in rest)]
    yield from _labelled("decisions", lines, "")


def _labelled(label: str, lines: Sequence[str], tone: Tone) -> Iterator[Line]:
    for number, line in enumerate(lines):
        yield ((INDENT + (label if not number else "").ljust(_LABELS), "quiet"), (line, tone))
