"""`reconcile rollback`: roll an app back by hand, or settle a pin."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from reconciler.cli.connect import connect
from reconciler.cli.console import Console
from reconciler.cli.options import Connection, Output
from reconciler.cli.show import ProgressPrinter, show_rollout
from reconciler.cli.signals import on_signals
from reconciler.cli.status import chosen_apps
from reconciler.cli.suggested_commands import Suggestions
from reconciler.clock import SystemClock
from reconciler.engine import exits
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.config import Policy
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp
    from reconciler.rollout.model import RolloutReport
    from reconciler.rollout.ports import RolloutJob

TARGETS = 200
"""Deployments, newest first, among which one to go back to is looked for: a page of them."""

ConfigFile = Annotated[Path | None, Parameter(help="reconcile.yaml, for timeouts and health; found when left out")]


def rollback(
    app: Annotated[str, Parameter(help="name of the app")],
    *,
    to: Annotated[
        str, Parameter(help="deployment to go back to; the last good one of another version when left out")
    ] = "",
    pin: Annotated[
        bool, Parameter(help="do not commit: leave the app pinned until --commit or --revert (see docs/rollout.md)")
    ] = False,
    commit: Annotated[
        bool, Parameter(help="keep the rollback that the app is pinned to, if it is healthy: judge it, then commit it")
    ] = False,
    force: Annotated[bool, Parameter(help="with --commit: commit it whatever its health")] = False,
    revert: Annotated[bool, Parameter(help="take back the rollback that the app is pinned to")] = False,
    config: ConfigFile = None,
    connection: Connection = Connection(),
    output: Output = Output(),
) -> int:
    """Roll an app back to an earlier deployment, judge its health and commit; or settle an app that is pinned.

    Afterwards the spec in Git counts as failed: it is not applied again until it changes, or with `--retry`.
    """
    if sum((bool(to) or pin, commit, revert)) > 1:
        raise UsageError("--commit and --revert settle a pin; they go neither with each other nor with --to or --pin")
    if force and not commit:
        raise UsageError("--force goes with --commit alone", hint=f"reconcile rollback {app} --commit --force")
    from reconciler.config_file import load_config

    policy = load_config(config).policy(app)
    console = Console(output)
    if commit:
        return asyncio.run(_commit(app, policy, connection, console, force=force))
    return asyncio.run(_rollback(app, (to, pin, revert), policy, connection, console))


async def _commit(name: str, policy: Policy, connection: Connection, console: Console, *, force: bool) -> int:
    """Commit the rollback that the app is pinned to: once it was judged healthy, or as it is."""
    from reconciler.rollout import writes as manual
    from reconciler.rollout.model import OutcomeKind

    async with connect(connection, console.waiting) as client:
        (app,) = await chosen_apps(client, (name,))
        pinned = manual.require_pin(app)
        if force:
            gone = await manual.commit(client, app, SystemClock())
            console.out(f"{name}: the rollback is committed" + ("" if gone else ", but the app still shows as pinned"))
            return Exit.OK if gone else Exit.PERSON_NEEDED
        job = _job(app, policy.model_copy(update={"on_failure": "rollback"}))
        report = await _run(client, replace(job, resume_rollback=True, follow=pinned.id, carried=pinned.spec), console)
    if report.records[0].outcome.kind is OutcomeKind.ROLLED_BACK:
        console.out(f"{name}: the rollback is healthy and committed")
        return Exit.OK
    show_rollout(console, Suggestions.of(connection).rollout(report), None)
    return exits.of_rollout(report)


async def _rollback(
    name: str, wish: tuple[str, bool, bool], policy: Policy, connection: Connection, console: Console
) -> int:
    from reconciler.rollout import writes as manual

    to, pin, revert = wish
    async with connect(connection, console.waiting) as client:
        (app,) = await chosen_apps(client, (name,))
        if revert:
            deployment = await manual.revert(client, app)
            console.err(f"{name}: the rollback is taken back; following deployment {deployment.id}")
            job = _job(app, policy.model_copy(update={"on_failure": "leave"}))
            job = replace(job, follow=deployment.id, carried=deployment.spec)
            report = await _run(client, job, console)
        else:
            await _check_target(client, app, to)
            on_failure = "pin" if pin else "rollback"
            job = _job(app, policy.model_copy(update={"on_failure": on_failure}))
            report = await _run(client, replace(job, roll_back=True, roll_back_to=to), console)
    show_rollout(console, Suggestions.of(connection).rollout(report), None)
    code = exits.of_rollout(report)
    return Exit.OK if pin and code is Exit.ROLLED_BACK else code  # going back is what was asked for


async def _check_target(client: Client, app: LiveApp, to: str) -> None:
    """Refuse a deployment that cannot be meant, before anything is asked of the platform.

    Raises:
        UsageError: the app has no such deployment, or it is what is active.
    """
    hint = f"reconcile status {app.name} --deployments {TARGETS}"
    if to and app.active_deployment is not None and to == app.active_deployment.id:
        raise UsageError(f"{app.name} is on deployment {to} already: there is nothing to go back to", hint=hint)
    if to and to not in {found.id for found in await client.list_deployments(app.id, limit=TARGETS)}:
        raise UsageError(f"{app.name} has no deployment {to} among its last {TARGETS}", hint=hint)


def _job(app: LiveApp, policy: Policy) -> RolloutJob:
    from reconciler.plan.compare import live_digest
    from reconciler.plan.model import Action, Plan, SyncStatus
    from reconciler.rollout.ports import RolloutJob

    plan = Plan(app.name, SyncStatus.OUT_OF_SYNC, Action.REDEPLOY, app_id=app.id, live_digest=live_digest(app))
    again = f"reconcile status {app.name}"
    return RolloutJob(plan, None, policy, again=again)


async def _run(client: Client, job: RolloutJob, console: Console) -> RolloutReport:
    from reconciler.rollout.model import RolloutReport
    from reconciler.rollout.ports import SpecKnowledge
    from reconciler.rollout.scheduler import roll_out

    clock = SystemClock()
    began = clock.monotonic()
    stop = asyncio.Event()
    with on_signals(stop.set), ProgressPrinter(console, [job.plan.app]) as teller:
        records = await roll_out([job], client, clock=clock, specs=SpecKnowledge, on_event=teller.tell, stop=stop)
    return RolloutReport(tuple(records), client.requests, clock.monotonic() - began)
