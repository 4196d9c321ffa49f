"""`reconcile action`: what each mode of the GitHub action does, from its inputs to what is told."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli.connect import connect
from reconciler.cli.console import log
from reconciler.cli.options import API_URL, Connection
from reconciler.cli.show import failures, findings_of
from reconciler.cli.signals import on_signals
from reconciler.cli.suggested_commands import Suggestions
from reconciler.clock import SystemClock
from reconciler.config_file import find_config, read_config
from reconciler.desired.escaping_links import escaping_links_of
from reconciler.desired.load import find_specs
from reconciler.engine import exits
from reconciler.engine import saved_plans as plan_files
from reconciler.engine.apply import apply
from reconciler.engine.load import Desired, check
from reconciler.engine.options import RunOptions
from reconciler.engine.plan import Planned, plan
from reconciler.errors import InvalidInput, PlanMismatch, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, has_errors
from reconciler.github import action as github_action
from reconciler.github.forks import hide_live_values, refuse_unmanaged
from reconciler.github.inputs import Inputs, Mode
from reconciler.github.report import Result
from reconciler.plan.freeze import frozen
from reconciler.redaction import Redactor
from reconciler.views import annotations as commands
from reconciler.views import markdown, sarif, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    import httpx

    from reconciler.clock import Clock
    from reconciler.github.context import EventContext
    from reconciler.live.client import Client
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import Event

_LOG_WIDTH = 140
"""Columns that fit into a log on GitHub."""

_RUNNERS_OWN = ("INPUT_", "ACTIONS_")


def action() -> int:
    """Run as the GitHub action, whose inputs and event stand in the environment."""
    return asyncio.run(run(os.environ, clock=SystemClock(), out=log))


async def run(
    environ: Mapping[str, str],
    *,
    clock: Clock,
    out: Callable[[str], None],
    transport: httpx.AsyncBaseTransport | None = None,
) -> int:
    """One run of the action in this environment; the exit code of its step is returned.

    ``out`` prints a line of the log. ``transport`` replaces the network to GitHub in tests.
    """
    execute = Performance(environ, clock, out)
    return await github_action.run(environ, execute=execute, clock=clock, out=out, transport=transport)


@dataclass(frozen=True)
class Performance:
    """Does what the mode of the action says."""

    environ: Mapping[str, str]
    clock: Clock
    out: Callable[[str], None]

    async def __call__(self, inputs: Inputs, context: EventContext) -> Result:
        """What happened, with no secret in it.

        Raises:
            ReconcileError: the run broke off; the message holds no secret either.
        """
        wanted = action_options(inputs, self.environ)
        try:
            self._stay_inside(wanted)
            desired = check(wanted)
        except InvalidInput as error:
            return _checked(error.findings, checked=0)
        redact = Redactor({*desired.secrets, inputs.token, inputs.github_token})
        if inputs.mode is Mode.VALIDATE or has_errors(desired.findings):
            return _redacted(_checked(desired.findings, checked=len(desired.apps)), redact)
        try:
            if inputs.mode is Mode.APPLY:
                result = await self._apply(inputs, context, desired, wanted, redact)
            else:
                result = await self._preview(inputs, context, desired, wanted)
        except ReconcileError as error:
            error.message, error.hint = redact(error.message), redact(error.hint)
            raise
        return _redacted(result, redact)

    def _stay_inside(self, wanted: RunOptions) -> None:
        """Refuse links that lead out of the checkout, before anything is read through one.

        Raises:
            InvalidInput: there are such links.
        """
        root = Path(self.environ.get("GITHUB_WORKSPACE") or ".")
        config = wanted.config or find_config(wanted.specs)
        found = escaping_links_of([config] if config and config.exists() else [], root)
        if not found:
            policies = Path(read_config(config, wanted.specs).config.policies)
            rules = sorted(policies.iterdir()) if policies.is_dir() else []
            found = escaping_links_of([*find_specs(wanted.specs, [], policies=str(policies)), *rules], root)
        if found:
            raise InvalidInput(found)

    async def _preview(self, inputs: Inputs, context: EventContext, desired: Desired, wanted: RunOptions) -> Result:
        if context.is_fork and inputs.own_specs:
            own = replace(wanted, specs=tuple(map(Path, inputs.own_specs)), apps=frozenset())
            refuse_unmanaged(desired.known, check(own).known)
        async with self._platform(inputs) as client:
            planned = await plan(desired, wanted, client, self.clock)
        if context.is_fork:
            planned = replace(planned, report=hide_live_values(planned.report))
        if inputs.plan_file:
            plan_files.save(Path(inputs.plan_file), planned)
        report = self._suggest(inputs).plan(planned.report)
        found = findings_of(report)
        return Result(
            exit_code=exits.of_plan(report, differences_matter=inputs.mode is Mode.DRIFT),
            text=_plan_text(report),
            markdown=lambda limit: markdown.plan(report, limit=limit, full=_elsewhere(context, limit)),
            plan=report,
            findings=found,
            annotations=_annotations(found),
            sarif=sarif.sarif(found, tool_version=__version__),
            plan_file=inputs.plan_file,
        )

    async def _apply(
        self, inputs: Inputs, context: EventContext, desired: Desired, wanted: RunOptions, redact: Redactor
    ) -> Result:
        reason = frozen(desired.config.freeze, self.clock.now())
        if reason and not inputs.permissions.override_freeze:
            hint = "put --override-freeze into the input allow to apply all the same"
            raise PlanMismatch(f"nothing is applied: {reason}", hint=hint)
        before = plan_files.read(Path(inputs.expect_plan)) if inputs.expect_plan else None
        suggest = self._suggest(inputs)
        stop = asyncio.Event()
        async with self._platform(inputs) as client:
            planned = await plan(desired, wanted, client, self.clock)
            foreseen = suggest.plan(planned.report)
            for line in _plan_text(foreseen).split("\n"):
                self.out(redact(line))
            if before:
                plan_files.demand(before, Path(inputs.expect_plan), planned)
            with on_signals(stop.set):
                report = await apply(planned, client, self.clock, on_event=self._teller(planned, redact), stop=stop)
        code = exits.of_apply(report, planned)
        report = suggest.rollout(report)
        found = findings_of(foreseen)
        return Result(
            exit_code=code,
            text=text.rollout(report, width=_LOG_WIDTH),
            markdown=lambda limit: markdown.rollout(report, limit=limit, full=_elsewhere(context, limit)),
            rollout=report,
            findings=found,
            annotations=_annotations((*found, *failures(report, foreseen))),
            sarif=sarif.sarif(found, tool_version=__version__),
        )

    def _suggest(self, inputs: Inputs) -> Suggestions:
        return Suggestions.of(Connection(api_url=self._address(inputs), sandbox=inputs.sandbox))

    def _address(self, inputs: Inputs) -> str:
        return inputs.api_url or self.environ.get("DIGITALOCEAN_API_URL") or API_URL

    def _teller(self, planned: Planned, redact: Redactor) -> Callable[[Event], None]:
        names = max((len(app.plan.app) for app in planned.apps), default=0)

        def tell(event: Event) -> None:
            if not event.passing:
                self.out(redact(text.event(event, names=names)))

        return tell

    @asynccontextmanager
    async def _platform(self, inputs: Inputs) -> AsyncIterator[Client]:
        """App Platform by the action's token, or the embedded sandbox.

        Raises:
            UsageError: there is no token.
        """

        def waiting(seconds: float, why: str) -> None:
            self.out(f"waiting {seconds:.0f} s: {why}")

        if inputs.sandbox:
            async with connect(Connection(sandbox=True), waiting) as client:
                yield client
            return
        from reconciler.live.client import Client

        if not inputs.token:
            raise UsageError("no API token: the input token is empty", hint="is the secret set for this environment?")
        async with Client(inputs.token, base_url=self._address(inputs), clock=self.clock, on_wait=waiting) as client:
            yield client


def action_options(inputs: Inputs, environ: Mapping[str, str]) -> RunOptions:
    """What the inputs ask for. Variables of specs come from the step's ``env``, never from inputs.

    The tokens are there under the names that no variable can have, so that they are kept secret wherever they turn up.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(_RUNNERS_OWN)}
    return RunOptions(
        specs=tuple(map(Path, inputs.specs)),
        config=Path(inputs.config) if inputs.config else None,
        environ=own | {"DIGITALOCEAN_TOKEN": inputs.token, "GITHUB_TOKEN": inputs.github_token},
        apps=frozenset(inputs.apps),
        shard=inputs.shard,
        rotate=inputs.permissions.rotate,
        allow=inputs.permissions.allow,
        retry=inputs.permissions.retry,
        prune=inputs.prune,
        drift=inputs.mode is Mode.DRIFT,
    )


