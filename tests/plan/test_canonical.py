"""The canonical tree: what means the same looks the same, and nothing else does."""

from __future__ import annotations

import copy
import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.appspec.shape import SPEC, Listing
from reconciler.appspec.walk import within
from reconciler.plan.canonical import Opaque, canonical, key_of, plain
from reconciler.plan.compare import desired_digest
from tests.plan.platform import CIPHER, app, env, same, secret, service
from tests.support.specs import specs

EQUAL = {
    "a default written out": (app(services=[service(instance_count=1, http_port=8080)]), app()),
    "null": (app(services=[service(http_port=None)], envs=None), app()),
    "an empty list": (app(workers=[], domains=[]), app()),
    "an empty text": (app(services=[service(dockerfile_path="", run_command="")]), app()),
    "a zero": (app(services=[service(health_check={"period_seconds": 0})]), app()),
    "an object of defaults": (app(services=[service(health_check={"period_seconds": 10}, termination={})]), app()),
    "nested objects of defaults": (app(services=[service(autoscaling={"metrics": {}})]),
                                   app(services=[service(autoscaling={})])),
    "an unset choice": (app(envs=[env("A", "1", scope="UNSET")]), app(envs=[env("A", "1")])),
    "GENERAL": (app(envs=[env("A", "1", type="GENERAL")]), app(envs=[env("A", "1")])),
    "a data center for its region": (app(region="nyc3"), app(region="nyc")),
    "durations": (app(jobs=[{"name": "job", "timeout": "1h0m0s"}]), app(jobs=[{"name": "job", "timeout": "60m"}])),
    "spellings of a path": (app(services=[service(source_dir="./src/")]), app(services=[service(source_dir="/src")])),
    "UNSPECIFIED job kind": (app(jobs=[{"name": "job", "kind": "UNSPECIFIED"}]), app(jobs=[{"name": "job"}])),
    "a host's case and final dot": (app(domains=[{"domain": "Example.com."}]),
                                    app(domains=[{"domain": "example.com"}])),
    "whole floats": (app(alerts=[{"rule": "CPU_UTILIZATION", "value": 80.0}]),
                     app(alerts=[{"rule": "CPU_UTILIZATION", "value": 80}])),
    "the older name of http_path": (app(services=[service(health_check={"path": "/up"})]),
                                    app(services=[service(health_check={"http_path": "/up"})])),
    "archive implies enabled": (app(maintenance={"archive": True, "enabled": True}),
                                app(maintenance={"archive": True})),
    "a count under autoscaling": (app(services=[service(instance_count=7, autoscaling={"min_instance_count": 1})]),
                                  app(services=[service(autoscaling={"min_instance_count": 1})])),
    "a rule for every path": (app(ingress={"rules": [{"match": {"path": {"prefix": "/"}}, "redirect": {}}]}),
                              app(ingress={"rules": [{"redirect": {}}]})),
    "a cors that says nothing": (app(services=[service(cors={})]), app()),
    "nulls within an unknown field": (app(brand_new={"a": None, "b": [None, {"c": None}]}), app(brand_new={"b": [{}]})),
    "a set in another order": (app(features=["b", "a"]), app(features=["a", "b"])),
}  # fmt: skip

