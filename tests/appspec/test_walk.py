"""The one walk over documents by the shape of an app spec."""

from __future__ import annotations

import pytest

from reconciler.appspec.shape import SPEC, Listing, Record
from reconciler.appspec.walk import branches, fields_below, find, find_known, mapped, shape_at

SPEC_OF_ALL_KINDS = {
    "name": "shop",
    "services": [{"name": "web", "routes": [{"path": "/"}], "instance_count": 2}, {"name": "api", "routes": None}],
    "x/y": {"name": "unknown", "routes": []},
}


def routes(field, name, owner, parent):
    return name == "routes"


def test_a_search_finds_fields_also_in_parts_that_no_model_knows():
    assert list(find(SPEC_OF_ALL_KINDS, routes)) == [
        ("/services/0/routes", [{"path": "/"}]),
        ("/services/1/routes", None),
        ("/x~1y/routes", []),
    ]


def test_a_search_looks_for_nothing_below_what_it_found():
    assert [pointer for pointer, _ in find({"routes": {"routes": 1}}, routes)] == ["/routes"]


def test_a_search_tells_the_field_that_the_owner_stands_in():
    seen = []
    list(find({"services": [{"envs": [{"key": "K"}]}]}, lambda field, name, owner, parent: seen.append((parent, name))))
    assert seen == [("", "services"), ("services", "envs"), ("envs", "key")]


@pytest.mark.parametrize("document", [None, 1, "text", [], {"services": 3}, {"services": ["web"]}, {"services": None}])
def test_any_document_can_be_walked(document):
    tree = branches(SPEC, lambda _, field: field.name == "routes")
    assert list(find(document, routes)) == list(find_known(document, tree)) == []
    assert mapped(document, SPEC) == document


def test_a_search_by_branches_finds_what_the_models_know_and_passes_over_null():
    tree = branches(SPEC, lambda record, field: record.title == "Service" and field.name == "routes")
    (found,) = find_known(SPEC_OF_ALL_KINDS, tree)
    assert (found.pointer, found.field.name, found.owner["name"]) == ("/services/0/routes", "routes", "web")
    assert list(tree) == ["services"]


def test_a_mapping_where_a_list_should_be_is_taken_for_one_of_its_items():
    tree = branches(SPEC, lambda _, field: field.name == "http_port")
    assert [found.pointer for found in find_known({"services": {"http_port": 80}}, tree)] == ["/services/http_port"]
    wanted = [
        at
        for at, _ in find(
            {"services": {"http_port": 80}}, lambda field, *_: field is not None and field.name == "http_port"
        )
    ]
    assert wanted == ["/services/http_port"]


def test_a_copy_shares_no_part_with_the_document_and_has_lists_for_tuples():
    document = {"features": ("a", "b"), "services": [{"name": "web"}]}
    copy = mapped(document, SPEC)
    assert copy == {"features": ["a", "b"], "services": [{"name": "web"}]}
    assert copy["services"] is not document["services"]
    assert copy["services"][0] is not document["services"][0]


def test_a_copy_is_made_from_the_outside_in_with_the_record_of_each_mapping():
    titles = []

    def members(tree, record):
        titles.append(record.title if record else None)
        return [(name, item) for name, item in tree.items() if name != "x"]

    document = {"services": [{"name": "web", "x": {"never": "seen"}}], "own": {"a": 1}}
    assert mapped(document, SPEC, members=members) == {"services": [{"name": "web"}], "own": {"a": 1}}
    assert titles == ["AppSpec", "Service", None]


def test_a_copy_can_have_other_scalars():
    assert mapped({"a": [1, {"b": "x"}]}, scalar=str) == {"a": ["1", {"b": "x"}]}


def test_a_path_leads_to_its_shape_by_index_and_by_identity():
    assert shape_at(()) is SPEC
    assert isinstance(shape_at(("services",)), Listing)
    assert shape_at(("services", 0, "envs", "PORT")) is shape_at(("services", "web", "envs", 3))
    assert isinstance(shape_at(("services", 0)), Record)
    assert shape_at(("nothing", "of", "the kind")) is None
    assert shape_at(("name", "deeper")) is None


def test_every_field_below_a_shape_has_its_record_and_the_field_the_record_stands_in():
    known = {(record.title, parent, field.name) for record, parent, field in fields_below(SPEC)}
    assert ("AppSpec", "", "name") in known
    assert ("Service", "services", "envs") in known
    assert ("EnvVar", "envs", "key") in known
