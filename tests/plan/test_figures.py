"""Figures of delivery: what counts as a change, as failed, as recovered, and how long it took."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import Policy
from reconciler.live.models import Deployment
from reconciler.plan.figures import Figures, figures, together
from tests.plan.platform import app
from tests.plan.timeline import NOW

A, B = ({**app(), "region": region} for region in ("ams", "fra"))
SINCE = NOW - timedelta(days=14)


def made(
    hours: float,
    phase: str = "SUPERSEDED",
    spec: Any = A,
    *,
    took: float | None = 60,
    kind: str = "MANUAL",
    **more: Any,
) -> Deployment:
    """A deployment made that many hours ago; its last step ended ``took`` seconds later."""
    created = NOW - timedelta(hours=hours)
    steps = [] if took is None else [{"name": "deploy", "ended_at": (created + timedelta(seconds=took)).isoformat()}]
    details = {"type": kind, "digitalocean_user_action": {"name": more.pop("action", "UPDATE_SPEC")}}
    told = {"id": f"{hours}", "spec": spec, "phase": phase, "created_at": created.isoformat(), "cause_details": details}
    return Deployment.model_validate({**told, "progress": {"steps": steps}, **more})


def of(*deployments: Deployment) -> Figures:
    """The figures of two weeks; deployments newest first."""
    return figures(deployments, Policy(), SINCE, 14)


def test_nothing_is_known_of_an_app_without_deployments() -> None:
    found = of()
    assert found == Figures(14)
    assert (found.weekly, found.failed_share, found.to_deploy, found.to_recover) == (0, None, None, None)


def test_changes_a_week_their_failed_share_and_the_medians() -> None:
    found = of(made(1, "ACTIVE", took=90), made(2, "ERROR"), made(50, took=30), made(100, took=60))
    assert (found.changes, found.succeeded, found.failed) == (4, 3, 1)
    assert (found.weekly, found.failed_share, found.to_deploy) == (2, 0.25, 60)
    assert found.recover == (3600 - 60 + 90,)
    assert found.unrecovered == 0


@pytest.mark.parametrize(
    "other",
    [
        made(2, kind="MAINTENANCE"),
        made(2, kind="AUTOSCALED"),
        made(2, kind="UPDATE_DATABASE_TRUSTED_SOURCES"),
        made(2, action="RESTART"),
        made(2, action="ROLLBACK_APP"),
        made(2, action="REVERT_APP_ROLLBACK"),
        made(2, kind="AUTO_ROLLBACK"),
        made(24 * 15),
        made(2, created_at=None),
    ],
    ids=["maintenance", "autoscaled", "database", "restart", "rollback", "revert", "platform", "before", "undated"],
)
def test_only_changes_within_the_period_count(other: Deployment) -> None:
    assert of(made(1, "ACTIVE"), other).changes == 1


def test_a_push_counts_whoever_made_it() -> None:
    assert of(made(1, "ACTIVE", kind="DEPLOY_ON_PUSH", action="")).changes == 1
    assert of(made(1, "ACTIVE").model_copy(update={"cause_details": None})).changes == 1


def test_what_the_platform_undid_by_itself_failed_and_its_rollback_is_no_change_but_a_recovery() -> None:
    back = made(1.9, "ACTIVE", took=20).model_copy(
        update={"cause": 'automated rollback after failed deployment of "2"', "cause_details": None}
    )
    failed = made(2, "ERROR", B, took=60).model_copy(update={"id": "2"})
    found = of(back, failed, made(30))
    assert (found.changes, found.failed, found.succeeded) == (2, 1, 1)
    assert found.recover == (pytest.approx(360 - 60 + 20),)


def test_what_was_active_and_then_rolled_back_failed_from_when_it_became_active() -> None:
    found = of(made(1.9, "ACTIVE", A, action="ROLLBACK_APP", took=30), made(2, "SUPERSEDED", B, took=60), made(30))
    assert (found.changes, found.failed, found.succeeded) == (2, 1, 1)
    assert found.deploy == (60, 60)
    assert found.recover == (pytest.approx(360 - 60 + 30),)


def test_canceled_changes_and_those_that_were_overtaken_count_as_neither() -> None:
    overtaken = made(2).model_copy(
        update={"progress": made(2).progress.model_copy(update={"total_steps": 4, "success_steps": 1})}
    )
    found = of(made(1, "CANCELED"), overtaken, made(3, "BUILDING"))
    assert (found.changes, found.succeeded, found.failed, found.failed_share) == (3, 0, 0, None)
    assert found.deploy == ()


def test_failures_in_a_row_are_one_and_what_goes_on_is_not_recovered() -> None:
    assert of(made(1, "ACTIVE"), made(2, "ERROR"), made(4, "ERROR"), made(30)).recover == (3 * 3600,)
    found = of(made(1, "ERROR"), made(4, "ERROR"), made(30))
    assert (found.recover, found.unrecovered, found.to_recover) == ((), 1, None)


def test_a_recovery_of_unknown_length_counts_neither_as_recovered_nor_as_lasting() -> None:
    found = of(made(1, "SUPERSEDED", took=None), made(2, "ERROR"), made(30))
    assert (found.recover, found.unrecovered) == ((), 0)


def test_without_steps_the_time_of_the_phase_counts_as_long_as_it_is_the_last_one() -> None:
    at = (NOW - timedelta(hours=1) + timedelta(seconds=45)).isoformat()
    assert of(made(1, "ACTIVE", took=None, phase_last_updated_at=at)).deploy == (45,)
    assert of(made(1, "SUPERSEDED", took=None, phase_last_updated_at=at)).deploy == ()


def test_times_in_the_wrong_order_are_left_out() -> None:
    assert of(made(1, "ACTIVE", took=-5)).deploy == ()


def test_a_fleet_s_medians_are_over_the_entries_of_all_apps() -> None:
    one, other = Figures(14, 2, 1, 1, (10.0, 50.0), (7.0,)), Figures(14, 1, 1, 0, (20.0,), (), 2)
    assert together([one, other], 14) == Figures(14, 3, 2, 1, (10.0, 20.0, 50.0), (7.0,), 2)
    assert together([one, other], 14).to_deploy == 20
    assert together([], 14) == Figures(14)


@given(
    st.lists(
        st.builds(
            made,
            st.floats(0, 1000),
            st.sampled_from(["ACTIVE", "SUPERSEDED", "ERROR", "CANCELED", "BUILDING", "odd"]),
            st.sampled_from([A, B]),
            took=st.none() | st.floats(-10, 1e5),
            kind=st.sampled_from(["MANUAL", "DEPLOY_ON_PUSH", "AUTO_ROLLBACK", "MAINTENANCE", "odd"]),
        ),
        max_size=6,
    )
)
def test_no_history_has_more_endings_than_changes_or_a_negative_time(deployments: list[Deployment]) -> None:
    found = of(*deployments)
    assert found.succeeded + found.failed <= found.changes <= len(deployments)
    assert all(seconds >= 0 for seconds in (*found.deploy, *found.recover))
    assert len(found.recover) + found.unrecovered <= found.failed
