"""`reconcile plan`, `apply`, `drift`, and `reconcile` itself, which has flags for them; the command line as front end.

Annotations are not strings, see `options`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from reconciler.cli.connect import Suggestions, connect
from reconciler.cli.console import Console, ProgressPrinter, ask
from reconciler.cli.observing import observed_console, report_plan
from reconciler.cli.options import (
    OUTPUT,
    POSITIVE,
    WHAT_TO_DO,
    Connection,
    DriftPermissions,
    Permissions,
    PlanPermissions,
    RunOutput,
    SpecFlags,
    run_options,
)
from reconciler.cli.signals import on_signals
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.telemetry.observer import observer

if TYPE_CHECKING:
    from reconciler.engine.apply import Finished, Watch
    from reconciler.engine.load import Desired
    from reconciler.engine.planner import Planned
    from reconciler.live.client import Client
    from reconciler.plan.model import PlanReport


SpecFiles = Annotated[Path, Parameter(help="files and folders of app specs [default: specs/]")]
ExitCode = Annotated[bool, Parameter(group=WHAT_TO_DO, help="with --plan: exit 2 if anything differs")]
Save = Annotated[Path | None, Parameter(group=WHAT_TO_DO, help="with --plan: save the plan to a file")]


@Parameter(name="*")
@dataclass(frozen=True)
class Extent:
    """What a run also looks at, and shows."""

    unmanaged: Annotated[bool, Parameter(group=WHAT_TO_DO, help="also list live apps without a spec")] = False
    prune: Annotated[
        bool,
        Parameter(group=WHAT_TO_DO, help="also delete apps whose spec was removed from Git; needs the full history"),
    ] = False
    show_live_values: Annotated[
        bool, Parameter(group=OUTPUT, help="show values that look like credentials, or that only live has")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Applying:
    """How a plan is applied."""

    yes: Annotated[bool, Parameter(group=WHAT_TO_DO, help="do not ask for confirmation; only terminals are asked")] = (
        False
    )
    expect: Annotated[Path | None, Parameter(group=WHAT_TO_DO, help="apply only if this saved plan still matches")] = (
        None
    )
    concurrency: Annotated[
        int | None,
        Parameter(group=WHAT_TO_DO, validator=POSITIVE, help="number of apps at once [default: by the rate limit]"),
    ] = None
    fail_fast: Annotated[bool, Parameter(group=WHAT_TO_DO, help="start no more apps after one fails")] = False
    logs: Annotated[
        Literal["failed", "all", "none"] | None,
        Parameter(
            group=OUTPUT,
            help="build and deploy logs to show: those that explain a failure, all or none [default: failed]",
        ),
    ] = None


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for, whether by a command or by a flag."""

    mode: Literal["plan", "apply", "drift"]
    extent: Extent
    permissions: DriftPermissions
    source: SpecFlags
    connection: Connection
    output: RunOutput
    applying: Applying = field(default_factory=Applying)
    exit_code: bool = False
    save: Path | None = None


