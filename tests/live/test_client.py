"""What is sent for each operation, and what its answer becomes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import AnswerLost, LiveError, Rejected, TransportFailed, UsageError
from reconciler.live.client import Client
from reconciler.live.models import ComponentState, Deployment, Health, LiveApp, Phase, Proposal, RollbackValidation
from tests.live.fakes import APP, DEPLOYMENT, TOKEN, Platform, ok
from tests.support.virtual_time import VirtualClock

SPEC = {"name": "web", "services": [{"name": "api", "unheard_of": {"a": [1]}}], "empty": None, "ingress": {}}
DEPLOYED = {"deployment": DEPLOYMENT}

OPERATIONS: list[tuple[str, Callable[[Client], Awaitable[Any]], Any, Any, type]] = [
    ("GET /v2/apps/a1", lambda c: c.get_app("a1"), None, {"app": APP}, LiveApp),
    ("POST /v2/apps", lambda c: c.create_app(SPEC), {"spec": SPEC}, {"app": APP}, LiveApp),
    ("POST /v2/apps", lambda c: c.create_app(SPEC, "p1"), {"spec": SPEC, "project_id": "p1"}, {"app": APP}, LiveApp),
    (
        "PUT /v2/apps/a1",
        lambda c: c.update_app("a1", SPEC),
        {"spec": SPEC, "update_all_source_versions": False},
        {"app": APP},
        LiveApp,
    ),
    (
        "PUT /v2/apps/a1",
        lambda c: c.update_app("a1", SPEC, update_all_source_versions=True),
        {"spec": SPEC, "update_all_source_versions": True},
        {"app": APP},
        LiveApp,
    ),
    ("DELETE /v2/apps/a1", lambda c: c.delete_app("a1"), None, {"id": "a1"}, type(None)),
    ("POST /v2/apps/propose", lambda c: c.propose(SPEC), {"spec": SPEC}, {"app_cost": 5}, Proposal),
    ("POST /v2/apps/propose", lambda c: c.propose(SPEC, "a1"), {"spec": SPEC, "app_id": "a1"}, {}, Proposal),
    ("GET /v2/apps/a1/deployments/d1", lambda c: c.get_deployment("a1", "d1"), None, DEPLOYED, Deployment),
    ("POST /v2/apps/a1/deployments", lambda c: c.create_deployment("a1"), {"force_build": False}, DEPLOYED, Deployment),
    ("POST /v2/apps/a1/deployments/d1/cancel", lambda c: c.cancel_deployment("a1", "d1"), {}, DEPLOYED, Deployment),
    (
        "POST /v2/apps/a1/rollback/validate",
        lambda c: c.validate_rollback("a1", "d1"),
        {"deployment_id": "d1", "skip_pin": False},
        {"valid": True},
        RollbackValidation,
    ),
    (
        "POST /v2/apps/a1/rollback",
        lambda c: c.roll_back("a1", "d1", skip_pin=True),
        {"deployment_id": "d1", "skip_pin": True},
        DEPLOYED,
        Deployment,
    ),
    ("POST /v2/apps/a1/rollback/commit", lambda c: c.commit_rollback("a1"), {}, {}, type(None)),
    ("POST /v2/apps/a1/rollback/revert", lambda c: c.revert_rollback("a1"), {}, DEPLOYED, Deployment),
    ("GET /v2/apps/a1/alerts", lambda c: c.list_alerts("a1"), None, {"alerts": [{"id": "r1"}]}, list),
    (
        "POST /v2/apps/a1/alerts/r1/destinations",
        lambda c: c.assign_alert_destinations("a1", "r1", {"emails": ["a@b.co"], "slack_webhooks": []}),
        {"emails": ["a@b.co"], "slack_webhooks": []},
        {"alert": {"id": "r1"}},
        type(None),
    ),
    ("GET /v2/apps/a1/health", lambda c: c.health("a1"), None, {"app_health": {}}, Health),
]


@pytest.mark.parametrize(("line", "use", "body", "answer", "kind"), OPERATIONS)
def test_each_operation_sends_what_the_reference_says(
    clock: VirtualClock, line: str, use: Callable[[Client], Awaitable[Any]], body: Any, answer: Any, kind: type
) -> None:
    platform = Platform(clock, ok(answer))
    assert isinstance(platform.run(use), kind)
    assert platform.seen == [line]
    assert platform.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert platform.requests[0].headers["user-agent"].startswith("reconciler/")
    assert (platform.body() if platform.requests[0].content else None) == body


def test_c13_c16_a_spec_is_sent_field_for_field(clock: VirtualClock) -> None:
    platform = Platform(clock, ok())
    platform.run(lambda client: client.update_app("a1", SPEC))
    assert platform.body()["spec"] == SPEC
    assert list(platform.body()["spec"]) == list(SPEC)


@pytest.mark.parametrize(
    ("deployment", "component", "path"),
    [
        ("d1", "api", "/v2/apps/a1/deployments/d1/components/api/logs"),
        ("d1", "", "/v2/apps/a1/deployments/d1/logs"),
        ("", "api", "/v2/apps/a1/components/api/logs"),
        ("", "", "/v2/apps/a1/logs"),
    ],
)
def test_logs_are_asked_for_by_what_is_named(clock: VirtualClock, deployment: str, component: str, path: str) -> None:
    platform = Platform(clock, ok({"historic_urls": ["https://logs.example/1"], "live_url": ""}))
    links = platform.run(lambda client: client.logs("a1", deployment, component, type="BUILD", tail_lines=50))
    assert platform.seen == [f"GET {path}?type=BUILD&tail_lines=50"]
    assert links.historic_urls == ("https://logs.example/1",)


def test_delete_and_commit_take_an_empty_body(clock: VirtualClock) -> None:
    platform = Platform(clock, httpx.Response(204), httpx.Response(200, content=b""))

    async def use(client: Client) -> None:
        await client.delete_app("a1")
        await client.commit_rollback("a1")

    platform.run(use)
    assert len(platform.requests) == 2


@pytest.mark.parametrize("answer", [httpx.Response(200), ok([]), ok({"app": None}), ok({"app": []}), ok({"app": "x"})])
def test_c44_a_write_without_a_usable_answer_is_lost(clock: VirtualClock, answer: httpx.Response) -> None:
    platform = Platform(clock, answer)
    with pytest.raises(AnswerLost) as caught:
        platform.run(lambda client: client.create_app(SPEC))
    assert (caught.value.method, caught.value.path) == ("POST", "/v2/apps")
    assert len(platform.requests) == 1


@pytest.mark.parametrize("answer", [ok([]), ok({}), ok({"app": 7})])
def test_a_read_without_a_usable_answer_fails(clock: VirtualClock, answer: httpx.Response) -> None:
    with pytest.raises(TransportFailed):
        Platform(clock, answer).run(lambda client: client.get_app("a1"))


# Tolerance

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("model", [LiveApp, Deployment, Health, Proposal, RollbackValidation])
def test_c15_no_field_of_an_answer_can_break_its_reading(model: type) -> None:
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys(model.model_fields, ANYTHING)))
    def reads(answer: dict[str, Any]) -> None:
        assert model.model_validate(answer | {"new": 1}).model_extra == {"new": 1}

    reads()


def test_c15_unknown_phases_and_states_read_as_unknown(clock: VirtualClock) -> None:
    platform = Platform(
        clock,
        ok({"deployment": {"id": "d1", "phase": "HIBERNATING"}}),
        ok({"app_health": {"components": [{"name": "api", "state": "DIZZY"}, None]}}),
    )

    async def use(client: Client) -> tuple[Deployment, Health]:
        return await client.get_deployment("a1", "d1"), await client.health("a1")

    deployment, health = platform.run(use)
    assert deployment.phase is Phase.UNKNOWN
    assert not deployment.phase.terminal
    assert [component.state for component in health.components] == [ComponentState.UNKNOWN]


@pytest.mark.parametrize(("wrapper", "reported"), [("app_health", 1), ("", 1), ("health", 0)])
def test_health_is_read_with_the_wrapper_of_the_description_and_without_it_as_in_its_example(
    clock: VirtualClock, wrapper: str, reported: int
) -> None:
    found = {"components": [{"name": "api", "state": "UNHEALTHY"}]}
    platform = Platform(clock, ok({wrapper: found} if wrapper else found))
    health = platform.run(lambda client: client.health("a1"))
    assert [component.state for component in health.components] == [ComponentState.UNHEALTHY] * reported


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_time_without_a_zone_is_utc_and_the_year_1_is_none(written: Any, moment: datetime | None) -> None:
    assert LiveApp.model_validate({"updated_at": written}).updated_at == moment


@pytest.mark.parametrize("odd", ["nan", "inf", float("nan"), [1], "much"])
def test_a_cost_that_is_no_finite_number_is_not_known(odd: Any) -> None:
    assert Proposal.model_validate({"app_cost": odd}).app_cost is None


# Edges


@pytest.mark.parametrize("token", ["", "  ", "two words", "dop\x00v1", "dop_v1_ü", "dop\nv1"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client(token)
    assert token.strip() == "" or token not in str(caught.value) + caught.value.hint


def test_a_line_break_after_the_token_does_not_matter(clock: VirtualClock) -> None:
    platform = Platform(clock, ok())

    async def main() -> None:
        async with Client(f"{TOKEN}\n", transport=httpx.MockTransport(platform), clock=clock) as client:
            await client.get_app("a1")

    clock.run(main())
    assert platform.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("url", ["", "api.digitalocean.com", "ftp://x", "http://", "https://u:p@api", "https://[::1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        Client(TOKEN, base_url=url)


def test_the_address_may_have_a_path(clock: VirtualClock) -> None:
    platform = Platform(clock, ok())
    platform.run(lambda client: client.get_app("a1"), base_url="http://localhost:8000/box/")
    assert str(platform.requests[0].url) == "http://localhost:8000/box/v2/apps/a1"


@pytest.mark.parametrize("app_id", ["", ".", "..", "x" * 70_000])
def test_an_id_that_would_ask_for_something_else_is_refused_as_by_the_platform(
    clock: VirtualClock, app_id: str
) -> None:
    platform = Platform(clock, ok())
    with pytest.raises(Rejected, match="is not an id"):
        platform.run(lambda client: client.delete_app(app_id))
    assert platform.requests == []


def test_an_id_stays_one_segment_of_the_path(clock: VirtualClock) -> None:
    platform = Platform(clock, ok({"app": APP | {"id": "a/../b?c=d#e"}}))
    platform.run(lambda client: client.get_app("a/../b?c=d#e"))
    assert platform.seen == ["GET /v2/apps/a%2F..%2Fb%3Fc%3Dd%23e"]


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (lambda client: client.get_app("a2"), TransportFailed),
        (lambda client: client.update_app("a2", {"name": "web"}), AnswerLost),  # what became of it has to be looked up
        (lambda client: client.get_deployment("a1", "d2"), TransportFailed),
    ],
)
def test_an_answer_about_another_app_or_deployment_is_none(
    clock: VirtualClock, use: Callable[[Client], Awaitable[object]], kind: type[LiveError]
) -> None:
    platform = Platform(clock, ok({"app": APP, "deployment": DEPLOYMENT}))
    with pytest.raises(kind, match="the response is about another one"):
        platform.run(use)


def test_redirects_are_not_followed_with_the_token(clock: VirtualClock) -> None:
    platform = Platform(clock, httpx.Response(302, headers={"location": "https://elsewhere.example/"}))
    with pytest.raises(LiveError, match="302"):
        platform.run(lambda client: client.get_app("a1"))
    assert len(platform.requests) == 1


def test_importing_the_client_brings_in_no_other_heavy_module() -> None:
    code = (
        "import sys, reconciler.live.client\n"
        "print([name for name in ('deepdiff', 'jsonschema', 'starlette', 'yaml', 'reconciler.appspec.models')"
        " if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_real_connection_is_refused_politely() -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]  # bound, not listening: nobody answers there

        async def main() -> None:
            async with Client(TOKEN, base_url=f"http://127.0.0.1:{port}", clock=NoWait()) as client:
                await client.create_app(SPEC)

        with pytest.raises(TransportFailed, match="no connection"):
            asyncio.run(main())


class NoWait(VirtualClock):
    """The real loop, on which pauses take no time."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
