"""`reconcile preview`: make, take down, list and sweep the previews of pull requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from reconciler.cli.connect import Suggestions
from reconciler.cli.console import Console, plain
from reconciler.cli.observing import observed_console
from reconciler.cli.options import (
    PERMISSIONS,
    POSITIVE,
    WHAT,
    Connection,
    EnvironmentName,
    RunOutput,
    SpecFlags,
    run_options,
)
from reconciler.clock import SystemClock
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.telemetry.observer import observer

if TYPE_CHECKING:
    from reconciler.cli.run import CommandLine
    from reconciler.desired.preview_mark import PullRequest
    from reconciler.engine.load import RunOptions
    from reconciler.engine.previews import Previewed
    from reconciler.views.previews import PreviewState

ABOUT = """Preview apps for pull requests: derived from an app's spec, small, marked, and deleted with the pull request.

An app is a preview only if its mark proves it; no other is ever changed or deleted. Settings are under `preview` in
reconcile.yaml.
"""

Apps = Annotated[str, Parameter(help="apps, by their names in Git [default: all that have previews]")]
Number = Annotated[int, Parameter(group=WHAT, validator=POSITIVE, help="number of the pull request")]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which repository, and which specs."""

    repository: Annotated[
        str, Parameter(group=WHAT, env_var="GITHUB_REPOSITORY", help="owner/name on GitHub, such as acme/shop")
    ] = ""
    specs: Annotated[
        tuple[Path, ...], Parameter(group=WHAT, help="file or folder of app specs; can be repeated [default: specs/]")
    ] = ()
    config: Annotated[Path | None, Parameter(group=WHAT, help="reconcile.yaml [default: the nearest]")] = None
    var: Annotated[tuple[str, ...], Parameter(group=WHAT, help="NAME=VALUE of a declared variable")] = ()
    env: EnvironmentName = ""


def build() -> App:
    """The commands under `reconcile preview`."""
    app = App(name="preview", help=ABOUT, default_parameter=Parameter(negative=()))
    for command in (up, down, list_, sweep):
        app.command(command, name="list" if command is list_ else None)
    return app


