"""Mutants of the policy that no test can catch, by their names, each with the reason why it changes nothing.

There are few: what changes nothing can mostly be written so that it need not be there.
"""

from __future__ import annotations

_NO_RENDERING = "canonical takes what is no mapping for an empty spec; the types ask for one"

_RENDERED = "plan.decide.make_plan: rendered = canonical(comparison.rendered or {})"

_ANY_MICROSECOND = "whatever the number of microseconds, cronsim counts the second that they are in"

_LAST_BEGIN = (
    "end = next(CronSim(window.cron, local.replace(microsecond={}), reverse=True)) + timedelta(seconds=window.duration)"
)

EQUIVALENT: dict[str, str] = {
    f"{_RENDERED} → rendered = canonical({other})": _NO_RENDERING
    for other in ("comparison.rendered", "comparison.rendered or not {}")
} | {f"plan.guard._cron_end: {_LAST_BEGIN.format(1)} → {_LAST_BEGIN.format(2)}": _ANY_MICROSECOND}
