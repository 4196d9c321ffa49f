"""What became of a write, and what that asks for: one rule for every write there is."""

from __future__ import annotations

from enum import Enum, auto
from typing import assert_never

from reconciler.rollout.health import HealthSource, next_reading
from reconciler.rollout.limits import LOOKS, TRIES, Rules
from reconciler.rollout.state import Refusal, Sent, TrackedDeployment, WriteProbe, WriteStatus
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


def resolve(sending: WriteStatus, tries: int, most: int) -> Resolution:
    """What the status of a write asks for. Resent only after looks that show nothing of it, at most ``most`` times.

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


def _looked_for(sending: WriteStatus, most: int) -> Resolution:
    """The same for a write of which only looking tells: lost, without a deployment's id, or a name that was taken."""
    in_vain = Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.GIVE_UP
    match sending.trace:
        case None:
            return Resolution.LOOK_UP
        case WriteProbe.OURS:
            return Resolution.ADOPT
        case WriteProbe.FOREIGN:
            return Resolution.REFUSED if sending.status is Sent.REFUSED else Resolution.FOREIGN
        case WriteProbe.GONE:
            return Resolution.GONE
        case WriteProbe.STORED:
            return Resolution.LOOK_UP if sending.looks < LOOKS else in_vain
        case WriteProbe.NOT_THERE:
            if sending.looks < LOOKS:
                return Resolution.LOOK_UP
            return Resolution.SEND if sending.status is Sent.LOST and sending.sends < most else in_vain
        case _:
            assert_never(sending.trace)


# --- What the judgement of any deployment shares, whether it goes forward or back ---


def over_budget(leg: TrackedDeployment, rules: Rules) -> str:
    """Which budget of a deployment under way is spent, in words; empty while none is."""
    if leg.phase.building:
        return f"the build took more than {rules.build:g} s" if leg.build >= rules.build else ""
    return f"the deployment took more than {rules.deploy:g} s" if leg.deploy >= rules.deploy else ""


def reading(leg: TrackedDeployment, rules: Rules, why: str) -> Step:
    """The next reading of an active deployment's health."""
    due = next_reading(leg.evidence, rules, leg.components)
    match due.source:
        case HealthSource.COMPONENTS:
            return CheckHealth(leg.id)
        case HealthSource.PROBE:
            return Probe(leg.id)
        case HealthSource.NONE:
            return Wait(due.wait, why)
        case _:
            assert_never(due.source)
