"""What people do by hand: `reconcile rollback`, which no freeze window stops, and `reconcile redeploy`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.connect import Suggestions, connect
from reconciler.cli.console import Console, plain
from reconciler.cli.observing import observed_console
from reconciler.cli.options import PERMISSIONS, WHAT, Connection, EnvironmentName, RunOutput, SpecFlags, run_options
from reconciler.cli.status import chosen_apps
from reconciler.clock import SystemClock
from reconciler.errors import LiveError, UsageError
from reconciler.exit_codes import Exit
from reconciler.telemetry.observer import observer

if TYPE_CHECKING:
    from reconciler.config import Config, Policy
    from reconciler.engine.apply import Watch
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp
    from reconciler.rollout.model import RolloutReport
    from reconciler.rollout.ports import RolloutJob

TARGETS = 200
"""How many of the newest deployments are searched for a rollback target: one page."""


def rollback(
    app: Annotated[str, Parameter(help="name of the app")],
    *,
    to: Annotated[
        str, Parameter(help="deployment to roll back to [default: the last good one of another version]")
    ] = "",
    pin: Annotated[
        bool, Parameter(help="do not commit: leave the app pinned until --commit or --revert (see docs/rollout.md)")
    ] = False,
    commit: Annotated[
        bool, Parameter(help="commit the rollback that the app is pinned to, once its health has been checked")
    ] = False,
    force: Annotated[bool, Parameter(help="with --commit: commit regardless of health")] = False,
    revert: Annotated[bool, Parameter(help="revert the rollback that the app is pinned to")] = False,
    config: Annotated[
        Path | None, Parameter(help="reconcile.yaml, for timeouts and health [default: the nearest]")
    ] = None,
    env: EnvironmentName = "",
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Roll an app back to an earlier deployment, check its health and commit; or commit or revert a pinned rollback."""
    if sum((bool(to) or pin, commit, revert)) > 1:
        raise UsageError("--commit and --revert cannot be combined with each other, --to or --pin")
    if force and not commit:
        raise UsageError("--force can only be used with --commit", hint=f"reconcile rollback {app} --commit --force")
    import asyncio

    from reconciler.cli.environments import in_environment

    connection, file, named = in_environment(env, config, connection)
    app, settings, console = named(app), file.config, observed_console(output, "rollback", env)
    if commit:
        return asyncio.run(_commit(app, settings, connection, console, force=force))
    return asyncio.run(_rollback(app, (to, pin, revert), settings, connection, console))


def redeploy(
    *apps: Annotated[str, Parameter(help="names of apps", negative=())],
    specs: Annotated[
        tuple[Path, ...], Parameter(group=WHAT, help="file or folder of app specs; can be repeated [default: specs/]")
    ] = (),
    force_build: Annotated[bool, Parameter(group=WHAT, help="build without the cache of earlier builds")] = False,
    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="also redeploy a spec that failed before")] = False,
    override_freeze: Annotated[bool, Parameter(group=PERMISSIONS, help="redeploy inside a freeze window")] = False,
    allow: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="allow what a guard refused, such as max-changes")
    ] = (),
    config: Annotated[Path | None, Parameter(group=WHAT, help="reconcile.yaml [default: the nearest]")] = None,
    env: EnvironmentName = "",
    connection: Connection = Connection(),
    output: RunOutput = RunOutput(),
) -> int:
    """Deploy apps again with the newest commit or image of every source; their specs stay as they are.

    Watched, judged and rolled back like any rollout. An app that differs from Git is refused: apply it instead.
    """
    if not apps:
        raise UsageError("redeploy needs APPS", hint="such as: reconcile redeploy shop")
    source = SpecFlags(config=config, app=apps, env=env)
    options = replace(
        run_options(specs, source),
        apply=True,
        redeploy=True,
        force_build=force_build,
        retry=retry,
        override_freeze=override_freeze,
        allow=frozenset(allow),
        rehearsal=connection.sandbox,
    )
    import asyncio

    from reconciler.cli.run import CommandLine, show_applied
    from reconciler.engine.apply import run

    console = observed_console(output, "redeploy", env)
    if env:
        from reconciler.cli.environments import connection_of

        connection = connection_of(connection, options)
    finished = asyncio.run(run(options, CommandLine(console, connection), SystemClock()))
    return show_applied(finished, console, connection)


