"""`reconcile status`: shows the state of apps on App Platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.console import Console
from reconciler.cli.options import POSITIVE, Connection, EnvironmentName, Output, Suggestions, connect
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.text import did_you_mean

if TYPE_CHECKING:
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp
    from reconciler.views.status import AppStatus


def status(
    *apps: Annotated[str, Parameter(help="names of apps [default: all]")],
    deployments: Annotated[int, Parameter(validator=POSITIVE, help="number of deployments to show for each")] = 5,
    env: EnvironmentName = "",
    connection: Connection = Connection(),
    output: Output = Output(),
) -> int:
    """Show the state of apps: what is active and pinned, their last deployments, who made them and why."""
    if output.format in ("markdown", "sarif"):
        raise UsageError(f"--format {output.format} is not available for status", hint="use text or json")
    import asyncio

    if env:
        from reconciler.cli.environments import in_environment

        connection, _, named = in_environment(env, None, connection)
        apps = tuple(map(named, apps))
    return asyncio.run(_status(apps, deployments, connection, Console.of(output, vital=True)))


async def _status(apps: tuple[str, ...], deployments: int, connection: Connection, console: Console) -> int:
    import asyncio

    from reconciler.views import status as view

    async with connect(connection, console.waiting) as client:
        chosen = await chosen_apps(client, apps)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_look(client, app, deployments)) for app in chosen]
    found = [task.result() for task in tasks]
    if console.format == "json":
        console.out(view.machine(found, console.redact.within))
    else:
        flags, now = Suggestions.of(connection).flags, SystemClock().now()
        shown = view.status(found, now=now, color=console.color, width=console.width, flags=flags)
        console.out(console.redact(shown) or "no apps")
    return Exit.PERSON_NEEDED if any(app.pinned_deployment for app in chosen) else Exit.OK


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


async def _look(client: Client, app: LiveApp, limit: int) -> AppStatus:
    from reconciler.errors import LiveError
    from reconciler.views.status import AppStatus

    found = await client.list_deployments(app.id, limit=limit)
    try:
        health = await client.health(app.id) if app.active_deployment else None
    except LiveError:  # health is optional here: not every token may read it, not every app has it
        health = None
    return AppStatus(app, found, health)
