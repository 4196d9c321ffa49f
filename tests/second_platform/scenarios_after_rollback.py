"""After the platform's own rollback (C49): pins, the app's spec, policies, killed runs, people meanwhile."""

from __future__ import annotations

from tests.second_platform.mischief import Deed, Trouble
from tests.second_platform.model import (
    DEPLOY_FAILS,
    EXITED,
    Fate,
    OwnRollback,
    Running,
    Switches,
)
from tests.second_platform.scenario import (
    ANY,
    BY_THE_PLATFORM,
    NEW,
    NEWER,
    OLD,
    Run,
    applied,
    expect,
    shop,
    stalled,
    theirs,
    unchanged,
)
from tests.second_platform.scenarios_rollback import ADOPT, COMMIT, FAILS, KILLED_BEFORE, NEVER, PUT_BACK, SICK, failing

PINNED_BY_THEIRS = (
    failing(
        "theirs pins the app",
        expect("rolled_back", 4, pinned=None, serves=OLD, sends={"update": 1, "commit": (0, 3)}, says=("pin",)),
        own=OwnRollback(pins=True),
    ),
    failing(
        "theirs pins the app, and the good spec is to be put back",
        expect("rolled_back", 4, serves=OLD, spec=OLD, sends={"update": (1, 2), "commit": (1, 3)}, says=("pin",)),
        policy=COMMIT,
        own=OwnRollback(pins=True),
    ),
    failing(
        "theirs pins the app, which a killed run never saw",
        KILLED_BEFORE,
        Run(
            expect("rolled_back", 4, pinned=None, serves=OLD, sends={"commit": (0, 3)}, says=("pin", BY_THE_PLATFORM)),
            wait=45,
        ),
        own=OwnRollback(pins=True),
    ),
)

AFTERWARDS = (
    failing(
        "theirs makes the good spec the app's again",
        theirs(spec=OLD),
        stalled(spec=OLD),
        own=OwnRollback(restores_spec=True),
    ),
    failing("the good spec is put back", theirs(spec=OLD, sends=PUT_BACK), stalled(), policy=COMMIT),
    failing("the good spec is the app's already", theirs(spec=OLD), policy=COMMIT, own=OwnRollback(restores_spec=True)),
    failing(
        "the good spec is put back though no rollback is possible",
        theirs(spec=OLD, sends={"update": 2, "rollback": 0}),
        policy=COMMIT,
        switches=Switches(revisions=0),
    ),
    failing(
        "the good spec is put back though a commit does not do it",
        theirs(spec=OLD, sends={"update": 2, "rollback": (0, 1), "commit": (0, 1)}),
        policy=COMMIT,
        switches=Switches(commit_sets_spec=False),
    ),
    failing(
        "the good spec is put back, the first try is refused",
        theirs(spec=OLD, sends={"update": (2, 4), "rollback": (0, 3), "commit": (0, 1)}),
        policy=COMMIT,
        troubles=(Trouble("rollback", 400, times=0, message="rollback is not possible now"),),
    ),
    failing(
        "left as it is, theirs is followed all the same",
        expect("left", 5, serves=OLD, sends={"update": 1}, says=(BY_THE_PLATFORM,), order=("auto ACTIVE", "run end")),
        policy={**ADOPT, "on_failure": "leave"},
    ),
    failing(
        "pinned as the policy asks, after theirs",
        expect(
            ("pinned", "rolled_back"),
            4,
            pinned=None,
            serves=OLD,
            sends={"update": 1, "rollback": (0, 1)},
            says=("pinned",),
        ),
        policy={**ADOPT, "on_failure": "pin"},
    ),
)

MEANWHILE = (
    failing(
        "killed when theirs is under way",
        Run(killed="auto DEPLOYING"),
        Run(theirs(sends={}), wait=3),
        Run(stalled(), wait=600),
    ),
    failing("killed before theirs began", KILLED_BEFORE, Run(theirs(sends={}), wait=15), Run(stalled(), wait=600)),
    failing(
        "killed, and theirs was over long before the next run",
        KILLED_BEFORE,
        Run(expect(("rolled_back", "stalled"), (4, 6), serves=OLD, never=("deployed since",)), wait=36000),
        Run(stalled(), wait=600),
    ),
    failing(
        "a plan and a drift run while theirs is under way",
        Run(killed="auto BUILDING"),
        Run(expect("plan", 0, says=(BY_THE_PLATFORM,), never=("deployed since",)), wait=1, command="plan"),
        Run(expect("plan", (0, 2), never=("deployed since",)), wait=1, command="drift"),
        Run(theirs(sends={}), wait=1),
    ),
    failing(
        "a drift run after theirs",
        KILLED_BEFORE,
        Run(
            expect("plan", 2, says=(BY_THE_PLATFORM,), never=("deployed since", "by hand")), wait=3600, command="drift"
        ),
        own=OwnRollback(restores_spec=True),
    ),
    failing(
        "fixed in Git while theirs is under way",
        Run(killed="auto BUILDING"),
        Run(applied(NEWER, order=("auto ACTIVE", "before update", "update ACTIVE")), wait=2, git=shop(NEWER)),
        Run(unchanged(NEWER), wait=600),
    ),
    failing(
        "a push supersedes theirs with the same spec",
        expect(("applied", "superseded"), (0, 1), serves=NEW, sends={"update": 1}),
        fates=(FAILS,),
        deeds=(Deed("push", "auto BUILDING", 4),),
    ),
    failing(
        "a person supersedes theirs with another version",
        expect("superseded", 1, sends={"update": 1}),
        deeds=(Deed("update:1.30", "auto BUILDING", 4),),
    ),
    failing(
        "a saved plan after theirs",
        Run(expect("plan", 0), command="plan", save=True),
        Run(
            expect(("error", "refused"), 7, serves=OLD, says=(BY_THE_PLATFORM,), never=("by hand",)),
            wait=600,
            demand=True,
        ),
        deeds=(Deed("update:1.27", "run end", 5),),
        fates=(Fate(f"person {NEW}", DEPLOY_FAILS, (EXITED,)),),
    ),
    failing(
        "our rollback fails, and theirs follows that",
        expect(
            "rolled_back", 4, serves=OLD, sends={"update": 1, "rollback": 1, "commit": (1, 3)}, says=(BY_THE_PLATFORM,)
        ),
        fates=(Fate("rollback", DEPLOY_FAILS, (EXITED,)),),
        running=(SICK,),
        own=OwnRollback(to=OLD),
        policy=ADOPT,
    ),
    failing(
        "the spec that was sent back fails, and theirs follows that",
        expect("rolled_back", 4, serves=OLD, sends={"update": 2}, says=(BY_THE_PLATFORM,)),
        fates=(Fate(f"update {OLD}", DEPLOY_FAILS, (EXITED,)),),
        running=(Running(f"update {NEW}", SICK.health),),
        own=OwnRollback(to=OLD),
        switches=Switches(revisions=0),
    ),
    failing(
        "our rollback fails, and nothing follows that",
        expect("rollback_failed", 5, pinned=None, serves=NEW, sends={"update": 1, "rollback": (1, 3), "commit": ANY}),
        fates=(Fate("rollback", DEPLOY_FAILS, (EXITED,)),),
        running=(SICK,),
        own=NEVER,
    ),
)

SCENARIOS = (*PINNED_BY_THEIRS, *AFTERWARDS, *MEANWHILE)
