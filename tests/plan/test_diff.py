"""Changes as people read them: paths by identity, one line for what goes, no secret anywhere."""

from __future__ import annotations

import json
import subprocess
import sys

import deepdiff
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.plan.align import align
from reconciler.plan.canonical import canonical, plain
from reconciler.plan.diff import diff, labels, place_of
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


def listed(before, after):
    """The changes of ``ingress/rules`` from some paths to others, with where things come to be."""
    one, other = (canonical(rules(*map(redirect, paths))) for paths in (before, after))
    found = diff(one, other)
    assert plain(apply_changes(one, found)) == plain(other)
    moved = [f"{move.item} {move.place}" for change in found for move in change.moves]
    rest = [f"{change.kind.value} {change.path[-1]} {change.place}".strip() for change in found if not change.moves]
    return moved, rest


PLACES = {
    "a rule at the top": (["/a", "/b"], ["/n", "/a", "/b"], [], ["added [/n] before [/a]"]),
    "a rule in the middle": (["/a", "/b"], ["/a", "/n", "/b"], [], ["added [/n] before [/b]"]),
    "a rule at the end": (["/a", "/b"], ["/a", "/b", "/n"], [], ["added [/n] after [/b]"]),
    "two rules before one": (
        ["/a"], ["/m", "/n", "/a"], [], ["added [/m] before [/n]", "added [/n] before [/a]"]),
    "a rule in place of another": (["/a", "/b"], ["/n", "/b"], [], ["added [/n] before [/b]", "removed [/a]"]),
    "all new": (["/a"], ["/m", "/n"], [], ["added [/m]", "added [/n]", "removed [/a]"]),
    "two that change places": (["/a", "/b"], ["/b", "/a"], ["[/b] before [/a]"], []),
    "one that moves to the top": (["/a", "/b", "/c"], ["/c", "/a", "/b"], ["[/c] before [/a]"], []),
    "one that moves to the end": (["/a", "/b", "/c"], ["/b", "/c", "/a"], ["[/a] after [/c]"], []),
    "a move beside an addition": (
        ["/a", "/b", "/c"], ["/n", "/c", "/a", "/b"], ["[/c] before [/a]"], ["added [/n] before [/c]"]),
    "a move past what goes": (["/a", "/b", "/c"], ["/c", "/a"], ["[/c] before [/a]"], ["removed [/b]"]),
    "the other way round": (
        ["/a", "/b", "/c"], ["/c", "/b", "/a"], ["[/c] before [/b]", "[/a] after [/b]"], []),
    "one of two alike": (["/a", "/b", "/a"], ["/a", "/a", "/b"], ["[/a]#2 before [/b]"], []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "moved", "rest"), PLACES.values(), ids=PLACES)
def test_a_rule_that_comes_or_moves_says_where_to_and_no_other_rule_changes(before, after, moved, rest):
    assert listed(before, after) == (moved, rest)


def test_a_rule_that_moves_and_changes_does_both():
    before = rules(redirect("/a"), redirect("/b"))
    after = rules(redirect("/b", "/other"), redirect("/a"))
    assert told(before, after) == [
        ("reordered", "ingress/rules", ["[/a]", "[/b]"], ["[/b]", "[/a]"]),
        ("changed", "ingress/rules/[/b]/redirect/uri", "/new", "/other"),
    ]


def test_origins_of_cors_are_named_and_placed_as_rules_are():
    def cors(*origins):
        return rules({"component": {"name": "api"}, "cors": {"allow_origins": [{"exact": name} for name in origins]}})

    reordered, added = diff(canonical(cors("a", "b", "c")), canonical(cors("c", "n", "a", "b")))
    assert reordered.path == (*added.path[:-1],) == ("ingress", "rules", "[/]", "cors", "allow_origins")
    assert [(move.item, move.place) for move in reordered.moves] == [("[exact=c]", "before [exact=n]")]
    assert (added.path[-1], added.place) == ("[exact=n]", "before [exact=a]")


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