def reconcile(
    *specs: SpecFiles,
    plan: Annotated[bool, Parameter(group=WHAT_TO_DO, help="only show what would be done")] = False,
    drift: Annotated[bool, Parameter(group=WHAT_TO_DO, help="only compare: exit 2 if live differs from Git")] = False,
    exit_code: ExitCode = False,
    save: Save = None,
    applying: Applying = Applying(),
    extent: Extent = Extent(),
    permissions: Permissions = Permissions(),
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Make App Platform match the specs in Git; `--plan` only shows what would be done."""
    given: dict[str, object] = {"--save": save, "--exit-code": exit_code, "--retry": permissions.retry}
    given |= {f"--{one.name.replace('_', '-')}": getattr(applying, one.name) for one in fields(applying)}
    given |= {"--override-freeze": permissions.override_freeze}
    check_mode(plan=plan, drift=drift, given=given)
    mode: Literal["plan", "apply", "drift"] = "plan" if plan else "drift" if drift else "apply"
    asked = _Asked(mode, extent, permissions, source, connection, output, applying, exit_code, save)
    return _run(specs, asked)


def plan(
    *specs: SpecFiles,
    exit_code: Annotated[bool, Parameter(group=WHAT_TO_DO, help="exit 2 if anything differs")] = False,
    save: Annotated[Path | None, Parameter(group=WHAT_TO_DO, help="save the plan to a file")] = None,
    extent: Extent = Extent(),
    permissions: PlanPermissions = PlanPermissions(),
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Show what apply would do; nothing is changed."""
    asked = _Asked("plan", extent, permissions, source, connection, output, exit_code=exit_code, save=save)
    return _run(specs, asked)


def apply(
    *specs: SpecFiles,
    applying: Applying = Applying(),
    extent: Extent = Extent(),
    permissions: Permissions = Permissions(),
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Make App Platform match the specs in Git. On a terminal, show the plan and ask first."""
    return _run(specs, _Asked("apply", extent, permissions, source, connection, output, applying))


def drift(
    *specs: SpecFiles,
    extent: Extent = Extent(),
    permissions: DriftPermissions = DriftPermissions(),
    source: SpecFlags = SpecFlags(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Compare App Platform with Git, and say who made each difference; exit 2 if there is one."""
    return _run(specs, _Asked("drift", extent, permissions, source, connection, output))


def _run(specs: Sequence[Path], asked: _Asked) -> int:
    """Run what was asked for; returns the exit code."""
    options = replace(
        run_options(specs, asked.source, asked.permissions),
        apply=asked.mode == "apply",
        drift=asked.mode == "drift",
        prune=asked.extent.prune,
        unmanaged=asked.extent.unmanaged,
        show_live_values=asked.extent.show_live_values,
        fail_fast=asked.applying.fail_fast,
        expect=asked.applying.expect,
        rehearsal=asked.connection.sandbox,
    )
    applying = asked.applying
    options = replace(
        options, concurrency=applying.concurrency or options.concurrency, logs=applying.logs or options.logs
    )
    if any(not path.exists() for path in options.specs):
        from reconciler.cli.words import check_specs

        check_specs(options.specs)
    import asyncio

    from reconciler.cli.messages import notifying
    from reconciler.engine import safety
    from reconciler.engine.apply import run

    console = observed_console(asked.output, asked.mode, options.environment, vital=not options.apply)
    connection = asked.connection
    differences_matter = options.drift or asked.exit_code
    if options.environment:
        from reconciler.cli.environments import connection_of, plan_all
        from reconciler.config import ALL

        if options.environment == ALL:
            if asked.save:
                raise UsageError("--save holds the plan of one environment", hint="name one, such as --env staging")
            matters = differences_matter
            return plan_all(options, connection, console, CommandLine, shown_plan, differences_matter=matters)
        connection = connection_of(connection, options)
    front = CommandLine(console, connection, yes=asked.applying.yes)
    finished = asyncio.run(run(options, front, SystemClock()))
    if finished.declined:
        console.err("declined: nothing was changed")
        return Exit.ERROR  # so that `reconcile apply && …` does not go on, as with terraform
    if finished.rollout is not None:
        return show_applied(finished, console, connection)
    report_plan(finished.planned)
    foreseen = shown_plan(finished.planned, console, connection)
    _set(console, finished.planned, connection)
    with notifying(finished, console) as warnings:
        console.plan(replace(foreseen, warnings=warnings), drift=options.drift, annotated=True)
    if asked.save:
        safety.save(asked.save, finished.planned)
    pushes_matter = asked.permissions.fail_on_failed_push
    return safety.of_plan(foreseen, differences_matter=differences_matter, pushes_matter=pushes_matter)


def show_applied(finished: "Finished", console: Console, connection: Connection) -> int:
    """Show what was done, and send messages about it; returns the exit code."""
    from reconciler.cli.messages import notifying
    from reconciler.engine import safety

    assert finished.rollout is not None
    _set(console, finished.planned, connection)
    rollout = Suggestions.of(connection, finished.planned.options).rollout(finished.rollout)
    observer().rolled_out(rollout)
    with notifying(replace(finished, rollout=rollout), console) as warnings:
        console.rollout(replace(rollout, warnings=warnings), shown_plan(finished.planned, console, connection))
    return safety.of_apply(rollout, finished.planned)


def _set(console: Console, planned: "Planned", connection: Connection) -> None:
    """Give a page what it says of the run besides the result."""
    if console.format == "html":
        from reconciler.cli.pages import Setting

        console.setting = Setting.of(planned, connection, SystemClock().now())


def shown_plan(planned: "Planned", console: Console, connection: Connection) -> "PlanReport":
    """The plan to show: in what is made for logs and pages of a pipeline without what only live has."""
    report = Suggestions.of(connection, planned.options).plan(planned.report)
    if console.format not in ("markdown", "github", "html") or planned.options.show_live_values:
        return report
    from reconciler.plan.warnings import hide_live_values

    return hide_live_values(report)


@dataclass(frozen=True)
class CommandLine:
    """The command line as a front end, see `engine.apply.FrontEnd`."""

    console: Console
    connection: Connection
    yes: bool = True
    """Whether the run goes on without a question."""

    def loaded(self, desired: "Desired") -> None:
        """Keep secrets off the console."""
        self.console.keep_secret(desired.secrets)

    def connect(self) -> "AbstractAsyncContextManager[Client]":
        """Return a client of what the flags name."""
        return connect(self.connection, self.console.waiting)

    def planned(self, planned: "Planned") -> None:
        """Show the plan to people; machine-readable output has only what was done."""
        report_plan(planned)
        if self.console.format in ("text", "github"):
            self.console.plan(shown_plan(planned, self.console, self.connection))

    def agrees(self, planned: "Planned") -> bool:
        """Ask the person at the terminal whether to go on; a pipeline is not asked, and nothing if nothing is due."""
        due = any(plan.writes or plan.follow for plan in (app.plan for app in planned.apps))
        return self.yes or not due or not self.console.can_ask or ask("\nApply this plan? [y/N] ")

    @contextmanager
    def watch(self, apps: Sequence[str]) -> "Iterator[Watch]":
        """Show progress; the first signal stops the run."""
        import asyncio

        from reconciler.engine.apply import Watch

        stop = asyncio.Event()
        with on_signals(stop.set), ProgressPrinter(self.console, apps) as printer:
            yield Watch(printer.show, stop)


# --- Invalid combinations of flags are refused, so that no flag is silently ignored ---


def check_mode(*, plan: bool, drift: bool, given: Mapping[str, object]) -> None:
    """Refuse flags that have no effect in a mode. ``given``: which of those in question are on the command line.

    Raises:
        UsageError: there is one.
    """
    if plan and drift:
        raise UsageError("--plan and --drift cannot be combined")
    goes_with = {
        "--save": (plan, "with --plan"),
        "--exit-code": (plan or drift, "with --plan"),
        "--retry": (not drift, "with --plan or when applying"),
    }
    applying = (not plan and not drift, "when applying, without --plan and --drift")
    for flag in (flag for flag, present in given.items() if present):
        sensible, where = goes_with.get(flag, applying)
        if not sensible:
            raise UsageError(f"{flag} can only be used {where}")
