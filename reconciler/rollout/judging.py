"""What the judgement of any deployment shares, whether it goes forward or back."""

from __future__ import annotations

from typing import assert_never

from reconciler.rollout.health import Source, next_reading
from reconciler.rollout.rules import Rules
from reconciler.rollout.state import Leg
from reconciler.rollout.step import CheckHealth, Probe, Step, Wait


def over_budget(leg: Leg, rules: Rules) -> str:
    """Which budget of a deployment under way is spent, in words; empty while none is."""
    if leg.phase.building:
        return f"the build took more than {rules.build:g} s" if leg.build >= rules.build else ""
    return f"the deployment took more than {rules.deploy:g} s" if leg.deploy >= rules.deploy else ""


def reading(leg: Leg, rules: Rules, why: str) -> Step:
    """The next reading of an active deployment's health."""
    due = next_reading(leg.evidence, rules, leg.components)
    match due.source:
        case Source.COMPONENTS:
            return CheckHealth(leg.id)
        case Source.PROBE:
            return Probe(leg.id)
        case Source.NONE:
            return Wait(due.wait, why)
        case _:
            assert_never(due.source)
