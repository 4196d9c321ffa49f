"""`reconcile promote`: what runs healthy in one environment, into Git's files for another."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.connect import connect
from reconciler.cli.console import Console, plain, show
from reconciler.cli.options import Connection, PageOutput, SpecFlags, run_options
from reconciler.clock import SystemClock
from reconciler.environments import no_environment
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.engine.load import RunOptions
    from reconciler.engine.promotion import LeftOut, Promotion
    from reconciler.engine.workspace import Workspace


def promote(
    source: Annotated[str, Parameter(help="environment to promote from")],
    target: Annotated[str, Parameter(help="environment to promote to")],
    *apps: Annotated[str, Parameter(help="apps, by their names in the base [default: all]")],
    specs: Annotated[tuple[Path, ...], Parameter(help="files and folders of app specs [default: specs/]")] = (),
    check: Annotated[bool, Parameter(help="write nothing; exit 2 if there is something to promote")] = False,
    config: Annotated[Path | None, Parameter(help="reconcile.yaml")] = None,
    var: Annotated[tuple[str, ...], Parameter(help="NAME=VALUE of a declared variable")] = (),
    connection: Connection = Connection(),
    output: PageOutput = PageOutput(),
) -> int:
    """Write the tags, digests and commits that run healthy in one environment into Git's files for another.

    Only what is active there, held its soak and did not fail in a newer deployment. Only the bytes of those values
    change, and only if nothing else does in any environment. Then the plan of the other environment is shown. Nothing
    is committed, pushed or applied.
    """
    import asyncio

    from reconciler.cli.environments import connection_of
    from reconciler.engine.workspace import Workspace

    options = run_options(specs, SpecFlags(config=config, var=var))
    workspace = Workspace(options)
    _check_names(workspace, source, target)
    console = Console.of(output, vital=True)
    here = connection_of(connection, replace(options, environment=source))
    kept, left = asyncio.run(_found(workspace, (source, target), apps, here, console))
    _show(kept, left, console)
    if not kept:
        show(f"nothing to promote from {source} to {target}")
    if check or not kept:
        return Exit.DIFFERENCES if check and kept else Exit.OK
    workspace.write()
    named = frozenset(one.app for one in kept)
    return _plan(replace(options, environment=target, apps=named), connection, console)


def _check_names(workspace: "Workspace", source: str, target: str) -> None:
    """Refuse names of environments that there are not.

    Raises:
        UsageError: one of them is none, or they are the same.
    """
    known = workspace.config().config.environments
    for name in (source, target):
        if name not in known:
            raise no_environment(name, known)
    if source == target:
        raise UsageError("both environments are the same")


def _show(kept: "Sequence[Promotion]", left: "Sequence[LeftOut]", console: Console) -> None:
    for one in left:
        show(plain(console.redact(f"{'/'.join((one.app, *one.path))} left as it is: {one.why}")))
    for each in kept:
        change = f"{each.before} → {each.after}"
        show(plain(console.redact(f"{'/'.join((each.app, *each.path))} {change}  ({each.place})")))


async def _found(
    workspace: "Workspace",
    environments: tuple[str, str],
    apps: tuple[str, ...],
    connection: Connection,
    console: Console,
) -> "tuple[list[Promotion], list[LeftOut]]":
    from reconciler.engine import promotion

    for name in environments:  # what is secret in either is never shown
        loaded, sources = workspace.environment(name)
        console.keep_secret(sources.tokens.union(*(app.secrets for app in loaded.apps)))
    async with connect(connection, console.waiting) as client:
        return await promotion.found(client, workspace, environments, apps, SystemClock().now())


def _plan(options: "RunOptions", connection: Connection, console: Console) -> int:
    """Show what an apply of the changed files would do."""
    import asyncio

    from reconciler.cli.environments import connection_of
    from reconciler.cli.observing import report_plan
    from reconciler.cli.run import CommandLine, shown_plan
    from reconciler.engine import safety
    from reconciler.engine.apply import run

    here = connection_of(connection, options)
    planned = asyncio.run(run(options, CommandLine(console, here), SystemClock())).planned
    report_plan(planned)
    report = shown_plan(planned, console, here)
    show("")
    console.plan(report)
    return safety.of_plan(report, differences_matter=False)
