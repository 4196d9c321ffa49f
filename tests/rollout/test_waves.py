"""Waves: a few apps first, the next ones once those are healthy, and none after a failure."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.config import Policy
from reconciler.config_sections import Waves
from reconciler.plan.model import Action
from reconciler.rollout.ports import RolloutJob
from reconciler.rollout.scheduler import order_of, waves_of
from tests.rollout.stage import POLICY, Stage, web

CAREFUL = Waves(waves=[1, "50%", "100%"], pause=300.0)


def jobs(stage: Stage, count: int, **policies: Policy) -> list[RolloutJob]:
    names = [f"app-{number}" for number in range(count)]
    return [stage.job(web(name), Action.CREATE, policy=policies.get(name.replace("-", "_"), POLICY)) for name in names]


@pytest.mark.parametrize(
    ("waves", "apps", "sizes"),
    [
        ([], 20, []),
        ([1, "10%", "100%"], 20, [1, 1, 18]),
        ([1, "10%"], 20, [1, 1, 18]),
        ([5, 3], 20, [5, 15]),
        ([1, "10%"], 1, [1]),
        (["1%"], 3, [1, 2]),
        ([1], 0, []),
    ],
)
def test_each_entry_counts_from_the_first_app_on(waves: list[Any], apps: int, sizes: list[int]) -> None:
    assert Waves(waves=waves).sizes(apps) == sizes


@given(st.lists(st.one_of(st.integers(1, 500), st.integers(1, 100).map("{}%".format)), max_size=6), st.integers(0, 300))
def test_every_app_is_in_one_wave(waves: list[int | str], apps: int) -> None:
    sizes = Waves(waves=waves).sizes(apps)
    assert sum(sizes) == (apps if waves else 0)
    assert all(sizes)


@pytest.mark.parametrize("wave", [0, -1, "0%", "101%", "ten", 1.5, True, None])
def test_what_is_no_number_of_apps_is_refused(wave: Any) -> None:
    with pytest.raises(ValidationError, match="write 1 or 10%"):
        Waves(waves=[wave])


def test_a_wave_begins_once_the_one_before_is_healthy_and_the_pause_is_over(stage: Stage) -> None:
    records = stage.roll(*jobs(stage, 4), waves=CAREFUL)
    assert [record.wave for record in records] == [1, 2, 3, 3]
    assert {record.outcome.kind.value for record in records} == {"applied"}
    began = [event for event in stage.events if event.text.startswith("wave ")]
    assert [event.text for event in began] == [
        "wave 1 of 3 begins: 1 app",
        "wave 2 of 3 begins: 1 app",
        "wave 3 of 3 begins: 2 apps",
    ]
    ended = {event.app: event.at for event in stage.events if event.outcome}
    assert began[1].at == pytest.approx(ended["app-0"] + 300.0)
    assert began[2].at == pytest.approx(ended["app-1"] + 300.0)


def test_a_failure_stops_the_waves_after_it(stage: Stage) -> None:
    wanted = jobs(stage, 4)
    stage.box.fail("app-1", "deploy")
    records = stage.roll(*wanted, waves=CAREFUL)
    assert [record.outcome.kind.value for record in records] == ["applied", "degraded", "skipped", "skipped"]
    assert records[3].outcome.reason == "wave 2 did not succeed: app-1 ended as degraded"
    assert records[3].wave == 3


def test_what_an_app_depends_on_is_in_no_later_wave(stage: Stage) -> None:
    first = POLICY.model_copy(update={"depends_on": ["app-3"]})
    wanted = jobs(stage, 4, app_0=first)
    assert waves_of(wanted, order_of(wanted), CAREFUL) == {"app-3": 1, "app-0": 2, "app-1": 3, "app-2": 3}
    assert {record.outcome.kind.value for record in stage.roll(*wanted, waves=CAREFUL)} == {"applied"}


def test_apps_in_sync_are_in_no_wave(stage: Stage) -> None:
    wanted = jobs(stage, 3)
    quiet = stage.job(web("quiet"), Action.NONE)
    assert waves_of([quiet, *wanted], order_of([quiet, *wanted]), CAREFUL) == {"app-0": 1, "app-1": 2, "app-2": 3}


def test_apps_that_share_what_they_depend_on_are_each_placed_once(stage: Stage) -> None:
    """Each waits for all of the layer below: as many paths as no walk of every path would end on."""
    layers = [[f"app-{layer}-{number}" for number in range(4)] for layer in range(40)]
    wanted = []
    for below, layer in pairwise([[], *layers]):
        policy = POLICY.model_copy(update={"depends_on": below})
        wanted += [stage.job(web(name), Action.CREATE, policy=policy) for name in layer]
    found = waves_of(wanted[::-1], order_of(wanted), CAREFUL)
    assert len(found) == 160
    assert all(found[low] <= found[high] for below, layer in pairwise(layers) for low in below for high in layer)
