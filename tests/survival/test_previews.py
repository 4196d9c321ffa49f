"""A sample of the histories of pull requests; `make previews` plays them all."""

from __future__ import annotations

import pytest

from tests.survival.previews import History


@pytest.mark.parametrize("seed", [3, 7])
def test_previews_are_those_of_open_allowed_unexpired_pull_requests_whatever_fails(seed: int) -> None:
    played = History(seed).play()
    assert played.wrong == []
    assert played.runs > 10
