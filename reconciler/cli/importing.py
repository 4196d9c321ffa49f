"""`reconcile import`: live apps as spec files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.connect import connect
from reconciler.cli.console import Console, plain, redactor, say
from reconciler.cli.options import Connection, SpecFlags, run_options
from reconciler.cli.status import chosen_apps
from reconciler.errors import InvalidInput, UsageError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.engine.overlay_import import OverlayImporter
    from reconciler.engine.workspace import Workspace
    from reconciler.findings import Finding
    from reconciler.live.models import LiveApp

DEFAULT_FOLDER = Path("specs")


def import_(
    *apps: Annotated[str, Parameter(help="names of live apps")],
    into: Annotated[Path, Parameter(help="folder of specs")] = DEFAULT_FOLDER,
    all: Annotated[bool, Parameter(help="every live app")] = False,  # noqa: A002  the flag's own name
    config: Annotated[Path | None, Parameter(help="reconcile.yaml, for variables and ignored paths")] = None,
    env: Annotated[str, Parameter(help="environment of reconcile.yaml: into its overlays, or the base")] = "",
    connection: Connection = Connection(),
) -> int:
    """Write specs from live apps. Afterwards `reconcile --plan` shows them in sync.

    If an app already has a spec in the folder, only what differs is written to that file; the rest of it, comments and
    order included, stays. Secrets stay as ciphertext, which only works in that app.
    """
    if apps and all:
        raise UsageError("--all cannot be combined with app names", hint="reconcile import --all")
    if not apps and not all:
        raise UsageError("name the apps to import, or use --all", hint="for example: reconcile import web api")
    import asyncio

    if env:
        return _into_environment(apps, env, SpecFlags(config=config, env=env), into, connection)
    console = Console()
    chosen = asyncio.run(_chosen(apps, connection, console))
    if not chosen:
        console.out("no apps")
        return Exit.OK
    from reconciler.engine.importing import Importer

    importer = Importer.read(into, run_options((into,), SpecFlags(config=config)))
    console.keep_secret(importer.secrets)
    written = 0
    wrong: list[InvalidInput] = []
    for app in chosen:
        try:
            done = importer.write(app)
        except InvalidInput as error:
            wrong.append(error)
            continue
        written += done.changed
        console.out(plain(f"{app.name}: {f'written to {done.file}' if done.changed else f'{done.file} unchanged'}"))
        if done.odd:
            from reconciler.views import lines

            say(redactor()(lines.findings(done.odd)))
    if wrong:
        raise InvalidInput([finding for error in wrong for finding in error.findings])
    return Exit.OK


def _into_environment(apps: tuple[str, ...], env: str, source: SpecFlags, specs: Path, connection: Connection) -> int:
    """Import live apps of an environment, by their names there or in the base."""
    import asyncio

    from reconciler.cli.environments import connection_of
    from reconciler.engine.load import entered
    from reconciler.engine.workspace import Workspace

    console, options = Console(), run_options((specs,), source)
    entered(options)  # refuses an unknown environment
    workspace = Workspace(options)
    loaded, sources = workspace.environment(env)
    console.keep_secret(sources.tokens.union(*(app.secrets for app in loaded.apps)))
    names = {app.base: app.name for app in loaded.apps}
    chosen = tuple(names.get(name, name) for name in apps)
    live = asyncio.run(_chosen(chosen, connection_of(connection, options), console))
    wrong = _import_all(workspace, env, [app for app in live if apps or app.name in names.values()], console)
    if wrong:
        raise InvalidInput(wrong)
    return Exit.OK


def _import_all(workspace: Workspace, env: str, live: Sequence[LiveApp], console: Console) -> list[Finding]:
    """Import the apps and write what changed; returns why some were not imported."""
    from reconciler.engine.overlay_import import OverlayImporter

    importer = OverlayImporter(workspace, env)
    wrong: list[Finding] = []
    for app in live:
        done, found = _imported(importer, app)
        wrong += found
        console.out(plain(f"{app.name}: {done}"))
    workspace.write()
    return wrong


def _imported(importer: OverlayImporter, app: LiveApp) -> tuple[str, Sequence[Finding]]:
    """What became of one app, and why it was not imported."""
    try:
        changed = importer.imported(app)
    except InvalidInput as error:
        return "not imported", error.findings
    return f"written to {', '.join(changed)}" if changed else "unchanged", ()


async def _chosen(names: tuple[str, ...], connection: Connection, console: Console) -> list[LiveApp]:
    async with connect(connection, console.waiting) as client:
        return await chosen_apps(client, names)
