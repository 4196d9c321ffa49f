"""Shows the rollouts of an apply as deployments on GitHub while they happen, one for each app and environment.

A task of its own writes them, so that no rollout waits for GitHub, and what fails is one warning and nothing else. Only
apps that the run touches have one. The last one of an app also says what was last said about it: see `finish`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.github.api import GitHub, GitHubError
from reconciler.github.deployments import DESCRIPTION, Deployments, Status, Subject
from reconciler.plan.model import Action
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord
from reconciler.text import count
from reconciler.views.lines import shortened
from reconciler.views.summary import OUTCOMES

if TYPE_CHECKING:
    import httpx

    from reconciler.clock import Clock
    from reconciler.github.context import EventContext
    from reconciler.github.inputs import Inputs
    from reconciler.plan.model import Plan
    from reconciler.rollout.model import Event, RolloutReport

TASK = "reconcile"
"""The task of our deployments on GitHub; previews have another one."""

MOST = 50
"""Apps of a run that have deployments: an hour of GitHub has requests for about twice as many."""

PATIENCE = 300.0
"""Seconds after the rollouts that GitHub may take at most, however slowly it answers."""

_GIVE_UP = 3
"""Jobs that may fail: then GitHub is taken to be down."""

_GOES_ON = frozenset({OutcomeKind.TIMED_OUT, OutcomeKind.INTERRUPTED})
_UNTOUCHED = frozenset({OutcomeKind.SKIPPED, OutcomeKind.REFUSED})
_REPLACES = frozenset(
    {
        OutcomeKind.APPLIED,
        OutcomeKind.UNCHANGED,
        OutcomeKind.LEFT,
        OutcomeKind.DEGRADED,
        OutcomeKind.DIVERGED,
        OutcomeKind.ROLLBACK_FAILED,
    }
)
"""Outcomes after which what was deployed before serves no longer."""

_MARKUP = re.compile(r"[^\w./ -]")

LAST_PATIENCE = 5.0
"""The same once the run is being ended: GitHub kills a job ten seconds after it was canceled."""

Job = Callable[[Deployments], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deployments are shown: a repository, the commit, the name of what the specs describe."""

    repository: str
    commit: str
    environment: str
    run_url: str

    def of(self, app: str) -> Subject:
        """What the deployment of an app is of: ``production/shop``, or ``shop`` without an environment."""
        above = _MARKUP.sub("", self.environment).strip()
        name = f"{above}/{app}" if above else app
        return Subject(name, self.commit, f"{app} on App Platform", production=above == "production")


