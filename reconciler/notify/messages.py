"""What is new about each app, and the one message that says it to a channel. Pure.

A message has names, outcomes and reasons of reports whose secrets are hidden already, and no lines of logs. What people
write into names and reasons mentions no one and links nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from reconciler.config_notify import Channel, Topic
from reconciler.plan.model import NO_DRIFT, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.text import count
from reconciler.views.lines import shortened
from reconciler.views.summary import OUTCOMES

Severity = Literal["failure", "warning", "success", "info"]
"""How a message looks in a chat; the words are apprise's."""

LISTED = 20
"""Apps that the text of a message names; the rest are counted."""

CARRIED = 1000
"""Apps that the data of a message holds."""

_REASON = 300

TOPICS: dict[OutcomeKind, tuple[Topic, ...]] = {
    OutcomeKind.ROLLED_BACK: ("rolled_back",),
    OutcomeKind.PINNED: ("person_needed", "rolled_back"),
    OutcomeKind.LEFT: ("person_needed",),
    OutcomeKind.DEGRADED: ("person_needed",),
    OutcomeKind.ROLLBACK_FAILED: ("person_needed",),
    OutcomeKind.DIVERGED: ("person_needed",),
    OutcomeKind.BLOCKED: ("person_needed",),
    OutcomeKind.STALLED: ("stalled",),
    OutcomeKind.APPLIED: ("applied",),
    OutcomeKind.DELETED: ("applied",),
}
"""What an outcome counts as, the most serious first. The others end a run with an error, which its pipeline reports."""

_SAID_BY_ROLLOUTS = frozenset({SyncStatus.STALLED, SyncStatus.DEGRADED})
"""Differences that the run which failed has reported already: they are no drift to begin."""

_PHRASES: dict[Topic, tuple[str, str, Severity]] = {
    "person_needed": ("needs a person", "need a person", "failure"),
    "rolled_back": ("was rolled back", "were rolled back", "failure"),
    "stalled": ("is stalled", "are stalled", "warning"),
    "drift_begins": ("differs from Git", "differ from Git", "warning"),
    "applied": ("was applied", "were applied", "success"),
    "drift_ends": ("matches Git again", "match Git again", "success"),
}


@dataclass(frozen=True, slots=True)
class News:
    """What is new about an app. ``topics``: what it counts as, the most serious first; a channel gets one of them.

    ``word`` is its state, ``next`` a command for a person, ``url`` a page about it. ``found``: this run changed nothing
    and only found the app so, as an earlier one may have.
    """

    app: str
    topics: tuple[Topic, ...]
    word: str
    reason: str = ""
    next: str = ""
    url: str = ""
    found: bool = False


