"""The command line: `reconcile` itself, and its commands, each imported only when it is called."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from reconciler import __version__
from reconciler.cli.console import Console, ProgressPrinter, on_signals, show
from reconciler.cli.options import (
    OUTPUT,
    POSITIVE,
    Connection,
    Output,
    Permissions,
    SpecFlags,
    Suggestions,
    connect,
    run_options,
)
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.text import nearest

if TYPE_CHECKING:
    from reconciler.engine.apply import Watch
    from reconciler.engine.load import Desired, RunOptions
    from reconciler.engine.planner import Planned
    from reconciler.live.client import Client
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import RolloutReport


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
        Parameter(
            group=WHAT_TO_DO, validator=POSITIVE, help="number of apps rolled out at the same time [default: 10]"
        ),
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
        run_options(specs, source, permissions),
        apply=not (plan or drift),
        prune=prune,
        unmanaged=unmanaged,
        drift=drift,
        fail_fast=fail_fast,
        expect=expect,
        show_live_values=show_live_values,
    )
    options = replace(options, concurrency=concurrency or options.concurrency)
    check_specs(options.specs)
    console = Console.of(output, vital=plan or drift)
    return _ran(options, console, connection, differences_matter=drift or exit_code, save=save)


def _ran(
    options: "RunOptions", console: Console, connection: Connection, *, differences_matter: bool, save: Path | None
) -> int:
    """Run, show the result, and return the exit code."""
    import asyncio

    from reconciler.engine import safety
    from reconciler.engine.apply import run

    if options.environment:
        from reconciler.cli.environments import ALL, connection_of, plan_all

        if options.environment == ALL:
            matters = differences_matter
            return plan_all(options, connection, console, CommandLine, shown_plan, differences_matter=matters)
        connection = connection_of(connection, options)
    finished = asyncio.run(run(options, CommandLine(console, connection), SystemClock()))
    foreseen = shown_plan(finished.planned, console, connection)
    if finished.rollout is not None:
        return show_applied(finished.planned, finished.rollout, console, connection)
    console.plan(foreseen, drift=options.drift, annotated=True)
    if save:
        safety.save(save, finished.planned.report.plans, finished.planned.config)
    pushes_matter = options.fail_on_failed_push
    return safety.of_plan(foreseen, differences_matter=differences_matter, pushes_matter=pushes_matter)


def show_applied(planned: "Planned", rollout: "RolloutReport", console: Console, connection: Connection) -> int:
    """Show what was done; returns the exit code."""
    from reconciler.engine import safety

    foreseen = shown_plan(planned, console, connection)
    console.rollout(Suggestions.of(connection).rollout(rollout), foreseen)
    return safety.of_apply(rollout, planned)


def shown_plan(planned: "Planned", console: Console, connection: Connection) -> "PlanReport":
    """The plan to show: in what is made for logs and pages of a pipeline without what only live has."""
    report = Suggestions.of(connection).plan(planned.report)
    if console.format not in ("markdown", "github") or planned.options.show_live_values:
        return report
    from reconciler.plan.warnings import hide_live_values

    return hide_live_values(report)


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
            self.console.plan(shown_plan(planned, self.console, self.connection))

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


def check_specs(specs: Sequence[Path]) -> None:
    """Refuse a word that is not a file and looks like a command.

    Raises:
        UsageError: there is one; the hint names the command.
    """
    for word in (str(path) for path in specs if not path.exists()):
        if near := nearest(word, COMMANDS):
            raise UsageError(f"no such command or file: {word}", hint=f"did you mean reconcile {near}?")


# --- The commands ---

HELP = """Declarative GitOps for DigitalOcean App Platform.

`reconcile` makes App Platform match the specs in Git: it validates them, compares them with what is live, applies
what differs, watches the deployments, and rolls back automatically when one fails. `reconcile --plan` only shows what
it would do.
"""

EPILOGUE = """Exit codes: 0 converged · 1 error · 2 differences (--drift, --plan --exit-code, fmt --check) ·
3 invalid specs · 4 failed and rolled back · 5 a person is needed · 6 stalled · 7 refused · 64 usage ·
130 interrupted"""


COMMANDS = {
    "validate": (
        "validate:validate",
        """Check app specs offline: all problems at once, each with its place and how to fix it.

        Needs no token, so pull requests from forks can run it.
        """,
    ),
    "import": (
        "importing:import_",
        """Write specs from live apps: defaults omitted, ciphertext kept.

        In an existing file, comments and order stay, and only changed values are written.
        """,
    ),
    "render": (
        "render:render",
        """Print specs exactly as they would be sent, secrets hidden: base, overlays and variables put together.

        `--write` puts them into files, and `--check` holds committed ones against what would be rendered now.
        """,
    ),
    "promote": (
        "promote:promote",
        """Write the tags, digests and commits that run healthy in one environment into Git's files for another.

        Shows the plan of the other environment; nothing is committed, pushed or applied.
        """,
    ),
    "fmt": ("fmt:fmt", "Format specs: a fixed order of fields, two spaces, comments kept, same meaning."),
    "status": (
        "status:status",
        """Show the state of apps: what is active and pinned, their last deployments, who made them and why.

        Exit 5 if one of them is pinned: a person is needed.
        """,
    ),
    "rollback": (
        "rollback:rollback",
        """
        Roll an app back to an earlier deployment, check its health and commit; or commit or revert a pinned rollback.

        Afterwards the spec in Git counts as failed: it will not be applied again until it changes, or with `--retry`.
        """,
    ),
    "redeploy": (
        "rollback:redeploy",
        """
        Deploy apps again with the newest commit or image of every source; their specs stay as they are.

        Watched, judged and rolled back like any rollout. An app that differs from Git is refused: apply it instead.
        """,
    ),
    "schema": ("schema:schema", "Print a JSON Schema, for editors and for programs that read the JSON output."),
    "sandbox": ("sandbox:app", "An embedded App Platform: rehearse rollouts, failures included."),
}
"""The words after `reconcile` that are commands, each with its function and its help; anything else names specs."""


COMPLETION = "Install completion for bash, zsh or fish."


def _worth_showing(default: object) -> str | None:
    """How help shows a default: not at all if it is empty."""
    return None if default in (False, (), "", None) else str(getattr(default, "value", default))


def build() -> App:
    """The command line."""
    app = App(
        name="reconcile",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=__version__,
        default_parameter=Parameter(negative=(), show_default=_worth_showing),
        suppress_keyboard_interrupt=False,  # the output must name what is still running
    )
    app.default(reconcile)
    for name, (function, about) in COMMANDS.items():
        app.command(f"reconciler.cli.{function}", name=name, help=cleandoc(about))
    app.command("reconciler.cli.action:action", name="action", show=False)
    app.command("reconciler.cli.commands:install_completion", name="--install-completion", help=COMPLETION)
    return app


def install_completion(
    *,
    shell: Annotated[Literal["bash", "zsh", "fish"] | None, Parameter(help="your shell [default: detected]")] = None,
    output: Annotated[Path | None, Parameter(help="write the completion script to this file instead")] = None,
) -> int:
    """Install completion for bash, zsh or fish.

    Raises:
        UsageError: the shell cannot be detected.
    """
    from cyclopts.completion.detect import ShellDetectionError

    try:
        path = build().install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise UsageError("cannot detect your shell", hint="use --shell bash|zsh|fish") from None
    show(f"written to {path}" if output else f"written to {path}; it takes effect in new shells")
    return Exit.OK