@dataclass
class RolloutDeployments:
    """The deployments of one run. ``problem``: why some are missing; empty if none is.

    ``left_out``: apps that were found in trouble, and not looked at, as there are too many.
    """

    connect: Callable[[], AbstractAsyncContextManager[GitHub]]
    place: Place
    plans: Sequence[Plan]
    problem: str = ""
    left_out: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)
    _started: set[str] = field(default_factory=set)
    _ends: dict[str, OutcomeKind] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _looked_at: int = 0
    _jobs: asyncio.Queue[Job | None] = field(default_factory=asyncio.Queue)
    _task: asyncio.Task[None] | None = None
    _task_failed: bool = False

    def begin(self) -> None:
        """Show that rollouts are pending. Called on the event loop, before the first of them."""
        others = (Action.DELETE, Action.ALERTS)
        apps = [plan.app for plan in self.plans if plan.follow or (plan.writes and plan.action not in others)]
        if len(apps) > MOST:
            self.problem = f"only {MOST} of {count(len(apps), 'app')} have deployments on GitHub"
        for app in apps[:MOST]:
            self._put(self._pending(app))

    def saw(self, event: Event) -> None:
        """Remember how a rollout ended, and show that it is under way, once its deployment has a phase."""
        if event.outcome:
            self._ends[event.app] = event.outcome
        if event.phase and event.app not in self._started:
            self._started.add(event.app)
            self._put(self._in_progress(event.app))

    async def finish(
        self, report: RolloutReport | None, found: Mapping[str, str], error: BaseException | None = None
    ) -> frozenset[str] | None:
        """Show how every rollout ended; without a report an ``error`` ended the run.

        ``found``: apps that the run only found stalled, pinned or degraded, with their newest deployment on App
        Platform. Returns those of them that were shown so already, since that very deployment: about them a message was
        sent, as a status is shown when one is. None if GitHub did not answer.

        Raises:
            CancelledError: the run is being ended: what is left was given a few seconds.
        """
        records = report.records if report else ()
        for record in records:
            self._put(self._ended(record, found))
        if report is None and self._task:
            self._put(self._broken_off(error))
        if self._task is None:
            return frozenset()
        self._jobs.put_nowait(None)
        try:
            await self._written(self._task, PATIENCE)
        except asyncio.CancelledError:
            await self._written(self._task, LAST_PATIENCE)
            raise
        return None if self._task_failed else frozenset(self._said)

    async def _written(self, task: asyncio.Task[None], seconds: float) -> None:
        """Wait for the task, which goes on when the run is cancelled meanwhile."""
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return task.result()
        task.cancel()
        self._task_failed = True
        self.problem = f"deployments on GitHub: they were not all written within {seconds:.0f} s"
        return None

    def _put(self, job: Job) -> None:
        self._jobs.put_nowait(job)
        self._task = self._task or asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Do the jobs: one that fails is no reason to leave the deployments of other apps as they are."""
        failed = 0
        try:
            async with self.connect() as github:
                found = Deployments(github, self.place.repository, TASK, self.place.run_url)
                while job := await self._jobs.get():
                    try:
                        await job(found)
                    except GitHubError as error:
                        self._missing(error)
                        failed += 1
                        if error.forbidden or failed == _GIVE_UP:
                            return
        except GitHubError as error:
            self._missing(error)

    def _missing(self, error: GitHubError) -> None:
        """Remember that something is not shown, and why the first of it is not."""
        if not self._task_failed:
            self.problem = f"deployments on GitHub: {error.sentence}"
        self._task_failed = True

    def _pending(self, app: str) -> Job:
        async def job(found: Deployments) -> None:
            self._numbers[app] = await found.begin(self.place.of(app))
            await found.show(self._numbers[app], Status("pending"))

        return job

    def _in_progress(self, app: str) -> Job:
        async def job(found: Deployments) -> None:
            if app in self._numbers:
                await found.show(self._numbers[app], Status("in_progress"))

        return job

    def _broken_off(self, error: BaseException | None) -> Job:
        """End every deployment: as its app ended, if that is known."""
        why = "was interrupted" if isinstance(error, asyncio.CancelledError) else "failed"

        async def job(found: Deployments) -> None:
            for app, number in self._numbers.items():
                if kind := self._ends.get(app):
                    await self._settle(found, RolloutRecord(app, Action.UPDATE, Outcome(kind)), number)
                else:
                    await found.show(number, Status("error", description=f"the run {why}, see its log"))

        return job

    def _ended(self, record: RolloutRecord, since: Mapping[str, str]) -> Job:
        async def job(found: Deployments) -> None:
            subject = self.place.of(record.app)
            if record.outcome.kind is OutcomeKind.DELETED:
                await found.end(subject.environment)
            elif record.app in self._numbers or (record.deployments and self._may_look()):
                number = self._numbers.get(record.app) or await found.begin(subject)
                await self._settle(found, record, number)
            elif record.app in since:
                await self._found(found, record, since[record.app])

        return job

    def _may_look(self) -> bool:
        """Whether one more app may be looked at."""
        self._looked_at += 1
        return self._looked_at + len(self._numbers) <= MOST

    async def _settle(self, found: Deployments, record: RolloutRecord, number: int) -> None:
        kind = record.outcome.kind
        if kind in _REPLACES:
            await found.end(self.place.of(record.app).environment, but=number)
        await found.show(number, _status(record, record.deployment_id))

    async def _found(self, found: Deployments, record: RolloutRecord, since: str) -> None:
        """Show an app as this run found it, unless that is shown since the same deployment."""
        if not self._may_look():
            self.left_out.add(record.app)
            return
        subject = self.place.of(record.app)
        shown = await found.newest(subject.environment)
        if shown and shown.failed and _mark(since) in shown.description:
            self._said.add(record.app)
        else:
            await found.show(await found.begin(subject), _status(record, since))


def of_run(
    inputs: Inputs,
    context: EventContext,
    plans: Sequence[Plan],
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None,
) -> RolloutDeployments | None:
    """The deployments of a run; None of a rehearsal, which would look like the real one, and without a token."""
    if inputs.sandbox or not (inputs.github_token and context.repository and context.head_sha):
        return None
    place = Place(context.repository, context.head_sha, inputs.environment, context.run_url)
    return RolloutDeployments(lambda: context.github(inputs.github_token, clock, transport), place, plans)


def _status(record: RolloutRecord, deployment: str) -> Status:
    """How a rollout ended. The description names the deployment of App Platform that the app ended on."""
    kind = record.outcome.kind
    state = "failure"
    if kind in (OutcomeKind.APPLIED, OutcomeKind.UNCHANGED):
        state = "success"
    elif kind in _GOES_ON:
        state = "in_progress"
    elif kind in _UNTOUCHED:
        state = "error"
    mark = f" {_mark(deployment)}" if deployment else ""
    text = f"{OUTCOMES[kind].word}{f': {record.outcome.reason}' if record.outcome.reason else ''}"
    room = DESCRIPTION - len(mark)
    said = shortened(text, room) if len(text) <= room else f"{shortened(text[: room - 1], room)[: room - 1]}…"
    return Status(state, record.live_url if state == "success" else "", said + mark)


def _mark(deployment: str) -> str:
    """``(8b2e1c3d)``."""
    return f"({deployment[:8]})"
