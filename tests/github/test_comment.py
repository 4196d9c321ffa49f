from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.github.comment import About, Fate, Posted, Remark, body_of, post
from reconciler.github.ownership import BODY_LIMIT, marker, parse_marker, weight
from tests.github.world import NEW, OLD, REPO, asked, github, remark
from tests.support.fake_github import FakeGitHub, Token, secondary_limit, server_error
from tests.support.virtual_time import VirtualClock

BOT = "github-actions[bot]"


@pytest.fixture
def fake() -> FakeGitHub:
    fake = FakeGitHub()
    fake.add_pull(7, OLD)
    return fake


def say(fake: FakeGitHub, what: Remark, token: str = "gh-token") -> Posted:
    posted: Posted = asked(fake, lambda client: post(client, what), token)[0]
    return posted


def test_the_first_plan_opens_a_comment_and_the_next_ones_update_it(fake: FakeGitHub) -> None:
    assert say(fake, remark("one")).fate is Fate.CREATED
    fake.pulls[7]["head"]["sha"] = NEW
    posted = say(fake, remark("two", commit=NEW, run=(101, 1)))
    assert posted.fate is Fate.UPDATED
    [comment] = fake.comments.values()
    assert comment["body"].endswith("\ntwo")
    assert posted.url == comment["html_url"]


def test_it_is_found_on_the_third_page(fake: FakeGitHub) -> None:
    for _ in range(230):
        fake.add_comment(7, "chatter")
    say(fake, remark("one"))
    assert say(fake, remark("two", run=(101, 1))).fate is Fate.UPDATED
    assert len(fake.comments_by(BOT)) == 1


def test_a_stranger_with_our_marker_is_not_us(fake: FakeGitHub) -> None:
    number = fake.add_comment(7, body_of(remark("gotcha")), login="mallory")
    assert say(fake, remark()).fate is Fate.CREATED
    assert fake.comments[number]["body"].endswith("gotcha")


def test_our_marker_quoted_further_down_is_a_quotation(fake: FakeGitHub) -> None:
    fake.add_comment(7, f"> quoting\n{body_of(remark())}", login=BOT)
    assert say(fake, remark()).fate is Fate.CREATED


@pytest.mark.parametrize("others", [0, 1])
def test_a_comment_that_is_deleted_before_it_is_updated_is_written_anew(fake: FakeGitHub, others: int) -> None:
    say(fake, remark("one"))
    [first] = fake.comments
    for _ in range(others):
        fake.add_comment(7, body_of(remark("of a race")), login=BOT)

    async def before(method: str, _path: str) -> None:
        if method == "PATCH":
            fake.comments.pop(first, None)

    fake.before = before
    posted = say(fake, remark("two", run=(101, 1)))
    assert posted.fate in (Fate.CREATED, Fate.UPDATED)
    [comment] = fake.comments.values()
    assert comment["body"].endswith("\ntwo")
    assert posted.url == comment["html_url"]


def test_a_comment_that_is_deleted_is_not_written_anew_to_say_that_nothing_differs(fake: FakeGitHub) -> None:
    say(fake, remark("one"))

    async def before(method: str, _path: str) -> None:
        if method == "PATCH":
            fake.comments.clear()

    fake.before = before
    assert say(fake, remark("nothing", run=(101, 1), worth_opening=False)).fate is Fate.FAILED
    assert not fake.comments


def test_another_environment_has_another_comment(fake: FakeGitHub) -> None:
    say(fake, remark(key="staging"))
    assert say(fake, remark(key="production")).fate is Fate.CREATED
    assert len(fake.comments) == 2


def test_a_minimised_comment_is_left_in_peace(fake: FakeGitHub) -> None:
    say(fake, remark("one"))
    [first] = fake.comments.values()
    fake.minimized.add(first["node_id"])
    assert say(fake, remark("two", run=(101, 1))).fate is Fate.CREATED
    assert first["body"].endswith("one")


def test_without_graphql_nothing_counts_as_minimised(fake: FakeGitHub) -> None:
    fake.tokens["gh-token"].graphql = False
    say(fake, remark("one"))
    assert say(fake, remark("two", run=(101, 1))).fate is Fate.UPDATED


@pytest.mark.parametrize(
    "token", [Token("ada", is_app=False), Token("our-app[bot]"), Token("ada", False, graphql=False)]
)
def test_whoever_the_token_is_finds_its_own(fake: FakeGitHub, token: Token) -> None:
    fake.tokens["other"] = token
    say(fake, remark("the bot's"))
    say(fake, remark("mine"), "other")
    assert say(fake, remark("mine again", run=(101, 1)), "other").fate is Fate.UPDATED
    assert [comment["body"].rpartition("\n")[2] for comment in fake.comments.values()] == ["the bot's", "mine again"]


def test_nothing_to_tell_opens_no_comment_but_updates_one(fake: FakeGitHub) -> None:
    quiet = remark("nothing differs", worth_opening=False, run=(101, 1))
    assert say(fake, quiet).fate is Fate.SKIPPED
    assert not fake.comments
    say(fake, remark("web would change"))
    assert say(fake, quiet).fate is Fate.UPDATED


def test_a_plan_of_an_older_commit_is_not_posted(fake: FakeGitHub) -> None:
    fake.pulls[7]["head"]["sha"] = NEW
    say(fake, remark("new", commit=NEW))
    posted = say(fake, remark("old", commit=OLD, run=(101, 1)))
    assert (posted.fate, posted.reason) == (Fate.SKIPPED, "#7 has a newer commit with its own run")
    assert [comment["body"].rpartition("\n")[2] for comment in fake.comments.values()] == ["new"]


