"""C49 to C53 in the decision table: the platform's own rollback and faults, canceled deployments, diverging specs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.config import HealthPolicy, PlatformFaults, Policy, Timeouts
from reconciler.live.models import Deployment, LiveApp
from reconciler.plan.compare import compare
from reconciler.plan.decide import Evidence, make_plan
from reconciler.plan.deployment_history import prior_failure, unfinished_rollback
from reconciler.plan.model import Action, Plan, SyncStatus
from tests.plan.platform import app, desired, service
from tests.plan.timeline import NOW, deployment, live_app

OLD, WANTED, OTHER = (app(services=[service(http_port=port)]) for port in (1001, 1002, 1003))
POLICY = Policy(timeouts=Timeouts(platform_rollback=300), health=HealthPolicy(soak=30))


def at(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat()


def made(ident: str, spec: Any, phase: str, minutes_ago: float, **more: Any) -> Deployment:
    """A deployment that was created then; ``ended`` minutes ago its phase changed last."""
    ended = more.pop("ended", minutes_ago)
    known = deployment(ident, spec, phase, minutes_ago=minutes_ago).model_dump(mode="json")
    return Deployment.model_validate(known | {"phase_last_updated_at": at(ended), **more})


def own(phase: str = "DEPLOYING", spec: Any = OLD, minutes_ago: float = 5, **more: Any) -> Deployment:
    """The platform's own rollback after ``d2`` failed."""
    cause = {"cause": 'automated rollback after failed deployment of "d2"', "cause_details": None}
    return made("own", spec, phase, minutes_ago, **cause, previous_deployment_id="d2", cloned_from="d1", **more)


def failed(minutes_ago: float = 6, name: str = "deploy", code: str = "DeployContainerExitNonZero") -> Deployment:
    steps = [{"name": name, "status": "ERROR", "reason": {"code": code}}]
    return made("d2", WANTED, "ERROR", minutes_ago, progress={"steps": steps if code else []})


BEFORE = made("d1", OLD, "SUPERSEDED", 600)
SERVES = made("d1", OLD, "ACTIVE", 600)


def plan(live: LiveApp, deployments: list[Deployment], spec: Any = WANTED, **more: Any) -> Plan:
    policy = more.pop("policy", POLICY)
    evidence = Evidence(more.pop("now", NOW), deployments=deployments, **more)
    return make_plan(desired(spec), compare(spec, live, policy), evidence)


def decided(found: Plan) -> tuple[SyncStatus, Action, str, bool]:
    return found.status, found.action, found.follow, found.adopt_rollback


# --- C49: the platform's own rollback ---


@pytest.mark.parametrize("app_spec", [WANTED, OLD], ids=["spec-stays", "spec-reverts"])
@pytest.mark.parametrize("slot", ["in_progress", "pending"])
def test_c49_while_it_is_in_progress_it_is_followed(slot: str, app_spec: Any) -> None:
    found = plan(live_app(app_spec, active=SERVES, **{slot: own()}), [own(), failed(), SERVES])
    assert decided(found) == (SyncStatus.PROGRESSING, Action.NONE, "own", True)
    assert found.reason == "deployment d2 failed; the platform rolls back by itself (deployment own)"


def test_c49_once_it_is_active_it_is_followed_until_its_soak_is_over_and_then_the_spec_is_stalled() -> None:
    for ended, followed in ((0.1, True), (0.24, True), (0.25, False), (60, False)):
        active = own("ACTIVE", ended=ended, minutes_ago=70)
        found = plan(live_app(WANTED, active=active), [active, failed(80), BEFORE])
        expected = (SyncStatus.PROGRESSING, Action.NONE, "own", True)
        assert decided(found) == (expected if followed else (SyncStatus.STALLED, Action.REFUSE, "", False))
        if not followed:
            assert "the platform rolled back by itself (deployment own)" in found.reason


def test_c49_without_a_time_its_last_step_says_since_when_it_is_active() -> None:
    steps = {"progress": {"steps": [{"name": "deploy", "status": "SUCCESS", "ended_at": at(0.1)}]}}
    for progress, followed in ((steps, True), ({"progress": None}, False)):
        active = own("ACTIVE", **progress).model_copy(update={"phase_last_updated_at": None})
        found = plan(live_app(WANTED, active=active), [active, failed(), BEFORE])
        assert found.adopt_rollback is followed


