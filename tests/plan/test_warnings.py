"""C21: a new app that looks like one that no spec names any more."""

from __future__ import annotations

from reconciler.plan.canonical import canonical
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.plan.warnings import possible_rename, without_repeats
from tests.plan.platform import app, desired, service, stored
from tests.plan.timeline import live_app

GONE = "its spec specs/web.yaml was removed from Git after 1a2b3c4 (Ada, 2 d ago)"


def gone(_name):
    return GONE


def test_c21_a_renamed_spec_is_warned_of_and_the_old_app_named():
    git = desired(app("shop"))
    unmanaged_apps = {
        "web": live_app(stored(app("web"))),
        "other": live_app(stored(app("other", services=[service("worker")]))),
        "empty": live_app({}),
    }
    (finding,) = possible_rename(git, canonical(git.spec), unmanaged_apps, lambda name: {"web": GONE}.get(name, ""))
    assert (finding.code, str(finding.location)) == ("renamed", "specs/app.yaml:1:7")
    assert finding.message == f"shop is new, and web has the same components; {GONE}: was it renamed?"
    assert "if so, `moved: {web: shop}`" in finding.hint


def test_c87_without_evidence_in_git_that_the_old_spec_was_removed_nothing_is_asked():
    git = desired(app("shop"))
    live = {"web": live_app(stored(app("web")))}
    assert possible_rename(git, canonical(git.spec), live, lambda _name: "") == ()


def test_an_app_without_components_resembles_none():
    git = desired({"name": "shop"})
    assert possible_rename(git, canonical(git.spec), {"empty": live_app({"name": "empty"})}, gone) == ()


def resembling(apps: int, unmanaged_apps: int):
    live = {f"old-{number}": live_app(stored(app("web"))) for number in range(unmanaged_apps)}
    specs = [desired(app(f"new-{number}")) for number in range(apps)]
    return [
        Plan(git.name, SyncStatus.ABSENT, Action.CREATE, findings=possible_rename(git, canonical(git.spec), live, gone))
        for git in specs
    ]


def test_a_few_likely_renames_are_told_one_by_one():
    plans = resembling(1, 3)
    assert without_repeats(plans) == (tuple(plans), ())


def test_many_likely_renames_are_one_warning_that_counts():
    plans, (finding,) = without_repeats(resembling(12, 2))
    assert [plan.findings for plan in plans] == [()] * 12
    assert finding.message.startswith("12 new apps look like live apps whose specs were removed from Git")
