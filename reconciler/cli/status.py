"""`reconcile status`: shows the state of apps on App Platform."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from reconciler.cli.connect import Suggestions, connect
from reconciler.cli.console import Console
from reconciler.cli.options import API_URL, OUTPUT, POSITIVE, Color, Connection, EnvironmentName, LogFormat
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.config import Config
    from reconciler.live.client import Client
    from reconciler.live.models import Health, LiveApp
    from reconciler.views.app_status import AppStatus

HISTORY = 20
"""How many deployments are read where something failed, to see what became of it."""

HEALTH_OF = 100
"""The largest fleet whose health is read app by app: the API allows 250 requests a minute."""


@Parameter(name="*")
@dataclass(frozen=True)
class StateOutput:
    """How the state is shown."""

    format: Annotated[Literal["text", "json"], Parameter(group=OUTPUT, help="json: for programs")] = "text"
    color: Color = "auto"
    log_format: LogFormat = "text"


def status(
    *apps: Annotated[str, Parameter(help="names of apps [default: all]")],
    deployments: Annotated[int, Parameter(validator=POSITIVE, help="number of deployments to show per app")] = 5,
    watch: Annotated[bool, Parameter(help="refresh until Ctrl-C")] = False,
    interval: Annotated[int, Parameter(validator=POSITIVE, help="with --watch: seconds between refreshes")] = 10,
    config: Annotated[
        Path | None, Parameter(help="reconcile.yaml, for freeze windows and timeouts [default: the nearest]")
    ] = None,
    env: EnvironmentName = "",
    connection: Connection = Connection(),
    output: StateOutput = StateOutput(),
) -> int:
    """Show the state of apps: their health, what is active and pinned, their last deployments, who made them and why.

    A line for each app if they are more than three.
    """
    if watch and not (output.format == "text" and sys.stdout.isatty()):
        raise UsageError("--watch needs a terminal", hint="without a terminal, run reconcile status when needed")
    import asyncio

    from reconciler.cli.environments import in_environment

    connection, file, named = in_environment(env, config, connection)
    screen = _Screen(Console(output.format, color=output.color, vital=True), file.config, connection, deployments)
    return asyncio.run(_status(screen, tuple(map(named, apps)), interval if watch else 0))


async def _status(screen: _Screen, apps: tuple[str, ...], interval: int) -> int:
    """Show the apps, once or every ``interval`` seconds until interrupted."""
    async with connect(screen.connection, screen.console.waiting) as client:
        while True:
            chosen = await chosen_apps(client, apps)
            screen.show(await _look(client, chosen, screen, brief=interval > 0), redraw=interval > 0)
            if not interval:
                return Exit.PERSON_NEEDED if any(app.pinned_deployment for app in chosen) else Exit.OK
            await SystemClock().sleep(interval)


async def chosen_apps(client: Client, names: tuple[str, ...]) -> list[LiveApp]:
    """The apps of those names, each once; all of them, by name, without names.

    Raises:
        UsageError: there is no such app.
    """
    fleet = {app.name: app for app in await client.list_apps()}
    for name in names:
        if name not in fleet:
            raise UsageError(f"no such app: {name}", hint=did_you_mean(name, fleet))
    return [fleet[name] for name in dict.fromkeys(names or sorted(fleet))]


class _Screen:
    """Where the state of apps is shown, and how much of it."""

    def __init__(self, console: Console, config: Config, connection: Connection, shown: int) -> None:
        self.console, self.config, self.connection, self.shown = console, config, connection, shown

    def show(self, found: Sequence[AppStatus], *, redraw: bool) -> None:
        """Print them, over what was shown before if it is drawn again."""
        from reconciler.plan.guard import frozen
        from reconciler.views import status as view
        from reconciler.views.markup import console_url

        console, now = self.console, SystemClock().now()
        freeze = frozen(self.config.freeze, now)
        if console.format == "json":
            real = not self.connection.sandbox and self.connection.api_url == API_URL
            link = console_url if real else lambda _app: ""
            console.out(view.machine(found, console.redact.within, freeze=freeze, console=link, shown=self.shown))
            return
        text = view.status(
            found,
            now=now,
            color=console.color,
            width=console.width,
            flags=Suggestions.of(self.connection).flags,
            freeze=freeze,
            shown=self.shown,
        )
        text = console.redact(text) or "no apps"
        console.out(f"{_CLEAR}{text}\n\n{now:%H:%M:%S} UTC, Ctrl-C ends" if redraw else text)


_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""Moves to the top of an empty terminal (ECMA-48: CUP, ED)."""


async def _look(client: Client, chosen: Sequence[LiveApp], screen: _Screen, *, brief: bool) -> list[AppStatus]:
    """What there is to show of the apps: of a fleet that is watched, no more than their listing holds."""
    import asyncio

    from reconciler.views.app_status import AppStatus
    from reconciler.views.status import DETAILED

    detailed = len(chosen) <= DETAILED or screen.console.format == "json"

    async def one(app: LiveApp) -> AppStatus:
        policy = screen.config.policy(app.name)
        if not detailed and brief:
            return AppStatus(app, policy=policy)
        noted = detailed or _is_noted(app)
        limit = max(HISTORY, screen.shown)
        found = await client.list_deployments(app.id, limit=limit) if noted else ()
        health = await _health(client, app) if noted or len(chosen) <= HEALTH_OF else None
        return AppStatus(app, found, health, policy)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(app)) for app in chosen]
    return [task.result() for task in tasks]


def _is_noted(app: LiveApp) -> bool:
    """Whether the listing shows that something happened to an app which its deployments explain."""
    from reconciler.plan.platform import failed_since

    active = app.active_deployment
    return bool(app.pinned_deployment or active is None or active.is_rollback or failed_since(app))


async def _health(client: Client, app: LiveApp) -> Health | None:
    from reconciler.errors import LiveError

    try:
        return await client.health(app.id) if app.active_deployment else None
    except LiveError:  # health is optional here: not every token may read it, not every app has it
        return None
