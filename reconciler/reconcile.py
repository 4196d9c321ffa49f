"""The story on one screen: load, validate, observe, plan, propose, apply."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.config import Config
from reconciler.config_file import ConfigFile, check_names, did_you_mean, read_config
from reconciler.desired.load import load as load_specs
from reconciler.desired.policies import load_policies
from reconciler.desired.validate import validate_all
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Finding, has_errors, ranked
from reconciler.inquiry import Inquiry, PlannedApp, check_rotations
from reconciler.plan.fingerprints import KEY_VARIABLE, Fingerprints
from reconciler.plan.guard import check_allowed, guarded
from reconciler.plan.model import Plan, PlanReport, SyncStatus
from reconciler.plan.renamed import told_once
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.rollout.ports import Job
from reconciler.unjudged import judged_on

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.clock import Clock
    from reconciler.desired.model import DesiredApp
    from reconciler.desired.reading import Named
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp
    from reconciler.prune import Removed
    from reconciler.rollout.model import Event

GOES_ON = (OutcomeKind.TIMED_OUT, OutcomeKind.INTERRUPTED)
"""Outcomes after which a deployment goes on without us."""


@dataclass(frozen=True)
class Wishes:
    """What a caller asks for. ``shard`` is (part, of how many), counted from 1; ``drift``: say who made differences."""

    specs: tuple[Path, ...]
    config: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict: bool = False
    apps: frozenset[str] = frozenset()
    shard: tuple[int, int] = (1, 1)
    rotate: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    retry: bool = False
    prune: bool = False
    unmanaged: bool = False
    drift: bool = False


@dataclass(frozen=True)
class Desired:
    """What Git wants: the apps that were asked for, out of ``known`` ones, and what is to be said of them."""

    apps: tuple[DesiredApp, ...]
    config: Config
    findings: tuple[Finding, ...]
    known: frozenset[str]
    keys: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def secrets(self) -> frozenset[str]:
        """Every value that must never reach an output."""
        return self.keys.union(*(app.secrets for app in self.apps))


def check(wishes: Wishes) -> Desired:
    """Load and judge the specs; what is wrong with them is in the findings.

    Raises:
        UsageError: an app that is asked for by name is in no spec; with ``prune`` it may be one that Git no longer has.
    """
    file: ConfigFile = read_config(wishes.config, wishes.specs)
    config = file.config
    loaded = load_specs(
        wishes.specs, config=config, environ=wishes.environ, variables=wishes.variables, strict=wishes.strict
    )
    policies, findings = load_policies(config.policies)
    known = frozenset(app.name for app in loaded.apps)
    unknown = sorted(wishes.apps - known)
    if unknown and not wishes.prune and not has_errors(loaded.findings):
        raise UsageError(f"no spec describes an app {unknown[0]}", hint=did_you_mean(unknown[0], known))
    findings = (*loaded.findings, *findings, *check_names(file, known))
    apps = tuple(app for app in loaded.apps if _asked_for(app.name, wishes))
    findings = (*findings, *validate_all(apps, strict=wishes.strict, policies=policies))
    findings = (*file.warnings, *findings)
    if wishes.prune:
        from reconciler.prune import set_aside

        findings = set_aside(findings)
    keys = frozenset(filter(None, [wishes.environ.get(KEY_VARIABLE)]))
    return Desired(apps, config, tuple(ranked(list(findings))), known, keys)


def load(wishes: Wishes) -> Desired:
    """Load and judge the specs.

    Raises:
        InvalidInput: a spec or the configuration cannot be used; nothing was asked of the network.
    """
    return usable(check(wishes))


def usable(desired: Desired) -> Desired:
    """The same, if it can be planned.

    Raises:
        InvalidInput: a spec or the configuration cannot be used.
    """
    if has_errors(desired.findings):
        raise InvalidInput(desired.findings)
    return desired


@dataclass(frozen=True)
class Planned:
    """A run's plans, and the report of them. Its repr is short: `asyncio.run` makes one of whatever it returns."""

    apps: tuple[PlannedApp, ...] = field(repr=False)
    report: PlanReport = field(repr=False)
    config: Config
    wishes: Wishes