def test_c49_a_pin_of_its_own_is_adopted_where_no_pin_is_to_stay_and_only_if_it_is_proven() -> None:
    pinned = own("ACTIVE", ended=600, minutes_ago=600)
    history = [pinned, failed(700), made("d1", OLD, "SUPERSEDED", 900)]
    live = live_app(WANTED, active=pinned, pinned=pinned)
    found = plan(live, history)
    assert decided(found) == (SyncStatus.BLOCKED, Action.NONE, "own", True)
    assert found.reason.endswith("(deployment own), and the app is pinned to that")
    assert decided(plan(live, history, spec=OTHER)) == decided(found), "it is judged whatever Git wants by now"
    for policy in ("pin", "leave"):
        found = plan(live, history, policy=Policy(on_failure=policy))
        assert decided(found) == (SyncStatus.BLOCKED, Action.REFUSE, "", False)
        assert found.reason == "pinned to a rollback that the platform made by itself (deployment own)"
    lineage = pinned.model_copy(update={"cause": ""})
    found = plan(live_app(WANTED, active=lineage, pinned=lineage), [lineage, *history[1:]])
    assert decided(found) == (SyncStatus.BLOCKED, Action.REFUSE, "", False)
    assert found.reason.startswith("pinned to a rollback 10 h ago")


def test_c49_a_pin_of_a_persons_is_not_the_platforms_whatever_that_did_before() -> None:
    pinned = made("p", OTHER, "ACTIVE", 30, cause_details={"type": "MANUAL_ROLLBACK"})
    history = [pinned, own("SUPERSEDED", minutes_ago=6990), failed(7000)]
    found = plan(live_app(WANTED, active=pinned, pinned=pinned), history)
    assert decided(found) == (SyncStatus.BLOCKED, Action.REFUSE, "", False)
    assert found.reason == "pinned to a rollback 30 min ago"


def test_c49_what_git_wants_is_sent_although_the_platform_goes_back_from_another_spec() -> None:
    history = [own(), failed(), SERVES, made("d0", OTHER, "SUPERSEDED", 900)]
    found = plan(live_app(WANTED, active=SERVES, in_progress=own()), history, spec=OTHER)
    assert decided(found) == (SyncStatus.OUT_OF_SYNC, Action.UPDATE, "", False)


@pytest.mark.parametrize(
    "cause", [{}, {"cause_details": {"type": "AUTO_ROLLBACK"}}], ids=["by its cause", "by its type"]
)
def test_c49_once_git_is_fixed_it_is_waited_for_and_then_updated(cause: dict[str, Any]) -> None:
    theirs = Deployment.model_validate(own().model_dump() | cause)
    found = plan(live_app(WANTED, active=SERVES, in_progress=theirs), [theirs, failed(), SERVES], spec=OTHER)
    assert decided(found) == (SyncStatus.OUT_OF_SYNC, Action.UPDATE, "", False)
    assert found.reason == "the platform is rolling back by itself (deployment own); waiting for it"


@pytest.mark.parametrize(
    ("deployments", "minutes", "waits"),
    [
        ([failed(4), SERVES], 0, True),
        ([failed(4), SERVES], 0.99, True),
        ([failed(4), SERVES], 1, False),
        ([failed(4, "build", "BuildJobExitNonZero"), SERVES], 0, False),
        ([failed(4, "odd"), SERVES], 0, True),
        ([made("d3", OTHER, "ACTIVE", 1), failed(4), SERVES], 0, False),
    ],
    ids=["just-now", "almost-over", "over", "build", "unknown-phase", "another-since"],
)
def test_c49_what_failed_a_moment_ago_is_followed_until_the_platform_had_its_time(
    deployments: list[Deployment], minutes: float, waits: bool
) -> None:
    found = plan(live_app(WANTED, active=SERVES), deployments, now=NOW + timedelta(minutes=minutes))
    expected = (SyncStatus.PROGRESSING, Action.NONE, "d2", False)
    assert decided(found) == (expected if waits else (SyncStatus.STALLED, Action.REFUSE, "", False))
    assert ("the platform may still roll back by itself: waiting for it" in found.reason) is waits


def test_c49_what_failed_at_a_time_that_nothing_tells_is_not_waited_for() -> None:
    unknown = failed(4).model_copy(update={"phase_last_updated_at": None})
    assert plan(live_app(WANTED, active=SERVES), [unknown, SERVES]).status is SyncStatus.STALLED


def test_c49_a_first_deployment_is_not_waited_for() -> None:
    assert plan(live_app(WANTED), [failed(1)]).status is SyncStatus.DEGRADED