def up(
    *apps: Apps,
    pull: Number,
    branch: Annotated[str, Parameter(group=WHAT, help="its branch [default: from GitHub]")] = "",
    commit: Annotated[str, Parameter(group=WHAT, help="the head of its branch [default: from GitHub]")] = "",
    fork: Annotated[str, Parameter(group=WHAT, help="the branch's repository, if it is a different one")] = "",
    image: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="COMPONENT=TAG or COMPONENT=sha256:…; can be repeated")
    ] = (),
    yes: Annotated[
        bool, Parameter(group=PERMISSIONS, help="do not ask for confirmation; only terminals are asked")
    ] = False,
    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="also retry a commit that failed before")] = False,
    where: Where = Where(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Create or update the previews of a pull request, and judge them like any app.

    Without `--branch` and `--commit`, asks GitHub, with the token in GITHUB_TOKEN; the pull request must then be
    open and allowed to have previews. For a fork, `--commit` names the allowed commit.
    """
    import asyncio

    from reconciler.engine.preview import up as made

    console, options, front, name = _begun("up", where, apps, connection, output, yes=yes)
    images = dict(_image(text) for text in image)

    async def main() -> Previewed:
        asked = await _pull(name, pull, (branch, commit, fork), options)
        return await made(replace(options, retry=retry), asked, images, front, SystemClock())

    return _shown(asyncio.run(main()), console, front, up=True)


def down(
    *apps: Apps,
    pull: Number,
    yes: Annotated[
        bool, Parameter(group=PERMISSIONS, help="do not ask for confirmation; only terminals are asked")
    ] = False,
    where: Where = Where(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Take down the previews of a pull request; exit 0 also if there are none."""
    import asyncio

    from reconciler.engine.preview_down import down as taken_down

    console, options, front, name = _begun("down", where, apps, connection, output, yes=yes)
    why = "taken down by hand"
    return _shown(asyncio.run(taken_down(options, name, pull, why, front, SystemClock())), console, front)


def list_(*, where: Where = Where(), connection: Connection = Connection(), output: RunOutput = RunOutput()) -> int:
    """List the previews of a repository: pull request, state, URL, cost, and when each expires."""
    import asyncio

    from reconciler.engine.preview_down import listed

    console, options, front, name = _begun("list", where, (), connection, output, vital=True)
    _print(asyncio.run(listed(options, name, front)), console)
    return Exit.OK


def sweep(
    *,
    yes: Annotated[
        bool, Parameter(group=PERMISSIONS, help="do not ask for confirmation; only terminals are asked")
    ] = False,
    where: Where = Where(),
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Take down previews that have ended: closed, gone, no longer allowed, or expired.

    Asks GitHub about each pull request, with the token in GITHUB_TOKEN; a missing answer ends no preview, and the
    exit code is then 1.
    """
    import asyncio

    from reconciler.engine.preview_down import sweep as swept
    from reconciler.github import pulls

    console, options, front, name = _begun("sweep", where, (), connection, output, yes=yes)

    async def judge(numbers: Collection[int]) -> Mapping[int, PullRequest]:
        async with _github(options) as github:
            return await pulls.known(github, name, numbers, lambda text: console.err(plain(text)))

    return _shown(asyncio.run(swept(options, name, judge, front, SystemClock())), console, front)


def _begun(
    command: str,
    where: Where,
    apps: tuple[str, ...],
    connection: Connection,
    output: RunOutput,
    *,
    yes: bool = True,
    vital: bool = False,
) -> tuple[Console, RunOptions, CommandLine, str]:
    """Console, options, front end and repository of a command.

    Raises:
        UsageError: the repository is not known, or the format is not available.
    """
    if output.format in ("sarif", "html"):
        raise UsageError(f"--format {output.format} is not available for preview", hint="use text, markdown or json")
    if not where.repository:
        raise UsageError("the repository is not known", hint="add --repository, such as --repository acme/shop")
    from reconciler.cli.environments import connection_of
    from reconciler.cli.run import CommandLine

    options = run_options(where.specs, SpecFlags(config=where.config, var=where.var, env=where.env, app=apps))
    options = replace(options, rehearsal=connection.sandbox)
    console = observed_console(output, f"preview {command}", where.env, vital=vital)
    return console, options, CommandLine(console, connection_of(connection, options), yes=yes), where.repository


def _image(text: str) -> tuple[str, str]:
    name, equals, version = text.partition("=")
    if not (name and equals and version):
        raise UsageError("--image takes COMPONENT=TAG", hint="for example: --image web=pr-12")
    return name, version


async def _pull(repository: str, number: int, given: tuple[str, str, str], options: RunOptions) -> PullRequest:
    """The pull request as the flags have it, or as GitHub does.

    Raises:
        UsageError: it may have no preview.
        GitHubError: GitHub could not be asked.
    """
    from reconciler.config_preview import NO_PREVIEW
    from reconciler.desired.preview_mark import PullRequest, why_none
    from reconciler.engine.load import entered
    from reconciler.github import pulls

    branch, commit, fork = given
    if branch and commit:
        return PullRequest(repository, number, branch, commit, fork=fork)
    async with _github(options, ", or give --branch and --commit") as github:
        found = await pulls.read(github, repository, number)
    if commit and commit != found.commit:
        raise UsageError(f"{commit} is not the head of #{number}, which is {found.commit}")
    if why := why_none(found, entered(options)[0].config.preview or NO_PREVIEW, commit):
        raise UsageError(f"no preview of #{number}: {why}")
    return found


def _github(options: RunOptions, otherwise: str = "") -> Any:
    """A client of GitHub with the token of the environment; ``otherwise`` is what helps without one.

    Raises:
        UsageError: there is no token.
    """
    from reconciler.github.api import GitHub

    token = options.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise UsageError("cannot ask GitHub: GITHUB_TOKEN is not set", hint=f"set it{otherwise}")
    return GitHub(token, clock=SystemClock(), api_url=options.environ.get("GITHUB_API_URL") or "https://api.github.com")


def _shown(done: Previewed, console: Console, front: CommandLine, *, up: bool = False) -> int:
    """Show what was done; returns the exit code."""
    if done.declined:
        console.err("nothing was changed")
        return Exit.OK
    if done.planned is not None and done.rollout is not None:
        rollout = Suggestions.of(front.connection).rollout(done.rollout)
        observer().rolled_out(rollout)
        if console.format in ("text", "github"):
            console.rollout(rollout, done.planned.report)
    _print(done.states, console)
    return done.exit_code(up=up)


def _print(states: tuple[PreviewState, ...], console: Console) -> None:
    from reconciler.views import previews as view

    states = console.redact.within(states)
    match console.format:
        case "json":
            console.out(view.json(states))
        case "markdown":
            console.out(view.markdown(states))
        case _:
            console.out(view.text(states, color=console.color, verbose=console.verbose))


app = build()
"""What `reconcile` calls for the word `preview`."""
