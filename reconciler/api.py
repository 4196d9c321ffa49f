"""Use `reconcile` from a program: validate, plan, detect drift, apply.

    async with Client(token) as client:
        report = await apply(client, Options(specs=(Path("specs"),)), on_event=print)

The names in ``__all__`` follow semantic versioning: within a major version none is removed, no field or parameter loses
its meaning, and what is added has a default. Every other module may change in any release.

The engine enforces here what it enforces on the command line: freeze windows, guards, the saved plan and the account
(`docs/decisions/`). Reports and errors have their secrets hidden, so that they can be printed and stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from reconciler.clock import Clock, SystemClock
from reconciler.engine.apply import Finished, Watch, run
from reconciler.engine.load import Desired, check
from reconciler.engine.load import RunOptions as Options
from reconciler.engine.planner import Planned
from reconciler.errors import InvalidInput, LiveError, PlanMismatch, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Location, Severity
from reconciler.live.client import Client
from reconciler.plan.model import Action, Change, Cost, Plan, PlanReport, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport

__all__ = [
    "Action",
    "Change",
    "Client",
    "Clock",
    "Cost",
    "Event",
    "Exit",
    "Finding",
    "InvalidInput",
    "LiveError",
    "Location",
    "Options",
    "Outcome",
    "OutcomeKind",
    "Plan",
    "PlanMismatch",
    "PlanReport",
    "ReconcileError",
    "RolloutRecord",
    "RolloutReport",
    "Severity",
    "SyncStatus",
    "UsageError",
    "apply",
    "drift",
    "plan",
    "validate",
]


def validate(options: Options) -> tuple[Finding, ...]:
    """What is wrong with the specs, found offline; the errors among them would refuse a plan.

    Raises:
        UsageError: an app that ``options`` name has no spec.
        InvalidInput: the configuration cannot be used.
    """
    desired = check(options, offline=True)
    return Redactor(desired.secrets).within(desired.findings)


async def plan(client: Client, options: Options, *, clock: Clock | None = None) -> PlanReport:
    """What `apply` would do; nothing is changed. ``client`` is entered already (``async with Client(…)``).

    Raises:
        InvalidInput: specs or the configuration cannot be used; it has the findings.
        PlanMismatch: the client's token is of another account than the configuration names.
        LiveError: App Platform could not be reached for any app.
    """
    front = _Program(client)
    finished = await front.run(replace(options, apply=False, drift=False), clock)
    return front.redact.within(finished.planned.report)


async def drift(client: Client, options: Options, *, clock: Clock | None = None) -> PlanReport:
    """The same with who made each difference. Raises what `plan` raises."""
    front = _Program(client)
    finished = await front.run(replace(options, apply=False, drift=True), clock)
    return front.redact.within(finished.planned.report)


async def apply(
    client: Client,
    options: Options,
    *,
    agree: Callable[[PlanReport], bool] = lambda _report: True,
    on_event: Callable[[Event], None] = lambda _event: None,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> RolloutReport | None:
    """Plan, roll out, watch, and roll back what fails; None if ``agree`` was asked and said no.

    ``agree`` is asked once, with the plan, before anything is written. ``on_event`` is called as things happen, with
    secrets hidden; both run on the event loop. Setting ``stop`` ends the run as Ctrl-C does: deployments go on, and the
    report names them. How each app ended is in the report's records; nothing is raised for one that failed.

    Raises:
        InvalidInput: specs or the configuration cannot be used; it has the findings.
        PlanMismatch: the whole run is refused (freeze window, saved plan, account); nothing was changed.
        LiveError: App Platform could not be reached for any app; nothing was changed.
    """
    front = _Program(client, agree, on_event, stop)
    finished = await front.run(replace(options, apply=True, drift=False), clock)
    return front.redact.within(finished.rollout)


@dataclass
class _Program:
    """A program as a front end, see `engine.apply.FrontEnd`."""

    client: Client
    agree: Callable[[PlanReport], bool] = lambda _report: True
    on_event: Callable[[Event], None] = lambda _event: None
    stop: asyncio.Event | None = None
    redact: Redactor = field(default_factory=Redactor)

    async def run(self, options: Options, clock: Clock | None) -> Finished:
        """Run the engine; what an error says has its secrets hidden, too."""
        try:
            return await run(options, self, clock or SystemClock())
        except ReconcileError as error:
            error.redact(self.redact.within)
            raise

    def loaded(self, desired: Desired) -> None:
        """Hide secrets from now on."""
        self.redact = Redactor(desired.secrets)

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """Return the program's client, which it closes itself."""
        return nullcontext(self.client)

    def planned(self, planned: Planned) -> None:
        """Show nothing: whoever wants to see the plan is asked about it."""

    def agrees(self, planned: Planned) -> bool:
        """Ask the program."""
        return self.agree(self.redact.within(planned.report))

    @contextmanager
    def watch(self, _apps: Sequence[str]) -> Iterator[Watch]:
        """Hand on events."""
        yield Watch(lambda event: self.on_event(self.redact.within(event)), self.stop)
