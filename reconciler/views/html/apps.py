"""One app of a page, from its plan, its rollout and its past. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.plan.model import Plan, SyncStatus
from reconciler.rollout.model import RolloutRecord
from reconciler.text import ago, count
from reconciler.views.html import parts
from reconciler.views.html.history import AppHistory
from reconciler.views.html.model import AppView, Badge, Fact
from reconciler.views.html.states import states
from reconciler.views.lines import inert, name, shortened
from reconciler.views.markup import console_url
from reconciler.views.outcome_lines import cause_of, in_brief
from reconciler.views.plan_lines import origin_lines, override_label
from reconciler.views.summary import (
    cost_text,
    ended,
    explained,
    extra_reason,
    joined,
    money,
    plan_cost,
    plan_word,
    took_text,
    total_cost,
)

_SENTENCE = 2000
_BRIEF = 200


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one app. ``shared`` and ``link``: see `model.DiffView`."""

    anchor: str
    environment: str = ""
    plan: Plan | None = None
    record: RolloutRecord | None = None
    past: AppHistory | None = None
    frozen: bool = False
    console: bool = True
    shared: str = ""
    link: Fact | None = None

    @property
    def app(self) -> str:
        """Its name."""
        return self.record.app if self.record else self.plan.app if self.plan else ""


def app_view(known: Known, now: datetime) -> AppView:
    """The app as its page shows it."""
    plan, record, past = known.plan, known.record, known.past
    found = states(plan, record, past, frozen=known.frozen) or (Badge("·", "unknown", "quiet"),)
    return AppView(
        known.anchor,
        name(known.app),
        inert(known.environment),
        found,
        shortened(_what(known), _BRIEF),
        _cost(known),
        ago(past.deployed, now) if past and not record else took_text(record) if record else "",
        tuple(_facts(known)),
        tuple(shortened(text, _SENTENCE) for text in _sentences(known) if text),
        tuple(shortened(text, _SENTENCE) for text in (record.warnings if record else ())),
        tuple(_commands(known)),
        parts.rollout_timeline(record) if record else parts.past_timeline(past) if past else None,
        parts.failure(record.failure) if record and record.failure else None,
        parts.decisions(record.decisions) if record else (),
        parts.diff(plan, known.shared, known.link) if plan else None,
        tuple(shortened(line, _SENTENCE) for line in origin_lines(plan)) if plan else (),
        parts.findings(plan.findings) if plan else (),
        parts.deployments(past, now, console=known.console) if past else (),
        parts.figures(past.figures) if past and past.figures else (),
        parts.logs(record.logs) if record else (),
    )


def _what(known: Known) -> str:
    """The app's row: what failed, else what would be or was done."""
    plan, record = known.plan, known.record
    if record is not None and not record.outcome.kind.good:
        return cause_of(record) or in_brief(record.outcome.reason, record.app)
    if plan is None:
        return ""
    changes = count(len(plan.differences), "change") if plan.differences and not plan.is_new else ""
    word = plan_word(plan) if plan.writes else ""
    return joined(word, changes, extra_reason(plan)) or (known.past.stalled if known.past else "")


def _cost(known: Known) -> str:
    plan, record = known.plan, known.record
    if record is not None and record.outcome.kind.good and (text := cost_text(record.action, record.cost)):
        return text
    if plan is None:
        return ""
    now = "" if plan.cost.before is None else f"{'≈' if plan.cost.estimated else ''}{money(plan.cost.before)}/mo"
    return plan_cost(plan) or now


def _sentences(known: Known) -> list[str]:
    """The state in sentences: what it means, why, what else is known."""
    plan, record, past = known.plan, known.record, known.past
    found = [ended(record).meaning, record.outcome.reason] if record else []
    if plan is not None and record is None:
        found.append(plan.reason)
    if plan is not None:
        found.append(f"Renamed from {plan.moved_from}." if plan.moved_from else "")
        latest = "Every source is updated to its newest commit or image."
        found.append(latest if plan.writes and plan.update_all_source_versions else "")
    said = record is not None or (plan is not None and plan.status is SyncStatus.STALLED)
    if record is not None and record.alerts:
        found.append(f"alert destinations set: {', '.join(record.alerts)}")
    return [*found, past.stalled if past and not said else ""]


def _commands(known: Known) -> list[str]:
    commands = [*known.record.outcome.commands] if known.record else []
    plan = known.plan
    if plan is not None and plan.override and known.record is None:
        commands.append(f"{plan.override}  # {override_label(plan.override)}")
    return [shortened(line, 500) for line in explained(commands)]


def _facts(known: Known) -> list[Fact]:
    plan, record, past = known.plan, known.record, known.past
    app_id = (record.app_id if record else "") or (plan.app_id if plan else "") or (past.app_id if past else "")
    live = (record.live_url if record else "") or (past.live_url if past else "")
    console = console_url(app_id) if known.console else ""
    found = [Fact("control panel", "open", parts.address(console))] if console and parts.address(console) else []
    found = [*parts.linked("live", live), *found]
    if plan is not None:
        found += [Fact("file", shortened(plan.file, 300))] if plan.file else []
        found += [Fact("cost", total)] if (total := total_cost([plan])) else []
    if record is not None:
        found += [Fact("took", took)] if (took := took_text(record)) else []
        found += [Fact("requests", f"{record.requests:,}")] if record.requests else []
        found += [Fact("wave", str(record.wave))] if record.wave else []
    return found + ([Fact("app", shortened(app_id, 80))] if app_id else [])
