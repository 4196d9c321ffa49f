"""Hostile values on a page: it parses, has no element and no link but ours, and fetches nothing."""

from __future__ import annotations

from html import unescape

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.findings import Finding
from reconciler.plan.model import PlanReport
from reconciler.rollout.model import RolloutReport
from reconciler.views.html import pages
from reconciler.views.html.history import AppHistory, PastDeployment
from reconciler.views.html.model import About, Fleet
from tests.views.html.pagesupport import NOW, Reader
from tests.views.samples import hostile, hostile_findings, hostile_plans, hostile_rollouts

_tones = st.sampled_from(["good", "bad", "warning", "change", "quiet"])
_seconds = st.floats(0, 1e6)
_past = st.builds(
    AppHistory,
    hostile,
    hostile,
    st.lists(st.tuples(hostile, _tones), max_size=2).map(tuple),
    hostile,
    st.none(),
    st.lists(
        st.builds(
            PastDeployment,
            hostile,
            hostile,
            _tones,
            st.none(),
            hostile,
            hostile,
            hostile,
            st.booleans(),
            st.lists(st.tuples(hostile, _seconds, _seconds), max_size=3).map(tuple),
            st.none() | _seconds,
        ),
        max_size=2,
    ).map(tuple),
)
_abouts = st.builds(About, hostile, st.just(NOW), hostile, hostile, hostile, hostile, st.lists(hostile).map(tuple))
_slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCRIPT = pages.findings([], About("", NOW, "")).count("<script")


def _check(page: str) -> None:
    """Fails where a value became markup, a link, a line of its own that a runner executes, or an odd character."""
    found = Reader(page)
    assert len(found.named("script")) == SCRIPT == 1
    assert len(found.named("style")) == 1
    assert not [line for line in page.split("\n") if line.lstrip().startswith("::") or "##[" in line]
    assert all(char.isprintable() or char == "\n" for char in unescape(found.text))


@_slow
@given(hostile_plans, _past, _abouts, hostile)
def test_a_plan_and_its_past(report: PlanReport, past: AppHistory, about: About, environment: str) -> None:
    named = {plan.app: past for plan in report.plans}
    _check(pages.fleet([Fleet(report, environment=environment, histories=named)] * 2, about))


@_slow
@given(hostile_plans, hostile_rollouts, _abouts)
def test_a_rollout(planned: PlanReport, report: RolloutReport, about: About) -> None:
    _check(pages.fleet([Fleet(planned, report)], about))


@_slow
@given(hostile_findings, _abouts)
def test_findings(found: tuple[Finding, ...], about: About) -> None:
    _check(pages.findings(found, about))
