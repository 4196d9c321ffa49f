"""What a watch may not be answered: 404 of a deployment, 401 and 403, and a health that is not reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.config_sections import Probe
from reconciler.live.client import Client
from reconciler.plan.model import Action
from reconciler.rollout.model import RolloutRecord
from tests.rollout.stage import POLICY, web
from tests.rollout.tampering import Answer, Tampered, refused
from tests.rollout.test_deploying import kind


@pytest.fixture
def stage() -> Iterator[Tampered]:
    stage = Tampered()
    yield stage
    stage.close()


def deployment_of(request: httpx.Request) -> bool:
    """Whether one deployment is read by its id."""
    parts = request.url.path.split("/")
    return request.method == "GET" and parts[-2] == "deployments"


def app_of(request: httpx.Request) -> bool:
    """Whether one app is read."""
    parts = request.url.path.split("/")
    return request.method == "GET" and parts[-2] == "apps"


def roll(stage: Tampered, tag: str = "1.28", **more: Any) -> RolloutRecord:
    stage.sent.clear()
    return stage.one(stage.job(web(tag=tag), **more))


def not_found() -> httpx.Response:
    return httpx.Response(404, json={"id": "not_found", "message": "deployment not found"})


# --- C55: 404 on a deployment ---


@pytest.mark.parametrize("until", [30.0, 1e9])
def test_c55_a_deployment_that_answers_404_is_followed_by_what_the_app_shows_of_it(
    stage: Tampered, until: float
) -> None:
    """Late, or not at all by its id."""
    stage.deploy(web())
    began = stage.clock.monotonic()
    stage.tamper = lambda request: (
        not_found() if deployment_of(request) and stage.clock.monotonic() < began + until else None
    )
    assert kind(roll(stage)) == "applied"


def test_c55_a_deployment_that_fails_while_it_answers_404_is_taken_back(stage: Tampered) -> None:
    stage.deploy(web())
    stage.box.fail("web", "health")
    stage.tamper = lambda request: not_found() if deployment_of(request) else None
    record = roll(stage)
    assert kind(record) == "rolled_back", record.outcome


def hidden(request: httpx.Request, body: Any) -> Any:
    """The app is there and shows nothing of what was sent to it."""
    if app_of(request):
        for role in ("pending_deployment", "in_progress_deployment"):
            body["app"].pop(role, None)
    return body


def test_c55_an_app_that_is_there_is_never_called_deleted(stage: Tampered) -> None:
    stage.deploy(web())
    stage.after = hidden
    stage.tamper = lambda request: not_found() if deployment_of(request) else None
    short = POLICY.model_copy(update={"timeouts": Timeouts(build=20, deploy=20, health=60)})
    record = roll(stage, policy=short)
    assert kind(record) == "timed_out", record.outcome
    assert "deleted" not in record.outcome.reason


@pytest.mark.parametrize("after", [0.0, 40.0])
def test_c55_an_app_that_is_gone_is_called_so(stage: Tampered, after: float) -> None:
    stage.deploy(web())
    app = stage.app()
    assert app is not None

    async def delete(client: Client) -> None:
        await client.delete_app(app.id)

    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(6.0 + after, delete))
    assert kind(record) == "failed"
    assert "the app was deleted" in record.outcome.reason


def test_c55_a_history_that_answers_404_is_no_app_that_is_gone(stage: Tampered) -> None:
    stage.deploy(web())
    stage.box.fail("web", "deploy")
    stage.tamper = lambda request: not_found() if request.url.path.endswith("/deployments") else None
    record = roll(stage)
    assert kind(record) == "rollback_failed", record.outcome
    assert "deleted" not in record.outcome.reason
    assert "the app itself exists" in record.outcome.reason


# --- C56: 401 and 403 while watching ---

SCOPE = "you are missing the required permission app:read"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("after", [0.0, 30.0, 70.0])
def test_c56_a_token_that_may_not_read_ends_the_watch_at_once_and_leaves_the_rest_to_the_next_run(
    stage: Tampered, status: int, after: float
) -> None:
    stage.deploy(web())
    began = stage.clock.monotonic()
    stage.tamper = lambda request: (
        refused(status, SCOPE)
        if request.method == "GET" and any(line.startswith("PUT") for line in stage.sent)
        and stage.clock.monotonic() >= began + after
        else None
    )  # fmt: skip
    record = roll(stage)
    assert kind(record) == "failed"
    assert f"{status} {SCOPE}" in record.outcome.reason
    wanted = "check DIGITALOCEAN_TOKEN" if status == 401 else "the token needs the scope app:read"
    assert wanted in record.outcome.reason
    assert "continues on App Platform, and the next run follows it" in record.outcome.reason
    assert record.outcome.commands[0] == "reconcile"
    assert record.seconds < after + 20
    stage.tamper = lambda _: None
    stage.clock.run(stage.clock.sleep(300))
    assert kind(stage.one(stage.job(web(tag="1.28"), Action.NONE))) == "unchanged"
    assert stage.deployments()[0] == ("ACTIVE", "1.28")


def test_c56_a_token_that_is_denied_once_ends_the_watch_as_well(stage: Tampered) -> None:
    stage.deploy(web())
    answers = iter([None, refused(401)])
    stage.tamper = lambda request: next(answers, None) if deployment_of(request) else None
    assert kind(roll(stage)) == "failed"


def test_c56_a_token_that_may_not_go_on_with_a_rollback_says_so_with_what_settles_it(stage: Tampered) -> None:
    stage.deploy(web())
    stage.box.fail("web", "health")
    rolled = lambda: any(line.endswith("/rollback") for line in stage.sent)  # noqa: E731  a name for what is asked twice
    stage.tamper = lambda request: refused(403, SCOPE) if deployment_of(request) and rolled() else None
    record = roll(stage)
    assert kind(record) == "rollback_failed"
    assert record.outcome.pinned
    assert SCOPE in record.outcome.reason
    assert "reconcile rollback web --commit" in record.outcome.commands


def test_c56_a_token_that_may_not_write_is_named_with_the_scope(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = lambda request: refused(403, "no app:update") if request.method == "PUT" else None
    record = roll(stage)
    assert kind(record) == "failed"
    assert "nothing was changed: PUT" in record.outcome.reason
    assert "the token needs the scope app:update" in record.outcome.reason


def test_c56_an_answer_that_was_lost_and_cannot_be_looked_for_is_not_said_to_have_failed(stage: Tampered) -> None:
    stage.deploy(web())

    def lost(request: httpx.Request) -> Answer:
        if request.method == "PUT":
            return httpx.ReadError("reset")
        return refused(403, SCOPE) if any(line.startswith("PUT") for line in stage.sent) else None

    stage.tamper = lost
    record = roll(stage)
    assert kind(record) == "failed"
    assert "it is not known whether the update took effect" in record.outcome.reason


# --- C60: where no health is reported ---


def health(answer: Callable[[], Answer]) -> Callable[[httpx.Request], Answer]:
    return lambda request: answer() if request.url.path.endswith("/health") else None


def reporting(*components: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"app_health": {"components": list(components)}})


SILENT: list[Callable[[], Answer]] = [
    not_found,
    lambda: httpx.Response(200, json={}),
    reporting,
    lambda: reporting({"name": "other", "state": "HEALTHY"}),
    lambda: reporting({"name": "api", "state": "UNKNOWN"}),
    lambda: reporting({"name": "api", "state": "STRANGE"}),
    lambda: reporting({"name": "api"}),
]
SAYS = "no sign of trouble for 30 s; the platform reports no health for api"


@pytest.mark.parametrize("answer", SILENT)
def test_c60_healthy_is_not_said_where_nothing_reports_it(stage: Tampered, answer: Callable[[], Answer]) -> None:
    stage.tamper = health(answer)
    record = stage.one(stage.job(web(), Action.CREATE))
    assert kind(record) == "applied"
    assert record.outcome.reason == SAYS
    assert not any("healthy" in told.text for told in stage.events)


def test_c60_a_probe_that_succeeds_is_said_beside_it(stage: Tampered) -> None:
    stage.tamper = health(not_found)
    probing = Policy(health=HealthPolicy(probe=Probe()))
    record = stage.one(stage.job(web(), Action.CREATE, policy=probing))
    assert record.outcome.reason == f"{SAYS}, the probe succeeds"


@pytest.mark.parametrize("comes", [10.0, 20.0])
def test_c60_a_health_that_is_reported_late_is_said(stage: Tampered, comes: float) -> None:
    def late() -> Answer:
        active = [event for event in stage.events if event.phase == "ACTIVE"]
        return None if active and stage.clock.monotonic() > active[0].at + comes else not_found()

    stage.tamper = health(late)
    assert stage.one(stage.job(web(), Action.CREATE)).outcome.reason == "healthy for 30 s"


def test_c60_one_component_of_which_nothing_is_reported_is_named(stage: Tampered) -> None:
    spec = web()
    spec["workers"] = [{**spec["services"][0], "name": "jobs"}]
    stage.tamper = health(lambda: reporting({"name": "api", "state": "HEALTHY"}))
    record = stage.one(stage.job(spec, Action.CREATE))
    assert record.outcome.reason == "no sign of trouble for 30 s; the platform reports no health for jobs"
