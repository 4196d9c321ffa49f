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
    from collections.abc import Mapping, Sequence

    from reconciler.engine.importing import Importer
    from reconciler.engine.load import RunOptions
    from reconciler.engine.overlay_import import OverlayImporter
    from reconciler.engine.workspace import Workspace
    from reconciler.findings import Finding
    from reconciler.live.models import Alert, LiveApp

DEFAULT_FOLDER = Path("specs")


def import_(
    *apps: Annotated[str, Parameter(help="names of live apps")],
    into: Annotated[Path, Parameter(help="folder of specs")] = DEFAULT_FOLDER,
    all: Annotated[bool, Parameter(help="every live app")] = False,  # noqa: A002  the flag's own name
    config: Annotated[Path | None, Parameter(help="reconcile.yaml, for variables and ignored paths")] = None,
    env: Annotated[str, Parameter(help="environment of reconcile.yaml: into its overlays, or the base")] = "",
    var: Annotated[tuple[str, ...], Parameter(help="NAME=VALUE of a declared variable")] = (),
    alerts: Annotated[
        bool, Parameter(help="also write who is notified of alerts into reconcile.yaml: a request more for each app")
    ] = False,
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

    source = SpecFlags(config=config, env=env, var=var)
    if env:
        return _into_environment(apps, source, into, connection, alerts=alerts)
    console = Console()
    chosen, recipients = asyncio.run(_chosen(apps, connection, console, alerts=alerts))
    if not chosen:
        console.out("no apps")
        return Exit.OK
    from reconciler.engine.importing import Importer

    importer = Importer.read(into, run_options((into,), source))
    console.keep_secret(importer.secrets)
    previews = [app for app in chosen if all and importer.is_preview(app)]
    for app in previews:
        console.out(plain(f"{app.name}: not imported, as it is a preview"))
    imported, problems = _import_each(importer, [app for app in chosen if app not in previews], console)
    found = {importer.name_in_git(app.name): recipients[app.id] for app in imported if alerts}
    problems += _import_alerts(found, importer.options, into, console)
    if problems:
        raise InvalidInput(problems)
    return Exit.OK


def _import_each(importer: Importer, live: Sequence[LiveApp], console: Console) -> tuple[list[LiveApp], list[Finding]]:
    """Import the apps, each into its file; returns those that were, and why the others were not."""
    from reconciler.views import lines

    imported: list[LiveApp] = []
    wrong: list[Finding] = []
    for app in live:
        try:
            done = importer.write(app)
        except InvalidInput as error:
            wrong += error.findings
            continue
        imported.append(app)
        console.out(plain(f"{app.name}: {f'written to {done.file}' if done.changed else f'{done.file} unchanged'}"))
        if done.odd:
            say(redactor()(lines.findings(done.odd)))
    return imported, wrong


def _import_alerts(
    recipients: Mapping[str, Sequence[Alert]], options: RunOptions, specs: Path, console: Console, env: str = ""
) -> list[Finding]:
    """Import who is notified of the alerts of apps, by their names in Git; returns why some were not imported."""
    if not recipients:
        return []
    from reconciler.engine.alert_import import AlertImporter
    from reconciler.views import lines

    hooks = (hook for found in recipients.values() for alert in found for hook in alert.slack_webhooks)
    console.keep_secret(frozenset(hook.url for hook in hooks))
    importer = AlertImporter(specs, options, env)
    wrong: list[Finding] = []
    for name, alerts in recipients.items():
        try:
            file, changed, notes = importer.write(name, alerts)
        except InvalidInput as error:
            wrong += error.findings
            continue
        done = f"written to {file}" if changed else f"unchanged in {file}"
        console.out(plain(f"{name}: alert destinations {done}"))
        if notes:
            say(redactor()(lines.findings(notes)))
    return wrong


def _into_environment(
    apps: tuple[str, ...], source: SpecFlags, specs: Path, connection: Connection, *, alerts: bool
) -> int:
    """Import live apps of an environment, by their names there or in the base."""
    import asyncio

    from reconciler.cli.environments import connection_of
    from reconciler.engine.load import entered
    from reconciler.engine.workspace import Workspace

    console, options, env = Console(), run_options((specs,), source), source.env
    entered(options)  # refuses an unknown environment
    workspace = Workspace(options)
    loaded, sources = workspace.environment(env)
    console.keep_secret(sources.tokens.union(*(app.secrets for app in loaded.apps)))
    names = {app.base: app.name for app in loaded.apps}
    chosen = tuple(names.get(name, name) for name in apps)
    live, recipients = asyncio.run(_chosen(chosen, connection_of(connection, options), console, alerts=alerts))
    here = [app for app in live if apps or app.name in names.values()]
    wrong = _import_all(workspace, env, here, console)
    wrong += _import_alerts({app.name: recipients[app.id] for app in here if alerts}, options, specs, console, env)
    if wrong:
        raise InvalidInput(wrong)
    return Exit.OK


def _import_all(workspace: Workspace, env: str, live: Sequence[LiveApp], console: Console) -> list[Finding]:
    """Import the apps and write what changed; returns why some were not imported."""
    from reconciler.engine.overlay_import import OverlayImporter

    importer = OverlayImporter(workspace, env)
    wrong: list[Finding] = []
    done: list[str] = []
    for app in live:
        what, found = _imported(importer, app)
        wrong += found
        done.append(f"{app.name}: {what}")
    workspace.write()
    for line in done:  # nothing is said to be written before it is
        console.out(plain(line))
    return wrong


def _imported(importer: OverlayImporter, app: LiveApp) -> tuple[str, Sequence[Finding]]:
    """What became of one app, and why it was not imported."""
    try:
        changed = importer.imported(app)
    except InvalidInput as error:
        return "not imported", error.findings
    return f"written to {', '.join(changed)}" if changed else "unchanged", ()


async def _chosen(
    names: tuple[str, ...], connection: Connection, console: Console, *, alerts: bool
) -> tuple[list[LiveApp], dict[str, list[Alert]]]:
    """The apps, and if they are asked for their alerts by the apps' ids."""
    async with connect(connection, console.waiting) as client:
        apps = await chosen_apps(client, names)
        return apps, {app.id: await client.list_alerts(app.id) for app in apps if alerts}
