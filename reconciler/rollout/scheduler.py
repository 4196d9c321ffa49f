"""Rolls out many apps at once: performs what the policy asks for, app by app, and keeps the account.

Each app is a task of one `asyncio.TaskGroup`. An app waits for those it depends on and for the waves before its own,
then for a place: as many are rolled out at once as the token's rate limit carries to their end, or as ``concurrency``
says. One that fails never stops the others, unless they depend on it, come in a later wave, or the run is to fail fast.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import assert_never

from reconciler.clock import Clock
from reconciler.config_names import find_circle
from reconciler.config_sections import NO_WAVES, Waves
from reconciler.errors import InvalidInput, ReconcileError
from reconciler.findings import Finding, Severity
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.rollout.executor import perform
from reconciler.rollout.model import NEEDS, Event, Outcome, OutcomeKind, RolloutRecord, Rules, Task
from reconciler.rollout.observations import Observations, RolloutContext
from reconciler.rollout.outcomes import interrupted, settling
from reconciler.rollout.policy import next_step
from reconciler.rollout.ports import Platform, RolloutJob, SpecKnowledge, Specs
from reconciler.rollout.recorder import Recorder
from reconciler.rollout.reduce import reduce
from reconciler.rollout.state import Goal, RolloutState
from reconciler.rollout.steps import WRITES, CommitRollback, Finish, RestoreSpec, Rollback, Step, Write
from reconciler.rollout.watch import Poller

MOST_STEPS = 100_000
"""More steps than any policy asks for within its budgets; beyond it a rollout is a bug, and stops."""


def _quiet(_event: Event) -> None:
    """Does nothing with an event."""


async def roll_out(  # noqa: PLR0913  every one of these is a choice of the caller
    jobs: Sequence[RolloutJob],
    client: Platform,
    *,
    clock: Clock,
    specs: Callable[[RolloutJob], Specs] = SpecKnowledge,
    on_event: Callable[[Event], None] = _quiet,
    concurrency: int = 0,
    fail_fast: bool = False,
    waves: Waves = NO_WAVES,
    stop: asyncio.Event | None = None,
) -> list[RolloutRecord]:
    """Roll out every job; the records are in the order of the jobs, and there is one for each.

    ``concurrency`` is how many apps at once, 0 for as many as the rate limit carries. ``specs`` gives a job's knowledge
    of specs. When ``stop`` is set, everything stops at once: apps under way end as interrupted, with what continues on
    App Platform and how to resume; the others are skipped. If the task that runs this is canceled, events say the same,
    and CancelledError is raised.

    Raises:
        InvalidInput: apps depend on each other in a cycle.
    """
    order = order_of(jobs)
    run = _Run(client, clock, specs, on_event, concurrency, fail_fast, jobs, order, waves, stop)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run.app(job), name=job.plan.app) for job in jobs]
            if stop is not None:
                watcher = group.create_task(_cancel_when(stop, tasks))
                for task in tasks:
                    task.add_done_callback(lambda _: watcher.cancel() if all(map(asyncio.Task.done, tasks)) else None)
                if not tasks:
                    watcher.cancel()
    finally:
        await run.poller.aclose()
    return [run.records[job.plan.app] for job in jobs]


async def _cancel_when(stop: asyncio.Event, tasks: Iterable[asyncio.Task[None]]) -> None:
    await stop.wait()
    for task in tasks:
        task.cancel()


@dataclass(slots=True)
class _Run:
    """One run over several apps."""

    client: Platform
    clock: Clock
    specs: Callable[[RolloutJob], Specs]
    on_event: Callable[[Event], None]
    concurrency: int
    fail_fast: bool
    jobs: Sequence[RolloutJob]
    order: Mapping[str, Sequence[str]]
    waves: Waves
    stop: asyncio.Event | None
    records: dict[str, RolloutRecord] = field(default_factory=dict)
    done: dict[str, asyncio.Event] = field(init=False)
    wave_of: Mapping[str, int] = field(init=False)
    places: asyncio.Semaphore = field(init=False)
    poller: Poller = field(init=False)
    began: float = field(init=False)
    failed_first: str = ""
    announced: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.done = {job.plan.app: asyncio.Event() for job in self.jobs}
        self.wave_of = waves_of(self.jobs, self.order, self.waves)
        self.places = asyncio.Semaphore(self.concurrency or max(1, len(self.jobs)))
        self.poller = Poller(self.client, self.clock, (job.plan.app_id for job in self.jobs))
        self.began = self.clock.monotonic()

    async def app(self, job: RolloutJob) -> None:
        """One app, from waiting for its turn to its record; there is a record however it ends."""
        name = job.plan.app
        recorder = Recorder(job.plan, self.clock.monotonic, self.began, self.on_event)
        rollout: _Rollout | None = None
        try:
            unmet = await self._unmet(job)
            async with self.places, self._budget(job, begins=not (unmet or self.failed_first)):
                if unmet or self.failed_first:
                    why = unmet or f"{self.failed_first} failed, and this run stops at the first failure"
                    self._finish(job, recorder, _skipped(job, why))
                    return
                recorder = Recorder(job.plan, self.clock.monotonic, self.began, self.on_event)
                rollout = self._rollout(job, recorder)
                self._finish(job, recorder, await rollout.to_its_end(), rollout.context.seen)
        except asyncio.CancelledError:
            outcome = rollout.interrupted() if rollout else _skipped(job, "the run was stopped before it began")
            self._finish(job, recorder, outcome, rollout.context.seen if rollout else None)
            raise
        finally:
            self.poller.ends(rollout.context.seen.app_id if rollout else job.plan.app_id)
            self.done[name].set()

    def _budget(self, job: RolloutJob, *, begins: bool) -> AbstractAsyncContextManager[None]:
        """What a rollout may need of the rate limit; nothing for one that sends nothing."""
        sends = begins and _task(job) is not Task.NONE
        return self.client.reserve(job.plan.app, NEEDS) if sends else nullcontext()

    async def _unmet(self, job: RolloutJob) -> str:
        """Wait for the apps that come before this one; why it cannot be rolled out, or empty.

        Raises:
            CancelledError: the run was stopped before it began; tasks are canceled only once they run.
        """
        if self.stop is not None and self.stop.is_set():
            raise asyncio.CancelledError
        return await self._unmet_dependency(job) or await self._unmet_wave(job)

    async def _unmet_wave(self, job: RolloutJob) -> str:
        """Wait for the waves before this one's, and for the pause between two."""
        wave = self.wave_of.get(job.plan.app, 0)
        before = [name for name, number in self.wave_of.items() if number < wave]
        for name in before:
            await self.done[name].wait()
            if not (kind := self.records[name].outcome.kind).good:
                ended = kind.value.replace("_", " ")
                return f"wave {self.wave_of[name]} did not succeed: {name} ended as {ended}"
        if before:
            await self.clock.sleep(self.waves.pause)
        if wave > len(self.announced):
            self.announced.append(wave)
            numbers = list(self.wave_of.values())
            size = numbers.count(wave)
            text = f"wave {wave} of {max(numbers)} begins: {size} app{'s' if size > 1 else ''}"
            self.on_event(Event(round(self.clock.monotonic() - self.began, 3), job.plan.app, text))
        return ""

    async def _unmet_dependency(self, job: RolloutJob) -> str:
        """Wait for the apps that it depends on."""
        for name in self.order[job.plan.app]:
            await self.done[name].wait()
            kind = self.records[name].outcome.kind
            ended = kind.value.replace("_", " ")
            if not kind.good and job.plan.action is Action.DELETE:
                return f"{name} depends on it, and ended as {ended}"
            if not kind.good:
                return f"it depends on {name}, which ended as {ended}"
        return ""

    def _rollout(self, job: RolloutJob, recorder: Recorder) -> _Rollout:
        recorder.keep_secret(job.policy.secret_values | (job.desired.secrets if job.desired else frozenset()))
        seen = Observations(app_id=job.plan.app_id)
        now = self.clock.monotonic
        context = RolloutContext(job, self.client, self.poller, self.specs(job), recorder, seen, now)
        return _Rollout(context, self.clock, RolloutState(goal_of(job)))

    def _finish(self, job: RolloutJob, recorder: Recorder, outcome: Outcome, seen: Observations | None = None) -> None:
        name = job.plan.app
        if self.fail_fast and not outcome.kind.good and not self.failed_first:
            self.failed_first = name
        self.records[name] = recorder.finish(
            outcome,
            app_id=(seen.app_id if seen else "") or job.plan.app_id,
            requests=self.client.metered(name).requests,
            live_url=seen.live_url if seen else "",
            wave=self.wave_of.get(name, 0),
        )


