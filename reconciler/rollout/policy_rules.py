"""What became of a write, and what that asks for: one rule for every write there is."""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from reconciler.rollout.health import Source, next_reading
from reconciler.rollout.limits import LOOKS, TRIES, Rules
from reconciler.rollout.state import Leg, Refusal, Sending, Sent, Trace
from reconciler.rollout.steps import CheckHealth, Probe, Step, Wait


class Resolution(Enum):
    """What is to be done about a write, see `resolve`.

    send      send it
    look_up   look for its effect
    adopt     follow the deployment it made
    gone      the app is not there any more
    foreign   somebody else changed the app meanwhile
    refused   the platform refused it: it had no effect
    give_up   nothing more can be learnt
    """

    SEND = auto()
    LOOK_UP = auto()
    ADOPT = auto()
    GONE = auto()
    FOREIGN = auto()
    REFUSED = auto()
    GIVE_UP = auto()


def resolve(sending: Sending, tries: int, most: int) -> Resolution:
    """What a write's fate asks for. It is sent again only after looks that show nothing of it, ``most`` times at most.

    ``tries`` counts the looks in a row that failed.
    """
    match sending.status:
        case Sent.NOT_YET:
            return Resolution.SEND
        case Sent.REFUSED if sending.refusal is not Refusal.TAKEN:
            return Resolution.REFUSED
        case Sent.ACCEPTED if sending.deployment_id:
            return Resolution.ADOPT
        case Sent.ACCEPTED | Sent.LOST | Sent.REFUSED:
            return Resolution.GIVE_UP if tries >= TRIES else _looked_for(sending, most)
        case _:
            assert_never(sending.status)


def _looked_for(sending: Sending, most: int) -> Resolution:
    """The same for a write of which only looking tells: lost, without a deployment's id, or a name that was taken."""
    in_vain = Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.GIVE_UP
    match sending.trace:
        case None:
            return Resolution.LOOK_UP
        case Trace.OURS:
            return Resolution.ADOPT
        case Trace.FOREIGN:
            return Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.FOREIGN
        case Trace.GONE:
            return Resolution.GONE
        case Trace.STORED:
            return Resolution.LOOK_UP if sending.looks < LOOKS else in_vain
        case Trace.NOT_THERE:
            if sending.looks < LOOKS:
                return Resolution.LOOK_UP
            return Resolution.SEND if sending.status is Sent.LOST and sending.sends < most else in_vain
        case _:
            assert_never(sending.trace)


# --- What the judgement of any deployment shares, whether it goes forward or back ---


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
