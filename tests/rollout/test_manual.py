"""What a person asks of a pinned app: keep the rollback, or take it back."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import ApiError, UsageError
from reconciler.live.models import Deployment, LiveApp
from reconciler.rollout import manual
from tests.support.virtual_time import VirtualClock

PINNED = LiveApp.model_validate({"id": "1", "spec": {"name": "web"}, "pinned_deployment": {"id": "r"}})
FREE = LiveApp.model_validate({"id": "1", "spec": {"name": "web"}})
LOST = ApiError("POST /v2/apps/1/rollback/commit: 502", method="POST", path="/v2/apps/1/rollback/commit", status=502)


class Platform:
    """An app whose pin goes after so many looks; the commit may fail."""

    def __init__(self, looks: int, error: Exception | None = None) -> None:
        self.looks = looks
        self.error = error
        self.seen = 0
        self.asked: list[str] = []

    async def get_app(self, app_id: str) -> LiveApp:
        self.seen += 1
        return PINNED if self.seen < self.looks else FREE

    async def commit_rollback(self, app_id: str) -> None:
        self.asked.append(f"commit {app_id}")
        if self.error:
            raise self.error

    async def revert_rollback(self, app_id: str) -> Deployment:
        self.asked.append(f"revert {app_id}")
        return Deployment.model_validate({"id": "d"})


def commit(platform: Any, clock: VirtualClock, app: LiveApp = PINNED) -> bool:
    return clock.run(manual.commit(platform, app, clock))


@pytest.mark.parametrize(("looks", "seconds"), [(1, 0), (2, 2), (5, 8)])
def test_a_commit_waits_for_the_pin_to_go(looks: int, seconds: float, clock: VirtualClock) -> None:
    platform = Platform(looks)
    assert commit(platform, clock)
    assert (platform.asked, platform.seen, clock.monotonic()) == (["commit 1"], looks, seconds)


def test_a_pin_that_stays_for_five_looks_is_told(clock: VirtualClock) -> None:
    platform = Platform(9)
    assert not commit(platform, clock)
    assert (platform.seen, clock.monotonic()) == (5, 8)


def test_a_commit_whose_answer_was_lost_is_looked_for_once(clock: VirtualClock) -> None:
    assert commit(Platform(1, LOST), clock)
    platform = Platform(2, LOST)
    with pytest.raises(ApiError, match="502"):
        commit(platform, clock)
    assert platform.seen == 1


def test_a_rollback_is_taken_back_by_a_deployment_to_follow(clock: VirtualClock) -> None:
    platform: Any = Platform(1)
    assert clock.run(manual.revert(platform, PINNED)).id == "d"
    assert platform.asked == ["revert 1"]


def test_of_an_app_that_is_not_pinned_nothing_is_asked(clock: VirtualClock) -> None:
    platform: Any = Platform(1)
    with pytest.raises(UsageError, match="web is not pinned to a rollback") as refused:
        commit(platform, clock, FREE)
    assert refused.value.hint == "reconcile status web"
    with pytest.raises(UsageError, match="nothing to commit or revert"):
        clock.run(manual.revert(platform, FREE))
    assert platform.asked == []
