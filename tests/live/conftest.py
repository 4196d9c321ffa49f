from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.virtual_time import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    clock = VirtualClock()
    yield clock
    clock.close()
