"""Errors at each step (C17, C37, C39, C56), and answers that are lost (C43, C44, C48)."""

from __future__ import annotations

from typing import Any

from tests.second_platform.mischief import Trouble
from tests.second_platform.model import BUILD_EXITED, BUILD_FAILS, Fate, Running, Switches
from tests.second_platform.scenario import (
    NEW,
    OLD,
    Scenario,
    applied,
    expect,
    ours,
    runs,
    unchanged,
)

SICK = (Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY"))),)
BROKEN = (Fate(f"update {NEW}", BUILD_FAILS, (BUILD_EXITED,)),)

NOTHING_SENT = expect(("error", "failed"), 1, serves=OLD, spec=OLD)


def troubled(name: str, cases: str, expected: Any, *troubles: Trouble, **more: Any) -> Scenario:
    expected = expected if isinstance(expected, tuple) else (expected,)
    return Scenario(name, cases, runs(*expected), troubles=troubles, **more)


# ---- 401 and 403 --------------------------------------------------------------------------------------------------

WATCHING = {"serves": None, "sends": {"update": 1}, "within": 120}

DENIED = (
    troubled("401 for the list of apps", "C56", expect("error", 1, says=("token",)), Trouble("apps", 401, times=0)),
    troubled("403 for the list of apps", "C56", expect("error", 1, says=("app:read",)), Trouble("apps", 403, times=0)),
    troubled("403 for propose", "C56", expect(("error", "failed"), 1, serves=OLD), Trouble("propose", 403, times=0)),
    troubled("401 for the last look before the update", "C56", NOTHING_SENT, Trouble("app", 401, times=0)),
    troubled(
        "403 for the update",
        "C17 C56",
        expect("failed", 1, serves=OLD, spec=OLD, sends={"update": 1}, says=("app:update", "nothing was changed")),
        Trouble("update", 403, times=0, message="You are missing the required permission app:update"),
    ),
    troubled(
        "403 for the update, which asks for another scope",
        "C17",
        expect("failed", 1, sends={"update": 1}, says=("database:read",)),
        Trouble("update", 403, times=0, message="You are missing the required permission database:read"),
    ),
    troubled(
        "401 while the deployment is watched",
        "C56",
        (
            expect("failed", 1, says=("Unable to authenticate",), **WATCHING),
            expect(("unchanged", "applied"), 0, serves=NEW),
        ),
        Trouble("deployment", 401, times=2),
    ),
    troubled(
        "403 while the deployment is watched",
        "C56",
        expect("failed", 1, says=("app:read",), **WATCHING),
        Trouble("deployment", 403, times=0),
    ),
    troubled(
        "403 after the deployment was watched for a while",
        "C56",
        expect("failed", 1, says=("app:read",), **WATCHING),
        Trouble("deployment", 403, times=0, skip=3),
    ),
    troubled(
        "403 for the health of the components",
        "C56",
        expect("failed", 1, sends={"update": 1}, says=("app:read",), within=120),
        Trouble("health", 403, times=0),
    ),
    troubled(
        "401 for the history after a failure",
        "C56",
        expect(("rollback_failed", "failed"), (1, 5), serves=OLD, sends={"update": 1}, within=240),
        Trouble("deployments", 401, times=0, since="update ERROR"),
        fates=BROKEN,
    ),
    troubled(
        "403 for the validation of a rollback",
        "C56",
        expect("rollback_failed", 5, serves=OLD, sends={"update": (1, 2)}, says=("app:update",)),
        Trouble("validate", 403, times=0, message="You are missing the required permission app:update"),
        Trouble(
            "update", 403, times=0, since="update ERROR", message="You are missing the required permission app:update"
        ),
        fates=BROKEN,
    ),
    troubled(
        "403 for the rollback",
        "C56",
        expect("rollback_failed", 5, serves=NEW, sends={"update": (1, 3), "rollback": (1, 3)}, says=("app:update",)),
        Trouble("rollback", 403, times=0, message="You are missing the required permission app:update"),
        Trouble(
            "update",
            403,
            times=0,
            since="before rollback",
            message="You are missing the required permission app:update",
        ),
        running=SICK,
    ),
    troubled(
        "403 while the rollback is watched",
        "C56",
        expect(
            ("failed", "rollback_failed"), (1, 5), pinned=True, sends={"update": 1, "rollback": 1}, says=("app:read",)
        ),
        Trouble("deployment", 403, times=0, since="after rollback"),
        running=SICK,
    ),
    troubled(
        "403 for the commit",
        "C56",
        expect("rollback_failed", 5, pinned=True, serves=OLD, sends={"update": 1, "rollback": 1, "commit": (1, 3)}),
        Trouble("commit", 403, times=0, message="You are missing the required permission app:update"),
        running=SICK,
    ),
)

# ---- 5xx, HTML, broken connections --------------------------------------------------------------------------------


def page(on: str, times: int = 3, **more: Any) -> Trouble:
    return Trouble(on, 504, times=times, how="html", **more)


UNKNOWN_HEALTH = expect(("timed_out", "unconfirmed"), 1, serves=NEW, sends={"update": 1})

FAILING = (
    troubled("504 pages for the list of apps", "C39", applied(), page("apps")),
    troubled("504 pages for the list of apps, always", "C39", expect("error", 1, never=("<html",)), page("apps", 0)),
    troubled("503 for propose, twice", "C62", applied(), Trouble("propose", times=2)),
    troubled(
        "503 for propose, always",
        "C62",
        expect(("failed", "error"), 1, serves=OLD, never=("refuses",)),
        Trouble("propose", times=0),
    ),
    troubled(
        "500 for propose of a new app, always",
        "C62",
        expect(("failed", "error"), 1, never=("refuses",)),
        Trouble("propose", 500, times=0),
        before=(),
    ),
    troubled("504 pages while the deployment is watched", "C39", applied(), page("deployment")),
    troubled(
        "503 while the deployment is watched, always",
        "C37 C39",
        expect(("timed_out", "failed", "unconfirmed"), 1, sends={"update": 1}, within=1500),
        Trouble("deployment", times=0),
    ),
    troubled(
        "connections break while the deployment is watched",
        "C39",
        applied(),
        Trouble("deployment", times=4, how="drop"),
    ),
    troubled(
        "answers are cut short while the deployment is watched",
        "C39",
        applied(),
        Trouble("deployment", times=2, how="garbled"),
    ),
    troubled("no answer comes while the deployment is watched", "C37", applied(), Trouble("deployment", how="hang")),
    troubled("503 for the health, twice", "C39", applied(), Trouble("health", times=2)),
    troubled("503 for the health, always", "C39", UNKNOWN_HEALTH, Trouble("health", times=0)),
    troubled("500 for the logs", "C39", ours(), Trouble("logs", 500, times=0), fates=BROKEN),
    troubled(
        "524 pages for the history after a failure",
        "C32",
        ours(),
        Trouble("deployments", 524, times=2, since="update ERROR", how="html"),
        fates=BROKEN,
    ),
    troubled(
        "500 for the history after a failure, always",
        "C32 C37",
        expect("rollback_failed", 5, serves=OLD, sends={"update": 1}),
        Trouble("deployments", 500, times=0, since="update ERROR"),
        fates=BROKEN,
    ),
    troubled("503 for the validation of a rollback, twice", "C39", ours(), Trouble("validate", times=2), running=SICK),
    troubled(
        "404 for the app right before the update, always",
        "C55",
        expect(("refused", "failed"), (1, 7), serves=OLD),
        Trouble("app", 404, times=0),
    ),
    troubled(
        "the rate limit, then the update",
        "C39",
        applied(sends={"update": 2}),
        Trouble("update", 429, headers={"retry-after": "3"}),
    ),
    troubled(
        "the platform refuses the spec at propose",
        "C29",
        expect(("refused", "error"), 3, serves=OLD, says=("already in use",)),
        Trouble(
            "propose",
            400,
            times=0,
            message='error validating app spec field "services.route.paths": route path "/" already in use',
        ),
    ),
    troubled(
        "the platform refuses the spec at the update",
        "C29",
        expect("refused", 7, serves=OLD, spec=OLD, sends={"update": 1}, says=("GitHub user not authenticated",)),
        Trouble("update", 400, times=0, message="GitHub user not authenticated"),
    ),
)

LOST = (
    troubled("500 for the update, which took no effect", "C43", applied(sends={"update": 2}), Trouble("update", 500)),
    troubled("504 for the update, which took effect", "C43", applied(), page("update", 1, effect=True)),
    troubled(
        "the update's connection breaks before it took effect",
        "C43",
        applied(sends={"update": 2}),
        Trouble("update", how="drop"),
    ),
    troubled(
        "the update's connection breaks after it took effect",
        "C43",
        applied(),
        Trouble("update", how="drop", effect=True),
    ),
    troubled(
        "the update's connection breaks, and its deployment shows up late",
        "C43",
        applied(sends={"update": (1, 2)}),
        Trouble("update", how="drop", effect=True),
        switches=Switches(lag={"app": 8, "deployments": 8}),
    ),
    troubled(
        "the create's answer is lost",
        "C44",
        (applied(sends={"create": 1}), unchanged()),
        Trouble("create", how="drop", effect=True),
        before=(),
    ),
    troubled(
        "the create's answer is lost, and the app is listed late",
        "C44",
        applied(sends={"create": (1, 2)}),
        page("create", 1, effect=True),
        before=(),
        switches=Switches(lag={"apps": 8}),
    ),
    troubled("the create took no effect", "C44", applied(sends={"create": 2}), Trouble("create", 500), before=()),
    troubled(
        "the rollback's answer is lost", "C43", ours(), Trouble("rollback", how="drop", effect=True), running=SICK
    ),
    troubled(
        "the rollback took no effect",
        "C43",
        ours(sends={"update": 1, "rollback": 2, "commit": 1}),
        Trouble("rollback", 502),
        running=SICK,
    ),
    troubled(
        "the commit's answer is lost", "C43 C48", ours(), Trouble("commit", how="drop", effect=True), running=SICK
    ),
    troubled(
        "the commit took no effect",
        "C43 C48",
        ours(sends={"update": 1, "rollback": 1, "commit": 2}),
        Trouble("commit", 500),
        running=SICK,
    ),
    troubled(
        "the commit never takes effect",
        "C48",
        expect("rollback_failed", 5, pinned=True, serves=OLD, sends={"update": 1, "rollback": 1, "commit": (2, 4)}),
        Trouble("commit", 500, times=0),
        running=SICK,
    ),
)

SCENARIOS = (*DENIED, *FAILING, *LOST)
