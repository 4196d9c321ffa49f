"""The parts of an app's section: changes, findings, failure, deployments, timelines, figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from reconciler.findings import Finding, Severity, ranked
from reconciler.html.timeline import Bar, Lane, Timeline, lane, timeline
from reconciler.plan.figures import Figures
from reconciler.plan.model import ChangeKind, Note, Plan
from reconciler.redaction import without_query
from reconciler.rollout.model import Decision, DeploymentLog, Failure, RolloutRecord
from reconciler.text import ago, count, duration
from reconciler.views.html.history import AppHistory, PastDeployment
from reconciler.views.html.model import Badge, DeploymentView, DiffRow, DiffView, Fact, FailureView, FindingView
from reconciler.views.html.states import SYMBOLS
from reconciler.views.lines import MESSAGE_WIDTH, log_line, no_command, paragraph, shortened
from reconciler.views.markup import console_url
from reconciler.views.plan_lines import note_text, notes_to_show, parts_of
from reconciler.views.summary import is_quiet

_VALUE = 400
_MOST_ROWS = 200
_MOST_LINES = 200
_MOST_DECISIONS = 100
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%/?=&#+@:-]*)?")
_SIGNS: dict[ChangeKind, tuple[str, str]] = {
    ChangeKind.ADDED: ("+", "good"),
    ChangeKind.REMOVED: ("-", "bad"),
    ChangeKind.CHANGED: ("~", "change"),
    ChangeKind.REORDERED: ("~", "change"),
}
_SEVERITIES: dict[Severity, tuple[str, str]] = {
    Severity.ERROR: ("✗", "bad"),
    Severity.WARNING: ("!", "warning"),
    Severity.NOTICE: ("·", "notice"),
}


def address(text: str) -> str:
    """The text if it is a plain address of http or https, as a link may have it; else empty."""
    return text if len(text) <= 2000 and _ADDRESS.fullmatch(text) else ""


def linked(label: str, text: str) -> Iterator[Fact]:
    """An address as a fact: a link unless it has a query, which may be a credential, or is of another kind."""
    if text:
        yield Fact(label, shortened(without_query(text), 300), "" if "?" in text else address(text))


def diff(plan: Plan, shared: str = "", link: Fact | None = None) -> DiffView | None:
    """The changes and notes of a plan; None if there are none."""
    notes = () if is_quiet(plan) else tuple(_note_rows(notes_to_show(plan)))
    if link is not None:
        return DiffView(link=link)
    rows = tuple(_rows(plan))
    more = f"… {count(len(plan.differences), 'change')} in total" if len(rows) > _MOST_ROWS else ""
    return DiffView(rows[:_MOST_ROWS], notes[:_MOST_ROWS], more, shared) if rows or notes else None


def _rows(plan: Plan) -> Iterator[DiffRow]:
    for part in parts_of(plan.differences[: _MOST_ROWS + 1]):
        sign, tone = _SIGNS[part.kind]
        within = part.label.startswith("  ")
        yield DiffRow(sign, tone, part.label.strip(), part.text(_VALUE).removeprefix(f"{sign} "), within)


def _note_rows(notes: Iterable[Note]) -> Iterator[DiffRow]:
    for note in notes:
        yield DiffRow("", "quiet", shortened("/".join(note.path), _VALUE), note_text(note))


def findings(found: Iterable[Finding]) -> tuple[FindingView, ...]:
    """Findings by place."""
    return tuple(map(_finding, ranked(list(found))))


def _finding(one: Finding) -> FindingView:
    symbol, tone = _SEVERITIES[one.severity]
    also = [f"see also {shortened(str(other), 300)}" for other in one.related[:3]]
    return FindingView(
        Badge(symbol, one.severity.value, tone),
        shortened(one.message, MESSAGE_WIDTH),
        shortened(one.code, 80),
        shortened(str(one.location), 300) if one.location else "",
        (*paragraph(one.hint, MESSAGE_WIDTH), *also),
    )


def failure(found: Failure) -> FailureView:
    """What failed; links that would carry a credential are cut to plain text."""
    step = f"step {shortened(found.step, 120)}" if found.step else ""
    where = ", ".join(filter(None, (shortened(found.component, 80), step)))
    head = ": ".join(filter(None, (where, shortened(found.code, 120))))
    links = tuple(fact for text in found.links[:5] for fact in linked("more", text))
    return FailureView(head or "failed", tuple(paragraph(found.message)), log_lines(found.log_lines), links)


def log_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """The last lines of a log, none of which can command a runner that prints the page."""
    return tuple(no_command(log_line(line)) for line in lines[-_MOST_LINES:])


def logs(found: Iterable[DeploymentLog]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Logs that were asked for, each with a title."""
    return tuple(
        (f"{shortened(one.kind, 20).lower()} log of {shortened(one.deployment_id, 80)}", log_lines(one.lines))
        for one in found
    )