def test_an_earlier_run_for_the_same_commit_covers_nothing(fake: FakeGitHub) -> None:
    say(fake, remark("second attempt", run=(100, 2)))
    assert say(fake, remark("first attempt", run=(100, 1))).fate is Fate.SKIPPED
    assert say(fake, remark("second again", run=(100, 2))).fate is Fate.UPDATED


def test_an_outcome_covers_the_plan_and_no_plan_covers_an_outcome(fake: FakeGitHub) -> None:
    say(fake, remark("plan"))
    fake.merge(7, NEW)
    assert say(fake, remark("done", about=About.OUTCOME, commit=NEW, run=(101, 1))).fate is Fate.UPDATED
    assert say(fake, remark("late plan", run=(102, 1))).fate is Fate.SKIPPED
    assert say(fake, remark("again", about=About.OUTCOME, commit=NEW, run=(101, 2))).fate is Fate.UPDATED
    assert len(fake.comments) == 1


def race(fake: FakeGitHub, *remarks: Remark) -> list[Posted]:
    clock = VirtualClock()

    async def one(what: Remark) -> Posted:
        async with github(fake, clock) as client:
            return await post(client, what)

    async def main() -> list[Posted]:
        return list(await asyncio.gather(*map(one, remarks)))

    try:
        return clock.run(main())
    finally:
        clock.close()


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=1, max_size=24))
def test_runs_that_race_leave_one_comment_in_whatever_order_their_requests_come(pauses: list[float]) -> None:
    fake = FakeGitHub()
    fake.add_pull(7, OLD)
    turn = iter(pauses * 20)

    async def before(method: str, path: str) -> None:
        await asyncio.sleep(next(turn, 0.0))

    fake.before = before
    posted = race(fake, *(remark(f"run {number}", run=(100 + number, 1)) for number in range(3)))
    assert len(fake.comments) == 1
    assert all(one.fate is not Fate.FAILED for one in posted)


def test_two_comments_that_a_race_once_left_become_one(fake: FakeGitHub) -> None:
    first = fake.add_comment(7, body_of(remark("one")), login=BOT)
    fake.add_comment(7, body_of(remark("two")), login=BOT)
    assert say(fake, remark("three", run=(101, 1))).fate is Fate.UPDATED
    assert list(fake.comments) == [first]


def test_a_run_whose_commit_is_overtaken_while_it_creates_takes_its_comment_away(fake: FakeGitHub) -> None:
    async def before(method: str, path: str) -> None:
        if method == "POST" and path.endswith("/comments") and not fake.comments:
            fake.add_comment(7, body_of(remark("new", commit=NEW, run=(101, 1))), login=BOT)
            fake.pulls[7]["head"]["sha"] = NEW

    fake.before = before
    assert say(fake, remark("old")).fate is Fate.SKIPPED
    assert [comment["body"].rpartition("\n")[2] for comment in fake.comments.values()] == ["new"]


Break = Callable[[FakeGitHub], None]


def forbidden(fake: FakeGitHub) -> None:
    fake.tokens["gh-token"].comments = False


@pytest.mark.parametrize(
    "break_it",
    [
        forbidden,
        lambda fake: fake.tokens.clear(),
        lambda fake: fake.refuse("POST", ".*comments", server_error()),
        lambda fake: fake.refuse("GET", ".*comments", secondary_limit(9999), times=9),
        lambda fake: fake.pulls.clear(),
        lambda fake: fake.refuse("GET", "/user", server_error(), times=9),
    ],
)
def test_whatever_fails_is_told_and_not_raised(fake: FakeGitHub, break_it: Break) -> None:
    break_it(fake)
    posted = say(fake, remark())
    assert posted.fate is Fate.FAILED
    assert posted.reason.startswith("the comment on #7 failed: ")


@given(st.integers(min_value=0, max_value=400_000), st.sampled_from(["x", "é", "\U0001f680"]), st.booleans())
def test_a_body_is_always_within_the_limit(length: int, letter: str, obedient: bool) -> None:
    def render(limit: int) -> str:
        return (letter * length)[: limit if obedient else None]

    body = body_of(remark(render=render))
    assert len(body) <= weight(body) <= BODY_LIMIT
    assert parse_marker("comment", body) is not None


def test_a_full_length_report_keeps_what_fits(fake: FakeGitHub) -> None:
    assert say(fake, remark("x" * 200_000)).fate is Fate.CREATED
    [comment] = fake.comments.values()
    assert BODY_LIMIT - 200 < len(comment["body"]) <= BODY_LIMIT


FIELDS = st.dictionaries(st.sampled_from(["key", "about", "commit", "since"]), st.text(max_size=40))


@given(FIELDS)
def test_a_marker_gives_back_what_was_put_in_and_nothing_ends_it(fields: dict[str, str]) -> None:
    line = marker("comment", fields)
    assert line.count("-->") == 1
    assert "\n" not in line
    assert parse_marker("comment", f"{line}\ntext") == fields
    assert parse_marker("drift", line) is None


def test_a_body_without_a_marker_has_none() -> None:
    assert parse_marker("comment", "") is None
    assert parse_marker("comment", "hello <!-- reconcile:comment key=x -->") is None


def test_the_repository_and_the_pull_are_those_of_the_remark(fake: FakeGitHub) -> None:
    what: Any = replace(remark(), repository=REPO, pull=8)
    fake.add_pull(8, OLD)
    say(fake, what)
    assert [comment["pull"] for comment in fake.comments.values()] == [8]
