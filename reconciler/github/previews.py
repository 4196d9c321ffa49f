"""Mode `preview` of the action: which previews an event of GitHub calls for, and what GitHub shows of them.

An event only says which pull request to look at: what becomes of its previews follows from the pull request as it is
now. So a run that died, came late or came twice does no harm, and the next one finishes what it left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.git_repository import opened
from reconciler.desired.preview_mark import PullRequest, name_of, why_none
from reconciler.engine.preview import up
from reconciler.engine.preview_down import down, sweep
from reconciler.engine.previews import Previewed, Repository
from reconciler.errors import UsageError
from reconciler.github import pulls
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.context import PULL_EVENTS
from reconciler.github.deployments import Deployments, Status, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.clock import Clock
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.load import RunOptions
    from reconciler.github.context import EventContext

TASK = "reconcile-preview"
"""The task of our deployments on GitHub, by which a sweep finds them."""


@dataclass(frozen=True)
class Handled:
    """What a run did about previews. ``note``: why nothing was done.

    ``ended`` are the names of previews that there are no longer, whatever took them down; None for every one that is
    not among the states, as after a sweep.
    """

    done: Previewed
    pull: int = 0
    commit: str = ""
    note: str = ""
    ended: frozenset[str] | None = frozenset()


@dataclass(frozen=True)
class Handler:
    """One run of the mode; ``front`` is the engine's front end, ``warn`` prints a warning."""

    github: GitHub
    context: EventContext
    options: RunOptions
    images: Mapping[str, str]
    front: FrontEnd
    clock: Clock
    warn: Callable[[str], None]

    async def handle(self) -> Handled:
        """Do what the event calls for.

        Raises:
            GitHubError: GitHub does not say what the pull request is: nothing was changed.
            ReconcileError: as `engine.preview.up` and `engine.preview_down.down` raise.
        """
        if self.context.event not in PULL_EVENTS:
            return await self._sweep()
        if not self.context.pulls:
            raise UsageError("the event names no pull request", hint="run mode preview on pull_request or schedule")
        pull = await pulls.read(self.github, self.context.repository, self.context.pulls[0])
        repository = Repository.read(self.context.repository, self.options)
        apps = list(filter(repository.here(self.options).selects, repository.apps))
        names = frozenset(name_of(app, pull.repository, pull.number) for app in apps)
        why = why_none(pull, repository.settings, await self._approved(pull, repository))
        if why:
            done = await down(self.options, pull.repository, pull.number, why, self.front, self.clock)
            kept = {one.name for one in done.states if one.state != "gone"}
            return Handled(done, pull.number, pull.commit or self.context.head_sha, why, names - kept)
        if self.context.head_sha != pull.commit:
            return Handled(
                Previewed(()), note=f"#{pull.number} has a newer commit, {pull.commit[:7]}, with its own run"
            )
        self._check_checkout(pull)
        begun = await self._begin(pull, apps)
        try:
            done = await up(self.options, pull, self.images, self.front, self.clock)
        except (Exception, asyncio.CancelledError):
            await self._fail(begun)
            raise
        return Handled(done, pull.number, pull.commit, ended=names - {one.name for one in done.states})

    async def _begin(self, pull: PullRequest, apps: Collection[str]) -> list[int]:
        """Show that the previews are being deployed; GitHub's trouble is a warning, and no reason to deploy nothing."""
        begun: list[int] = []
        try:
            for app in apps:
                name = name_of(app, pull.repository, pull.number)
                begun.append(await self._deployments.begin(_subject(app, name, pull.number, pull.commit)))
                await self._deployments.show(begun[-1], Status("in_progress"))
        except GitHubError as error:
            self.warn(f"the deployments on GitHub: {error.message}")
        return begun

    async def _fail(self, begun: Collection[int]) -> None:
        try:
            for number in begun:
                await self._deployments.show(number, Status("failure"))
        except GitHubError as error:
            self.warn(f"the deployments on GitHub: {error.message}")

    @property
    def _deployments(self) -> Deployments:
        return Deployments(self.github, self.context.repository, TASK, self.context.run_url)

    async def _sweep(self) -> Handled:
        name = self.context.repository

        async def judge(numbers: Collection[int]) -> Mapping[int, PullRequest]:
            return await pulls.known(self.github, name, numbers, self.warn)

        done = await sweep(self.options, name, judge, self.front, self.clock)
        return Handled(done, ended=None)

    async def _approved(self, pull: PullRequest, repository: Repository) -> str:
        """The commit of a fork's pull request that a person with write access labelled.

        The label event of this run shows it; afterwards the mark of the preview, as no other commit is deployed.
        """
        context, label = self.context, repository.settings.fork_label
        if not (pull.fork and pull.is_open and label in pull.labels):
            return ""
        if context.action == "labeled" and context.label == label and context.head_sha == pull.commit:
            if await pulls.may_write(self.github, context.repository, context.sender):
                return pull.commit
            self.warn(f"{context.sender} set the label {label} without write access, so it has no effect")
            return ""
        async with self.front.connect() as client:
            found = repository.previews(await client.list_apps(), pull.number)
        return next((mark.commit for _, mark in found.values() if mark.commit == pull.commit), "")

    def _check_checkout(self, pull: PullRequest) -> None:
        """Refuse to read specs and configuration of a fork: they could have any variable of this run sent away.

        Raises:
            UsageError: the fork's commit is checked out, or what is checked out is not known.
        """
        if not pull.fork:
            return
        from dulwich.objects import Commit

        for repository in opened(self.options.checkout or Path()):
            with repository:
                head = repository[repository.head()]
            if isinstance(head, Commit) and pull.commit.encode() not in (head.id, *head.parents):
                return
        hint = "use pull_request_target, and check out the base: actions/checkout without `ref` and `repository`"
        raise UsageError("a fork's preview is derived from this repository's own specs, not the fork's", hint=hint)


# --- GitHub's deployments: one for each commit of a preview, inactive when that is over ---


async def show_deployments(github: GitHub, repository: str, handled: Handled, run_url: str) -> None:
    """Give each preview its deployment and status; end those of other commits and of previews that are gone.

    Raises:
        GitHubError: GitHub could not be reached, or refused.
    """
    found = Deployments(github, repository, TASK, run_url)
    shown = ("healthy", "failed", "deploying", *(() if handled.note else ("kept",)))
    over = {one.name for one in handled.done.states if one.state in ("gone", "none")} | (handled.ended or set())
    for one in handled.done.states:
        if one.state in shown and handled.ended is not None:
            number = await found.begin(_subject(one.app, one.name, one.pull, one.commit))
            await found.end(one.name, but=number, failures=True)
            state = {"healthy": "success", "deploying": "in_progress"}.get(one.state, "failure")
            await found.show(number, Status(state, one.url))
    if handled.ended is None:
        over |= await found.environments() - {one.name for one in handled.done.states if one.state != "gone"}
    for name in sorted(over - {""}):
        await found.end(name, failures=True)


def _subject(app: str, name: str, pull: int, commit: str) -> Subject:
    return Subject(name, commit, f"Preview of {app} for #{pull}", transient=True)
