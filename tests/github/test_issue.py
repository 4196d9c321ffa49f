from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from reconciler.github.issue import LABEL, Detection, Kept, Known, Move, decide, keep
from reconciler.github.ownership import BODY_LIMIT, parse_marker
from tests.github.world import REPO, asked, github
from tests.support.fake_github import FakeGitHub, server_error
from tests.support.virtual_time import EPOCH, VirtualClock

DRIFT = Detection(
    repository=REPO,
    key="k1",
    name="production",
    fingerprint="f1",
    render=lambda limit: "web differs"[:limit],
    at=EPOCH,
    run_url="https://github.example/run/1",
)
NONE = replace(DRIFT, fingerprint="", render=lambda limit: "in sync"[:limit])


@pytest.fixture
def fake() -> FakeGitHub:
    return FakeGitHub()


def see(fake: FakeGitHub, detection: Detection, token: str = "gh-token") -> Kept:
    kept: Kept = asked(fake, lambda client: keep(client, detection), token)[0]
    return kept


def only(fake: FakeGitHub) -> dict[str, Any]:
    [issue] = fake.issues.values()
    return issue


def counted(issue: dict[str, Any]) -> str:
    fields = parse_marker("drift", issue["body"])
    assert fields is not None
    return fields["seen"]


OPEN = Known(1, is_open=True, recorded="open", fingerprint="f1", seen=1)
CLOSED = Known(1, is_open=False, recorded="closed")
PERSON = Known(1, is_open=False, recorded="open", fingerprint="f1", seen=4)
COUNTING = Known(1, is_open=False, recorded="closed", fingerprint="f1", seen=1)


@pytest.mark.parametrize(
    ("known", "fingerprint", "after", "move"),
    [
        pytest.param(None, "", 1, Move.NOTHING, id="no drift, no issue"),
        pytest.param(None, "f1", 1, Move.OPEN, id="drift is told at once"),
        pytest.param(None, "f1", 3, Move.COUNT, id="drift that may pass is counted first"),
        pytest.param(COUNTING, "f1", 3, Move.COUNT, id="and counted"),
        pytest.param(COUNTING, "f1", 2, Move.OPEN, id="and told when it lasts"),
        pytest.param(COUNTING, "f2", 2, Move.OPEN, id="also when it changes on the way"),
        pytest.param(COUNTING, "", 3, Move.COUNT, id="and counted from nought when it passes"),
        pytest.param(OPEN, "f1", 1, Move.UPDATE, id="an open issue is kept up to date"),
        pytest.param(OPEN, "", 1, Move.CLOSE, id="and closed when the drift is gone"),
        pytest.param(CLOSED, "", 1, Move.NOTHING, id="a closed one stays closed"),
        pytest.param(CLOSED, "f1", 1, Move.OPEN, id="until drift comes back"),
        pytest.param(PERSON, "f1", 1, Move.NOTHING, id="a person who closed it has seen this drift"),
        pytest.param(PERSON, "f2", 1, Move.OPEN, id="but not another one"),
        pytest.param(PERSON, "", 1, Move.COUNT, id="when it is gone we know that it can come back"),
    ],
)
def test_what_becomes_of_the_issue(known: Known | None, fingerprint: str, after: int, move: Move) -> None:
    assert decide(known, fingerprint, after) is move


def test_drift_opens_one_issue_keeps_it_up_to_date_closes_it_and_opens_it_again(fake: FakeGitHub) -> None:
    assert see(fake, NONE).move is Move.NOTHING
    assert see(fake, DRIFT).move is Move.OPEN
    issue = only(fake)
    assert (issue["title"], issue["state"], issue["labels"]) == ("Drift in production", "open", [{"name": LABEL}])
    assert "web differs" in issue["body"]
    assert see(fake, DRIFT).move is Move.UPDATE
    assert "seen 2 times in a row" in only(fake)["body"]
    assert see(fake, NONE).move is Move.CLOSE
    assert (only(fake)["state"], only(fake)["state_reason"]) == ("closed", "completed")
    assert "No drift any more" in only(fake)["body"]
    assert see(fake, NONE).move is Move.NOTHING
    assert see(fake, replace(DRIFT, fingerprint="f2")).move is Move.OPEN
    assert (only(fake)["state"], counted(only(fake))) == ("open", "1")


