"""`reconcile action`: each mode of the GitHub Action, from its inputs to its result."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli.connect import Suggestions, check_extra, connect, counted
from reconciler.cli.console import log
from reconciler.cli.observing import report_plan
from reconciler.cli.options import API_URL, Connection
from reconciler.cli.signals import on_signals
from reconciler.clock import SystemClock
from reconciler.config import ALL
from reconciler.engine import environments, safety
from reconciler.engine.apply import Watch
from reconciler.engine.apply import run as run_engine
from reconciler.engine.load import RunOptions, check, config_of, each
from reconciler.errors import InvalidInput, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, has_errors
from reconciler.github import action as github_action
from reconciler.github.inputs import Inputs, Mode
from reconciler.github.report import Result
from reconciler.plan.warnings import hide_live_values
from reconciler.redaction import Redactor
from reconciler.telemetry.observer import Observer, observe, observer, traced
from reconciler.views import annotations as commands
from reconciler.views import environments as view
from reconciler.views import lines, markdown, markdown_rollout, sarif, text
from reconciler.views.environments import EnvironmentPlan
from reconciler.views.progress import LineProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    import httpx

    from reconciler.cli.pages import Setting
    from reconciler.clock import Clock
    from reconciler.engine.apply import Finished
    from reconciler.engine.load import Desired
    from reconciler.engine.planner import Planned
    from reconciler.github.context import EventContext
    from reconciler.github.rollouts import RolloutDeployments
    from reconciler.live.client import Client
    from reconciler.notify.bulletin import Bulletin
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import Event, RolloutReport

_LOG_WIDTH = 140
"""Width of GitHub's logs in columns."""

_RUNNERS_OWN = ("INPUT_", "ACTIONS_")


def action() -> int:
    """Run as the GitHub Action, with inputs and event from the environment."""
    return asyncio.run(run(os.environ, clock=SystemClock(), out=log))


async def run(
    environ: Mapping[str, str],
    *,
    clock: Clock,
    out: Callable[[str], None],
    transport: httpx.AsyncBaseTransport | None = None,
) -> Exit:
    """Run the action in this environment; returns the exit code of its step.

    ``out`` prints a line of the log. ``transport`` replaces the network to GitHub in tests.
    """

    async def execute(inputs: Inputs, context: EventContext) -> Result:
        redact = Redactor((inputs.token, inputs.github_token))
        step = ActionStep(inputs, context, environ, clock, out, redact, transport)
        if not (inputs.metrics_file or traced(environ)):
            observe(Observer())
            return await step.result()
        from reconciler.cli.action_observing import observed_result

        return await observed_result(step.result, inputs, environ, clock, out, step.secrets)

    return await github_action.run(environ, execute=execute, clock=clock, out=out, transport=transport)


