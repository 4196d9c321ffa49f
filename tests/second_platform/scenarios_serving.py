"""What serves decides: people and pushes meanwhile (C18, C47, C52), another spec stored or deployed, phases (C53)."""

from __future__ import annotations

from typing import Any

from tests.second_platform.mischief import Deed, Edit
from tests.second_platform.model import EXITED, GOOD, Fate, OwnRollback, Running, Switches, Tamper
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
    shop,
    stalled,
    unchanged,
)
from tests.second_platform.specs import MISSING

SICK = Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY")))
GONE_BACK = {"update": 1, "rollback": 1, "commit": (0, 3)}
TAG = "services.0.image.tag"
NEVER = OwnRollback(delay=None)


def meanwhile(name: str, expected: Any, *deeds: Deed, cases: str = "C52", **more: Any) -> Scenario:
    return Scenario(name, cases, runs(expected), deeds=deeds, **more)


PEOPLE = (
    meanwhile(
        "a person reverts while our rollback soaks",
        expect(("superseded", "diverged"), (1, 5), sends=GONE_BACK),
        Deed("revert", "rollback ACTIVE", 5),
        running=(SICK,),
    ),
    meanwhile(
        "a person reverts right before our commit",
        expect(("superseded", "diverged"), (1, 5), sends=GONE_BACK),
        Deed("revert", "before commit"),
        running=(SICK,),
    ),
    meanwhile(
        "a person commits right before our commit",
        ours(sends=GONE_BACK),
        Deed("commit", "before commit"),
        running=(SICK,),
    ),
    meanwhile(
        "a person commits and deploys another version right before our commit",
        expect(("superseded", "diverged"), (1, 5), spec=OTHER, sends=GONE_BACK),
        Deed("commit", "before commit"),
        Deed(f"update:{OTHER}", "before commit"),
        running=(SICK,),
        fates=(Fate(f"person {OTHER}", ((0.05, "ACTIVE"),)),),
    ),
    meanwhile(
        "a person commits and deploys another version while our rollback soaks",
        expect(("superseded", "diverged"), (1, 5), spec=OTHER, sends=GONE_BACK),
        Deed("commit", "rollback ACTIVE", 5),
        Deed(f"update:{OTHER}", "rollback ACTIVE", 5),
        running=(SICK,),
    ),
    meanwhile(
        "a person deletes the app right before our commit",
        expect("failed", 1, sends=GONE_BACK, says=("deleted",)),
        Deed("delete", "before commit"),
        running=(SICK,),
    ),
    meanwhile(
        "a person deploys another version while ours soaks",
        expect("superseded", 1, spec=OTHER, sends={"update": 1}),
        Deed(f"update:{OTHER}", "update ACTIVE", 10),
    ),
    meanwhile(
        "a person's other version is active before our next look",
        expect("superseded", 1, serves=OTHER, sends={"update": 1}),
        Deed(f"update:{OTHER}", "update ACTIVE", 1),
        fates=(Fate(f"person {OTHER}", ((0.1, "ACTIVE"),)),),
    ),
    meanwhile("a push of the same spec while ours soaks", applied(), Deed("push", "update ACTIVE", 10)),
    meanwhile(
        "a person rolls back while ours soaks",
        expect("blocked", 5, pinned=True, sends={"update": 1}),
        Deed(f"rollback:{OLD}", "update ACTIVE", 10),
        cases="C47 C52",
    ),
    meanwhile(
        "a person rolls back while ours is deployed",
        expect("blocked", 5, pinned=True, sends={"update": 1}),
        Deed(f"rollback:{OLD}", "update DEPLOYING", 3),
        cases="C47 C52",
    ),
    meanwhile(
        "a person updates between plan and update",
        expect("refused", 7, spec=OTHER),
        Deed(f"update:{OTHER}", "after propose"),
        cases="C18",
    ),
    meanwhile(
        "a person rolls back between plan and update",
        expect("blocked", 5, pinned=True, serves=OLD),
        Deed("rollback:1.25", "after propose"),
        cases="C47",
        fates=(Fate("person", ((60, "BUILDING"),)),),
    ),
    meanwhile(
        "another run sends the same spec between plan and update",
        expect("applied", 0, serves=NEW, spec=NEW),
        Deed(f"update:{NEW}", "after propose"),
        cases="C18",
    ),
    meanwhile(
        "a person deletes the app between plan and update",
        expect("refused", 7, says=("deleted",)),
        Deed("delete", "after propose"),
        cases="C18",
    ),
    meanwhile(
        "a person deletes the app while ours is deployed",
        expect("failed", 1, sends={"update": 1}, says=("deleted",)),
        Deed("delete", "update DEPLOYING", 3),
        cases="C55",
    ),
    meanwhile(
        "a person cancels our rollback's deployment",
        expect("rollback_failed", 5, sends={"update": 1, "rollback": 1, "commit": (0, 3)}),
        Deed("cancel", "rollback BUILDING", 2),
        cases="C50 C52",
        running=(SICK,),
    ),
)

