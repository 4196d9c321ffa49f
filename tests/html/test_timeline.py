"""Timelines: phases of deployments as bars on one scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.html.timeline import PHASES, Bar, Lane, Timeline, lane, timeline

FAILED = [("PENDING_BUILD", 0.0, 2.0), ("BUILDING", 2.0, 42.0), ("DEPLOYING", 42.0, 100.0), ("ERROR", 100.0, 100.0)]


def percent(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


def test_each_phase_that_takes_time_is_a_bar_and_the_last_one_says_how_it_ended() -> None:
    made = lane("deploy", "8b2e", FAILED, "push of Kim Holm")
    assert made == Lane(
        "deploy",
        "8b2e",
        (Bar("pending", "pending", 0, 2), Bar("build", "build", 2, 42), Bar("deploy", "deploy", 42, 100, failed=True)),
        ("✗", "error", "bad"),
        "push of Kim Holm",
    )
    assert made.text == "pending 2.0s, build 40s, deploy 58s"


def test_a_deployment_that_was_canceled_did_not_fail() -> None:
    made = lane("deploy", "8b2e", [("BUILDING", 0, 4), ("CANCELED", 4, 4)])
    assert (made.bars[0].failed, made.ending) == (False, ("!", "canceled", "warning"))


def test_a_deployment_under_way_says_its_phase_and_one_without_phases_says_nothing() -> None:
    assert lane("deploy", "8b2e", [("BUILDING", 0, 4)]).ending == ("▸", "building", "change")
    assert lane("deploy", "8b2e", []) == Lane("deploy", "8b2e")


def test_bars_are_placed_in_percent_of_the_whole_and_labelled_where_there_is_room() -> None:
    line = timeline([lane("deploy", "8b2e", FAILED)])
    assert line.seconds == 100
    drawn = line.drawn(line.lanes[0])
    assert [(one.x, one.width, one.label) for one in drawn] == [
        ("0.00%", "2.00%", ""),
        ("2.00%", "40.00%", "build 40s"),
        ("42.00%", "58.00%", "deploy 58s"),
    ]
    assert [one.look for one in drawn] == ["bar pending", "bar build", "bar deploy failed"]


@pytest.mark.parametrize(
    ("seconds", "marks"),
    [
        (0, []),
        (3, [("33.33%", "1s"), ("66.67%", "2s")]),
        (240, [("25.00%", "1m"), ("50.00%", "2m"), ("75.00%", "3m")]),
        (9000, [("20.00%", "30m"), ("40.00%", "1h"), ("60.00%", "1h 30m"), ("80.00%", "2h")]),
        (10**9, []),
    ],
)
def test_the_scale_has_few_round_marks(seconds: float, marks: list[tuple[str, str]]) -> None:
    assert Timeline((), seconds).marks == marks


_time = st.floats(0, 1e7)


@given(st.lists(st.tuples(st.sampled_from([*PHASES, "ERROR", "odd"]), _time, _time), max_size=6), _time)
def test_no_bar_leaves_the_scale_whatever_the_times_are(phases: list[tuple[str, float, float]], whole: float) -> None:
    line = timeline([lane("deploy", "id", phases)], whole)
    for one in line.drawn(line.lanes[0]):
        assert percent(one.x) >= 0
        assert percent(one.x) + percent(one.width) <= 100.02
        assert percent(one.width) > 0
    assert len(line.marks) <= 6
