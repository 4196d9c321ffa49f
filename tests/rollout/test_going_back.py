"""Failures and the way back, end to end."""

from __future__ import annotations

import pytest

from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.live.client import Client
from reconciler.plan.model import Action
from reconciler.sandbox.settings import Settings, Speed
from tests.rollout.stage import Spec, Stage, web
from tests.rollout.test_deploying import kind, steps

POLICY = {
    how: Policy(timeouts=Timeouts(build=600, deploy=300, health=120), health=HealthPolicy(soak=30), on_failure=how)
    for how in ("rollback", "pin", "leave")
}


def unpinned(stage: Stage) -> bool:
    app = stage.app()
    assert app is not None
    return app.pinned_deployment is None


@pytest.mark.parametrize("where", ["build", "deploy", "health"])
def test_a_deployment_that_fails_is_rolled_back_committed_and_unpinned(stage: Stage, where: str) -> None:
    stage.deploy(web())
    stage.box.fail("web", where)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert steps(record)[-8:] == [
        "FindCandidates",
        "ValidateRollback",
        "Rollback",
        "Adopt",
        "ReadBack",
        "CommitRollback",
        "VerifyUnpinned",
        "Finish",
    ]
    assert [found.role for found in record.deployments] == ["deploy", "rollback"]
    assert stage.deployments()[0] == ("ACTIVE", "1.27")
    assert unpinned(stage)


def test_the_deployment_that_was_active_before_is_the_first_candidate(stage: Stage) -> None:
    for tag in ("1.25", "1.26", "1.27"):
        stage.deploy(web(tag=tag))
    stage.box.fail("web", "health")
    stage.one(stage.job(web(tag="1.28")))
    assert stage.deployments()[0] == ("ACTIVE", "1.27")


