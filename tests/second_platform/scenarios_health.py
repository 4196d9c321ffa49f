"""Health and probes (C57 to C60), what comes after exit 5 (C61), the token (C63), and answers without bound."""

from __future__ import annotations

from typing import Any

from tests.second_platform.mischief import Edit, Trouble
from tests.second_platform.model import Running, Switches
from tests.second_platform.scenario import (
    ANY,
    NEW,
    OLD,
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

SICK = Running(f"update {NEW}", ((0, "HEALTHY"), (5, "UNHEALTHY")))
NOT_KNOWN = ("timed_out", "unconfirmed")

NO_HEALTH = ("no health",)
"""Words for an app of which nothing reports a health: "no sign of trouble; the platform reports no health"."""

CLAIMS = (r"healthy for \d", "is healthy")
"""Claims that need evidence."""


def probing(**probe: Any) -> dict[str, Any]:
    return {"health": {"probe": {"path": "/", **probe}}}


def probed(name: str, cases: str, *expected: Any, **more: Any) -> Scenario:
    return Scenario(name, cases, runs(*expected), **{"policy": probing(), **more})


def answering(of: str, *answers: tuple[float, int], body: str = "hello") -> Running:
    return Running(of, answers=answers, body=body)


UNSENDABLE = expect("error", 3, serves=OLD, probes=0, says=("probe|header|path",))

PROBES = (
    probed("the probe succeeds", "C57", applied(probes=(10, 40)), unchanged()),
    probed("the probe succeeds after a while", "C57", applied(), running=(answering(NEW, (0, 503), (20, 200)),)),
    probed(
        "the probe fails on the new version alone",
        "C57",
        ours(),
        stalled(),
        running=(answering(f"update {NEW}", (0, 500)),),
    ),
    probed(
        "the probe fails after it succeeded",
        "C57",
        ours(),
        running=(answering(f"update {NEW}", (0, 200), (10, 502)),),
    ),
    probed(
        "the probe fails on the version before as well",
        "C57",
        expect(("applied", *NOT_KNOWN), (0, 1), serves=NEW, spec=NEW, sends={"update": 1}, says=("probe",)),
        running=(answering("", (0, 404)),),
    ),
    probed(
        "the probe fails on both, and a component is unhealthy",
        "C57",
        expect(
            ("rolled_back", "rollback_failed"),
            (4, 5),
            pinned=None,
            serves=OLD,
            sends={"update": 1, "rollback": 1, "commit": ANY},
        ),
        running=(Running(f"update {NEW}", SICK.health, ((0, 404),)), answering("", (0, 404))),
    ),
    probed(
        "the app's address refuses connections, before as well",
        "C57",
        expect(NOT_KNOWN, 1, serves=NEW, spec=NEW, sends={"update": 1}),
        running=(answering("", (0, 0)),),
    ),
    probed(
        "the app's address refuses connections",
        "C57",
        expect(NOT_KNOWN, 1, serves=NEW, spec=NEW, sends={"update": 1}),
        running=(answering(f"update {NEW}", (0, 0)),),
    ),
    probed(
        "the app has no live URL",
        "C57",
        expect(NOT_KNOWN, 1, serves=NEW, spec=NEW, sends={"update": 1}, says=("URL|address",)),
        switches=Switches(live_url=False),
    ),
    probed(
        "a header of the probe has a line break in it", "C57", UNSENDABLE, policy=probing(headers={"X-Key": "one\ntwo"})
    ),
    probed("a header of the probe is not ASCII", "C57", UNSENDABLE, policy=probing(headers={"X-Kéy": "one"})),
    probed("a path of the probe has a control character in it", "C57", UNSENDABLE, policy=probing(path="/health\x00z")),
    probed(
        "an app in maintenance is not probed",
        "C58",
        applied(probes=0),
        git=shop(maintenance={"enabled": True}),
        running=(answering(NEW, (0, 503)),),
    ),
    probed(
        "an archived app is not probed",
        "C58",
        applied(probes=0),
        start=shop(OLD, maintenance={"archive": True}),
        git=shop(maintenance={"archive": True}),
        running=(Running("", ((0, ""),), ((0, 503),)),),
    ),
    probed(
        "a regular expression that never ends",
        "C59",
        expect(("applied", *NOT_KNOWN, "error"), (0, 1, 3), sends={"update": (0, 1)}),
        policy=probing(body="(a+)+$"),
        running=(answering("", (0, 200), body="a" * 40 + "!"),),
    ),
)


def unhealthy(name: str, cases: str, expected: Any, *health: tuple[float, str], **more: Any) -> Scenario:
    return Scenario(name, cases, runs(expected), running=(Running(f"update {NEW}", health),), **more)


HEALTH = (
    unhealthy("unhealthy from the start", "C60", ours(), (0, "UNHEALTHY")),
    unhealthy("unhealthy for a moment", "C60", applied(), (0, "HEALTHY"), (8, "UNHEALTHY"), (16, "HEALTHY")),
    unhealthy(
        "unhealthy again and again, each time for a moment",
        "C60",
        ours(),
        *((second, "UNHEALTHY" if second % 20 else "HEALTHY") for second in range(0, 600, 10)),
    ),
    unhealthy("every state is unknown", "C60", applied(says=NO_HEALTH, never=CLAIMS), (0, "UNKNOWN")),
    unhealthy("no component is reported", "C60", applied(says=NO_HEALTH, never=CLAIMS), (0, "")),
    Scenario(
        "health is 404", "C60", runs(applied(says=NO_HEALTH, never=CLAIMS)), troubles=(Trouble("health", 404, times=0),)
    ),
    Scenario(
        "health is an empty object",
        "C60",
        runs(applied(says=NO_HEALTH, never=CLAIMS)),
        edits=(Edit("health", "app_health", {}),),
    ),
    Scenario(
        "health is null",
        "C60",
        runs(applied(says=NO_HEALTH, never=CLAIMS)),
        edits=(Edit("health", "app_health", None),),
    ),
    Scenario(
        "an undocumented state",
        "C60",
        runs(applied(says=NO_HEALTH, never=CLAIMS)),
        edits=(Edit("health", "app_health.components.*.state", "SLEEPING"),),
    ),
    Scenario(
        "another component is unhealthy",
        "C60",
        runs(applied()),
        edits=(
            Edit("health", "app_health.components.*.name", "removed"),
            Edit("health", "app_health.components.*.state", "UNHEALTHY"),
        ),
    ),
    unhealthy(
        "an unknown state is waited for, as the policy asks",
        "C60",
        expect(NOT_KNOWN, 1, serves=NEW, sends={"update": 1}),
        (0, "UNKNOWN"),
        policy={"health": {"unknown": "wait"}},
    ),
    Scenario(
        "our rollback is unhealthy as well",
        "C61",
        runs(
            expect(
                "rollback_failed", 5, pinned=True, serves=OLD, sends={"update": 1, "rollback": 1}, says=("unhealthy",)
            ),
            expect("blocked", 5, pinned=True, says=("unhealthy",), never=("is judged and committed",)),
        ),
        running=(Running("rollback", ((0, "UNHEALTHY"),)), SICK),
    ),
    Scenario(
        "a plan after our rollback was unhealthy as well",
        "C61",
        (
            Run(expect("rollback_failed", 5, pinned=True, sends={"update": 1, "rollback": 1})),
            Run(
                expect("plan", (0, 5), pinned=True, says=("unhealthy",), never=("is judged and committed",)),
                wait=60,
                command="plan",
            ),
        ),
        running=(Running("rollback", ((0, "UNHEALTHY"),)), SICK),
    ),
)

FAR = {"ratelimit-remaining": "0", "ratelimit-reset": "4102444800"}
"""No requests left until the year 2100."""

SKEWED = {"ratelimit-remaining": "0", "ratelimit-reset": "1772406000"}
"""No requests left for hours, by a clock that is not ours."""

BOUNDED = expect(("applied", "timed_out", "failed", "unconfirmed"), (0, 1), sends={"update": (0, 1)}, within=3900)


def bounded(name: str, cases: str, expected: Any, *troubles: Trouble, **more: Any) -> Scenario:
    return Scenario(name, cases, runs(expected), troubles=troubles, **more)


BOUNDS = (
    bounded("the deployment's answer has no end", "C37", applied(), Trouble("deployment", how="huge")),
    bounded(
        "the deployment's answer has no end once it is unzipped", "C37", applied(), Trouble("deployment", how="bomb")
    ),
    bounded("the list of apps has no end", "C37", expect("error", 1, serves=OLD), Trouble("apps", how="huge", times=0)),
    bounded("an error without end", "C37", BOUNDED, Trouble("health", how="bomb")),
    Scenario(
        "the list of apps has pages without end",
        "C37",
        runs(expect("error", 1, serves=OLD, within=3600)),
        edits=(
            Edit("apps", "links.pages", {"next": "https://api.platform.example/v2/apps?page=2"}),
            Edit("apps", "meta.total", 99999999),
        ),
    ),
    Scenario(
        "the list of deployments has pages without end",
        "C37",
        runs(ours(within=3600)),
        edits=(
            Edit("deployments", "links.pages", {"next": "https://api.platform.example/v2/apps?page=2"}),
            Edit("deployments", "meta.total", 99999999),
        ),
        running=(SICK,),
    ),
    bounded("the budget's reset is years away", "C37", BOUNDED, Trouble("deployment", 200, headers=FAR)),
    bounded(
        "the budget's reset is years away, and the update is refused",
        "C37",
        expect(("applied", "failed"), (0, 1), sends={"update": (1, 9)}, within=7200),
        Trouble("update", 429, headers=FAR),
    ),
    bounded(
        "the budget's reset is by a skewed clock",
        "C37",
        BOUNDED,
        Trouble("deployment", 200, headers={**SKEWED, "date": "Sun, 01 Mar 2026 10:00:00 GMT"}),
    ),
    bounded(
        "a pause of an hour after 429", "C37", BOUNDED, Trouble("deployment", 429, headers={"retry-after": "3600"})
    ),
    bounded(
        "429 for ever while the deployment is watched",
        "C37",
        expect(("failed", "timed_out", "unconfirmed"), 1, sends={"update": 1}, within=7200),
        Trouble("deployment", 429, times=0, headers={"retry-after": "5"}),
    ),
)

TOKEN = (
    Scenario(
        "the token is declared as a variable",
        "C63",
        runs(expect("error", (3, 64), serves=OLD, says=("DIGITALOCEAN_TOKEN",))),
        git=shop(service={"envs": [{"key": "KEY", "value": "${DIGITALOCEAN_TOKEN}"}]}),
        config={"variables": [{"name": "DIGITALOCEAN_TOKEN"}]},
    ),
    Scenario(
        "the token is declared as a secret variable",
        "C63",
        runs(expect("error", (3, 64), serves=OLD, says=("DIGITALOCEAN_TOKEN",))),
        git=shop(service={"envs": [{"key": "KEY", "value": "${DIGITALOCEAN_TOKEN}", "type": "SECRET"}]}),
        config={"variables": [{"name": "DIGITALOCEAN_TOKEN", "secret": True}]},
    ),
    Scenario(
        "an error of the platform quotes the token",
        "C63",
        runs(expect("failed", 1, serves=OLD, sends={"update": 1})),
        troubles=(Trouble("update", 403, message="the token dop_v1_5ec0nd may not update"),),
    ),
)

SCENARIOS = (*PROBES, *HEALTH, *BOUNDS, *TOKEN)
