import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.appspec.schema import spec_schema
from reconciler.appspec.shape import MISSING, SPEC, Listing, Record
from reconciler.appspec.walk import accepts
from reconciler.desired.schema_errors import faults

TEXTS = st.sampled_from(
    ["", "a", "ab", "web-1", "Web", "web\n", "-a", "a" * 40, "_K", "1K", "é", "a.example.com", "https://x", "GENERAL"]
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 80, 8080, 70000, 302, 1.0, 1.5, 600, 2**70])
JUNK = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just([]), st.just({}), st.just([None]), st.just({"x": 1}))


def value_of(shape, depth):
    """Values of a shape, now and then something else."""
    if isinstance(shape, Record):
        right = record_of(shape, depth)
    elif isinstance(shape, Listing):
        right = st.lists(value_of(shape.item, depth), max_size=2)
    elif shape.choices:
        right = st.sampled_from(shape.choices)
    else:
        right = {"string": TEXTS, "boolean": st.booleans()}.get(shape.type, NUMBERS)
    return right | JUNK


def record_of(record, depth):
    names = [
        name for name, field in record.fields.items() if depth > 0 or not isinstance(field.shape, Record | Listing)
    ]
    chosen = st.lists(st.sampled_from(names), max_size=4, unique=True)
    needed = [name for name, field in record.fields.items() if field.required]

    def fields(some):
        every = dict.fromkeys([*needed, *some])
        return st.fixed_dictionaries({name: value_of(record.fields[name].shape, depth - 1) for name in every})

    return chosen.flatmap(fields) | chosen.flatmap(fields).map(lambda one: {**one, "unknown": 1})


@settings(max_examples=400, deadline=None)
@given(record_of(SPEC, 4))
def test_the_models_refuse_exactly_what_the_schema_finds_fault_with(spec):
    assert accepts(spec) == (not faults(spec))


@pytest.mark.parametrize("junk", [None, [], "x", 1, True])
def test_what_is_no_mapping_is_refused_by_both(junk):
    assert not accepts(junk)
    assert faults(junk)


def test_the_schema_is_valid_and_says_its_dialect():
    jsonschema.Draft202012Validator.check_schema(spec_schema())
    assert spec_schema()["$schema"].endswith("2020-12/schema")


def test_the_schema_is_the_same_in_every_process():
    assert json.dumps(spec_schema()) == json.dumps(spec_schema.__wrapped__())
    assert list(spec_schema()["$defs"]) == sorted(spec_schema()["$defs"])


def test_defaults_deprecations_and_null_stand_in_the_schema():
    service = spec_schema()["$defs"]["Service"]["properties"]
    assert service["http_port"]["default"] == 8080
    assert service["http_port"]["type"] == ["integer", "null"]
    assert service["protocol"]["enum"] == ["HTTP", "HTTP2", None]
    assert service["routes"]["deprecated"] is True
    assert "ingress.rules" in service["routes"]["description"]
    assert "title" not in service["http_port"]


def records(shape):
    if isinstance(shape, Record):
        yield shape
        for field in shape.fields.values():
            yield from records(field.shape)
    elif isinstance(shape, Listing):
        yield from records(shape.item)


def test_every_field_of_the_tree_stands_in_the_schema_with_its_default():
    schema = spec_schema()
    for record in records(SPEC):
        properties = (schema if record is SPEC else schema["$defs"][record.title])["properties"]
        assert list(properties) == list(record.fields)
        for name, field in record.fields.items():
            assert properties[name].get("default", MISSING) == field.default
