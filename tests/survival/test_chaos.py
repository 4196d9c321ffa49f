"""A tenth of all requests goes wrong: a small part of `make chaos`, which has 200 apps and more seeds."""

from __future__ import annotations

import pytest

from tests.survival.chaos import RUNS, SHARE, Chaos


@pytest.mark.parametrize("seed", [1, 2])
def test_chaos_converges_without_a_second_app_or_a_lost_change(seed: int) -> None:
    steps = Chaos(20, seed).story()
    assert [step.name for step in steps] == ["create", "update", "mend"]
    for step in steps:
        assert not step.wrong, step
        assert len(step.codes) <= RUNS
        assert step.requests <= step.bound
    assert [step.codes[-1] in codes for step, codes in zip(steps, ((0,), (4, 6), (0,)), strict=True)] == [True] * 3


def test_the_trouble_is_real() -> None:
    steps = Chaos(20, 3).story()
    sent, troubled = sum(step.requests for step in steps), sum(step.troubled for step in steps)
    assert SHARE / 2 <= troubled / sent <= SHARE * 2
