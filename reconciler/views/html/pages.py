"""The pages: a plan or drift, what was done, a fleet's state, findings, an error. Data in, one HTML string out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.findings import Finding
from reconciler.html.document import environment, render_page
from reconciler.plan.model import Plan, PlanReport
from reconciler.rollout.model import OutcomeKind
from reconciler.text import count
from reconciler.views.html import parts
from reconciler.views.html.apps import Known, app_view
from reconciler.views.html.history import trimmed
from reconciler.views.html.model import About, AppView, Badge, Fact, Fleet, Page
from reconciler.views.html.states import seriousness, tallies
from reconciler.views.lines import finding_counts, inert, name, paragraph, shortened
from reconciler.views.plan_lines import override_label
from reconciler.views.summary import (
    joined,
    plan_groups,
    plan_summary,
    plan_word,
    rollout_summary,
    unjudged,
)

if TYPE_CHECKING:
    from jinja2 import Environment

    from reconciler.errors import ReconcileError

_STAYED = (OutcomeKind.UNCHANGED, OutcomeKind.PAUSED)
"""Outcomes after which what was known of an app's past still holds."""

_TEMPLATES = Path(__file__).with_name("templates")


def fleet(fleets: Sequence[Fleet], about: About) -> str:
    """The apps of one environment or of several: what would be, or was, done, and what is known of their past."""
    several = len(fleets) > 1
    apps = [view for place, one in enumerate(fleets, 1) for view in _apps(one, about, place, several=several)]
    ordered = sorted(apps, key=lambda app: (seriousness(app.states), app.name, app.environment))
    page = Page(
        inert(about.title),
        "; ".join(f"{inert(one.environment)}: {_summary(one)}" if several else _summary(one) for one in fleets),
        tuple(_facts(fleets, about)),
        (*_run_notes(about), *(note for one in fleets for note in _notes(one, several=several))),
        tallies(ordered) if ordered else (),
        tuple(ordered),
        parts.figures(figures) if len(fleets) == 1 and (figures := fleets[0].figures) else (),
        parts.findings(found for one in fleets for found in one.planned.findings),
        tuple(name(app) for one in fleets for app in one.planned.unmanaged),
        about.version,
        "took" if any(one.rollout for one in fleets) else "deployed",
    )
    return render_page(_environment(), "fleet.html", page)


def findings(found: Sequence[Finding], about: About) -> str:
    """Findings of specs that cannot be used, or of specs that were checked."""
    page = Page(
        inert(about.title),
        finding_counts(found).capitalize(),
        tuple(_facts((), about)),
        (),
        findings=parts.findings(found),
        version=about.version,
    )
    return render_page(_environment(), "fleet.html", page)


def error(ended: ReconcileError, exit_code: int, about: About) -> str:
    """An error that ended a run: its message, how to fix it."""
    hints = tuple(Badge("▸", line, "quiet") for line in paragraph(ended.hint))
    notes = (*(Badge("✗", line, "bad") for line in paragraph(ended.message)), *hints)
    page = Page(
        inert(about.title),
        f"reconcile failed with exit code {exit_code}",
        tuple(_facts((), about)),
        notes,
        version=about.version,
    )
    return render_page(_environment(), "fleet.html", page)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return environment([_TEMPLATES], _inert)


def _inert(value: Any) -> Any:
    """What templates print, inert even where a part forgot it; our own markup, which is no plain text, as it is."""
    return inert(value) if type(value) is str else value


# --- Apps ---


def _apps(one: Fleet, about: About, place: int, *, several: bool) -> Iterator[AppView]:
    """The apps of a fleet; changes that several have alike are shown with the first of them."""
    plans = {plan.app: plan for plan in one.planned.plans}
    records = {record.app: record for record in one.rollout.records} if one.rollout else {}
    names = list(dict.fromkeys((*plans, *records)))
    anchors = {app: f"app-{place}-{number}" for number, app in enumerate(names, 1)}
    shared, links = _shared(one.planned.plans, anchors)
    for app in names:
        past = one.histories.get(app) if app not in records or records[app].outcome.kind in _STAYED else None
        known = Known(
            anchors[app],
            one.environment if several else "",
            plans.get(app),
            records.get(app),
            past and trimmed(past, len(names)),
            frozen=bool(about.freeze),
            console=not about.address,
            shared=shared.get(app, ""),
            link=links.get(app),
        )
        yield app_view(known, about.made)


def _shared(plans: Sequence[Plan], anchors: dict[str, str]) -> tuple[dict[str, str], dict[str, Fact]]:
    """For the first app of each group with the same changes the others' names; for the others where to look."""
    shared: dict[str, str] = {}
    links: dict[str, Fact] = {}
    for plan, alike in plan_groups(plans):
        if len(alike) > 1:
            others = ", ".join(map(name, alike[1:21])) + (", …" if len(alike) > 21 else "")
            shared[plan.app] = f"The same in {count(len(alike) - 1, 'other app')}: {others}"
            links |= {app: Fact("The same changes as in", name(plan.app), f"#{anchors[plan.app]}") for app in alike[1:]}
    return shared, links


# --- The head of a page ---


def _summary(one: Fleet) -> str:
    return rollout_summary(one.rollout) if one.rollout else plan_summary(one.planned)


def _facts(fleets: Sequence[Fleet], about: About) -> Iterator[Fact]:
    if named := ", ".join(inert(one.environment) for one in fleets if one.environment):
        yield Fact("environment" if len(fleets) == 1 else "environments", named)
    if about.account:
        yield Fact("account", shortened(about.account, 100))
    if about.address:
        yield Fact("App Platform at", shortened(about.address, 200))
    yield Fact("made", f"{about.made:%Y-%m-%d %H:%M} UTC")


def _run_notes(about: About) -> Iterator[Badge]:
    if about.freeze:
        yield Badge("!", f"{shortened(about.freeze, 500)}: nothing is applied", "warning")
    yield from (Badge("·", shortened(text, 500), "quiet") for text in about.notes)


def _notes(one: Fleet, *, several: bool) -> Iterator[Badge]:
    """What is worth knowing before anything else: what still runs, what was refused and why, waves."""
    where = f"{inert(one.environment)}: " if several else ""
    for text in (one.rollout or one.planned).warnings:
        yield Badge("!", f"{where}{shortened(text, 500)}", "warning")
    for running in one.rollout.left_running if one.rollout else ():
        yield Badge("▸", f"{where}still running on App Platform: {shortened(running, 300)}", "warning")
    if one.rollout is None:
        yield from _plan_notes(one.planned, where)


def _plan_notes(planned: PlanReport, where: str) -> Iterator[Badge]:
    refused = Counter((plan.reason, plan.override) for plan in planned.plans if plan_word(plan) == "refused")
    for (reason, override), apps in refused.items():
        allow = f"{override_label(override)}: {shortened(override, 200)}" if override else ""
        said = joined(f"{where}{count(apps, 'app')} refused: {shortened(reason, 500)}", allow)
        yield Badge("!", said, "warning")
    if len(planned.waves) > 1:
        sizes = ", then ".join(map(str, planned.waves))
        yield Badge("·", f"{where}applied in {len(planned.waves)} waves: {sizes} of {sum(planned.waves)} apps", "quiet")
    young, sentence = unjudged(planned.plans)
    if young:
        yield Badge("·", f"{where}{sentence}", "quiet")