DIVERGED = expect("diverged", 5, sends={"update": 1})

ANOTHER_SPEC = (
    Scenario(
        "another version is stored than was sent",
        "C53",
        runs(DIVERGED),
        tampers=(Tamper("stored", TAG, "1.24", f"update {NEW}"),),
    ),
    Scenario(
        "another version is deployed than is stored",
        "C53",
        runs(DIVERGED),
        tampers=(Tamper("deployed", TAG, "1.24", f"update {NEW}"),),
    ),
    Scenario(
        "another version is stored at every run",
        "C53",
        tuple(
            Run(expect(("diverged", "stalled", "refused"), (5, 6, 7), sends={"update": (0, 1)}), wait=3600)
            for _ in range(5)
        ),
        tampers=(Tamper("stored", TAG, "1.24", f"update {NEW}"),),
        total={("update", "redeploy"): 3},
    ),
    Scenario(
        "another version is deployed at every run",
        "C53",
        tuple(
            Run(
                expect(("diverged", "stalled", "refused"), (5, 6, 7), sends={"update": (0, 1), "redeploy": (0, 1)}),
                wait=3600,
            )
            for _ in range(5)
        ),
        tampers=(Tamper("deployed", TAG, "1.24", NEW),),
        total={("update", "redeploy"): 3},
    ),
    Scenario(
        "a field is not kept, as propose says",
        "C09 C53",
        runs(applied(says=("termination",)), unchanged()),
        git=shop(service={"termination": {"drain_seconds": 30}}),
        tampers=(
            Tamper("stored", "services.0.termination", MISSING),
            Tamper("proposed", "services.0.termination", MISSING),
        ),
    ),
    Scenario(
        "a field is not kept, and propose does not say so",
        "C09 C53",
        runs(expect(("applied", "diverged"), (0, 5), serves=NEW, sends={"update": 1}, says=("termination",))),
        git=shop(service={"termination": {"drain_seconds": 30}}),
        tampers=(Tamper("stored", "services.0.termination", MISSING),),
    ),
    Scenario(
        "our rollback deploys another version",
        "C53",
        runs(
            expect(
                ("diverged", "rollback_failed"), 5, pinned=None, sends={"update": 1, "rollback": 1, "commit": (0, 3)}
            )
        ),
        running=(SICK,),
        tampers=(Tamper("deployed", TAG, "1.20", "rollback"),),
    ),
    Scenario(
        "a first deployment of another version than was sent",
        "C53",
        runs(expect("diverged", 5, sends={"create": 1})),
        before=(),
        tampers=(Tamper("deployed", TAG, "1.24", "create"),),
    ),
)

ENDS_LATER = (*GOOD, (32, "ERROR"))
GOES_BACK = (*GOOD[:3], (14, "BUILDING"), (20, "DEPLOYING"), (30, "ACTIVE"))
LEAVES_ACTIVE = (*GOOD, (30, "DEPLOYING"), (40, "ACTIVE"))


