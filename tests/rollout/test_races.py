"""Other people, lost answers, stops: what may happen at any moment of a rollout."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconciler.live.client import Client
from reconciler.plan.model import Action
from reconciler.rollout.scheduler import roll_out
from reconciler.sandbox.settings import Settings, Speed
from tests.rollout.stage import Stage, web
from tests.rollout.test_deploying import kind, steps

Act = Callable[[Client], Awaitable[Any]]


def put(tag: str) -> Act:
    async def act(client: Client) -> None:
        app = await client.find_app("web")
        assert app is not None
        await client.update_app(app.id, web(tag=tag))

    return act


async def delete(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    await client.delete_app(app.id)


async def cancel(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    assert app.running_deployment is not None
    await client.cancel_deployment(app.id, app.running_deployment.id)


async def roll_back_to_the_oldest(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    oldest = (await client.list_deployments(app.id))[-1]
    await client.roll_back(app.id, oldest.id)


async def redeploy(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    await client.create_deployment(app.id)


def names(stage: Stage) -> list[str]:
    return [app.name for app in stage.run(lambda client: client.list_apps())]


# ---- before the write ---------------------------------------------------------------------------------------------


def test_c18_an_app_that_moved_since_the_plan_is_refused_not_overwritten(stage: Stage) -> None:
    stage.deploy(web(tag="1.26"))
    job = stage.job(web(tag="1.28"))
    stage.run(put("1.27"))
    assert kind(stage.one(job)) == "refused"
    assert stage.deployments()[0][1] == "1.27"


def test_an_app_that_moved_to_what_we_want_is_followed(stage: Stage) -> None:
    stage.deploy(web(tag="1.26"))
    job = stage.job(web(tag="1.28"))
    stage.run(put("1.28"))
    record = stage.one(job)
    assert kind(record) == "applied"
    assert record.deployments[0].role == "followed"
    assert kind(stage.one(job)) == "unchanged"
    assert len(stage.deployments()) == 2


def test_an_app_that_is_gone_is_refused_and_one_to_be_deleted_is_deleted(stage: Stage) -> None:
    stage.deploy(web())
    update, removal = stage.job(web(tag="1.28")), stage.job(web(), Action.DELETE)
    stage.run(delete)
    assert kind(stage.one(update)) == "refused"
    assert kind(stage.one(removal)) == "deleted"
    assert names(stage) == []


def test_c47_an_app_that_somebody_pinned_is_blocked_and_said_so(stage: Stage) -> None:
    stage.deploy(web(tag="1.26"))
    stage.deploy(web(tag="1.27"))
    job = stage.job(web(tag="1.28"))
    stage.run(roll_back_to_the_oldest)
    record = stage.one(job)
    assert kind(record) == "blocked"
    assert "Write" not in steps(record)
    assert not record.outcome.pinned


# ---- while it rolls out -------------------------------------------------------------------------------------------


def test_c35_a_deployment_that_is_canceled_ends_as_canceled(stage: Stage) -> None:
    stage.deploy(web())
    assert kind(stage.one(stage.job(web(tag="1.28")), meanwhile=(20.0, cancel))) == "canceled"


def test_c35_a_deployment_superseded_by_another_spec_ends_as_superseded(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(20.0, put("1.29")))
    assert kind(record) == "superseded"
    assert stage.deployments()[0][1] == "1.29"


def test_c35_a_deployment_superseded_by_the_same_spec_is_followed(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(20.0, redeploy))
    assert kind(record) == "applied", record.outcome
    assert [found.role for found in record.deployments] == ["deploy", "followed"]


def test_a_deployment_that_was_overtaken_while_it_was_judged_is_told_as_superseded(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(90.0, put("1.29")))
    assert kind(record) == "superseded"


def test_somebody_who_rolls_back_while_we_deploy_is_not_fought(stage: Stage) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(90.0, roll_back_to_the_oldest))
    assert kind(record) == "blocked"
    assert not record.outcome.pinned


@pytest.mark.parametrize("after", [20.0, 90.0])
def test_an_app_deleted_while_we_deploy_is_not_made_again(stage: Stage, after: float) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(after, delete))
    assert kind(record) == "failed"
    assert names(stage) == []


def test_somebody_who_deploys_after_ours_failed_keeps_what_they_deployed(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "health")
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(93.0, put("1.29")))
    assert kind(record) == "superseded"
    assert "Rollback" not in steps(record)


def test_a_rollback_that_somebody_commits_first_is_fine(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")

    async def commit(client: Client) -> None:
        app = await client.find_app("web")
        assert app is not None
        await client.commit_rollback(app.id)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(170.0, commit))
    assert kind(record) == "rolled_back"


def test_a_rollback_that_somebody_takes_back_is_theirs(stage: Stage) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")

    async def revert(client: Client) -> None:
        app = await client.find_app("web")
        assert app is not None
        await client.revert_rollback(app.id)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(100.0, revert))
    assert kind(record) == "superseded"
    assert not record.outcome.pinned


def test_two_reconcilers_at_once_end_with_one_app_and_the_same_spec(stage: Stage) -> None:
    stage.deploy(web())
    other = stage.job(web(tag="1.28"))

    async def second(client: Client) -> None:
        await roll_out([other], client, clock=stage.clock)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(0.001, second))
    assert kind(record) == "applied"
    assert stage.deployments()[0] == ("ACTIVE", "1.28")
    assert len(stage.deployments()) <= 3


# ---- lost answers -------------------------------------------------------------------------------------------------

LOSSES = ["reset_before", "reset_after", "gateway_timeout", "server_error", "truncated"]


@pytest.mark.parametrize("loss", LOSSES)
def test_c44_a_create_whose_answer_is_lost_never_makes_two_apps(stage: Stage, loss: str) -> None:
    stage.fault(loss, "apps_create")
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "applied", record.outcome
    assert names(stage) == ["web"]
    assert len(stage.deployments()) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_c43_an_update_whose_answer_is_lost_is_looked_up_never_blindly_repeated(stage: Stage, loss: str) -> None:
    stage.deploy(web())
    stage.fault(loss, "apps_update")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied", record.outcome
    assert len(stage.deployments()) == 2


@pytest.mark.parametrize("loss", LOSSES)
def test_a_redeploy_whose_answer_is_lost_is_looked_up(stage: Stage, loss: str) -> None:
    stage.deploy(web())
    stage.fault(loss, "apps_create_deployment")
    assert kind(stage.one(stage.job(web(), Action.REDEPLOY))) == "applied"
    assert len(stage.deployments()) == 2


@pytest.mark.parametrize("loss", LOSSES)
def test_a_deletion_whose_answer_is_lost_is_looked_up(stage: Stage, loss: str) -> None:
    stage.deploy(web())
    stage.fault(loss, "apps_delete")
    assert kind(stage.one(stage.job(web(), Action.DELETE))) == "deleted"
    assert names(stage) == []


def test_a_lost_update_that_failed_at_once_is_found_in_the_history() -> None:
    stage = Stage(Settings(speed=Speed.instant()))
    stage.deploy(web())
    stage.box.fail("web", "build")
    stage.fault("reset_after", "apps_update")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back", record.outcome
    stage.close()


def test_a_write_that_never_gets_an_answer_is_sent_twice_at_most_and_given_up(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("gateway_timeout", "apps_update", times=None)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "failed"
    assert steps(record).count("Write") == 2
    assert len(stage.deployments()) == 1


def test_a_lost_update_that_somebody_overtook_is_not_repeated(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("gateway_timeout", "apps_update")
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, put("1.29")))
    assert kind(record) == "refused"
    assert stage.deployments()[0][1] == "1.29"


def test_a_name_that_somebody_took_is_refused_unless_it_is_the_very_same(stage: Stage) -> None:
    job = stage.job(web(tag="1.28"), Action.CREATE)
    stage.deploy(web(tag="1.27"))
    assert kind(stage.one(job)) == "refused"
    stage.deploy(web(tag="1.28"))
    record = stage.one(job)
    assert kind(record) == "applied"
    assert names(stage) == ["web"]


def test_a_spec_that_the_platform_does_not_want_is_refused_with_its_message() -> None:
    stage = Stage(Settings(unknown_fields="refuse"))
    record = stage.one(stage.job(web(quantum=True), Action.CREATE))
    assert kind(record) == "refused"
    assert "quantum" in record.outcome.reason
    stage.close()


def test_a_token_that_may_not_fails_and_changes_nothing() -> None:
    stage = Stage(Settings(speed=Speed.realistic(), tokens={"tok": ("app:read",)}))
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "failed"
    assert "nothing was changed" in record.outcome.reason
    stage.close()


def test_an_app_that_cannot_be_read_before_the_write_is_left_alone(stage: Stage) -> None:
    stage.deploy(web())
    job = stage.job(web(tag="1.28"))

    async def nothing(_client: Client) -> None:
        return None

    stage.fault("server_error", "apps_get", times=None)
    record = stage.one(job, meanwhile=(0.1, nothing))
    assert kind(record) == "failed"
    assert len(stage.deployments()) == 1


# ---- stops --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.5, 20.0, 90.0, 98.0])
def test_a_stop_ends_within_two_seconds_and_says_what_runs_and_how_to_resume(stage: Stage, at: float) -> None:
    stage.deploy(web())
    record = stage.one(stage.job(web(tag="1.28")), stop_at=at)
    assert kind(record) == "interrupted"
    assert record.seconds <= at + 2
    assert record.deployments[0].id in record.outcome.reason
    assert "reconcile" in record.outcome.commands


def test_c90_a_stop_during_a_write_says_that_its_effect_is_not_known(stage: Stage) -> None:
    job = stage.job(web(), Action.CREATE)
    stage.fault("rate_limit", "apps_create", seconds=60.0)
    record = stage.one(job, stop_at=5.0)
    assert kind(record) == "interrupted"
    assert record.outcome.reason == "stopped while the create was being sent; it is not known whether it took effect"


def test_a_stop_while_looking_for_a_lost_write_says_so(stage: Stage) -> None:
    stage.deploy(web())
    stage.fault("gateway_timeout", "apps_update")
    record = stage.one(stage.job(web(tag="1.28")), stop_at=5.0)
    assert "it is not known whether it took effect" in record.outcome.reason


def test_apps_that_wait_for_their_turn_are_skipped_by_a_stop(stage: Stage) -> None:
    jobs = [stage.job(web(name), Action.CREATE) for name in ("web", "worker")]
    records = stage.roll(*jobs, concurrency=1, stop_at=10.0)
    assert [kind(record) for record in records] == ["interrupted", "skipped"]
    assert names(stage) == ["web"]


def test_a_run_that_was_stopped_before_it_begins_sends_nothing(stage: Stage) -> None:
    jobs = [stage.job(web(name), Action.CREATE) for name in ("web", "worker")]
    records = stage.roll(*jobs, stop_at=0)
    assert [kind(record) for record in records] == ["skipped", "skipped"]
    assert names(stage) == []
