"""A stage with an empty account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rollout.stage import Stage
from tests.support.virtual_time import VirtualClock


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
