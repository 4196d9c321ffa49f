"""Endings that are not the spec's: canceled deployments and their successors (C50), faults of the platform (C51)."""

from __future__ import annotations

from typing import Any

from tests.second_platform.mischief import Deed, Edit
from tests.second_platform.model import (
    BUILD_EXITED,
    BUILD_FAILS,
    DEPLOY_FAILS,
    EXHAUSTED,
    EXITED,
    INTERNAL,
    RATE_LIMITED,
    Fate,
    OwnRollback,
    Running,
    Switches,
)
from tests.second_platform.scenario import (
    ANY,
    NEW,
    OLD,
    OTHER,
    Run,
    Scenario,
    applied,
    expect,
    ours,
    runs,
    stalled,
    unchanged,
)

REPLACED = Switches(replaced="CANCELED")
NEVER = OwnRollback(delay=None)
CANCELED = Fate(f"update {NEW}", ((2, "BUILDING"), (6, "CANCELED")), times=1)
"""The new version's deployment is canceled while it is built."""

SICK = Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY")))

NO_BLAME = ("somebody", "by a person")


def canceled(name: str, *expected: Any, **more: Any) -> Scenario:
    return Scenario(name, "C50", runs(*expected), **{"switches": REPLACED, **more})


CANCELED_ONES = (
    canceled(
        "a push of the same spec cancels ours",
        applied(never=NO_BLAME),
        unchanged(),
        deeds=(Deed("push", "update BUILDING", 3),),
    ),
    canceled(
        "a push of the same spec supersedes ours",
        applied(),
        unchanged(),
        switches=Switches(),
        deeds=(Deed("push", "update BUILDING", 3),),
    ),
    canceled(
        "five pushes of the same spec cancel each other",
        applied(),
        deeds=(Deed("push", "update BUILDING", 3), Deed("push", "push BUILDING", 3, times=4)),
    ),
    canceled(
        "a person's other version cancels ours",
        expect("superseded", 1, sends={"update": 1}),
        applied(),
        unchanged(),
        deeds=(Deed("update:1.30", "update BUILDING", 3),),
    ),
    canceled(
        "ours is canceled, and its successor comes eight seconds later",
        applied(never=NO_BLAME),
        unchanged(),
        fates=(CANCELED,),
        deeds=(Deed("push", "update CANCELED", 8),),
    ),
    canceled(
        "ours is canceled, and its successor is listed late",
        applied(),
        switches=Switches(replaced="CANCELED", lag={"app": 6, "deployments": 6}),
        deeds=(Deed("push", "update BUILDING", 3),),
    ),
    canceled(
        "ours is canceled, and nothing comes after it",
        expect("canceled", 1, serves=OLD, sends={"update": 1}, says=("unknown|not known",), never=NO_BLAME),
        fates=(CANCELED,),
    ),
    canceled(
        "our rollback is canceled, and nothing comes after it",
        expect("rollback_failed", 5, serves=NEW, sends={"update": 1, "rollback": 1, "commit": (0, 3)}, never=NO_BLAME),
        fates=(Fate("rollback", ((2, "BUILDING"), (6, "CANCELED"))),),
        running=(SICK,),
    ),
    Scenario(
        "the spec was canceled by its successor before this run",
        "C50",
        (Run(killed="update BUILDING"), Run(unchanged(), wait=600)),
        switches=REPLACED,
        deeds=(Deed("push", "update BUILDING", 3),),
    ),
)

RETRIED = applied(sends={"update": 1, "redeploy": (1, 3)}, never=("spec failed",))
"""Tried again in the same run, by deploying the app's spec again."""

FAULT = expect("platform_fault", 1, serves=OLD, spec=NEW, sends={"update": 1, "redeploy": (0, 5)}, never=("stalled",))


def faulty(name: str, *expected: Any, **more: Any) -> Scenario:
    steps = expected if isinstance(expected[0], Run) else runs(*expected)
    return Scenario(name, "C51", steps, **more)


