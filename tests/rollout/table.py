"""The decision table of the policy: situations, in words and as states, and the step that each asks for.

The table in docs/rollout.md is made of these rows, and a test checks that it is current:
``python -m tests.rollout.table`` writes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.live.models import Phase
from reconciler.plan.platform import FailedIn
from reconciler.rollout.health import Evidence, Grade, Sample
from reconciler.rollout.model import OutcomeKind, Role, Rules, Task
from reconciler.rollout.policy import next_step
from reconciler.rollout.state import (
    ActiveState,
    Collected,
    Goal,
    Pin,
    Precheck,
    Refusal,
    RollbackOptions,
    RolloutState,
    Sent,
    Successor,
    TrackedDeployment,
    WriteProbe,
    WriteStatus,
)
from reconciler.rollout.steps import Adopt, Finish, LookUp, Step, Write
from tests.rollout.walk import Walk

DOCUMENT = Path(__file__).parents[2] / "docs" / "rollout.md"
RULES = Rules(probe_every=5.0)


@dataclass(frozen=True)
class Row:
    """``section`` of the table, ``when`` in words, the state it means, and the step that is expected."""

    section: str
    when: str
    state: RolloutState
    then: str


def told(step: Step) -> str:
    """A step as the table names it."""
    match step:
        case Finish():
            return f"end: **{step.outcome.kind.value}**" + (", pinned" if step.outcome.pinned else "")
        case Write():
            return f"Write {step.task.value}"
        case LookUp():
            return f"LookUp {step.write}"
        case Adopt():
            return f"Adopt {step.role.value}"
        case _:
            return type(step).__name__


def goal(task: Task = Task.UPDATE, **more: Any) -> Goal:
    return Goal(task, "web", more.pop("rules", RULES), **more)


def state(task: Task = Task.UPDATE, *, rules: Rules = RULES, **facts: Any) -> RolloutState:
    return RolloutState(goal(task, rules=rules), **facts)


def leg(phase: Phase, role: Role = Role.DEPLOY, **more: Any) -> TrackedDeployment:
    return TrackedDeployment(role, "d", ("api",), phase, **more)


GOOD = Sample(Grade.GOOD, "api is healthy")


def evidence(grade: Grade, *, age: float = 0.0, stretch: float = 0.0, fresh: bool = True) -> Evidence:
    """Readings of one grade for so many seconds; ``fresh`` ones were made just now."""
    last = age if fresh else age - 60
    sample = Sample(grade, "api is as it is")
    return Evidence(age, sample, last, GOOD, last, 1, grade, age - stretch, age, phase_at=age)


LOST = WriteStatus(Sent.LOST, 1, why="reset")
SEEN = Precheck()
MOST_LOOKS = 4
DENIED = {"denied": True, "why": "GET /v2/apps/1: 403 no; the token needs the scope app:read"}
TRIED = {"tries": 3, "why": "GET /v2/apps/1: 502"}
SOAKED = evidence(Grade.GOOD, age=60, stretch=30)
SICK = evidence(Grade.BAD, age=60, stretch=20)
NOTHING: dict[str, Any] = {"successor": Successor(), "successor_looks": MOST_LOOKS}
RELAPSED: dict[str, Any] = {"relapse": "deployment r failed"}
OWN: dict[str, Any] = {"options": RollbackOptions(own_id="o", serving_id="a")}
SERVES: dict[str, Any] = {"standing": ActiveState.OURS}
UNPINNED: dict[str, Any] = {"pin": Pin.NONE, "pinned": False, "standing": ActiveState.OURS}
DIVERGED = ActiveState.DIVERGED


def lost(trace: WriteProbe, *, sends: int = 1, looks: int = 1, **more: Any) -> WriteStatus:
    return WriteStatus(Sent.LOST, sends, looks, trace, "d" if trace is WriteProbe.OURS else "", why="reset", **more)


def before() -> list[Row]:
    name = "Before anything is written"
    refused = {each: WriteStatus(Sent.REFUSED, 1, refusal=each, why="no") for each in Refusal}
    return [
        Row(name, "there is nothing to do", state(Task.NONE), "end: **unchanged**"),
        Row(
            name, "the plan is blocked", RolloutState(goal(Task.NONE, settled=OutcomeKind.BLOCKED)), "end: **blocked**"
        ),
        Row(name, "a new app", state(Task.CREATE), "Write create"),
        Row(name, "an app to update, not read yet", state(), "Look"),
        Row(name, "looking failed three times", state(**TRIED), "end: **failed**"),
        Row(name, "the token may not read it (401, 403)", state(**DENIED), "end: **failed**"),
        Row(name, "it is as planned", state(sight=SEEN), "Write update"),
        Row(name, "an app to redeploy, as planned", state(Task.REDEPLOY, sight=SEEN), "Write redeploy"),
        Row(name, "an app to delete, as planned", state(Task.DELETE, sight=SEEN), "Write delete"),
        Row(name, "it is gone", state(sight=Precheck(gone=True)), "end: **refused**"),
        Row(name, "an app to delete is gone", state(Task.DELETE, sight=Precheck(gone=True)), "end: **deleted**"),
        Row(name, "another party pinned it", state(sight=Precheck(pin=Pin.OTHER)), "end: **blocked**"),
        Row(name, "it changed since the plan", state(sight=Precheck(moved=True)), "end: **refused**"),
        Row(
            name,
            "it moved, and our spec is being deployed",
            state(sight=Precheck(moved=True, running_id="d")),
            "Adopt followed",
        ),
        Row(
            name,
            "it moved, and our spec is active",
            state(sight=Precheck(moved=True, active_is_ours=True)),
            "end: **unchanged**",
        ),
        Row(
            name,
            "it is to be deleted, and moved to our spec",
            state(Task.DELETE, sight=Precheck(moved=True, active_is_ours=True, running_id="d")),
            "end: **refused**",
        ),
        Row(name, "a deployment of our spec is under way", state(Task.FOLLOW), "Adopt followed"),
        Row(name, "a rollback of ours to finish, not read yet", state(Task.RESUME), "Look"),
        Row(
            name,
            "a rollback of ours is to be finished, and pins the app",
            state(Task.RESUME, sight=Precheck(pin=Pin.OURS, pinned_id="r"), pinned=True),
            "Adopt rollback",
        ),
        Row(
            name,
            "… and another rollback pins it",
            state(Task.RESUME, sight=Precheck(pin=Pin.OTHER)),
            "end: **blocked**",
        ),
        Row(name, "… and nothing pins it any more", state(Task.RESUME, sight=SEEN), "end: **refused**"),
        Row(name, "a person asks for a rollback", state(Task.ROLL_BACK), "FindCandidates"),
        Row(
            name,
            "… and there is no other version to go back to",
            state(Task.ROLL_BACK, options=RollbackOptions()),
            "end: **refused**",
        ),
        Row(
            name,
            "the write was accepted and names its deployment",
            state(sight=SEEN, write=WriteStatus(Sent.ACCEPTED, 1, deployment_id="d")),
            "Adopt deploy",
        ),
        Row(
            name,
            "the write was accepted and names none",
            state(sight=SEEN, write=WriteStatus(Sent.ACCEPTED, 1)),
            "LookUp update",
        ),
        Row(
            name,
            "the platform refuses the content",
            state(sight=SEEN, write=refused[Refusal.CONTENT]),
            "end: **refused**",
        ),
        Row(
            name,
            "the token may not, or the rate limit outlasted all retries",
            state(sight=SEEN, write=refused[Refusal.ACCESS]),
            "end: **failed**",
        ),
        Row(
            name,
            "the app to delete is gone",
            state(Task.DELETE, sight=SEEN, write=refused[Refusal.GONE]),
            "end: **deleted**",
        ),
        Row(name, "the app to update is gone", state(sight=SEEN, write=refused[Refusal.GONE]), "end: **refused**"),
        Row(name, "the name is taken", state(Task.CREATE, write=refused[Refusal.TAKEN]), "LookUp create"),
        Row(
            name,
            "the name is taken by another spec",
            state(Task.CREATE, write=replace(refused[Refusal.TAKEN], trace=WriteProbe.FOREIGN, looks=1)),
            "end: **refused**",
        ),
        Row(
            name,
            "the name is taken by our spec",
            state(Task.CREATE, write=replace(refused[Refusal.TAKEN], trace=WriteProbe.OURS, looks=1)),
            "Adopt deploy",
        ),
        Row(
            name,
            "the name is taken, and no app of that name shows",
            state(Task.CREATE, write=replace(refused[Refusal.TAKEN], trace=WriteProbe.NOT_THERE, looks=MOST_LOOKS)),
            "end: **refused**",
        ),
    ]


def lost_rows() -> list[Row]:
    name = "The write's answer was lost"

    def row(when: str, write: WriteStatus, then: str, **more: Any) -> Row:
        return Row(name, when, state(sight=SEEN, write=write, **more), then)

    return [
        row("not looked yet", LOST, "LookUp update"),
        row("its deployment was found", lost(WriteProbe.OURS), "Adopt deploy"),
        row("our spec is there, its deployment is not", lost(WriteProbe.STORED), "LookUp update"),
        row("… still not after four looks", lost(WriteProbe.STORED, looks=MOST_LOOKS), "end: **failed**"),
        row("nothing of it is there", lost(WriteProbe.NOT_THERE), "LookUp update"),
        row("… still not after four looks", lost(WriteProbe.NOT_THERE, looks=MOST_LOOKS), "Write update"),
        row("… and that was the second time", lost(WriteProbe.NOT_THERE, sends=2, looks=MOST_LOOKS), "end: **failed**"),
        row("another party changed the app", lost(WriteProbe.FOREIGN), "end: **refused**"),
        row("the app is gone", lost(WriteProbe.GONE), "end: **refused**"),
        row("looking failed three times", LOST, "end: **failed**", **TRIED),
        Row(
            name,
            "a deletion, and the app is gone",
            state(Task.DELETE, sight=SEEN, write=lost(WriteProbe.GONE)),
            "end: **deleted**",
        ),
    ]


def following() -> list[Row]:
    name = "The deployment"

    def row(when: str, found: TrackedDeployment, then: str, **more: Any) -> Row:
        return Row(name, when, state(leg=found, **more), then)

    over = leg(Phase.SUPERSEDED)
    return [
        row("its phase is not known", leg(Phase.UNKNOWN), "Follow"),
        row("PENDING_BUILD or BUILDING, within the build budget", leg(Phase.BUILDING), "Follow"),
        row("… beyond it", leg(Phase.BUILDING, build=3600), "end: **timed_out**"),
        row("PENDING_DEPLOY or DEPLOYING, within the deploy budget", leg(Phase.DEPLOYING, build=3600), "Follow"),
        row("… beyond it", leg(Phase.DEPLOYING, deploy=1200), "end: **timed_out**"),
        row("the app answers 404 three times in a row", leg(Phase.BUILDING, missing=3), "end: **failed**"),
        row("CANCELED", leg(Phase.CANCELED), "FindSuccessor"),
        row(
            "… nothing shows what came after it",
            leg(Phase.CANCELED),
            "FindSuccessor",
            **NOTHING | {"successor_looks": 1},
        ),
        row("… still not after four looks", leg(Phase.CANCELED), "end: **canceled**", **NOTHING),
        row(
            "… a deployment of our spec did",
            leg(Phase.CANCELED),
            "Adopt followed",
            successor=Successor(deployment_id="e"),
        ),
        row("… another deployment did", leg(Phase.CANCELED), "end: **superseded**", successor=Successor(other=True)),
        row("the token may not read it (401, 403)", leg(Phase.BUILDING), "end: **failed**", **DENIED),
        row("ERROR", leg(Phase.ERROR), "CollectFailure"),
        row("SUPERSEDED", over, "FindSuccessor"),
        row("… by what cannot be read", over, "end: **superseded**", **TRIED),
        row("… by a deployment of our spec", over, "Adopt followed", successor=Successor(deployment_id="e")),
        row(
            "… for the sixth time",
            over,
            "end: **superseded**",
            successor=Successor(deployment_id="e"),
            hops=5,
        ),
        row("… by something else", over, "end: **superseded**", successor=Successor()),
        row("… by another party's rollback", over, "end: **blocked**", successor=Successor(Pin.OTHER)),
    ]


def health() -> list[Row]:
    name = "ACTIVE: its health"

    def row(when: str, found: Evidence, then: str, **more: Any) -> Row:
        return Row(name, when, state(leg=leg(Phase.ACTIVE, evidence=found), **more), then)

    half = Evidence(components=GOOD, components_at=0.0, grade=Grade.GOOD)
    return [
        Row(
            name,
            "no component has a health, and there is no probe",
            state(leg=TrackedDeployment(Role.DEPLOY, "d", (), Phase.ACTIVE), rules=Rules()),
            "ReadBack",
        ),
        row("nothing was read, and its replicas just started", Evidence(), "Probe"),
        row("nothing was read, and its replicas have had their time", Evidence(age=10, phase_at=10), "CheckHealth"),
        row("the components were read, the probe was not sent", half, "Probe"),
        row("all is good, not for as long as the soak", evidence(Grade.GOOD, age=20, stretch=20), "Wait"),
        row("all is good, and the next reading is due", evidence(Grade.GOOD, age=90, fresh=False), "CheckHealth"),
        row("all is good for as long as the soak", SOAKED, "ReadBack"),
        row("unhealthy, for less than the tolerance", evidence(Grade.BAD, age=60, stretch=10), "Wait"),
        row("unhealthy for as long as the tolerance", SICK, "CollectFailure"),
        row("replicas are missing, within the health budget", evidence(Grade.SHORT, age=60, stretch=60), "Wait"),
        row("… beyond it", evidence(Grade.SHORT, age=300, stretch=60), "CollectFailure"),
        row("not known, within the health budget", evidence(Grade.UNKNOWN, age=60, stretch=60), "Wait"),
        row("… beyond it", evidence(Grade.UNKNOWN, age=300, stretch=300), "end: **timed_out**"),
        row("good at the end of the budget: the soak may end", evidence(Grade.GOOD, age=310, stretch=20), "Wait"),
        row("… but a dip then is judged at once", evidence(Grade.BAD, age=310), "CollectFailure"),
        row("healthy, and it is what is active", SOAKED, "end: **applied**", standing=ActiveState.OURS),
        row("healthy, and what was active before still is", SOAKED, "ReadBack", standing=ActiveState.BEFORE),
        row(
            "… still after four looks",
            SOAKED,
            "end: **unconfirmed**",
            standing=ActiveState.BEFORE,
            standing_looks=MOST_LOOKS,
        ),
        row("healthy, and another party's is taking over", SOAKED, "FindSuccessor", standing=ActiveState.OTHER),
        row(
            "healthy, and another party rolled back meanwhile", SOAKED, "end: **blocked**", standing=ActiveState.PINNED
        ),
        row(
            "healthy, and another spec is stored or serves", SOAKED, "end: **diverged**", standing=ActiveState.DIVERGED
        ),
        row("healthy, and the app shows it as failed", SOAKED, "Follow", standing=ActiveState.FAILED),
        row("the phase was not read for 10 s", replace(SOAKED, grade=Grade.UNKNOWN, phase_at=50), "Follow"),
        row("healthy, and reading back failed three times", SOAKED, "end: **unconfirmed**", **TRIED),
        row("healthy, and the app is gone", SOAKED, "end: **failed**", missing=True, **TRIED),
    ]


def choosing() -> list[Row]:
    name = "It failed: where to go back to"
    one, two = ("c1",), ("c1", "c2")

    def row(when: str, then: str, rules: Rules = RULES, **more: Any) -> Row:
        return Row(name, when, state(leg=leg(Phase.ERROR), fault="deployment d failed", rules=rules, **more), then)

    def found(**more: Any) -> RollbackOptions:
        return RollbackOptions(candidates=more.pop("candidates", two), **more)

    return [
        row("`on_failure: leave`, nothing was looked for", "FindCandidates", Rules(on_failure="leave")),
        row("`on_failure: leave`", "end: **left**", Rules(on_failure="leave"), options=found()),
        row("nothing was looked for", "FindCandidates"),
        row("looking failed three times", "end: **rollback_failed**", **TRIED),
        row("… as the app is gone", "end: **failed**", missing=True, **TRIED),
        row("a person pinned the app", "end: **blocked**", options=found(pin=Pin.OTHER)),
        row("our spec was deployed again since", "Adopt followed", options=found(newer=True, newer_id="e")),
        row(
            "… for the sixth time",
            "end: **superseded**",
            options=found(newer=True, newer_id="e"),
            hops=5,
        ),
        row("another deployment started since", "end: **superseded**", options=found(newer=True)),
        row("nothing was ever active", "end: **degraded**", options=found(candidates=())),
        row("the next candidate is not validated", "ValidateRollback", options=found()),
        row("it is valid", "Rollback", options=found(), valid=True),
        row(
            "incompatible, a conflict, or an unknown code", "ValidateRollback", options=found(), rejected=("new_code",)
        ),
        row("app_pinned", "end: **blocked**", options=found(), rejected=("app_pinned",)),
        row("exceeded_revision_limit", "RestoreSpec", options=found(), rejected=("exceeded_revision_limit",)),
        row("no candidate is valid", "RestoreSpec", options=found(), rejected=("region_conflict",) * 2),
        row(
            "what still serves is not valid",
            "RestoreSpec",
            options=found(serving=True),
            rejected=("incompatible_phase",),
        ),
        row(
            "… and the platform reverted the spec by itself",
            "end: **rolled_back**",
            options=found(serving=True, reverted=True, candidates=one),
            rejected=("incompatible_phase",),
        ),
    ]


def sending_back() -> list[Row]:
    name = "The rollback, or the last good spec, was sent"
    options = RollbackOptions(candidates=("c1",))

    def undo(when: str, found: WriteStatus, then: str, **more: Any) -> Row:
        facts = {"options": options, "valid": True, "undo": found, "pinned": True} | more
        return Row(name, when, state(leg=leg(Phase.ERROR), fault="deployment d failed", **facts), then)

    def restore(when: str, found: WriteStatus, then: str, **more: Any) -> Row:
        facts = {"options": options, "rejected": ("region_conflict",), "restore": found} | more
        return Row(name, when, state(leg=leg(Phase.ERROR), fault="deployment d failed", **facts), then)

    def refused(refusal: Refusal) -> WriteStatus:
        return WriteStatus(Sent.REFUSED, 1, refusal=refusal, why="no")

    return [
        undo("the rollback was accepted", WriteStatus(Sent.ACCEPTED, 1, deployment_id="r"), "Adopt rollback"),
        undo("the rollback's answer was lost", LOST, "LookUp rollback"),
        undo("… looking failed three times", LOST, "end: **rollback_failed**, pinned", **TRIED),
        undo("… its deployment was found", lost(WriteProbe.OURS), "Adopt rollback"),
        undo("… nothing of it after four looks", lost(WriteProbe.NOT_THERE, looks=4), "Rollback", pinned=False),
        undo(
            "… for the third time",
            lost(WriteProbe.NOT_THERE, sends=3, looks=4),
            "end: **rollback_failed**",
            pinned=False,
        ),
        undo("… another party pinned the app", lost(WriteProbe.FOREIGN), "end: **blocked**", pinned=False),
        undo("… the app is gone", lost(WriteProbe.GONE), "end: **failed**", pinned=False),
        restore("the spec was accepted", WriteStatus(Sent.ACCEPTED, 1, deployment_id="b"), "Adopt restore"),
        restore("the spec's answer was lost", LOST, "LookUp restore"),
        restore("… nothing of it after four looks", lost(WriteProbe.NOT_THERE, looks=4), "RestoreSpec"),
        restore("… for the third time", lost(WriteProbe.NOT_THERE, sends=3, looks=4), "end: **rollback_failed**"),
        restore("… another party changed the app", lost(WriteProbe.FOREIGN), "end: **superseded**"),
        restore("… the app is gone", lost(WriteProbe.GONE), "end: **failed**"),
        restore("… as the app is gone", refused(Refusal.GONE), "end: **failed**"),
        restore("the spec was refused", refused(Refusal.CONTENT), "end: **rollback_failed**"),
        restore("another party pinned the app right before", refused(Refusal.PINNED), "end: **blocked**"),
        restore("another party changed the app right before", refused(Refusal.MOVED), "end: **superseded**"),
    ]


def back() -> list[Row]:
    name = "The deployment that goes back"
    pinning = replace(RULES, on_failure="pin")

    def row(when: str, found: TrackedDeployment, then: str, rules: Rules = RULES, **more: Any) -> Row:
        facts = {"pinned": found.role is Role.ROLLBACK, "fault": "deployment d failed", "back": found} | more
        return Row(name, when, state(rules=rules, **facts), then)

    def rollback(phase: Phase, **more: Any) -> TrackedDeployment:
        return leg(phase, Role.ROLLBACK, **more)

    good = rollback(Phase.ACTIVE, evidence=evidence(Grade.GOOD, age=15, stretch=15))
    sent = WriteStatus(Sent.ACCEPTED, 1)
    over = rollback(Phase.SUPERSEDED)
    return [
        row("under way", rollback(Phase.BUILDING), "Follow"),
        row("beyond its budget", rollback(Phase.DEPLOYING, deploy=1200), "end: **rollback_failed**, pinned"),
        row("ERROR", rollback(Phase.ERROR), "CollectFailure"),
        row("… what failed is known", rollback(Phase.ERROR), "FindCandidates", **RELAPSED),
        row("… the platform rolled back by itself since", rollback(Phase.ERROR), "Adopt platform", **RELAPSED | OWN),
        row(
            "… it may yet",
            rollback(Phase.ERROR),
            "FindCandidates",
            **RELAPSED | {"options": RollbackOptions(serving_id="o"), "failed": Collected("", FailedIn.DEPLOY, 299)},
        ),
        row(
            "… it did not",
            rollback(Phase.ERROR),
            "end: **rollback_failed**, pinned",
            **RELAPSED | {"options": RollbackOptions(Pin.OURS)},
        ),
        row("CANCELED", rollback(Phase.CANCELED), "FindSuccessor"),
        row("… nothing came after it", rollback(Phase.CANCELED), "CommitRollback", **NOTHING),
        row(
            "… and the pin is gone",
            rollback(Phase.CANCELED),
            "end: **rollback_failed**",
            **NOTHING | {"commit": sent, "pin": Pin.NONE, "pinned": False},
        ),
        row(
            "… the platform's own rollback did",
            rollback(Phase.CANCELED),
            "Adopt platform",
            successor=Successor(Pin.OURS, own_id="o"),
        ),
        row("the app answers 404 three times in a row", rollback(Phase.BUILDING, missing=3), "end: **failed**, pinned"),
        row("the token may not read it", rollback(Phase.BUILDING), "end: **rollback_failed**, pinned", **DENIED),
        row("SUPERSEDED", over, "FindSuccessor"),
        row("… by what cannot be read", over, "end: **rollback_failed**, pinned", **TRIED),
        row("… as the app is gone", over, "end: **failed**, pinned", missing=True, **TRIED),
        row(
            "… and another rollback pins the app",
            over,
            "end: **blocked**",
            successor=Successor(Pin.OTHER),
            pinned=False,
        ),
        row("… and nothing pins it", over, "end: **superseded**", successor=Successor(), pinned=False),
        row("ACTIVE, its health not read", rollback(Phase.ACTIVE), "Probe"),
        row(
            "ACTIVE, good, not for as long as the soak (15 s at most)",
            rollback(Phase.ACTIVE, evidence=evidence(Grade.GOOD, age=10, stretch=10)),
            "Wait",
        ),
        row("ACTIVE, unhealthy", rollback(Phase.ACTIVE, evidence=SICK), "end: **rollback_failed**, pinned"),
        row(
            "ACTIVE, not known beyond the health budget",
            rollback(Phase.ACTIVE, evidence=evidence(Grade.UNKNOWN, age=300)),
            "end: **rollback_failed**, pinned",
        ),
        row("healthy", good, "ReadBack"),
        row("… a different spec serves from the chosen one", good, "end: **diverged**, pinned", standing=DIVERGED),
        row("… the app does not show it after four looks", good, "end: **unconfirmed**, pinned", standing_looks=4),
        row("… another deployment takes over", good, "FindSuccessor", standing=ActiveState.OTHER),
        row("… it serves, a restored spec", replace(good, role=Role.RESTORE), "end: **rolled_back**", **SERVES),
        row("… it serves, `on_failure: pin`", good, "end: **pinned**, pinned", pinning, **SERVES),
        row("… it serves", good, "CommitRollback", **SERVES),
        row("the commit was sent", good, "VerifyUnpinned", commit=sent),
        row("… not pinned any more", good, "end: **rolled_back**", commit=sent, **UNPINNED),
        row(
            "… and another deployment takes over",
            good,
            "FindSuccessor",
            commit=sent,
            **UNPINNED | {"standing": ActiveState.OTHER},
        ),
        Row(
            name,
            "… and a person had asked for it",
            state(Task.ROLL_BACK, back=good, commit=sent, **UNPINNED),
            "end: **taken_back**",
        ),
        row("… pinned to another party's rollback", good, "end: **blocked**", commit=sent, pin=Pin.OTHER, pinned=False),
        row("… still pinned", good, "VerifyUnpinned", commit=sent, pin=Pin.OURS, pin_looks=1),
        row("… still after four looks", good, "CommitRollback", commit=sent, pin=Pin.OURS, pin_looks=4),
        row(
            "… for the third time",
            good,
            "end: **rollback_failed**, pinned",
            commit=replace(sent, sends=3),
            pin=Pin.OURS,
            pin_looks=4,
        ),
        row("… reading that failed three times", good, "end: **rollback_failed**, pinned", commit=sent, **TRIED),
        row("… as the app is gone", good, "end: **failed**, pinned", commit=sent, missing=True, **TRIED),
    ]


def platform() -> list[Row]:
    name = "The platform may roll back by itself, and its own rollback"
    committing, leaving = replace(RULES, after_platform_rollback="commit"), replace(RULES, on_failure="leave")
    pinning = replace(RULES, on_failure="pin")
    serves = RollbackOptions(candidates=("o",), serving=True, serving_id="o")

    def failed(when: str, then: str, where: FailedIn, rules: Rules = RULES, **more: Any) -> Row:
        known = Collected("", where, more.pop("age", 0.0), platform=more.pop("fault_of_theirs", False))
        facts = {"leg": leg(Phase.ERROR), "fault": "deployment d failed", "failed": known, "options": serves} | more
        return Row(name, when, state(rules=rules, **facts), then)

    def own(when: str, phase: Phase, then: str, rules: Rules = RULES, **more: Any) -> Row:
        found = leg(phase, more.pop("role", Role.PLATFORM), **more.pop("leg", {}))
        return Row(name, when, state(rules=rules, fault="deployment d failed", own="d", back=found, **more), then)

    good: dict[str, Any] = {"leg": {"evidence": evidence(Grade.GOOD, age=15, stretch=15)}}
    sick = {"leg": {"evidence": SICK}}
    held = good | SERVES
    theirs = Collected("", FailedIn.DEPLOY, platform=True)
    pinned = SERVES | {"pinned": True, "pin": Pin.PLATFORM}
    return [
        failed("it failed in the deploy phase, an older deployment serves", "FindCandidates", FailedIn.DEPLOY),
        failed("… and nothing came in time", "ValidateRollback", FailedIn.DEPLOY, age=300),
        failed("… and no older deployment serves", "ValidateRollback", FailedIn.DEPLOY, options=_nothing_serves()),
        failed("where it failed is not known", "FindCandidates", FailedIn.UNKNOWN),
        failed("the build failed", "ValidateRollback", FailedIn.BUILD),
        failed("ERROR during the soak", "ValidateRollback", FailedIn.SOAK),
        failed("it is unhealthy", "ValidateRollback", FailedIn.HEALTH),
        failed("the platform rolls back by itself", "Adopt platform", FailedIn.DEPLOY, options=OWN["options"]),
        failed("… under `on_failure: leave`", "Adopt platform", FailedIn.DEPLOY, leaving, options=OWN["options"]),
        Row(name, "an interrupted run left it unjudged", state(Task.ADOPT), "Adopt platform"),
        Row(name, "ours is due, and the platform's is under way", state(sight=Precheck(awaited=True)), "Look"),
        Row(
            name,
            "… beyond both budgets",
            state(sight=Precheck(awaited=True), awaited=4800),
            "end: **timed_out**",
        ),
        Row(name, "… looking failed three times", state(sight=Precheck(awaited=True), **TRIED), "end: **failed**"),
        own("under way", Phase.DEPLOYING, "Follow"),
        own("beyond its budget", Phase.DEPLOYING, "end: **timed_out**", leg={"deploy": 1200}),
        own("unhealthy", Phase.ACTIVE, "end: **rollback_failed**", **sick),
        own("healthy", Phase.ACTIVE, "ReadBack", **good),
        own("… and serves", Phase.ACTIVE, "end: **rolled_back**", **held),
        own("… under `on_failure: leave`", Phase.ACTIVE, "end: **left**", leaving, **held),
        own("… and pins the app", Phase.ACTIVE, "CommitRollback", **good | pinned),
        own("… and pins the app, `on_failure: pin`", Phase.ACTIVE, "end: **pinned**, pinned", pinning, **good | pinned),
        own("… and pins the app, `on_failure: leave`", Phase.ACTIVE, "end: **left**, pinned", leaving, **good | pinned),
        own("… and pins nothing, `on_failure: pin`", Phase.ACTIVE, "FindCandidates", pinning, **held),
        own(
            "… and ours, which pins the app, was accepted",
            Phase.ACTIVE,
            "Adopt rollback",
            pinning,
            **held
            | {
                "options": serves,
                "valid": True,
                "pinned": True,
                "undo": WriteStatus(Sent.ACCEPTED, 1, deployment_id="r"),
            },
        ),
        own(
            "… its spec is not the app's, `commit`",
            Phase.ACTIVE,
            "FindCandidates",
            committing,
            **held | {"kept": False},
        ),
        own(
            "… and is to be rolled back to for that",
            Phase.ACTIVE,
            "ValidateRollback",
            committing,
            **held | {"kept": False, "options": serves},
        ),
        own(
            "… which is not possible",
            Phase.ACTIVE,
            "RestoreSpec",
            committing,
            **held | {"kept": False, "options": serves, "rejected": ("app_too_old",)},
        ),
        own(
            "… which is refused, too",
            Phase.ACTIVE,
            "end: **rolled_back**",
            committing,
            **held
            | {"kept": False, "options": serves, "rejected": ("x",), "restore": WriteStatus(Sent.REFUSED, 1, why="no")},
        ),
        own("… its spec is the app's, `commit`", Phase.ACTIVE, "end: **rolled_back**", committing, **held),
        own("… after a fault of the platform", Phase.ACTIVE, "FindCandidates", **held | {"failed": theirs}),
        own("it failed", Phase.ERROR, "FindCandidates"),
        own("… and an older deployment serves", Phase.ERROR, "Adopt serving", options=serves),
        own("… which is healthy and serves", Phase.ACTIVE, "end: **rolled_back**", role=Role.SERVING, **held),
        own("… which is unhealthy", Phase.ACTIVE, "FindCandidates", role=Role.SERVING, **sick),
        own("… and nothing serves", Phase.ERROR, "ValidateRollback", options=_nothing_serves()),
        own("… and nothing is left to go back to", Phase.ERROR, "end: **rollback_failed**", options=RollbackOptions()),
        own(
            "… and ours had failed before",
            Phase.ERROR,
            "end: **rollback_failed**",
            options=_nothing_serves(),
            relapse="deployment r failed",
        ),
        own("… under `on_failure: leave`", Phase.ERROR, "end: **left**", leaving, options=_nothing_serves()),
        own(
            "a person's deployment took over",
            Phase.SUPERSEDED,
            "end: **superseded**",
            options=RollbackOptions(newer=True),
        ),
        own(
            "a push of our spec did",
            Phase.SUPERSEDED,
            "Adopt followed",
            options=RollbackOptions(newer=True, newer_id="e"),
        ),
    ]


def _nothing_serves() -> RollbackOptions:
    return RollbackOptions(candidates=("o",))


def faults() -> list[Row]:
    name = "It failed through a fault of the platform"
    again = RollbackOptions(candidates=("o",), serving=True, serving_id="o", attempts=1)

    def row(when: str, then: str, rules: Rules = RULES, **more: Any) -> Row:
        known = Collected("", FailedIn.BUILD, more.pop("age", 60.0), platform=True)
        facts = {"leg": leg(Phase.ERROR), "fault": "deployment d failed", "failed": known, "options": again} | more
        return Row(name, when, state(rules=rules, **facts), then)

    stored = replace(again, ours_stored=True)
    return [
        row("less than a minute ago", "FindCandidates", age=59.0),
        row("another attempt is allowed, and our spec is the app's", "Write redeploy", options=stored),
        row("… and is not the app's", "Write update"),
        row("… and that was accepted", "Adopt deploy", write=WriteStatus(Sent.ACCEPTED, 1, deployment_id="e")),
        row("… and the answer was lost", "LookUp update", write=LOST),
        row("… and was refused", "end: **platform_fault**", write=WriteStatus(Sent.REFUSED, 1, why="no")),
        row("… and the app is gone", "end: **failed**", write=lost(WriteProbe.GONE)),
        row("for the second time: a pause of two minutes", "FindCandidates", retries=1, age=119.0),
        row("no attempts left, over all runs", "end: **platform_fault**", options=replace(again, attempts=3)),
        row("no attempts left, in this run", "end: **platform_fault**", retries=2),
        row("… and nothing serves", "ValidateRollback", options=RollbackOptions(candidates=("o",), attempts=3)),
        row("… and nothing was ever active", "end: **platform_fault**", options=RollbackOptions(attempts=3)),
        row("`on_failure: leave`", "end: **platform_fault**", replace(RULES, on_failure="leave")),
    ]


ROWS = [
    *before(),
    *lost_rows(),
    *following(),
    *health(),
    *choosing(),
    *faults(),
    *platform(),
    *sending_back(),
    *back(),
]


def table() -> str:
    """The rows as Markdown."""
    lines: list[str] = []
    for row in ROWS:
        if f"### {row.section}" not in lines:
            lines += ["", f"### {row.section}", "", "| When | Then |", "| --- | --- |"]
        lines.append(f"| {row.when} | {told(next_step(row.state))} |")
    return "\n".join(lines).strip()


def diagram(walk: Walk) -> str:
    """Which step follows which, over all states of a walk, as a Mermaid state diagram."""

    def short(step: Step) -> str:
        return "[*]" if isinstance(step, Finish) else type(step).__name__

    pairs = {
        (short(step), short(walk.steps[after]))
        for step, nexts in zip(walk.steps, walk.edges, strict=True)
        for after in nexts
    }
    starts = {short(walk.steps[node]) for node in walk.starts}
    lines = [f"    [*] --> {name}" for name in sorted(starts - {"[*]"})]
    lines += [f"    {one} --> {other}" for one, other in sorted(pairs) if one != other]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def with_part(text: str, name: str, part: str) -> str:
    """The document with what stands between its marks of that name replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, rest = text.split(begin)
    return f"{head}{begin}\n\n{part}\n\n{end}{rest.split(end)[1]}"


def document(text: str, walk: Walk) -> str:
    """The document with table and diagram as the code has them."""
    return with_part(with_part(text, "decision table", table()), "diagram", diagram(walk))


def main() -> None:
    """Write the document's parts anew."""
    from tests.rollout.walk import goals, small_bounds, walked

    with small_bounds():
        walk = walked(goals())
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8"), walk), encoding="utf-8")


if __name__ == "__main__":
    main()