UNKNOWN = {
    "a value deep within": (
        {"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": 3}}}, [("changed", "new/a/b/d", 2, 3)]),
    "names that come and go": (
        {"a": 1, "b": {"c": 1}}, {"b": {}, "d": [1]},
        [("removed", "new/a", 1, None), ("removed", "new/b/c", 1, None), ("added", "new/d", None, [1])]),
    "another type": ({"a": {"b": 1}}, {"a": [1]}, [("changed", "new/a", {"b": 1}, [1])]),
    "80 is no text, and 80.0 no other number": (
        {"a": "80", "b": 80, "c": [{"d": 1}, 2]}, {"a": 80, "b": 80.0, "c": [3, {"d": 1.0}]},
        [("changed", "new/a", "80", 80), ("removed", "new/c/1", 2, None), ("added", "new/c/0", None, 3)]),
    "an item that comes": (["a", "b"], ["n", "a", "b"], [("added", "new/0", None, "n")]),
    "an item that goes": (["a", "b", "c"], ["a", "c"], [("removed", "new/1", "b", None)]),
    "an item in place of another": (["a", "b", "c"], ["a", "n", "c"], [("changed", "new/1", "b", "n")]),
    "an item beside one that is much like it": (
        [{"name": "a", "ttl": 1, "at": "x"}, {"name": "b", "ttl": 1, "at": "y"}],
        [{"name": "n", "ttl": 5}, {"name": "a", "ttl": 2, "at": "x"}, {"name": "b", "ttl": 2, "at": "y"}],
        [("changed", "new/0/ttl", 1, 2), ("changed", "new/1/ttl", 1, 2),
         ("added", "new/0", None, {"name": "n", "ttl": 5})]),
    "items of several kinds": (
        [{"a": 1}, "b"], [["n"], {"a": 2, "b": 3}, "c", "d"],
        [("changed", "new/0/a", 1, 2), ("added", "new/0/b", None, 3), ("changed", "new/1", "b", "c"),
         ("added", "new/0", None, ["n"]), ("added", "new/3", None, "d")]),
    "an item that moves": (["a", "b", "c"], ["c", "a", "b"], [("reordered", "new", ["0", "1", "2"], ["2", "0", "1"])]),
    "an item with a value of its own that changes": (
        [{"x": 1, "y": 1}, {"x": 2, "y": 2}], [{"x": 0}, {"x": 1, "y": 1}, {"x": 2, "y": 3}],
        [("changed", "new/1/y", 2, 3), ("added", "new/0", None, {"x": 0})]),
    "a list within a list": ([[1, 2], [3]], [[1, 2, 4], [3]], [("added", "new/0/2", None, 4)]),
    "items alike": (["a", "a", "b"], ["a", "b", "a"], [("reordered", "new", ["0", "1", "2"], ["0", "2", "1"])]),
    "ten items": (
        [*"abcdefghijkl"], [*"bcdefghij"],
        [("removed", "new/0", "a", None), ("removed", "new/10", "k", None), ("removed", "new/11", "l", None)]),
    "private names": ({"__a": {"__b": 1}}, {"__a": {"__b": 2}}, [("changed", "new/__a/__b", 1, 2)]),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), UNKNOWN.values(), ids=UNKNOWN)
def test_within_a_field_that_no_schema_knows_only_what_differs_is_a_change(before, after, changes):
    assert told(app(new=before), app(new=after)) == changes


def test_an_item_that_moves_within_a_field_that_no_schema_knows_is_named_by_its_number():
    (change,) = diff(canonical(app(new=[*"abcd"])), canonical(app(new=[*"adbc"])))
    assert [(move.item, move.place) for move in change.moves] == [("3", "before 1")]


def test_items_that_are_too_many_to_compare_each_with_each_are_compared_in_their_places(monkeypatch):
    monkeypatch.setattr(deepdiff, "DeepDiff", None)
    before, after = ([{"a": number, "b": number + by} for number in range(32)] for by in (0, 1))
    assert told(app(new=before), app(new=after)) == [
        ("changed", f"new/{number}/b", number, number + 1) for number in range(32)
    ]


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