async def _commit(name: str, config: Config, connection: Connection, console: Console, *, force: bool) -> int:
    """Commit the rollback that the app is pinned to: once it was judged healthy, or as it is."""
    from reconciler.cli.run import CommandLine
    from reconciler.engine import safety
    from reconciler.engine.apply import roll_back
    from reconciler.engine.load import RunOptions
    from reconciler.rollout import writes as manual
    from reconciler.rollout.model import OutcomeKind

    async with connect(connection, console.waiting) as client:
        await safety.check_account(client, RunOptions(rehearsal=connection.sandbox), config)
        (app,) = await chosen_apps(client, (name,))
        pinned = manual.require_pin(app)
        if force:
            if not pinned.phase.terminal:  # the platform answers 409
                message = f"{name} is pinned to deployment {pinned.id}, which is still {pinned.phase.value}"
                raise UsageError(message, hint="without --force it is followed, judged and then committed")
            gone = await manual.commit(client, app, SystemClock())
            report = _committed(app, gone=gone)
        else:
            wanted = _job(app, config.policy(name), "rollback")
            job = replace(wanted, resume_rollback=True, follow=pinned.id, carried=pinned.spec)
            with CommandLine(console, connection).watch([name]) as watched:
                report = _as_requested(await roll_back(job, client, SystemClock(), _requested(watched)))
    report = _reported(report, connection)
    outcome = report.records[0].outcome
    if outcome.kind is OutcomeKind.TAKEN_BACK and console.format == "text":
        console.out(plain(f"{name}: {outcome.reason}"))
    else:
        console.rollout(report, None)
    return safety.of_rollout(report)


_HEALTHY = "the rollback is healthy and committed"


def _as_requested(report: RolloutReport) -> RolloutReport:
    """The report of what a person asked for, a rollback that is committed or pinned: that is done, not failed."""
    from reconciler.rollout.model import Outcome, OutcomeKind

    (record,) = report.records
    outcome = replace(record.outcome, requested=record.outcome.kind is OutcomeKind.PINNED)
    if outcome.kind is OutcomeKind.ROLLED_BACK:
        outcome = Outcome(OutcomeKind.TAKEN_BACK, _HEALTHY)
    return replace(report, records=(replace(record, outcome=outcome),))


async def _warned(report: RolloutReport, client: Client, policy: Policy) -> RolloutReport:
    """The report of a pin that was requested, with a warning if the next run would take it for its own and commit it.

    A pin carries no note of who made it (docs/decisions/008); whether Git still wants the spec is assumed.
    """
    from reconciler.plan.deployment_history import unfinished_rollback
    from reconciler.rollout.model import OutcomeKind

    (record,) = report.records
    if record.outcome.kind is not OutcomeKind.PINNED:
        return report
    warning = (
        "the next apply may commit this rollback: it looks like one of a run that was interrupted, made so soon after "
        f"the deployment and by the same user; to keep the pin, set on_failure: pin for {record.app} in reconcile.yaml"
    )
    try:
        app, past = await client.get_app(record.app_id), await client.list_deployments(record.app_id)
        if unfinished_rollback(app, past, lambda _spec: True, policy) is None:
            return report
    except LiveError as error:  # the pin was made, and has to be said
        warning = f"could not read whether the next apply may commit this rollback: {error.message}"
    return replace(report, records=(replace(record, warnings=(*record.warnings, warning)),))


def _requested(watched: Watch) -> Watch:
    """The watch that shows such an end as done, too."""
    from reconciler.rollout.model import Event, OutcomeKind

    def shown(event: Event) -> None:
        if event.outcome is OutcomeKind.ROLLED_BACK:
            event = replace(event, outcome=OutcomeKind.TAKEN_BACK, text=_HEALTHY)
        watched.on_event(replace(event, requested=event.outcome is OutcomeKind.PINNED))

    return replace(watched, on_event=shown)


