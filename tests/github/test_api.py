from __future__ import annotations

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from reconciler.clock import SystemClock
from reconciler.github.api import GitHub, GitHubError
from tests.github.world import asked
from tests.support.fake_github import FakeGitHub, primary_limit, secondary_limit, server_error
from tests.support.virtual_time import EPOCH, VirtualClock

COMMENTS = "/repos/acme/shop/issues/7/comments"
HELLO = {"body": "hello"}


async def listed(github: GitHub) -> list[int]:
    return [entry["id"] async for entry in github.pages(COMMENTS)]


def test_every_page_is_read() -> None:
    fake = FakeGitHub()
    ids = [fake.add_comment(7, "hello") for _ in range(250)]
    found, _ = asked(fake, listed)
    assert found == ids
    assert fake.log == [("GET", COMMENTS)] * 3


def test_a_next_page_on_another_host_gets_no_token() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, JSONResponse([], headers={"link": '<https://evil.example/next>; rel="next"'}))
    with pytest.raises(GitHubError, match="another host"):
        asked(fake, listed)


@pytest.mark.parametrize(
    "url",
    ["http://api.github.example/next", "https://api.github.example:8443/next", "https://api.github.example.evil/"],
)
def test_a_next_page_of_another_scheme_or_port_gets_none_either(url: str) -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, JSONResponse([], headers={"link": f'<{url}>; rel="next"'}))
    with pytest.raises(GitHubError, match="another host"):
        asked(fake, listed)
    assert len(fake.log) == 1


def test_a_read_is_repeated_with_growing_pauses() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, server_error(), times=3)
    _, seconds = asked(fake, listed)
    assert (len(fake.log), seconds) == (4, 1 + 2 + 4)


def test_a_read_that_never_works_fails_with_status_method_and_path() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, server_error(503), times=9)
    with pytest.raises(GitHubError, match=f"503 to GET {COMMENTS}") as caught:
        asked(fake, listed)
    assert (caught.value.status, len(fake.log)) == (503, 5)


def test_a_post_that_may_have_worked_is_not_repeated() -> None:
    fake = FakeGitHub()
    fake.refuse("POST", COMMENTS, server_error())
    with pytest.raises(GitHubError):
        asked(fake, lambda github: github.post(COMMENTS, HELLO))
    assert len(fake.log) == 1


def test_a_post_that_was_turned_away_for_its_rate_is_sent_again_after_the_pause_it_asks_for() -> None:
    fake = FakeGitHub()
    fake.refuse("POST", COMMENTS, secondary_limit(37))
    _, seconds = asked(fake, lambda github: github.post(COMMENTS, HELLO))
    assert (seconds, len(fake.comments)) == (37, 1)


def test_a_secondary_limit_that_names_no_pause_is_waited_out_for_a_minute() -> None:
    fake = FakeGitHub()
    fake.refuse("POST", COMMENTS, secondary_limit(None))
    _, seconds = asked(fake, lambda github: github.post(COMMENTS, HELLO))
    assert seconds == 60


def test_a_spent_budget_is_waited_out_until_its_reset() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, primary_limit(int(EPOCH.timestamp()) + 90))
    _, seconds = asked(fake, listed)
    assert seconds == 91


def test_no_comment_is_worth_an_hour() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, primary_limit(int(EPOCH.timestamp()) + 3600))
    with pytest.raises(GitHubError, match="rate limit exceeded"):
        asked(fake, listed)
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, secondary_limit(100), times=5)
    with pytest.raises(GitHubError, match="secondary rate limit"):
        asked(fake, listed)
    assert len(fake.log) == 2


def test_a_change_is_repeated_and_deleting_what_is_gone_is_fine() -> None:
    fake = FakeGitHub()
    number = fake.add_comment(7, "old")
    path = f"/repos/acme/shop/issues/comments/{number}"
    fake.refuse("PATCH", path, server_error())
    asked(fake, lambda github: github.patch(path, HELLO))
    assert fake.comments[number]["body"] == "hello"
    asked(fake, lambda github: github.delete(path))
    asked(fake, lambda github: github.delete(path))
    assert not fake.comments


