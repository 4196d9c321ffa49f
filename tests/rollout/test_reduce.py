"""What each finding adds to what is known, and what it makes one forget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.live.models import Health, Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.health import Evidence, Grade, Sample
from reconciler.rollout.model import Role, Rules, Task
from reconciler.rollout.reduce import reduce
from reconciler.rollout.state import (
    Accepted,
    ActiveState,
    Adopted,
    BackRead,
    Collected,
    Failed,
    Goal,
    HealthSeen,
    Lost,
    PhaseSeen,
    Pin,
    PinSeen,
    Precheck,
    ProbeSeen,
    Refusal,
    Refused,
    RollbackOptions,
    RolloutState,
    Seen,
    Sent,
    Successor,
    TrackedDeployment,
    Validated,
    Waited,
    WriteProbe,
    WriteProbed,
    WriteStatus,
)
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Follow,
    Look,
    LookUp,
    Probe,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
    Wait,
    Write,
)

GOAL = Goal(Task.UPDATE, "web", Rules(unknown_is_healthy=False, probe_count=2, soak=60))
START = RolloutState(GOAL)
TIRED = {"tries": 2, "why": "502", "missing": True}
"""What earlier tries of the same step left; an answer makes one forget it."""

LOST = Lost("reset")
ONCE = WriteStatus(Sent.LOST, 1, 3, WriteProbe.NOT_THERE, why="reset")
AGAIN = WriteStatus(sends=1)
LOOKED = {"successor_looks": 1}
SERVING = {"standing": ActiveState.OURS}


def state(**facts: Any) -> RolloutState:
    return replace(START, **facts)


@pytest.mark.parametrize(
    ("before", "step", "seen", "after"),
    [
        ({}, Look(), Precheck(moved=True), {"sight": Precheck(moved=True)}),
        ({}, Look(), Precheck(pin=Pin.OTHER), {"sight": Precheck(pin=Pin.OTHER)}),
        ({}, Look(), Precheck(pin=Pin.OURS), {"sight": Precheck(pin=Pin.OURS), "pinned": True}),
        ({"pinned": True}, Look(), Precheck(), {"sight": Precheck(), "pinned": True}),
        ({}, FindSuccessor("d"), Successor(deployment_id="e"), {"successor": Successor(deployment_id="e")} | LOOKED),
        ({}, FindSuccessor("d"), Successor(Pin.OURS), {"successor": Successor(Pin.OURS)} | LOOKED),
        (
            {"pinned": True},
            FindSuccessor("d"),
            Successor(Pin.OURS),
            {"successor": Successor(Pin.OURS), "pinned": True} | LOOKED,
        ),
        ({"pinned": True}, FindSuccessor("d"), Successor(Pin.OTHER), {"successor": Successor(Pin.OTHER)} | LOOKED),
        (
            {"standing_looks": 1},
            ReadBack("d"),
            BackRead(ActiveState.BEFORE),
            {"standing": ActiveState.BEFORE, "standing_looks": 2},
        ),
        (
            {"commit": ONCE, "pin": Pin.OURS, "pinned": True},
            ReadBack("r"),
            BackRead(ActiveState.DIVERGED, Pin.OTHER, kept=False),
            {"commit": ONCE, "standing": ActiveState.DIVERGED, "standing_looks": 1, "pin": Pin.OTHER, "kept": False},
        ),
        (
            {"pin": Pin.OURS},
            ReadBack("r"),
            BackRead(ActiveState.OURS, Pin.PLATFORM),
            {"standing_looks": 1, "pin": Pin.OURS, "pinned": True} | SERVING,
        ),
        ({}, FindCandidates(), RollbackOptions(newer=True), {"options": RollbackOptions(newer=True)}),
        ({"pin_looks": 1}, VerifyUnpinned("r"), PinSeen(Pin.NONE), {"pin": Pin.NONE, "pin_looks": 2} | SERVING),
        ({"pinned": True}, VerifyUnpinned("r"), PinSeen(Pin.NONE), {"pin": Pin.NONE, "pin_looks": 1} | SERVING),
        (
            {},
            VerifyUnpinned("r"),
            PinSeen(Pin.NONE, ActiveState.OTHER, kept=False),
            {"pin": Pin.NONE, "pin_looks": 1, "standing": ActiveState.OTHER, "kept": False},
        ),
        ({"pinned": True}, VerifyUnpinned("r"), PinSeen(Pin.OTHER), {"pin": Pin.OTHER, "pin_looks": 1} | SERVING),
        (
            {"pinned": True},
            VerifyUnpinned("r"),
            PinSeen(Pin.OURS),
            {"pin": Pin.OURS, "pin_looks": 1, "pinned": True} | SERVING,
        ),
        ({}, CollectFailure("d"), Collected("web failed"), {"fault": "web failed", "failed": Collected()}),
        ({}, ValidateRollback("c"), Validated(), {"valid": True}),
        ({"rejected": ("a",)}, ValidateRollback("c"), Validated("b"), {"rejected": ("a", "b")}),
    ],
)
def test_a_look_at_the_app_is_remembered(before: Any, step: Step, seen: Seen, after: Any) -> None:
    assert reduce(state(**before, **TIRED), step, seen) == state(**after)


def test_of_a_deployment_that_failed_only_its_id_and_role_are_kept() -> None:
    leg = TrackedDeployment(Role.FOLLOWED, "d", ("api",), Phase.ERROR, build=9, deploy=9, missing=1)
    shown = {"standing": ActiveState.FAILED, "standing_looks": 2}
    found = reduce(
        state(leg=leg, **shown), CollectFailure("d"), Collected("web failed", FailedIn.BUILD, 3, platform=True)
    )
    kept = TrackedDeployment(Role.FOLLOWED, "d")
    failed = Collected("", FailedIn.BUILD, 3, platform=True)
    assert found == state(leg=kept, fault="web failed", failed=failed)
    going_back = state(back=replace(leg, role=Role.ROLLBACK), fault="x", **shown)
    back = reduce(going_back, CollectFailure("d"), Collected("r failed", platform=True))
    kept = TrackedDeployment(Role.ROLLBACK, "d", phase=Phase.ERROR)
    assert back == state(back=kept, fault="x", relapse="r failed", failed=Collected())


def test_a_read_that_failed_is_counted_and_says_why() -> None:
    assert reduce(START, Look(), Failed("502")) == state(tries=1, why="502")
    again = reduce(state(tries=1, why="502"), Look(), Failed("404", missing=True))
    assert again == state(tries=2, why="404", missing=True)


def test_a_candidate_whose_validation_fails_three_times_is_out() -> None:
    first = reduce(START, ValidateRollback("c"), Failed("502"))
    second = reduce(first, ValidateRollback("c"), Failed("502"))
    assert (first.tries, second.tries, second.rejected) == (1, 2, ())
    assert reduce(second, ValidateRollback("c"), Failed("502")) == state(rejected=("unverifiable",))
    other = replace(second, rejected=("x",))
    assert reduce(other, ValidateRollback("c"), Failed("502")) == state(rejected=("x", "unverifiable"))
    assert reduce(state(tries=2), Look(), Failed("502")).rejected == ()


# ---- deployments --------------------------------------------------------------------------------------------------

BACK: dict[str, Any] = {"hops": 1, "retries": 1, "fault": "web failed", "relapse": "r failed", "own": "o"}
REJECTED_TWICE = {"rejected": ("y", "x", "y"), "failed": Collected("", FailedIn.BUILD, 9, platform=True)}
KNOWN = BACK | REJECTED_TWICE | {"sight": Precheck(), "pinned": True, "valid": True}


def test_c51_what_failed_through_a_fault_of_the_platform_is_still_known_once_that_rolled_back() -> None:
    found = reduce(state(**KNOWN | {"relapse": None}), Adopt(Role.PLATFORM, "e"), Adopted())
    assert found.failed == Collected("", FailedIn.BUILD, 0.0, platform=True)
    blamed = replace(found.failed, platform=False)
    for failed in (blamed, None):
        assert reduce(state(failed=failed), Adopt(Role.PLATFORM, "e"), Adopted()).failed is None


def test_c49_time_that_passes_while_the_platform_is_waited_for_counts() -> None:
    failed = Collected("", FailedIn.DEPLOY, 3)
    assert reduce(state(failed=failed), FindCandidates(), RollbackOptions(), 7).failed == replace(failed, age=10)
    assert reduce(state(failed=failed), FindCandidates(), Failed("502"), 7).failed == replace(failed, age=10)
    for step, seen in ((ValidateRollback("c"), Validated()), (Write(Task.UPDATE), LOST), (RestoreSpec("c"), LOST)):
        assert reduce(state(failed=failed), step, seen, 7).failed is None
    assert reduce(state(sight=Precheck(awaited=True)), Look(), Precheck(), 7).awaited == 7
    assert reduce(state(), Look(), Precheck(), 7).awaited == 0


def test_once_it_was_looked_around_nothing_that_was_seen_before_matters() -> None:
    back = TrackedDeployment(Role.SERVING, "o", ("api",), Phase.ACTIVE, build=5, deploy=7, missing=1)
    before = state(back=back, standing=ActiveState.OURS, standing_looks=2, commit=ONCE, pin=Pin.NONE, undo=AGAIN)
    found = reduce(before, FindCandidates(), RollbackOptions(Pin.PLATFORM))
    kept = replace(back, build=0, deploy=0, missing=0)
    assert found == state(back=kept, options=RollbackOptions(Pin.PLATFORM), pinned=True, undo=AGAIN)
    unfit = reduce(before, FindCandidates(unfit=True), RollbackOptions())
    assert unfit.back == TrackedDeployment(Role.SERVING, "o", phase=Phase.ERROR)
    failed = TrackedDeployment(Role.DEPLOY, "d", ("api",), Phase.ERROR, build=5, deploy=7, missing=1)
    found = reduce(state(leg=failed, sight=Precheck()), FindCandidates(), RollbackOptions())
    assert found == state(leg=TrackedDeployment(Role.DEPLOY, "d"), options=RollbackOptions())


def test_what_failed_and_how_often_it_was_tried_is_still_known_once_it_was_looked_around() -> None:
    failed = Collected("", FailedIn.DEPLOY, 3, platform=True)
    kept = BACK | {"failed": failed, "kept": False, "undo": AGAIN}
    found = reduce(state(**kept, **TIRED), FindCandidates(), RollbackOptions(newer=True))
    assert found == state(**kept, options=RollbackOptions(newer=True))


@pytest.mark.parametrize(
    ("place", "role", "reason"),
    [
        ("leg", Role.DEPLOY, "healthy for 60 s"),
        ("leg", Role.FOLLOWED, "healthy for 60 s"),
        ("back", Role.ROLLBACK, "healthy for 15 s"),
        ("back", Role.RESTORE, "healthy for 15 s"),
        ("back", Role.PLATFORM, "healthy for 15 s"),
        ("back", Role.SERVING, "healthy for 15 s"),
    ],
)
def test_once_the_app_is_read_a_healthy_deployment_stays_so_by_its_own_soak(
    place: str, role: Role, reason: str
) -> None:
    good = Sample(Grade.GOOD, "api is healthy", "api")
    read = Evidence(61, good, 60, grade=Grade.GOOD, confirmed=60, probed=False)
    judged = TrackedDeployment(role, "d", ("api",), Phase.ACTIVE, deploy=7, served=True, evidence=read)
    found = reduce(state(**{place: judged}), ReadBack("d"), BackRead(ActiveState.BEFORE))
    kept = replace(judged, deploy=0.0, evidence=Evidence(healthy=reason, probed=False))
    assert found == state(**{place: kept}, standing=ActiveState.BEFORE, standing_looks=1)


def test_a_first_deployment_is_not_a_retry() -> None:
    assert reduce(START, Adopt(Role.DEPLOY, "d"), Adopted()) == state(leg=TrackedDeployment(Role.DEPLOY, "d"))


@pytest.mark.parametrize(
    ("role", "kept"),
    [
        (Role.DEPLOY, {"hops": 1, "retries": 2}),
        (Role.FOLLOWED, {"hops": 2, "retries": 1}),
        (Role.ROLLBACK, BACK),
        (Role.RESTORE, BACK | {"rejected": ("x", "y")}),
        (Role.PLATFORM, BACK | {"own": "e", "hops": 2}),
        (Role.SERVING, BACK | {"failed": KNOWN["failed"]}),
    ],
)
def test_of_what_was_known_before_a_deployment_only_what_still_matters_is_kept(role: Role, kept: Any) -> None:
    found = reduce(state(**KNOWN, **TIRED), Adopt(role, "e"), Adopted(("api",)))
    place = "leg" if role in (Role.DEPLOY, Role.FOLLOWED) else "back"
    kept = {**kept, "pinned": True}
    assert found == RolloutState(GOAL, **kept, **{place: TrackedDeployment(role, "e", ("api",))})


def follow(leg: TrackedDeployment, step: Step, seen: Seen, seconds: float = 0.0) -> TrackedDeployment:
    """The deployment after a finding."""
    found = reduce(state(leg=leg), step, seen, seconds)
    assert found.leg is not None
    assert found == state(leg=found.leg)
    return found.leg


DEPLOYING = TrackedDeployment(Role.DEPLOY, "d", ("api",), Phase.DEPLOYING, build=5, deploy=7, missing=2)
ACTIVE = replace(DEPLOYING, phase=Phase.ACTIVE, missing=0)


def test_time_is_charged_to_the_phase_that_was_last_seen() -> None:
    building = replace(DEPLOYING, phase=Phase.BUILDING)
    assert follow(building, Follow("d"), Failed("502"), 3) == replace(building, build=8)
    assert follow(DEPLOYING, Follow("d"), Failed("502"), 3) == replace(DEPLOYING, deploy=10)
    assert follow(ACTIVE, Wait(3, ""), Waited(), 3) == replace(ACTIVE, evidence=Evidence(age=3))


def test_no_time_goes_by_unless_it_is_told() -> None:
    assert reduce(state(leg=DEPLOYING), Follow("d"), Failed("502")) == state(leg=DEPLOYING)


def test_a_phase_is_remembered_and_ends_the_row_of_404() -> None:
    gone = follow(DEPLOYING, Follow("d"), Failed("404", missing=True))
    assert gone == replace(DEPLOYING, missing=3)
    assert follow(gone, Follow("d"), Failed("502")) == gone
    assert follow(gone, Follow("d"), PhaseSeen(Phase.BUILDING)) == replace(DEPLOYING, phase=Phase.BUILDING, missing=0)


def test_c53_what_became_active_keeps_what_it_spent_and_is_judged_anew_when_it_was_not_for_a_while() -> None:
    active = follow(DEPLOYING, Follow("d"), PhaseSeen(Phase.ACTIVE))
    assert active == replace(DEPLOYING, phase=Phase.ACTIVE, build=0, missing=0, served=True)
    read = replace(active, evidence=Evidence(5, components_at=5))
    assert follow(read, Follow("d"), PhaseSeen(Phase.ACTIVE), 2).evidence == Evidence(7, components_at=5, phase_at=7)
    left = follow(read, Follow("d"), PhaseSeen(Phase.BUILDING), 2)
    assert left == replace(active, phase=Phase.BUILDING)
    assert follow(left, Follow("d"), PhaseSeen(Phase.BUILDING), 3).deploy == active.deploy + 3


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.terminal and phase is not Phase.ACTIVE])
def test_when_a_deployment_ends_its_budgets_are_forgotten(phase: Phase) -> None:
    assert follow(DEPLOYING, Follow("d"), PhaseSeen(phase)) == TrackedDeployment(Role.DEPLOY, "d", ("api",), phase)


def test_what_was_active_and_fails_has_served_and_is_still_not_probed() -> None:
    active = replace(ACTIVE, served=True, evidence=Evidence(5, components_at=5, probed=False))
    failed = TrackedDeployment(Role.DEPLOY, "d", ("api",), Phase.ERROR, served=True, evidence=Evidence(probed=False))
    assert follow(active, Follow("d"), PhaseSeen(Phase.ERROR), 2) == failed


def test_what_is_still_active_ends_the_row_of_404() -> None:
    assert follow(replace(ACTIVE, missing=2), Follow("d"), PhaseSeen(Phase.ACTIVE)).missing == 0


@pytest.mark.parametrize(
    ("step", "seen", "standing"),
    [
        (Follow("d"), PhaseSeen(Phase.ACTIVE), None),
        (Follow("d"), Failed("502"), None),
        (Wait(1, ""), Waited(), ActiveState.FAILED),
        (CheckHealth("d"), Failed("502"), ActiveState.FAILED),
    ],
)
def test_c53_what_the_app_shows_is_read_again_once_the_deployment_is(
    step: Step, seen: Seen, standing: ActiveState | None
) -> None:
    before = state(leg=ACTIVE, standing=ActiveState.FAILED, standing_looks=2)
    found = reduce(before, step, seen)
    assert (found.standing, found.standing_looks) == (standing, 2)


def test_readings_are_graded_by_the_rules_of_the_app() -> None:
    unknown = Health.model_validate({"components": [{"name": "api", "state": "UNKNOWN"}]})
    seen = follow(ACTIVE, CheckHealth("d"), HealthSeen(unknown), 5)
    sample = Sample(Grade.UNKNOWN, "the health of api is unknown", "api")
    assert seen.evidence == Evidence(5, sample, 5, confirmed=5)
    probed = follow(ACTIVE, Probe("d"), ProbeSeen(), 5)
    assert probed.evidence.probe == Sample(Grade.SHORT, "the probe succeeded 1 of 2 times in a row")
    assert follow(ACTIVE, Probe("d"), ProbeSeen("503"), 5).evidence.streak == 0


def test_a_probe_that_tells_nothing_leaves_it_unknown() -> None:
    seen = follow(ACTIVE, Probe("d"), ProbeSeen("no way there", counts=False), 5)
    assert seen.evidence.probe == Sample(Grade.UNKNOWN, "no way there")
    assert (seen.evidence.streak, seen.evidence.grade) == (0, Grade.UNKNOWN)


def test_whether_a_deployment_is_probed_is_kept_until_it_is_active() -> None:
    adopted = reduce(START, Adopt(Role.DEPLOY, "d"), Adopted(("api",), probed=False))
    assert adopted.leg == TrackedDeployment(Role.DEPLOY, "d", ("api",), evidence=Evidence(probed=False))
    active = reduce(adopted, Follow("d"), PhaseSeen(Phase.ACTIVE), 9)
    assert active.leg == replace(adopted.leg, phase=Phase.ACTIVE, build=0, deploy=0, served=True)


@pytest.mark.parametrize(
    "step", [Look(), Follow("d"), CheckHealth("d"), FindCandidates(), ValidateRollback("c"), VerifyUnpinned("r")]
)
def test_a_token_that_may_not_read_is_remembered_with_what_the_api_says(step: Step) -> None:
    before = state(leg=DEPLOYING)
    assert reduce(before, step, Failed("403", denied=True), 5) == replace(before, why="403", denied=True)


def test_a_reading_in_vain_is_no_evidence_but_was_made() -> None:
    asked = Evidence(5, components_at=5, silent_since=5)
    assert follow(ACTIVE, CheckHealth("d"), Failed("502"), 5) == replace(ACTIVE, evidence=asked)


def test_the_deployment_that_goes_back_is_followed_instead_of_the_one_that_failed() -> None:
    failed, back = replace(DEPLOYING, phase=Phase.ERROR), TrackedDeployment(Role.ROLLBACK, "r", phase=Phase.BUILDING)
    found = reduce(state(leg=failed, back=back), Follow("r"), PhaseSeen(Phase.DEPLOYING), 4)
    assert found == state(leg=failed, back=replace(back, phase=Phase.DEPLOYING, build=4))


@pytest.mark.parametrize("step", [Follow("d"), CheckHealth("d"), Probe("d"), Wait(1, "")])
def test_watching_without_a_deployment_is_a_bug(step: Step) -> None:
    with pytest.raises(TypeError, match="without a deployment"):
        reduce(START, step, Waited())


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (Follow("d"), Waited()),
        (CheckHealth("d"), Waited()),
        (Probe("d"), Failed("502")),
        (Wait(1, ""), ProbeSeen()),
        (Follow("d"), HealthSeen(Health())),
        (CheckHealth("d"), ProbeSeen()),
        (Probe("d"), HealthSeen(Health())),
    ],
)
def test_a_reading_that_is_not_the_steps_is_a_bug(step: Step, seen: Seen) -> None:
    with pytest.raises(TypeError, match=f"{type(step).__name__} cannot find {type(seen).__name__}"):
        reduce(state(leg=ACTIVE), step, seen)


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (Look(), Accepted()),
        (Look(), Adopted()),
        (LookUp("update"), Accepted()),
        (Write(Task.UPDATE), WriteProbed(WriteProbe.OURS)),
        (Rollback("c"), Adopted()),
        (Adopt(Role.DEPLOY, "d"), Lost("reset")),
        (Look(), Validated()),
        (Look(), RollbackOptions()),
    ],
)
def test_an_answer_that_is_not_the_steps_is_a_bug(step: Step, seen: Seen) -> None:
    with pytest.raises(TypeError, match=f"{type(step).__name__} cannot find {type(seen).__name__}"):
        reduce(START, step, seen)


# ---- writes -------------------------------------------------------------------------------------------------------

ANSWERS = [
    (Accepted("e"), WriteStatus(Sent.ACCEPTED, 2, deployment_id="e")),
    (Lost("reset"), WriteStatus(Sent.LOST, 2, why="reset")),
    (Refused("no", Refusal.TAKEN), WriteStatus(Sent.REFUSED, 2, refusal=Refusal.TAKEN, why="no")),
]


@pytest.mark.parametrize(("seen", "sent"), ANSWERS)
def test_an_answer_counts_the_write_and_makes_one_forget_the_one_before(seen: Seen, sent: WriteStatus) -> None:
    assert reduce(state(write=ONCE, **TIRED), Write(Task.UPDATE), seen) == state(write=sent)
    assert reduce(state(restore=ONCE, **TIRED), RestoreSpec("c"), seen) == state(restore=sent)
    committed = reduce(state(commit=ONCE, pin=Pin.OURS, pin_looks=4, **TIRED), CommitRollback(), seen)
    assert committed == state(commit=sent)


def test_a_write_that_was_held_back_because_the_app_was_read_too_long_before_looks_again_once() -> None:
    stale, looked = Refused("too old", Refusal.STALE), {"sight": Precheck(), "write": AGAIN}
    held = reduce(state(**looked, **TIRED), Write(Task.UPDATE), stale)
    assert held == state(write=replace(AGAIN, stale=True))
    again = reduce(replace(held, sight=Precheck()), Write(Task.UPDATE), stale)
    sent = WriteStatus(Sent.REFUSED, 2, refusal=Refusal.STALE, why="too old")
    assert again == state(sight=Precheck(), write=sent)


@pytest.mark.parametrize("refusal", [refusal for refusal in Refusal if refusal is not Refusal.STALE])
def test_a_write_that_is_refused_otherwise_is_over(refusal: Refusal) -> None:
    found = reduce(state(sight=Precheck(), write=AGAIN), Write(Task.UPDATE), Refused("no", refusal))
    assert found == state(sight=Precheck(), write=WriteStatus(Sent.REFUSED, 2, refusal=refusal, why="no"))


@pytest.mark.parametrize(("seen", "sent"), ANSWERS[:2])
def test_a_rollback_may_pin_the_app_as_soon_as_it_was_sent(seen: Seen, sent: WriteStatus) -> None:
    assert reduce(state(undo=ONCE, valid=True), Rollback("c"), seen) == state(undo=sent, valid=True, pinned=True)


FOUND = {"options": RollbackOptions(candidates=("c",)), "rejected": ("a",), "valid": True}


@pytest.mark.parametrize("refusal", [Refusal.MOVED, Refusal.PINNED])
def test_a_rollback_before_which_somebody_changed_the_app_is_decided_anew_but_for_three_times(refusal: Refusal) -> None:
    assert reduce(state(**FOUND), Rollback("c"), Refused("no", refusal)) == state(undo=AGAIN)
    third = reduce(state(**FOUND, undo=WriteStatus(sends=2)), Rollback("c"), Refused("no", refusal))
    assert third == state(options=FOUND["options"], rejected=("a", "refused"), undo=WriteStatus(sends=3, why="no"))


@pytest.mark.parametrize("refusal", [Refusal.CONTENT, Refusal.TAKEN, Refusal.ACCESS, Refusal.GONE])
def test_a_rollback_that_is_refused_for_another_reason_makes_its_candidate_none(refusal: Refusal) -> None:
    found = reduce(state(**FOUND), Rollback("c"), Refused("no", refusal))
    assert found == state(options=FOUND["options"], rejected=("a", "refused"), undo=WriteStatus(sends=1, why="no"))


@pytest.mark.parametrize(("write", "place"), [("update", "write"), ("restore", "restore"), ("rollback", "undo")])
def test_a_look_for_a_write_is_counted_and_its_deployment_remembered(write: str, place: str) -> None:
    found = reduce(state(**{place: ONCE}, **TIRED), LookUp(write), WriteProbed(WriteProbe.OURS, "e"))
    assert found == state(**{place: replace(ONCE, trace=WriteProbe.OURS, looks=4, deployment_id="e")})
    known = replace(ONCE, deployment_id="d")
    again = reduce(state(**{place: known}), LookUp(write), WriteProbed(WriteProbe.STORED))
    assert again == state(**{place: replace(known, trace=WriteProbe.STORED, looks=4)})


@pytest.mark.parametrize("trace", list(WriteProbe))
def test_a_rollback_of_which_nothing_shows_does_not_pin_the_app(trace: WriteProbe) -> None:
    found = reduce(state(undo=ONCE, pinned=True), LookUp("rollback"), WriteProbed(trace))
    assert found.pinned is (trace in (WriteProbe.OURS, WriteProbe.STORED))
    assert not reduce(state(undo=ONCE), LookUp("rollback"), WriteProbed(trace)).pinned
    assert reduce(state(restore=ONCE, pinned=True), LookUp("restore"), WriteProbed(trace)).pinned