def test_its_first_sight_stays_told_while_it_lasts(fake: FakeGitHub) -> None:
    see(fake, DRIFT)
    see(fake, replace(DRIFT, at=EPOCH.replace(hour=18)))
    assert "first 2026-03-01 12:00 UTC, last 2026-03-01 18:00 UTC" in only(fake)["body"]


def test_drift_that_must_last_is_counted_in_a_closed_issue(fake: FakeGitHub) -> None:
    lasting = replace(DRIFT, after=3)
    assert see(fake, lasting).move is Move.COUNT
    assert only(fake)["state"] == "closed"
    assert see(fake, replace(NONE, after=3)).move is Move.COUNT
    assert [see(fake, lasting).move for _ in range(3)] == [Move.COUNT, Move.COUNT, Move.OPEN]
    assert only(fake)["state"] == "open"


def test_a_person_who_closes_it_is_not_nagged_about_the_same_drift(fake: FakeGitHub) -> None:
    see(fake, DRIFT)
    only(fake)["state"] = "closed"
    assert see(fake, DRIFT).move is Move.NOTHING
    assert see(fake, replace(DRIFT, fingerprint="f2")).move is Move.OPEN


def test_a_title_and_labels_that_people_changed_stay_theirs(fake: FakeGitHub) -> None:
    see(fake, DRIFT)
    only(fake).update(title="Known: see #12", labels=[{"name": "ops"}])
    assert see(fake, DRIFT).move is Move.UPDATE
    assert only(fake)["title"] == "Known: see #12"


def test_it_is_found_on_a_later_page_and_pull_requests_are_passed_over(fake: FakeGitHub) -> None:
    see(fake, DRIFT)
    body = only(fake)["body"]
    for number in range(1000, 1150):
        fake.issues[number] = only_like(number, body="else")
    fake.issues[2000] = only_like(2000, body=body) | {"pull_request": {}}
    fake.issues[2001] = only_like(2001, body=body) | {"user": {"login": "mallory"}}
    assert see(fake, DRIFT).number == 1


def only_like(number: int, body: str) -> dict[str, Any]:
    return {
        "number": number,
        "title": "",
        "body": body,
        "state": "open",
        "labels": [{"name": LABEL}],
        "user": {"login": "github-actions[bot]"},
    }


def test_each_environment_has_its_own(fake: FakeGitHub) -> None:
    see(fake, DRIFT)
    see(fake, replace(DRIFT, key="k2", name="staging"))
    assert see(fake, NONE).move is Move.CLOSE
    assert [issue["state"] for issue in fake.issues.values()] == ["closed", "open"]


@hypothesis.given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=1, max_size=24))
@hypothesis.example([0.1])
def test_runs_that_race_leave_one_open_issue_in_whatever_order_their_requests_come(pauses: list[float]) -> None:
    fake = FakeGitHub()
    turn = iter(pauses * 20)
    clock = VirtualClock()

    async def before(method: str, path: str) -> None:
        await asyncio.sleep(next(turn, 0.0))

    async def one() -> Kept:
        async with github(fake, clock) as client:
            return await keep(client, DRIFT)

    async def main() -> list[Kept]:
        return list(await asyncio.gather(one(), one(), one()))

    fake.before = before
    try:
        kept = clock.run(main())
    finally:
        clock.close()
    fake.before = None
    [open_issue] = [issue for issue in fake.issues.values() if issue["state"] == "open"]
    assert {one.number for one in kept} == {open_issue["number"]}
    assert see(fake, DRIFT).number == open_issue["number"]


def test_a_label_we_may_not_make_or_that_exists_stops_nothing(fake: FakeGitHub) -> None:
    fake.labels.add(LABEL)
    assert see(fake, DRIFT).move is Move.OPEN


