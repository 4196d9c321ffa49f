"""Observe, compare, propose what differs, and plan; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.config import Config
from reconciler.config_file import no_spec
from reconciler.engine import safety
from reconciler.engine.load import Desired, as_live
from reconciler.engine.options import RunOptions
from reconciler.engine.planner import PlannedApp, Planner, check_rotations
from reconciler.findings import Finding
from reconciler.plan.guard import check_allowed
from reconciler.plan.model import PlanReport
from reconciler.plan.newer import PipelineCommit
from reconciler.plan.secret_fingerprints import Fingerprints
from reconciler.plan.warnings import without_repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.clock import Clock
    from reconciler.desired.reading import Named
    from reconciler.engine.prune import Removed
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp


@dataclass(frozen=True)
class Planned:
    """A run's plans and their report. ``fleet``: the number of apps, live or wanted, for the guards.

    Its repr is short: `asyncio.run` makes one of whatever it returns.
    """

    apps: tuple[PlannedApp, ...] = field(repr=False)
    report: PlanReport = field(repr=False)
    config: Config
    options: RunOptions
    fleet: int


async def plan(desired: Desired, options: RunOptions, client: Client, clock: Clock) -> Planned:
    """Observe, compare, propose what differs, and plan; nothing is changed.

    A fleet in sync costs only the listing of its apps.

    Raises:
        PlanMismatch: specs name apps that they must not name.
        InvalidInput: App Platform refuses a spec, and does not have it so already.
    """
    safety.refuse_unowned(desired, options)
    check_allowed(options.allow)
    check_rotations(options.rotate, desired.apps, desired.known)
    began, now = clock.monotonic(), clock.now()
    planner = Planner(
        client,
        desired.config,
        now,
        options.rotate,
        options.retry,
        fingerprints(desired, options),
        PipelineCommit.of(options.environ),
        options.redeploy,
        options.show_live_values,
    )
    removed = pruning(desired, options)
    fleet = {app.name: app for app in await client.list_apps()}
    desired = as_live(desired, fleet)
    apps = await planner.plans(desired.apps, fleet, desired.known)
    unmanaged_apps = unmanaged(fleet, desired)
    notes: tuple[Finding, ...] = ()
    if removed is not None:
        deletions, notes = removed.judge([fleet[name] for name in unmanaged_apps if options.selects(name)], planner)
        apps += deletions
        unmanaged_apps = tuple(sorted({*unmanaged_apps} - {app.plan.app for app in deletions}))
    if options.drift:
        from reconciler.engine.drift import attributed

        apps = attributed(apps, _reader(desired, options), now)
    plans, renames = without_repeats([app.plan for app in apps])
    apps = tuple(replace(app, plan=one) for app, one in zip(apps, plans, strict=True))
    everyone = len(fleet.keys() | desired.known)
    apps = safety.guard(apps, options, desired.config, everyone)
    report = PlanReport(
        tuple(app.plan for app in apps),
        (*_without_removed(desired.findings, removed), *notes, *renames),
        requests=client.requests,
        seconds=clock.monotonic() - began,
        unmanaged=unmanaged_apps if options.unmanaged else (),
    )
    return Planned(apps, report, desired.config, options, everyone)


def _without_removed(findings: Sequence[Finding], removed: Removed | None) -> list[Finding]:
    """The findings without those that the configuration still names an app whose spec was removed: it has to (C81)."""
    expected = {no_spec(name) for name in removed.specs} if removed is not None else set()
    return [finding for finding in findings if finding.message not in expected]


def unmanaged(fleet: Mapping[str, LiveApp], desired: Desired) -> tuple[str, ...]:
    """Live apps without a spec, current or former name; they are reported and never touched."""
    moved = (desired.config.former_names(name) for name in desired.known - fleet.keys())
    return tuple(sorted((fleet.keys() - desired.known).difference(*moved)))


def fingerprints(desired: Desired, options: RunOptions) -> Fingerprints | None:
    """The fingerprints of secrets, if the policy of any app asks for them.

    Raises:
        UsageError: one does, and the environment has no key.
    """
    wanted = any(desired.config.policy(app.name).secrets == "fingerprint" for app in desired.apps)
    return Fingerprints.of(options.environ) if wanted else None


def pruning(desired: Desired, options: RunOptions) -> Removed | None:
    """The removed specs in Git's history, if they are to be pruned.

    Raises:
        PlanMismatch: they are, and Git's history is incomplete.
        InvalidInput: there is no spec, and never was.
    """
    if not options.prune:
        return None
    from reconciler.engine.prune import Removed, check_emptied

    removed = Removed.read(options.specs, desired.known, _reader(desired, options))
    check_emptied(desired.findings, removed)
    return removed


def _reader(desired: Desired, options: RunOptions) -> Callable[[str, str], Named]:
    from reconciler.desired.reading import reader

    return reader(desired.config, options.environ, options.variables)
