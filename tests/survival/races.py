"""Races: somebody else acts right before any request of a run, or a second run goes on beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.survival.environment import Environment, Run, pushed, tag_of
from tests.survival.matrix import clean_runs, plain, quiet_after, writes
from tests.survival.people import DEEDS, THEIRS
from tests.survival.scenarios import NEW, OLD, Scenario, by_name, ciphertext, secrets, violations


@dataclass(frozen=True)
class Raced:
    """A run that somebody got in the way of. ``wrong`` is what does not hold."""

    scenario: str
    deed: str
    at: int
    request: str
    outcome: str
    reason: str
    wrong: tuple[str, ...]


def meddled(scenario: Scenario, deed: str, at: int) -> tuple[Environment, Run, list[str]]:
    """A run in which somebody acts right before request ``at``; what was there then, as versions, newest first."""
    environment = scenario.begin()
    return environment, *_meddled(environment, deed, at)


def _meddled(environment: Environment, deed: str, at: int) -> tuple[Run, list[str]]:
    tap = environment.tap()

    async def act() -> None:
        await environment.asking(lambda client: DEEDS[deed](environment, client))

    tap.meddle_at, tap.meddle = at, act
    run = environment.clock.run(environment.running(tap))
    return run, [request for request in run.sent[at:] if writes(request)]


def raced(scenario: Scenario, deed: str, at: int) -> Raced:
    """One race, and what must hold right after it and after the clean runs that follow."""
    with scenario.begin() as environment:
        known = secrets(environment)
        run, ours = _meddled(environment, deed, at)
        wrong = [f"no report: {run.error or 'died'}"] if run.report is None else []
        record = run.report.records[0] if run.report else None
        reason = record.outcome.reason if record else ""
        if "a bug in reconciler" in reason:
            wrong.append(reason)
        request = run.sent[at] if at < len(run.sent) else "nothing any more"
        seen = at == 0 or at >= len(run.sent) or writes(request)  # seen from the start, or not to be seen in time
        if not seen:
            wrong += _respected(environment, deed, run, ours)
        wrong += _afterwards(scenario, environment, deed, known)
        told = record.outcome.kind.value if record else "none"
        return Raced(scenario.name, deed, at, request, told, reason, tuple(wrong))


def _respected(environment: Environment, deed: str, run: Run, ours: list[str]) -> list[str]:
    """Right after the run: what somebody else did still stands, and nothing was sent against it."""
    app = next((found for found in environment.apps() if found.name == "web"), None)
    match deed:
        case "deletes" if run.sent:
            return ["deleted, and made again"] if app and run.kind("web") != "applied" else []
        case "edits" | "creates":
            written_over = app is not None and tag_of(app.spec) != THEIRS
            happened = written_over and any(tag_of(made.spec) == THEIRS for made in environment.deployments(app))
            return [f"their version was written over by {ours}"] if happened else []
        case "pins":
            by = app.pinned_deployment if app else None
            made = [each for each in environment.deployments(app) if each.is_rollback] if app else []
            others = [each for each in made if each.user and each.user.uuid != _us(environment)]
            return ["their pin is gone"] if others and (by is None or by.id != others[0].id) else []
        case _:
            return []


def _us(environment: Environment) -> str:
    from reconciler.sandbox.simulation.running import user_of

    return user_of("run")["uuid"]


def _afterwards(scenario: Scenario, environment: Environment, deed: str, known: dict[str, str]) -> list[str]:
    """After clean runs: Git's version or the last good one again, unless somebody pinned the app."""
    environment.wait(120)
    runs = clean_runs(environment)
    found = quiet_after(runs)
    environment.wait(120)
    apps = environment.apps()
    if any(app.pinned_deployment for app in apps):
        if runs[-1].code != 5:
            found.append(f"pinned, and exit {runs[-1].code}")
        return found
    if [app.name for app in apps] != ["web"]:
        return [*found, f"apps {sorted(app.name for app in apps)}"]
    [web] = apps
    serves = web.active_deployment
    # who makes the app anew leaves nothing to go back to; who cancels what takes it back is told, and wants it so
    excused = runs[-1].code == 5 or (deed == "cancels" and runs[-1].code == 6)
    if serves is not None and not environment.healthy(web) and not excused:
        found.append("unhealthy")
    if runs[-1].code == 0 and (serves is None or tag_of(serves.spec) != tag_of(scenario.wanted[0])):
        found.append("exit 0 without Git's version")
    if runs[-1].code not in (0, 4, 5, 6):
        found.append(f"exit {runs[-1].code}")
    secret = ciphertext(web.spec)
    if not secret.startswith("EV[") or (deed != "deletes" and secret != known.get("web", secret)):
        found.append("the secret is another")
    return found


def on_push(name: str) -> Scenario:
    """A scenario of one app, which deploys on push."""
    found = by_name(name)
    return replace(found, before=tuple(pushed(tag=OLD) for _ in found.before), wanted=(pushed(tag=NEW),))


def races(scenario: Scenario) -> Iterator[Raced]:
    """Every race of a scenario: everything that others may do, at every request."""
    for deed in DEEDS:
        for at in range(len(plain(scenario).sent)):
            yield raced(scenario, deed, at)


# ---- two at once --------------------------------------------------------------------------------------------------


def two_at_once(scenario: Scenario, later: float) -> tuple[Run, Run, list[str]]:
    """Two runs, the second begun ``later`` seconds after the first, on one loop; then clean ones."""
    with scenario.begin() as environment:
        known = secrets(environment)

        async def second() -> Run:
            await asyncio.sleep(later)
            return await environment.running(environment.tap())

        async def both() -> tuple[Run, Run]:
            one, other = asyncio.create_task(environment.running(environment.tap())), asyncio.create_task(second())
            return await one, await other

        one, other = environment.clock.run(both())
        runs = clean_runs(environment)
        wrong = quiet_after(runs)
        environment.wait(120)
        wrong += violations(scenario, environment, runs[-1].code, known, plain(scenario).deployments)
        for run in (one, other):
            if run.report is None:
                wrong.append(f"no report: {run.error}")
            elif any("a bug in reconciler" in record.outcome.reason for record in run.report.records):
                wrong.append(run.report.records[0].outcome.reason)
        return one, other, wrong
