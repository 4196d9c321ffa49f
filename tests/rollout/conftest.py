"""A stage with an empty account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rollout.stage import Stage
from tests.rollout.walk import Walk, goals, small_bounds, walked
from tests.support.virtual_time import VirtualClock


@pytest.fixture(scope="session")
def walk() -> Walk:
    """The walk over every state, once."""
    with small_bounds():
        return walked(goals())


@pytest.fixture
def stage() -> Iterator[Stage]:
    found = Stage()
    yield found
    found.close()


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    found = VirtualClock()
    yield found
    found.close()
