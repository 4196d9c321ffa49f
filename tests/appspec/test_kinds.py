"""The kinds of components."""

from __future__ import annotations

import pytest

from reconciler.appspec import kinds
from reconciler.appspec.shape import SPEC, Listing
from reconciler.appspec.walk import within


def having(field):
    """The kinds whose components have a field."""
    shapes = {kind: within(SPEC.fields[kind].shape, 0) for kind in kinds.COMPONENT_KINDS}
    return {kind for kind, shape in shapes.items() if field in shape.fields}


def test_the_kinds_are_the_lists_of_the_spec_whose_items_have_a_name_of_their_own():
    shapes = {name: field.shape for name, field in SPEC.fields.items()}
    named = {name for name, shape in shapes.items() if isinstance(shape, Listing) and shape.identity == ("name",)}
    assert named == set(kinds.COMPONENT_KINDS) == set(kinds.SINGULAR)


def test_the_groups_are_those_of_the_models():
    assert having("github") == set(kinds.BUILT_KINDS)
    assert having("instance_size_slug") == set(kinds.SIZED_KINDS)
    assert having("routes") == set(kinds.ROUTABLE_KINDS)
    assert having("autoscaling") >= set(kinds.RUNNING_KINDS)


def test_components_are_found_in_the_order_of_their_kinds():
    spec = {"workers": [{"name": "w"}], "services": [{"name": "b"}, {"name": "a"}], "databases": [{"name": "db"}]}
    found = [(kind, item["name"]) for kind, item in kinds.components(spec)]
    assert found == [("services", "b"), ("services", "a"), ("workers", "w")]
    assert [kind for kind, _ in kinds.components(spec, ("databases",))] == ["databases"]


@pytest.mark.parametrize(
    "document", [None, [], "text", {"services": None}, {"services": {"name": "web"}}, {"jobs": [1]}]
)
def test_components_are_looked_for_in_any_document(document):
    assert kinds.components(document) == []
