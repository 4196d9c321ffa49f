"""A night on GitHub: one message for each change of state, and one deployment that shows it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from reconciler.engine import apply as applying
from reconciler.rollout.model import Event, OutcomeKind
from tests.github.runner import Step
from tests.github.stage import TOKEN, Served, Stage, running, serving
from tests.github.test_story import FIXED, MERGED, service
from tests.github.world import NEW, OLD, pull_event
from tests.support.fake_github import FakeGitHub, Token, server_error
from tests.support.receiver import SECRET, Receiver
from tests.support.repository import Repository

ENV = {"HOOK_SECRET": SECRET}
ON = {"environment": "production", "deployments": "true"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def hooked() -> Iterator[tuple[Receiver, str]]:
    made = Receiver()
    config = uvicorn.Config(made.app(), host="127.0.0.1", port=0, ws="none", lifespan="off", log_level="warning")
    with running(uvicorn.Server(config)) as url:
        yield made, url


@pytest.fixture
def receiver(hooked: tuple[Receiver, str]) -> Receiver:
    hooked[0].reset()
    return hooked[0]


@pytest.fixture
def stage(
    served: Served, hooked: tuple[Receiver, str], receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """Two apps that were applied, and a channel that hears of everything but that."""
    repository = Repository(tmp_path / "checkout")
    config = {
        "defaults": {"health": {"soak": "2s", "tolerance": "4s"}},
        "notify": [{"webhook": f"{hooked[1]}/hook", "secret": "${HOOK_SECRET}"}],
    }
    repository.write("reconcile.yaml", yaml.safe_dump(config))
    monkeypatch.chdir(repository.root)
    served.reset()
    made = Stage(repository, tmp_path / "runner", served)
    made.commit(shop=service("shop", "1"), desk=service("desk", "1"))
    assert step(made, "workflow_dispatch", mode="apply", sha=OLD, **ON).exit_code == 0
    yield made
    for one in made.steps:
        shown = "\n".join([*one.log[1:], one.summary, *one.outputs.values()])
        assert not [secret for secret in (TOKEN, SECRET) if secret in shown]


def step(stage: Stage, event: str, **given: Any) -> Step:
    return stage.step(event, env=ENV, **given)


def shown(fake: FakeGitHub) -> dict[str, list[tuple[str, list[str]]]]:
    """By environment, the commit and the states of each deployment, the oldest first."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for number, one in fake.deployments.items():
        states = [status["state"] for status in fake.statuses[number]]
        found.setdefault(one["environment"], []).append((one["sha"], states))
    return found


def test_an_apply_shows_each_app_it_touches_as_a_deployment_with_its_address(stage: Stage, receiver: Receiver):
    fake = stage.served.fake
    done = [(OLD, ["pending", "in_progress", "success"])]
    assert shown(fake) == {"production/shop": done, "production/desk": done}
    assert set(fake.active()) == {"production/shop", "production/desk"}
    assert all(url.startswith("http") for url in fake.active().values())
    [log_url] = {status["log_url"] for each in fake.statuses.values() for status in each}
    assert log_url.endswith("/actions/runs/501")

    stage.commit(shop=service("shop", "2"))
    fake.log.clear()
    assert step(stage, "push", mode="apply", sha=NEW, **ON).exit_code == 0
    assert shown(fake) == {
        "production/desk": done,
        "production/shop": [
            (OLD, ["pending", "in_progress", "success", "inactive"]),
            (NEW, ["pending", "in_progress", "success"]),
        ],
    }
    asked = [(method, path) for method, path in fake.log if "deployments" in path]
    assert len(asked) == 8, "and an app that is not touched costs no request"
    assert receiver.events == [], "an apply that went well is said only where it is asked for"


def test_a_night_with_a_failure_is_one_message_and_one_deployment_that_failed(stage: Stage, receiver: Receiver):
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "health")
    assert step(stage, "push", mode="apply", sha=MERGED, **ON).exit_code == 4
    assert receiver.titles() == ["reconcile production: shop was rolled back"]
    [app] = receiver.events[0]["data"]["apps"]
    assert (app["app"], app["event"], app["state"]) == ("shop", "rolled_back", "rolled back")
    assert "unhealthy" in app["reason"]
    old, failed = shown(stage.served.fake)["production/shop"]
    assert old == (OLD, ["pending", "in_progress", "success"]), "what was rolled back to still serves"
    assert failed == (MERGED, ["pending", "in_progress", "failure"])

    # The rest of the night: every run finds it stalled, and every detection finds that it differs.
    for _ in range(2):
        assert step(stage, "schedule", mode="apply", sha=MERGED, **ON).exit_code == 6
        step(stage, "schedule", mode="drift", environment="production")
    assert len(receiver.events) == 1
    assert shown(stage.served.fake)["production/shop"] == [old, failed]

    stage.commit(shop=service("shop", "3"))
    assert step(stage, "push", mode="apply", sha=FIXED, **ON).exit_code == 0
    step(stage, "schedule", mode="drift", environment="production")
    assert len(receiver.events) == 1
    assert [states[-1] for _, states in shown(stage.served.fake)["production/shop"]] == [
        "inactive",
        "failure",
        "success",
    ]


