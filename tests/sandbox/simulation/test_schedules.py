"""Jobs run by the clock, as their cron expressions say."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.simulation.running import MOST_RUNS, due
from tests.sandbox.lab import Lab, Tree, web

DAY = 86_400.0


def job(cron: str, name: str = "tidy", zone: str = "UTC") -> Tree:
    schedule = {"cron": cron, "time_zone": zone}
    return {"name": name, "kind": "SCHEDULED", "schedule": schedule, "image": {"repository": "x"}}


def invocations(lab: Lab, app: Tree) -> list[Tree]:
    found: list[Tree] = lab.get(f"/v2/apps/{app['id']}/job-invocations?per_page=200")["job_invocations"]
    return found


def hours(found: list[Tree]) -> list[str]:
    return [item["created_at"][:16] for item in found]


def test_a_job_runs_when_it_is_due(lab: Lab) -> None:
    app = lab.create(web(jobs=[job("0 */6 * * *"), job("30 3 * * *", "nightly", "Europe/Amsterdam")]))
    assert invocations(lab, app) == []
    lab.wait(DAY)
    found = invocations(lab, app)
    assert hours(found) == [
        *("2026-03-02T12:00", "2026-03-02T06:00", "2026-03-02T02:30", "2026-03-02T00:00", "2026-03-01T18:00"),
    ]
    assert [item["job_name"] for item in found] == ["tidy", "tidy", "nightly", "tidy", "tidy"]
    assert {item["phase"] for item in found} == {"SUCCEEDED"}
    assert found[0]["trigger"] == {"type": "SCHEDULE", "scheduled": {"schedule": job("0 */6 * * *")["schedule"]}}
    assert found[0]["deployment_id"] == app["active_deployment"]["id"]
    assert invocations(lab, app) == found
    lab.wait(6 * 3600)
    assert invocations(lab, app)[1:] == found


def test_a_schedule_holds_until_another_deployment_is_active(lab: Lab) -> None:
    app = lab.create(web(jobs=[job("0 * * * *")]))
    lab.wait(2 * 3600)
    lab.update(app, web(jobs=[job("30 * * * *")]))
    lab.wait(3600)
    assert hours(invocations(lab, app)) == [
        "2026-03-01T15:30",
        "2026-03-01T14:30",
        "2026-03-01T14:00",
        "2026-03-01T13:00",
    ]


def test_nothing_runs_of_an_app_that_never_was_active(lab: Lab) -> None:
    lab.sandbox.fail("web", "deploy")
    app = lab.create(web(jobs=[job("* * * * *")]))
    lab.wait(DAY)
    assert invocations(lab, app) == []


def test_of_a_long_silence_only_the_latest_runs_are_made_up_for(lab: Lab) -> None:
    app = lab.create(web(jobs=[job("* * * * *")]))
    lab.sandbox.advance(400 * DAY)
    found = invocations(lab, app)
    assert len(found) == MOST_RUNS
    assert len({item["created_at"] for item in found}) == MOST_RUNS


CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "0 3 * * 1", "15,45 */2 * * *", "0 0 1 * *", "0 0 29 2 *"])


@given(CRONS, st.integers(0, 4 * 10**9), st.integers(0, 40 * 3600), st.integers(0, 40 * 3600))
def test_every_run_is_found_once_however_often_it_is_asked_for(cron: str, start: int, first: int, second: int) -> None:
    middle, end = start + first, start + first + second
    whole = due(job(cron), start, end)
    parts = [*due(job(cron), start, middle), *due(job(cron), middle, end)]
    assert whole == sorted(whole)
    assert whole == parts[-MOST_RUNS:]
    assert all(start < at <= end and datetime.fromtimestamp(at, UTC).second == 0 for at in whole)