def test_c49_a_rollback_that_a_person_made_is_none() -> None:
    theirs = made("r", OLD, "DEPLOYING", 1, cause_details={"type": "MANUAL_ROLLBACK"}, previous_deployment_id="d2")
    found = plan(live_app(WANTED, active=SERVES, in_progress=theirs), [theirs, failed(), SERVES])
    assert decided(found) == (SyncStatus.PROGRESSING, Action.REFUSE, "", False)
    assert found.reason == "a rollback is in progress (r): run again when it has finished"


def test_c49_our_rollback_after_the_platforms_attempt_is_ours_by_the_time_since_that() -> None:
    late = deployment("r", OLD, "ACTIVE", minutes_ago=10, rollback=True)
    for attempt, ours in ((20, True), (200, False)):
        between = own("ERROR", minutes_ago=attempt, ended=attempt)
        between = between.model_copy(update={"progress": failed(attempt).progress})
        for step in between.progress.steps if between.progress else ():
            object.__setattr__(step, "ended_at", datetime.fromisoformat(at(attempt)))
        history = [late, between, failed(900), BEFORE]
        live = live_app(WANTED, active=late, pinned=late)
        found = unfinished_rollback(live, history, compare(WANTED, live, POLICY).carries, POLICY)
        assert (found is not None) is ours


# --- C50: canceled ---


@pytest.mark.parametrize(
    ("newer", "what"),
    [
        (None, "was canceled"),
        (made("d3", WANTED, "BUILDING", 1), None),
        (made("d3", OTHER, "ACTIVE", 1), None),
        (deployment("d3", OLD, "ACTIVE", minutes_ago=1, rollback=True), "was canceled"),
    ],
)
def test_c50_what_was_canceled_counts_against_a_spec_only_where_no_newer_one_took_its_place(
    newer: Deployment | None, what: str | None
) -> None:
    history = [*([newer] if newer else []), made("d2", WANTED, "CANCELED", 5), SERVES]
    found = prior_failure(history, compare(WANTED, live_app(OLD, active=SERVES), POLICY).carries, POLICY)
    newest_of_ours = newer is not None and newer.spec == WANTED
    assert (found.what if found else None) == (None if newest_of_ours else what)


# --- C51: faults of the platform ---


def faulty(*minutes: float, code: str = "InternalError") -> list[Deployment]:
    steps = [{"name": "build", "status": "ERROR", "reason": {"code": code}}] if code else []
    return [
        made(f"d{number + 2}", WANTED, "ERROR", ago, progress={"steps": steps})
        for number, ago in reversed(list(enumerate(sorted(minutes, reverse=True))))
    ]


@pytest.mark.parametrize("code", ["InternalError", "BuildRateLimit", "ResourceExhausted", ""])
def test_c51_a_spec_that_is_not_to_blame_is_tried_again(code: str) -> None:
    for live in (live_app(OLD, active=SERVES), live_app(WANTED, active=SERVES)):
        found = plan(live, [*faulty(60, 120, code=code), SERVES])
        assert found.action is (Action.UPDATE if live.spec == OLD else Action.REDEPLOY)
        assert "failed because of the platform" in found.reason
        assert (code or "no reason is given") in found.reason
        assert found.retry_at is None


def test_c51_beyond_the_bound_the_plan_names_the_next_try() -> None:
    found = plan(live_app(WANTED, active=SERVES), [*faulty(60, 120, 180), SERVES])
    assert (found.status, found.action, found.override) == (SyncStatus.OUT_OF_SYNC, Action.REFUSE, "--retry")
    assert found.retry_at == NOW + timedelta(hours=6) - timedelta(minutes=180)
    assert found.reason == (
        "this spec failed because of the platform (InternalError) (deployment d4): 3 attempts within 6 h; "
        "the next try is after 2026-03-01 15:00 UTC"
    )


@pytest.mark.parametrize(
    ("minutes", "tried"),
    [((60, 120, 360), False), ((60, 120, 361), True), ((60, 400, 500), True), ((400, 500, 600), True)],
)
def test_c51_only_attempts_within_the_time_count(minutes: tuple[float, ...], tried: bool) -> None:
    assert plan(live_app(OLD, active=SERVES), [*faulty(*minutes), SERVES]).writes is tried


def test_c51_the_bound_is_the_policys_and_a_person_may_override_it() -> None:
    policy = Policy(platform_faults=PlatformFaults(attempts=1, within=3600))
    live, history = live_app(OLD, active=SERVES), [*faulty(59), SERVES]
    found = plan(live, history, policy=policy)
    assert found.retry_at == NOW + timedelta(minutes=1)
    assert "1 attempts within 1 h" in found.reason
    assert plan(live, history, policy=policy, retry=True).action is Action.UPDATE


