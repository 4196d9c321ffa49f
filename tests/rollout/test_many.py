"""Several apps in one run: order, concurrency, failures of others, and the budget they share."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.errors import InvalidInput, ReconcileError
from reconciler.live.client import Client
from reconciler.plan.model import Action
from reconciler.rollout import scheduler as run
from reconciler.rollout.model import Event
from reconciler.rollout.ports import SpecKnowledge
from reconciler.rollout.scheduler import roll_out
from tests.rollout.stage import POLICY, Stage, web
from tests.rollout.test_deploying import kind


def after(*names: str) -> Policy:
    return POLICY.model_copy(update={"depends_on": list(names)})


def test_an_app_waits_until_those_it_depends_on_are_healthy(stage: Stage) -> None:
    jobs = [
        stage.job(web("web"), Action.CREATE, policy=after("api", "elsewhere")),
        stage.job(web("api"), Action.CREATE),
    ]
    records = stage.roll(*jobs)
    assert [record.app for record in records] == ["web", "api"]
    assert [kind(record) for record in records] == ["applied", "applied"]
    ended = next(event.at for event in stage.events if event.app == "api" and event.outcome)
    began = next(event.at for event in stage.events if event.app == "web")
    assert began >= ended


def test_an_app_is_skipped_when_one_it_depends_on_fails_and_others_go_on(stage: Stage) -> None:
    jobs = [
        stage.job(web("web"), Action.CREATE, policy=after("api")),
        stage.job(web("api"), Action.CREATE),
        stage.job(web("shop"), Action.CREATE),
        stage.job(web("edge"), Action.CREATE, policy=after("web")),
    ]
    stage.box.fail("api", "deploy")
    records = stage.roll(*jobs)
    assert [kind(record) for record in records] == ["skipped", "degraded", "applied", "skipped"]
    assert "depends on api" in records[0].outcome.reason


def test_a_rollback_that_is_not_finished_because_of_another_app_is_said_to_pin_its_app(stage: Stage) -> None:
    for name in ("api", "web"):
        stage.deploy(web(name))
    stage.box.fail("web", "deploy")
    assert stage.one(stage.job(web(tag="1.28")), stop_at=150.0).outcome.pinned
    app = stage.app()
    assert app is not None
    assert app.pinned_deployment is not None
    stage.box.fail("api", "build")
    pin = app.pinned_deployment.id
    jobs = [
        stage.job(web(tag="1.28"), resume_rollback=True, follow=pin, policy=after("api")),
        stage.job(web("api", tag="1.28")),
    ]
    skipped = stage.roll(*jobs)[0].outcome
    assert (skipped.kind.value, skipped.pinned) == ("skipped", True)
    why = "it depends on api, which ended as rolled back"
    assert skipped.reason == f"{why}; the app stays pinned to rollback {pin}, which an earlier run began"
    assert skipped.commands == (
        "reconcile",
        "reconcile rollback web --commit",
        "reconcile rollback web --revert",
        "reconcile status web",
    )


def test_c81_an_app_is_not_deleted_while_one_that_depends_on_it_stays(stage: Stage) -> None:
    stage.roll(*(stage.job(web(name), Action.CREATE) for name in ("api", "web")))
    stays = stage.job(web("web"), Action.REFUSE, policy=after("api"))
    records = stage.roll(stage.job(web("api"), Action.DELETE), stays)
    assert [kind(record) for record in records] == ["skipped", "refused"]
    assert records[0].outcome.reason == "web depends on it, and ended as refused"


def test_a_run_that_fails_fast_starts_nothing_after_the_first_failure(stage: Stage) -> None:
    jobs = [stage.job(web(name), Action.CREATE) for name in ("api", "shop", "edge")]
    stage.box.fail("api", "deploy")
    records = stage.roll(*jobs, concurrency=1, fail_fast=True)
    assert [kind(record) for record in records] == ["degraded", "skipped", "skipped"]


def test_a_circle_of_dependencies_is_an_error_that_shows_it(stage: Stage) -> None:
    jobs = [
        stage.job(web("web"), Action.CREATE, policy=after("api")),
        stage.job(web("api"), Action.CREATE, policy=after("web")),
    ]
    with pytest.raises(InvalidInput, match="web → api → web"):
        stage.roll(*jobs)


def test_no_more_apps_than_asked_for_are_under_way_at_once(stage: Stage) -> None:
    jobs = [stage.job(web(f"app-{number}"), Action.CREATE) for number in range(6)]
    records = stage.roll(*jobs, concurrency=2)
    assert {kind(record) for record in records} == {"applied"}
    assert stage.events[-1].at >= 3 * 60


def test_forty_rollouts_stay_under_the_platforms_request_budget() -> None:
    stage = Stage()
    stage.box.configure(rate_per_minute=250)
    jobs = [stage.job(web(f"app-{number}"), Action.CREATE) for number in range(40)]
    records = stage.roll(*jobs, concurrency=40)
    assert {kind(record) for record in records} == {"applied"}
    minutes = stage.events[-1].at / 60
    assert sum(record.requests for record in records) <= 250 * (minutes + 1)
    stage.close()


def test_a_bug_in_one_rollout_is_told_and_stops_no_other(stage: Stage) -> None:
    class Broken(SpecKnowledge):
        def payload(self, live: Any) -> Any:
            if self._job.plan.app == "bad":
                raise KeyError("s3cret")
            return super().payload(live)

    jobs = [stage.job(web(name), Action.CREATE) for name in ("bad", "good")]

    async def use(client: Client) -> list[Any]:
        return await roll_out(jobs, client, clock=stage.clock, specs=Broken)

    records = stage.run(use)
    assert [kind(record) for record in records] == ["failed", "applied"]
    assert "a bug in reconciler: KeyError in payload" in records[0].outcome.reason
    assert "s3cret" not in repr(records[0])


def test_a_rollout_that_would_never_end_is_a_bug_and_stops(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_STEPS", 5)
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "failed"
    assert "a bug in reconciler" in record.outcome.reason


def test_an_app_that_is_no_longer_in_git_is_deleted_without_a_spec(stage: Stage) -> None:
    stage.deploy(web())
    job = replace(stage.job(web(), Action.DELETE), desired=None)
    assert kind(stage.one(job)) == "deleted"


def test_a_deliberate_error_within_a_rollout_is_told_in_its_own_words(stage: Stage) -> None:
    class Unwilling(SpecKnowledge):
        def payload(self, live: Any) -> Any:
            raise ReconcileError("the secret KEY has no value")

    job = stage.job(web(), Action.CREATE)

    async def use(client: Client) -> list[Any]:
        return await roll_out([job], client, clock=stage.clock, specs=Unwilling)

    (record,) = stage.run(use)
    assert (kind(record), record.outcome.reason) == ("failed", "the secret KEY has no value")


def test_when_the_run_itself_is_canceled_the_events_tell_how_each_app_ended(stage: Stage) -> None:
    job = stage.job(web(), Action.CREATE)
    events: list[Event] = []

    async def use(client: Client) -> None:
        under_way = roll_out([job], client, clock=stage.clock, on_event=events.append)
        task = asyncio.create_task(under_way)
        await asyncio.sleep(20)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        stage.run(use)
    assert [event.outcome for event in events if event.outcome] == ["interrupted"]


def test_a_run_without_jobs_ends_at_once_even_if_it_could_be_stopped(stage: Stage) -> None:
    assert stage.roll(stop_at=100.0) == []
