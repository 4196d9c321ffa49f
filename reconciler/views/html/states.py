"""The state of an app on a page, most serious first, from its plan, its rollout and its past. Pure.

The words are those of `summary` and `app_status`; a page adds what only a fleet's page needs: whether a difference was
made on App Platform (drifted), whether a freeze holds it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.model import RolloutRecord
from reconciler.views.html.history import AppHistory
from reconciler.views.html.model import AppView, Badge, Tally
from reconciler.views.lines import inert
from reconciler.views.outcome_lines import outcome_tone
from reconciler.views.plan_lines import ACTION_TONES
from reconciler.views.summary import ended, is_quiet, plan_word

SYMBOLS = {"good": "✓", "change": "▸", "notice": "▸", "warning": "!", "error": "✗", "bad": "✗", "quiet": "·", "": "·"}
"""The symbol of each tone, for words that have none of their own."""

_ORDER = ("bad", "error", "warning", "change", "notice", "good", "quiet", "")
_WORDS = {"blocked": "pinned", "pending build": "progressing", "building": "progressing"} | dict.fromkeys(
    ("pending deploy", "deploying"), "progressing"
)
"""Words of other views that mean the same state here."""

_TONES = {"drifted": "warning", "differs": "change", "progressing": "change", "pinned": "bad", "degraded": "bad"}


def states(
    plan: Plan | None, record: RolloutRecord | None, past: AppHistory | None, *, frozen: bool
) -> tuple[Badge, ...]:
    """Every state that an app is in, the most serious first; at least one."""
    found = [*(_of_record(record) if record else _of_plan(plan, frozen=frozen) if plan else ())]
    for word, tone in past.conditions if past and record is None else ():
        said = "not ready" if word.endswith(" ready") else _WORDS.get(word, word)
        found.append(Badge(SYMBOLS[tone], inert(said), tone))
    unique = {badge.word: badge for badge in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda badge: _ORDER.index(badge.tone)))


def _of_record(record: RolloutRecord) -> Iterable[Badge]:
    kind = record.outcome.kind
    symbol, word = ended(record).symbol, ended(record).word
    yield Badge(
        symbol, _WORDS.get(word, word), "good" if kind.good else outcome_tone(kind, requested=record.outcome.requested)
    )
    if record.outcome.pinned and "pinned" not in word:
        yield Badge("!", "pinned", "bad")


def _of_plan(plan: Plan, *, frozen: bool) -> Iterable[Badge]:
    symbol, word = plan.action.value, plan_word(plan)
    if is_quiet(plan):
        yield Badge(symbol, word, "good")
        return
    if _differs(plan):
        origin = plan.attribution.kind if plan.attribution else "unknown"
        said = "drifted" if origin in ("live_edit", "both") else "differs"
        yield Badge(symbol, said, _TONES[said])
        if frozen and plan.writes:
            yield Badge("!", "frozen", "warning")
    if plan.writes:
        return
    tone = _TONES.get(_WORDS.get(word, word), ACTION_TONES[plan.action])
    yield Badge(symbol, _WORDS.get(word, word), "warning" if tone == "error" else tone)


def _differs(plan: Plan) -> bool:
    """Whether Git and App Platform are known to differ."""
    return (
        plan.writes
        or plan.status is SyncStatus.OUT_OF_SYNC
        or (plan.action is Action.REFUSE and bool(plan.differences))
    )


def seriousness(states: Sequence[Badge]) -> int:
    """The rank of an app by its states; the lowest is the most serious."""
    return _ORDER.index(states[0].tone)


def tallies(apps: Sequence[AppView]) -> tuple[Tally, ...]:
    """How many apps are in each state, the most serious first; an app counts in each of its states."""
    badges = {badge.word: badge for app in apps for badge in app.states}
    every = Counter(badge.word for app in apps for badge in app.states)
    first = Counter(app.states[0].word for app in apps)
    found, at = [], 0.0
    for badge in sorted(badges.values(), key=lambda badge: (_ORDER.index(badge.tone), -every[badge.word], badge.word)):
        width = first[badge.word] / len(apps) * 100
        found.append(Tally(badge, f"{every[badge.word]:,}", f"{at:.3f}%", f"{width:.3f}%"))
        at += width
    return tuple(found)