@dataclass
class ActionStep:
    """The action as a front end, see `engine.apply.FrontEnd`. No secret reaches the log or the result."""

    inputs: Inputs
    context: EventContext
    environ: Mapping[str, str]
    clock: Clock
    out: Callable[[str], None]
    redact: Redactor
    transport: httpx.AsyncBaseTransport | None = None
    """Replaces the network to GitHub in tests."""
    source: str = "the input token"
    """Where the token of App Platform comes from."""
    deployments: RolloutDeployments | None = None
    """The deployments on GitHub, once there is a plan to apply."""
    secrets: set[str] = field(default_factory=set)
    """Every secret that was loaded so far, those of other environments included."""

    async def result(self) -> Result:
        """The result of the run.

        Raises:
            ReconcileError: the run failed.
        """
        if self.inputs.report_file:
            check_extra("report", "jinja2")  # now, as it is needed at the end
        try:
            return await self._result(action_options(self.inputs, self.context, self.environ))
        except InvalidInput as error:
            return replace(self._checked(self.redact.within(error.findings)), exit_code=Exit.INVALID)
        except ReconcileError as error:
            if error.hint == safety.OVERRIDE_FREEZE:
                error.hint = "add --override-freeze to the input `allow` to apply anyway"
            error.redact(self.redact.within)
            raise

    async def _result(self, options: RunOptions) -> Result:
        if options.label == ALL and config_of(options).config.environments:
            return await self._everywhere(replace(options, environment=ALL, label=""))
        if self.inputs.mode is Mode.VALIDATE:
            desired = check(options, offline=True)
            self.loaded(desired)
            return self._checked(self.redact.within(desired.findings), checked=len(desired.apps))
        if self.inputs.mode is Mode.PREVIEW:
            return await self._preview(options)
        try:
            finished = await run_engine(options, self, self.clock)
        except (Exception, asyncio.CancelledError) as error:
            if self.deployments:
                await self.deployments.finish(None, {}, error)
            raise
        if finished.rollout is None:
            report_plan(finished.planned)
            result = self._previewed(finished.planned)
        else:
            result = self._applied(finished.planned, finished.rollout)
        return replace(result, bulletin=self._bulletin(finished))

    def _bulletin(self, finished: Finished) -> Bulletin | None:
        """What messages may be about; nothing of a pull request, whose files could name any address."""
        if not finished.planned.config.notify or self.context.is_unmerged:
            return None
        from reconciler.notify import bulletin

        suggested = finished.rollout and self.suggest.rollout(finished.rollout)
        return bulletin.of(replace(finished, rollout=suggested), self.redact, self.clock.now(), self.context.run_url)

    async def _everywhere(self, options: RunOptions) -> Result:
        """The plan of every environment, each with its own token, as one result; or all of them checked offline.

        Raises:
            UsageError: the mode is another one, or a plan is to be saved.
        """
        if self.inputs.mode not in (Mode.PLAN, Mode.VALIDATE) or self.inputs.plan_file:
            hint = "run a job for each environment, as docs/workflows/apply.yml does"
            raise UsageError("environment: all works only in the modes plan and validate, without plan-file", hint=hint)
        everywhere = each(options)
        if self.inputs.mode is Mode.VALIDATE:
            checked = [check(one, offline=True) for one in everywhere]
            for desired in checked:
                self.loaded(desired)
            found = tuple(dict.fromkeys(finding for desired in checked for finding in desired.findings))
            return self._checked(self.redact.within(found), checked=sum(len(desired.apps) for desired in checked))
        plans = [await self._in(one) for one in everywhere]
        reports, found = [one.report for one in plans], view.findings(plans)
        codes = [safety.of_plan(report, differences_matter=False) for report in reports]
        return Result(
            exit_code=safety.most_serious(codes),
            text=view.plan(plans, width=_LOG_WIDTH),
            markdown=lambda limit: view.markdown(plans, limit=limit, links=self._links(limit)),
            plan=view.together(plans),
            findings=found,
            annotations=_annotations(found),
            sarif=sarif.sarif(found, tool_version=__version__),
            page=self._page(lambda page: page.environments([(one.name, one.report) for one in plans], drift=False)),
        )

    async def _preview(self, options: RunOptions) -> Result:
        from reconciler.cli.action_preview import result

        here = self._with_token(replace(options, environment=options.named(config_of(options).config.environments)))
        try:
            return await result(here, options)
        finally:
            self.redact = here.redact

    def _with_token(self, options: RunOptions) -> ActionStep:
        """The step with the token of the environment that the options name."""
        variable = environments.token_variable(options)
        token = self.environ.get(variable, "").strip() if variable else self.inputs.token
        return replace(self, inputs=replace(self.inputs, token=token), source=variable or self.source)

    async def _in(self, options: RunOptions) -> EnvironmentPlan:
        """The plan of one environment, as it may be shown."""
        here = self._with_token(options)
        observer().within(options.environment)
        try:
            planned = (await run_engine(options, here, self.clock)).planned
        finally:
            self.redact = here.redact
        report_plan(planned)
        return EnvironmentPlan(options.environment, here.published(planned.report), planned.bases)

    def _previewed(self, planned: Planned) -> Result:
        if self.inputs.plan_file:
            safety.save(Path(self.inputs.plan_file), planned)
        report = self.published(planned.report)
        drift = self.inputs.mode is Mode.DRIFT
        found = sarif.of_plan(report)
        return Result(
            exit_code=safety.of_plan(report, differences_matter=drift),
            text=_plan_text(report),
            markdown=lambda limit: markdown.plan(report, limit=limit, links=self._links(limit)),
            plan=report,
            findings=found,
            annotations=_annotations(found),
            sarif=sarif.sarif(found, tool_version=__version__),
            plan_file=self.inputs.plan_file,
            page=self._page(lambda page: page.plan(report, self.redact, drift=drift), planned),
        )

    def _applied(self, planned: Planned, rollout: RolloutReport) -> Result:
        foreseen, report = self.published(planned.report), self.suggest.rollout(self.redact.within(rollout))
        observer().rolled_out(report)
        found = sarif.of_plan(foreseen)
        return Result(
            exit_code=safety.of_apply(rollout, planned),
            text=text.rollout(report, width=_LOG_WIDTH),
            markdown=lambda limit: markdown_rollout.rollout(report, foreseen, limit=limit, links=self._links(limit)),
            rollout=report,
            deployments=self.deployments,
            logs=commands.log_groups(report),
            findings=found,
            annotations=_annotations(sarif.of_rollout(report, foreseen)),
            sarif=sarif.sarif(sarif.of_rollout(report, foreseen), tool_version=__version__),
            page=self._page(lambda page: page.rollout(report, foreseen, self.redact), planned),
        )

    def _page(self, make: Callable[[Setting], str], planned: Planned | None = None) -> str:
        """The page that is asked for, if any; a fork's says nothing of an app's past, as of its live values."""
        if not self.inputs.report_file:
            return ""
        from reconciler.cli.pages import Setting

        now = self.clock.now()
        setting = Setting.of(planned, self._connection, now) if planned else Setting(now)
        return make(replace(setting, histories={}) if self.context.is_fork else setting)

    def _checked(self, found: tuple[Finding, ...], *, checked: int = 0) -> Result:
        return replace(_checked(found, checked=checked), page=self._page(lambda page: page.findings(found)))

    def published(self, report: PlanReport) -> PlanReport:
        """The plan as the log and GitHub may show it: without secrets, and without live values unless asked for."""
        if self.context.is_fork or not self.inputs.show_live_values:
            report = hide_live_values(report, all_values=self.context.is_fork)
        return self.suggest.plan(self.redact.within(report))

    def _links(self, limit: int) -> markdown.Links:
        """The report's addresses: a comment links to the run's summary for the full report, the summary to none."""
        full = self.context.run_url if limit <= markdown.COMMENT_LIMIT else ""
        return markdown.Links(full, self.context.blob_url, self.context.workflow_url)

    # --- the engine's front end ---

    def loaded(self, desired: Desired) -> None:
        """Redact secrets everywhere."""
        self.secrets |= desired.secrets | {self.inputs.token, self.inputs.github_token}
        self.redact = Redactor(self.secrets)

    def connect(self) -> AbstractAsyncContextManager[Client]:
        """Return a client of App Platform with the action's token, or of the embedded sandbox.

        Raises:
            UsageError: there is no token.
        """

        def waiting(seconds: float, why: str) -> None:
            observer().waiting(seconds, why)
            self.out(f"waiting {seconds:.0f} s: {why}")

        if self.inputs.sandbox:
            return connect(self._connection, waiting)
        from reconciler.live.client import Client

        if not self.inputs.token:
            raise UsageError(
                f"no API token: {self.source} is empty", hint="check that the secret is set for this environment"
            )
        client = Client(self.inputs.token, base_url=self._connection.api_url, clock=self.clock, on_wait=waiting)
        return counted(client)

    def planned(self, planned: Planned) -> None:
        """Log the plan, which is about to be applied."""
        report_plan(planned)
        for line in _plan_text(self.published(planned.report)).split("\n"):
            self.out(self.redact(line))
        if self.inputs.deployments and self.inputs.mode is Mode.APPLY:
            from reconciler.github.rollouts import of_run

            plans = [app.plan for app in planned.apps]
            self.deployments = of_run(self.inputs, self.context, plans, self.clock, self.transport)

    def agrees(self, planned: Planned) -> bool:
        """Agree: a pipeline has nobody to ask."""
        return planned.options.apply

    @contextmanager
    def watch(self, apps: Sequence[str]) -> Iterator[Watch]:
        """Log events; the first signal stops the run."""
        progress = LineProgress(apps)

        def log_event(event: Event) -> None:
            observer().happened(event)
            if self.deployments:
                self.deployments.saw(event)
            if found := progress.lines(event):
                self.out(self.redact(lines.render(found)))

        if self.deployments:
            self.deployments.begin()
        stop = asyncio.Event()
        with on_signals(stop.set):
            yield Watch(log_event, stop)

    @property
    def suggest(self) -> Suggestions:
        """What adds the flags of the connection and the choice of apps to suggested commands."""
        return Suggestions.of(self._connection, action_options(self.inputs, self.context, self.environ))

    @property
    def _connection(self) -> Connection:
        if self.inputs.sandbox:
            return Connection(sandbox=True)
        return Connection(api_url=self.inputs.api_url or self.environ.get("DIGITALOCEAN_API_URL") or API_URL)


