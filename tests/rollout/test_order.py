"""Which apps wait for which: circles are found and refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reconciler.config import find_circle
from reconciler.errors import InvalidInput
from reconciler.findings import Severity
from reconciler.rollout.scheduler import check_order


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({}, ()),
        ({"a": []}, ()),
        ({"a": ["unknown"]}, ()),
        ({"a": ["a"]}, ("a", "a")),
        ({"a": ["b"], "b": ["a"]}, ("a", "b", "a")),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ("b", "c", "b")),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ()),
        ({"a": ["b", "b"], "b": []}, ()),
        ({"a": ["b", "c"], "b": [], "c": ["a"]}, ("a", "c", "a")),
        ({"a": [], "b": ["a", "c"], "c": ["b"]}, ("b", "c", "b")),
        ({"a": ["b"], "b": [], "c": ["b", "d"], "d": ["c"]}, ("c", "d", "c")),
    ],
)
def test_the_first_circle_is_found(graph: dict[str, list[str]], circle: tuple[str, ...]) -> None:
    assert find_circle(graph) == circle


def test_a_circle_is_refused_and_shown() -> None:
    with pytest.raises(InvalidInput, match="in a circle: a → b → a") as refused:
        check_order({"a": ["b"], "b": ["a"]})
    (finding,) = refused.value.findings
    assert (finding.severity, finding.code) == (Severity.ERROR, "depends-on-circle")
    assert finding.message == "apps depend on each other in a circle: a → b → a"
    assert refused.value.hint == "break it in depends_on"


def test_an_order_without_a_circle_is_fine() -> None:
    check_order({"a": ["b"], "b": []})


def test_many_apps_that_wait_for_the_same_ones_are_seen_through_in_no_time() -> None:
    """Each app waits for both of the next layer: there are few apps and countless paths."""
    layers = [(f"{number}a", f"{number}b") for number in range(40)]
    graph = {name: list(below) for upper, below in pairwise(layers) for name in upper}
    assert find_circle(graph) == ()
