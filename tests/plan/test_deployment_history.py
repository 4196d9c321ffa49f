"""What deployments tell: whether a spec failed before, whether a rollback of ours was left unfinished."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.config import HealthPolicy, PlatformFaults, Policy, Timeouts
from reconciler.live.models import CauseDetails
from reconciler.plan.deployment_history import (
    SLACK,
    PriorFailure,
    may_be_rolled_back,
    newest_failure,
    prior_failure,
    repeated,
    rolled_back,
    unfinished_rollback,
    unjudged,
)
from tests.plan.platform import app
from tests.plan.timeline import NOW, deployment, history, live_app

A, B, C = ({**app(), "region": region} for region in ("ams", "fra", "lon"))
BACK = {"rollback": True}
BUDGET = (3600 + 1200 + 300 + 30 + 300) / 60 + SLACK.total_seconds() / 60


def carries(spec):
    return spec == B


def theirs(ident, spec, phase, minutes_ago, failed_id):
    """The platform's own rollback from the deployment with that id; by its type it is no rollback of ours."""
    found = deployment(ident, spec, phase, minutes_ago=minutes_ago)
    cause = f'automated rollback after failed deployment of "{failed_id}"'
    return found.model_copy(update={"cause": cause, "cause_details": None, "previous_deployment_id": failed_id})


def failed(ident, spec, minutes_ago, code="DeployContainerExitNonZero"):
    found = deployment(ident, spec, "ERROR", minutes_ago=minutes_ago)
    steps = [{"name": "deploy", "status": "ERROR", "reason": {"code": code}}]
    return type(found).model_validate(found.model_dump() | {"progress": {"steps": steps}})