def test_a_refusal_is_told_and_not_raised(fake: FakeGitHub) -> None:
    fake.tokens["gh-token"].issues = False
    kept = see(fake, DRIFT)
    assert kept.warning.startswith("the drift issue failed: GitHub answered 403")
    fake.refuse("GET", ".*/issues", server_error(), times=9)
    assert "502" in see(fake, DRIFT).warning


def test_a_long_account_stays_within_the_limit(fake: FakeGitHub) -> None:
    see(fake, replace(DRIFT, render=lambda limit: "é\U0001f680" * (limit // 2)))
    assert len(only(fake)["body"]) <= BODY_LIMIT
    see(fake, replace(DRIFT, render=lambda limit: "x" * 1_000_000))
    assert "too long" in only(fake)["body"]


def test_a_name_of_many_lines_makes_a_title_of_one(fake: FakeGitHub) -> None:
    see(fake, replace(DRIFT, name="pro\nduction " * 100))
    assert "\n" not in only(fake)["title"]
    assert len(only(fake)["title"]) <= 256


# --- what messages were sent about ---


def noticed(fake: FakeGitHub, apps: frozenset[str], **more: Any) -> Kept:
    fingerprint = ",".join(sorted(apps))
    return see(fake, replace(DRIFT, fingerprint=fingerprint, apps=apps, still=apps, **more))


DAYS = st.lists(
    st.tuples(st.frozensets(st.sampled_from(["shop", "desk", "blog"])), st.booleans()), min_size=1, max_size=8
)


@hypothesis.given(DAYS, st.integers(1, 2))
@hypothesis.settings(max_examples=40)
def test_of_each_app_it_is_said_by_turns_that_drift_begins_and_that_it_ends(
    days: list[tuple[frozenset[str], bool]], after: int
) -> None:
    fake, said = FakeGitHub(), frozenset[str]()
    for apps, a_person_closes_it in days:
        kept = noticed(fake, apps, after=after)
        assert not kept.begun & said, "it was said before"
        assert set(kept.ended) <= said, "it was never said"
        assert kept.begun <= apps
        assert not set(kept.ended) & apps
        said = (said | kept.begun) - set(kept.ended)
        assert not said - apps, "what is over was said to be"
        if any(issue["state"] == "open" for issue in fake.issues.values()):
            assert said == apps
        if a_person_closes_it and fake.issues:
            only(fake)["state"] = "closed"


def test_drift_of_an_app_that_is_deploying_is_not_over_yet(fake: FakeGitHub) -> None:
    shop, desk = frozenset({"shop"}), frozenset({"desk"})
    assert noticed(fake, shop | desk).begun == shop | desk
    kept = see(fake, replace(DRIFT, fingerprint="f2", apps=desk, still=shop | desk))
    assert (kept.begun, kept.ended) == (frozenset(), ())
    kept = see(fake, replace(NONE, still=shop))
    assert kept.ended == ("desk",)


def test_what_was_said_survives_a_detection_that_messages_are_not_about(fake: FakeGitHub) -> None:
    """One app stalls: its drift is what a rollout said, and stays what it was."""
    shop = frozenset({"shop"})
    noticed(fake, shop)
    kept = see(fake, replace(DRIFT, fingerprint="f2", apps=frozenset(), still=shop))
    assert (kept.begun, kept.ended) == (frozenset(), ())
    assert noticed(fake, shop).begun == frozenset()


def test_a_fleet_that_drifts_fits_into_the_issue(fake: FakeGitHub) -> None:
    apps = frozenset(f"a-name-of-the-longest-kind-{number:05}" for number in range(1500))
    long = replace(DRIFT, apps=apps, still=apps, render=lambda limit: "x" * limit)
    assert len(see(fake, long).begun) == 1000
    assert 60_000 < len(only(fake)["body"]) <= BODY_LIMIT
    assert see(fake, long).begun == frozenset()