def test_a_stall_that_no_run_reported_is_said_once(stage: Stage, receiver: Receiver):
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "build")
    stage.edit("shop", service("shop", "2"))
    for _ in range(3):
        assert step(stage, "schedule", mode="apply", sha=NEW, **ON).exit_code == 6
    assert receiver.titles() == ["reconcile production: shop is stalled"]
    assert shown(stage.served.fake)["production/shop"][-1] == (NEW, ["failure"])


def test_drift_that_lasts_three_detections_is_one_message_and_one_when_it_ends(stage: Stage, receiver: Receiver):
    def detected() -> Step:
        return step(stage, "schedule", mode="drift", environment="production")

    detected()
    assert receiver.events == []
    stage.edit("shop", service("shop", "1", {"key": "DEBUG", "value": "1"}))
    for _ in range(3):
        assert detected().outputs["drift"] == "true"
    assert receiver.titles() == ["reconcile production: shop differs from Git"]

    stage.edit("desk", service("desk", "1", {"key": "DEBUG", "value": "1"}))
    for _ in range(2):
        detected()
    assert receiver.titles()[1:] == ["reconcile production: desk differs from Git"], "another app is another change"

    assert step(stage, "workflow_dispatch", mode="apply", sha=OLD, **ON).exit_code == 0
    for _ in range(2):
        detected()
    assert receiver.titles()[2:] == ["reconcile production: 2 apps match Git again"]
    assert not [line for one in stage.steps for line in one.warnings]


def test_drift_is_said_when_it_has_lasted_as_long_as_asked(stage: Stage, receiver: Receiver):
    stage.edit("shop", service("shop", "1", {"key": "DEBUG", "value": "1"}))
    counts = []
    for _ in range(4):
        step(stage, "schedule", mode="drift", drift_after="3")
        counts.append(len(receiver.events))
    assert counts == [0, 0, 1, 1]


def test_drift_that_no_issue_remembers_is_said_each_time(stage: Stage, receiver: Receiver):
    stage.edit("shop", service("shop", "1", {"key": "DEBUG", "value": "1"}))
    for _ in range(2):
        step(stage, "schedule", mode="drift", issue="off")
    stage.served.fake.tokens["gh-token"] = Token(issues=False)
    refused = step(stage, "schedule", mode="drift")
    assert receiver.titles() == ["reconcile: shop differs from Git"] * 3
    assert "`issues: write`" in refused.warnings[0]


def test_a_channel_that_is_down_is_a_warning_and_changes_nothing(stage: Stage, receiver: Receiver):
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "health")
    receiver.answers += [503] * 3
    done = step(stage, "push", mode="apply", sha=NEW, **ON)
    assert (done.exit_code, done.outputs["rolled-back"], receiver.events) == (4, "shop", [])
    assert done.warnings == ["::warning title=reconcile::no message to notify[1] (HOOK_SECRET): it answered 503"]


def test_a_fleet_is_one_message_and_its_requests_to_github_are_bounded(stage: Stage, receiver: Receiver):
    names = [f"app-{number:02}" for number in range(60)]
    stage.commit(**{name: service(name, "1") for name in names})
    for name in names:
        stage.served.box.fail(name, "build")
    stage.served.fake.log.clear()
    done = step(stage, "push", mode="apply", sha=NEW, allow="--allow max-changes", **ON)
    assert done.exit_code == 5, "an app that fails at once has nothing to go back to"
    [event] = receiver.events
    assert event["data"]["title"] == "reconcile production: 60 apps need a person"
    assert len(event["data"]["apps"]) == 60
    assert len(shown(stage.served.fake)) == 52
    assert len(stage.served.fake.log) < 500
    assert done.warnings == ["::warning title=reconcile::only 50 of 60 apps have deployments on GitHub"]


@pytest.mark.parametrize("refusal", ["no permission", "down"])
def test_what_github_refuses_is_a_warning_and_changes_nothing(stage: Stage, receiver: Receiver, refusal: str):
    stage.commit(shop=service("shop", "2"))
    if refusal == "down":
        stage.served.fake.refuse("GET", r".*/deployments", server_error(500), times=9)
    else:
        stage.served.fake.tokens["gh-token"] = Token(deployments=False)
    done = step(stage, "push", mode="apply", sha=NEW, **ON)
    assert (done.exit_code, stage.app("shop")["spec"]["services"][0]["image"]["tag"]) == (0, "2")
    [warning] = done.warnings
    assert "deployments on GitHub" in warning
    assert ("`deployments: write`" in warning) == (refusal == "no permission")


