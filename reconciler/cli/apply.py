"""`reconcile` itself: plan, drift, apply."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from reconciler.cli.connect import connect
from reconciler.cli.console import Console
from reconciler.cli.options import (
    OUTPUT,
    POSITIVE,
    Connection,
    Output,
    Permissions,
    SpecFlags,
    check_mode,
    check_specs,
    run_options,
)
from reconciler.cli.signals import on_signals
from reconciler.cli.suggested_commands import Suggestions
from reconciler.clock import SystemClock
from reconciler.engine.options import RunOptions

if TYPE_CHECKING:
    from reconciler.engine.apply import Watch
    from reconciler.engine.load import Desired
    from reconciler.engine.plan import Planned
    from reconciler.live.client import Client
    from reconciler.plan.model import PlanReport

WHAT_TO_DO = Group("What to do", sort_key=0)


def reconcile(
    *specs: Annotated[Path, Parameter(help="files and folders of app specs [default: specs/]")],
    plan: Annotated[bool, Parameter(group=WHAT_TO_DO, help="only show what would be done")] = False,
    drift: Annotated[bool, Parameter(group=WHAT_TO_DO, help="only compare: exit 2 if live differs from Git")] = False,
    exit_code: Annotated[bool, Parameter(group=WHAT_TO_DO, help="with --plan: exit 2 if anything differs")] = False,
    save: Annotated[Path | None, Parameter(group=WHAT_TO_DO, help="with --plan: save the plan to a file")] = None,
    expect: Annotated[
        Path | None, Parameter(group=WHAT_TO_DO, help="apply only if this saved plan still matches")
    ] = None,
    concurrency: Annotated[
        int | None,
        Parameter(group=WHAT_TO_DO, validator=POSITIVE, help="apps rolled out at the same time [default: 10]"),
    ] = None,
    fail_fast: Annotated[bool, Parameter(group=WHAT_TO_DO, help="start no further app after one failed")] = False,
    unmanaged: Annotated[bool, Parameter(group=WHAT_TO_DO, help="also list live apps without a spec")] = False,
    prune: Annotated[
        bool,
        Parameter(group=WHAT_TO_DO, help="also delete apps whose spec was removed from Git; needs the full history"),
    ] = False,
    show_live_values: Annotated[
        bool, Parameter(group=OUTPUT, help="do not hide what looks like a credential, or what only live has")
    ] = False,
    permissions: Permissions = Permissions(),
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: Output = Output(),
) -> int:
    """Make App Platform match the specs in Git; `--plan` only shows what would be done."""
    given = {"--save": save, "--exit-code": exit_code, "--expect": expect, "--concurrency": concurrency}
    given |= {"--fail-fast": fail_fast, "--override-freeze": permissions.override_freeze, "--retry": permissions.retry}
    check_mode(plan=plan, drift=drift, given=given)
    options = replace(
        run_options(specs, source),
        apply=not (plan or drift),
        prune=prune,
        unmanaged=unmanaged,
        drift=drift,
        concurrency=concurrency or RunOptions.concurrency,
        fail_fast=fail_fast,
        rotate=frozenset(permissions.rotate),
        allow=frozenset(permissions.allow),
        retry=permissions.retry,
        override_freeze=permissions.override_freeze,
        expect=expect,
        show_live_values=show_live_values,
    )
    check_specs(options.specs)
    import asyncio

    from reconciler.cli.show import annotate, findings_of, show_plan, show_rollout
    from reconciler.engine import exits, safety
    from reconciler.engine.apply import run

    console = Console(output, vital=plan or drift)
    front = CommandLine(console, connection)
    finished = asyncio.run(run(options, front, SystemClock()))
    foreseen = front.shown(finished.planned)
    if finished.rollout is not None:
        show_rollout(console, Suggestions.of(connection).rollout(finished.rollout), foreseen)
        return exits.of_apply(finished.rollout, finished.planned)
    show_plan(console, foreseen, drift=drift)
    annotate(console, findings_of(foreseen))
    if save:
        safety.save(save, finished.planned.report.plans)
    return exits.of_plan(foreseen, differences_matter=drift or exit_code)


@dataclass(frozen=True)
class CommandLine:
    """The command line as a front end, see `engine.apply.FrontEnd`."""

    console: Console
    connection: Connection

    def loaded(self, desired: "Desired") -> None:
        """Keep secrets off the console."""
        self.console.keep_secret(desired.secrets)

    def connect(self) -> "AbstractAsyncContextManager[Client]":
        """Return a client of what the flags name."""
        return connect(self.connection, self.console.waiting)

    def planned(self, planned: "Planned") -> None:
        """Show the plan to people; machine-readable output has only what was done."""
        if self.console.format in ("text", "github"):
            from reconciler.cli.show import show_plan

            show_plan(self.console, self.shown(planned))

    def shown(self, planned: "Planned") -> "PlanReport":
        """The plan to show: in what is made for logs and pages of a pipeline without what only live has."""
        report = Suggestions.of(self.connection).plan(planned.report)
        if self.console.format not in ("markdown", "github") or planned.options.show_live_values:
            return report
        from reconciler.plan.warnings import hide_live_values

        return hide_live_values(report)

    @contextmanager
    def watch(self, apps: Sequence[str]) -> "Iterator[Watch]":
        """Show progress; the first signal stops the run."""
        import asyncio

        from reconciler.cli.show import ProgressPrinter
        from reconciler.engine.apply import Watch

        stop = asyncio.Event()
        with on_signals(stop.set), ProgressPrinter(self.console, apps) as printer:
            yield Watch(printer.show, stop)
