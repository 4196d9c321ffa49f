"""What a comparison leaves out of account: kept secrets, the platform's choices, ignored paths."""

from __future__ import annotations

import pytest

from reconciler.plan.align import Secrets, align
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.text import segments
from tests.plan.platform import CIPHER, OTHER, app, env, secret, service


def aligned(desired, live, *ignore, **secrets):
    return align(canonical(desired), canonical(live), ignore=ignore, secrets=Secrets(**secrets))


def told(found):
    return [f"{change.kind.value} {change.human_path}" for change in diff(found.live, found.desired)]


def noted(found):
    return [f"{note.kind} {'/'.join(note.path)}" for note in found.notes]


def env_app(*envs):
    return app(services=[service(envs=list(envs))])


def test_equal_trees_are_returned_as_they_are():
    tree = canonical(app())
    assert align(tree, tree).desired is tree


VALUE = "services/api/envs/KEY/value"
SECRETS = {
    "plaintext against ciphertext is kept": (secret("KEY", "x"), secret("KEY", CIPHER), [], [f"kept {VALUE}"]),
    "no value against ciphertext": (secret("KEY"), secret("KEY", CIPHER), [], []),
    "the same ciphertext": (secret("KEY", CIPHER), secret("KEY", CIPHER), [], []),
    "another ciphertext": (secret("KEY", OTHER), secret("KEY", CIPHER), [f"changed {VALUE}"], []),
    "plaintext where live has none": (secret("KEY", "x"), secret("KEY"), [f"added {VALUE}"], []),
    "the same plaintext": (secret("KEY", "x"), secret("KEY", "x"), [], []),
    "another plaintext": (secret("KEY", "x"), secret("KEY", "y"), [f"changed {VALUE}"], []),
    "ciphertext for plaintext": (secret("KEY", CIPHER), secret("KEY", "y"), [f"changed {VALUE}"], []),
    "general becomes secret": (
        secret("KEY", "x"), env("KEY", "x"), ["changed services/api/envs/KEY/type"], []),
    "general becomes another secret": (
        secret("KEY", "x"), env("KEY", "y"), [f"changed {VALUE}", "changed services/api/envs/KEY/type"], []),
    "secret becomes general": (
        env("KEY", "x"), secret("KEY", CIPHER), [f"changed {VALUE}", "changed services/api/envs/KEY/type"], []),
    "secret becomes general without a value": (
        env("KEY"), secret("KEY", CIPHER), [f"removed {VALUE}", "changed services/api/envs/KEY/type"], []),
}  # fmt: skip


@pytest.mark.parametrize(("git", "live", "changes", "notes"), SECRETS.values(), ids=SECRETS)
def test_secrets(git, live, changes, notes):
    found = aligned(env_app(git), env_app(live))
    assert told(found) == changes
    assert noted(found) == notes


@pytest.mark.parametrize("entry", ["KEY", "api/KEY", "services/api/envs/KEY/value", "api"])
def test_a_rotated_secret_is_sent(entry):
    found = aligned(env_app(secret("KEY", "new")), env_app(secret("KEY", CIPHER)), rotate=frozenset({entry, "other"}))
    assert told(found) == [f"changed {VALUE}"]
    assert noted(found) == [f"rotated {VALUE}"]
    assert found.rotated == {entry}
    assert found.carried == ()


@pytest.mark.parametrize("entry", ["key", "web/KEY", "KEY/api"])
def test_a_rotation_of_another_secret_leaves_this_one(entry):
    found = aligned(env_app(secret("KEY", "new")), env_app(secret("KEY", CIPHER)), rotate=frozenset({entry}))
    assert told(found) == []
    assert found.rotated == frozenset()


def test_a_secret_that_is_known_to_have_changed_is_sent():
    path = ("services", "api", "envs", "KEY", "value")
    found = aligned(env_app(secret("KEY", "new")), env_app(secret("KEY", CIPHER)), changed=frozenset({path}))
    assert told(found) == [f"changed {VALUE}"]


CHOSEN = {
    "region": (app(), app(region="nyc")),
    "features": (app(), app(features=["buildpack-stack=ubuntu-22"])),
    "a database's version": (app(databases=[{"name": "db", "engine": "PG"}]),
                             app(databases=[{"name": "db", "engine": "PG", "version": "16"}])),
    "an unset engine": (app(databases=[{"name": "db", "engine": "UNSET"}]),
                        app(databases=[{"name": "db", "engine": "PG"}])),
    "a domain's type": (app(domains=[{"domain": "example.com"}]),
                        app(domains=[{"domain": "example.com", "type": "PRIMARY"}])),
    "the buildpack": (app(), app(services=[service(environment_slug="node-js")])),
    "addresses of a VPC": (app(vpc={"id": "a"}), app(vpc={"id": "a", "egress_ips": [{"ip": "1.2.3.4"}]})),
    "PORT": (app(), env_app(env("PORT", "8080"))),
    "PORT of another http_port": (
        app(services=[service(http_port=3000)]),
        app(services=[service(http_port=3000, envs=[env("PORT", "3000", scope="RUN_TIME")])])),
    "counts under autoscaling": (
        app(services=[service(autoscaling={"min_instance_count": 2})]),
        app(services=[service(autoscaling={"min_instance_count": 2}, instance_count=5)])),
}  # fmt: skip


