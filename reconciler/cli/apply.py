"""`reconcile` itself: plan, drift, apply."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from reconciler.cli.connect import connect
from reconciler.cli.console import Console
from reconciler.cli.options import POSITIVE, Connection, Output, SpecFlags, check_mode, check_specs, run_options
from reconciler.cli.show import ProgressPrinter, annotate, show_plan, show_rollout
from reconciler.cli.signals import on_signals
from reconciler.cli.suggested_commands import Suggestions
from reconciler.clock import SystemClock
from reconciler.engine import exits
from reconciler.engine import saved_plans as plan_files
from reconciler.engine.apply import apply
from reconciler.engine.load import Desired, check, usable
from reconciler.engine.options import RunOptions
from reconciler.engine.plan import Planned, plan
from reconciler.errors import PlanMismatch
from reconciler.plan.guard import frozen
from reconciler.rollout.model import RolloutReport

if TYPE_CHECKING:
    from reconciler.live.client import Client

WHAT_TO_DO = Group("What to do", sort_key=0)
PERMISSIONS = Group("What is allowed", sort_key=2)

MANY = 10
"""Apps that are rolled out at the same time."""


def reconcile(
    *specs: Annotated[Path, Parameter(help="files and folders of app specs; specs/ when left out")],
    plan: Annotated[bool, Parameter(group=WHAT_TO_DO, help="only say what would be done")] = False,
    drift: Annotated[
        bool, Parameter(group=WHAT_TO_DO, help="only compare: exit 2 if live is not what Git says")
    ] = False,
    exit_code: Annotated[bool, Parameter(group=WHAT_TO_DO, help="with --plan: exit 2 if anything differs")] = False,
    save: Annotated[Path | None, Parameter(group=WHAT_TO_DO, help="with --plan: keep the plan in a file")] = None,
    expect: Annotated[
        Path | None, Parameter(group=WHAT_TO_DO, help="apply only if this saved plan still is what would be done")
    ] = None,
    concurrency: Annotated[
        int | None,
        Parameter(group=WHAT_TO_DO, validator=POSITIVE, help="apps rolled out at the same time; 10 when left out"),
    ] = None,
    fail_fast: Annotated[bool, Parameter(group=WHAT_TO_DO, help="begin no further app after one failed")] = False,
    unmanaged: Annotated[bool, Parameter(group=WHAT_TO_DO, help="also name live apps that no spec describes")] = False,
    prune: Annotated[
        bool, Parameter(group=WHAT_TO_DO, help="also delete apps whose spec was removed from Git; needs its history")
    ] = False,
    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="try specs again that failed before")] = False,
    rotate: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="APP[/COMPONENT]/KEY: send the new value of a secret")
    ] = (),
    allow: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="what a guard refused, such as remove=web/api")
    ] = (),
    override_freeze: Annotated[bool, Parameter(group=PERMISSIONS, help="apply inside a freeze window")] = False,
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: Output = Output(),
) -> int:
    """Make App Platform what the specs in Git say; `--plan` only says what would be done."""
    given = {
        "--save": save is not None,
        "--exit-code": exit_code,
        "--expect": expect is not None,
        "--concurrency": concurrency is not None,
        "--fail-fast": fail_fast,
        "--override-freeze": override_freeze,
        "--retry": retry,
    }
    check_mode(plan=plan, drift=drift, given=given)
    wanted = replace(
        run_options(specs, source),
        rotate=frozenset(rotate),
        allow=frozenset(allow),
        retry=retry,
        prune=prune,
        unmanaged=unmanaged,
        drift=drift,
    )
    console = Console(output, vital=plan or drift)
    desired = _usable(wanted, console)
    if plan or drift:
        return _preview(desired, wanted, connection, console, save, differences_matter=drift or exit_code)
    if not override_freeze and (reason := frozen(desired.config.freeze, SystemClock().now())):
        raise PlanMismatch(f"nothing is applied: {reason}", hint="--override-freeze applies all the same")
    return asyncio.run(_apply(desired, wanted, connection, console, expect, concurrency or MANY, fail_fast))


def _usable(wanted: RunOptions, console: Console) -> Desired:
    """What Git wants, if it can be planned; from here on the console knows its secrets, also where it cannot."""
    check_specs(wanted.specs)
    desired = check(wanted)
    console.keep_secret(desired.secrets)
    return usable(desired)


def _preview(
    desired: Desired,
    wanted: RunOptions,
    connection: Connection,
    console: Console,
    save: Path | None,
    *,
    differences_matter: bool,
) -> int:
    planned = asyncio.run(_planned(desired, wanted, connection, console))
    show_plan(console, Suggestions.of(connection).plan(planned.report), drift=wanted.drift)
    annotate(console, planned.report)
    if save:
        plan_files.save(save, planned)
    return exits.of_plan(planned.report, differences_matter=differences_matter)


async def _planned(desired: Desired, wanted: RunOptions, connection: Connection, console: Console) -> Planned:
    async with connect(connection, console.waiting) as client:
        return await plan(desired, wanted, client, SystemClock())


async def _apply(
    desired: Desired,
    wanted: RunOptions,
    connection: Connection,
    console: Console,
    expect: Path | None,
    concurrency: int,
    fail_fast: bool,
) -> int:
    before = plan_files.read(expect) if expect else None
    suggest = Suggestions.of(connection)
    async with connect(connection, console.waiting) as client:
        planned = await plan(desired, wanted, client, SystemClock())
        if console.format in ("text", "github"):
            show_plan(console, suggest.plan(planned.report))
        if expect and before:
            plan_files.demand(before, expect, planned)
        stop = asyncio.Event()
        with on_signals(stop.set), ProgressPrinter(console, [app.plan.app for app in planned.apps]) as teller:
            report = await _roll_out(planned, client, teller, stop, concurrency, fail_fast)
    show_rollout(console, suggest.rollout(report), suggest.plan(planned.report))
    return exits.of_apply(report, planned)


async def _roll_out(
    planned: Planned, client: "Client", teller: ProgressPrinter, stop: asyncio.Event, concurrency: int, fail_fast: bool
) -> RolloutReport:
    return await apply(
        planned,
        client,
        SystemClock(),
        on_event=teller.tell,
        concurrency=concurrency,
        fail_fast=fail_fast,
        stop=stop,
    )