@dataclass(slots=True)
class _Rollout:
    """One app's rollout: the state, and the step under way."""

    context: RolloutContext
    clock: Clock
    state: RolloutState
    step: Step | None = None

    async def to_its_end(self) -> Outcome:
        """Perform what the policy asks for until it says that this is the end."""
        try:
            return await self._perform_all()
        except ReconcileError as problem:
            return Outcome(OutcomeKind.FAILED, problem.message, (self.context.job.again,), pinned=self.state.pinned)
        except Exception as problem:  # noqa: BLE001  one app's bug must not end the others' rollouts: it is reported
            place = traceback.extract_tb(problem.__traceback__)[-1]
            why = f"a bug in reconciler: {type(problem).__name__} in {place.name}, line {place.lineno}"
            return Outcome(OutcomeKind.FAILED, why, (self.context.job.again,), pinned=self.state.pinned)

    async def _perform_all(self) -> Outcome:
        last = self._charged()
        for _ in range(MOST_STEPS):
            step = self.step = next_step(self.state)
            self.context.recorder.decided(step, self.state)
            if isinstance(step, Finish):
                return step.outcome
            seen = await perform(step, self.state, self.context, self.clock)
            now = self._charged()
            self.state = reduce(self.state, step, seen, now - last)
            last = now
        raise TypeError("a rollout without an end")

    def _charged(self) -> float:
        """Seconds that count for the budgets: no app is judged by how long our requests wait for their turn."""
        held = self.context.client.metered(self.context.job.plan.app).held
        return self.clock.monotonic() - held - self.context.poller.held[self.context.seen.app_id]

    def interrupted(self) -> Outcome:
        """How it ends when the run is stopped now."""
        if not isinstance(self.step, WRITES):
            return interrupted(self.state)
        words = {Rollback: "rollback", CommitRollback: "commit", RestoreSpec: "last good spec"}
        return interrupted(self.state, self.step.task.value if isinstance(self.step, Write) else words[type(self.step)])