def test_warnings_of_the_validation_are_told(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    record = stage.one(stage.job(web(tag="1.28")))
    assert any("image_source_missing_digest" in warning for warning in record.warnings)


def test_on_failure_pin_leaves_the_app_on_the_rollback_and_says_how_to_settle_it(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    record = stage.one(stage.job(web(tag="1.28"), policy=POLICY["pin"]))
    assert kind(record) == "pinned"
    assert record.outcome.pinned
    assert "reconcile rollback web --commit" in record.outcome.commands
    assert not unpinned(stage)


@pytest.mark.parametrize("auto", [True, False])
def test_on_failure_leave_changes_nothing_more(stage: Stage, auto: bool) -> None:
    stage.box.configure(auto_rollback_deployment=auto)
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    record = stage.one(stage.job(web(tag="1.28"), policy=POLICY["leave"]))
    assert kind(record) == "left"
    theirs = [("ACTIVE", "1.27"), ("ERROR", "1.28"), ("SUPERSEDED", "1.27")]
    assert stage.deployments() == (theirs if auto else [("ERROR", "1.28"), ("ACTIVE", "1.27")])


def test_a_revision_limit_means_that_the_last_good_spec_is_sent_back() -> None:
    stage = Stage(Settings(speed=Speed.realistic(), revision_limits={"professional": 0, "basic": 0, "starter": 0}))
    stage.deploy(web())
    stage.box.fail("web", "health")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert "exceeded_revision_limit" in record.outcome.reason
    assert [found.role for found in record.deployments] == ["deploy", "restore"]
    assert stage.deployments()[0] == ("ACTIVE", "1.27")
    stage.close()


def test_what_still_serves_is_not_given_up_for_something_older() -> None:
    stage = Stage(Settings(speed=Speed.realistic(), rollback_to_active=False))
    stage.deploy(web(tag="1.26"))
    stage.deploy(web(tag="1.27"))
    stage.box.fail("web", "build")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert stage.deployments()[0] == ("ACTIVE", "1.27")
    stage.close()


def test_a_platform_that_reverted_by_itself_needs_nothing_more() -> None:
    settings = Settings(speed=Speed.realistic(), rollback_to_active=False, spec_reverts_on_failure=True)
    stage = Stage(settings)
    stage.deploy(web(tag="1.27"))
    stage.box.fail("web", "deploy")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert "still serves" in record.outcome.reason
    assert len(stage.deployments()) == 2
    stage.close()


@pytest.mark.parametrize("spec_reverts", [True, False])
@pytest.mark.parametrize("auto", [True, False])
@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize("where", ["deploy", "health"])
def test_whatever_the_platform_does_by_itself_the_app_ends_on_the_last_good_version(
    spec_reverts: bool, auto: bool, changes: bool, where: str
) -> None:
    settings = Settings(
        speed=Speed.realistic(),
        spec_reverts_on_failure=spec_reverts,
        auto_rollback_deployment=auto,
        rollback_changes_spec=changes,
        commit_changes_spec=changes,
    )
    stage = Stage(settings)
    stage.deploy(web())
    stage.box.fail("web", where)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back", record.outcome
    assert stage.deployments()[0] == ("ACTIVE", "1.27")
    assert unpinned(stage)
    stage.close()


def test_a_rollback_that_fails_too_leaves_the_pin_and_says_so_with_the_commands(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "health")
    stage.box.fail("web", "deploy", only="rollback")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rollback_failed"
    assert record.outcome.pinned is not unpinned(stage)
    assert "reconcile rollback web --revert" in record.outcome.commands


def test_a_rollback_that_is_unhealthy_is_not_committed(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "health")
    stage.box.fail("web", "health", only="rollback")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rollback_failed"
    assert "CommitRollback" not in steps(record)
    assert not unpinned(stage)


def test_c48_a_rollback_that_was_begun_is_judged_and_committed_by_the_next_run(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    stopped = stage.one(stage.job(web(tag="1.28")), stop_at=150.0)
    assert kind(stopped) == "interrupted"
    assert stopped.outcome.pinned
    app = stage.app()
    assert app is not None
    assert app.pinned_deployment is not None
    record = stage.one(stage.job(web(tag="1.28"), resume_rollback=True, follow=app.pinned_deployment.id))
    assert kind(record) == "rolled_back"
    assert unpinned(stage)


def test_resuming_a_rollback_that_is_not_pinned_any_more_is_refused(stage: Stage) -> None:
    stage.deploy(web())
    assert kind(stage.one(stage.job(web(), resume_rollback=True))) == "refused"


def test_a_person_can_roll_back_to_a_deployment_or_to_what_was_before(stage: Stage) -> None:
    stage.deploy(web(tag="1.26"))
    stage.deploy(web(tag="1.27"))
    stage.deploy(web(tag="1.28"))
    record = stage.one(stage.job(web(tag="1.28"), Action.NONE, roll_back=True))
    assert kind(record) == "taken_back"
    assert stage.deployments()[0] == ("ACTIVE", "1.27")
    first = stage.run(_first)
    record = stage.one(stage.job(web(), Action.NONE, roll_back=True, roll_back_to=first))
    assert kind(record) == "taken_back"
    assert stage.deployments()[0] == ("ACTIVE", "1.26")


async def _first(client: Client) -> str:
    app = await client.find_app("web")
    assert app is not None
    return (await client.list_deployments(app.id))[-1].id


@pytest.mark.parametrize("kind_of_loss", ["reset_before", "reset_after", "gateway_timeout", "truncated"])
@pytest.mark.parametrize("operation", ["apps_create_rollback", "apps_commit_rollback", "apps_validate_rollback"])
def test_an_answer_lost_on_the_way_back_does_not_stop_it(stage: Stage, operation: str, kind_of_loss: str) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    stage.fault(kind_of_loss, operation)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back", record.outcome
    assert unpinned(stage)
    assert len(stage.deployments()) == 3


@pytest.mark.parametrize("kind_of_loss", ["reset_before", "reset_after", "gateway_timeout", "truncated"])
def test_a_restored_spec_whose_answer_is_lost_is_looked_for(kind_of_loss: str) -> None:
    stage = Stage(Settings(speed=Speed.realistic(), revision_limits={"professional": 0, "basic": 0, "starter": 0}))
    stage.deploy(web())
    job = stage.job(web(tag="1.28"))
    stage.box.fail("web", "deploy")

    async def lose_the_next_put(_client: Client) -> None:
        stage.fault(kind_of_loss, "apps_update")

    record = stage.one(job, meanwhile=(30.0, lose_the_next_put))
    assert kind(record) == "rolled_back", record.outcome
    assert [tag for _, tag in stage.deployments()] == ["1.27", "1.28", "1.27"]
    stage.close()


def test_what_was_judged_unhealthy_once_is_no_refuge_later(stage: Stage) -> None:
    stage.deploy(web(tag="1.26"))
    stage.box.fail("web", "health")
    assert kind(stage.one(stage.job(web(tag="1.27")))) == "rolled_back"

    def databases(spec: Spec) -> Spec:
        return {**spec, "databases": [{"name": "db", "engine": "PG"}]}

    stage.box.fail("web", "health")
    record = stage.one(stage.job(databases(web(tag="1.28"))))  # no rollback over a changed database
    assert kind(record) == "rolled_back"
    assert stage.deployments()[0] == ("ACTIVE", "1.26")


def test_a_person_cannot_roll_back_an_app_of_which_nothing_was_ever_active(stage: Stage) -> None:
    stage.box.fail("web", "deploy")
    assert kind(stage.one(stage.job(web(), Action.CREATE))) == "degraded"
    record = stage.one(stage.job(web(), Action.NONE, roll_back=True))
    assert (kind(record), record.outcome.pinned) == ("refused", False)
    assert [phase for phase, _ in stage.deployments()] == ["ERROR"]
