"""All scenarios, and which of them the suite plays."""

from __future__ import annotations

import zlib

from tests.second_platform import (
    scenarios_after_rollback,
    scenarios_answers,
    scenarios_endings,
    scenarios_errors,
    scenarios_health,
    scenarios_rollback,
    scenarios_serving,
)
from tests.second_platform.awaited import AWAITED
from tests.second_platform.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *scenarios_rollback.SCENARIOS,
    *scenarios_after_rollback.SCENARIOS,
    *scenarios_endings.SCENARIOS,
    *scenarios_serving.SCENARIOS,
    *scenarios_errors.SCENARIOS,
    *scenarios_answers.SCENARIOS,
    *scenarios_health.SCENARIOS,
)

SLOW = ("a regular expression that never ends",)
"""Scenarios that take seconds while they do not hold."""

SAMPLE = tuple(one for one in SCENARIOS if zlib.crc32(one.name.encode()) % 2 and one.name not in SLOW)
"""Every other scenario, by its name: what `make test` plays."""

EXPECTED_TO_FAIL = frozenset(name for names in AWAITED.values() for name in names)


def verdict(scenario: Scenario, wrong: list[str]) -> list[str]:
    """What is to be said against a scenario that was played: what does not hold, or that it is awaited no longer."""
    if scenario.name not in EXPECTED_TO_FAIL:
        return wrong
    return [] if wrong else ["it holds now: take it off the list in awaited.py"]
