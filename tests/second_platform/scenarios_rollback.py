"""The platform's own rollback after a failed deployment (C49): how it is recognised, when it comes, how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.second_platform.mischief import Deed, Edit
from tests.second_platform.model import (
    BUILD_EXITED,
    BUILD_FAILS,
    DEPLOY_FAILS,
    ENDLESS,
    EXITED,
    QUICK,
    UNHEALTHY_CONTAINER,
    Fate,
    Fault,
    OwnRollback,
    Running,
    Switches,
)
from tests.second_platform.scenario import (
    BY_THE_PLATFORM,
    NEW,
    OLD,
    OTHER,
    Run,
    Scenario,
    expect,
    ours,
    runs,
    stalled,
    theirs,
)

ADOPT = {"after_platform_rollback": "adopt"}
COMMIT = {"after_platform_rollback": "commit"}

FAILS = Fate(f"update {NEW}", DEPLOY_FAILS, (EXITED,))
"""The new version fails in its deploy phase."""

SICK = Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY")))
"""The new version becomes unhealthy once it is active."""

NEVER = OwnRollback(delay=None)
LINEAGE = OwnRollback(cause=False)
KILLED_BEFORE = Run(killed="update ERROR")
"""A run that dies when its deployment failed."""

PUT_BACK = {"update": (1, 2), "rollback": (0, 1), "commit": (0, 1)}
"""The good spec is put back: by a rollback that is committed, or by an update."""


def failing(name: str, *expected: Any, cases: str = "C49", **more: Any) -> Scenario:
    """The new version fails in its deploy phase, and `adopt` is the policy."""
    steps = expected if isinstance(expected[0], Run) else runs(*expected)
    return Scenario(name, cases, steps, **{"fates": (FAILS,), "policy": ADOPT, **more})


def sent_by_default() -> dict[str, Any]:
    """What may be written where no policy is named: nothing, or what puts the good spec back."""
    return dict(PUT_BACK)


RECOGNISED = (
    failing("theirs is named by its cause", theirs(spec=NEW), stalled()),
    failing("theirs is named by its type", theirs(), stalled(), own=OwnRollback(cause=False, type="AUTO_ROLLBACK")),
    failing("theirs has type and cause", theirs(), own=OwnRollback(type="AUTO_ROLLBACK")),
    failing("theirs has an unknown type and its cause", theirs(), own=OwnRollback(type="SELF_HEALING")),
    failing("theirs is known by lineage alone", theirs(), stalled(), own=LINEAGE),
    failing(
        "theirs is known by lineage, its type is unknown", theirs(), own=OwnRollback(cause=False, type="SELF_HEALING")
    ),
    failing("theirs under the default policy", theirs(sends=sent_by_default()), stalled(spec=None), policy={}),
    failing(
        "theirs after failed health checks of the container",
        theirs(),
        fates=(replace(FAILS, faults=(UNHEALTHY_CONTAINER,)),),
    ),
    failing(
        "theirs, its cause_details are null",
        theirs(),
        edits=(
            Edit("deployment", "deployment.cause_details", None),
            Edit("deployments", "deployments.*.cause_details", None),
            Edit("app", "app.in_progress_deployment.cause_details", None),
            Edit("app", "app.pending_deployment.cause_details", None),
        ),
    ),
    failing(
        "theirs, the list comes oldest first", theirs(), stalled(), cases="C49 C54", switches=Switches(order="oldest")
    ),
    failing(
        "theirs, the list comes in no order", theirs(), stalled(), cases="C49 C54", switches=Switches(order="shuffled")
    ),
)

NOT_THEIRS = (
    failing(
        "a person restarts what serves after the failure",
        expect(("superseded",), 1, serves=OLD, sends={"update": 1}),
        own=NEVER,
        deeds=(Deed("restart", "update ERROR", 5),),
    ),
    failing(
        "a person rolls back by hand after the failure",
        expect("blocked", 5, pinned=True, serves=OLD, sends={"update": 1}, never=("platform rolled",)),
        own=NEVER,
        deeds=(Deed("rollback:1.26", "update ERROR", 5),),
    ),
    failing(
        "a deployment of a version that never served claims a lineage",
        Run(expect("superseded", 1, serves=OLD, sends={"update": 1}, never=("platform rolled",))),  # 1.30 is deploying
        Run(expect("stalled", 6, serves=OTHER, never=("platform rolled",)), wait=120),
        own=NEVER,
        deeds=(Deed("lineage:1.30", "update ERROR", 5),),
    ),
    failing(
        "theirs never comes",
        ours(never=("platform rolled",), order=("update ERROR", "before validate", "before rollback", "before commit")),
        stalled(),
        own=NEVER,
    ),
)

WHEN = (
    failing(
        "theirs is over before our look",
        theirs(),
        stalled(),
        own=OwnRollback(delay=0),
        fates=(FAILS, Fate("auto", QUICK)),
    ),
    failing(
        "theirs is pending at our look",
        theirs(),
        own=OwnRollback(delay=0),
        fates=(FAILS, Fate("auto", ((40, "BUILDING"), (45, "DEPLOYING"), (60, "ACTIVE")))),
    ),
    failing("theirs comes ten seconds after the failure", theirs(), own=OwnRollback(delay=10)),
    failing(
        "theirs comes a minute after the failure",
        theirs(order=("update ERROR", "auto ACTIVE", "run end")),
        own=OwnRollback(delay=60),
    ),
    failing(
        "theirs comes between our validation and our rollback",
        theirs(order=("before validate", "auto ACTIVE")),
        own=OwnRollback(delay=0, after="after validate"),
    ),
    failing(
        "theirs supersedes our rollback while that is deployed",
        theirs(
            spec=None,
            sends={"update": 1, "rollback": 1, "commit": (1, 3)},
            order=("rollback BUILDING", "auto ACTIVE", "before commit"),
        ),
        stalled(),
        own=OwnRollback(delay=2, after="rollback BUILDING"),
    ),
    failing(
        "theirs cancels our rollback while that is deployed",
        theirs(
            spec=None,
            sends={"update": 1, "rollback": 1, "commit": (1, 3)},
            order=("rollback CANCELED", "auto ACTIVE", "before commit"),
        ),
        stalled(),
        cases="C49 C50",
        switches=Switches(replaced="CANCELED"),
        own=OwnRollback(delay=2, after="rollback BUILDING"),
    ),
    failing(
        "theirs supersedes our rollback while that soaks",
        expect("rolled_back", 4, serves=OLD, sends={"update": 1, "rollback": 1, "commit": (1, 3)}),
        stalled(),
        own=OwnRollback(delay=5, after="rollback ACTIVE"),
    ),
    failing(
        "theirs comes twice, the first of them fails",
        theirs(),
        own=OwnRollback(times=2),
        fates=(FAILS, Fate("auto", DEPLOY_FAILS, (EXITED,), times=1)),
    ),
    failing("the app shows theirs only twenty seconds later", theirs(), switches=Switches(lag={"app": 20, "apps": 20})),
    failing("the history shows theirs only twenty seconds later", theirs(), switches=Switches(lag={"deployments": 20})),
    failing(
        "theirs cannot be read by its id for twenty seconds",
        theirs(),
        cases="C49 C55",
        switches=Switches(lag={"deployment": 20}),
    ),
)

HOW_IT_ENDS = (
    failing(
        "theirs fails while the old version serves",
        expect("rolled_back", 4, serves=OLD, sends={"update": 1}, says=(BY_THE_PLATFORM,)),
        fates=(FAILS, Fate("auto", DEPLOY_FAILS, (EXITED,))),
    ),
    failing(
        "theirs fails and the old version is unhealthy",
        ours(spec=None, order=("auto ERROR", "before rollback")),
        fates=(FAILS, Fate("auto", DEPLOY_FAILS, (EXITED,))),
        running=(Running("setup", ((0, "HEALTHY"), (3600, "UNHEALTHY"))),),
    ),
    failing(
        "theirs becomes unhealthy",
        expect("rollback_failed", 5, sends={"update": 1}, says=(BY_THE_PLATFORM, "unhealthy")),
        running=(Running("auto", ((0, "HEALTHY"), (5, "UNHEALTHY"))),),
    ),
    failing(
        "theirs is unhealthy for a moment",
        theirs(),
        running=(Running("auto", ((0, "UNHEALTHY"), (10, "HEALTHY"))),),
    ),
    failing(
        "theirs takes longer than the budget",
        expect("timed_out", 1, serves=OLD, sends={"update": 1}),
        fates=(FAILS, Fate("auto", ENDLESS)),
    ),
    failing(
        "theirs is canceled while the old version serves",
        expect("rolled_back", 4, serves=OLD, pinned=False, sends={"update": 1, "rollback": (0, 1), "commit": (0, 1)}),
        cases="C49 C50",
        fates=(FAILS, Fate("auto", ((2, "BUILDING"), (10, "CANCELED")))),
    ),
)

NO_WAITING = (
    Scenario(
        "a failed build brings no rollback of theirs",
        "C49",
        runs(ours(by={"rollback": 90}), stalled()),
        fates=(Fate(f"update {NEW}", BUILD_FAILS, (BUILD_EXITED,)),),
    ),
    Scenario(
        "a failed first deployment is not waited for",
        "C38 C49",
        runs(
            expect("degraded", 5, serves="", sends={"create": 1}, within=120),
            expect("degraded", 5, serves="", within=60),
        ),
        before=(),
        fates=(Fate("create", DEPLOY_FAILS, (EXITED,)),),
    ),
    Scenario(
        "unhealthy once active is rolled back at once",
        "C49",
        runs(ours(by={"rollback": 120}), stalled()),
        running=(SICK,),
    ),
    failing(
        "the failing phase is not known, theirs comes after a minute",
        theirs(),
        fates=(Fate(f"update {NEW}", DEPLOY_FAILS, (Fault("verify", "VerificationFailed", "Verification failed."),)),),
        own=OwnRollback(delay=60),
    ),
)

SCENARIOS = (*RECOGNISED, *NOT_THEIRS, *WHEN, *HOW_IT_ENDS, *NO_WAITING)