@pytest.mark.parametrize(("desired", "live"), CHOSEN.values(), ids=CHOSEN)
def test_what_the_platform_chose_is_no_change(desired, live):
    assert told(aligned(desired, live)) == []


DIFFERENT = {
    "another region": (app(region="fra"), app(region="nyc"), ["changed region"]),
    "PORT of another value": (app(), env_app(env("PORT", "1")), ["removed services/api/envs/PORT"]),
    "PORT that is a secret": (app(), env_app(secret("PORT", "8080")), ["removed services/api/envs/PORT"]),
    "PORT in Git": (
        env_app(env("PORT", "1")), env_app(env("PORT", "8080")), ["changed services/api/envs/PORT/value"]),
    "PORT of a worker": (
        app(workers=[{"name": "job"}]), app(workers=[{"name": "job", "envs": [env("PORT", "8080")]}]),
        ["removed workers/job/envs/PORT"]),
    "another variable": (app(), env_app(env("A", "1")), ["removed services/api/envs/A"]),
    "autoscaling instead of a count": (
        app(services=[service(autoscaling={"min_instance_count": 2})]), app(services=[service(instance_count=5)]),
        ["added services/api/autoscaling"]),
    "a count instead of autoscaling": (
        app(), app(services=[service(autoscaling={"min_instance_count": 2})]),
        ["removed services/api/autoscaling"]),
    "an unknown field": (app(brand_new=1), app(brand_new=2), ["changed brand_new"]),
    "a region of odd form": ({"region": {"a": 1}}, {"region": {"a": 2}}, ["changed region"]),
    "a set of odd form": ({"features": {"a": 1}}, {"features": {"a": 2}}, ["changed features/a"]),
    "rules of odd form": ({"ingress": {"rules": {"a": 1}}}, {"ingress": {"rules": 3}}, ["changed ingress/rules"]),
    "a component of odd form": (
        {"services": {"api": 3}}, {"services": {"api": {"http_port": 1}}}, ["changed services/api"]),
    "variables of odd form": (
        {"services": [service(envs=3)]}, {"services": [service(envs=[env("PORT", "8080")])]},
        ["changed services/api/envs"]),
    "a PORT of odd form": (
        {"services": [service()]}, {"services": [service(envs={"PORT": 8080})]}, ["removed services/api/envs/PORT"]),
}  # fmt: skip


