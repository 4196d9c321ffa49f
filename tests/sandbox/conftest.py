from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.lab import Lab
from tests.sandbox.serving import Served, serving


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        yield served