def test_a_run_that_is_refused_shows_no_deployment(stage: Stage):
    Path("reconcile.yaml").write_text(
        Path("reconcile.yaml").read_text() + "freeze: [{start: '2000-01-01', end: '2100-01-01', reason: holidays}]\n"
    )
    stage.commit(shop=service("shop", "2"))
    assert step(stage, "push", mode="apply", sha=NEW, **ON).exit_code == 7
    assert len(shown(stage.served.fake)["production/shop"]) == 1


@pytest.mark.parametrize(("after", "heard"), [("push", 1), ("pull_request", 0)])
def test_an_apply_or_a_detection_that_waits_for_another_workflow_is_said_if_that_was_of_a_branch(
    stage: Stage, receiver: Receiver, after: str, heard: int
):
    run = {"event": after, "head_sha": NEW, "head_branch": "main", "head_repository": {"full_name": "acme/shop"}}
    payload = {"workflow_run": run | {"pull_requests": []}}
    stage.commit(shop=service("shop", "2"))
    assert step(stage, "workflow_run", payload=payload, mode="drift", **ON).exit_code == 0
    assert (len(stage.served.fake.issues), len(receiver.titles())) == (heard, heard)
    stage.served.box.fail("shop", "health")
    assert step(stage, "workflow_run", payload=payload, mode="apply", **ON).exit_code == 4
    assert len(receiver.titles()) == 2 * heard


def test_a_run_that_ends_with_a_bug_leaves_no_deployment_pending(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    async def broken(_planned: Any, _client: Any, _clock: Any, watch: Any) -> None:
        with watch(["shop"]):
            raise ZeroDivisionError

    monkeypatch.setattr(applying, "apply", broken)
    stage.commit(shop=service("shop", "2"))
    with pytest.raises(ZeroDivisionError):
        step(stage, "push", mode="apply", sha=NEW, **ON)
    assert shown(stage.served.fake)["production/shop"][-1] == (NEW, ["pending", "error"])


def test_ctrl_c_after_the_rollouts_shows_how_they_ended_and_that_the_others_were_interrupted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    async def cut_off(_planned: Any, _client: Any, _clock: Any, watch: Any) -> None:
        with watch(["shop", "desk"]) as watching:
            watching.on_event(Event(1.0, "shop", "applied", outcome=OutcomeKind.APPLIED))
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(applying, "apply", cut_off)
    stage.commit(shop=service("shop", "2"), desk=service("desk", "2"))
    with pytest.raises(KeyboardInterrupt):
        step(stage, "push", mode="apply", sha=NEW, **ON)
    found = shown(stage.served.fake)
    assert found["production/shop"][-1] == (NEW, ["pending", "success"])
    assert found["production/desk"][-1] == (NEW, ["pending", "error"])


def test_a_pin_is_said_once_where_deployments_remember_it(stage: Stage, receiver: Receiver):
    config = Path("reconcile.yaml").read_text().replace("defaults:", "defaults:\n  on_failure: pin")
    Path("reconcile.yaml").write_text(config)
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "health")
    step(stage, "push", mode="apply", sha=NEW, **ON)
    for _ in range(2):
        assert step(stage, "schedule", mode="apply", sha=NEW, **ON).exit_code == 5
    assert receiver.titles() == ["reconcile production: shop needs a person"]
    for _ in range(2):
        step(stage, "schedule", mode="apply", sha=NEW, environment="production")
    assert receiver.titles()[1:] == ["reconcile production: shop needs a person"] * 2, "nothing remembers it there"


def test_everything_off_sends_no_request_and_no_message(stage: Stage, receiver: Receiver):
    stage.served.fake.log.clear()
    stage.repository.write("reconcile.yaml", "defaults: {health: {soak: 2s, tolerance: 4s}}\n")
    stage.commit(shop=service("shop", "2"))
    stage.served.box.fail("shop", "health")
    assert step(stage, "workflow_dispatch", mode="apply", sha=NEW).exit_code == 4
    step(stage, "workflow_dispatch", mode="plan", sha=NEW)
    assert (stage.served.fake.log, receiver.tries) == ([], [])


def test_a_rehearsal_in_the_sandbox_says_and_shows_nothing(stage: Stage, receiver: Receiver, tmp_path: Path):
    stage.served.fake.log.clear()
    file = {"RECONCILE_SANDBOX_FILE": str(tmp_path / "box.json")}
    stage.step("push", mode="apply", sha=NEW, env={**ENV, **file}, sandbox="true", **ON)
    assert not [path for _, path in stage.served.fake.log if "deployments" in path]
    assert receiver.tries == []


def test_a_pull_request_sends_no_message(stage: Stage, receiver: Receiver):
    stage.edit("shop", service("shop", "1", {"key": "DEBUG", "value": "1"}))
    stage.served.fake.add_pull(7, NEW)
    assert step(stage, "pull_request", payload=pull_event(7, NEW), mode="drift").outputs["drift"] == "true"
    assert receiver.tries == []