# --- Timelines ---


def rollout_timeline(record: RolloutRecord) -> Timeline | None:
    """A rollout as lanes, one for each deployment, and one for the commit of a rollback; None without deployments."""
    lanes = [
        lane(
            shortened(made.role, 20),
            shortened(made.id, 80).partition("-")[0],
            [(shortened(span.phase, 40), span.began, span.ended) for span in made.phases],
        )
        for made in record.deployments
    ]
    if not lanes:
        return None
    lanes += [Lane("commit", bars=tuple(commits))] if (commits := list(_commits(record))) else []
    return timeline(lanes, record.seconds)


def _commits(record: RolloutRecord) -> Iterator[Bar]:
    """From each commit of a rollback until the next decision, or the end."""
    following = [*(chosen.at for chosen in record.decisions[1:]), record.seconds]
    for chosen, until in zip(record.decisions, following, strict=False):
        if chosen.step == "CommitRollback":
            yield Bar("commit", "commit", chosen.at, max(chosen.at, until))


def decisions(found: Sequence[Decision]) -> tuple[tuple[str, str, str], ...]:
    """When, what and why, of the last decisions."""
    return tuple(
        (duration(chosen.at), shortened(chosen.what, 300), shortened(chosen.reason, 500))
        for chosen in found[-_MOST_DECISIONS:]
        if chosen.step != "Finish"
    )


def past_timeline(past: AppHistory) -> Timeline | None:
    """The last deployments as lanes, each from its creation on; None if no step of any is known."""
    known = [one for one in past.deployments if one.phases]
    lanes = [
        lane(shortened(one.cause, 40) or "deployment", shortened(one.id, 80).partition("-")[0], one.phases)
        for one in known
    ]
    return timeline(lanes) if lanes else None


# --- The past ---


def deployments(past: AppHistory, now: datetime, *, console: bool) -> tuple[DeploymentView, ...]:
    """The last deployments, newest first; ``console``: the account is the vendor's, so that they have pages there."""
    return tuple(_deployment(one, past.app_id if console else "", now) for one in past.deployments)


def _deployment(one: PastDeployment, app_id: str, now: datetime) -> DeploymentView:
    symbol = "▸" if one.serves else SYMBOLS[one.tone]
    return DeploymentView(
        shortened(one.id, 80),
        Badge(symbol, f"{one.word}, serving" if one.serves and one.word != "active" else one.word, one.tone),
        ago(one.created, now),
        one.created.isoformat(timespec="seconds") if one.created else "",
        duration(one.seconds) if one.seconds is not None else "",
        shortened(one.cause, 80),
        shortened(one.who, 80),
        shortened(one.reason, 500),
        address(console_url(app_id, one.id)),
    )


def figures(found: Figures) -> tuple[Fact, ...]:
    """The figures in words."""
    share, deploy, recover = found.failed_share, found.to_deploy, found.to_recover
    ended = found.succeeded + found.failed
    lasting = f"; {found.unrecovered:,} not recovered" if found.unrecovered else ""
    return (
        Fact("deployments a week", f"{found.weekly:.1f} ({found.changes:,} in {found.days:.0f} days)"),
        Fact("failed", f"{share:.0%} ({found.failed:,} of {ended:,})" if share is not None else "none ended"),
        Fact("median time to deploy", duration(deploy) if deploy is not None else "not known"),
        Fact("median time to recover", (duration(recover) if recover is not None else "nothing recovered") + lasting),
    )