@dataclass(frozen=True, slots=True)
class Occasion:
    """The run that a message is about: its ``environment`` and ``run_url`` may be empty."""

    environment: str
    at: datetime
    run_url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel gets: ``title`` and ``body`` for people, ``topic`` and the ``news`` for programs."""

    topic: Topic | Literal["test"]
    severity: Severity
    title: str
    body: str
    occasion: Occasion
    news: tuple[tuple[Topic, News], ...] = ()


def of_rollout(report: RolloutReport) -> tuple[News, ...]:
    """What an apply did or found that a person may want to hear of."""
    return tuple(_outcome(record) for record in report.records if _topics(record))


def _topics(record: RolloutRecord) -> tuple[Topic, ...]:
    """An app that may be left pinned needs a person, whatever its outcome."""
    found = TOPICS.get(record.outcome.kind, ())
    return ("person_needed", *found) if record.outcome.pinned and "person_needed" not in found else found


def _outcome(record: RolloutRecord) -> News:
    outcome = record.outcome
    return News(
        record.app,
        _topics(record),
        OUTCOMES[outcome.kind].word,
        outcome.reason,
        next(iter(outcome.commands), ""),
        record.console_url or record.live_url,
        found=not record.deployments and outcome.kind not in (OutcomeKind.APPLIED, OutcomeKind.DELETED),
    )


def of_drift(report: PlanReport) -> tuple[News, ...]:
    """The differences that a detection found, but for those of specs that failed: the run that tried them said so."""
    unsaid = (plan for plan in report.plans if plan.status not in NO_DRIFT | _SAID_BY_ROLLOUTS)
    return tuple(_difference(plan) for plan in unsaid if plan.status is not SyncStatus.UNKNOWN)


def _difference(plan: Plan) -> News:
    """An app that is pinned needs a person: nothing is deployed until then."""
    topics: tuple[Topic, ...] = ("person_needed",) if plan.status is SyncStatus.BLOCKED else ("drift_begins",)
    who = plan.attribution.text if plan.attribution else ""
    what = count(len(plan.changes), "difference") if plan.changes else ""
    word = plan.status.value.replace("_", " ")
    return News(plan.app, topics, word, who or plan.reason or what, found=True)


def drift_ended(apps: Iterable[str]) -> tuple[News, ...]:
    """Apps whose drift was reported, and is gone."""
    return tuple(News(app, ("drift_ends",), "in sync") for app in apps)


def message(news: Sequence[News], occasion: Occasion, channel: Channel) -> Message | None:
    """The one message that a channel gets about a run; None if nothing of it is for this channel."""
    wanted = [
        (topic, one)
        for one in news
        if channel.is_about(one.app)
        if (topic := next((topic for topic in one.topics if topic in channel.events), None))
    ]
    if not wanted:
        return None
    ranked = sorted(wanted, key=lambda pair: get_args(Topic).index(pair[0]))
    topic = ranked[0][0]
    where = f"reconcile {occasion.environment}".strip()
    title = plain(f"{where}: {', '.join(_counted(ranked))}")
    return Message(topic, _PHRASES[topic][2], title, _body(ranked, occasion), occasion, tuple(ranked))


def trial(occasion: Occasion) -> Message:
    """A message that says that messages arrive, and nothing else."""
    where = f"reconcile {occasion.environment}".strip()
    return Message("test", "info", f"{where}: test", "This is a test: messages arrive here.", occasion)


def _counted(ranked: Sequence[tuple[Topic, News]]) -> list[str]:
    """``shop was rolled back``, or ``2 apps were rolled back``, for each topic."""
    tally = Counter(topic for topic, _ in ranked)
    only = {topic: one.app for topic, one in ranked}
    one = {topic: f"{only[topic]} {_PHRASES[topic][0]}" for topic in tally}
    return [one[topic] if n == 1 else f"{count(n, 'app')} {_PHRASES[topic][1]}" for topic, n in tally.items()]


def body_within(message: Message, limit: int) -> str:
    """The text of a message in at most so many characters: with fewer apps, as what a chat cuts has no end."""
    shorter = (_body(message.news, message.occasion, listed) for listed in range(LISTED - 1, -1, -1))
    texts = (message.body, *(shorter if message.news else ()))
    return next((text for text in texts if len(text) <= limit), message.body[: max(limit, 0)])


def _body(ranked: Sequence[tuple[Topic, News]], occasion: Occasion, listed: int = LISTED) -> str:
    lines: list[str] = []
    for _, one in ranked[:listed]:
        reason = f": {plain(shortened(one.reason, _REASON))}" if one.reason else ""
        lines.append(f"{plain(one.app)}: {one.word}{reason}")
        lines += [f"  next: {plain(one.next)}"] if one.next else []
    if len(ranked) > listed:
        lines.append(f"… and {len(ranked) - listed:,} more")
    return "\n".join([*lines, *([occasion.run_url] if occasion.run_url else [])])


_INERT = str.maketrans({"@": "@\u200b", "<": "‹", ">": "›", "`": "'", "*": "∗", "[": "(", "]": ")"})
"""What chats read as a mention, a link or markup, as what only looks alike."""


def plain(text: str) -> str:
    """A text in which nothing is a mention, a link or markup in any chat."""
    return shortened(text, 1000).translate(_INERT).replace("://", ":\u200b//")
