"""What a plan may not do unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from reconciler.config import Policy
from reconciler.config_sections import Freeze, Guards
from reconciler.errors import UsageError
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.plan.guard import check_allowed, frozen, guarded, held, is_dangerous, takes_away
from reconciler.plan.model import Action, Change, ChangeKind, Plan, SyncStatus
from tests.plan.platform import against, app, sent, service


def plan(name="web", action=Action.UPDATE, changes=()):
    return Plan(name, SyncStatus.OUT_OF_SYNC, action, changes=tuple(changes))


def between(live, git):
    return plan(changes=diff(canonical(live), canonical(git)))


def judged(found, *allowed):
    (one,) = guarded([found], Guards(), fleet=1, allowed=allowed)
    return one


WORKER = {"name": "job"}
PG = {"name": "db", "engine": "PG"}
DANGERS = {
    "a service goes": (
        app(services=[service(), service("web")]), app(), "remove=web/web", "would remove the service web"),
    "a worker goes": (app(workers=[WORKER]), app(), "remove=web/job", "would remove the worker job"),
    "a job goes": (app(jobs=[WORKER]), app(), "remove=web/job", "would remove the job job"),
    "a static site goes": (app(static_sites=[WORKER]), app(), "remove=web/job", "would remove the static site job"),
    "functions go": (app(functions=[WORKER]), app(), "remove=web/job", "would remove the functions component job"),
    "a database goes": (app(databases=[PG]), app(), "remove=web/db", "would remove the database db"),
    "a domain goes": (
        app(domains=[{"domain": "example.com"}]), app(), "remove=web/example.com",
        "would remove the domain example.com"),
    "the region changes": (app(region="nyc"), app(region="fra"), "region=web", "would move the app from nyc to fra"),
    "a database is another one": (
        app(databases=[{**PG, "production": True, "cluster_name": "a"}]),
        app(databases=[{**PG, "production": True, "cluster_name": "b"}]),
        "replace=web/db", "would replace the database db (cluster_name)"),
    "a database has another engine": (
        app(databases=[PG]), app(databases=[{**PG, "engine": "MYSQL"}]), "replace=web/db",
        "would replace the database db (engine)"),
    "the app is archived": (
        app(), app(maintenance={"archive": True}), "archive=web", "would archive the app: its last instances stop"),
}  # fmt: skip


@pytest.mark.parametrize(("live", "git", "need", "why"), DANGERS.values(), ids=DANGERS)
def test_a_danger_is_refused_until_it_is_allowed_by_name(live, git, need, why):
    dangerous = between(live, git)
    refused = judged(dangerous)
    assert (refused.action, refused.reason, refused.override) == (Action.REFUSE, why, f"--allow {need}")
    assert refused.changes == dangerous.changes
    assert judged(dangerous, "remove=other/api", "max-changes").action is Action.REFUSE
    assert judged(dangerous, need) == dangerous
    check_allowed([need])


def test_a_deletion_is_refused_until_it_is_allowed():
    doomed = plan(action=Action.DELETE)
    assert judged(doomed).override == "--allow delete=web"
    assert judged(doomed, "delete=web") == doomed


def test_every_danger_of_a_plan_must_be_allowed():
    live = app(region="nyc", workers=[WORKER], databases=[PG])
    dangerous = between(live, app(region="fra"))
    refused = judged(dangerous, "remove=web/job")
    assert refused.reason == "would move the app from nyc to fra; would remove the database db"
    assert refused.override == "--allow region=web --allow remove=web/db"
    assert judged(dangerous, "remove=web/job", "remove=web/db", "region=web") == dangerous


def test_a_danger_twice_is_one_flag():
    live = app(databases=[{**PG, "production": True, "cluster_name": "a", "db_name": "x"}])
    git = app(databases=[{**PG, "production": True, "cluster_name": "b", "db_name": "y"}])
    assert judged(between(live, git)).override == "--allow replace=web/db"


HARMLESS = {
    "a value": (app(), app(services=[service(http_port=1)])),
    "a part of a component": (app(workers=[{**WORKER, "run_command": "x"}]), app(workers=[WORKER])),
    "what comes": (app(), app(workers=[WORKER], databases=[PG], domains=[{"domain": "example.com"}])),
    "a database's version": (app(databases=[{**PG, "version": "15"}]), app(databases=[{**PG, "version": "16"}])),
    "maintenance that ends": (app(maintenance={"archive": True}), app()),
    "maintenance that begins": (app(), app(maintenance={"enabled": True})),
    "a variable goes": (app(envs=[{"key": "LEVEL", "value": "info"}]), app()),
}


@pytest.mark.parametrize(("live", "git"), HARMLESS.values(), ids=HARMLESS)
def test_what_destroys_nothing_passes(live, git):
    harmless = between(live, git)
    assert harmless.changes
    assert judged(harmless) == harmless


@pytest.mark.parametrize("action", [Action.NONE, Action.REFUSE, Action.CREATE])
def test_a_plan_that_changes_nothing_that_is_there_passes(action):
    change = Change(("region",), ChangeKind.CHANGED, None, None)
    still = plan(action=action, changes=[change])
    assert judged(still) == still


@pytest.mark.parametrize("path", [(), ("services", "db", "engine")])
def test_what_is_no_part_that_is_guarded_is_no_danger(path):
    change = Change(path, ChangeKind.REMOVED, "PG", None)
    assert not is_dangerous(change)
    assert not takes_away(change)


def test_a_region_that_nobody_named_is_guarded_too():
    change = Change(("region",), ChangeKind.ADDED, None, "fra")
    assert judged(plan(changes=[change])).reason == "would move the app from its region to fra"


def fleet(changing, total, guards=None, allowed=(), action=Action.UPDATE):
    plans = [plan(f"app-{number}", action if number < changing else Action.NONE) for number in range(total)]
    return guarded(plans, guards or Guards(), fleet=total, allowed=allowed)


@pytest.mark.parametrize(
    ("changing", "total", "refused"),
    [(3, 10, 0), (4, 10, 4), (9, 9, 0), (30, 100, 0), (31, 100, 31), (30, 99, 30), (0, 10, 0)],
)
def test_one_run_may_change_a_share_of_a_fleet(changing, total, refused):
    assert sum(found.action is Action.REFUSE for found in fleet(changing, total)) == refused


def test_too_large_a_share_says_what_would_allow_it():
    refused = fleet(4, 10)[0]
    assert refused.reason == "4 of 10 apps would change, but one run may change at most 30%"
    assert refused.override == "--allow max-changes"
    assert fleet(4, 10, allowed=["max-changes"])[0].action is Action.UPDATE


@pytest.mark.parametrize(
    ("guards", "refused"), [(Guards(max_changes=50), 0), (Guards(max_changes=0), 1), (Guards(max_changes_from=11), 0)]
)
def test_the_share_is_the_configurations(guards, refused):
    assert (fleet(4, 10, guards)[0].action is Action.REFUSE) == bool(refused)


def test_c88_new_apps_count_and_the_refusal_names_the_flag_that_allows_a_first_fleet():
    refused = fleet(12, 12, action=Action.CREATE)
    assert {(found.action, found.override) for found in refused} == {(Action.REFUSE, "--allow max-changes")}
    assert refused[0].reason == (
        "12 of 12 apps would be created, but one run may change at most 30%; a first fleet needs --allow max-changes"
    )
    allowed = fleet(12, 12, action=Action.CREATE, allowed=["max-changes"])
    assert {found.action for found in allowed} == {Action.CREATE}
    assert {found.action for found in fleet(9, 9, action=Action.CREATE)} == {Action.CREATE}


def test_c88_new_apps_and_changed_ones_are_counted_together():
    plans = [plan(f"app-{number}", Action.CREATE if number < 2 else Action.UPDATE) for number in range(4)]
    found = guarded(plans, Guards(), fleet=10, allowed=[])[0]
    assert found.reason == "4 of 10 apps would be created or change, but one run may change at most 30%"


@pytest.mark.parametrize("asked", [False, True])
def test_a_paused_app_does_nothing_and_one_that_is_asked_for_is_refused(asked):
    due = replace(
        plan(), reason="its deployment is followed", follow="d-1", resume_rollback=True, adopt_rollback=True,
        override="--retry", retry_at=datetime(2026, 3, 1, tzinfo=UTC), update_all_source_versions=True,
    )  # fmt: skip
    paused = held(due, Policy(paused=True), asked=asked)
    assert paused.action is (Action.REFUSE if asked else Action.NONE)
    assert (paused.follow, paused.resume_rollback, paused.adopt_rollback) == ("", False, False)
    assert (paused.override, paused.retry_at, paused.update_all_source_versions) == ("", None, False)
    assert paused.paused
    assert paused.reason == "paused in reconcile.yaml: its deployment is followed"
    assert held(paused, Policy(paused=True), asked=asked) == paused
    unasked = held(plan(), Policy(paused=True))
    assert (unasked.action, unasked.reason) == (Action.NONE, "paused in reconcile.yaml")
    assert held(due, Policy()) == due


def test_an_app_that_cannot_be_asked_about_is_unknown_and_not_paused():
    unknown = replace(plan(), status=SyncStatus.UNKNOWN)
    assert held(unknown, Policy(paused=True)) == unknown


def test_what_is_refused_for_itself_changes_nothing():
    plans = [plan(f"app-{number}", Action.DELETE if number < 2 else Action.UPDATE) for number in range(5)]
    assert [found.override for found in guarded(plans, Guards(), fleet=10, allowed=[])] == [
        "--allow delete=app-0", "--allow delete=app-1", "", "", "",
    ]  # fmt: skip


def test_a_large_share_can_be_permitted():
    check_allowed(["max-changes"])


@pytest.mark.parametrize("entry", [
    "", "remove", "remove=", "delete", "destroy=web", "max-changes=web", "=web",
    "remove=api", "remove=web/", "remove=/api", "replace=db", "region=web/api", "delete=web/", "archive=/web",
])  # fmt: skip
def test_a_permission_that_permits_nothing_is_an_error(entry):
    with pytest.raises(UsageError, match="invalid --allow"):
        check_allowed(["region=web", entry])


# --- what the platform's rendering cannot hide ------------------------------------------------------------------------

ELSE = service(run_command="serve")


def rendered(live, git, rendering):
    """The plan of an update, whatever the platform says the spec would become."""
    return plan(changes=replace(against(git, live), rendered=rendering).surviving)


@pytest.mark.parametrize(("live", "git", "need", "why"), DANGERS.values(), ids=DANGERS)
def test_no_guard_depends_on_what_the_platform_renders(live, git, need, why):
    git = {**git, "services": [ELSE]}
    told = rendered(live, git, {**live, "services": [ELSE]})
    assert judged(told).action is Action.REFUSE
    assert need in judged(told).override
    assert judged(told, need).action is Action.UPDATE


def test_a_database_that_is_not_sent_is_told_even_if_the_rendering_still_shows_it():
    live, git = app(databases=[PG]), app()
    assert "databases" not in sent(git, live)
    assert [change.human_path for change in rendered(live, git, live).changes] == ["databases/db"]


def test_another_spelling_of_a_region_alone_is_no_change_while_nothing_is_sent():
    assert rendered(app(region="ams"), app(region="ams3"), app(region="ams")).changes == ()


# --- Freeze windows ---


FRIDAY_EVENING = Freeze(cron="0 16 * * FRI", duration="62h", time_zone="Europe/Berlin", reason="weekend")
HOLIDAYS = Freeze(start="2026-12-24", end="2027-01-02T08:00", time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        pytest.param(datetime(2026, 11, 20, 14, 59, tzinfo=UTC), False, id="a minute before the window opens"),
        pytest.param(datetime(2026, 11, 20, 15, 0, tzinfo=UTC), True, id="the very minute it opens"),
        pytest.param(datetime(2026, 11, 21, 3, 0, tzinfo=UTC), True, id="in the middle of it"),
        pytest.param(datetime(2026, 11, 23, 5, 0, tzinfo=UTC), False, id="the very minute it closes"),
    ],
)
def test_a_cron_window_is_open_from_its_begin_for_its_duration(now, is_frozen):
    assert bool(frozen([FRIDAY_EVENING], now)) is is_frozen


def test_the_reason_says_until_when_in_the_windows_own_zone():
    said = frozen([FRIDAY_EVENING], datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
    assert said == "a freeze window is open until 2026-11-23 06:00 CET (weekend)"


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        (datetime(2026, 12, 23, 22, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 23, 23, 0, tzinfo=UTC), True),
        (datetime(2027, 1, 2, 6, 59, tzinfo=UTC), True),
        (datetime(2027, 1, 2, 7, 0, tzinfo=UTC), False),
    ],
)
def test_a_dated_window_is_read_in_its_time_zone(now, is_frozen):
    assert bool(frozen([HOLIDAYS], now)) is is_frozen


def test_windows_that_overlap_or_meet_end_where_the_last_of_them_does():
    night = Freeze(cron="0 22 * * *", duration="10h", reason="night")
    party = Freeze(start="2026-12-02T07:00", end="2026-12-02T12:00", reason="party")
    after = Freeze(start="2026-12-02T12:00", end="2026-12-02T13:00", reason="after")
    apart = Freeze(start="2026-12-02T13:01", end="2026-12-03", reason="apart")
    now = datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
    assert frozen([night, party, after, apart], now) == "a freeze window is open until 2026-12-02 13:00 UTC (after)"
    assert frozen([after, party, night], now).endswith("13:00 UTC (after)")
    assert frozen([night, apart], now).endswith("2026-12-02 08:00 UTC (night)")


def test_windows_of_one_cron_expression_that_overlap_end_with_the_last_of_them():
    often = Freeze(cron="0 8-10 * * *", duration="90m")
    assert frozen([often], datetime(2026, 12, 1, 8, 30, tzinfo=UTC)).endswith("until 2026-12-01 11:30 UTC")


def test_many_short_windows_are_followed_by_the_longest_ends():
    now = datetime(2026, 12, 1, tzinfo=UTC)
    minutes = Freeze(cron="* 0-21 * * *", duration="2h")
    assert frozen([minutes], now).endswith("until 2026-12-01 23:59 UTC")
    december = Freeze(cron="* * * 12 *", duration="1m")
    move = Freeze(start="2026-11-30", end="2027-01-05", reason="we move")
    assert frozen([december, move], now).endswith("until 2027-01-05 00:00 UTC (we move)")


def test_in_the_hour_that_clocks_skip_ends_are_compared_as_moments_and_not_as_clocks_show_them():
    to_half_past_two = Freeze(start="2026-03-29T01:00", end="2026-03-29T02:30", time_zone="Europe/Berlin")
    to_quarter_past_three = Freeze(start="2026-03-29T03:05", end="2026-03-29T03:15", time_zone="Europe/Berlin")
    said = frozen([to_half_past_two, to_quarter_past_three], datetime(2026, 3, 29, 1, 10, tzinfo=UTC))
    assert said == "a freeze window is open until 2026-03-29 02:30 CET"


def test_a_window_that_stands_twice_counts_once():
    assert frozen([HOLIDAYS, HOLIDAYS], datetime(2026, 12, 25, tzinfo=UTC)).endswith("until 2027-01-02 08:00 CET")


WITHOUT_GAP = "a freeze window is open and the next ones leave no gap"


def test_windows_without_a_gap_are_said_to_have_none_and_the_search_ends():
    always = Freeze(cron="0 0 * * *", duration="24h")
    assert frozen([always], datetime(2026, 12, 1, tzinfo=UTC)) == WITHOUT_GAP


def test_the_thousandth_window_in_a_row_is_the_first_that_is_not_looked_behind():
    each_minute_until_five = Freeze(cron="* 0-16 * * *", duration="1m")
    said = [frozen([each_minute_until_five], datetime(2026, 12, 1, 0, minute, 30, tzinfo=UTC)) for minute in (20, 21)]
    assert said == [WITHOUT_GAP, "a freeze window is open until 2026-12-01 17:00 UTC"]


@pytest.mark.parametrize(
    ("cron", "duration", "hour"),
    [("0 2 * * *", "1h", 1), ("0 * * * *", "1h", 1), ("0 2 * * *", "8h", 8)],
)
def test_a_cron_window_stays_open_where_its_duration_ago_is_a_time_that_the_clocks_skipped(cron, duration, hour):
    """At 02:00 clocks in Berlin were put forward to 03:00, where a window of 02:00 begins on that day."""
    window = Freeze(cron=cron, duration=duration, time_zone="Europe/Berlin")
    assert frozen([window], datetime(2026, 3, 29, hour, 30, tzinfo=UTC))


def test_a_cron_window_does_not_last_for_the_hour_that_the_clocks_repeat():
    window = Freeze(cron="0 2 * * *", duration="5m", time_zone="Europe/Berlin")
    said = [frozen([window], datetime(2026, 10, 25, 0, minute, tzinfo=UTC)) for minute in (4, 6)]
    assert said == ["a freeze window is open until 2026-10-25 02:05 CEST", ""]


def test_a_window_that_begins_every_minute_for_a_year_is_answered_at_once():
    often = Freeze(cron="* * * * *", duration="366d")
    assert frozen([often], datetime(2026, 12, 1, tzinfo=UTC)) == WITHOUT_GAP


def test_without_windows_nothing_is_frozen():
    assert frozen([], datetime(2026, 1, 1, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either cron and duration, or start and end"),
        ({"cron": "0 1 * * *", "start": "2026-01-01"}, "either cron and duration, or start and end"),
        ({"cron": "0 1 * * *"}, "needs a duration"),
        ({"cron": "61 1 * * *", "duration": "1h"}, "is not a cron expression"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "start must be before end"),
        ({"end": "2026-01-01"}, "with end also needs start"),
        ({"cron": "0 0 30 2 *", "duration": "1h"}, "is not a cron expression"),
        ({"cron": "0 1 * * *", "duration": "9999999999d"}, "between 0s and 366d"),
        ({"start": "2026-01-01", "end": "2026-01-01"}, "start must be before end"),
        ({"start": "soon", "end": "later"}, "is not a date"),
        ({"cron": "0 1 * * *", "duration": "1h", "time_zone": "Mars/Base"}, "unknown time_zone"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_when_the_config_is_read(fields, said):
    with pytest.raises(ValidationError, match=said):
        Freeze(**fields)
