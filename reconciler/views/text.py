"""Plans, rollouts and findings as text for a terminal or a pipe.

Without ``color`` the text is plain and rich is not imported. No result ends in a newline, and nothing in it
can move a cursor: unprintable characters are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.findings import Finding, ranked
from reconciler.plan.model import PlanReport
from reconciler.rollout.model import Event, RolloutReport
from reconciler.views.lines import Line, Tone, finding_lines, render
from reconciler.views.plan_lines import plan_lines
from reconciler.views.rollout_lines import rollout_lines
from reconciler.views.summary import OUTCOMES, finding_counts, plan_summary, rollout_summary
from reconciler.views.values import name, padded, shortened

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


def findings(found: Sequence[Finding], *, color: bool = False) -> str:
    """Findings by place, then ``3 errors, 1 warning``."""
    lines = finding_lines(ranked(list(found)))
    return render([*lines, ((finding_counts(found), "strong"),)], color=color)


def event(happened: Event, *, names: int = 0, color: bool = False) -> str:
    """One line for a pipe: ``  4.2s  web  BUILDING 3/7  text``. ``names``: the columns of the longest app name."""
    return render([event_line(happened, names)], color=color)


def event_line(happened: Event, names: int = 0) -> Line:
    """See `event`."""
    phase = happened.phase + (f" {happened.done}/{happened.total}" if happened.total else "")
    tone: Tone = ""
    if happened.outcome is not None:
        phase = f"{OUTCOMES[happened.outcome].symbol} {OUTCOMES[happened.outcome].word}"
        tone = "good" if happened.outcome.good else "bad"
    line: Line = ((f"{happened.at:7.1f}s  ", "quiet"), (padded(name(happened.app), names), "strong"))
    if phase:
        line = (*line, (f"  {shortened(phase, 80)}", tone))
    if happened.text:
        line = (*line, (f"  {shortened(happened.text, _EVENT_WIDTH)}", ""))
    return line