def phased(name: str, *expected: Any, **more: Any) -> Scenario:
    return Scenario(name, "C53", runs(*expected), **more)


PHASES = (
    phased(
        "ACTIVE becomes ERROR in the soak",
        ours(by={"rollback": 150}),
        stalled(),
        fates=(Fate(f"update {NEW}", ENDS_LATER, (EXITED,)),),
        own=NEVER,
    ),
    phased(
        "ACTIVE becomes ERROR in the soak, and the old version serves again",
        ours(sends={"update": 1, "rollback": (0, 1), "commit": (0, 1)}, spec=None),
        fates=(Fate(f"update {NEW}", ENDS_LATER, (EXITED,)),),
        own=NEVER,
        switches=Switches(error_keeps_active=False),
    ),
    phased(
        "our rollback becomes ERROR in its soak",
        expect("rollback_failed", 5, pinned=None, sends={"update": 1, "rollback": (1, 3), "commit": ANY}),
        fates=(Fate("rollback", (*GOOD, (25, "ERROR")), (EXITED,)),),
        running=(SICK,),
        own=NEVER,
    ),
    phased(
        "the app never shows the deployment as active",
        expect("unconfirmed", 1, spec=NEW, sends={"update": 1}),
        fates=(Fate(NEW, shown=False),),
    ),
    Scenario(
        "the app never shows the deployment as active, run after run",
        "C53",
        (
            Run(expect("unconfirmed", 1, sends={"update": 1})),
            *(
                Run(
                    expect(
                        ("unconfirmed", "stalled", "unchanged", "refused"), (0, 1, 6, 7), sends={"redeploy": (0, 1)}
                    ),
                    wait=3600,
                )
                for _ in range(4)
            ),
        ),
        fates=(Fate(NEW, shown=False),),
        total={("update", "redeploy"): 3},
    ),
    phased(
        "the app shows the deployment as active ten seconds late",
        applied(),
        unchanged(),
        switches=Switches(lag={"app": 10}),
    ),
    phased(
        "the app never shows our rollback as active",
        expect(
            ("unconfirmed", "rollback_failed"),
            (1, 5),
            pinned=None,
            sends={"update": 1, "rollback": 1, "commit": (0, 3)},
        ),
        fates=(Fate("rollback", shown=False),),
        running=(SICK,),
    ),
    phased("the phase goes back while it is deployed", applied(), fates=(Fate("update", GOES_BACK),)),
    phased("the phase leaves ACTIVE for a while in the soak", applied(), fates=(Fate("update", LEAVES_ACTIVE),)),
    phased(
        "the phase leaves ACTIVE in the soak for good",
        expect(("timed_out", "unconfirmed"), 1, sends={"update": 1}),
        fates=(Fate("update", (*GOOD, (30, "DEPLOYING"))),),
    ),
    phased(
        "an undocumented phase, then ACTIVE",
        applied(),
        fates=(Fate("update", ((2, "QUEUED"), (12, "DEPLOYING"), (20, "ACTIVE"))),),
    ),
    phased(
        "an undocumented phase for ever",
        expect("timed_out", 1, serves=OLD, sends={"update": 1}),
        fates=(Fate("update", ((2, "QUEUED"),)),),
    ),
    phased("ACTIVE at the first look", applied(), unchanged(), fates=(Fate("update", ((0.05, "ACTIVE"),)),)),
    phased(
        "the app does not say the spec of what is active",
        applied(),
        unchanged(),
        edits=(Edit("app", "app.active_deployment.spec"), Edit("apps", "apps.*.active_deployment.spec")),
    ),
    phased(
        "a build beyond its budget, and the next run goes on with it",
        expect("timed_out", 1, serves=OLD, sends={"update": 1}),
        expect("applied", 0, serves=NEW),
        fates=(Fate("update", ((2, "BUILDING"), (900, "DEPLOYING"), (1300, "ACTIVE"))),),
    ),
)

SCENARIOS = (*PEOPLE, *ANOTHER_SPEC, *PHASES)