SETBACKS = {
    "never tried": (history((A, "ACTIVE")), ""),
    "nothing known": ([], ""),
    "failed": (history((B, "ERROR"), (A, "ACTIVE")), "failed"),
    "failed, before other specs": (history((C, "ACTIVE"), (B, "ERROR"), (A, "SUPERSEDED")), "failed"),
    "canceled": (history((B, "CANCELED"), (A, "ACTIVE")), "was canceled"),
    "failed and then did well": (history((C, "ACTIVE"), (B, "SUPERSEDED"), (B, "ERROR")), ""),
    "did well and then failed": (history((B, "ERROR"), (C, "SUPERSEDED"), (B, "SUPERSEDED")), "failed"),
    "in progress": (history((B, "BUILDING"), (B, "ERROR")), ""),
    "active": (history((B, "ACTIVE"), (A, "SUPERSEDED")), ""),
    "active, after rollbacks long ago": (history((B, "ACTIVE"), (A, "SUPERSEDED"), (A, "SUPERSEDED", BACK)), ""),
    "active, while it is rolled back": (
        history((A, "DEPLOYING", BACK), (B, "ACTIVE"), (A, "SUPERSEDED")), "was rolled back"),
    "active, as going back was canceled": (
        history((A, "CANCELED"), (B, "ACTIVE"), (A, "SUPERSEDED")), "was to be rolled back"),
    "active, as the rollback failed": (
        history((A, "ERROR", BACK), (B, "ACTIVE"), (A, "SUPERSEDED")), "was to be rolled back"),
    "rolled back": (history((A, "ACTIVE", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), "was rolled back"),
    "rolled back long after": (
        history((A, "ACTIVE", BACK), (B, "SUPERSEDED", {"minutes_ago": 2000}), (A, "SUPERSEDED")), "was rolled back"),
    "rolled back, which failed, and replaced since": (
        history((C, "ACTIVE"), (A, "ERROR", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), "was rolled back"),
    "rolled back to": (history((B, "ACTIVE", BACK), (C, "ERROR"), (B, "SUPERSEDED")), ""),
    "rolled back to, which failed": (history((B, "ERROR", BACK), (C, "ERROR")), "failed"),
    "replaced by the next spec": (history((C, "ACTIVE"), (B, "SUPERSEDED"), (A, "SUPERSEDED")), ""),
    "replaced by the one before within a rollout": (
        history((A, "ACTIVE"), (B, "SUPERSEDED"), (A, "SUPERSEDED")), "was rolled back"),
    "tried twice, and replaced by the one before": (
        history((A, "ACTIVE"), (B, "SUPERSEDED"), (B, "ERROR"), (A, "SUPERSEDED")), "was rolled back"),
    "replaced by the one before, written differently": (
        history(({**A, "services": [{**A["services"][0], "instance_count": 1}]}, "ACTIVE"),
                (B, "SUPERSEDED"), (A, "SUPERSEDED")), "was rolled back"),
    "replaced by the one before, as late as a rollout may take": (
        history((A, "ACTIVE"), (B, "SUPERSEDED", {"minutes_ago": 10 + BUDGET}), (A, "SUPERSEDED")), "was rolled back"),
    "replaced by the one before, by clocks that disagree": (
        history((A, "ACTIVE"), (B, "SUPERSEDED", {"minutes_ago": 5}), (A, "SUPERSEDED")), ""),
    "replaced by the one before, long after": (
        history((A, "ACTIVE"), (B, "SUPERSEDED", {"minutes_ago": 10 + BUDGET + 1}), (A, "SUPERSEDED")), ""),
    "replaced, and nothing is known of before": (history((A, "ACTIVE"), (B, "SUPERSEDED")), ""),
    "replaced, and nothing is known of after": (history((B, "SUPERSEDED"), (A, "SUPERSEDED")), ""),
    "gone back to by the platform, which failed": (
        [theirs("r", B, "ERROR", 5, "d2"), failed("d2", C, 10), deployment("d1", B, "SUPERSEDED", minutes_ago=900)],
        ""),
}  # fmt: skip


@pytest.mark.parametrize(("deployments", "what"), SETBACKS.values(), ids=SETBACKS)
def test_whether_a_spec_failed_before(deployments, what):
    found = prior_failure(deployments, carries, Policy())
    assert (found.what if found else "") == what
    if found:
        assert found.deployment.spec == B


@pytest.mark.parametrize(("phase", "became"), [("CANCELED", "was canceled"), ("ERROR", "failed")])
def test_what_still_serves_as_going_back_did_not_end_well_is_told(phase, became):
    found = prior_failure(history((A, phase, BACK), (B, "ACTIVE"), (A, "SUPERSEDED")), carries, Policy())
    assert found.but == f"which {became} (deployment d3), so it still serves"
    assert not prior_failure(history((A, "ACTIVE", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), carries, Policy()).but


@pytest.mark.parametrize("unknown", [{0}, {1}, {0, 1}])
def test_without_times_a_replacement_is_no_setback(unknown):
    deployments = history((A, "ACTIVE"), (B, "SUPERSEDED"), (A, "SUPERSEDED"))
    for place in unknown:
        deployments[place] = deployments[place].model_copy(update={"created_at": None})
    assert prior_failure(deployments, carries, Policy()) is None


def test_c49_the_platforms_rollback_from_another_deployment_is_not_what_became_of_this_one():
    before = [theirs("r", A, "SUPERSEDED", 20, "d2"), failed("d2", C, 30), deployment("d1", A, "SUPERSEDED")]
    found = prior_failure([failed("d3", B, 10), *before], carries, Policy())
    assert (found.deployment.id, found.what, found.but) == ("d3", "failed", "")
    found = prior_failure([theirs("r2", A, "ACTIVE", 5, "d3"), failed("d3", B, 10), *before], carries, Policy())
    assert found.but == "the platform rolled back by itself (deployment r2)"


def test_c51_attempts_are_the_failures_of_this_spec_as_far_as_their_time_is_known():
    fault = "InternalError"
    attempts = [failed("d6", B, 10, fault), failed("d5", B, 20, fault)]
    others = [
        failed("d4", C, 30, fault), deployment("d3", B, "SUPERSEDED", minutes_ago=40),
        failed("d2", B, 50, fault).model_copy(update={"created_at": None}),
    ]  # fmt: skip
    found = prior_failure([*attempts, *others], carries, Policy())
    assert found.attempts == tuple(one.created_at for one in attempts)


POLICY_OF_AN_HOUR = Policy(platform_faults=PlatformFaults(within=3600))
UPDATES = {
    "none": ([], 0),
    "one and the same spec, sent again and again": (history((A, "ACTIVE"), (A, "SUPERSEDED")), 2),
    "the spec of Git": (history((B, "ACTIVE"), (B, "SUPERSEDED"), (B, "SUPERSEDED")), 0),
    "a deployment that came without its spec": (history(({}, "ACTIVE"), ({}, "SUPERSEDED")), 0),
    "another spec in between": (history((A, "ACTIVE"), (C, "SUPERSEDED"), (A, "SUPERSEDED")), 1),
    "one just within the time": (history((A, "ACTIVE"), (A, "SUPERSEDED", {"minutes_ago": 60})), 2),
    "one before that time": (history((A, "ACTIVE"), (A, "SUPERSEDED", {"minutes_ago": 60.1})), 1),
    "one at a time that is not known": (
        [deployment("d2", A, "ACTIVE"), deployment("d1", A, "ERROR").model_copy(update={"created_at": None})], 1),
}  # fmt: skip


@pytest.mark.parametrize(("deployments", "times"), UPDATES.values(), ids=UPDATES)
def test_c53_how_often_a_spec_was_sent_that_is_not_what_git_wants(deployments, times):
    assert repeated(deployments, carries, POLICY_OF_AN_HOUR, NOW, stored=False) == times


@pytest.mark.parametrize(
    ("phase", "since", "waits"),
    [
        ("ERROR", {"phase_last_updated_at": NOW - timedelta(minutes=1)}, True),
        ("ERROR", {"phase_last_updated_at": NOW - timedelta(minutes=20)}, False),
        ("ERROR", {}, True),
        ("ERROR", {"progress": None}, False),
        ("CANCELED", {}, False),
        ("SUPERSEDED", {}, False),
    ],
    ids=["failed just now", "long ago", "just now by its steps", "nobody knows when", "canceled", "rolled back"],
)
def test_c49_only_what_failed_a_moment_ago_may_still_be_rolled_back_by_the_platform(phase, since, waits):
    one = ended(deployment("d2", B, phase), 1).model_copy(update=since)
    past = PriorFailure(one, "did not work")
    assert may_be_rolled_back(past, [one, deployment("d1", A, "ACTIVE")], Policy(), NOW) is waits


US, ANN = {"user": "bot"}, {"user": "ann"}
ROLLBACKS = {
    "the spec failed": (history((A, "ACTIVE", BACK | US), (B, "ERROR", US), (A, "SUPERSEDED")), True),
    "the spec was replaced within a rollout": (
        history((A, "ACTIVE", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), True),
    "the spec is active still": (history((A, "DEPLOYING", BACK), (B, "ACTIVE"), (A, "SUPERSEDED")), True),
    "a first attempt to roll back failed": (
        history((A, "ACTIVE", BACK), (C, "ERROR", BACK), (B, "ERROR"), (A, "SUPERSEDED")), True),
    "nobody is named who rolled back": (history((A, "ACTIVE", BACK), (B, "ERROR", US), (A, "SUPERSEDED")), True),
    "nobody is named who deployed": (history((A, "ACTIVE", BACK | US), (B, "ERROR"), (A, "SUPERSEDED")), True),
    "two people": (history((A, "ACTIVE", BACK | ANN), (B, "ERROR", US), (A, "SUPERSEDED")), False),
    "the spec was canceled": (history((A, "ACTIVE", BACK), (B, "CANCELED"), (A, "SUPERSEDED")), False),
    "the spec did well for long": (
        history((A, "ACTIVE", BACK), (B, "SUPERSEDED", {"minutes_ago": 10 + BUDGET + 1}), (A, "SUPERSEDED")), False),
    "another spec failed": (history((A, "ACTIVE", BACK), (C, "ERROR"), (B, "SUPERSEDED")), False),
    "nothing was before": (history((A, "ACTIVE", BACK)), False),
    "only rollbacks were before": (history((A, "ACTIVE", BACK), (B, "ERROR", BACK)), False),
    "the platform went back from an earlier failure, long before": (
        [*history((A, "ACTIVE", BACK), (B, "ERROR")), theirs("r", A, "SUPERSEDED", 900, "d0"), failed("d0", C, 910)],
        True),
    "the platform made it": (
        [deployment("r", A, "ACTIVE", minutes_ago=10).model_copy(
            update={"cause_details": CauseDetails(type="AUTO_ROLLBACK")}), failed("d2", B, 20),
         deployment("d1", A, "SUPERSEDED")],
        False),
    "the pin is no rollback": (history((A, "ACTIVE"), (B, "ERROR")), False),
    "the pin is no rollback, but what Git wants": (history((B, "ACTIVE"), (A, "SUPERSEDED")), False),
}  # fmt: skip


@pytest.mark.parametrize(("deployments", "ours"), ROLLBACKS.values(), ids=ROLLBACKS)
def test_c48_whose_rollback_it_is(deployments, ours):
    live = live_app(B, active=deployments[0], pinned=deployments[0])
    found = unfinished_rollback(live, deployments, carries, Policy())
    assert found == (deployments[0] if ours else None)


def ended(deployment, minutes_ago):
    """The same deployment with a step that ended then: it became active, or failed."""
    built, when = ((NOW - timedelta(minutes=minutes)).isoformat() for minutes in (1900, minutes_ago))
    steps = [{"name": name, "ended_at": at} for name, at in (("build", built), ("migrate", None), ("deploy", when))]
    failed = {"status": "ERROR", "reason": {"code": "DeployContainerExitNonZero"}}
    steps[-1] |= failed if deployment.phase == "ERROR" else {}
    return type(deployment).model_validate(deployment.model_dump() | {"progress": {"steps": steps}})


JUDGING = 2 * (300 + 30) / 60 + SLACK.total_seconds() / 60 + 5
"""Minutes after a deployment became active within which a run may still go back from it."""


@pytest.mark.parametrize(
    ("phase", "minutes", "ours"),
    [
        ("ERROR", 1, True),
        ("ERROR", 20, True),
        ("ERROR", 20.1, False),
        ("SUPERSEDED", 1, True),
        ("SUPERSEDED", JUDGING, True),
        ("SUPERSEDED", JUDGING + 0.1, False),
        ("ACTIVE", JUDGING + 0.1, False),
    ],
)
def test_c47_a_rollback_is_ours_only_while_a_run_would_still_judge_what_it_went_back_from(phase, minutes, ours):
    """The rollback is made ten minutes what it went back from had ended so many minutes before."""
    rollback, tried, before = history((A, "ACTIVE", BACK), (B, phase, {"minutes_ago": 2000}), (A, "SUPERSEDED"))
    deployments = [rollback, ended(tried, 10 + minutes), before]
    live = live_app(B, active=rollback, pinned=rollback)
    assert (unfinished_rollback(live, deployments, carries, Policy()) is not None) is ours
    if phase == "SUPERSEDED":
        replaced = [deployment("d9", A, "ACTIVE", minutes_ago=10), *deployments[1:]]
        assert (prior_failure(replaced, carries, Policy()) is not None) is ours


@pytest.mark.parametrize("cause", ["DEPLOY_ON_PUSH", "MAINTENANCE", "AUTOSCALED", "UPDATE_DATABASE_TRUSTED_SOURCES"])
def test_c47_a_rollback_from_what_no_run_made_is_a_persons(cause):
    rollback, tried, before = history((A, "ACTIVE", BACK), (B, "ERROR"), (A, "SUPERSEDED"))
    pushed = type(tried).model_validate(tried.model_dump() | {"cause_details": {"type": cause}})
    live = live_app(B, active=rollback, pinned=rollback)
    untold = tried.model_copy(update={"cause_details": None})
    assert unfinished_rollback(live, [rollback, tried, before], carries, Policy()) is not None
    assert unfinished_rollback(live, [rollback, untold, before], carries, Policy()) is not None
    assert unfinished_rollback(live, [rollback, pushed, before], carries, Policy()) is None


@pytest.mark.parametrize("on_failure", ["pin", "leave"])
def test_a_rollback_is_not_finished_where_the_policy_does_not_commit(on_failure):
    deployments = history((A, "ACTIVE", BACK), (B, "ERROR"))
    live = live_app(B, pinned=deployments[0])
    assert unfinished_rollback(live, deployments, carries, Policy(on_failure=on_failure)) is None


def test_without_a_pin_or_its_history_nothing_is_unfinished():
    deployments = history((A, "ACTIVE", BACK), (B, "ERROR"))
    assert unfinished_rollback(live_app(B), deployments, carries, Policy()) is None
    elsewhere = live_app(B, pinned=deployment("other", A, "ACTIVE", rollback=True))
    assert unfinished_rollback(elsewhere, deployments, carries, Policy()) is None


POLICY = Policy(timeouts=Timeouts(health=120), health=HealthPolicy(soak=60))


@pytest.mark.parametrize(
    ("minutes", "unsure"),
    [(0, timedelta(0)), (5, timedelta(minutes=5)), (18, timedelta(minutes=18)), (18.1, None), (-1, timedelta(0))],
)
def test_how_long_an_active_deployment_may_be_unjudged(minutes, unsure):
    active = deployment("d1", A, "ACTIVE").model_copy(
        update={"phase_last_updated_at": NOW - timedelta(minutes=minutes)}
    )
    assert unjudged(live_app(A, active=active), POLICY, NOW) == unsure


def test_what_has_no_time_or_is_not_active_is_not_unjudged():
    assert unjudged(live_app(A), POLICY, NOW) is None
    assert unjudged(live_app(A, active=deployment("d1", A, "ACTIVE")), POLICY, NOW) is None


def test_what_failed_last_is_found_without_git_and_rollbacks_do_not_count_as_deployed():
    found = newest_failure(history((A, "ACTIVE", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), Policy())
    assert found is not None
    assert (found.deployment.id, found.what) == ("d2", "was rolled back")
    assert newest_failure(history((B, "ACTIVE"), (A, "SUPERSEDED")), Policy()) is None
    assert newest_failure(history((A, "ACTIVE", BACK)), Policy()) is None
    before = [failed("d2", B, 10), deployment("d1", A, "SUPERSEDED", minutes_ago=900)]
    found = newest_failure([theirs("r", A, "ACTIVE", 5, "d2"), *before], Policy())
    assert found is not None
    assert (found.deployment.id, found.what) == ("d2", "failed")


def test_only_what_was_active_until_it_was_rolled_back_is_rolled_back():
    assert rolled_back(history((A, "ACTIVE", BACK), (B, "SUPERSEDED"), (A, "SUPERSEDED")), Policy()) == {"d2"}
    assert rolled_back(history((A, "ACTIVE", BACK), (B, "ERROR"), (A, "SUPERSEDED")), Policy()) == frozenset()
    assert rolled_back(history((A, "ACTIVE", BACK), (A, "SUPERSEDED")), Policy()) == {"d1"}
    assert rolled_back(history((B, "ACTIVE"), (A, "SUPERSEDED")), Policy()) == frozenset()
    assert rolled_back(history((A, "ACTIVE"), (B, "SUPERSEDED"), (A, "SUPERSEDED")), Policy()) == {"d2"}
    assert rolled_back(history((C, "ACTIVE"), (B, "SUPERSEDED"), (A, "SUPERSEDED")), Policy()) == frozenset()
