"""Deployments on GitHub: what an outcome is shown as, and that no environment ever has two that are active."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from reconciler.github.api import GitHub, GitHubError
from reconciler.github.deployments import Deployments, Status, Subject
from reconciler.github.rollouts import MOST, TASK, Place, RolloutDeployments
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.model import DeploymentRecord, Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport
from tests.github.world import NEW, OLD, REPO, asked, github
from tests.support.fake_github import FakeGitHub, server_error
from tests.support.virtual_time import VirtualClock

PLACE = Place(REPO, NEW, "production", "https://github.example/run")
ENVIRONMENT = "production/shop"


@pytest.fixture
def fake() -> FakeGitHub:
    return FakeGitHub()


def states(fake: FakeGitHub) -> list[list[str]]:
    return [[status["state"] for status in fake.statuses[number]] for number in fake.deployments]


def deployed(fake: FakeGitHub, commit: str, state: str, environment: str = ENVIRONMENT) -> None:
    """One deployment from its beginning to its end."""

    async def main(client: GitHub) -> None:
        found = Deployments(client, REPO, TASK)
        number = await found.begin(Subject(environment, commit))
        if state in ("success", "inactive"):
            await found.end(environment, but=number)
        if state:
            await found.show(number, Status(state))

    asked(fake, main)


def record(kind: OutcomeKind, *, tried: bool = True, reason: str = "") -> RolloutRecord:
    deployments = (DeploymentRecord("8b2e1c3d-9f", "deploy"),) if tried else ()
    return RolloutRecord(
        "shop",
        Action.UPDATE,
        Outcome(kind, reason),
        deployments=deployments,
        live_url="https://shop.example",
        deployment_id="8b2e1c3d-9f" if tried else "",
    )


def plan(action: Action = Action.UPDATE, follow: str = "") -> Plan:
    return Plan("shop", SyncStatus.OUT_OF_SYNC, action, follow=follow)


def run(
    fake: FakeGitHub,
    report: RolloutReport | None,
    plans: Sequence[Plan] = (plan(),),
    found: dict[str, str] | None = None,
    events: Sequence[Event] = (Event(1.0, "shop", "building", phase="BUILDING"),),
) -> tuple[frozenset[str] | None, str]:
    """The deployments of a run; what was said before, and its problem."""
    clock = VirtualClock()

    async def main() -> tuple[frozenset[str] | None, str]:
        made = RolloutDeployments(lambda: github(fake, clock), PLACE, plans)
        made.begin()
        for event in events:
            made.saw(event)
        return await made.finish(report, found or {}), made.problem

    try:
        return clock.run(main())
    finally:
        clock.close()


AFTER = {
    OutcomeKind.APPLIED: ("success", "inactive"),
    OutcomeKind.UNCHANGED: ("success", "inactive"),
    OutcomeKind.TIMED_OUT: ("in_progress", "success"),
    OutcomeKind.INTERRUPTED: ("in_progress", "success"),
    OutcomeKind.SKIPPED: ("error", "success"),
    OutcomeKind.REFUSED: ("error", "success"),
    OutcomeKind.ROLLED_BACK: ("failure", "success"),
    OutcomeKind.PINNED: ("failure", "success"),
    OutcomeKind.LEFT: ("failure", "inactive"),
    OutcomeKind.DEGRADED: ("failure", "inactive"),
    OutcomeKind.DIVERGED: ("failure", "inactive"),
    OutcomeKind.ROLLBACK_FAILED: ("failure", "inactive"),
}


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.DELETED])
def test_an_outcome_is_shown_as_what_it_is_and_what_serves_no_longer_ends(fake: FakeGitHub, kind: OutcomeKind):
    deployed(fake, OLD, "success")
    run(fake, RolloutReport((record(kind),)))
    old, new = states(fake)
    assert (new[-1], old[-1]) == AFTER.get(kind, ("failure", "success"))


def test_a_rollout_is_pending_until_its_deployment_has_a_phase(fake: FakeGitHub):
    run(fake, RolloutReport((record(OutcomeKind.APPLIED),)), events=[Event(0.0, "shop", "waiting for desk")])
    assert states(fake) == [["pending", "success"]]


def test_an_app_that_is_deleted_leaves_no_deployment_active(fake: FakeGitHub):
    deployed(fake, OLD, "success")
    run(fake, RolloutReport((record(OutcomeKind.DELETED, tried=False),)), [plan(Action.DELETE)])
    assert states(fake) == [["success", "inactive"]]


def test_an_app_that_is_only_followed_has_a_deployment_and_one_in_sync_has_none(fake: FakeGitHub):
    run(fake, RolloutReport((record(OutcomeKind.APPLIED),)), [plan(Action.NONE, follow="d1")])
    assert states(fake) == [["pending", "in_progress", "success"]]
    fake.log.clear()
    run(fake, RolloutReport((record(OutcomeKind.UNCHANGED, tried=False),)), [plan(Action.NONE)], events=[])
    assert fake.log == []


def test_an_app_whose_health_had_to_be_followed_is_shown_although_nothing_was_planned(fake: FakeGitHub):
    run(fake, RolloutReport((record(OutcomeKind.ROLLED_BACK),)), [plan(Action.NONE)], events=[])
    assert states(fake) == [["failure"]]


def test_a_run_that_breaks_off_ends_what_it_began(fake: FakeGitHub):
    run(fake, None)
    assert states(fake) == [["pending", "in_progress", "error"]]
    fake.log.clear()
    assert run(fake, None, [plan(Action.NONE)], events=[]) == (frozenset(), "")
    assert fake.log == []


def interrupted(fake: FakeGitHub, report: RolloutReport | None, events: Sequence[Event], seconds: float = 0.0) -> float:
    """A run that is cancelled while it shows how two rollouts ended; what that took, if each request takes so long."""
    clock = VirtualClock()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await clock.sleep(seconds)
            return await fake.transport().handle_async_request(request)

    async def main() -> None:
        client = GitHub("gh-token", clock=clock, api_url="https://api.github.example", transport=Slow())
        made = RolloutDeployments(lambda: client, PLACE, [plan(), replace(plan(), app="desk")])
        made.begin()
        for event in events:
            made.saw(event)
        if report is None:
            await made.finish(None, {}, asyncio.CancelledError())
            return
        finishing = asyncio.create_task(made.finish(report, {}))
        await asyncio.sleep(0)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing

    try:
        clock.run(main())
        return clock.monotonic()
    finally:
        clock.close()


def test_an_interruption_while_the_ends_are_written_leaves_nothing_pending(fake: FakeGitHub):
    report = RolloutReport((record(OutcomeKind.APPLIED), replace(record(OutcomeKind.ROLLED_BACK), app="desk")))
    interrupted(fake, report, [Event(1.0, "shop", "building", phase="BUILDING")])
    assert [one[-1] for one in states(fake)] == ["success", "failure"]


def test_an_interruption_gives_a_slow_github_a_few_seconds_and_no_more(fake: FakeGitHub):
    report = RolloutReport((record(OutcomeKind.APPLIED), replace(record(OutcomeKind.ROLLED_BACK), app="desk")))
    assert interrupted(fake, report, [], 3.0) == 5.0


def test_an_interruption_before_the_report_shows_apps_as_they_ended_and_the_others_as_interrupted(fake: FakeGitHub):
    deployed(fake, OLD, "success")
    building = [Event(1.0, app, "building", phase="BUILDING") for app in ("shop", "desk")]
    interrupted(fake, None, [*building, Event(2.0, "shop", "applied", outcome=OutcomeKind.APPLIED)])
    assert [one[-1] for one in states(fake)] == ["inactive", "success", "error"]
    assert fake.statuses[max(fake.deployments)][-1]["description"] == "the run was interrupted, see its log"


def test_the_same_commit_again_is_the_same_deployment(fake: FakeGitHub):
    run(fake, RolloutReport((record(OutcomeKind.ROLLED_BACK),)))
    run(fake, RolloutReport((record(OutcomeKind.APPLIED),)))
    assert states(fake) == [["pending", "in_progress", "failure", "pending", "in_progress", "success"]]


def test_an_earlier_commit_again_is_a_new_deployment(fake: FakeGitHub):
    for commit in (NEW, OLD):
        deployed(fake, commit, "success")
    run(fake, RolloutReport((record(OutcomeKind.APPLIED),)))
    assert [one[-1] for one in states(fake)] == ["inactive", "inactive", "success"]
    assert list(fake.active()) == [ENVIRONMENT]


def test_what_a_run_only_found_is_shown_once_and_again_after_another_deployment(fake: FakeGitHub):
    stalled = RolloutReport((record(OutcomeKind.STALLED, tried=False, reason="this spec failed"),))
    nothing = [plan(Action.REFUSE)]
    assert run(fake, stalled, nothing, {"shop": "11111111-a"}, [])[0] == frozenset()
    assert run(fake, stalled, nothing, {"shop": "11111111-a"}, [])[0] == {"shop"}
    assert states(fake) == [["failure"]]
    assert run(fake, stalled, nothing, {"shop": "22222222-b"}, [])[0] == frozenset()
    assert [status["description"] for status in fake.statuses[1]] == [
        "stalled: this spec failed (11111111)",
        "stalled: this spec failed (22222222)",
    ]


def test_a_failure_that_a_run_showed_is_known_to_the_next_one(fake: FakeGitHub):
    run(fake, RolloutReport((record(OutcomeKind.ROLLED_BACK, reason="503"),)))
    stalled = RolloutReport((record(OutcomeKind.STALLED, tried=False),))
    assert run(fake, stalled, [plan(Action.REFUSE)], {"shop": "8b2e1c3d-9f"}, [])[0] == {"shop"}


def test_of_a_fleet_in_trouble_only_so_many_are_looked_at_and_the_rest_is_named(fake: FakeGitHub):
    clock = VirtualClock()
    names = [f"app-{number}" for number in range(MOST + 5)]
    records = tuple(replace(record(OutcomeKind.STALLED, tried=False), app=name) for name in names)
    made = RolloutDeployments(lambda: github(fake, clock), PLACE, ())
    try:
        clock.run(made.finish(RolloutReport(records), dict.fromkeys(names, "d1")))
    finally:
        clock.close()
    assert len(fake.deployments) == MOST
    assert made.left_out == set(names[MOST:])


def test_a_description_fits_and_still_names_the_deployment(fake: FakeGitHub):
    for reason in ("x" * 119, "x" * 120, "x" * 900, "\x1b" * 130):
        run(fake, RolloutReport((record(OutcomeKind.ROLLED_BACK, reason=reason),)))
        description = fake.statuses[1][-1]["description"]
        assert len(description) <= 140
        assert description.endswith(" (8b2e1c3d)")


def test_github_that_is_down_is_one_problem_and_remembers_nothing(fake: FakeGitHub):
    fake.refuse("GET", ".*", server_error(500), times=99)
    said, problem = run(fake, RolloutReport((record(OutcomeKind.APPLIED),)))
    assert (said, states(fake)) == (None, [])
    assert problem.startswith("deployments on GitHub: GitHub answered 500")


@pytest.mark.parametrize("status", [422, 502])
@pytest.mark.parametrize("path", [".*/deployments", ".*/statuses"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_write_that_github_refuses_or_loses_leaves_no_deployment_pending(
    fake: FakeGitHub, path: str, status: int, times: int
):
    fake.refuse("POST", path, server_error(status), times)
    apps = ("shop", "desk", "blog")
    report = RolloutReport(tuple(replace(record(OutcomeKind.APPLIED), app=app) for app in apps))
    _, problem = run(fake, report, [replace(plan(), app=app) for app in apps])
    assert [one[-1] for one in states(fake)] == ["success"] * 3
    lost = status == 502 and path.endswith("statuses")
    assert problem.startswith("" if lost else f"deployments on GitHub: GitHub answered {status} to POST")
    assert bool(problem) is not lost


def test_github_that_answers_slowly_holds_no_run_up_for_hours(fake: FakeGitHub):
    clock = VirtualClock()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await clock.sleep(29)
            return await fake.transport().handle_async_request(request)

    apps = [f"app-{number}" for number in range(MOST)]
    plans = [replace(plan(), app=app) for app in apps]

    async def main() -> tuple[frozenset[str] | None, str]:
        client = GitHub("gh-token", clock=clock, api_url="https://api.github.example", transport=Slow())
        made = RolloutDeployments(lambda: client, PLACE, plans)
        made.begin()
        records = tuple(replace(record(OutcomeKind.APPLIED), app=app) for app in apps)
        return await made.finish(RolloutReport(records), {}), made.problem

    try:
        said, problem = clock.run(main())
        assert said is None
        assert problem == "deployments on GitHub: they were not all written within 300 s"
        assert clock.monotonic() < 310
    finally:
        clock.close()


@pytest.mark.parametrize("odd", ["null", "3", "{}"])
def test_an_answer_that_is_no_list_has_no_deployments(odd: str):
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, text=odd))
    clock = VirtualClock()

    async def main() -> tuple[object, object]:
        async with GitHub("t", clock=clock, transport=transport) as client:
            found = Deployments(client, REPO, TASK)
            return await found.newest(ENVIRONMENT), await found.environments()

    try:
        assert clock.run(main()) == (None, set())
    finally:
        clock.close()


def test_a_name_of_an_environment_has_no_markup():
    assert Place(REPO, NEW, "pro`d<uction>", "").of("shop").environment == "production/shop"
    assert Place(REPO, NEW, "", "").of("shop").environment == "shop"


@pytest.mark.parametrize("number", range(8))
def test_whatever_fails_in_between_no_environment_has_two_that_are_active(fake: FakeGitHub, number: int):
    """GitHub refuses the write of that number, at the second and the third of three deployments."""
    deployed(fake, "1" * 40, "success")
    for commit in ("2" * 40, "3" * 40):
        count = 0

        async def before(method: str, _path: str) -> None:
            nonlocal count
            count += method == "POST"
            if method == "POST" and count == number:
                fake.refuse("POST", ".*", server_error(422))

        fake.before = before
        with suppress(GitHubError):
            deployed(fake, commit, "success")
        fake.before = None
        fake.active()
    deployed(fake, "4" * 40, "success")
    assert [one[-1:] for one in states(fake)][-1] == ["success"]
    assert len(fake.active()) == 1


def test_failures_in_between_cost_few_requests_and_stay_failures(fake: FakeGitHub):
    deployed(fake, "a" * 40, "success")
    for number in range(5):
        deployed(fake, str(number) * 40, "failure")
    fake.log.clear()
    deployed(fake, NEW, "success")
    assert [one[-1] for one in states(fake)] == ["inactive", *["failure"] * 5, "success"]
    fake.log.clear()
    deployed(fake, OLD, "success")
    assert len(fake.log) <= 7, "what was ended before is not looked at again"