def _reported(report: RolloutReport, connection: Connection) -> RolloutReport:
    """The report as it may be shown, once the observer has it."""
    report = Suggestions.of(connection).rollout(report)
    observer().rolled_out(report)
    return report


def _committed(app: LiveApp, *, gone: bool) -> RolloutReport:
    """The report of a rollback that was committed whatever its health is; ``gone``: the pin is."""
    from reconciler.plan.model import Action
    from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport

    outcome = Outcome(OutcomeKind.TAKEN_BACK, "the rollback is committed; its health was not checked")
    if not gone:
        reason = "the rollback was committed, but the app still shows as pinned"
        outcome = Outcome(OutcomeKind.BLOCKED, reason, (f"reconcile status {app.name}",), pinned=True)
    return RolloutReport((RolloutRecord(app.name, Action.NONE, outcome, app_id=app.id),))


async def _rollback(
    name: str, wanted: tuple[str, bool, bool], config: Config, connection: Connection, console: Console
) -> int:
    from reconciler.cli.run import CommandLine
    from reconciler.engine import safety
    from reconciler.engine.apply import roll_back
    from reconciler.engine.load import RunOptions
    from reconciler.rollout import writes as manual

    to, pin, revert = wanted
    async with connect(connection, console.waiting) as client:
        await safety.check_account(client, RunOptions(rehearsal=connection.sandbox), config)
        (app,) = await chosen_apps(client, (name,))
        job = _job(app, config.policy(name), "leave" if revert else "pin" if pin else "rollback")
        if revert:
            deployment = await manual.revert(client, app)
            console.err(plain(f"{name}: rollback reverted; following deployment {deployment.id}"))
            job = replace(job, follow=deployment.id, carried=deployment.spec)
        else:
            await _check_target(client, app, to)
            job = replace(job, roll_back=True, roll_back_to=to)
        with CommandLine(console, connection).watch([name]) as watched:
            report = await roll_back(job, client, SystemClock(), _requested(watched) if pin else watched)
        report = await _warned(_as_requested(report), client, config.policy(name)) if pin else report
    console.rollout(_reported(report, connection), None)
    code = safety.of_rollout(report)
    return Exit.OK if pin and code is Exit.ROLLED_BACK else code  # rolling back is what was requested


def _job(app: LiveApp, policy: Policy, on_failure: str) -> RolloutJob:
    from reconciler.plan.compare import live_digest
    from reconciler.plan.model import Action, Plan, SyncStatus
    from reconciler.rollout.ports import RolloutJob

    plan = Plan(app.name, SyncStatus.OUT_OF_SYNC, Action.REDEPLOY, app_id=app.id, live_digest=live_digest(app))
    policy = policy.model_copy(update={"on_failure": on_failure})
    return RolloutJob(plan, None, policy, again=f"reconcile status {app.name}")


async def _check_target(client: Client, app: LiveApp, to: str) -> None:
    """Refuse an impossible target before any request is sent.

    Raises:
        UsageError: the app has no such deployment, or it runs the active version (C92).
    """
    if not to:
        return
    from reconciler.plan.canonical import canonical

    hint, active = f"reconcile status {app.name} --deployments {TARGETS}", app.active_deployment
    if active is not None and to == active.id:
        raise UsageError(f"{app.name} is already on deployment {to}", hint=hint)
    target = next((one for one in await client.list_deployments(app.id, limit=TARGETS) if one.id == to), None)
    if target is None:
        raise UsageError(f"{app.name} has no deployment {to} among its last {TARGETS}", hint=hint)
    if active is None or not target.sources or target.sources != active.sources:
        return
    if canonical(target.spec) == canonical(active.spec):
        message = f"deployment {to} has the spec, commits and images that {app.name} already runs"
        raise UsageError(message, hint=hint)
