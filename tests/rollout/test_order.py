"""Apps that depend on each other in a circle are refused."""

from __future__ import annotations

import pytest

from reconciler.config import Policy
from reconciler.errors import InvalidInput
from reconciler.findings import Severity
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.ports import RolloutJob
from reconciler.rollout.scheduler import order_of


def job(app: str, *depends_on: str, action: Action = Action.UPDATE) -> RolloutJob:
    return RolloutJob(Plan(app, SyncStatus.OUT_OF_SYNC, action), None, Policy(depends_on=list(depends_on)))


def test_a_circle_is_refused_and_shown() -> None:
    with pytest.raises(InvalidInput, match="in a circle: a → b → a") as refused:
        order_of([job("a", "b"), job("b", "a")])
    (finding,) = refused.value.findings
    assert (finding.severity, finding.code) == (Severity.ERROR, "depends-on-circle")
    assert finding.message == "apps depend on each other in a cycle: a → b → a"
    assert refused.value.hint == "break it in depends_on"


def test_an_order_without_a_circle_is_fine() -> None:
    assert order_of([job("a", "b", "elsewhere"), job("b")]) == {"a": ["b"], "b": []}


def test_c81_a_deletion_waits_for_what_depends_on_it_and_nothing_waits_for_a_deletion() -> None:
    gone = {"action": Action.DELETE}
    jobs = [job("db", **gone), job("api", "db", **gone), job("web", "api", "cdn"), job("cdn")]
    assert order_of(jobs) == {"db": ["api"], "api": ["web"], "web": ["cdn"], "cdn": []}
