"""Every other scenario, and that the list of what is awaited is true. `make second-platform` plays them all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.second_platform.__main__ import main
from tests.second_platform.awaited import AWAITED
from tests.second_platform.catalog import EXPECTED_TO_FAIL, SAMPLE, SCENARIOS, verdict
from tests.second_platform.model import Fate, Running
from tests.second_platform.play import play
from tests.second_platform.scenario import NEW, Scenario, applied, ours, runs


@pytest.mark.parametrize("scenario", SAMPLE, ids=[scenario.name for scenario in SAMPLE])
def test_every_run_ends_as_it_must(scenario: Scenario):
    assert verdict(scenario, play(scenario).wrong) == []


def test_there_are_enough_of_them_each_with_a_name_of_its_own():
    assert len(SCENARIOS) >= 80
    assert [name for name, number in Counter(scenario.name for scenario in SCENARIOS).items() if number > 1] == []


def test_what_is_awaited_is_a_scenario_and_is_listed_once():
    names = [name for listed in AWAITED.values() for name in listed]
    assert sorted(names) == sorted(EXPECTED_TO_FAIL)
    assert EXPECTED_TO_FAIL - {scenario.name for scenario in SCENARIOS} == set()


def test_a_scenario_that_is_awaited_and_holds_is_a_failure():
    held = next(scenario for scenario in SCENARIOS if scenario.name not in EXPECTED_TO_FAIL)
    assert verdict(held, []) == []
    assert verdict(held, ["1.25 serves"]) == ["1.25 serves"]
    if awaited := next((scenario for scenario in SCENARIOS if scenario.name in EXPECTED_TO_FAIL), None):
        assert verdict(awaited, ["1.25 serves"]) == []
        assert verdict(awaited, []) != []


WELL = Scenario("well", "", runs(applied()))
SICK = replace(WELL, running=(Running(f"update {NEW}", ((0, "UNHEALTHY"),)),))


def test_a_run_that_ends_otherwise_is_said_with_all_that_does_not_hold():
    wrong = "\n".join(play(SICK).wrong)
    for part in ("rolled_back, exit 4, instead of applied, exit 0", "1.26 serves, not 1.27", "1 × rollback, not 0"):
        assert part in wrong


def test_words_order_time_and_sums_are_held():
    never = ours(says=("weather",), never=("unhealthy",), order=("rollback ACTIVE", "update ACTIVE"), within=5)
    scenario = replace(SICK, runs=runs(replace(never, by={"rollback": 1})), total={("update", "rollback"): 1})
    found = "\n".join(play(scenario).wrong)
    for part in (
        "does not say 'weather'",
        "says 'unhealthy'",
        "not in the order",
        "it took",
        "not within 1 s",
        "in all",
    ):
        assert part in found


def test_a_run_that_was_to_be_killed_and_was_not_is_said():
    scenario = replace(WELL, runs=(replace(WELL.runs[0], expect=None, killed="auto ERROR"),))
    assert play(scenario).wrong == ["it was to be killed at 'auto ERROR', and ended: applied"]


def test_the_command_prints_a_line_a_scenario_and_one_with_counts(capsys: pytest.CaptureFixture[str]):
    assert main(["a new version", "nothing to do"]) == 0
    first, second, counts = capsys.readouterr().out.splitlines()
    assert first.split(maxsplit=4) == ["a", "new", "version", "ok", "applied 0, unchanged 0"]
    assert second.split(maxsplit=4) == ["nothing", "to", "do", "ok", "unchanged 0"]
    assert counts == "2 scenarios: 2 ok, 0 awaited, 0 FAILED"
    assert main(["no such thing"]) == 64


def test_a_failing_scenario_ends_the_command_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    broken = replace(WELL, name="broken", fates=(Fate(NEW, ((5, "BUILDING"),)),))
    monkeypatch.setattr("tests.second_platform.__main__.SCENARIOS", (WELL, broken))
    assert main([]) == 1
    printed = capsys.readouterr().out
    assert "instead of applied, exit 0" in printed
    assert printed.endswith(" 1 FAILED\n")
