"""Apps that depend on each other in a circle are refused."""

from __future__ import annotations

import pytest

from reconciler.errors import InvalidInput
from reconciler.findings import Severity
from reconciler.rollout.scheduler import check_order


def test_a_circle_is_refused_and_shown() -> None:
    with pytest.raises(InvalidInput, match="in a circle: a → b → a") as refused:
        check_order({"a": ["b"], "b": ["a"]})
    (finding,) = refused.value.findings
    assert (finding.severity, finding.code) == (Severity.ERROR, "depends-on-circle")
    assert finding.message == "apps depend on each other in a circle: a → b → a"
    assert refused.value.hint == "break it in depends_on"


def test_an_order_without_a_circle_is_fine() -> None:
    check_order({"a": ["b"], "b": []})
