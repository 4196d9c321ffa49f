"""Apps that come up, and those that do not: end to end, through the client, against the sandbox."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.config_sections import Probe
from reconciler.live.client import Client
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.model import OutcomeKind, RolloutRecord
from reconciler.rollout.ports import RolloutJob
from reconciler.sandbox.settings import Settings, Speed
from tests.rollout.stage import POLICY, Stage, desired, web


def kind(record: RolloutRecord) -> str:
    return record.outcome.kind.value


def steps(record: RolloutRecord) -> list[str]:
    return [decision.step for decision in record.decisions]


def test_a_new_app_is_created_followed_and_judged_healthy(stage: Stage) -> None:
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "applied"
    assert steps(record) == ["Write", "Adopt", "ReadBack", "Finish"]
    (deployment,) = record.deployments
    assert deployment.role == "deploy"
    assert [span.phase for span in deployment.phases] == [
        "PENDING_BUILD",
        "BUILDING",
        "PENDING_DEPLOY",
        "DEPLOYING",
        "ACTIVE",
    ]
    assert record.live_url.startswith("http://sandbox/")
    assert record.app_id
    assert record.requests > 5


def test_the_spans_of_phases_join_without_gaps_up_to_the_end(stage: Stage) -> None:
    record = stage.one(stage.job(web(), Action.CREATE))
    spans = record.deployments[0].phases
    assert all(one.ended == other.began for one, other in pairwise(spans))
    assert spans[-1].ended == record.seconds
    assert spans[-1].ended - spans[-1].began >= 30  # the soak


def test_events_tell_phases_steps_and_the_outcome(stage: Stage) -> None:
    stage.one(stage.job(web(), Action.CREATE))
    assert any(event.phase == "DEPLOYING" and event.total > 0 for event in stage.events)
    assert [event.outcome for event in stage.events if event.outcome] == [OutcomeKind.APPLIED]
    assert [event.at for event in stage.events] == sorted(event.at for event in stage.events)
    assert all(event.text for event in stage.events)
    steady = [event for event in stage.events if not event.passing]
    assert {event.kind for event in steady} == {"decision", "phase", "progress", "outcome"}
    assert [event.kind for event in stage.events if event.outcome] == ["outcome"]
    phases = [event.phase for event in stage.events if event.kind == "phase"]
    assert len(phases) == len(set(phases)) > 2, "each phase begins once"
    assert {event.kind for event in stage.events if event.passing} <= {"progress"}


def test_an_update_carries_the_new_spec(stage: Stage) -> None:
    stage.deploy(web())
    assert kind(stage.one(stage.job(web(tag="1.28")))) == "applied"
    assert stage.deployments() == [("ACTIVE", "1.28"), ("SUPERSEDED", "1.27")]


def test_a_redeploy_makes_a_deployment_of_the_same_spec(stage: Stage) -> None:
    stage.deploy(web())
    assert kind(stage.one(stage.job(web(), Action.REDEPLOY))) == "applied"
    assert stage.deployments() == [("ACTIVE", "1.27"), ("SUPERSEDED", "1.27")]


def test_a_deletion_is_verified(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(), Action.DELETE))
    assert kind(record) == "deleted"
    assert stage.app() is None


def test_nothing_is_written_for_an_app_of_which_the_plan_wants_nothing(stage: Stage) -> None:
    record = stage.one(stage.job(web(), Action.NONE))
    assert (kind(record), record.requests) == ("unchanged", 0)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (SyncStatus.BLOCKED, "blocked"),
        (SyncStatus.STALLED, "stalled"),
        (SyncStatus.DEGRADED, "degraded"),
        (SyncStatus.OUT_OF_SYNC, "refused"),
    ],
)
def test_an_app_that_the_plan_refuses_ends_as_it_says(stage: Stage, status: SyncStatus, expected: str) -> None:
    record = stage.one(RolloutJob(Plan("web", status, Action.REFUSE, reason="because"), desired(web())))
    assert (kind(record), record.outcome.reason) == (expected, "because")


def test_c31_a_deployment_that_is_over_at_once_is_followed_by_its_id() -> None:
    stage = Stage(Settings(speed=Speed.instant()))
    assert kind(stage.one(stage.job(web(), Action.CREATE))) == "applied"
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied"
    assert [span.phase for span in record.deployments[0].phases] == ["ACTIVE"]
    stage.close()


def test_c32_listing_deployments_is_not_needed_and_failing_reads_are_borne(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("gateway_timeout", "apps_list_deployments", times=None)
    stage.fault("gateway_timeout", "apps_get_deployment", times=None, share=0.5, seed=3)
    stage.fault("gateway_timeout", "apps_get_health", times=None, share=0.5, seed=4)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied"


def test_c33_the_deployment_that_the_write_made_is_followed_not_the_newest(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")))
    app = stage.app()
    assert app is not None
    assert app.active_deployment is not None
    assert [found.id for found in record.deployments] == [app.active_deployment.id]


def test_c36_a_build_that_outlasts_its_budget_times_out_and_the_next_run_follows_it(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("slow", factor=100.0)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "timed_out"
    assert "build took more than 600 s" in record.outcome.reason
    assert record.outcome.commands == ("reconcile", "reconcile status web")
    patient = Policy(timeouts=Timeouts(deploy=7200))
    again = stage.one(stage.job(web(tag="1.28"), follow=record.deployments[0].id, policy=patient))
    assert kind(again) == "applied", again.outcome
    assert again.deployments[0].role == "followed"


def test_c36_build_and_deploy_have_budgets_of_their_own(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("hang", phase="DEPLOYING")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "timed_out"
    assert "deployment took more than 300 s" in record.outcome.reason
    assert 300 <= record.seconds < 340


def test_c38_a_failed_first_deployment_leaves_the_app_degraded_and_never_deletes_it(stage: Stage) -> None:
    stage.box.fail("web", "deploy")
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "degraded"
    assert "no rollback target" in record.outcome.reason
    assert stage.app() is not None


def test_c39_a_failure_names_the_component_its_reason_code_and_the_logs_last_lines(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy", component="api", code="DeployContainerHealthChecksFailed")
    record = stage.one(stage.job(web(tag="1.28")))
    assert record.failure is not None
    assert record.failure.component == "api"
    assert record.failure.code == "DeployContainerHealthChecksFailed"
    assert record.failure.log_lines
    assert record.failure.links
    assert "DeployContainerHealthChecksFailed" in record.outcome.reason


def test_what_failed_is_told_even_if_its_steps_and_logs_cannot_be_had(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    stage.fault("server_error", "apps_get_logs_aggregate", times=None)
    stage.fault("server_error", "apps_get_logs", times=None)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert record.failure is not None
    assert record.failure.log_lines == ()


def test_a_probe_must_succeed_as_often_as_asked_for_during_the_soak(stage: Stage) -> None:
    probe = Probe(path="/", count=3, interval=5)
    policy = Policy(health=HealthPolicy(soak=20, probe=probe), timeouts=Timeouts(health=60))
    assert kind(stage.one(stage.job(web(), Action.CREATE, policy=policy))) == "applied"


def test_a_probe_that_never_succeeds_means_going_back_when_the_budget_ends(stage: Stage) -> None:
    stage.deploy(web())
    health = HealthPolicy(soak=20, probe=Probe(path="/", status=[200, 299]), components=False)
    policy = Policy(health=health, timeouts=Timeouts(health=60), on_failure="leave")
    stage.box.fail("web", "health")
    record = stage.one(stage.job(web(tag="1.28"), policy=policy))
    assert kind(record) == "left"
    assert "GET / answered 503, not 200 or 299" in record.outcome.reason


def test_an_app_of_static_files_alone_is_judged_by_its_phase(stage: Stage) -> None:
    source = {"repo_clone_url": "https://example.com/site.git", "branch": "main"}
    site = {"name": "site", "static_sites": [{"name": "pages", "git": source}]}
    record = stage.one(stage.job(site, Action.CREATE))
    assert kind(record) == "applied"
    told = "active, with no sign of trouble; no health is reported and no probe is configured"
    assert record.outcome.reason == told


def test_c09_a_field_that_was_sent_and_not_kept_is_a_warning() -> None:
    stage = Stage(Settings(speed=Speed.realistic(), unknown_fields="drop"))
    record = stage.one(stage.job(web(quantum=True), Action.CREATE))
    assert any("quantum" in warning for warning in record.warnings)
    stage.close()


def test_c42_c53_an_active_deployment_that_does_not_carry_what_was_asked_for_has_diverged(stage: Stage) -> None:
    stage.deploy(web())
    job = stage.job(web(tag="1.28"), follow="")
    app = stage.app()
    assert app is not None
    assert app.active_deployment is not None
    record = stage.one(stage.job(web(tag="1.28"), follow=app.active_deployment.id))
    assert (kind(record), job.plan.app) == ("diverged", "web")
    assert "services/api/image/tag differs from what was sent" in record.warnings


def test_a_secret_in_what_failed_never_reaches_the_account(stage: Stage) -> None:
    stage.deploy(web())
    job = stage.job(web(tag="1.28"))
    assert job.desired is not None
    secret = "dop_v1_5up3r5ecr3t0fth3w3b"
    object.__setattr__(job.desired, "secrets", frozenset({secret}))
    stage.fault("deploy", app="web", message=f"no access with {secret}")
    record = stage.one(job)
    assert record.failure is not None
    assert record.failure.message.startswith("no access with")
    assert secret not in repr(record)
    assert all(secret not in event.text for event in stage.events)


def test_what_is_in_vain_ends_too_when_the_platform_answers_nothing_but_errors(stage: Stage) -> None:
    stage.deploy(web())
    job = stage.job(web(tag="1.28"))
    bases = stage.app()
    assert bases is not None

    async def break_all(_client: Client) -> None:
        stage.fault("server_error", times=None, status=503)

    record = stage.one(job, meanwhile=(1.0, break_all))
    assert kind(record) == "timed_out"
    assert POLICY.timeouts.build <= record.seconds


def test_waiting_for_the_rate_limit_counts_for_no_budget(stage: Stage) -> None:
    stage.deploy(web())

    async def use_it_up(_client: Client) -> None:
        while not any(event.phase == "ACTIVE" for event in stage.events):
            await stage.clock.sleep(1.0)
        await stage.clock.sleep(7.0)  # still starting, with a budget of 120 s for its health
        stage.fault("rate_limit", "apps_get_health", seconds=600)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(1.0, use_it_up))
    assert kind(record) == "applied", record.outcome
    assert record.seconds > 600


def test_an_app_last_seen_while_it_was_starting_is_not_taken_back_because_its_health_cannot_be_read(
    stage: Stage,
) -> None:
    stage.deploy(web())

    async def go_dark(_client: Client) -> None:
        while not any(event.phase == "ACTIVE" for event in stage.events):
            await stage.clock.sleep(1.0)
        await stage.clock.sleep(5.0)
        stage.fault("server_error", "apps_get_health", times=None, status=503)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(1.0, go_dark))
    assert kind(record) == "timed_out", record.outcome
    assert "its health could not be determined within 120 s" in record.outcome.reason
    assert stage.deployments()[0] == ("ACTIVE", "1.28")
