"""Errors: they say all that helps, and nothing that is secret."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import httpx
import pytest

from reconciler.errors import (
    ApiError,
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    Rejected,
    ServerFailed,
    Unauthorized,
    UsageError,
)
from reconciler.live.calls import secrets_in
from reconciler.live.client import Client
from tests.live.fakes import TOKEN, Platform, cut_short, error, html
from tests.support.virtual_time import VirtualClock


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Unauthorized),
        (402, ApiError),
        (403, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (410, ApiError),
        (422, Rejected),
        (429, RateLimited),
        (500, ServerFailed),
        (503, ServerFailed),
        (524, ServerFailed),
    ],
)
def test_c39_an_error_carries_all_that_helps(clock: VirtualClock, status: int, kind: type[ApiError]) -> None:
    platform = Platform(clock, error(status, "some_id", "that will not do"))
    with pytest.raises(ApiError) as caught:
        platform.run(lambda client: client.update_app("a1", {"name": "web"}))
    problem = caught.value
    assert type(problem) is kind
    assert (problem.method, problem.path, problem.status) == ("PUT", "/v2/apps/a1", status)
    assert (problem.error_id, problem.request_id) == ("some_id", "r-1")
    assert str(problem) == f"PUT /v2/apps/a1: {status} that will not do (id some_id, request r-1)"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            html(504, "504 Gateway\n Time-out"),
            "PUT /v2/apps/a1: 504 Gateway Time-out (an HTML page, not a response of App Platform itself)",
        ),
        (
            httpx.Response(502, content=b"<html><body>bad"),
            "PUT /v2/apps/a1: 502 Bad Gateway (an HTML page, not a response of App Platform itself)",
        ),
        (httpx.Response(524, content=b""), "PUT /v2/apps/a1: 524 no reason given"),
        (httpx.Response(503, content=b"upstream \x1b[31mgone\x07"), "PUT /v2/apps/a1: 503 upstream gone"),
        (httpx.Response(500, content=b"\xff\xfe"), "PUT /v2/apps/a1: 500 ��"),
        (httpx.Response(500, json=["x"]), "PUT /v2/apps/a1: 500 Internal Server Error"),
        (httpx.Response(500, json={"id": 7, "message": None}), "PUT /v2/apps/a1: 500 Internal Server Error"),
        (httpx.Response(422, json={"error": "bad"}), "PUT /v2/apps/a1: 422 bad"),
        (
            httpx.Response(500, headers={"x-request-id": "h-1"}, json={"message": "no"}),
            "PUT /v2/apps/a1: 500 no (request h-1)",
        ),
    ],
)
def test_c39_answers_that_are_not_the_platforms_own_are_told(
    clock: VirtualClock, answer: httpx.Response, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        Platform(clock, answer).run(lambda client: client.update_app("a1", {}))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "answer", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(200, html="<p>"), error(404)]
)
@pytest.mark.parametrize(
    ("url", "host", "said"),
    [
        ("https://api.digitalocean.com", "api.digitalocean.com", "status.digitalocean.com"),
        ("http://localhost:8123/box", "localhost:8123", "DIGITALOCEAN_API_URL"),
    ],
)
def test_an_error_of_another_address_than_the_vendors_sends_nobody_to_the_vendor(
    clock: VirtualClock, answer: Any, url: str, host: str, said: str
) -> None:
    with pytest.raises(LiveError) as caught:
        Platform(clock, answer).run(lambda client: client.list_apps(), base_url=url)
    if isinstance(answer, httpx.RequestError):
        assert f" {host}: " in caught.value.message
    if isinstance(caught.value, NotFound) and "localhost" not in url:
        assert caught.value.hint == ""
    else:
        assert said in caught.value.hint


def test_an_address_with_the_version_in_its_path_is_refused_with_the_right_one() -> None:
    with pytest.raises(UsageError, match="must not end with /v2") as caught:
        Client(TOKEN, base_url="https://api.digitalocean.com/v2/")
    assert "https://api.digitalocean.com, not" in caught.value.hint


def test_a_page_of_text_is_cut(clock: VirtualClock) -> None:
    with pytest.raises(ApiError) as caught:
        Platform(clock, httpx.Response(500, content=b"x" * 10_000)).run(lambda client: client.update_app("a1", {}))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("use", "scope"),
    [
        (lambda client: client.list_apps(), "app:read"),
        (lambda client: client.propose({}), "app:read"),
        (lambda client: client.create_app({}), "app:create"),
        (lambda client: client.update_app("a1", {}), "app:update"),
        (lambda client: client.validate_rollback("a1", "d1"), "app:update"),
        (lambda client: client.commit_rollback("a1"), "app:update"),
        (lambda client: client.delete_app("a1"), "app:delete"),
    ],
)
def test_a_403_names_the_scope_that_the_operation_needs(clock: VirtualClock, use: Any, scope: str) -> None:
    platform = Platform(clock, error(403, "forbidden", "You are not authorized to perform this operation"))
    with pytest.raises(Unauthorized, match="You are not authorized") as caught:
        platform.run(use)
    assert caught.value.hint == f"the token needs the scope {scope}"
    assert len(platform.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 422])
def test_c17_the_scope_that_the_answer_asks_for_is_shown_and_nothing_is_repeated(
    clock: VirtualClock, status: int
) -> None:
    platform = Platform(clock, error(status, "forbidden", "missing the required scope database:read"))
    with pytest.raises(ApiError, match="missing the required scope database:read") as caught:
        platform.run(lambda client: client.update_app("a1", {}))
    assert caught.value.hint == "the token needs the scope app:update; the response asks for database:read"
    assert len(platform.requests) == 1


def test_a_401_says_where_to_look(clock: VirtualClock) -> None:
    with pytest.raises(Unauthorized) as caught:
        Platform(clock, error(401, "unauthorized", "Unable to authenticate you")).run(lambda c: c.list_apps())
    assert "DIGITALOCEAN_TOKEN" in caught.value.hint


SECRET = 'sk_live_"quoted"_4242'
SPEC = {
    "name": "web",
    "envs": [{"key": "TOP", "type": "SECRET", "value": "h2Nt3r-top"}],
    "services": [
        {
            "name": "api",
            "image": {"registry_type": "GHCR", "repository": "x", "registry_credentials": "user:h2Nt3r-registry"},
            "envs": [
                {"key": "KEY", "type": "SECRET", "value": SECRET},
                {"key": "LEVEL", "value": "debug-level"},
                {"key": "ODD", "type": "SECRET", "value": ["x"]},
            ],
            "log_destinations": [{"name": "papertrail", "logtail": {"token": "h2Nt3r-logtail"}}],
        },
        "not a mapping",
    ],
}
UNKNOWN = {
    "name": "web",
    "agents": [
        {
            "image": {"registry_credentials": "ada:h2Nt3r-registry"},
            "envs": [{"key": "K", "type": "SECRET", "value": "h2Nt3r-agent"}],
        }
    ],
}
"""A kind of component that no model knows."""


def test_the_secrets_of_a_spec_are_found() -> None:
    assert secrets_in({"slack_webhooks": [{"url": SECRET}, {"channel": "#ops"}]}) == {SECRET}
    assert secrets_in(None) == frozenset()
    assert secrets_in({"spec": SPEC}) == {"h2Nt3r-top", SECRET, "user:h2Nt3r-registry", "h2Nt3r-logtail", "x"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(422, json={"message": f"bad: {request.content.decode()} {request.headers}"}),
        lambda request: httpx.Response(
            422, json={"id": TOKEN, "request_id": SECRET, "message": f"{SECRET} {request.headers['authorization']}"}
        ),
        lambda request: httpx.Response(500, content=request.content + request.headers["authorization"].encode()),
        lambda request: httpx.Response(200, content=request.content[:-3]),
        lambda request: httpx.Response(200, json={"app": [SECRET, TOKEN]}),
        cut_short(),
        httpx.ReadTimeout("timed out"),
        httpx.ConnectError("refused"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_c05_no_error_holds_a_secret_wherever_one_looks(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(LiveError) as caught:
        Platform(clock, answer).run(lambda client: client.update_app("a1", SPEC))
    problem = caught.value
    shown = "\n".join(
        [
            *traceback.format_exception(problem),
            repr(problem),
            problem.hint,
            repr(vars(problem)),
            caplog.text,
        ]
    )
    for secret in (TOKEN, SECRET, "sk_live", "h2Nt3r"):
        assert secret not in shown
    assert problem.__cause__ is None
    assert problem.__context__ is None


def test_an_answer_that_quotes_the_request_shows_no_secret_of_a_part_that_no_model_knows(clock: VirtualClock) -> None:
    quoting = Platform(clock, lambda request: httpx.Response(400, json={"message": f"bad {request.content.decode()}"}))
    with pytest.raises(ApiError, match="agents") as caught:
        quoting.run(lambda client: client.create_app(UNKNOWN))
    assert "h2Nt3r" not in caught.value.message


def test_c05_the_client_does_not_show_its_token() -> None:
    client = Client(TOKEN, transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    assert TOKEN not in repr(client)
    assert TOKEN not in repr(client.__dict__)
