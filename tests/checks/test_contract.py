import importlib
from pathlib import Path

import pytest


@pytest.fixture
def contract(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "checks")
    return importlib.import_module("contract")


def described(contract, **properties):
    schema = {"type": "object", "properties": properties}
    return dict(contract.facts(schema, schema))


@pytest.mark.parametrize(
    ("ours", "theirs", "difference"),
    [
        ({"type": "integer"}, {"type": "string"}, ("type", "/a", "integer", "string")),
        ({"type": "string", "default": "x"}, {"type": "string"}, ("default", "/a", "x", None)),
        ({"type": "integer"}, {"type": "integer", "maximum": 3}, ("maximum", "/a", None, 3)),
        ({"enum": ["x", "y", None]}, {"enum": ["x"]}, ("enum", "/a", "y", None)),
        ({"enum": ["x"]}, {"oneOf": [{"enum": ["x"]}, {"enum": ["y"]}]}, ("enum-missing", "/a", None, "y")),
        (
            {"type": "array", "items": {"type": "string", "pattern": "x"}},
            {"type": "array", "items": {"type": "string"}},
            ("pattern", "/a/*", "x", None),
        ),
    ],
)
def test_a_difference_in_a_field_is_seen(contract, ours, theirs, difference):
    found = list(contract.differences(described(contract, a=ours), described(contract, a=theirs)))
    assert found == [difference]


def test_a_field_that_one_side_lacks_is_one_difference_with_all_below_it(contract):
    record = {"type": "object", "properties": {"x": {"type": "string"}}}
    with_it, without = described(contract, a=record), described(contract)
    assert [one.aspect for one in contract.differences(with_it, without)] == ["field"]
    assert [one.aspect for one in contract.differences(without, with_it)] == ["missing"]


def test_a_requirement_for_a_field_that_does_not_exist_is_seen(contract):
    broken = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["endpoint"]}
    fixed = {"type": "object", "properties": {"token": {"type": "string"}}}
    found = list(contract.differences(described(contract, a=fixed), described(contract, a=broken)))
    assert [(one.aspect, one.path) for one in found] == [("gone", "/a/endpoint")]


def test_null_and_references_make_no_difference(contract):
    ours = {"type": ["string", "null"], "enum": ["x", None]}
    assert (
        list(
            contract.differences(described(contract, a=ours), described(contract, a={"type": "string", "enum": ["x"]}))
        )
        == []
    )


def test_parts_that_hold_at_once_are_merged_deeply(contract):
    one = {"properties": {"m": {"type": "object", "properties": {"x": {"type": "string"}}}}}
    two = {"properties": {"m": {"type": "object", "properties": {"y": {"type": "string"}}}}}
    found = described(contract, a={"type": "object", "allOf": [one, two]})
    assert {"/a/m/x", "/a/m/y"} <= set(found)


def test_an_entry_explains_its_own_value_and_no_other(contract):
    entry = contract.Deviation("default", "*/count", 0, "why")
    assert contract.explains(entry, contract.Difference("default", "/a/count", 0, None))
    assert not contract.explains(entry, contract.Difference("default", "/a/count", False, None))
    assert not contract.explains(entry, contract.Difference("minimum", "/a/count", 0, None))
    assert not contract.explains(entry, contract.Difference("default", "/a/counts", 0, None))


def test_a_size_or_region_that_the_examples_have_otherwise_is_seen(contract):
    sizes = [contract.size_facts(size) for size in contract.SIZES.values() if not size.legacy]
    regions = [{"slug": one.slug, "data_centers": list(one.data_centers)} for one in contract.REGIONS.values()]

    def problems(sizes):
        examples = {"instance_sizes": {"value": {"instance_sizes": sizes}}, "regions": {"value": {"regions": regions}}}
        return [problem.partition(":")[0] for problem in contract.table_problems(examples)]

    assert problems(sizes) == []
    assert problems([{**sizes[0], "usd_per_month": "6.00"}, *sizes[1:]]) == [f"size {sizes[0]['slug']}"]
    assert problems([{**sizes[0], "scalable": True}, *sizes[1:]]) == [f"size {sizes[0]['slug']}"]
    assert problems(sizes[1:]) == [f"size {sizes[0]['slug']}"]
    assert problems([*sizes, {**sizes[0], "slug": "apps-x"}]) == ["size apps-x"]
    regions[0]["data_centers"] = ["ams9"]
    assert problems(sizes) == ["region ams"]
