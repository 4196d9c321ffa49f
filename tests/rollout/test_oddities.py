"""What the platform may answer beside the documented: steps performed one by one against a scripted platform."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.config import HealthPolicy, Policy
from reconciler.config_sections import Probe
from reconciler.errors import (
    ApiError,
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    Rejected,
    TransportFailed,
    Unauthorized,
)
from reconciler.live.fetch import ProbeAnswer
from reconciler.live.models import Deployment, Health, LiveApp, Phase, RollbackValidation
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout import steps
from reconciler.rollout.executor import perform
from reconciler.rollout.failure import collect
from reconciler.rollout.health import Grade, Sample
from reconciler.rollout.model import Outcome, OutcomeKind, Role, Task
from reconciler.rollout.observations import Observations, RolloutContext, read_health
from reconciler.rollout.policy import next_step
from reconciler.rollout.ports import RolloutJob, SpecKnowledge
from reconciler.rollout.recorder import Recorder
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
    Precheck,
    ProbeSeen,
    Refusal,
    Refused,
    RollbackOptions,
    RolloutState,
    Seen,
    TrackedDeployment,
    Validated,
    WriteProbe,
    WriteProbed,
)
from reconciler.rollout.watch import FRESH, Poller
from reconciler.rollout.writes import classify_error
from tests.rollout.stage import desired, web
from tests.support.virtual_time import VirtualClock

OLD, NEW = web(tag="1.27"), web(tag="1.28")
WHERE = {"method": "GET", "path": "/v2/apps/1"}


def gone(_: object = None) -> NotFound:
    return NotFound("GET /v2/apps/1: 404", status=404, **WHERE)


NO_ACCESS = Unauthorized("403 no", status=403, hint="needs app:read", **WHERE)


def app(spec: Any = OLD, **more: Any) -> LiveApp:
    return LiveApp.model_validate({"id": "1", "spec": spec} | more)


def made(name: str, spec: Any = OLD, phase: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {"id": name, "spec": spec, "phase": phase} | more


class Script:
    """A platform that answers each operation with what the test says, raising what is an error."""

    def __init__(self, clock: VirtualClock, **answers: Any) -> None:
        self.clock = clock
        self.answers = answers

    def rank(self, _rank: Any) -> None:
        """There is one request at a time."""

    def pace(self) -> float:
        return 250.0

    def __getattr__(self, name: str) -> Any:
        async def answer(*_args: Any, **_options: Any) -> Any:
            found = self.answers[name] if name != "take_turn" else None
            if isinstance(found, Exception):
                raise found
            return found

        return answer

    def do(
        self, step: steps.Step, *, seen: Observations | None = None, policy: Policy | None = None, **state: Any
    ) -> Seen:
        found = RolloutState(Goal(Task.UPDATE, "web"), **state)
        return self.clock.run(perform(step, found, self.context(seen, policy), self.clock))

    def context(self, seen: Observations | None = None, policy: Policy | None = None) -> RolloutContext:
        job = RolloutJob(
            Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, app_id="1"), desired(NEW), policy or Policy()
        )
        now = self.clock.monotonic
        client: Any = self
        recorder = Recorder(job.plan, now, 0.0, lambda _: None)
        return RolloutContext(
            job, client, Poller(client, self.clock), SpecKnowledge(job), recorder, seen or seen_app(), now
        )


def seen_app(spec: Any = OLD, known: tuple[str, ...] = ("a",), **more: Any) -> Observations:
    """The app was seen with this spec, and with deployment ``a`` active."""
    found = Observations("1", known=set(known), base=spec, **more)
    found.saw_app(app(spec, active_deployment=made("a")))
    return found


def test_a_finished_rollout_has_nothing_to_perform(clock: VirtualClock) -> None:
    with pytest.raises(TypeError, match="nothing to perform"):
        Script(clock).do(steps.Finish(None))  # type: ignore[arg-type]  # it is not looked at


def test_only_what_a_plan_can_ask_for_can_be_sent(clock: VirtualClock) -> None:
    with pytest.raises(TypeError, match="nothing that can be sent"):
        Script(clock).do(steps.Write(Task.FOLLOW))


# ---- health and probes --------------------------------------------------------------------------------------------


def test_an_app_without_any_health_to_tell_is_one_of_unknown_health(clock: VirtualClock) -> None:
    found = Script(clock, health=gone()).do(steps.CheckHealth("d"))
    assert isinstance(found, HealthSeen)
    assert found.health.components == ()


PROBING = Policy(health=HealthPolicy(probe=Probe(path="/ok")))


def test_a_probe_waits_for_an_address(clock: VirtualClock) -> None:
    probe = steps.Probe("d")
    assert Script(clock).do(probe) == ProbeSeen()
    lost = Script(clock, get_app=TransportFailed("reset", **WHERE)).do(probe, policy=PROBING)
    assert lost == ProbeSeen("the app's address could not be read: reset", counts=False)
    nowhere = ProbeSeen("GET /ok could not be sent: the app has no live URL", counts=False)
    assert Script(clock, get_app=app()).do(probe, policy=PROBING) == nowhere
    script = Script(clock, get_app=app(live_url="https://web.example/"), probe=ProbeAnswer(200))
    assert script.do(probe, policy=PROBING) == ProbeSeen()
    script = Script(clock, get_app=app(live_url="https://web.example/"), probe=ProbeAnswer(error="reset"))
    assert script.do(probe, policy=PROBING) == ProbeSeen("GET /ok: reset")
    unsent = ProbeAnswer(error="no route to host", sent=False)
    script = Script(clock, get_app=app(live_url="https://web.example/"), probe=unsent)
    assert script.do(probe, policy=PROBING) == ProbeSeen("GET /ok could not be sent: no route to host", counts=False)


WELL = Health.model_validate({"components": [{"name": "api", "state": "HEALTHY"}]})
SICK = Health.model_validate({"components": [{"name": "api", "state": "UNHEALTHY"}]})
UNSENT = ProbeAnswer(error="no route to host", sent=False)


@pytest.mark.parametrize(
    ("answers", "policy", "sample"),
    [
        ({"health": WELL}, Policy(), Sample(Grade.GOOD, "api is healthy", "api")),
        ({"health": SICK}, PROBING, Sample(Grade.BAD, "api is unhealthy", "api")),
        ({"health": TransportFailed("reset", **WHERE)}, PROBING, Sample(Grade.UNKNOWN, "reset")),
        ({"health": WELL, "probe": ProbeAnswer(200)}, PROBING, Sample(Grade.GOOD, "api is healthy", "api")),
        ({"health": WELL, "probe": ProbeAnswer(503)}, PROBING, Sample(Grade.SHORT, "GET /ok answered 503, not 200")),
        (
            {"health": WELL, "probe": UNSENT},
            PROBING,
            Sample(Grade.UNKNOWN, "GET /ok could not be sent: no route to host"),
        ),
        ({}, Policy(health=HealthPolicy(components=False)), Sample(Grade.GOOD)),
    ],
)
def test_one_reading_is_the_worse_of_components_and_probe(
    clock: VirtualClock, answers: dict[str, Any], policy: Policy, sample: Sample
) -> None:
    script: Any = Script(clock, **answers)
    deployment = Deployment.model_validate(made("a"))
    live = app(live_url="https://web.example")
    assert clock.run(read_health(script, live, deployment, policy)) == sample


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (app(NEW, in_progress_deployment=made("d", NEW, "DEPLOYING")), PhaseSeen(Phase.DEPLOYING)),
        (app(NEW, active_deployment=made("d", NEW)), PhaseSeen(Phase.ACTIVE)),
        (app(NEW, active_deployment=made("a")), Failed("GET /v2/apps/1: 404; the app itself exists")),
        (gone(), Failed("GET /v2/apps/1: 404", missing=True)),
        (TransportFailed("reset", **WHERE), Failed("GET /v2/apps/1: 404")),
        (NO_ACCESS, Failed("403 no; needs app:read", denied=True)),
    ],
)
def test_c55_a_404_asks_the_app(clock: VirtualClock, shown: Any, found: Seen) -> None:
    script = Script(clock, get_deployment=gone(), get_app=shown)
    context = script.context()
    context.recorder.following("d", Role.DEPLOY)
    step = steps.Follow("d")
    state = RolloutState(Goal(Task.UPDATE, "web"))
    assert clock.run(perform(step, state, context, clock)) == found


def test_c55_what_the_app_shows_matters_only_to_what_is_followed(clock: VirtualClock) -> None:
    script = Script(clock, get_app=app(NEW, active_deployment=made("a")), list_deployments=gone())
    assert script.do(steps.FindCandidates()) == Failed("GET /v2/apps/1: 404; the app itself exists")


@pytest.mark.parametrize(
    "step",
    [steps.Look(), steps.ReadBack("d"), steps.VerifyUnpinned("d"), steps.FindSuccessor("d"), steps.FindCandidates()],
)
def test_c56_no_read_is_repeated_that_the_token_may_not(clock: VirtualClock, step: steps.Step) -> None:
    assert Script(clock, get_app=NO_ACCESS).do(step) == Failed("403 no; needs app:read", denied=True)


def test_c56_a_denial_without_a_hint_is_the_apis_words_alone() -> None:
    bare = Unauthorized("401 no", status=401, **WHERE)
    assert classify_error(bare) == Refused("401 no", Refusal.ACCESS)
    assert classify_error(NO_ACCESS) == Refused("403 no; needs app:read", Refusal.ACCESS)


def test_c57_an_app_that_cannot_be_read_leaves_the_probe_without_a_version_before(clock: VirtualClock) -> None:
    lost = Script(clock, get_app=TransportFailed("reset", **WHERE))
    seen = seen_app()
    assert lost.do(steps.Adopt(Role.FOLLOWED, "d"), seen=seen, policy=PROBING) == Adopted(("api",))
    assert seen.probe_before is None
    assert lost.do(steps.Look(), policy=PROBING) == Failed("reset")
    assert Script(clock, get_app=gone()).do(steps.Look(), policy=PROBING) == Precheck(gone=True)


# ---- reading back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (app(NEW), ActiveState.BEFORE),
        (app(NEW, active_deployment=made("a")), ActiveState.BEFORE),
        (app(NEW, active_deployment=made("d", NEW)), ActiveState.OURS),
        (app(NEW, active_deployment=made("x", NEW)), ActiveState.OTHER),
        (app(NEW, active_deployment=made("d", NEW), pinned_deployment=made("p")), ActiveState.PINNED),
        (app(OLD, active_deployment=made("d", NEW), pending_deployment=made("x", OLD)), ActiveState.OTHER),
        (app(NEW, active_deployment=made("d", NEW), pending_deployment=made("x", NEW)), ActiveState.OURS),
    ],
)
def test_what_the_app_shows_as_active(clock: VirtualClock, found: LiveApp, standing: ActiveState) -> None:
    found = Script(clock, get_app=found, list_deployments=[]).do(steps.ReadBack("d"))
    assert isinstance(found, BackRead)
    assert found.standing is standing


# ---- validating ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (RollbackValidation(valid=True), Validated()),
        (RollbackValidation(), Validated("invalid", "")),
        (
            RollbackValidation.model_validate({"valid": False, "error": {"code": "new_code", "message": "no"}}),
            Validated("new_code", "no"),
        ),
        (gone(), Validated("not_found", "GET /v2/apps/1: 404")),
        (Rejected("no", status=400, error_id="bad", **WHERE), Validated("bad", "no")),
        (Rejected("no", status=400, **WHERE), Validated("rejected", "no")),
        (TransportFailed("reset", **WHERE), Failed("reset")),
    ],
)
def test_a_validation_that_is_refused_is_an_answer_too(clock: VirtualClock, answer: Any, expected: Seen) -> None:
    assert Script(clock, validate_rollback=answer).do(steps.ValidateRollback("a")) == expected


# ---- finding candidates -------------------------------------------------------------------------------------------


def options(clock: VirtualClock, found: LiveApp, history: list[dict[str, Any]]) -> Seen:
    listed = [Deployment.model_validate(each) for each in history]
    script = Script(clock, get_app=found, list_deployments=listed)
    return script.do(steps.FindCandidates(), leg=TrackedDeployment(Role.DEPLOY, "d", phase=Phase.ERROR))


def test_somebody_who_deployed_our_spec_since_is_to_be_followed(clock: VirtualClock) -> None:
    history = [made("x", NEW, "BUILDING"), made("d", NEW, "ERROR"), made("a")]
    found = options(clock, app(NEW, active_deployment=made("a")), history)
    assert isinstance(found, RollbackOptions)
    assert (found.newer, found.newer_id) == (True, "x")


def test_a_newer_deployment_of_our_spec_that_failed_too_is_not(clock: VirtualClock) -> None:
    history = [made("x", NEW, "ERROR"), made("d", NEW, "ERROR"), made("a")]
    found = options(clock, app(NEW, active_deployment=made("a")), history)
    assert isinstance(found, RollbackOptions)
    assert (found.newer, found.newer_id) == (True, "")


def test_a_history_that_does_not_show_ours_says_nothing_about_newer_ones(clock: VirtualClock) -> None:
    found = options(clock, app(NEW, active_deployment=made("a")), [made("a")])
    assert isinstance(found, RollbackOptions)
    assert (found.newer, found.candidates, found.serving) == (False, ("a",), True)


# ---- what became of a write ---------------------------------------------------------------------------------------


def test_a_created_app_without_an_id_is_looked_for(clock: VirtualClock) -> None:
    script = Script(clock, create_app=LiveApp())
    assert script.do(steps.Write(Task.CREATE)) == Lost("the answer is not about the app")
    script = Script(clock, find_app=app(NEW), list_deployments=[])
    assert script.do(steps.LookUp("create"), seen=Observations()) == WriteProbed(WriteProbe.STORED)


def test_an_accepted_write_without_a_deployment_names_none(clock: VirtualClock) -> None:
    assert Script(clock, update_app=app(NEW)).do(steps.Write(Task.UPDATE)) == Accepted()
    assert Script(clock, get_app=app(), roll_back=Deployment()).do(steps.Rollback("a")) == Accepted()


@pytest.mark.parametrize(
    ("found", "refusal"),
    [
        (app(pinned_deployment=made("p")), Refusal.PINNED),
        (app(web(tag="9")), Refusal.MOVED),
        (app(in_progress_deployment=made("n", NEW)), Refusal.MOVED),
        (gone(), Refusal.GONE),
    ],
)
def test_nothing_is_rolled_back_once_somebody_changed_the_app(
    clock: VirtualClock, found: Any, refusal: Refusal
) -> None:
    answer = Script(clock, get_app=found).do(steps.Rollback("a"))
    assert isinstance(answer, Refused)
    assert answer.refusal is refusal


@pytest.mark.parametrize(
    ("found", "trace"),
    [
        (app(OLD), WriteProbe.NOT_THERE),
        (app(NEW), WriteProbe.STORED),
        (app(web(tag="9")), WriteProbe.FOREIGN),
        (app(OLD, pinned_deployment=made("p")), WriteProbe.FOREIGN),
        (app(NEW, pending_deployment=made("n", NEW)), WriteProbe.OURS),
    ],
)
def test_a_lost_update_is_told_by_what_the_app_shows(clock: VirtualClock, found: LiveApp, trace: WriteProbe) -> None:
    seen = Script(clock, get_app=found, list_deployments=[]).do(steps.LookUp("update"))
    assert isinstance(seen, WriteProbed)
    assert seen.trace is trace


def test_a_lost_write_to_an_app_that_is_gone(clock: VirtualClock) -> None:
    assert Script(clock, get_app=gone()).do(steps.LookUp("update")) == WriteProbed(WriteProbe.GONE)


ROLLED = {"cause_details": {"type": "MANUAL_ROLLBACK"}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (app(NEW), WriteProbed(WriteProbe.NOT_THERE)),
        (app(NEW, pending_deployment=made("r", OLD, "BUILDING", **ROLLED)), WriteProbed(WriteProbe.STORED)),
        (app(NEW, pinned_deployment=made("r", OLD)), WriteProbed(WriteProbe.OURS, "r")),
        (app(NEW, pinned_deployment=made("r", web(tag="9"))), WriteProbed(WriteProbe.FOREIGN)),
        (app(NEW, pinned_deployment=made("a", OLD)), WriteProbed(WriteProbe.FOREIGN)),
    ],
)
def test_a_lost_rollback_is_told_by_the_pin(clock: VirtualClock, found: LiveApp, expected: WriteProbed) -> None:
    assert Script(clock, get_app=found).do(steps.LookUp("rollback", deployment_id="a")) == expected


@pytest.mark.parametrize(
    ("found", "history", "expected"),
    [
        (app(NEW), [], WriteProbed(WriteProbe.NOT_THERE)),
        (app(OLD), [], WriteProbed(WriteProbe.STORED)),
        (app(web(tag="9")), [], WriteProbed(WriteProbe.FOREIGN)),
        (app(OLD, pending_deployment=made("b")), [], WriteProbed(WriteProbe.OURS, "b")),
        (app(OLD), [made("b", phase="ERROR"), made("a")], WriteProbed(WriteProbe.OURS, "b")),
        (app(OLD, pinned_deployment=made("p")), [], WriteProbed(WriteProbe.FOREIGN)),
    ],
)
def test_a_lost_restored_spec_is_told_by_its_deployment(
    clock: VirtualClock, found: LiveApp, history: list[Any], expected: WriteProbed
) -> None:
    listed = [Deployment.model_validate(each) for each in history]
    script = Script(clock, get_app=found, list_deployments=listed)
    assert script.do(steps.LookUp("restore", deployment_id="a"), seen=seen_app(NEW)) == expected


@pytest.mark.parametrize(
    ("found", "candidate", "expected"),
    [
        (app(NEW), "unheard-of", Refused("the spec of deployment unheard-of is unknown")),
        (app(NEW, pinned_deployment=made("p")), "a", Refused("the app was pinned meanwhile", Refusal.PINNED)),
        (app(web(tag="9")), "a", Refused("the app was changed meanwhile", Refusal.MOVED)),
        (app(OLD, pending_deployment=made("b")), "a", Accepted("b")),
        (gone(), "a", Refused("GET /v2/apps/1: 404", Refusal.GONE)),
    ],
)
def test_a_spec_is_restored_only_over_what_was_seen(
    clock: VirtualClock, found: Any, candidate: str, expected: Seen
) -> None:
    assert Script(clock, get_app=found).do(steps.RestoreSpec(candidate), seen=seen_app(NEW)) == expected


@pytest.mark.parametrize(
    ("problem", "creating", "expected"),
    [
        (Conflict("taken", status=409, **WHERE), True, Refused("taken", Refusal.TAKEN)),
        (Conflict("busy", status=409, **WHERE), False, Refused("busy", Refusal.CONTENT)),
        (ApiError("teapot", status=418, **WHERE), True, Refused("teapot", Refusal.CONTENT)),
        (gone(), False, Refused("GET /v2/apps/1: 404", Refusal.GONE)),
        (RateLimited("429", status=429, hint="later", **WHERE), False, Refused("429", Refusal.ACCESS)),
        (TransportFailed("reset", **WHERE), False, Lost("reset")),
    ],
)
def test_an_error_of_a_write_is_a_refusal_or_a_lost_answer(problem: LiveError, creating: bool, expected: Seen) -> None:
    assert classify_error(problem, creating=creating) == expected


# ---- what failed --------------------------------------------------------------------------------------------------


def test_a_failure_that_cannot_be_read_is_told_as_far_as_it_is_known(clock: VirtualClock) -> None:
    script: Any = Script(clock, get_deployment=TransportFailed("reset", **WHERE))
    found, read = clock.run(collect(script, "1", "d"))
    assert read is None
    assert found.message == "its steps could not be read: reset"
    found, _ = clock.run(collect(script, "1", "d", unhealthy="api is unhealthy", component="api"))
    assert (found.component, found.message) == ("api", "api is unhealthy")


def test_a_failed_build_is_explained_by_its_own_log_even_an_empty_one(clock: VirtualClock) -> None:
    failed = {"steps": [{"name": "build", "status": "ERROR"}]}
    asked: list[str] = []

    class Logs(Script):
        async def logs(self, *_args: Any, type: str, **_more: Any) -> Any:  # noqa: A002  the client's own name
            asked.append(type)
            return SimpleNamespace(historic_urls=("https://logs.example/1",))

    deployment = Deployment.model_validate({"id": "d", "progress": failed})
    script: Any = Logs(clock, get_deployment=deployment, log_tail=[])
    found, _ = clock.run(collect(script, "1", "d"))
    assert (asked, found.log_lines, found.links) == (["BUILD"], (), ("https://logs.example/1",))


# ---- the account and knowledge of specs ---------------------------------------------------------------------------


def test_deployments_that_tell_nothing_of_themselves_teach_nothing() -> None:
    seen = Observations()
    seen.saw(Deployment(id="bare"))
    assert (seen.specs, seen.born) == ({}, {})
    assert not seen.is_older("bare", "other")
    seen.saw(Deployment.model_validate({"id": "b", "created_at": "2026-03-01T12:00:00Z"}))
    seen.saw(Deployment.model_validate({"id": "c", "created_at": "2026-03-01T12:01:00Z"}))
    assert seen.is_older("b", "c")
    assert not seen.is_older("c", "b")


def test_a_warning_is_told_once(clock: VirtualClock) -> None:
    events: list[Any] = []
    recorder = Recorder(Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE), clock.monotonic, 0.0, events.append)
    recorder.warn("twice")
    recorder.warn("twice")
    assert [event.text for event in events] == ["warning: twice"]


def test_without_a_spec_of_git_nothing_carries_it_and_nothing_is_missing() -> None:
    specs = SpecKnowledge(RolloutJob(Plan("web", SyncStatus.OUT_OF_SYNC, Action.DELETE), None))
    assert not specs.carries(OLD)
    assert specs.missing(OLD) == ()


def test_what_the_platform_renders_of_gits_spec_counts_as_ours() -> None:
    rendered = {**NEW, "features": ["new-thing"], "quantum": {"level": 9}}
    plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE)
    assert not SpecKnowledge(RolloutJob(plan, desired(NEW))).carries(rendered)
    assert SpecKnowledge(RolloutJob(plan, desired(NEW), rendered=rendered)).carries(rendered)


def test_c53_an_active_deployment_that_failed_later_does_not_serve(clock: VirtualClock) -> None:
    failed = app(active_deployment=made("d", NEW, "ERROR"))
    found = Script(clock, get_app=failed, list_deployments=[]).do(steps.ReadBack("d"))
    assert isinstance(found, BackRead)
    assert found.standing is ActiveState.FAILED


@pytest.mark.parametrize(("cause", "failed"), [("AUTO_ROLLBACK", "b"), ("MANUAL", "")])
def test_c49_a_run_that_adopts_the_platforms_own_rollback_reads_what_it_went_back_from(
    clock: VirtualClock, cause: str, failed: str
) -> None:
    history = [
        Deployment.model_validate(made("c", cause_details={"type": cause}, previous_deployment_id="b")),
        Deployment.model_validate(made("b", NEW, "ERROR")),
        Deployment.model_validate(made("a", phase="SUPERSEDED")),
    ]
    script = Script(clock, get_app=app(active_deployment=made("c")), list_deployments=history)
    seen = seen_app()
    goal = Goal(Task.ADOPT, "web", follow_id="c")
    clock.run(perform(steps.FindCandidates(), RolloutState(goal), script.context(seen), clock))
    assert seen.failed == failed


def test_a_failure_that_nothing_dates_has_just_happened(clock: VirtualClock) -> None:
    read = Deployment.model_validate(made("d", NEW, "ERROR"))
    script = Script(clock, get_deployment=read, logs=gone())
    leg = TrackedDeployment(Role.DEPLOY, "d", phase=Phase.ERROR)
    found = script.do(steps.CollectFailure("d"), leg=leg)
    assert isinstance(found, Collected)
    assert found.age == 0.0


# ---- a look by a listing that is too old to write by --------------------------------------------------------------


def test_an_update_is_not_sent_by_a_look_that_is_too_old_and_the_app_is_read_by_its_id(clock: VirtualClock) -> None:
    seen = seen_app(listed_at=-FRESH - 1.0)
    found = Script(clock, update_app=AssertionError("it was sent")).do(steps.Write(Task.UPDATE), seen=seen)
    assert isinstance(found, Refused)
    assert found.refusal is Refusal.STALE
    assert seen.by_id
    state = reduce(RolloutState(Goal(Task.UPDATE, "web"), sight=Precheck()), steps.Write(Task.UPDATE), found)
    assert next_step(state) == steps.Look()
    again = reduce(replace(state, sight=Precheck()), steps.Write(Task.UPDATE), found)
    assert isinstance(next_step(again), steps.Finish), "not for ever"


def test_an_update_is_sent_by_a_look_that_is_fresh(clock: VirtualClock) -> None:
    seen = seen_app(listed_at=-FRESH + 1.0)
    sent = app(NEW, pending_deployment=made("b"))
    assert Script(clock, update_app=sent).do(steps.Write(Task.UPDATE), seen=seen) == Accepted("b")


def test_c51_an_update_that_is_tried_again_is_sent_by_the_look_that_decided_it(clock: VirtualClock) -> None:
    seen, sent = seen_app(listed_at=-FRESH - 60.0), app(NEW, pending_deployment=made("b"))
    script = Script(clock, get_app=app(active_deployment=made("a")), list_deployments=[], update_app=sent)
    script.do(steps.FindCandidates(), seen=seen)
    assert script.do(steps.Write(Task.UPDATE), seen=seen) == Accepted("b")


@pytest.mark.parametrize(("before", "warned"), [("a", False), ("planned", False), ("theirs", True), ("", False)])
def test_a_deployment_that_an_update_superseded_unseen_is_warned_of(
    clock: VirtualClock, before: str, *, warned: bool
) -> None:
    deployment = {**made("b"), "previous_deployment_id": before}
    script = Script(clock, update_app=app(NEW, pending_deployment=deployment))
    context = script.context(seen_app())
    context.job = replace(context.job, history=frozenset({"planned"}))
    state = RolloutState(Goal(Task.UPDATE, "web"))
    assert clock.run(perform(steps.Write(Task.UPDATE), state, context, clock)) == Accepted("b")
    record = context.recorder.finish(Outcome(OutcomeKind.APPLIED), app_id="1", requests=0, live_url="")
    assert any("theirs was made after the app was last read" in text for text in record.warnings) is warned