def action_options(inputs: Inputs, context: EventContext, environ: Mapping[str, str]) -> RunOptions:
    """What the inputs ask for. Variables of specs come from the step's ``env``, never from inputs.

    The tokens are there under the names that no variable can have, so that they are kept secret wherever they turn up.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(_RUNNERS_OWN)}
    return RunOptions(
        specs=tuple(map(Path, inputs.specs)),
        config=Path(inputs.config) if inputs.config else None,
        environ=own | {"DIGITALOCEAN_TOKEN": inputs.token, "GITHUB_TOKEN": inputs.github_token},
        apps=frozenset(inputs.apps),
        exclude=frozenset(inputs.exclude),
        changed_since=inputs.only_changed,
        shard=inputs.shard,
        checkout=Path(environ.get("GITHUB_WORKSPACE") or "."),
        own_specs=tuple(map(Path, inputs.own_specs)) if context.is_fork else (),
        apply=inputs.mode is Mode.APPLY,
        prune=inputs.prune,
        drift=inputs.mode is Mode.DRIFT,
        rotate=inputs.permissions.rotate,
        allow=inputs.permissions.allow,
        retry=inputs.permissions.retry,
        override_freeze=inputs.permissions.override_freeze,
        expect=Path(inputs.expect_plan) if inputs.expect_plan else None,
        show_live_values=inputs.show_live_values and not context.is_fork,
        logs=inputs.logs.value,
        rehearsal=inputs.sandbox,
        label=inputs.environment,
    )


def _checked(found: tuple[Finding, ...], *, checked: int = 0) -> Result:
    """The result of validating only the specs."""
    apps = f"{checked} app{'' if checked == 1 else 's'} checked, no findings"
    return Result(
        exit_code=Exit.INVALID if has_errors(found) else Exit.OK,
        text=lines.findings(found) if found else apps,
        markdown=lambda limit: markdown.findings(found, limit=limit) if found else f"### {apps}",
        findings=found,
        annotations=_annotations(found),
        sarif=sarif.sarif(found, tool_version=__version__),
    )


def _annotations(found: Sequence[Finding]) -> tuple[str, ...]:
    lines = commands.annotations(found)
    return tuple(lines.split("\n")) if lines else ()


def _plan_text(report: PlanReport) -> str:
    return text.plan(report, width=_LOG_WIDTH).removeprefix("\n")
