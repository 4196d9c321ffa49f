"""C52 and C53, end to end: after every way forward and back, what serves decides how the rollout ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from reconciler.live.client import Client
from reconciler.plan.model import Action
from tests.rollout.stage import POLICY, web
from tests.rollout.tampering import Tampered
from tests.rollout.test_deploying import kind
from tests.rollout.test_platform_rollback import account, rolled, serving, updates


@pytest.fixture
def stage() -> Iterator[Tampered]:
    found = Tampered()
    found.deploy(web())
    found.sent.clear()
    yield found
    found.close()


# --- C52: a person acts while our rollback soaks, or right before it is committed ---


def once_back(act: Callable[[Client, str], Awaitable[Any]], pause: float) -> Callable[[Client], Awaitable[None]]:
    """Do something so many seconds after our rollback became active."""

    async def wait(client: Client) -> None:
        for _ in range(600):
            app = await client.find_app("web")
            pinned = app.pinned_deployment if app else None
            if app is not None and pinned is not None and pinned.phase.value == "ACTIVE":
                await asyncio.sleep(pause)
                await act(client, app.id)
                return
            await asyncio.sleep(0.5)
        raise AssertionError("it was never rolled back")

    return wait


async def revert(client: Client, app_id: str) -> None:
    await client.revert_rollback(app_id)


async def deploy_another(client: Client, app_id: str) -> None:
    await client.commit_rollback(app_id)
    await client.update_app(app_id, web(tag="1.30"))


@pytest.mark.parametrize("pause", [0.0, 5.0, 14.0])
@pytest.mark.parametrize("act", [revert, deploy_another])
def test_c52_a_person_who_decides_otherwise_while_our_rollback_soaks_has_the_last_word(
    stage: Tampered, act: Callable[[Client, str], Awaitable[Any]], pause: float
) -> None:
    stage.fault("health", app="web", only="forward")
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, once_back(act, pause)))
    assert kind(record) == "superseded", record.outcome
    assert not record.outcome.pinned


@pytest.mark.parametrize("act", [revert, deploy_another])
def test_c52_a_person_who_decides_otherwise_around_our_commit_is_never_called_rolled_back(
    stage: Tampered, act: Callable[[Client, str], Awaitable[Any]]
) -> None:
    stage.fault("health", app="web", only="forward")
    record = stage.one(stage.job(web(tag="1.28")), meanwhile=(5.0, once_back(act, 15.5)))
    assert kind(record) in ("superseded", "rolled_back"), record.outcome
    if kind(record) == "rolled_back":
        assert serving(stage) == "1.27"


def test_c52_where_nobody_does_anything_it_is_rolled_back(stage: Tampered) -> None:
    stage.fault("health", app="web", only="forward")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back"
    assert serving(stage) == "1.27"


# --- C53: another spec is stored or serves than was sent; ACTIVE does not last; it is never shown ---


def retagged(spec: Any, tag: str) -> Any:
    image = {**spec["services"][0]["image"], "tag": tag}
    return {**spec, "services": [{**spec["services"][0], "image": image}]}


def shown(stage: Tampered, change: Callable[[Any], None], times: int = 1_000_000) -> None:
    """Change what the app shows, the first so many times that it is read after the update."""
    left = [times]

    def after(request: Any, body: Any) -> Any:
        updated = any(line.startswith("PUT") for line in stage.sent)
        if request.method == "GET" and "app" in body and updated and left[0]:
            app = body["app"]
            active = app.get("active_deployment")
            if active and active["spec"]["services"][0]["image"]["tag"] == "1.28":
                left[0] -= 1
                change(app)
        return body

    stage.after = after


@pytest.mark.parametrize("where", ["spec", "active_deployment"])
def test_c53_another_spec_that_is_stored_or_serves_is_diverged(stage: Tampered, where: str) -> None:
    def change(app: Any) -> None:
        if where == "spec":
            app["spec"] = retagged(app["spec"], "1.26")
        else:
            app["active_deployment"]["spec"] = retagged(app["active_deployment"]["spec"], "1.26")

    shown(stage, change)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "diverged", record.outcome
    assert any("image/tag differs from what was sent" in warning for warning in record.warnings), record.warnings
    assert updates(stage) == []


def test_c53_a_field_that_is_merely_missing_is_a_warning(stage: Tampered) -> None:
    spec = web(tag="1.28")
    spec["services"][0]["run_command"] = "serve"

    def change(app: Any) -> None:
        for each in (app["spec"], app["active_deployment"]["spec"]):
            each["services"][0].pop("run_command", None)

    shown(stage, change)
    record = stage.one(stage.job(spec))
    assert kind(record) == "applied", record.outcome
    assert any("run_command was sent, but the platform did not keep it" in warning for warning in record.warnings)


def before_it(stage: Tampered) -> Callable[[Any], None]:
    app = stage.app()
    assert app is not None
    assert app.active_deployment is not None
    before = app.active_deployment.model_dump(mode="json")

    def change(shown_app: Any) -> None:
        shown_app["active_deployment"] = before

    return change


@pytest.mark.parametrize("times", [1, 2, 3])
def test_c53_a_deployment_that_the_app_shows_late_is_applied(stage: Tampered, times: int) -> None:
    shown(stage, before_it(stage), times)
    assert kind(stage.one(stage.job(web(tag="1.28")))) == "applied"


def test_c53_a_deployment_that_the_app_never_shows_is_unconfirmed(stage: Tampered) -> None:
    shown(stage, before_it(stage))
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "unconfirmed", record.outcome
    assert "the app does not show it as active" in record.outcome.reason
    assert updates(stage) == []


def test_c53_an_app_that_cannot_be_read_at_the_end_is_unconfirmed(stage: Tampered) -> None:
    def broken(request: Any) -> Any:
        over = stage.clock.monotonic() > began + 100 and request.url.path.count("/") == 3
        return httpx.Response(503, text="no") if over and request.method == "GET" else None

    job = stage.job(web(tag="1.28"))
    began = stage.clock.monotonic()
    stage.tamper = broken
    record = stage.one(job)
    assert kind(record) == "unconfirmed", record.outcome
    assert "the app could not be read" in record.outcome.reason


def phases(stage: Tampered, *wanted: str) -> None:
    """The phases that the deployment of 1.28 shows once it was ACTIVE, one a reading, the last one for good."""
    left = list(wanted)

    def after(request: Any, body: Any) -> Any:
        deployment = body.get("deployment") if request.method == "GET" else None
        active = deployment is not None and deployment["phase"] == "ACTIVE"
        if active and deployment["spec"]["services"][0]["image"]["tag"] == "1.28":
            deployment["phase"] = left.pop(0) if len(left) > 1 else left[0]
        return body

    stage.after = after


def test_c53_what_was_active_and_ends_in_error_during_the_soak_has_failed(stage: Tampered) -> None:
    phases(stage, "ACTIVE", "ERROR")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) in ("rolled_back", "platform_fault"), record.outcome
    assert kind(record) != "applied"


def test_c53_a_phase_that_goes_back_for_a_moment_only_begins_the_soak_anew(stage: Tampered) -> None:
    phases(stage, "ACTIVE", "DEPLOYING", "ACTIVE")
    assert kind(stage.one(stage.job(web(tag="1.28")))) == "applied"


def test_c53_a_phase_that_goes_back_for_good_times_out(stage: Tampered) -> None:
    phases(stage, "ACTIVE", "DEPLOYING")
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "timed_out", record.outcome
    assert "the deployment took more than 300 s" in record.outcome.reason


def elsewhere(stage: Tampered) -> None:
    """What restores an earlier deployment serves another version than that."""

    def after(request: Any, body: Any) -> Any:
        app = body.get("app") or {}
        slots = ("active_deployment", "in_progress_deployment", "pending_deployment", "pinned_deployment")
        for one in (body.get("deployment"), *(app.get(slot) for slot in slots)):
            if one and one.get("cloned_from"):
                one["spec"] = retagged(one["spec"], "1.25")
        return body

    stage.after = after


def test_c53_our_rollback_that_deploys_another_version_is_diverged(stage: Tampered) -> None:
    stage.fault("health", app="web", only="forward")
    elsewhere(stage)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "diverged", record.outcome
    assert record.outcome.pinned
    assert "reconcile rollback web --commit" in record.outcome.commands


@pytest.mark.parametrize("other", [False, True])
def test_c53_a_rollback_that_an_earlier_run_began_is_held_to_the_version_it_restores(
    stage: Tampered, other: bool
) -> None:
    stage.fault("health", app="web", only="forward")
    pin = POLICY.model_copy(update={"on_failure": "pin"})
    assert kind(stage.one(stage.job(web(tag="1.28"), policy=pin))) == "pinned"
    if other:
        elsewhere(stage)
    record = stage.one(stage.job(web(tag="1.28"), Action.NONE, resume_rollback=True))
    assert kind(record) == ("diverged" if other else "rolled_back"), record.outcome


@pytest.mark.parametrize("other", [False, True])
def test_c53_theirs_is_held_to_the_version_it_restores(other: bool) -> None:
    with account() as stage:
        if other:
            elsewhere(stage)
        record = rolled(stage)
        assert kind(record) == ("diverged" if other else "rolled_back"), record.outcome
        assert updates(stage) == []


# --- an answer that is about another app ---


@pytest.mark.parametrize("number", range(8))
def test_an_answer_about_another_app_leads_to_no_write_there_and_hides_no_pin(stage: Tampered, number: int) -> None:
    """Such as from a cache: its id was taken over, so the rollback or the last good spec went to that app."""
    seen = iter(range(100))

    def mixed_up(request: httpx.Request, body: Any) -> Any:
        one = request.method == "GET" and request.url.path.count("/") == 3
        return {"app": {"id": "another"}} if one and next(seen) == number else body

    stage.fault("health", app="web", only="forward")
    job = stage.job(web(tag="1.28"))
    stage.after = mixed_up
    record = stage.one(job)
    stage.after = lambda _request, body: body
    live = stage.app()
    assert live is not None
    assert not [line for line in stage.sent if "/another" in line]
    assert (kind(record), serving(stage), live.pinned_deployment) == ("rolled_back", "1.27", None), record.outcome


@pytest.mark.parametrize("fault", ["", "deploy"])
def test_an_answer_to_a_create_about_another_app_has_that_one_neither_followed_nor_rolled_back(
    stage: Tampered, fault: str
) -> None:
    async def update(client: Client) -> str:
        app = await client.find_app("web")
        assert app is not None
        return (await client.update_app(app.id, web(tag="1.99"))).id

    def mixed_up(request: httpx.Request, body: Any) -> Any:
        return {"app": other} if (request.method, request.url.path) == ("POST", "/v2/apps") else body

    def keep(request: httpx.Request, body: Any) -> Any:
        if request.method == "PUT":
            other.update(body["app"])
        return body

    other: dict[str, Any] = {}
    stage.after = keep
    if fault:
        stage.fault(fault, app="web")
    app_id = stage.run(update)
    stage.sent.clear()
    stage.after = mixed_up
    record = stage.one(stage.job(web("new"), Action.CREATE))
    assert (kind(record), record.app_id == app_id) == ("applied", False), record.outcome
    assert stage.writes() == ["POST /v2/apps"]


# --- what explains a failure never prevents the rollback ---


@pytest.mark.parametrize("odd", ["..", "x" * 70_000])
def test_a_failed_deployment_is_rolled_back_though_its_step_names_no_component(stage: Tampered, odd: str) -> None:
    def renamed(node: Any) -> Any:
        if isinstance(node, list):
            return [renamed(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {key: odd if key == "component_name" else renamed(value) for key, value in node.items()}

    stage.fault("deploy", app="web")
    stage.after = lambda _request, body: renamed(body)
    record = stage.one(stage.job(web(tag="1.28")))
    assert kind(record) == "rolled_back", record.outcome
    assert serving(stage) == "1.27"
