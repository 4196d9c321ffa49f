"""What can be going on when a run dies, and what must hold once clean runs came after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.sandbox import Settings
from tests.survival.environment import SETTINGS, Account, Environment, Spec, built, tag_of, web

SETTLED = 2
"""Clean runs within which everything must be converged or reported."""

NO_REVISIONS = {"starter": 0, "basic": 0, "professional": 0}


@dataclass(frozen=True)
class Scenario:
    """``before`` is live, ``wanted`` is Git's; the deployment of ``bad`` fails in ``fails``.

    ``codes`` are the exit codes the clean runs may end with; ``ends`` the version each app must be on, "" for an app
    of which nothing is active. ``pinned``: the policy leaves it pinned.
    """

    name: str
    before: tuple[Spec, ...]
    wanted: tuple[Spec, ...]
    ends: dict[str, str]
    codes: tuple[int, ...] = (0,)
    fails: str = ""
    bad: str = "web"
    settings: Settings = SETTINGS
    config: dict[str, Any] = field(default_factory=dict)
    pinned: bool = False

    def begin(self) -> Environment:
        """The account and the repository as they are when the run that may die begins."""
        environment = Environment(self.settings, self.config)
        environment.there(*self.before)
        if self.fails:
            environment.box.fail(self.bad, self.fails)
        environment.commit(*self.wanted)
        return environment


AFTER_API: dict[str, Any] = {"apps": {"web": {"depends_on": ["api"]}}}
PIN: dict[str, Any] = {"defaults": {"on_failure": "pin", "timeouts": {"health": "2m"}, "health": {"soak": "10s"}}}
OLD, NEW = "1.26", "1.27"
BACK, GONE_BACK = (4, 6), {"web": OLD}

BASIC = (
    Scenario("create", (), (web(tag=NEW),), {"web": NEW}),
    Scenario("create fails", (), (web(tag=NEW),), {"web": ""}, (5,), "deploy"),
    Scenario("update", (web(tag=OLD),), (web(tag=NEW),), {"web": NEW}),
    Scenario("build fails", (built(tag=OLD),), (built(tag=NEW),), GONE_BACK, BACK, "build"),
    Scenario("deploy fails", (web(tag=OLD),), (web(tag=NEW),), GONE_BACK, BACK, "deploy"),
    Scenario("health fails", (web(tag=OLD),), (web(tag=NEW),), GONE_BACK, BACK, "health"),
    Scenario(
        "deploy fails, restored",
        (web(tag=OLD),),
        (web(tag=NEW),),
        GONE_BACK,
        BACK,
        "deploy",
        settings=replace(SETTINGS, revision_limits=NO_REVISIONS),
    ),
    Scenario(
        "health fails, restored",
        (web(tag=OLD),),
        (web(tag=NEW),),
        GONE_BACK,
        BACK,
        "health",
        settings=replace(SETTINGS, revision_limits=NO_REVISIONS),
    ),
    Scenario(
        "health fails, left pinned",
        (web(tag=OLD),),
        (web(tag=NEW),),
        GONE_BACK,
        (4, 5, 6),
        "health",
        config=PIN,
        pinned=True,
    ),
    Scenario(
        "two apps created in order",
        (),
        (web("api", NEW), web("web", NEW)),
        {"api": NEW, "web": NEW},
        config=AFTER_API,
    ),
    Scenario(
        "two apps updated in order",
        (web("api", OLD), web("web", OLD)),
        (web("api", NEW), web("web", NEW)),
        {"api": NEW, "web": NEW},
        config=AFTER_API,
    ),
    Scenario(
        "the first of two apps fails",
        (web("api", OLD), web("web", OLD)),
        (web("api", NEW), web("web", NEW)),
        {"api": OLD, "web": OLD},
        BACK,
        "health",
        "api",
        config=AFTER_API,
    ),
)
"""The scenarios, on a platform that behaves as records of the real one show."""

SWITCHES: tuple[dict[str, Any], ...] = (
    {"spec_reverts_on_failure": True},
    {"auto_rollback_deployment": False},
    {"spec_reverts_on_failure": True, "auto_rollback_deployment": False},
    {"auto_rollback_pins": True},
    {"auto_rollback_spec": "reverts"},
    {"rollback_changes_spec": True},
    {"commit_changes_spec": False},
    {"rollback_to_active": False},
)
"""How else a platform may behave, as far as it matters after a failure."""


def variants() -> Iterator[Scenario]:
    """The failing scenarios on platforms that behave otherwise."""
    for changes in SWITCHES:
        told = ", ".join(f"{name}={str(value).lower()}" for name, value in changes.items())
        for scenario in BASIC:
            if scenario.fails and scenario.before and len(scenario.before) == 1 and not scenario.pinned:
                yield replace(
                    scenario, name=f"{scenario.name} [{told}]", settings=replace(scenario.settings, **changes)
                )


def by_name(name: str) -> Scenario:
    return next(scenario for scenario in (*BASIC, *variants()) if scenario.name == name)


# ---- what must hold -----------------------------------------------------------------------------------------------


def ciphertext(spec: Spec) -> str:
    return str(next(env["value"] for env in spec["services"][0]["envs"] if env["key"] == "KEY"))


def secrets(environment: Account) -> dict[str, str]:
    return {app.name: ciphertext(app.spec) for app in environment.apps()}


def counts(environment: Account) -> dict[str, int]:
    return {app.name: len(environment.deployments(app)) for app in environment.apps()}


def violations(
    scenario: Scenario, environment: Account, code: int, known: dict[str, str], most: dict[str, int]
) -> list[str]:
    """What does not hold after clean runs that ended with ``code``.

    ``known`` is the ciphertext that was there before, ``most`` the deployments of a run that nobody disturbs, by app.
    """
    found = [] if code in scenario.codes else [f"exit {code}, not {scenario.codes}"]
    apps = environment.apps()
    names = sorted(app.name for app in apps)
    if names != sorted(scenario.ends):
        found.append(f"apps {names}, not {sorted(scenario.ends)}")
    for app in apps:
        name, active = app.name, app.active_deployment
        want = scenario.ends.get(name, "")
        serves = tag_of(active.spec) if active else ""
        if serves != want:
            found.append(f"{name} serves {serves or 'nothing'}, not {want or 'nothing'}")
        if active and not environment.healthy(app):
            found.append(f"{name} is unhealthy")
        if app.running_deployment is not None:
            found.append(f"{name} is still being deployed")
        if app.pinned_deployment is not None and not scenario.pinned:
            found.append(f"{name} is left pinned")
        made = len(environment.deployments(app))
        if made > most.get(name, 0) + 1:
            found.append(f"{name} has {made} deployments, not {most.get(name, 0)} and one at most")
        kept = ciphertext(app.spec)
        if kept != known.get(name, kept) or not kept.startswith("EV["):
            found.append(f"the secret of {name} is another")
    return found
