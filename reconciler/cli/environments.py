"""`--env`: the connection of an environment, and plans of several in turn."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.connect import Suggestions
from reconciler.cli.messages import published
from reconciler.cli.observing import report_plan
from reconciler.cli.options import Connection, EnvironmentConnection
from reconciler.clock import SystemClock
from reconciler.config_file import ConfigFile, read_config
from reconciler.engine import environments, safety
from reconciler.engine.apply import run
from reconciler.engine.load import RunOptions, each
from reconciler.environments import environment_of, no_environment
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.telemetry.observer import observer
from reconciler.views.environments import EnvironmentPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.console import Console
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.planner import Planned
    from reconciler.plan.model import PlanReport


Named = Callable[[str], str]
"""The name of an app on App Platform, from that name or the one in the base."""


def connection_of(connection: Connection, options: RunOptions) -> Connection:
    """The connection of the environment that the options name, with its own token.

    Each account has a sandbox of its own: an environment with its own token keeps its state in a file of its own.
    """
    if not options.environment:
        return connection
    variable, file = environments.token_variable(options), connection.sandbox_file
    if connection.sandbox and variable:
        file = Path(file).with_stem(f"{file.stem}-{options.environment}")
    flags = ("--env", options.environment, *shlex.split(Suggestions.of(connection).flags))
    return EnvironmentConnection(connection.api_url, connection.sandbox, file, variable, flags)


def in_environment(name: str, config: Path | None, connection: Connection) -> tuple[Connection, ConfigFile, Named]:
    """The connection and the configuration of an environment, and the live names of its apps; "" is none.

    Without ``config`` it is the one of the default specs, so that a rollback by hand is judged as an apply is.

    Raises:
        InvalidInput: the configuration cannot be used.
        UsageError: there is no such environment.
    """
    file = read_config(config, RunOptions.specs)
    observer().within(name)
    if name and name not in file.config.environments:
        raise no_environment(name, file.config.environments)
    here = connection_of(connection, RunOptions(config=config, environment=name))
    if config:
        flags, variable = Suggestions.of(here, RunOptions(config=config)).flags, getattr(here, "token_variable", "")
        here = EnvironmentConnection(here.api_url, here.sandbox, here.sandbox_file, variable, (*shlex.split(flags),))
    if not name:
        return here, file, lambda app: app
    return here, file.within(name), environment_of(file.config, name).live_name


def plan_all(
    options: RunOptions,
    connection: Connection,
    console: Console,
    front: Callable[[Console, Connection], FrontEnd],
    shown: Callable[[Planned, Console, Connection], PlanReport],
    *,
    differences_matter: bool,
) -> Exit:
    """Plan every environment in turn, each with its own token, and show them as one; returns the exit code.

    Raises:
        UsageError: the options are to apply: a person decides environment by environment.
    """
    if options.apply:
        raise UsageError("--env all only plans and compares", hint="apply one after the other, such as --env staging")
    plans: list[EnvironmentPlan] = []
    codes: list[Exit] = []
    for one in each(options):
        here = connection_of(connection, one)
        observer().within(one.environment)
        finished = asyncio.run(run(one, front(console, here), SystemClock()))
        planned, report = finished.planned, console.redact.within(shown(finished.planned, console, here))
        report_plan(planned)
        report = replace(report, warnings=published(finished, console))
        plans.append(EnvironmentPlan(one.environment, report, planned.bases))
        codes.append(safety.of_plan(report, differences_matter=differences_matter))
    _show(plans, console, drift=options.drift)
    return safety.most_serious(codes)


def _show(plans: Sequence[EnvironmentPlan], console: Console, *, drift: bool) -> None:
    from reconciler.views import environments as view

    match console.format:
        case "json":
            from reconciler.views import json_documents

            console.out(json_documents.environments([(one.name, one.report) for one in plans], drift=drift))
        case "markdown":
            console.out(view.markdown(plans))
        case "html":
            console.out(console.page().environments([(one.name, one.report) for one in plans], drift=drift))
        case "sarif":
            from reconciler import __version__
            from reconciler.views import sarif

            console.out(sarif.sarif(view.findings(plans), tool_version=__version__))
        case _:
            console.out(view.plan(plans, color=console.color, width=console.width, verbose=console.verbose))
            if console.format == "github" and (found := view.findings(plans)):
                from reconciler.views import annotations

                console.out(annotations.annotations(found))
