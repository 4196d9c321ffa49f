"""What a page shows, ready for the templates: texts, symbols, tones; and what the caller knows besides the reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.html.timeline import Timeline

if TYPE_CHECKING:
    from reconciler.plan.figures import Figures
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import RolloutReport
    from reconciler.views.html.history import AppHistory


@dataclass(frozen=True, slots=True)
class About:
    """The run that a page is of. ``freeze``: why nothing may be applied now; ``address``: the API's, if not the usual.

    ``notes`` are sentences about the whole page.
    """

    title: str
    made: datetime
    version: str
    account: str = ""
    address: str = ""
    freeze: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """The reports of one environment ("" without one), and what is known of its apps' past, by name.

    ``rollout``: what was done, after ``planned``; None if nothing was applied.
    """

    planned: PlanReport
    rollout: RolloutReport | None = None
    environment: str = ""
    histories: Mapping[str, AppHistory] = field(default_factory=dict)
    figures: Figures | None = None


class Badge(NamedTuple):
    """A state: a symbol, a word and a tone, of which the first two are enough to know it."""

    symbol: str
    word: str
    tone: str


class Fact(NamedTuple):
    """A label and a text; ``address`` makes it a link and is checked to be one of http or https."""

    label: str
    text: str
    address: str = ""


class DiffRow(NamedTuple):
    """One line of a diff; ``within``: it belongs to the part on the line before."""

    sign: str
    tone: str
    path: str
    text: str
    within: bool = False


@dataclass(frozen=True, slots=True)
class DiffView:
    """The changes of an app. ``shared``: other apps with the same ones; ``link``: the app that shows them instead."""

    rows: tuple[DiffRow, ...] = ()
    notes: tuple[DiffRow, ...] = ()
    more: str = ""
    shared: str = ""
    link: Fact | None = None


@dataclass(frozen=True, slots=True)
class FailureView:
    """What failed: in a line, the platform's message, the last lines of the log, where more can be read."""

    head: str
    message: tuple[str, ...]
    log: tuple[str, ...]
    links: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding, with its place and how to fix it."""

    badge: Badge
    message: str
    code: str
    place: str = ""
    hint: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One of an app's last deployments."""

    id: str
    badge: Badge
    when: str
    moment: str
    took: str
    cause: str
    who: str
    reason: str
    console: str


@dataclass(frozen=True, slots=True)
class AppView:
    """One app of the page, everything in it shortened and inert."""

    anchor: str
    name: str
    environment: str
    states: tuple[Badge, ...]
    what: str = ""
    cost: str = ""
    when: str = ""
    facts: tuple[Fact, ...] = ()
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    timeline: Timeline | None = None
    failure: FailureView | None = None
    decisions: tuple[tuple[str, str, str], ...] = ()
    diff: DiffView | None = None
    drift: tuple[str, ...] = ()
    findings: tuple[FindingView, ...] = ()
    deployments: tuple[DeploymentView, ...] = ()
    figures: tuple[Fact, ...] = ()
    logs: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def keys(self) -> str:
        """The words of its states, for the filter."""
        return "|".join(state.word for state in self.states)


class Tally(NamedTuple):
    """How many apps are in a state; ``x`` and ``width``: its place among all, by each app's first state, in percent."""

    badge: Badge
    number: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a fleet. ``when``: the title of the last column."""

    title: str
    summary: str
    facts: tuple[Fact, ...]
    notes: tuple[Badge, ...]
    tallies: tuple[Tally, ...] = ()
    apps: tuple[AppView, ...] = ()
    figures: tuple[Fact, ...] = ()
    findings: tuple[FindingView, ...] = ()
    unmanaged: tuple[str, ...] = ()
    version: str = ""
    when: str = ""