async def plan(desired: Desired, wishes: Wishes, client: Client, clock: Clock) -> Planned:
    """Observe, compare, propose what differs, and say what would be done; nothing is changed.

    A fleet in sync costs the listing of its apps and not one request more.
    """
    check_allowed(wishes.allow)
    check_rotations(wishes.rotate, desired.apps, desired.known)
    began, now = clock.monotonic(), clock.now()
    inquiry = Inquiry(client, desired.config, now, wishes.rotate, wishes.retry, fingerprints(desired, wishes))
    removed = pruning(desired, wishes)
    fleet = {app.name: app for app in await client.list_apps()}
    apps = await inquiry.plans(desired.apps, fleet, desired.known)
    strangers = unmanaged(fleet, desired)
    notes: tuple[Finding, ...] = ()
    if removed is not None:
        deletions, notes = removed.judge([fleet[name] for name in strangers if _asked_for(name, wishes)], inquiry)
        apps += deletions
        strangers = tuple(sorted({*strangers} - {app.plan.app for app in deletions}))
    if wishes.drift:
        from reconciler.origins import attributed

        apps = attributed(apps, _reader(desired, wishes), now)
    everyone = len(fleet.keys() | desired.known)
    plans, renames = told_once([app.plan for app in apps])
    guarded_plans = guarded(plans, desired.config.guards, fleet=everyone, allowed=wishes.allow)
    report = PlanReport(
        guarded_plans,
        (*desired.findings, *notes, *renames),
        requests=client.requests,
        seconds=clock.monotonic() - began,
        unmanaged=strangers if wishes.unmanaged else (),
    )
    apps = tuple(replace(app, plan=judged) for app, judged in zip(apps, guarded_plans, strict=True))
    return Planned(apps, report, desired.config, wishes)


async def apply(
    planned: Planned,
    client: Client,
    clock: Clock,
    *,
    on_event: Callable[[Event], None],
    concurrency: int = 10,
    fail_fast: bool = False,
    stop: asyncio.Event | None = None,
) -> RolloutReport:
    """Roll out what was planned; every app that is not in sync has a record, however it ends."""
    from reconciler.rollout.run import roll_out
    from reconciler.rollout.specs import JobSpecs

    began = clock.monotonic()
    apps = await judged_on(client, planned.apps, clock.now())
    asleep = [app.plan for app in apps if app.plan.status is SyncStatus.IN_SYNC]
    records = await roll_out(
        [job(app, planned) for app in apps if app.plan.status is not SyncStatus.IN_SYNC],
        client,
        clock=clock,
        specs=JobSpecs,
        on_event=on_event,
        concurrency=concurrency,
        fail_fast=fail_fast,
        stop=stop,
    )
    told = {record.app: record for record in [*map(_unchanged, asleep), *records]}
    return RolloutReport(
        tuple(told[app.plan.app] for app in planned.apps),
        requests=client.requests,
        seconds=clock.monotonic() - began,
        left_running=tuple(record.app for record in records if record.outcome.kind in GOES_ON),
    )


def _unchanged(plan: Plan) -> RolloutRecord:
    """The record of an app in sync, for which nothing has to run."""
    return RolloutRecord(plan.app, plan.action, Outcome(OutcomeKind.UNCHANGED), app_id=plan.app_id, cost=plan.cost)


def job(app: PlannedApp, planned: Planned) -> Job:
    """What the rollout room is asked to do for one app."""
    return Job(
        app.plan,
        app.desired,
        app.policy,
        project_id=planned.config.project,
        secrets=app.secrets,
        rendered=app.rendered,
        follow=app.plan.follow,
        resume_rollback=app.plan.resume_rollback,
    )


def unmanaged(fleet: Mapping[str, LiveApp], desired: Desired) -> tuple[str, ...]:
    """Apps that are live and in no spec, nor the former name of one that is; they are told, and never touched."""
    moved = (desired.config.former_names(name) for name in desired.known - fleet.keys())
    return tuple(sorted((fleet.keys() - desired.known).difference(*moved)))


def fingerprints(desired: Desired, wishes: Wishes) -> Fingerprints | None:
    """What makes fingerprints of secrets, if the policy of any app asks for them.

    Raises:
        UsageError: it does, and the environment has no key.
    """
    wanted = any(desired.config.policy(app.name).secrets == "fingerprint" for app in desired.apps)
    return Fingerprints.of(wishes.environ) if wanted else None


def pruning(desired: Desired, wishes: Wishes) -> Removed | None:
    """What Git shows of removed specs, if they are to be pruned.

    Raises:
        PlanMismatch: they are, and Git does not show all of its history.
        InvalidInput: there is no spec, and never was.
    """
    if not wishes.prune:
        return None
    from reconciler.prune import Removed, check_emptied

    removed = Removed.read(wishes.specs, desired.known, _reader(desired, wishes))
    check_emptied(desired.findings, removed)
    return removed


def _reader(desired: Desired, wishes: Wishes) -> Callable[[str, str], Named]:
    from reconciler.desired.reading import reader

    return reader(desired.config, wishes.environ, wishes.variables)


def _asked_for(name: str, wishes: Wishes) -> bool:
    part, whole = wishes.shard
    in_shard = zlib.crc32(name.encode()) % whole == part - 1
    return in_shard and (not wishes.apps or name in wishes.apps)