@pytest.mark.parametrize(("desired", "live", "changes"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_the_platform_did_not_choose_is_a_change(desired, live, changes):
    assert told(aligned(desired, live)) == changes


WEB = service("web")
IGNORED = {
    "a value": (
        "/services/api/instance_count", app(services=[service(instance_count=2)]),
        app(services=[service(instance_count=5)]), ["ignored services/api/instance_count"]),
    "a value Git leaves out": (
        "/services/api/instance_count", app(), app(services=[service(instance_count=5)]),
        ["ignored services/api/instance_count"]),
    "a value live leaves out": (
        "/services/api/http_port", app(services=[service(http_port=1)]), app(), ["ignored services/api/http_port"]),
    "what lies below": (
        "/services/api/autoscaling", app(services=[service(autoscaling={"min_instance_count": 1})]),
        app(services=[service(autoscaling={"min_instance_count": 3})]), ["ignored services/api/autoscaling"]),
    "an object that is absent where it is empty": (
        "/services/api/health_check/http_path", app(),
        app(services=[service(health_check={"http_path": "/up"})]), ["ignored services/api/health_check/http_path"]),
    "an object of defaults live": (
        "/services/api/health_check/http_path", app(services=[service(health_check={"http_path": "/up"})]), app(),
        ["ignored services/api/health_check/http_path"]),
    "a variable that only live has": (
        "/services/api/envs/A", app(), env_app(env("A", "1")), ["ignored services/api/envs/A"]),
    "a variable of every component": (
        "/*/*/envs/A", app(workers=[{"name": "job"}]),
        app(services=[service(envs=[env("A", "1")])], workers=[{"name": "job", "envs": [env("A", "2")]}]),
        ["ignored services/api/envs/A", "ignored workers/job/envs/A"]),
    "a whole component": ("/services/web", app(), app(services=[service(), WEB]), ["ignored services/web"]),
    "a rule by its place": (
        "/ingress/rules/0/redirect/uri", app(ingress={"rules": [{"redirect": {"uri": "/a"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b"}}]}), ["ignored ingress/rules/0/redirect/uri"]),
    "a rule by what it matches, wherever it stands": (
        "/ingress/rules/[~1a]/redirect/uri",
        app(ingress={"rules": [{"match": {"path": {"prefix": "/a"}}, "redirect": {"uri": "/x"}}]}),
        app(ingress={"rules": [{"match": {"path": {"prefix": "/a"}}, "redirect": {"uri": "/y"}}]}),
        ["ignored ingress/rules/[/a]/redirect/uri"]),
    "an alert, whose name has slashes": (
        "/alerts/CPU_UTILIZATION~1GREATER_THAN~180~1TEN_MINUTES/disabled",
        app(alerts=[{"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "TEN_MINUTES"}]),
        app(alerts=[{"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "TEN_MINUTES",
                     "disabled": True}]),
        ["ignored alerts/CPU_UTILIZATION/GREATER_THAN/80/TEN_MINUTES/disabled"]),
    "an unknown field": ("/brand_new", app(brand_new=1), app(brand_new=2), ["ignored brand_new"]),
    "what lies below an unknown field": (
        "/brand_new/deep", app(brand_new={"deep": 1}), app(brand_new={"deep": 2}), ["ignored brand_new/deep"]),
}  # fmt: skip


@pytest.mark.parametrize(("pointer", "desired", "live", "notes"), IGNORED.values(), ids=IGNORED)
def test_an_ignored_path_is_no_change_and_is_told(pointer, desired, live, notes):
    found = aligned(desired, live, pointer)
    assert told(found) == []
    assert noted(found) == notes
    assert ["/".join(path) for path in found.carried] == [note.partition(" ")[2] for note in notes]


NOT_IGNORED = {
    "the path does not differ": ("/services/api/http_port", app(region="fra"), app(region="nyc")),
    "the component is new": ("/services/web/http_port", app(services=[service(), service("web", http_port=1)]), app()),
    "the component goes": ("/services/web/http_port", app(), app(services=[service(), service("web", http_port=1)])),
    "the object is new": (
        "/services/api/autoscaling/min_instance_count",
        app(services=[service(autoscaling={"min_instance_count": 1})]), app()),
    "it ends within a value": ("/region/deeper", app(region="fra"), app(region="nyc")),
    "the item has no such number": (
        "/ingress/rules/7/redirect", app(ingress={"rules": [{"redirect": {"uri": "/a"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b"}}]})),
    "the item has a name": (
        "/ingress/rules/first/redirect", app(ingress={"rules": [{"redirect": {"uri": "/a"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b"}}]})),
    "it names a list's item itself": (
        "/ingress/rules/0", app(ingress={"rules": [{"redirect": {"uri": "/a"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b"}}]})),
    "it is empty": ("", app(region="fra"), app(region="nyc")),
    "nothing stands there": ("/brand_new/x/y", app(region="fra"), app(region="nyc")),
}  # fmt: skip


@pytest.mark.parametrize(("pointer", "desired", "live"), NOT_IGNORED.values(), ids=NOT_IGNORED)
def test_an_ignored_path_hides_nothing_else(pointer, desired, live):
    found = aligned(desired, live, pointer)
    assert told(found) == told(aligned(desired, live)) != []
    assert noted(found) == []


def test_the_parts_of_a_pointer():
    assert segments("/services/web/a~1b/c~0d") == ("services", "web", "a/b", "c~d")
    assert segments("") == ()


def test_an_ignored_secret_is_noted_once():
    found = aligned(env_app(secret("KEY", "x")), env_app(secret("KEY", CIPHER)), "/services/api/envs/KEY/value")
    assert noted(found) == [f"ignored {VALUE}"]


def test_a_password_that_git_leaves_out_is_kept_and_one_whose_user_it_removes_is_not():
    def logs(auth):
        entry = {"name": "own", "open_search": {"endpoint": "https://x", **auth}}
        return app(services=[service(log_destinations=[entry])])

    live = logs({"basic_auth": {"user": "u", "password": CIPHER}})
    assert told(aligned(logs({"basic_auth": {"user": "u"}}), live)) == []
    assert told(aligned(logs({}), live)) == [
        "removed services/api/log_destinations/own/open_search/basic_auth/user",
        "removed services/api/log_destinations/own/open_search/basic_auth/password",
    ]


def test_a_component_that_is_ignored_as_a_whole_stays_away_although_its_count_is_ignored_too():
    git, live = app(services=[service(instance_count=3), service(name="b")]), app(services=[service(name="b")])
    found = aligned(git, live, "/services/api/instance_count", "/services/api")
    assert told(found) == []
    assert "api" not in found.desired["services"]
