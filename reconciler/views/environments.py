"""The plans of several environments as one: what reaches several of them is shown once, with where it differs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.findings import Finding
from reconciler.plan.model import Action, Plan, PlanReport
from reconciler.text import count
from reconciler.views.lines import Line, cells, finding_lines, inert, name, padded, render, shortened
from reconciler.views.markdown import COMMENT_LIMIT, NO_LINKS, Links, page, plan_cost_change
from reconciler.views.markup import details, fence, html_code, table
from reconciler.views.plan_lines import ACTION_TONES, INDENT, MANY_QUIET, ChangeLine, override_label, parts_of, wrapped
from reconciler.views.summary import extra_reason, is_quiet, joined, plan_counts, plan_summary, plan_word


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """The plans of one environment. ``bases``: the name in the base of each app that is called otherwise here."""

    name: str
    report: PlanReport
    bases: Mapping[str, str] = field(default_factory=dict)

    def base(self, plan: Plan) -> str:
        """The app's name in the base."""
        return self.bases.get(plan.app, plan.app)


Plans = Sequence[EnvironmentPlan]

_WIDTH = 100
_SHORT = 60
"""Lines of a block that is shown open."""


def plan(plans: Plans, *, color: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Each app once, with its state and its changes in every environment; then a summary for each environment."""
    return render([*_app_lines(plans, width, verbose=verbose), *_summary(plans)], color=color)


def markdown(plans: Plans, *, limit: int = COMMENT_LIMIT, links: Links = NO_LINKS) -> str:
    """The same as markdown, within ``limit`` bytes: a table of the environments, then each app that differs, once."""
    differing = tuple(_differing(plans))
    many = f"{len(plans)} environments"
    named = ", ".join(inert(one.name) for one in plans if not all(map(is_quiet, one.report.plans)))
    heading = f"### {many}: changes in {named}" if named else f"### Nothing to change in {many}"
    rows = [
        (html_code(one.name), plan_counts(one.report.plans) or "no apps", plan_cost_change(one.report)) for one in plans
    ]
    top = (heading, table(("environment", "apps", "cost"), rows))
    bodies = (partial(_blocks, differing, brief=False), partial(_blocks, differing, brief=True))
    return page(top, bodies, "", links.full, limit)


def _differing(plans: Plans) -> Iterator[EnvironmentPlan]:
    """The plans without the apps that are in sync everywhere."""
    busy = {each.base(one) for each in plans for one in each.report.plans if not is_quiet(one) or one.findings}
    for each in plans:
        kept = tuple(one for one in each.report.plans if each.base(one) in busy)
        yield replace(each, report=replace(each.report, plans=kept))


def _blocks(plans: Plans, *, brief: bool) -> Iterator[str]:
    """The apps in one block: open if it is short, without their changes if ``brief``."""
    shown = _app_lines(plans, _WIDTH, verbose=False, brief=brief)
    lines = render(list(shown)).rstrip("\n").split("\n")
    if lines == [""]:
        return
    apps = len({each.base(one) for each in plans for one in each.report.plans})
    few = len(lines) <= _SHORT
    yield fence(lines) if few else details(count(apps, "app"), [fence(lines)])


def findings(plans: Plans) -> tuple[Finding, ...]:
    """Every finding once."""
    found = (
        one for each in plans for one in (*each.report.findings, *(f for p in each.report.plans for f in p.findings))
    )
    return tuple(dict.fromkeys(found))


def together(plans: Plans) -> PlanReport:
    """The plans of all as one, for what is counted: apps are called ``staging/web``."""
    renamed = tuple(replace(one, app=f"{each.name}/{one.app}") for each in plans for one in each.report.plans)
    requests = sum(each.report.requests for each in plans)
    seconds = sum(each.report.seconds for each in plans)
    shared = tuple(dict.fromkeys(found for each in plans for found in each.report.findings))
    return PlanReport(renamed, shared, requests, seconds)


def _app_lines(plans: Plans, width: int, *, verbose: bool, brief: bool = False) -> Iterator[Line]:
    apps: dict[str, dict[str, Plan]] = {}
    for each in plans:
        for one in each.report.plans:
            apps.setdefault(each.base(one), {})[each.name] = one
    column = max((cells(name(app)) for app in apps), default=0)
    many = sum(_rests(here) for here in apps.values()) > MANY_QUIET
    groups: dict[Hashable, tuple[Sequence[Line], list[str]]] = {}
    for app, here in apps.items():
        changes = () if brief else _changes(here, width, verbose=verbose)
        findings_here = _findings({place: one.findings for place, one in here.items()}, INDENT)
        beneath = (*_reasons(here), *changes, *findings_here)
        alike = not verbose and (beneath or (many and _rests(here)))
        values = repr([(place, one.differences) for place, one in here.items()])  # lines have them shortened
        groups.setdefault((_head("", here, 0), beneath, values) if alike else app, (beneath, []))[1].append(app)
    for body, named in groups.values():
        yield _head(named[0] if len(named) == 1 else count(len(named), "app"), apps[named[0]], column)
        yield from body
        if body and len(named) > 1:
            yield from wrapped(f"in {', '.join(map(name, named))}", INDENT, width, "quiet")
    shared = {each.name: each.report.findings for each in plans}
    if any(shared.values()):
        yield ()
        yield from _findings(shared, "  ")
    if apps:
        yield ()


def _rests(here: Mapping[str, Plan]) -> bool:
    """Whether an app is in sync in every environment, and there is nothing else to show."""
    return all(map(is_quiet, here.values()))


def _head(app: str, here: Mapping[str, Plan], column: int) -> Line:
    """``~ web   update in staging, prod · in sync in demo``."""
    words: dict[str, list[str]] = {}
    for place, one in here.items():
        words.setdefault(plan_word(one), []).append(place)
    action = next((one.action for one in here.values() if one.action is not Action.NONE), Action.NONE)
    tone = ACTION_TONES[action]
    states = joined(*(f"{word} in {', '.join(places)}" for word, places in words.items()))
    return (
        (f"  {action.value} ", tone),
        (padded(name(app), column), "strong" if action.writes else ""),
        (f"  {states}", tone),
    )


def _reasons(here: Mapping[str, Plan]) -> Iterator[Line]:
    """Why, and what would allow it; once for the environments that share it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for place, one in here.items():
        if (reason := extra_reason(one)) or one.override:
            groups.setdefault((reason, one.override), []).append(place)
    for (reason, override), places in groups.items():
        yield ((f"{INDENT}{', '.join(places)}: {inert(reason)}", ""),)
        if override:
            yield ((f"{INDENT}  {override_label(override)}: ", "quiet"), (shortened(override, 200), "strong"))


def _changes(here: Mapping[str, Plan], width: int, *, verbose: bool) -> Iterator[Line]:
    """Each path once; values that are the same in every environment that changes are without their names."""
    changing = {place: one for place, one in here.items() if verbose or not (one.is_new or one.action is Action.DELETE)}
    changing = {place: one for place, one in changing.items() if one.differences}
    parts = [(place, label, part) for place, one in changing.items() for label, part in _labelled(one)]
    column = max((cells(label) for _, label, _ in parts), default=0) + 3
    groups: dict[str, dict[str, list[str]]] = {}
    for place, label, part in parts:
        text = part.text(max(width - len(INDENT) - column, 32))
        groups.setdefault(label, {}).setdefault(text, []).append(place)
    for label, texts in groups.items():
        for number, (text, places) in enumerate(texts.items()):
            where = "" if len(places) == len(changing) else f"  ({', '.join(places)})"
            yield ((INDENT + padded("" if number else label, column), ""), (text, "change"), (where, "quiet"))


def _labelled(plan: Plan) -> Iterator[tuple[str, ChangeLine]]:
    """The lines of a plan's changes, each with its whole path."""
    above = ""
    for part in parts_of(plan.differences):
        if part.label.startswith("  "):
            yield f"{above}/{part.label.strip()}", part
        else:
            above = part.label
            yield above, part


def _findings(found: Mapping[str, Sequence[Finding]], indent: str) -> Iterator[Line]:
    """Each finding once, below the environments that have it unless all do."""
    places: dict[Finding, list[str]] = {}
    for place, ones in found.items():
        for one in dict.fromkeys(ones):
            places.setdefault(one, []).append(place)
    groups: dict[str, list[Finding]] = {}
    for one, named in places.items():
        groups.setdefault("" if len(named) == len(found) else ", ".join(named), []).append(one)
    for named_places, ones in groups.items():
        above = f"{named_places}: " if named_places else ""
        yield from finding_lines([replace(one, message=f"{above}{one.message}") for one in ones], indent=indent)


def _summary(plans: Plans) -> Iterator[Line]:
    column = max((cells(each.name) for each in plans), default=0)
    for each in plans:
        quiet = all(map(is_quiet, each.report.plans))
        yield ((f"{padded(each.name, column)}  {plan_summary(each.report)}", "" if quiet else "strong"),)
