"""Outcomes in few words: their tone and their cause, and how a fleet's rollouts ended, in a screen. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from reconciler.rollout.model import OutcomeKind, RolloutRecord
from reconciler.text import count
from reconciler.views.lines import Line, Tone, cells, inert, log_line, name, padded, width_of
from reconciler.views.plan_lines import INDENT, MANY_QUIET, Layout, wrapped
from reconciler.views.summary import OUTCOMES, explained, outcome_text

DETAILED = 3
"""Up to so many apps that did not go well are shown in detail; more are a fleet."""

_LOG_IN_BRIEF = 3
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_REQUEST = re.compile(r", request [^\s)]+(?=\))")


def cause_of(record: RolloutRecord) -> str:
    """What failed, in a few words: ``web unhealthy for 5 s``; empty if nothing did."""
    failure = record.failure
    if failure is None:
        return ""
    first = failure.message.strip().partition("\n")[0]
    named = first.startswith(f"{failure.component} ") or not failure.component
    said = first if named or not failure.code else failure.code
    return said if named else ": ".join(filter(None, (failure.component, said)))


def counted_kinds(records: Sequence[RolloutRecord]) -> list[OutcomeKind]:
    """The good outcomes of so many apps that they are counted instead of listed."""
    tally = Counter(record.outcome.kind for record in records)
    return [kind for kind in OUTCOMES if kind.good and tally[kind] > MANY_QUIET]


def fleet_lines(bad: Sequence[RolloutRecord], layout: Layout) -> Iterator[Line]:
    """What did not go well in a fleet: the cause of each app on its line, those that are alike together, commands once.

    ``bad`` has the most serious last.
    """
    groups = alike(bad)
    words = max(cells(OUTCOMES[record.outcome.kind].word) for record in bad)
    for records in groups:
        kind, why = records[0].outcome.kind, cause_of(records[0]) or in_brief(records[0].outcome.reason, records[0].app)
        tone = outcome_tone(kind)
        named = name(records[0].app) if len(records) == 1 else count(len(records), "app")
        head: Line = (
            (f"  {OUTCOMES[kind].symbol} ", tone),
            (padded(named, layout.names), "strong"),
            (f"  {padded(OUTCOMES[kind].word, words)}  ", tone),
        )
        room = width_of(head)
        texts = [text for ((text, _),) in wrapped(why, "", layout.width - room)] or [""]
        yield (*head, (texts[0], ""))
        yield from (((" " * room + text, ""),) for text in texts[1:])
        if len(records) > 1:
            yield from wrapped(_names(kind, records), INDENT, layout.width, "quiet")
        if failure := records[0].failure:
            log = failure.log_lines[-_LOG_IN_BRIEF:]
            yield from (((f"{INDENT}│ {log_line(line, layout.width - len(INDENT) - 2)}", "quiet"),) for line in log)
    yield ()
    room = layout.width - len(INDENT)
    yield from (((INDENT + inert(line), ""),) for line in explained(commands_of(bad), room))


def _names(kind: OutcomeKind, records: Sequence[RolloutRecord]) -> str:
    """The names of all apps, or the first of those that nothing was tried for."""
    shown = records[:MANY_QUIET] if kind is OutcomeKind.SKIPPED else records
    more = len(records) - len(shown)
    return ", ".join(name(record.app) for record in shown) + (f" and {more:,} more" if more else "")


def alike(records: Sequence[RolloutRecord]) -> list[list[RolloutRecord]]:
    """The records in order; those of several apps that ended the same way for the same reason are one group."""
    groups: dict[tuple[OutcomeKind, str], list[RolloutRecord]] = {}
    for record in records:
        why = cause_of(record) or in_brief(record.outcome.reason, record.app)
        groups.setdefault((record.outcome.kind, why), []).append(record)
    return list(groups.values())


def is_fleet(bad: Sequence[RolloutRecord]) -> bool:
    """Whether what did not go well is shown in brief: it is many, or all the same, such as a 403."""
    return len(bad) > DETAILED or (len(alike(bad)) == 1 and said_by_one(bad))


def said_by_one(records: Sequence[RolloutRecord]) -> bool:
    """Whether one of the records, which are `alike`, says it for all: each ended badly, and no deployment is named."""
    bare = (not (one.failure or one.deployments or one.warnings or one.outcome.kind.good) for one in records)
    return len(records) > 1 and all(bare) and not any(_ID.search(one.outcome.reason) for one in records)


def in_brief(reason: str, app: str) -> str:
    """A reason without what only one app has: ids, the request's number, its name."""
    return re.sub(rf"\b{re.escape(app)}\b", "APP", _REQUEST.sub("", _ID.sub("…", reason)))


def outcome_tone(kind: OutcomeKind, *, requested: bool = False) -> Tone:
    """Quiet for nothing done, good for done, warning for stopped short, bad for failed."""
    match outcome_text(kind, requested=requested).symbol:
        case "=" | "·":
            return "quiet"
        case "✓":
            return "good"
        case "!":
            return "warning"
        case _:
            return "error"


def commands_of(records: Sequence[RolloutRecord]) -> list[str]:
    """What can be run next: ``reconcile rollback APP --commit`` once for several apps, else with the app's name."""
    found: dict[str, list[str]] = {}
    for record in records:
        for command in record.outcome.commands:
            alike = " ".join("APP" if word == record.app else word for word in command.split(" "))
            found.setdefault(alike, []).append(command)
    return [alike if len(commands) > 1 else commands[0] for alike, commands in found.items()]