def goal_of(job: RolloutJob) -> Goal:
    """What a job asks of the policy."""
    settled, reason = _settled(job.plan)
    task = _task(job)
    follow = job.roll_back_to if task is Task.ROLL_BACK else job.follow or job.plan.follow
    return Goal(task, job.plan.app, Rules.of(job.policy), follow, settled, reason, job.again)


def _task(job: RolloutJob) -> Task:
    if job.roll_back:
        return Task.ROLL_BACK
    if job.resume_rollback or job.plan.resume_rollback:
        return Task.RESUME
    if job.plan.adopt_rollback:
        return Task.ADOPT
    if job.follow or job.plan.follow:
        return Task.FOLLOW
    match job.plan.action:
        case Action.CREATE:
            return Task.CREATE
        case Action.UPDATE:
            return Task.UPDATE
        case Action.REDEPLOY:
            return Task.REDEPLOY
        case Action.DELETE:
            return Task.DELETE
        case Action.NONE | Action.REFUSE | Action.ALERTS:
            return Task.NONE
        case _:
            assert_never(job.plan.action)


_REFUSED = {
    SyncStatus.BLOCKED: OutcomeKind.BLOCKED,
    SyncStatus.STALLED: OutcomeKind.STALLED,
    SyncStatus.DEGRADED: OutcomeKind.DEGRADED,
    SyncStatus.UNKNOWN: OutcomeKind.FAILED,
}


def _settled(plan: Plan) -> tuple[OutcomeKind, str]:
    """The state of an app for which the plan says that nothing is to be done, or may be."""
    if plan.retry_at is not None:
        return OutcomeKind.PLATFORM_FAULT, plan.reason
    if plan.action is Action.REFUSE:
        return _REFUSED.get(plan.status, OutcomeKind.REFUSED), plan.reason
    return OutcomeKind.UNCHANGED, plan.reason


# --- The order of apps: which wait for which, and circles among them. Pure ---


def _skipped(job: RolloutJob, why: str) -> Outcome:
    """The outcome of an app whose turn did not come; a pin of ours that was to be settled is never left unsaid."""
    if not job.resume_rollback:
        return Outcome(OutcomeKind.SKIPPED, why, (job.again,))
    why += f"; the app stays pinned to rollback {job.follow}, which an earlier run began"
    return Outcome(OutcomeKind.SKIPPED, why, (job.again, *settling(job.plan.app)), pinned=True)


def order_of(jobs: Sequence[RolloutJob]) -> dict[str, list[str]]:
    """The apps of this run that each one waits for: those it depends on; for a deletion, those that depend on it (C81).

    Raises:
        InvalidInput: apps depend on each other in a cycle, which is shown.
    """
    goes = {job.plan.app: job.plan.action is Action.DELETE for job in jobs}
    order: dict[str, list[str]] = {app: [] for app in goes}
    for job in jobs:
        for name in (name for name in job.policy.depends_on if name in goes):
            before, after = (job.plan.app, name) if goes[name] else (name, job.plan.app)
            order[after].append(before)
    if circle := " → ".join(find_circle(order)):
        message, hint = f"apps depend on each other in a cycle: {circle}", "break it in depends_on"
        raise InvalidInput([Finding(Severity.ERROR, "depends-on-circle", message, hint)], message, hint=hint)
    return order


# --- Waves: a few apps first, then more of them. Pure ---


def waves_of(jobs: Sequence[RolloutJob], order: Mapping[str, Sequence[str]], waves: Waves) -> dict[str, int]:
    """The wave of each app that is changed, from 1; what it waits for comes in the same wave or before."""
    if not waves.waves:
        return {}
    changed = {job.plan.app for job in jobs if _task(job) is not Task.NONE}
    seen: dict[str, None] = {}
    for job in jobs:
        path = [job.plan.app]
        while path:  # each app once, what it waits for before it
            before = next((name for name in order[path[-1]] if name not in seen), "")
            path.append(before) if before else seen.setdefault(path.pop())
    placed = [name for name in seen if name in changed]
    numbers = [number for number, size in enumerate(waves.sizes(len(placed)), 1) for _ in range(size)]
    return dict(zip(placed, numbers, strict=True))