PARTS = st.recursive(
    st.sampled_from(["a", "b", "", "1", 1, 2, 2.0, 1.5, True, False]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["a", "b", "__c", "0", "'"]), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(PARTS, PARTS)
def test_the_changes_within_a_field_that_no_schema_knows_lead_from_one_to_the_other(one, other):
    before, after = canonical(app(new=one)), canonical(app(new=other))
    changes = diff(before, after)
    assert apply_changes(before, changes) == after
    assert len({(change.path, change.kind) for change in changes}) == len(changes)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=8), st.lists(st.sampled_from("abcdefgh"), max_size=8))
def test_rules_in_any_order_lead_from_one_to_the_other_by_their_places(before, after):
    listed([f"/{name}" for name in before], [f"/{name}" for name in after])


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 12), st.data())
def test_one_rule_that_moves_is_one_move(length, data):
    paths = [f"/{number}" for number in range(length)]
    one, to = (data.draw(st.integers(0, length - 1)) for _ in range(2))
    after = [path for path in paths if path != paths[one]]
    after.insert(to, paths[one])
    moved, rest = listed(paths, after)
    assert (len(moved), rest) == (int(one != to), [])


def test_deepdiff_is_given_names_and_numbers_alone(monkeypatch):
    given, real = [], deepdiff.DeepDiff
    monkeypatch.setattr(deepdiff, "DeepDiff", lambda *trees, **how: given.append(trees) or real(*trees, **how))
    one = {"list": ["hunter3", {"password": "hunter4", "on": "hunter5"}, {"token": "EV[1:n:hunter6]"}], "x": "hunter7"}
    other = {"list": [{"password": "hunter1", "on": "hunter5"}, {"token": "EV[1:n:hunter2]"}, "hunter3"], "x": [True]}
    assert diff(canonical(app(new=one)), canonical(app(new=other)))
    assert diff(
        canonical(rules(*map(redirect, ["/hunter1", "/2"]))), canonical(rules(*map(redirect, ["/2", "/hunter1"])))
    )
    assert given == [
        ([{"on": 0, "password": 1}, {"token": 2}], [{"on": 0, "password": 3}, {"token": 4}]),
        ([0, 1, 2], [1, 2, 0]),
        ([0, 1], [1, 0]),
    ]


@pytest.mark.parametrize(
    ("before", "after", "imported"),
    [
        ("spec(1, 'a', 'b')", "spec(3, 'a', 'b')", False),
        ("spec(1, 'a', 'b')", "spec(1, 'a', 'n', 'b')", False),
        ("spec(1, 'a', 'b')", "{}", False),
        ("spec(1, 'a', 'b')", "spec(1, 'b', 'a')", True),
        ("spec(1, new=1)", "spec(1, new=2)", False),
        ("spec(1, new={'a': 1})", "spec(1, new={'a': 2})", False),
        ("spec(1, new=['a', 'b'])", "spec(1, new=['b', 'a'])", True),
        ("spec(1, new=[{'a': 1}])", "spec(1, new=[{'a': 2}])", True),
    ],
    ids=[
        "a value", "a rule that comes", "all that goes", "a rule that moves",
        "an unknown value", "an unknown field", "unknown items that move", "an unknown item",
    ],
)  # fmt: skip
def test_deepdiff_is_imported_only_for_another_order_and_for_lists_that_no_schema_knows(before, after, imported):
    script = f"""
import sys
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
def spec(count, *paths, **more):
    rules = [{{"match": {{"path": {{"prefix": path}}}}, "component": {{"name": "api"}}}} for path in paths]
    services = [{{"name": "api", "instance_count": count}}]
    return canonical({{"name": "web", "services": services, "ingress": {{"rules": rules}}, **more}})
assert diff({before}, {after})
assert ("deepdiff" in sys.modules) is {imported}
"""
    subprocess.run([sys.executable, "-c", script], check=True)
