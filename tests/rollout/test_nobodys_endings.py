"""C50 and C51, end to end: canceled deployments and their successors, and faults of the platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.config import HealthPolicy, PlatformFaults, Policy, Timeouts
from reconciler.live.client import Client
from reconciler.plan.model import Action
from reconciler.sandbox.settings import Settings, Speed
from tests.rollout.stage import POLICY, web
from tests.rollout.tampering import Tampered
from tests.rollout.test_deploying import kind
from tests.rollout.test_platform_rollback import serving, update, updates, writes

CANCELS = Settings(speed=Speed.realistic(), seed=1, replaced_phase="CANCELED")


@pytest.fixture
def stage() -> Iterator[Tampered]:
    found = Tampered(CANCELS)
    found.deploy(web())
    found.sent.clear()
    yield found
    found.close()


# --- C50: look for the successor first ---


async def again(client: Client) -> None:
    """The same spec is deployed again, as by a push."""
    app = await client.find_app("web")
    assert app is not None
    await client.create_deployment(app.id)


async def cancel(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    running = app.running_deployment
    assert running is not None
    await client.cancel_deployment(app.id, running.id)


def in_turn(*acts: Callable[[Client], Awaitable[None]], pause: float = 20.0) -> Callable[[Client], Awaitable[None]]:
    async def all_of(client: Client) -> None:
        for number, act in enumerate(acts):
            if number:
                await asyncio.sleep(pause)
            await act(client)

    return all_of


def test_c50_a_successor_with_our_spec_is_followed(stage: Tampered) -> None:
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, again))
    assert kind(record) == "applied", record.outcome
    assert [found.role for found in record.deployments] == ["deploy", "followed"]
    assert [phase for phase, _ in stage.deployments()][:2] == ["ACTIVE", "CANCELED"]


def test_c50_a_second_successor_is_followed_too(stage: Tampered) -> None:
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, in_turn(again, again)))
    assert kind(record) == "applied", record.outcome
    assert [found.role for found in record.deployments] == ["deploy", "followed", "followed"]


def test_c50_a_successor_with_another_spec_is_another_partys_turn(stage: Tampered) -> None:
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, update))
    assert kind(record) == "superseded", record.outcome
    assert updates(stage) == []


@pytest.mark.parametrize("pause", [1.0, 8.0, 15.0])
def test_c50_a_successor_may_come_a_moment_later(stage: Tampered, pause: float) -> None:
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, in_turn(cancel, again, pause=pause)))
    assert kind(record) == "applied", record.outcome


def test_c50_without_a_successor_nobody_knows_by_whom(stage: Tampered) -> None:
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, cancel))
    assert kind(record) == "canceled", record.outcome
    assert "was canceled by an unknown party; the app still runs what it ran before" in record.outcome.reason
    assert updates(stage) == ["POST cancel"]
    assert serving(stage) == "1.27"


def test_c50_if_our_rollback_was_canceled_committing_it_is_tried_and_a_person_is_needed(stage: Tampered) -> None:
    stage.fault("build", app="web", only="forward")

    async def cancel_ours(client: Client) -> None:
        for _ in range(200):
            app = await client.find_app("web")
            if app is not None and app.pinned_deployment is not None and app.running_deployment is not None:
                return await cancel(client)
            await asyncio.sleep(1)
        raise AssertionError("it was never rolled back")

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(1.0, cancel_ours))
    assert kind(record) == "rollback_failed", record.outcome
    assert "was canceled by an unknown party; the commit did not unpin the app" in record.outcome.reason
    assert updates(stage)[-1] == "POST commit"
    assert record.outcome.pinned, "the sandbox commits no rollback that was canceled"


# --- C51: faults of the platform ---

CODES = ["InternalError", "BuildRateLimit", "ResourceExhausted", "none"]


@pytest.mark.parametrize("code", CODES)
def test_c51_a_fault_of_the_platform_is_tried_again_by_a_redeploy(stage: Tampered, code: str) -> None:
    stage.fault("platform", app="web", code=code)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied", record.outcome
    assert writes(stage) == [f"PUT {stage_id(stage)}", "POST deployments"]
    assert serving(stage) == "1.28"


def stage_id(stage: Tampered) -> str:
    app = stage.app()
    assert app is not None
    return app.id


def test_c51_a_second_fault_is_tried_again_after_a_longer_pause(stage: Tampered) -> None:
    stage.fault("platform", app="web", times=2, code="InternalError")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied", record.outcome
    first, second = (one.at for one in record.decisions if one.step == "Write" and "redeploy" in one.what)
    failed = [one.at for one in record.decisions if one.step == "CollectFailure"]
    assert 55 <= first - failed[0] < 70
    assert 115 <= second - failed[1] < 130


def test_c51_beyond_the_bound_it_is_a_platform_fault_and_nothing_is_rolled_back(stage: Tampered) -> None:
    stage.fault("platform", app="web", times=None, code="InternalError")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "platform_fault", record.outcome
    assert "a fault of the platform, not of the spec: 3 of 3 attempts within 6 h" in record.outcome.reason
    assert updates(stage) == ["POST deployments", "POST deployments"]
    assert serving(stage) == "1.27"


def test_c51_the_bound_counts_what_earlier_runs_did(stage: Tampered) -> None:
    stage.fault("platform", app="web", times=None, code="InternalError")
    once = POLICY.model_copy(update={"platform_faults": PlatformFaults(attempts=1)})
    assert kind(stage.one(stage.job(web(tag="1.28"), policy=once))) == "platform_fault"
    twice = POLICY.model_copy(update={"platform_faults": PlatformFaults(attempts=2)})
    assert kind(stage.one(stage.job(web(tag="1.28"), Action.REDEPLOY, policy=twice))) == "platform_fault"
    assert updates(stage) == ["POST deployments"]


def test_c51_a_first_deployment_is_tried_again_and_then_a_platform_fault(stage: Tampered) -> None:
    stage.fault("platform", app="first", times=None, code="InternalError")
    record = stage.one(stage.job(web("first"), Action.CREATE))
    assert kind(record) == "platform_fault", record.outcome
    assert updates(stage) == ["POST apps", "POST deployments", "POST deployments"]


def test_c51_a_policy_that_leaves_does_not_try_again(stage: Tampered) -> None:
    stage.fault("platform", app="web", code="InternalError")
    leave = POLICY.model_copy(update={"on_failure": "leave"})
    record = stage.one(stage.job(web(tag="1.28"), policy=leave))
    assert kind(record) == "platform_fault", record.outcome
    assert "left as is, as the policy asks" in record.outcome.reason
    assert updates(stage) == []


def test_c51_if_another_party_deploys_meanwhile_it_is_not_tried_again(stage: Tampered) -> None:
    stage.fault("platform", app="web", code="InternalError")
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(30.0, update))
    assert kind(record) == "superseded", record.outcome
    assert updates(stage) == []


@pytest.mark.parametrize("operation", ["reset_before", "reset_after", "server_error"])
def test_c51_a_retry_whose_answer_is_lost_is_looked_for_and_sent_at_most_twice(stage: Tampered, operation: str) -> None:
    stage.fault("platform", app="web", code="InternalError")
    stage.fault(operation, "apps_create_deployment")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "applied", record.outcome
    assert 1 <= updates(stage).count("POST deployments") <= 2


def test_c51_a_retry_that_is_refused_is_said(stage: Tampered) -> None:
    stage.fault("platform", app="web", code="InternalError")
    stage.tamper = lambda request: refusal() if request.method == "POST" and "deployments" in request.url.path else None
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "platform_fault", record.outcome
    assert "it could not be sent again: " in record.outcome.reason


def refusal() -> Any:
    from tests.rollout.tampering import refused

    return refused(400, "not now")


def test_c51_theirs_is_followed_first_and_then_it_is_tried_again() -> None:
    speed = replace(Speed.realistic(), auto_rollback=45.0)
    found = Tampered(Settings(speed=speed, seed=1, auto_rollback_deployment=True))
    policy = Policy(
        timeouts=Timeouts(build=600, deploy=300, health=120, platform_rollback=300), health=HealthPolicy(soak=30)
    )
    try:
        found.deploy(web())
        found.sent.clear()
        found.fault("deploy", app="web", code="ResourceExhausted")
        record = found.one(found.job(web(tag="1.28"), policy=policy))
        assert kind(record) == "applied", record.outcome
        assert [one.role for one in record.deployments] == ["deploy", "platform", "deploy"]
        assert serving(found) == "1.28"
    finally:
        found.close()