def test_a_refusal_says_which_permission_is_missing() -> None:
    fake = FakeGitHub()
    fake.tokens["gh-token"].comments = False
    with pytest.raises(GitHubError) as caught:
        asked(fake, lambda github: github.post(COMMENTS, HELLO))
    assert "pull-requests: write" in caught.value.hint
    assert caught.value.forbidden


def test_a_token_that_github_quotes_is_not_told_on() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, JSONResponse({"message": "bad token ghs_0123456789"}, status_code=401))
    with pytest.raises(GitHubError) as caught:
        asked(fake, listed, token="ghs_0123456789")
    assert "ghs_0123456789" not in f"{caught.value.message} {caught.value!r} {caught.value.hint}"


def test_an_answer_that_is_no_json_is_an_error_not_a_crash() -> None:
    fake = FakeGitHub()
    fake.refuse("GET", COMMENTS, server_error(200))
    with pytest.raises(GitHubError, match="is not JSON"):
        asked(fake, listed)


def test_a_query_that_graphql_refuses_is_an_error() -> None:
    fake = FakeGitHub()
    fake.tokens["gh-token"].graphql = False
    with pytest.raises(GitHubError, match="refused the query"):
        asked(fake, lambda github: github.query("query { viewer { login } }"))


def test_a_repository_that_was_renamed_is_followed_for_reading() -> None:
    fake = FakeGitHub()
    number = fake.add_comment(7, "hello")
    fake.refuse("GET", "/repos/acme/old/issues/7/comments", Response(status_code=301, headers={"location": COMMENTS}))
    found, _ = asked(fake, lambda github: github.get("/repos/acme/old/issues/7/comments"))
    assert [entry["id"] for entry in found] == [number]


class Broken(httpx.AsyncBaseTransport):
    """Fails with these errors in turn, then answers an empty list."""

    def __init__(self, *errors: httpx.RequestError) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return httpx.Response(200, json=[])


def broken(transport: Broken, method: str) -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with GitHub("ghs_secret", clock=clock, transport=transport) as github:
            await (github.get(COMMENTS) if method == "GET" else github.post(COMMENTS, HELLO))

    try:
        clock.run(main())
    finally:
        clock.close()


def test_a_write_that_was_never_sent_is_sent_again() -> None:
    transport = Broken(httpx.ConnectError("refused"))
    broken(transport, "POST")
    assert transport.tries == 2


def test_a_write_whose_answer_is_lost_is_not() -> None:
    transport = Broken(httpx.ReadTimeout("https://user:ghs_secret@proxy"))
    with pytest.raises(GitHubError, match="ReadTimeout") as caught:
        broken(transport, "POST")
    assert transport.tries == 1
    assert "ghs_secret" not in str(caught.value)


@pytest.mark.parametrize("error", [httpx.DecodingError("gzip"), httpx.TooManyRedirects("20")])
def test_an_answer_that_cannot_be_read_is_an_error_not_a_crash(error: httpx.RequestError) -> None:
    transport = Broken(error)
    with pytest.raises(GitHubError, match=type(error).__name__):
        broken(transport, "POST")
    assert transport.tries == 1


@pytest.mark.parametrize("token", ["gh_sécret", "gh_secret\nx: y"])
def test_a_token_that_no_header_can_hold_is_an_error_and_not_told(token: str) -> None:
    with pytest.raises(GitHubError) as caught:
        GitHub(token, clock=SystemClock())
    assert "cret" not in str(caught.value)


def test_an_address_that_is_none_is_an_error() -> None:
    with pytest.raises(GitHubError, match="InvalidURL"):
        GitHub("ghs_secret", clock=SystemClock(), api_url="https://api.github.example:port")


def test_a_read_whose_answer_is_lost_is_asked_for_again() -> None:
    transport = Broken(httpx.ReadTimeout(""), httpx.ReadError(""))
    broken(transport, "GET")
    assert transport.tries == 3
