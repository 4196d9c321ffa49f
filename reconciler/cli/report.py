"""`reconcile report`: a fleet's state as one page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.connect import check_extra
from reconciler.cli.console import Console
from reconciler.cli.options import OUTPUT, POSITIVE, Connection, SpecFlags, run_options
from reconciler.clock import SystemClock
from reconciler.errors import InvalidInput, ReconcileError

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.engine.load import RunOptions
    from reconciler.engine.report import Depth, Observed
    from reconciler.views.html.model import Fleet

FILE = Path("report.html")


def report(
    *specs: Annotated[Path, Parameter(help="files and folders of app specs [default: specs/]")],
    output: Annotated[Path, Parameter(name=("--output", "-o"), group=OUTPUT, help="the file to write")] = FILE,
    open: Annotated[bool, Parameter(group=OUTPUT, help="open it in a browser")] = False,  # noqa: A002  the flag's own name
    days: Annotated[
        int | None,
        Parameter(group=OUTPUT, validator=POSITIVE, help="add figures of so many days; costs requests for each app"),
    ] = None,
    health: Annotated[
        bool, Parameter(group=OUTPUT, help="also read the health of each app; costs a request for each")
    ] = False,
    show_live_values: Annotated[
        bool, Parameter(group=OUTPUT, help="do not hide what looks like a credential, or what only live has")
    ] = False,
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
) -> int:
    """Write a page of the fleet: what differs and who made it so, what is stalled or pinned, what it costs, its past.

    Nothing is changed. One file without network, for a browser, a printer or an artifact.
    """
    check_extra("report", "jinja2")
    from reconciler.engine import safety
    from reconciler.engine.report import Depth

    console = Console(vital=True)
    options = run_options(specs, source)
    options = replace(
        options, drift=True, unmanaged=True, show_live_values=show_live_values, rehearsal=connection.sandbox
    )
    try:
        observed = [_observed(one, connection, console, Depth(days or 0, health)) for one in _each(options)]
    except InvalidInput as error:
        _write(output, console.page().findings(console.redact.within(error.findings)), console)
        raise
    _write(output, _page(observed, connection, console), console)
    if open:
        _open(output, console)
    return safety.most_serious(safety.of_plan(one.planned.report, differences_matter=False) for one, _ in observed)


def _each(options: RunOptions) -> list[RunOptions]:
    """The options, or those of each environment."""
    from reconciler.config import ALL
    from reconciler.engine.load import each

    return list(each(options)) if options.environment == ALL else [options]


def _observed(
    options: RunOptions, connection: Connection, console: Console, depth: Depth
) -> tuple[Observed, Connection]:
    from reconciler.cli.run import CommandLine
    from reconciler.engine.report import observe

    if options.environment:
        from reconciler.cli.environments import connection_of

        connection = connection_of(connection, options)
    front = CommandLine(console, connection)
    return asyncio.run(observe(options, front, SystemClock(), depth, console.err)), connection


def _page(observed: list[tuple[Observed, Connection]], connection: Connection, console: Console) -> str:
    from reconciler.cli import pages
    from reconciler.views.html import pages as view

    now = SystemClock().now()
    settings = [pages.Setting.of(one.planned, here, now) for one, here in observed]
    setting = settings[0] if len(settings) == 1 else pages.Setting(now, address=pages.address_of(connection))
    fleets = [_fleet(one, here, console, now) for one, here in observed]
    return view.fleet(fleets, setting.about("reconcile report"))


def _fleet(one: Observed, connection: Connection, console: Console, now: datetime) -> Fleet:
    from reconciler.cli import pages
    from reconciler.cli.connect import Suggestions
    from reconciler.plan.warnings import hide_live_values
    from reconciler.views.html.model import Fleet

    planned = one.planned.report if one.planned.options.show_live_values else hide_live_values(one.planned.report)
    shown = console.redact.within(Suggestions.of(connection, one.planned.options).plan(planned))
    past = console.redact.within(pages.histories(one.planned, now, one.deployments, one.health, one.figures))
    return Fleet(shown, environment=one.planned.options.environment, histories=past, figures=one.fleet)


def _write(file: Path, text: str, console: Console) -> None:
    """Write the page: the whole file or nothing.

    Raises:
        ReconcileError: it cannot be written, or holds something else, such as a spec.
    """
    from reconciler.desired.export import rewrite

    try:
        if file.is_file() and file.read_bytes()[:15].lower() not in (b"", b"<!doctype html>"):
            hint = "name another file with -o, or remove it"
            raise ReconcileError(f"cannot write {file}: it holds something that is no page", hint=hint)
        file.parent.mkdir(parents=True, exist_ok=True)
        rewrite(file, text)
    except OSError as error:
        hint = "choose a file in a writable folder: -o FILE"
        raise ReconcileError(f"cannot write {file}: {error.strerror}", hint=hint) from None
    console.out(f"written to {file}")


def _open(file: Path, console: Console) -> None:
    import webbrowser

    if not webbrowser.open(file.absolute().as_uri()):
        console.err(f"no browser could be opened; open {file} yourself")