FAULTS = (
    faulty("an internal error, once", RETRIED, unchanged(), fates=(Fate(f"update {NEW}", BUILD_FAILS, (INTERNAL,)),)),
    faulty("too many builds, once", RETRIED, fates=(Fate(f"update {NEW}", BUILD_FAILS, (RATE_LIMITED,)),)),
    faulty(
        "no capacity, once, and no rollback of theirs",
        RETRIED,
        fates=(Fate(f"update {NEW}", DEPLOY_FAILS, (EXHAUSTED,)),),
        own=NEVER,
    ),
    faulty(
        "no capacity, once, and their rollback",
        applied(sends={"update": 1, "redeploy": (1, 3)}, order=("update ERROR", "auto ACTIVE", "before redeploy")),
        fates=(Fate(f"update {NEW}", DEPLOY_FAILS, (EXHAUSTED,)),),
    ),
    faulty(
        "no capacity, once, and their rollback makes the good spec the app's",
        applied(sends={"update": 2}, order=("update ERROR", "auto ACTIVE", "before update", "update ACTIVE")),
        fates=(Fate(f"update {NEW}", DEPLOY_FAILS, (EXHAUSTED,), times=1),),
        own=OwnRollback(restores_spec=True),
    ),
    faulty(
        "an internal error at every try",
        FAULT,
        fates=(Fate(NEW, BUILD_FAILS, (INTERNAL,)),),
    ),
    faulty(
        "an internal error at every try, for a day",
        Run(FAULT),
        Run(expect("plan", (0, 1), never=("stalled",), says=("again|next|try|retr",)), wait=60, command="plan"),
        Run(applied(sends={"update": (0, 1), "redeploy": (0, 2)}), wait=172800),
        fates=(Fate(NEW, BUILD_FAILS, (INTERNAL,), until=86400),),
    ),
    faulty(
        "an internal error at every try of six runs",
        *(
            Run(expect("platform_fault", 1, serves=OLD, sends={"update": (0, 1), "redeploy": ANY}), wait=300)
            for _ in range(6)
        ),
        fates=(Fate(NEW, BUILD_FAILS, (INTERNAL,)),),
        total={("update", "redeploy"): 6},
    ),
    faulty("an ERROR without any reason", FAULT, fates=(Fate(NEW, BUILD_FAILS),)),
    faulty("an ERROR without any reason, once", RETRIED, fates=(Fate(f"update {NEW}", BUILD_FAILS),)),
    faulty(
        "an ERROR whose reason only the deployment itself has",
        ours(),
        stalled(),
        fates=(Fate(f"update {NEW}", BUILD_FAILS, (BUILD_EXITED,)),),
        edits=(Edit("deployments", "deployments.*.progress"), Edit("app", "app.in_progress_deployment.progress")),
    ),
    faulty(
        "an internal error beside a failing step of the user's",
        ours(),
        stalled(),
        fates=(Fate(f"update {NEW}", BUILD_FAILS, (INTERNAL, BUILD_EXITED)),),
    ),
    faulty(
        "no capacity beside a container that exits",
        ours(),
        fates=(Fate(f"update {NEW}", DEPLOY_FAILS, (EXHAUSTED, EXITED)),),
        own=NEVER,
    ),
    faulty(
        "an internal error at every try of a first deployment",
        expect("platform_fault", 1, serves="", sends={"create": 1, "redeploy": (0, 5)}, never=("stalled",)),
        before=(),
        fates=(Fate(NEW, BUILD_FAILS, (INTERNAL,)),),
    ),
    faulty(
        "an internal error, then a push deploys the spec",
        expect("applied", 0, serves=NEW, spec=NEW, sends={"update": 1, "redeploy": (0, 1)}),
        fates=(Fate(f"update {NEW}", BUILD_FAILS, (INTERNAL,)),),
        deeds=(Deed("push", "update ERROR", 4),),
    ),
    faulty(
        "an internal error, then a person's other version",
        expect("superseded", 1, sends={"update": 1}),
        fates=(Fate(f"update {NEW}", BUILD_FAILS, (INTERNAL,)),),
        deeds=(Deed(f"update:{OTHER}", "update ERROR", 4),),
    ),
    faulty(
        "an internal error in our rollback",
        expect(
            ("rolled_back", "rollback_failed"),
            (4, 5),
            pinned=None,
            sends={"update": 1, "rollback": (1, 3), "commit": (0, 3)},
        ),
        fates=(Fate("rollback", BUILD_FAILS, (INTERNAL,), times=1),),
        running=(SICK,),
    ),
)

SCENARIOS = (*CANCELED_ONES, *FAULTS)
