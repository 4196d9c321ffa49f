"""Changes as people read them: paths by identity, one line for what goes, no secret anywhere."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings

from reconciler.plan.align import align
from reconciler.plan.canonical import canonical, plain
from reconciler.plan.diff import diff
from reconciler.plan.labels import labels, place_of
from reconciler.plan.model import Change, ChangeKind
from tests.plan.platform import CIPHER, OTHER, app, env, secret, service
from tests.support.changes import apply_changes
from tests.support.specs import specs


def told(before, after):
    return [
        (change.kind.value, change.human_path, change.before, change.after)
        for change in diff(canonical(before), canonical(after))
    ]


IMAGE = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx"}
CHANGES = {
    "a value": (
        app(services=[service(image={**IMAGE, "tag": "1"})]), app(services=[service(image={**IMAGE, "tag": "2"})]),
        [("changed", "services/api/image/tag", "1", "2")]),
    "a default that becomes something else": (
        app(), app(services=[service(instance_count=3)]), [("changed", "services/api/instance_count", 1, 3)]),
    "something that becomes the default": (
        app(services=[service(instance_count=3)]), app(), [("changed", "services/api/instance_count", 3, 1)]),
    "an empty default is nothing to show": (
        app(), app(services=[service(run_command="serve")]),
        [("added", "services/api/run_command", None, "serve")]),
    "a value without a default": (
        app(services=[service(dockerfile_path="x")]), app(), [("removed", "services/api/dockerfile_path", "x", None)]),
    "what the platform would choose": (
        app(), app(databases=[{"name": "db", "engine": "PG"}]),
        [("added", "databases/db", None, {"name": "db", "engine": "PG"})]),
    "a component that goes": (
        app(workers=[{"name": "job", "envs": [env("A", "1")]}]), app(),
        [("removed", "workers/job", {"name": "job", "envs": {"A": {"key": "A", "value": "1"}}}, None)]),
    "a variable that comes": (
        app(), app(envs=[env("LOG_LEVEL", "debug")]),
        [("added", "envs/LOG_LEVEL", None, {"key": "LOG_LEVEL", "value": "debug"})]),
    "a field of an object of defaults": (
        app(), app(services=[service(health_check={"period_seconds": 5})]),
        [("changed", "services/api/health_check/period_seconds", 10, 5)]),
    "an object": (
        app(), app(services=[service(autoscaling={"min_instance_count": 1})]),
        [("added", "services/api/autoscaling", None, {"min_instance_count": 1})]),
    "an empty object": (app(), app(ingress={}), [("added", "ingress", None, {})]),
    "a set": (
        app(features=["a"]), app(features=["b", "a"]), [("changed", "features", ["a"], ["a", "b"])]),
    "an unknown field": (app(brand_new={"a": [1]}), app(), [("removed", "brand_new", {"a": [1]}, None)]),
    "private names": (
        app(envs=[env("__A", "1")]), app(envs=[env("__A", "2")]), [("changed", "envs/__A/value", "1", "2")]),
    "names with slashes and quotes": (
        app(brand_new=1, **{'a"/b\'[': 1}), app(brand_new=1, **{'a"/b\'[': 2}), [("changed", 'a"/b\'[', 1, 2)]),
    "types that are no numbers": (app(brand_new="1"), app(brand_new=1), [("changed", "brand_new", "1", 1)]),
    "in the order of the spec": (
        app(zzz=1, region="nyc", envs=[env("B", "1"), env("A", "1")], services=[service(http_port=1)]),
        app(zzz=2, region="fra", envs=[env("B", "2"), env("A", "2")], services=[service(http_port=2)]),
        [("changed", "region", "nyc", "fra"), ("changed", "services/api/http_port", 1, 2),
         ("changed", "envs/A/value", "1", "2"), ("changed", "envs/B/value", "1", "2"), ("changed", "zzz", 1, 2)]),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES.values(), ids=CHANGES)
def test_changes(before, after, changes):
    assert told(before, after) == changes


def redirect(path, uri="/new"):
    return {"match": {"path": {"prefix": path}}, "redirect": {"uri": uri}}


def rules(*found):
    return app(ingress={"rules": list(found)})


def test_rules_are_told_by_what_they_match():
    before = rules(redirect("/a"), redirect("/b"), redirect("/c"))
    after = rules(redirect("/a", "/other"), redirect("/b"), redirect("/z"), redirect("/y"))
    assert [change[:2] for change in told(before, after)] == [
        ("changed", "ingress/rules/[/a]/redirect/uri"),
        ("added", "ingress/rules/[/z]"),
        ("added", "ingress/rules/[/y]"),
        ("removed", "ingress/rules/[/c]"),
    ]


def test_another_order_is_one_change():
    assert told(rules(redirect("/a"), redirect("/b")), rules(redirect("/b"), redirect("/a"))) == [
        ("reordered", "ingress/rules", ["[/a]", "[/b]"], ["[/b]", "[/a]"])
    ]


def test_a_rule_put_before_others_tells_its_place():
    assert [change[:2] for change in told(rules(redirect("/a")), rules(redirect("/b"), redirect("/a")))] == [
        ("reordered", "ingress/rules"),
        ("added", "ingress/rules/[/b]"),
    ]


def test_the_first_rules_are_added_one_by_one():
    assert [change[:2] for change in told(app(ingress={}), rules(redirect("/b"), redirect("/a")))] == [
        ("added", "ingress/rules/[/b]"),
        ("added", "ingress/rules/[/a]"),
    ]


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ({"redirect": {}}, "[/]"),
        ({"match": {"path": {"exact": "/a"}, "authority": {"exact": "example.com"}}}, "[example.com/a]"),
        ({"match": 3, "redirect": {}}, "[/]"),
        ({"match": {"path": 3}, "redirect": {}}, "[3]"),
        ({"regex": ".*"}, "[regex=.*]"),
        ("text", '["text"]'),
    ],
)
def test_labels_say_what_an_item_is(item, label):
    assert list(labels((item, item))) == [label, f"{label}#2"]


@pytest.mark.parametrize(("part", "place"), [("[/a]", 0), ("[/b]", 1), ("1", 1), ("2", None), ("x", None), ("²", None)])
def test_an_item_is_found_by_its_label_or_its_number(part, place):
    assert place_of((redirect("/a"), redirect("/b")), part) == place


SECRETS = {
    "changed": (secret("A", CIPHER), secret("A", OTHER), ("changed", "envs/A/value", None, None)),
    "added": (secret("A"), secret("A", "hunter2"), ("added", "envs/A/value", None, None)),
    "removed": (secret("A", "hunter2"), secret("A"), ("removed", "envs/A/value", None, None)),
}


@pytest.mark.parametrize(("before", "after", "change"), SECRETS.values(), ids=SECRETS)
def test_a_change_of_a_secret_has_no_values(before, after, change):
    (found,) = diff(canonical(app(envs=[before])), canonical(app(envs=[after])))
    assert found.sensitive
    assert (found.kind.value, found.human_path, found.before, found.after) == change


def test_a_secret_within_an_unknown_field_is_told_and_not_shown():
    one, other = (app(brand_new=[secret("A", value)]) for value in ("hunter2", "hunter3"))
    (found,) = diff(canonical(one), canonical(other))
    assert found.kind is ChangeKind.CHANGED
    assert "hunter" not in repr(found)


def test_a_secret_within_what_goes_stands_as_secret():
    (found,) = diff(canonical(app(envs=[secret("A", "hunter2")])), canonical(app()))
    assert found.before == {"key": "A", "type": "SECRET", "value": "(secret)"}
    assert not found.sensitive


@settings(max_examples=40, deadline=None)
@given(specs())
def test_a_spec_does_not_differ_from_itself(spec):
    tree = canonical(spec)
    assert diff(tree, tree) == ()
    assert diff(tree, canonical(tree)) == ()


@settings(max_examples=40, deadline=None)
@given(specs(), specs())
def test_applying_the_changes_to_live_gives_what_git_wants(live, wanted):
    found = align(canonical(wanted), canonical(live))
    changes = diff(found.live, found.desired)
    hidden = [change for change in changes if change.sensitive and change.kind is not ChangeKind.REMOVED]
    wanted = apply_changes(canonical(plain(found.desired)), hidden)
    assert plain(apply_changes(found.live, changes)) == plain(wanted)
    assert len({(change.path, change.kind) for change in changes}) == len(changes)
    json.dumps([(change.path, change.before, change.after) for change in changes])


@settings(max_examples=40, deadline=None)
@given(specs(), specs())
def test_the_way_back_has_as_many_changes(one, other):
    there, back = (diff(canonical(a), canonical(b)) for a, b in ((one, other), (other, one)))

    def paths(changes: tuple[Change, ...]) -> set[tuple[str, ...]]:
        return {change.path for change in changes if change.kind is not ChangeKind.REORDERED}

    assert paths(there) == paths(back)


def test_deepdiff_is_imported_only_when_there_is_a_difference():
    script = """
import sys
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
tree = canonical({"name": "web", "services": [{"name": "api"}]})
assert diff(tree, canonical(tree)) == () and "deepdiff" not in sys.modules
assert diff(tree, {}) and "deepdiff" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
