"""What a run is asked for."""

from __future__ import annotations

import pytest

from reconciler.engine.load import shard_of


def test_a_part_of_the_apps_is_written_as_its_number_and_how_many_there_are() -> None:
    assert [shard_of(text) for text in ("1/1", "1/4", "4/4")] == [(1, 1), (1, 4), (4, 4)]


@pytest.mark.parametrize("text", ["5/4", "0/4", "1/0", "1", "1/", "", "a", "-1/2", "1/4 ", "01/4", "1/4\n", "1/100000"])
def test_what_is_no_part_of_a_whole_is_none(text: str) -> None:
    assert shard_of(text) is None