def _checked(found: Sequence[Finding], *, checked: int) -> Result:
    """The result of a look at the specs alone."""
    told = tuple(found)
    apps = f"{checked} app{'' if checked == 1 else 's'} checked, no findings"
    return Result(
        exit_code=Exit.INVALID if has_errors(told) else Exit.OK,
        text=text.findings(told) if told else apps,
        markdown=lambda limit: markdown.findings(told, limit=limit) if told else f"### {apps}",
        findings=told,
        annotations=_annotations(told),
        sarif=sarif.sarif(told, tool_version=__version__),
    )


def _annotations(found: Sequence[Finding]) -> tuple[str, ...]:
    lines = commands.annotations(found)
    return tuple(lines.split("\n")) if lines else ()


def _plan_text(report: PlanReport) -> str:
    return text.plan(report, width=_LOG_WIDTH).removeprefix("\n")


def _elsewhere(context: EventContext, limit: int) -> str:
    """Where the whole can be read: a comment leads to the run's summary, which leads nowhere."""
    return context.run_url if limit <= markdown.COMMENT_LIMIT else ""


def _redacted(result: Result, redact: Redactor) -> Result:
    render = result.markdown
    return replace(
        result,
        text=redact(result.text),
        markdown=(lambda limit: redact(render(limit))) if render else None,
        annotations=tuple(map(redact, result.annotations)),
        sarif=redact(result.sarif),
    )