def test_c51_a_fault_of_the_platforms_own_after_which_it_went_back_says_so() -> None:
    history = [own("ACTIVE", ended=60, minutes_ago=61), *faulty(70), BEFORE]
    policy = Policy(platform_faults=PlatformFaults(attempts=1))
    found = plan(live_app(WANTED, active=history[0]), history, policy=policy)
    assert "(deployment d2), the platform rolled back by itself (deployment own): 1 attempts" in found.reason


def test_c51_one_reason_of_the_users_makes_it_the_specs_fault() -> None:
    history = [*faulty(10, code="BuildJobExitNonZero"), *faulty(60), SERVES]
    assert plan(live_app(OLD, active=SERVES), history).status is SyncStatus.STALLED


# --- C53: what is stored or serves is not what was sent ---


def stored(*minutes: float, action: str = "UPDATE_SPEC", spec: Any = OTHER, user: str = "us") -> list[Deployment]:
    details = {"type": "MANUAL", "digitalocean_user_action": {"name": action, "user": {"uuid": user}}}
    return [
        made(f"s{number}", spec, "ACTIVE" if not number else "SUPERSEDED", ago, cause_details=details)
        for number, ago in enumerate(minutes)
    ]


THREE = stored(10, 70, 130)


def test_c53_updates_that_all_lead_to_another_spec_are_bounded() -> None:
    found = plan(live_app(OTHER, active=THREE[0]), [*THREE, BEFORE])
    assert (found.status, found.action, found.override) == (SyncStatus.STALLED, Action.REFUSE, "--retry")
    assert found.reason == (
        "the last 3 updates all led to the same spec, which is not Git's: App Platform stores or deploys a different "
        "spec from the one sent. At most 3 such updates are made within 6 h"
    )
    assert plan(live_app(OTHER, active=THREE[0]), [*THREE, BEFORE], retry=True).action is Action.UPDATE


@pytest.mark.parametrize(
    "deployments",
    [
        [*THREE[:2], BEFORE],
        [*stored(10, 70, 361), BEFORE],
        [*stored(10, 70, 130, action="CREATE_DEPLOYMENT"), BEFORE],
        [*stored(10, 70), *stored(130, user="ann"), BEFORE],
        [*stored(10, 70), *stored(130, spec=OLD), BEFORE],
        [own("ACTIVE", spec=OTHER, minutes_ago=5), *THREE[:2], BEFORE],
        [],
    ],
    ids=["two", "long-ago", "redeploys", "two-people", "two-specs", "not-sent", "none"],
)
def test_c53_what_is_no_such_repetition_is_updated(deployments: list[Deployment]) -> None:
    assert plan(live_app(OTHER, active=THREE[0]), deployments).action is Action.UPDATE


def test_c53_redeploys_of_a_spec_that_is_stored_as_sent_and_deployed_otherwise_are_bounded_too() -> None:
    redeployed = [*stored(10, 70, action="CREATE_DEPLOYMENT"), *stored(130)]
    found = plan(live_app(WANTED, active=redeployed[0]), [*redeployed, BEFORE])
    assert (found.status, found.action) == (SyncStatus.STALLED, Action.REFUSE)
    assert plan(live_app(WANTED, active=redeployed[0]), [*redeployed[:2], BEFORE]).action is Action.REDEPLOY


def test_c53_what_the_newest_deployment_carries_without_a_spec_counts_for_nothing() -> None:
    unknown = [one.model_copy(update={"spec": {}}) for one in THREE]
    assert plan(live_app(OTHER, active=SERVES), unknown).action is Action.UPDATE


def test_c53_a_deployment_that_is_active_and_that_the_app_does_not_show_is_followed_and_not_sent_again() -> None:
    newest = made("d2", WANTED, "ACTIVE", 5)
    live = live_app(WANTED, active=SERVES)
    found = plan(live, [newest, SERVES])
    assert decided(found) == (SyncStatus.PROGRESSING, Action.NONE, "d2", False)
    assert found.reason == "deployment d2 of this spec is ACTIVE, but the app does not show it yet"
    assert plan(live, [newest, SERVES], retry=True).action is Action.REDEPLOY
    assert plan(live, [made("d3", OTHER, "ACTIVE", 5), newest, SERVES]).action is Action.REDEPLOY
