"""What a plan may not do unasked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.config import Guards
from reconciler.errors import UsageError
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.plan.guard import check_allowed, guarded, is_dangerous, takes_away
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
    "a service goes": (app(services=[service(), service("web")]), app(), "remove=web/web", "removes the service web"),
    "a worker goes": (app(workers=[WORKER]), app(), "remove=web/job", "removes the worker job"),
    "a job goes": (app(jobs=[WORKER]), app(), "remove=web/job", "removes the job job"),
    "a static site goes": (app(static_sites=[WORKER]), app(), "remove=web/job", "removes the static site job"),
    "functions go": (app(functions=[WORKER]), app(), "remove=web/job", "removes the functions job"),
    "a database goes": (app(databases=[PG]), app(), "remove=web/db", "removes the database db"),
    "a domain goes": (
        app(domains=[{"domain": "example.com"}]), app(), "remove=web/example.com", "removes the domain example.com"),
    "the region changes": (app(region="nyc"), app(region="fra"), "region=web", "moves the app from nyc to fra"),
    "a database is another one": (
        app(databases=[{**PG, "production": True, "cluster_name": "a"}]),
        app(databases=[{**PG, "production": True, "cluster_name": "b"}]),
        "replace=web/db", "puts another database behind db (cluster_name)"),
    "a database has another engine": (
        app(databases=[PG]), app(databases=[{**PG, "engine": "MYSQL"}]), "replace=web/db",
        "puts another database behind db (engine)"),
    "the app is archived": (
        app(), app(maintenance={"archive": True}), "archive=web", "archives the app: its last instances stop"),
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
    assert refused.reason == "moves the app from nyc to fra; removes the database db"
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
    assert judged(plan(changes=[change])).reason == "moves the app from its region to fra"


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
    assert refused.reason == "4 of 10 apps would change, more than the 30 % that one run may"
    assert refused.override == "--allow max-changes"
    assert fleet(4, 10, allowed=["max-changes"])[0].action is Action.UPDATE


@pytest.mark.parametrize(
    ("guards", "refused"), [(Guards(max_changes=50), 0), (Guards(max_changes=0), 1), (Guards(max_changes_from=11), 0)]
)
def test_the_share_is_the_configurations(guards, refused):
    assert (fleet(4, 10, guards)[0].action is Action.REFUSE) == bool(refused)


def test_new_apps_endanger_no_fleet():
    assert {found.action for found in fleet(10, 10, action=Action.CREATE)} == {Action.CREATE}


def test_what_is_refused_for_itself_changes_nothing():
    plans = [plan(f"app-{number}", Action.DELETE if number < 2 else Action.UPDATE) for number in range(5)]
    assert [found.override for found in guarded(plans, Guards(), fleet=10, allowed=[])] == [
        "--allow delete=app-0", "--allow delete=app-1", "", "", "",
    ]  # fmt: skip


def test_a_large_share_can_be_permitted():
    check_allowed(["max-changes"])


@pytest.mark.parametrize("entry", ["", "remove", "remove=", "delete", "destroy=web", "max-changes=web", "=web"])
def test_a_permission_that_permits_nothing_is_an_error(entry):
    with pytest.raises(UsageError, match="allows nothing"):
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
