"""A walk over every state the policy can reach, with every observation each step can make.

The platform is adversarial, not random: each step may find anything that its kind allows, in every state. Time is
coarse (an observation takes ten seconds, budgets are a few of those), so that the number of states is finite.

A small ghost of the platform goes along: whether a rollback of ours may pin the app. Nobody tells the policy; only
what it looks at does.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any
from unittest import mock

from reconciler.live.models import Health, Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout import health as health_module
from reconciler.rollout import policy as steps
from reconciler.rollout import policy_rollback as sending
from reconciler.rollout import policy_settle as back
from reconciler.rollout import reduce as fold
from reconciler.rollout.model import Rules, Task
from reconciler.rollout.policy import next_step
from reconciler.rollout.reduce import reduce
from reconciler.rollout.state import (
    Accepted,
    ActiveState,
    Adopted,
    BackRead,
    Collected,
    Failed,
    Goal,
    HealthSeen,
    Lost,
    PhaseSeen,
    Pin,
    PinSeen,
    Precheck,
    ProbeSeen,
    Refusal,
    Refused,
    RollbackOptions,
    RolloutState,
    Seen,
    Successor,
    Validated,
    Waited,
    WriteProbe,
    WriteProbed,
)
from reconciler.rollout.steps import (
    Adopt,
    CheckHealth,
    CollectFailure,
    CommitRollback,
    FindCandidates,
    FindSuccessor,
    Finish,
    Follow,
    Look,
    LookUp,
    Probe,
    ReadBack,
    RestoreSpec,
    Rollback,
    Step,
    ValidateRollback,
    VerifyUnpinned,
    Wait,
    Write,
)

TICK = 10.0
RULES = Rules(build=10, deploy=10, health=20, soak=10, tolerance=10, platform_rollback=10, attempts=1)
PINNING = replace(RULES, on_failure="pin")
LEAVING = replace(RULES, on_failure="leave")
RETRYING = replace(RULES, attempts=2, platform_rollback=0)
COMMITTING = replace(RULES, after_platform_rollback="commit")
STRICT = replace(RULES, unknown_is_healthy=False, probe_every=10, probe_count=2)
COMPONENTS = ("web",)


def health(state: str, ready: int = 1, desired: int = 1) -> Health:
    component = {"name": "web", "state": state, "replicas_ready": ready, "replicas_desired": desired}
    return Health.model_validate({"components": [component]})


FAILED = (Failed("502"), Failed("404", missing=True), Failed("403", denied=True))
HEALTHS = (
    HealthSeen(health("HEALTHY")),
    HealthSeen(health("UNHEALTHY")),
    HealthSeen(health("UNKNOWN")),
    HealthSeen(health("HEALTHY", ready=0)),
)
PHASES = (
    Phase.BUILDING,
    Phase.DEPLOYING,
    Phase.ACTIVE,
    Phase.ERROR,
    Phase.CANCELED,
    Phase.SUPERSEDED,
)
SIGHTS = (
    Precheck(),
    Precheck(gone=True),
    Precheck(moved=True),
    Precheck(moved=True, running_id="theirs"),
    Precheck(moved=True, active_is_ours=True),
    Precheck(pin=Pin.OTHER, pinned_id="x"),
    Precheck(awaited=True),
)
OPTIONS = (
    RollbackOptions(),
    RollbackOptions(pin=Pin.OTHER),
    RollbackOptions(newer=True),
    RollbackOptions(newer=True, newer_id="again"),
    RollbackOptions(candidates=("c1",)),
    RollbackOptions(candidates=("c1", "c2")),
    RollbackOptions(candidates=("c1", "c2"), serving=True, serving_id="c1"),
    RollbackOptions(candidates=("c1",), serving=True, reverted=True, serving_id="c1", attempts=1),
    RollbackOptions(own_id="own", serving_id="c1"),
    RollbackOptions(own_id="own", pin=Pin.PLATFORM),
)
OPTIONS_BACK = (*OPTIONS[:4], *OPTIONS[6:7], *OPTIONS[8:])
"""The same once something goes back: of what could be gone back to, one is as good as another."""

UNHEALTHY = (Collected("web failed"),)
IN_ERROR = (
    Collected("web failed", FailedIn.DEPLOY),
    Collected("web failed", FailedIn.BUILD),
    Collected("web failed", FailedIn.BUILD, platform=True),
)
CODES = ("", "incompatible_phase", "exceeded_revision_limit", "app_pinned")


REFUSALS = tuple(Refused("no", refusal) for refusal in Refusal)
HARMLESS: dict[type[Step], tuple[Seen, ...]] = {
    Write: (Accepted("d"), Accepted(), Lost("reset"), *REFUSALS),
    RestoreSpec: (Accepted("d"), Lost("reset"), *REFUSALS),
    Adopt: (Adopted(), Adopted(COMPONENTS)),
    Follow: (*map(PhaseSeen, PHASES), *FAILED),
    CheckHealth: (*HEALTHS, *FAILED),
    Probe: (ProbeSeen(), ProbeSeen("503"), ProbeSeen("no way there", counts=False)),
    Wait: (Waited(),),
    ValidateRollback: (*map(Validated, CODES), *FAILED),
}
"""What steps find that neither pin nor unpin anything."""


def findings(step: Step, state: RolloutState, pins: bool) -> Iterator[tuple[Seen, bool]]:
    """Everything a step can find, with whether a rollback of ours pins the app afterwards."""
    match step:
        case Look() | FindSuccessor() | FindCandidates() | ReadBack() | VerifyUnpinned():
            yield from _read(step, state, pins)
        case Rollback() | CommitRollback() | LookUp():
            yield from _sent(step, pins)
        case CollectFailure():
            tracked = state.back or state.leg
            unhealthy = tracked is not None and tracked.phase is Phase.ACTIVE
            yield from ((seen, pins) for seen in (UNHEALTHY if unhealthy else IN_ERROR[: 2 if state.back else 3]))
        case Adopt() if state.goal.rules.probe_every:  # whether it is probed makes no difference where nothing is
            yield from ((seen, pins) for seen in (*HARMLESS[Adopt], Adopted(COMPONENTS, probed=False)))
        case CheckHealth() if state.back is not None:  # as judged as what goes forward, which sees it all
            yield from ((seen, pins) for seen in (*HEALTHS[:2], *FAILED))
        case _:
            yield from ((seen, pins) for seen in HARMLESS[type(step)])


def _sent(step: Rollback | CommitRollback | LookUp, pins: bool) -> Iterator[tuple[Seen, bool]]:
    """What becomes of a write on the way back, and what looking for any write finds."""
    match step:
        case Rollback():
            yield from ((Accepted("r"), True), (Accepted(), True), (Lost("reset"), True), (Lost("reset"), False))
            yield from ((refused, pins) for refused in REFUSALS)
        case CommitRollback():
            yield from (
                (Accepted(), False),
                (Lost("reset"), False),
                (Lost("reset"), pins),
            )  # refused: as if it was lost
        case LookUp() if step.write == "rollback":
            yield (WriteProbed(WriteProbe.OURS, "r") if pins else WriteProbed(WriteProbe.NOT_THERE)), pins
            yield WriteProbed(WriteProbe.STORED), pins
            yield from ((WriteProbed(trace), False) for trace in (WriteProbe.FOREIGN, WriteProbe.GONE))
            yield from ((seen, pins) for seen in FAILED)
        case LookUp():
            yield from ((WriteProbed(trace, "d" if trace is WriteProbe.OURS else ""), pins) for trace in WriteProbe)
            yield from ((seen, pins) for seen in FAILED)


def _read(
    step: Look | FindSuccessor | FindCandidates | ReadBack | VerifyUnpinned, state: RolloutState, pins: bool
) -> Iterator[tuple[Seen, bool]]:
    """What reading the app finds."""
    now = Pin.OURS if pins else Pin.NONE
    match step:
        case Look():
            sights = (Precheck(pin=Pin.OURS, pinned_id="r"), *SIGHTS) if state.goal.task is Task.RESUME else SIGHTS
            yield from ((seen, seen.pin is Pin.OURS) for seen in sights)
        case FindSuccessor():
            yield from ((Successor(now), pins), (Successor(deployment_id="s"), False), (Successor(Pin.OTHER), False))
            own_id = "" if state.goal.task is Task.ROLL_BACK else "own"
            yield from ((Successor(now, own_id=own_id), pins), (Successor(other=True), False))
        case FindCandidates():
            found = OPTIONS if state.back is None else OPTIONS_BACK
            if state.goal.task is Task.ROLL_BACK:  # what comes of the platform's own is walked where a spec failed
                found = tuple(each for each in found if not each.own_id)
            yield from ((replace(each, pin=now), pins) for each in found if each.pin is Pin.NONE)
            yield from ((each, False) for each in found if each.pin is not Pin.NONE)
        case ReadBack():
            shown = (each for each in ActiveState if each is not ActiveState.PINNED)
            yield from ((BackRead(each, now), pins) for each in shown)
            yield from (
                (BackRead(ActiveState.PINNED, Pin.OTHER), False),
                (BackRead(ActiveState.OURS, now, False), pins),
            )
            yield BackRead(ActiveState.OURS, Pin.PLATFORM), False
        case VerifyUnpinned():
            yield from ((PinSeen(now), pins), (PinSeen(Pin.OTHER), False), (PinSeen(now, kept=False), pins))
            yield from ((PinSeen(now, shown), pins) for shown in (ActiveState.OTHER, ActiveState.BEFORE))
    yield from ((seen, pins) for seen in FAILED)


@dataclass
class Walk:
    """What a walk saw. A node is a state with the ghost; nodes go by their numbers, as states are costly to compare.

    ``nodes``   each node; ``steps`` the step it leads to; ``edges`` where each finding goes
    ``starts``  where each goal begins
    """

    nodes: list[tuple[RolloutState, bool]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    edges: list[list[int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def from_goal(self, goal: Goal) -> None:
        number = len(self.nodes)
        self.starts.append(number)
        self.nodes.append((RolloutState(goal), False))
        numbers = {_facts(*self.nodes[number]): number}
        while number < len(self.nodes):
            state, pins = self.nodes[number]
            step = next_step(state)
            self.steps.append(step)
            self.edges.append([])
            for seen, pins_after in () if isinstance(step, Finish) else findings(step, state, pins):
                after = reduce(state, step, seen, TICK)
                assert after.goal is goal
                known = numbers.setdefault(_facts(after, pins_after), len(self.nodes))
                if known == len(self.nodes):
                    self.nodes.append((after, pins_after))
                self.edges[number].append(known)
            number += 1

    def longest(self) -> list[int]:
        """The greatest number of steps from each node to its Finish; raises if there is a circle."""
        longest = [0] * len(self.nodes)
        on_path: set[int] = set()
        for root in range(len(self.nodes)):
            stack = [] if longest[root] else [(root, iter(self.edges[root]))]
            while stack:
                node, rest = stack[-1]
                on_path.add(node)
                fresh = next((n for n in rest if not longest[n]), None)
                if fresh is None:
                    longest[node] = 1 + max((longest[n] for n in self.edges[node]), default=0)
                    on_path.discard(node)
                    stack.pop()
                elif fresh in on_path:
                    raise AssertionError(f"a circle at {self.steps[fresh]}: {self.nodes[fresh][0]}")
                else:
                    stack.append((fresh, iter(self.edges[fresh])))
        return longest


_all_but_goal = attrgetter(*(found.name for found in fields(RolloutState) if found.name != "goal"))


def _facts(state: RolloutState, pins: bool) -> Hashable:
    """What tells a node from the others of its goal."""
    return _all_but_goal(state), pins


def goals() -> list[Goal]:
    """Every task, with every policy that makes a difference to it.

    Creating, redeploying and deleting differ from updating only up to the deployment: the way back is walked once. So
    does finishing a rollback, of which others below walk the rest.
    """
    whole = (Task.UPDATE, Task.FOLLOW, Task.ADOPT, Task.ROLL_BACK)
    found = [Goal(task, "web", RULES if task in whole else LEAVING, follow_id="f") for task in Task]
    found += [Goal(task, "web", PINNING, follow_id="f") for task in (Task.FOLLOW, Task.RESUME, Task.ROLL_BACK)]
    found += [Goal(Task.ADOPT, "web", rules, follow_id="f") for rules in (PINNING, LEAVING, COMMITTING)]
    found += [Goal(Task.FOLLOW, "web", replace(STRICT, on_failure="leave"), follow_id="f")]
    found += [Goal(Task.RESUME, "web", STRICT), Goal(Task.FOLLOW, "web", RETRYING, follow_id="f")]
    return found


SMALL = {
    "TRIES": 2,
    "LOOKS": 2,
    "SENDS_BACK": 2,
    "MISSING": 2,
    "HOPS": 1,
    "UNCONFIRMED": 10.0,
    "RETRY_PAUSE": 10.0,
    "PHASE_EVERY": 20.0,
    "UNVERIFIABLE": "incompatible_phase",
    "REJECTED": "incompatible_phase",
}
"""Bounds that keep the walk short; what they bound stays the same. Codes that only differ in words are one."""


@contextmanager
def small_bounds(*only: str) -> Iterator[None]:
    """The policy with `SMALL` bounds, or with only these of them."""
    with ExitStack() as stack:
        for module in (steps, back, sending, fold, health_module):
            for name in SMALL.keys() & vars(module).keys() & set(only or SMALL):
                stack.enter_context(mock.patch.object(module, name, SMALL[name]))
        yield


@cache
def _replacer(kind: type) -> Callable[..., Any]:
    """`dataclasses.replace` for one class, written out: it puts each field into its slot.

    Setting the fields of a frozen class by name, once to read and once to make it, takes half the time of the walk.
    """
    names = [found.name for found in fields(kind)]
    assert all(found.init for found in fields(kind))
    assert not hasattr(kind, "__post_init__")
    puts = (f"put_{name}(new, whole.{name} if {name} is UNSET else {name})" for name in names)
    arguments = ", ".join(f"{name}=UNSET" for name in names)
    source = "\n    ".join([f"def replacer(whole, /, *, {arguments}):", "new = make(kind)", *puts, "return new"])
    scope: dict[str, Any] = {"UNSET": object(), "make": object.__new__, "kind": kind}
    scope |= {f"put_{name}": vars(kind)[name].__set__ for name in names}
    exec(source, scope)  # the names are those of the class
    return scope["replacer"]


def quick_replace(whole: Any, /, **changes: Any) -> Any:
    """What `dataclasses.replace` returns, of a frozen class with slots, in a quarter of the time."""
    return _replacer(type(whole))(whole, **changes)


def walked(found: list[Goal]) -> Walk:
    walk = Walk()
    gc.disable()  # nothing becomes garbage here; to look for it among a million objects takes as long as the walk
    try:
        with (
            mock.patch.object(fold, "replace", quick_replace),
            mock.patch.object(health_module, "replace", quick_replace),
            mock.patch.object(back, "replace", quick_replace),
        ):
            for goal in found:
                walk.from_goal(goal)
    finally:
        gc.enable()
    return walk


def main() -> None:
    """The walk with the real bounds, a line a goal: `python -m tests.rollout.walk`, some minutes."""
    for goal in goals():
        walk = walked([goal])
        line = f"{goal.task:10} {goal.rules.on_failure:9} {len(walk.nodes):7} states"
        sys.stdout.write(f"{line}, at most {max(walk.longest())} steps\n")


if __name__ == "__main__":
    main()
