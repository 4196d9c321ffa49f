"""What others do to an app while a run is under way: through the API, past the reconciler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from reconciler.errors import Conflict, Rejected
from reconciler.live.client import Client
from tests.survival.environment import Environment, retagged, web

Deed = Callable[[Environment, Client], Awaitable[Any]]

THEIRS = "9.9"
"""The version that somebody else deploys."""


async def _app(client: Client, name: str = "web") -> Any:
    return await client.find_app(name)


async def edits(environment: Environment, client: Client) -> None:
    """Deploys another version."""
    if app := await _app(client):
        await client.update_app(app.id, retagged(app.spec, THEIRS))


async def deploys(environment: Environment, client: Client) -> None:
    """Presses the button: the app's spec, whatever it is, once more."""
    if app := await _app(client):
        await client.create_deployment(app.id)


async def deletes(environment: Environment, client: Client) -> None:
    if app := await _app(client):
        await client.delete_app(app.id)


async def pins(environment: Environment, client: Client) -> None:
    """Rolls back to the oldest deployment that can be rolled back to, and leaves it pinned."""
    if app := await _app(client):
        for deployment in reversed(await client.list_deployments(app.id)):
            if (await client.validate_rollback(app.id, deployment.id)).valid:
                await client.roll_back(app.id, deployment.id)
                return


async def cancels(environment: Environment, client: Client) -> None:
    app = await _app(client)
    if app and app.running_deployment:
        await client.cancel_deployment(app.id, app.running_deployment.id)


async def creates(environment: Environment, client: Client) -> None:
    """Makes an app of the same name, with another version."""
    if await _app(client) is None:
        await client.create_app(web(tag=THEIRS))


async def pushes(environment: Environment, client: Client) -> None:
    """Pushes to the repository or the registry that the app deploys from."""
    if await _app(client) is not None:
        environment.box.push("web")


def careless(deed: Deed) -> Deed:
    """The same by somebody who is told off when the app is pinned, and leaves it at that."""

    async def told_off(environment: Environment, client: Client) -> None:
        try:
            await deed(environment, client)
        except (Conflict, Rejected):
            return

    return told_off


DEEDS: dict[str, Deed] = {
    deed.__name__: careless(deed) for deed in (edits, deploys, deletes, pins, cancels, creates, pushes)
}
"""What others may do, by its name."""