DIFFERENT = {
    "an empty ingress and none": (app(ingress={}), app()),
    "an empty liveness check and none": (app(services=[service(liveness_health_check={})]), app()),
    "empty autoscaling and none": (app(services=[service(autoscaling={})]), app()),
    "maintenance without archive and none": (app(maintenance={"enabled": True}), app()),
    "texts that look like numbers": (app(envs=[env("A", "1.0")]), app(envs=[env("A", "1")])),
    "the order of rules": (
        app(ingress={"rules": [{"redirect": {"uri": "/a"}}, {"redirect": {"uri": "/b"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b"}}, {"redirect": {"uri": "/a"}}]}),
    ),
    "an unknown field": (app(brand_new=1), app()),
    "values of an unknown field": (app(brand_new={"deep": [1]}), app(brand_new={"deep": [2]})),
    "the type of a variable": (app(envs=[secret("A", "x")]), app(envs=[env("A", "x")])),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_what_means_the_same_has_the_same_tree(one, other):
    assert canonical(one) == canonical(other)
    assert desired_digest(canonical(one)) == desired_digest(canonical(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_means_something_else_has_another_tree(one, other):
    assert canonical(one) != canonical(other)


@settings(max_examples=40, deadline=None)
@given(specs())
def test_canonical_is_idempotent_and_leaves_its_input_alone(spec):
    before = copy.deepcopy(spec)
    tree = canonical(spec)
    assert spec == before
    assert canonical(tree) == tree
    assert canonical(copy.deepcopy(before)) == tree


@settings(max_examples=40, deadline=None)
@given(specs(), st.integers(0, 2**32))
def test_the_order_of_components_and_variables_never_matters(spec, seed):
    shuffled = _shuffled({**spec, "brand_new": {"b": [{"d": 1, "c": 2}], "a": {"f": 3, "e": 4}}}, random.Random(seed))
    assert same(shuffled, spec | {"brand_new": {"a": {"e": 4, "f": 3}, "b": [{"c": 2, "d": 1}]}})
    assert _in_order(canonical(shuffled))


def _in_order(tree):
    """Whether every dict of a tree is in alphabetical order, so that equal trees are the same text."""
    if isinstance(tree, dict):
        return list(tree) == sorted(tree) and all(map(_in_order, tree.values()))
    return not isinstance(tree, tuple | list) or all(map(_in_order, tree))


@pytest.mark.parametrize(
    "spec",
    [
        app(services=[service(cors={"max_age": "1h"}, routes=[{"preserve_path_prefix": True, "path": "/x"}])]),
        app(services=[service(cors={"max_age": "1h"})],
            ingress={"rules": [{"component": {"name": "api"}, "match": {"path": {"prefix": "/a"}}}]}),
        app(services=[service(cors={"max_age": "1h"}, routes=[{}])], ingress={"rules": []}, workers=[{"name": "w"}]),
        app(services=[service(cors={"max_age": "1h"}), service("two", routes=[{"path": "/b"}])]),
        app(services=[service(health_check={"port": 80, "path": "/up", "timeout_seconds": 3})]),
        app(services={"b": {"name": "b"}, "a": {"name": "a"}}),
        app(envs=[env("A", "2"), env("A", "1")], domains=[{"type": "ALIAS"}, {}]),
    ],
    ids=["routes", "cors beside rules", "routes beside none", "cors of the rules to be chosen", "the older path",
         "a mapping for a list", "namesakes"],
)  # fmt: skip
def test_every_part_of_a_tree_is_in_alphabetical_order_however_it_was_made(spec):
    assert _in_order(canonical(spec))


def _shuffled(value, chance, shape=SPEC):
    """The same with every list shuffled whose order means nothing, and every mapping's keys."""
    if isinstance(shape, Listing) and isinstance(value, list):
        items = [_shuffled(item, chance, shape.item) for item in value]
        return items if shape.ordered else chance.sample(items, len(items))
    if isinstance(value, dict):
        names = chance.sample(list(value), len(value))
        return {name: _shuffled(value[name], chance, within(shape, name)) for name in names}
    return value


@pytest.mark.parametrize("items", [[service("api"), service("api", http_port=1)], [{}, {"http_port": 2}]])
def test_items_of_one_name_are_all_kept_whatever_their_order(items):
    tree = canonical({"services": items})
    assert len(tree["services"]) == 2
    assert canonical({"services": items[::-1]}) == tree
    assert canonical(tree) == tree


@pytest.mark.parametrize(
    "odd",
    [
        {"services": "none"}, {"services": ["api"]}, {"services": [1, {}]}, {"envs": {"A": "1"}},
        {"services": [{"name": 7}]}, {"services": [{"name": ["a"]}, {"name": None}]}, {"ingress": []},
        {"ingress": {"rules": {"a": 1}}}, {"ingress": {"rules": ["x", 1]}}, {"name": None}, {"features": [1, "a"]},
        {"services": [{"name": "api", "routes": "x", "cors": 3}]}, {"features": "x"}, {"egress": 5},
        {"ingress": 5, "services": [{"name": "api", "cors": {"max_age": "1h"}, "routes": [{"path": "/x"}, 3]}]},
        {"ingress": {"rules": [3]}, "services": [{"name": "api", "cors": {"max_age": "1h"}}]},
        {"services": {"api": 3}},
    ],
)  # fmt: skip
def test_what_fits_no_shape_is_kept_for_others_to_judge(odd):
    tree = canonical(odd)
    assert canonical(tree) == tree


def test_secrets_are_opaque_in_every_place_that_holds_one():
    tree = canonical(
        app(
            envs=[secret("A", "hunter2")],
            ingress={"secure_header": {"key": "X", "value": "hunter2"}},
            workers=[
                {
                    "name": "job",
                    "image": {"registry_credentials": "hunter2"},
                    "log_destinations": [
                        {"name": "one", "datadog": {"api_key": "hunter2"}},
                        {"name": "two", "logtail": {"token": "hunter2"}},
                        {"name": "three", "open_search": {"basic_auth": {"user": "u", "password": "hunter2"}}},
                        {"name": "four", "endpoint": "https://x", "headers": [{"key": "K", "value": "hunter2"}]},
                    ],
                }
            ],
        )
    )
    assert "hunter2" not in repr(tree)
    assert repr(tree).count("(secret)") == 7
    assert "hunter2" not in str(plain(tree))


def test_a_variable_that_the_platform_encrypted_is_a_secret_whatever_its_type():
    tree = canonical(app(envs=[env("A", CIPHER)]))
    assert tree["envs"]["A"]["value"].is_ciphertext


def test_what_looks_like_a_secret_variable_in_an_unknown_field_is_one():
    spec = app(**{"x-envs": [secret("A", "hunter2")]})
    assert "hunter2" not in repr(canonical(spec))
    assert canonical(spec) != canonical(app(**{"x-envs": [secret("A", "hunter3")]}))


@pytest.mark.parametrize(
    "part",
    [
        {"agents": [{"image": {"registry_credentials": "ada:hunter2"}}]},
        {"agents": [{"github_token": "hunter2", "password": {"plain": ["hunter2"]}}]},
        {"agents": {"a": {"log_destinations": [{"headers": [{"key": "K", "value": "hunter2"}]}]}}},
        {"agents": [{"envs": [{"key": "K", "type": "secret", "value": "hunter2"}]}]},
        {"services": ["odd", {"name": "a", "image": {"registry_credentials": "hunter2"}}]},
        {"services": [{"name": "a", "api-key": "hunter2"}], "ingress": [{"password": "hunter2"}]},
        {"envs": [{"key": "K", "type": "SECRET_V2", "value": "hunter2"}]},
    ],
    ids=str,
)
def test_a_secret_is_opaque_where_no_model_knows_its_place(part):
    tree = canonical(app(**part))
    assert "hunter2" not in repr(tree)
    assert "hunter2" not in str(plain(tree))
    assert canonical(tree) == tree


def test_a_value_beside_no_type_or_a_general_one_is_shown_wherever_it_stands():
    shown = [{"key": "A", "value": "one"}, {"key": "B", "type": "GENERAL", "value": "two"}]
    assert canonical(app(agents=[{"envs": shown}]))["agents"] == [{"envs": shown}]


def test_an_opaque_value_can_be_compared_and_neither_shown_nor_serialised():
    value = Opaque("hunter2")
    assert value == Opaque("hunter2") != Opaque("hunter3")
    assert value != "hunter2"
    assert len({value, Opaque("hunter2"), Opaque("other")}) == 2
    assert value.holds("hunter2")
    assert not value.is_ciphertext
    assert value.reveal() == "hunter2"
    assert f"{value} {value!r} {[value]}" == "(secret) (secret) [(secret)]"
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(value)


def test_a_key_is_that_of_the_canonical_item():
    domains = SPEC.fields["domains"].shape
    assert isinstance(domains, Listing)
    assert key_of(domains, {"domain": "Example.COM."}) == "example.com"


def test_two_secrets_of_one_name_keep_their_places():
    tree = canonical(app(envs=[secret("A", "x"), secret("A", "y")]))
    assert set(tree["envs"]) == {"A", "A#2"}


def test_a_number_that_no_float_can_hold_tells_an_alert_apart():
    alerts = [{"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": value} for value in (80, 10**400)]
    tree = canonical(app(services=[service(alerts=alerts)]))
    assert len(tree["services"]["api"]["alerts"]) == 2
