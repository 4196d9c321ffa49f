"""Answers that are odd: the order of lists (C54), 404 (C55), missing and null fields (C15); and that all goes well."""

from __future__ import annotations

from typing import Any

from tests.second_platform.mischief import Edit, Trouble
from tests.second_platform.model import BUILD_EXITED, BUILD_FAILS, Fate, Running, Switches
from tests.second_platform.scenario import (
    NEW,
    OLD,
    OLDEST,
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

SICK = (Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY"))),)
BROKEN = (Fate(f"update {NEW}", BUILD_FAILS, (BUILD_EXITED,)),)

NOTHING_SENT = expect(("error", "failed"), 1, serves=OLD, spec=OLD)


def troubled(name: str, cases: str, expected: Any, *troubles: Trouble, **more: Any) -> Scenario:
    expected = expected if isinstance(expected, tuple) else (expected,)
    return Scenario(name, cases, runs(*expected), troubles=troubles, **more)


# ---- order, 404, missing and null fields --------------------------------------------------------------------------

OLDEST_FIRST, SHUFFLED = Switches(order="oldest"), Switches(order="shuffled")


def plain(name: str, cases: str, *expected: Any, **more: Any) -> Scenario:
    return Scenario(name, cases, runs(*expected), **more)


ORDER = (
    plain(
        "oldest first, and the new version is unhealthy", "C54", ours(), stalled(), switches=OLDEST_FIRST, running=SICK
    ),
    plain("no order, and the new version is unhealthy", "C54", ours(), stalled(), switches=SHUFFLED, running=SICK),
    plain("oldest first, and the build fails", "C54", ours(), stalled(), switches=OLDEST_FIRST, fates=BROKEN),
    plain("oldest first, and all is well", "C54", applied(), unchanged(), switches=OLDEST_FIRST),
    plain(
        "oldest first, and more deployments than a page holds",
        "C54",
        ours(),
        stalled(),
        before=(*(f"1.{number}" for number in range(24)), OLDEST, OLD),
        switches=OLDEST_FIRST,
        running=SICK,
    ),
    plain(
        "oldest first, all created in the same second",
        "C54",
        ours(),
        switches=Switches(order="oldest", same_second=True),
        running=SICK,
    ),
    plain(
        "oldest first, and the update's answer is lost",
        "C54",
        applied(),
        switches=OLDEST_FIRST,
        troubles=(Trouble("update", how="drop", effect=True),),
        edits=(Edit("app", "app.pending_deployment"), Edit("app", "app.in_progress_deployment")),
    ),
)

NOT_FOUND = (
    plain("the deployment is 404 for fifteen seconds", "C55", applied(), switches=Switches(lag={"deployment": 15})),
    plain("the deployment is 404 for two minutes", "C55", applied(), switches=Switches(lag={"deployment": 120})),
    troubled("the deployment is 404 once it was seen", "C55", applied(), Trouble("deployment", 404, times=6, skip=2)),
    troubled(
        "the deployment is 404 for good, and the app is there",
        "C55",
        expect(
            ("applied", "unconfirmed", "timed_out", "failed"),
            (0, 1),
            sends={"update": 1},
            never=("deleted",),
            within=2000,
        ),
        Trouble("deployment", 404, times=0),
    ),
    troubled(
        "the rollback's deployment is 404 for a while",
        "C55",
        ours(never=("deleted",)),
        Trouble("deployment", 404, times=6, since="after rollback"),
        running=SICK,
    ),
    plain(
        "the list of apps is late after a create",
        "C44 C55",
        applied(sends={"create": 1}),
        before=(),
        switches=Switches(lag={"apps": 30}),
    ),
)


def edited(name: str, cases: str, *expected: Any, edits: tuple[Edit, ...], **more: Any) -> Scenario:
    return Scenario(name, cases, runs(*expected), edits=edits, **more)


def everywhere(field: str, to: Any) -> tuple[Edit, ...]:
    """A field of an app, wherever apps are answered."""
    return (Edit("apps", f"apps.*.{field}", to), Edit("app", f"app.{field}", to), Edit("update", f"app.{field}", to))


def of_deployments(field: str, to: Any = MISSING) -> tuple[Edit, ...]:
    """A field of a deployment, wherever deployments are answered."""
    roles = ("active_deployment", "pending_deployment", "in_progress_deployment", "pinned_deployment")
    inside = [Edit("deployments", f"deployments.*.{field}", to), Edit("deployment", f"deployment.{field}", to)]
    inside += [Edit("app", f"app.{role}.{field}", to) for role in roles]
    inside += [Edit("apps", f"apps.*.{role}.{field}", to) for role in roles]
    return tuple(inside)


FIELDS = (
    edited(
        "pinned_deployment is an empty object", "C15", applied(), unchanged(), edits=everywhere("pinned_deployment", {})
    ),
    edited(
        "pending_deployment is an empty object",
        "C15",
        unchanged(OLD),
        git=shop(OLD),
        edits=everywhere("pending_deployment", {}),
    ),
    edited(
        "in_progress_deployment is an empty object",
        "C15",
        unchanged(OLD),
        git=shop(OLD),
        edits=everywhere("in_progress_deployment", {}),
    ),
    edited(
        "all empty objects, and the new version is unhealthy",
        "C15",
        ours(),
        edits=(*everywhere("pending_deployment", {}), Edit("app", "app.pinned_deployment", {}, since="after commit")),
        running=SICK,
    ),
    edited("pinned_deployment is null", "C15", applied(), unchanged(), edits=everywhere("pinned_deployment", None)),
    edited(
        "the update's answer names no deployment", "C33", applied(), edits=(Edit("update", "app.pending_deployment"),)
    ),
    edited(
        "the update's answer names an empty deployment",
        "C33",
        applied(),
        edits=(Edit("update", "app.pending_deployment", {}),),
    ),
    edited(
        "the deployment has no phase for a while",
        "C15",
        applied(),
        edits=(Edit("deployment", "deployment.phase", times=3),),
    ),
    edited(
        "the deployment's phase is null for a while",
        "C15",
        applied(),
        edits=(Edit("deployment", "deployment.phase", None, times=3),),
    ),
    edited(
        "no deployment says when it was created", "C15 C54", ours(), edits=of_deployments("created_at"), running=SICK
    ),
    edited(
        "no deployment says its cause",
        "C15",
        ours(),
        edits=(*of_deployments("cause_details", None), *of_deployments("cause")),
        running=SICK,
    ),
    edited(
        "no deployment has progress", "C15", ours(), stalled(), edits=of_deployments("progress", None), running=SICK
    ),
    edited("the history has no specs", "C15", ours(), edits=(Edit("deployments", "deployments.*.spec"),), running=SICK),
    edited(
        "lists have neither links nor totals",
        "C15",
        ours(),
        edits=(Edit("deployments", "links"), Edit("deployments", "meta"), Edit("apps", "links", None)),
        running=SICK,
    ),
    edited("propose answers nothing", "C15", applied(), edits=(Edit("propose", "spec"), Edit("propose", "app_cost"))),
    edited(
        "validate answers that it is valid, and null for the rest",
        "C15",
        ours(),
        edits=(Edit("validate", "error", None), Edit("validate", "warnings", None)),
        running=SICK,
    ),
    edited(
        "validate answers an undocumented code",
        "C15",
        ours(sends={"update": 2}, spec=OLD),
        edits=(Edit("validate", "valid", to=False), Edit("validate", "error", {"code": "weather"})),
        running=SICK,
    ),
    plain(
        "no revision may be rolled back to",
        "C46",
        ours(sends={"update": 2}, spec=OLD),
        switches=Switches(revisions=0),
        running=SICK,
    ),
)

BASICS = (
    plain("a new app", "C31", applied(sends={"create": 1}), unchanged(), before=()),
    plain("a new version", "C31", applied(), unchanged()),
    plain("nothing to do", "C31", unchanged(OLD), git=shop(OLD)),
    plain(
        "an encrypted value in the spec of a new app",
        "C67",
        expect(("refused", "error"), 3, says=("encrypted|ciphertext",)),
        before=(),
        git=shop(service={"envs": [{"key": "API_KEY", "value": "EV[1:bm9uY2U=:Y2lwaGVy]", "type": "SECRET"}]}),
    ),
    Scenario(
        "killed between rollback and commit",
        "C48",
        (
            Run(killed="rollback ACTIVE"),
            Run(expect("rolled_back", 4, serves=OLD, spec=OLD, sends={"commit": 1})),
            Run(stalled(), wait=600),
        ),
        running=SICK,
    ),
    Scenario(
        "killed while the deployment is watched",
        "C48",
        (Run(killed="update DEPLOYING"), Run(expect("applied", 0, serves=NEW), wait=2), Run(unchanged(), wait=600)),
    ),
)

SCENARIOS = (*ORDER, *NOT_FOUND, *FIELDS, *BASICS)
