"""C49, end to end: the platform's own rollback, on time, late, twice, or not at all, is followed and never raced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.live.client import Client
from reconciler.live.models import Phase
from reconciler.plan.model import Action
from reconciler.rollout import watch
from reconciler.rollout.model import RolloutRecord
from reconciler.sandbox.settings import Settings, Speed
from tests.rollout.stage import web
from tests.rollout.tampering import Tampered
from tests.rollout.test_deploying import kind, steps

PATIENT = Policy(
    timeouts=Timeouts(build=600, deploy=300, health=120, platform_rollback=300),
    health=HealthPolicy(soak=30, tolerance=20),
)
THEIRS = "the platform rolled back by itself"


@contextmanager
def account(delay: float = 45.0, **switches: Any) -> Iterator[Tampered]:
    """An account with an app that serves 1.27, and whose platform rolls back so many seconds after a failure."""
    speed = replace(Speed.realistic(), auto_rollback=delay)
    found = Tampered(Settings(speed=speed, seed=1, **{"auto_rollback_deployment": True, **switches}))
    try:
        found.deploy(web())
        found.sent.clear()
        yield found
    finally:
        found.close()


def rolled(stage: Tampered, policy: Policy = PATIENT, fault: str = "deploy", **more: Any) -> RolloutRecord:
    """What becomes of 1.28, which fails."""
    stage.fault(fault, app="web", only="forward")
    return stage.one(stage.job(web(tag="1.28"), policy=policy), **more)


def writes(stage: Tampered) -> list[str]:
    """What was sent, by the last part of its address."""
    return [f"{line.split()[0]} {line.rsplit('/', 1)[-1]}" for line in stage.writes()]


def updates(stage: Tampered) -> list[str]:
    """The same without the updates."""
    return [line for line in writes(stage) if not line.startswith("PUT")]


def serving(stage: Tampered) -> str:
    app = stage.app()
    assert app is not None
    assert app.active_deployment is not None
    return str(app.active_deployment.spec["services"][0]["image"]["tag"])


@pytest.mark.parametrize("delay", [0.0, 1.0, 45.0, 200.0, 290.0])
def test_c49_it_is_waited_for_followed_and_judged_and_nothing_is_sent_beside_it(delay: float) -> None:
    with account(delay) as stage:
        record = rolled(stage)
        assert kind(record) == "rolled_back", record.outcome
        assert THEIRS in record.outcome.reason
        assert [found.role for found in record.deployments] == ["deploy", "platform"]
        assert updates(stage) == []
        assert serving(stage) == "1.27"


@pytest.mark.parametrize(
    "switches",
    [
        {"auto_rollback_type": "absent"},
        {"auto_rollback_type": "unknown"},
        {"auto_rollback_cause": False},
        {"auto_rollback_lineage": False},
        {"auto_rollback_type": "absent", "auto_rollback_cause": False},
        {"auto_rollback_type": "unknown", "auto_rollback_cause": False},
        {"auto_rollback_spec": "reverts"},
    ],
    ids=str,
)
def test_c49_it_is_recognised_by_whatever_speaks_for_it(switches: dict[str, Any]) -> None:
    with account(**switches) as stage:
        record = rolled(stage)
        assert kind(record) == "rolled_back", record.outcome
        assert THEIRS in record.outcome.reason
        assert updates(stage) == []


def test_c49_it_is_waited_for_by_the_listings_of_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FEW", 0)
    with account(delay=45.0) as stage:
        record = rolled(stage)
        assert kind(record) == "rolled_back"
        assert THEIRS in record.outcome.reason
        histories = [line for line in stage.sent if line.endswith("/deployments")]
        assert len(histories) < 5, "not one with every look"
        assert updates(stage) == []


def test_c49_where_it_never_comes_ours_is_sent_once_its_time_is_over() -> None:
    with account(auto_rollback_deployment=False) as stage:
        record = rolled(stage)
        assert kind(record) == "rolled_back"
        assert THEIRS not in record.outcome.reason
        assert updates(stage) == ["POST validate", "POST rollback", "POST commit"]
        failed, validated = (
            next(one.at for one in record.decisions if one.step == step)
            for step in ("CollectFailure", "ValidateRollback")
        )
        assert 290 <= validated - failed < 305


def test_c49_the_time_to_wait_is_a_setting_and_counts_from_the_failure_itself() -> None:
    with account(auto_rollback_deployment=False) as stage:
        timeouts = PATIENT.timeouts.model_copy(update={"platform_rollback": 60})
        record = rolled(stage, PATIENT.model_copy(update={"timeouts": timeouts}))
        waited = [one.at for one in record.decisions if one.step in ("CollectFailure", "ValidateRollback")]
        assert 50 <= waited[1] - waited[0] < 75


def test_c49_after_a_failed_build_one_look_is_enough() -> None:
    with account() as stage:
        record = rolled(stage, fault="build")
        assert kind(record) == "rolled_back"
        assert steps(record).count("FindCandidates") == 1
        assert THEIRS not in record.outcome.reason


def test_c49_unhealthy_after_it_was_active_is_ours_at_once() -> None:
    with account() as stage:
        record = rolled(stage, fault="health")
        assert kind(record) == "rolled_back"
        assert steps(record).count("FindCandidates") == 1
        assert updates(stage) == ["POST validate", "POST rollback", "POST commit"]


def test_c49_a_first_deployment_is_not_waited_for() -> None:
    with account() as stage:
        stage.fault("deploy", app="first")
        record = stage.one(stage.job(web("first"), Action.CREATE, policy=PATIENT))
        assert kind(record) == "degraded"
        assert steps(record).count("FindCandidates") == 1


def test_c49_if_it_comes_right_before_our_rollback_it_is_followed() -> None:
    with account(320.0) as stage:

        def late(request: httpx.Request) -> None:
            if request.url.path.endswith("/validate"):
                stage.box.advance(30)

        stage.tamper = late
        record = rolled(stage)
        assert kind(record) == "rolled_back", record.outcome
        assert [found.role for found in record.deployments] == ["deploy", "platform"]
        assert THEIRS in record.outcome.reason


# --- theirs is judged like any rollback ---


def test_c49_if_it_fails_while_the_version_before_serves_and_is_healthy_that_is_enough() -> None:
    with account() as stage:
        stage.fault("deploy", app="web", only="platform")
        record = rolled(stage)
        assert kind(record) == "rolled_back", record.outcome
        assert [found.role for found in record.deployments] == ["deploy", "platform", "serving"]
        assert updates(stage) == []


def test_c49_if_it_fails_and_what_serves_is_unhealthy_we_roll_back_to_the_same_version_once() -> None:
    with account() as stage:
        stage.fault("deploy", app="web", only="platform")
        app = stage.app()
        assert app is not None

        async def sick(_client: Client) -> None:
            stage.box.set_health("web", "api", "UNHEALTHY")

        record = rolled(stage, meanwhile=(130.0, sick))
        assert kind(record) in ("rolled_back", "rollback_failed"), record.outcome
        assert updates(stage)[:2] == ["POST validate", "POST rollback"]
        assert updates(stage).count("POST rollback") == 1


def test_c49_if_it_is_unhealthy_nothing_older_is_tried() -> None:
    with account() as stage:
        stage.fault("health", app="web", only="platform")
        record = rolled(stage)
        assert kind(record) == "rollback_failed", record.outcome
        assert THEIRS in record.outcome.reason
        assert updates(stage) == []


def test_c49_if_it_takes_longer_than_the_timeout_it_is_left_to_the_next_run() -> None:
    with account() as stage:
        stage.fault("hang", app="web", only="platform")
        record = rolled(stage)
        assert kind(record) == "timed_out", record.outcome
        assert "the next run follows it" in record.outcome.reason
        assert updates(stage) == []


# --- what is done about it afterwards ---


def after(how: str, on_failure: str = "rollback") -> Policy:
    return PATIENT.model_copy(update={"after_platform_rollback": how, "on_failure": on_failure})


@pytest.mark.parametrize("how", ["adopt", "commit"])
def test_c49_a_pin_of_its_own_is_committed_and_said(how: str) -> None:
    with account(auto_rollback_pins=True) as stage:
        record = rolled(stage, after(how))
        assert kind(record) == "rolled_back", record.outcome
        assert "its pin was committed" in record.outcome.reason or how == "commit"
        assert "POST commit" in updates(stage)
        app = stage.app()
        assert app is not None
        assert app.pinned_deployment is None
        assert serving(stage) == "1.27"


def test_c49_adopting_it_leaves_the_spec_as_it_is() -> None:
    with account() as stage:
        rolled(stage, after("adopt"))
        app = stage.app()
        assert app is not None
        assert app.spec["services"][0]["image"]["tag"] == "1.28"


@pytest.mark.parametrize(
    "switches",
    [{}, {"rollback_changes_spec": True}, {"revision_limits": {"starter": 0, "basic": 0, "professional": 0}}],
    ids=str,
)
def test_c49_committing_it_makes_the_good_spec_the_apps_for_good(switches: dict[str, Any]) -> None:
    with account(**switches) as stage:
        record = rolled(stage, after("commit"))
        assert kind(record) == "rolled_back", record.outcome
        app = stage.app()
        assert app is not None
        assert app.spec["services"][0]["image"]["tag"] == "1.27"
        assert app.pinned_deployment is None
        assert serving(stage) == "1.27"


def test_c49_committing_it_writes_nothing_where_the_good_spec_is_the_apps_already() -> None:
    with account(auto_rollback_spec="reverts") as stage:
        record = rolled(stage, after("commit"))
        assert kind(record) == "rolled_back", record.outcome
        assert updates(stage) == []


@pytest.mark.parametrize("pins", [False, True])
def test_c49_a_policy_that_leaves_follows_it_and_writes_nothing(pins: bool) -> None:
    with account(auto_rollback_pins=pins) as stage:
        record = rolled(stage, after("adopt", "leave"))
        assert kind(record) == "left", record.outcome
        assert THEIRS in record.outcome.reason
        assert ("the app is pinned to it" in record.outcome.reason) is pins
        assert ("reconcile rollback web --commit" in record.outcome.commands) is pins
        assert updates(stage) == []


@pytest.mark.parametrize("pins", [False, True])
def test_c49_a_policy_that_pins_ends_pinned_to_that_version(pins: bool) -> None:
    with account(auto_rollback_pins=pins) as stage:
        record = rolled(stage, after("adopt", "pin"))
        assert kind(record) == "pinned", record.outcome
        assert ("rollback" in [found.role for found in record.deployments]) is not pins, "ours is judged, too"
        app = stage.app()
        assert app is not None
        assert app.pinned_deployment is not None
        assert app.pinned_deployment.phase is Phase.ACTIVE, "what pins the app is followed to its end"
        assert app.active_deployment is not None
        assert app.active_deployment.id == app.pinned_deployment.id
        assert serving(stage) == "1.27"


def test_c49_a_policy_that_pins_says_so_where_it_cannot() -> None:
    with account(revision_limits={"starter": 0, "basic": 0, "professional": 0}) as stage:
        record = rolled(stage, after("adopt", "pin"))
        assert kind(record) == "rolled_back", record.outcome
        assert "the app is not pinned, as no rollback is possible" in record.outcome.reason


# --- what other people do meanwhile ---


async def update(client: Client) -> None:
    app = await client.find_app("web")
    assert app is not None
    spec = {**app.spec, "services": [{**app.spec["services"][0]}]}
    spec["services"][0] = {**spec["services"][0], "image": {**spec["services"][0]["image"], "tag": "1.30"}}
    await client.update_app(app.id, spec)


@pytest.mark.parametrize("when", [90.0, 118.0, 140.0])
def test_c49_a_person_who_deploys_another_version_while_it_is_waited_for_or_followed_decides(when: float) -> None:
    with account() as stage:
        record = rolled(stage, meanwhile=(when, update))
        assert kind(record) == "superseded", record.outcome
        assert updates(stage) == []


def test_c49_an_update_waits_until_it_has_ended() -> None:
    with account() as stage:
        impatient = PATIENT.model_copy(
            update={"timeouts": PATIENT.timeouts.model_copy(update={"platform_rollback": 0}), "on_failure": "leave"}
        )
        assert kind(rolled(stage, impatient)) == "left"
        stage.clock.run(stage.clock.sleep(50))
        app = stage.app()
        assert app is not None
        assert app.running_deployment is not None
        record = stage.one(stage.job(web(tag="1.29"), policy=PATIENT))
        assert kind(record) == "applied", record.outcome
        assert steps(record)[:3] == ["Look", "Look", "Write"]
        phases = [phase for phase, _ in stage.deployments()]
        assert phases == ["ACTIVE", "SUPERSEDED", "ERROR", "SUPERSEDED"]


def test_c49_an_update_does_not_wait_for_ever() -> None:
    with account() as stage:
        impatient = PATIENT.model_copy(
            update={"timeouts": PATIENT.timeouts.model_copy(update={"platform_rollback": 0}), "on_failure": "leave"}
        )
        stage.fault("hang", app="web", only="platform")
        assert kind(rolled(stage, impatient)) == "left"
        stage.clock.run(stage.clock.sleep(50))
        stage.sent.clear()
        record = stage.one(stage.job(web(tag="1.29"), policy=PATIENT))
        assert kind(record) == "timed_out", record.outcome
        assert "the platform's own rollback is still in progress" in record.outcome.reason
        assert stage.writes() == []
