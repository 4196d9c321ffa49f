"""Queries the platform as needed to plan: nothing for an app in sync, history and a proposal for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.config import Config, Policy
from reconciler.desired.load import DesiredApp
from reconciler.desired.preview_mark import proven
from reconciler.desired.validate import of_new_app
from reconciler.engine.load import Desired, RunOptions
from reconciler.errors import (
    Conflict,
    LiveError,
    NotFound,
    RateLimited,
    Rejected,
    ServerFailed,
    Unauthorized,
    UsageError,
)
from reconciler.findings import Finding, Severity
from reconciler.live.models import Deployment, LiveApp, Phase, Proposal
from reconciler.plan.align import Secrets, names
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import Comparison, compare, payload
from reconciler.plan.decide import Evidence, make_plan
from reconciler.plan.deployment_history import RECHECKS, prior_failure, unfinished_rollback, unjudged
from reconciler.plan.model import Action, Plan, PlanReport, SyncStatus
from reconciler.plan.platform import PipelineCommit, failed_since, failure_codes, older_components
from reconciler.plan.secret_fingerprints import Fingerprints, unencrypted
from reconciler.plan.warnings import possible_rename
from reconciler.redaction import Redactor
from reconciler.text import ago, did_you_mean

if TYPE_CHECKING:
    from reconciler.live.client import Client
    from reconciler.plan.alerts import AlertPlan


HISTORY = 200
"""How many deployments of an app are read, in one request: a spec may have failed long before it is wanted again."""


@dataclass(frozen=True)
class PlannedApp:
    """One app's plan and its evidence. ``desired`` is None for an app to be deleted.

    ``deployments``, newest first, are those that were read: empty for an app in sync. The specs of ``live`` may then be
    Git's, with which they agree.
    """

    plan: Plan
    policy: Policy
    desired: DesiredApp | None = None
    live: LiveApp | None = field(default=None, repr=False)
    rendered: Mapping[str, Any] | None = field(default=None, repr=False)
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    deployments: tuple[Deployment, ...] = field(default=(), repr=False)
    alerts: AlertPlan | None = field(default=None, repr=False)

    def planned(self, plan: Plan) -> PlannedApp:
        """The app with this plan: itself, as nearly always, if it has it already."""
        return self if plan is self.plan else replace(self, plan=plan)


@dataclass(frozen=True)
class Planned:
    """A run's plans and their report. ``fleet``: the number of apps, live or wanted, for the guards.

    ``environment`` is the one that was planned, however it was named; empty if the configuration has none.

    Its repr is short: `asyncio.run` makes one of whatever it returns.
    """

    apps: tuple[PlannedApp, ...] = field(repr=False)
    report: PlanReport = field(repr=False)
    config: Config
    options: RunOptions
    fleet: int
    environment: str = ""

    @property
    def bases(self) -> dict[str, str]:
        """The name in the base of each app of an environment."""
        return {app.desired.name: app.desired.base for app in self.apps if app.desired is not None}


@dataclass(frozen=True)
class Planner:
    """The queries of one run."""

    client: Client
    config: Config
    now: datetime
    rotate: frozenset[str] = frozenset()
    retry: bool = False
    fingerprints: Fingerprints | None = field(default=None, repr=False)
    commit: PipelineCommit | None = None
    redeploy: bool = False
    show_live_values: bool = False
    removed: Callable[[str], str] = lambda _name: ""
    """How Git shows that an app's spec was removed, see `prune.removals`; empty where it does not."""

    in_sync: dict[str, PlannedApp] = field(default_factory=dict, repr=False)
    """The plans that `page_by_page` made, by name."""

    def page_by_page(self, desired: Desired) -> Callable[[LiveApp], LiveApp]:
        """What is held of an app that is listed: of one in sync, whose plan this makes, its specs as Git has them.

        So a large fleet is compared while it is still being listed, and its specs are in memory once. Where specs have
        errors that live may have as well, all are held as they are: `as_live` judges by them.
        """
        wanted = {app.name: app for app in desired.apps if not desired.of_specs}

        def keep(live: LiveApp) -> LiveApp:
            app = wanted.get(live.name)
            planned = self._plan_in_sync(app, self._compare(app, live), as_in_git=True) if app else None
            if app is None or planned is None or planned.live is None:
                return live
            self.in_sync[app.name] = planned
            return planned.live

        return keep

    async def plans(
        self, apps: Sequence[DesiredApp], fleet: Mapping[str, LiveApp], known: Collection[str]
    ) -> tuple[PlannedApp, ...]:
        """The plans of all apps, in order; those that differ are queried concurrently.

        Raises:
            LiveError: the platform could not be asked about any app.
        """
        unmanaged_apps = {
            name: app for name, app in fleet.items() if name not in known and proven(app.spec, known) is None
        }
        plans: list[PlannedApp | asyncio.Task[PlannedApp]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for app in apps:
                    former = () if app.name in fleet else self.config.former_names(app.name)
                    moved_from = next((name for name in former if name in fleet), "")
                    live = fleet.get(moved_from or app.name)
                    planned = self.in_sync.get(app.name)
                    if planned is not None and planned.live is live:  # else it was listed twice
                        plans.append(planned)
                        continue
                    comparison = self._compare(app, live)
                    if not moved_from and (planned := self._plan_in_sync(app, comparison)) is not None:
                        plans.append(planned)
                    else:
                        others = unmanaged_apps if live is None else {}
                        plans.append(group.create_task(self._answered(app, comparison, moved_from, others)))
        except* LiveError as failed:
            raise failed.exceptions[0] from None
        return tuple(plan if isinstance(plan, PlannedApp) else plan.result() for plan in plans)

    def _plan_in_sync(self, app: DesiredApp, comparison: Comparison, *, as_in_git: bool = False) -> PlannedApp | None:
        """The plan of an app in sync; None if it is not, or if its history has to be read all the same.

        ``as_in_git``: the app is held with its specs as Git has them, unless some of them is ignored.
        """
        live = comparison.live
        if live is None or not comparison.in_sync or self._needs_history(live):
            return None
        plan = make_plan(app, comparison, Evidence(self.now, commit=self.commit))
        if as_in_git and not comparison.policy.ignore:
            live = _with_spec(live, app.spec)
        return PlannedApp(plan, comparison.policy, app, live, secrets=comparison.secrets)

    def _needs_history(self, live: LiveApp) -> bool:
        """Whether an app in sync may have to be deployed again, or has a deployment that failed since."""
        acts = self.config.policy(live.name).source_versions == "latest"
        return self.redeploy or failed_since(live) or (acts and bool(older_components(live, self.commit)))

    def _compare(self, app: DesiredApp, live: LiveApp | None) -> Comparison:
        policy = self.config.policy(app.name)
        fingerprints = self.fingerprints if policy.secrets == "fingerprint" else None
        secrets = Secrets(rotate=rotations(self.rotate, app.name), fingerprints=fingerprints)
        return compare(app.spec, live, policy, secrets=secrets)

    async def _answered(
        self, app: DesiredApp, comparison: Comparison, moved_from: str, unmanaged_apps: Mapping[str, LiveApp]
    ) -> PlannedApp:
        """The plan of an app that differs; a failure for one app must not end the run of the others.

        Raises:
            Unauthorized, RateLimited: the token is refused, or its rate limit exhausted, for every app.
        """
        live = comparison.live
        try:
            return await self._asked(app, comparison, moved_from, unmanaged_apps)
        except (Unauthorized, RateLimited):
            raise
        except LiveError as error:
            status, reason = SyncStatus.UNKNOWN, Redactor(app.secrets)(error.message)
            if isinstance(error, ServerFailed) and error.path.endswith("/propose"):
                reason += "; the cause is often an unreachable source: check the sources, or try again"
            if isinstance(error, NotFound) and live is not None and await self._gone(live):
                status, reason = SyncStatus.ABSENT, "the app was deleted while the plan was being made"
        app_id = live.id if live else ""
        plan = Plan(app.name, status, Action.REFUSE, reason, app_id=app_id, file=app.file, moved_from=moved_from)
        return PlannedApp(plan, comparison.policy, app, live, secrets=comparison.secrets)

    async def _gone(self, live: LiveApp) -> bool:
        """Whether the app is gone: a 404 for something else does not show that (C55)."""
        try:
            await self.client.get_app(live.id)
        except LiveError as error:
            return isinstance(error, NotFound)
        return False

    async def _asked(
        self, app: DesiredApp, comparison: Comparison, moved_from: str, unmanaged_apps: Mapping[str, LiveApp]
    ) -> PlannedApp:
        live = comparison.live
        deployments = await self._history(live, comparison) if live is not None else []
        proposal, findings = await self._proposal(app, comparison, deployments)
        if live is None:
            findings = (*findings, *possible_rename(app, comparison.wanted, unmanaged_apps, self.removed))
        trouble = await self._pin_trouble(live, comparison, deployments) if live and deployments else ""
        evidence = Evidence(
            self.now,
            proposal,
            deployments,
            findings,
            self.retry,
            moved_from,
            trouble,
            self.commit,
            self.redeploy,
            self.show_live_values,
        )
        plan = make_plan(app, comparison, evidence)
        rendered = proposal.spec if proposal else None
        return PlannedApp(plan, comparison.policy, app, live, rendered, comparison.secrets, tuple(deployments))

    async def _pin_trouble(self, live: LiveApp, comparison: Comparison, deployments: Sequence[Deployment]) -> str:
        """Why the unfinished rollback that pins the app is unhealthy; empty where a run may still judge it (C61).

        One reading decides: a bad one counts once a run would have judged it bad, one that is short of good once the
        health budget is over.
        """
        policy = comparison.policy
        rollback = unfinished_rollback(live, deployments, comparison.carries, policy)
        if rollback is None or rollback.phase is not Phase.ACTIVE:
            return ""
        from reconciler.rollout.observations import read_health

        found = await read_health(self.client, live, rollback, policy)
        age = self.now - (rollback.phase_last_updated_at or rollback.created_at or self.now)
        budget = {"BAD": policy.health.tolerance, "SHORT": policy.timeouts.health}.get(found.grade.name)
        return found.reason if budget is not None and age.total_seconds() >= budget else ""

    async def _history(self, live: LiveApp, comparison: Comparison) -> list[Deployment]:
        """The app's deployments, newest first."""
        found = await self.client.list_deployments(live.id, limit=HISTORY)
        return await self._with_reason(live, comparison, found)

    async def _with_reason(self, live: LiveApp, comparison: Comparison, found: list[Deployment]) -> list[Deployment]:
        """The same; the newest deployment of the wanted spec is read by its id if it failed and its reason is missing.

        A listing may leave the steps out, and without a reason a failure would count as the platform's (C51).
        """
        tried = next((one for one in found if comparison.carries(one.spec)), None)
        if tried is None or tried.phase is not Phase.ERROR or failure_codes(tried):
            return found
        read = await self.client.get_deployment(live.id, tried.id)
        return [read if one is tried else one for one in found]

    async def _proposal(
        self, app: DesiredApp, comparison: Comparison, deployments: Sequence[Deployment]
    ) -> tuple[Proposal | None, tuple[Finding, ...]]:
        """The platform's proposal for the spec; not requested if it could change nothing."""
        live = comparison.live
        if live is not None:
            failed = prior_failure(deployments, comparison.carries, comparison.policy)
            stalled = failed is not None and not failed.attempts and not self.retry
            if live.pinned_deployment or not comparison.changes or stalled:
                return None, ()
        elif found := of_new_app(app):
            return None, found
        spec = payload(
            app.spec, live.spec if live else None, ignore=comparison.policy.ignore, secrets=comparison.secrets
        )
        try:
            return await self.client.propose(spec, live.id if live else ""), ()
        except (Rejected, Conflict) as error:
            return None, (_refusal(app, error),)


def _with_spec(live: LiveApp, spec: Mapping[str, Any]) -> LiveApp:
    """The app with a spec that says the same as its own and that of its active deployment."""
    active = live.active_deployment
    if active is not None and active.spec:
        active = active.model_copy(update={"spec": spec})
    return live.model_copy(update={"spec": spec, "active_deployment": active})


def _refusal(app: DesiredApp, error: Rejected | Conflict) -> Finding:
    """The platform's objection to a spec, the first of possibly several; redacted before a view escapes secrets."""
    redact = Redactor(app.secrets)
    return Finding(Severity.ERROR, "platform-refuses", redact(error.message), redact(error.hint), app.locate(""))


def rotations(rotate: Collection[str], app: str) -> frozenset[str]:
    """The entries of ``--rotate APP[/COMPONENT]/KEY`` for one app, without its name."""
    return frozenset(entry.partition("/")[2] for entry in rotate if entry.partition("/")[0] == app)


def check_rotations(rotate: Collection[str], apps: Sequence[DesiredApp], known: Collection[str]) -> None:
    """Refuse an entry of ``--rotate`` that matches nothing: a typo must not leave a secret unrotated.

    ``known`` are the apps in Git; an entry for one that is not among the ``apps`` of this run is for another run.

    Raises:
        UsageError: there is no such app, or it has no such secret with a value in Git.
    """
    here = {app.name: app for app in apps}
    for entry in sorted(rotate):
        name, _, rest = entry.partition("/")
        if name not in known:
            raise UsageError(f"--rotate {entry}: no such app: {name}", hint=did_you_mean(name, known))
        if name not in here:
            continue
        secrets = unencrypted(canonical(here[name].spec))
        if not rest or not any(names(rest, path) for path in secrets):
            listed = ", ".join(f"{name}/{'/'.join(path)}" for path in sorted(secrets)) or "none"
            message = f"--rotate {entry}: no such secret with a value in Git"
            raise UsageError(message, hint=f"secrets of {name} with a value in Git: {listed}")


# --- Health of deployments that an interrupted run may not have judged, checked by the next run that applies ---
#
# A run that was killed after its deployment became active leaves an app in sync but possibly unhealthy. No state file
# exists, and the platform does not know whether a run judged it, so a recent deployment is checked.


def in_doubt(apps: Sequence[PlannedApp], now: datetime) -> tuple[set[str], set[str]]:
    """The apps in sync whose health may not have been judged, at most `RECHECKS`, youngest first (C89).

    First those that another one, which is changed, depends on: they are looked at before it; the rest after all
    writes.
    """
    ages = {
        app.plan.app: age
        for app in apps
        if app.live is not None and app.plan.spec_in_sync and not app.plan.paused
        if (age := unjudged(app.live, app.policy, now)) is not None
    }
    changed = (app for app in apps if not app.plan.spec_in_sync)
    needed = {name for app in changed for name in app.policy.depends_on}
    chosen = sorted(ages, key=lambda name: (name not in needed, ages[name]))[:RECHECKS]
    return needed.intersection(chosen), set(chosen) - needed


async def recheck_health(
    client: Client, apps: Sequence[PlannedApp], names: Collection[str], now: datetime
) -> tuple[PlannedApp, ...]:
    """The plans; of these apps, those whose health may not have been judged are followed if they look unhealthy.

    During its soak a deployment is followed, as no run can have judged it by then. After that, until any
    rollout would have ended, one reading of its health decides whether it must be. Older ones are not checked.
    """
    doubts = {
        place: _doubted(client, app, app.live, age, now)
        for place, app in enumerate(apps)
        if app.plan.app in names and app.live is not None and not app.plan.paused
        if (age := unjudged(app.live, app.policy, now)) is not None
    }
    looked_at = dict(zip(doubts, await asyncio.gather(*doubts.values()), strict=True))
    return tuple(looked_at.get(place, app) for place, app in enumerate(apps))


async def _doubted(client: Client, app: PlannedApp, live: LiveApp, age: timedelta, now: datetime) -> PlannedApp:
    """The app as planned if it looks healthy, else with its deployment to follow."""
    assert live.active_deployment is not None
    if age.total_seconds() >= app.policy.health.soak and await _looks_well(client, app, live):
        return app
    when = ago(live.active_deployment.phase_last_updated_at, now)
    reason = f"its deployment became active {when}, and an interrupted run may not have checked its health"
    plan = replace(app.plan, status=SyncStatus.PROGRESSING, follow=live.active_deployment.id, reason=reason)
    return replace(app, plan=plan)


async def _looks_well(client: Client, app: PlannedApp, live: LiveApp) -> bool:
    """Whether one reading of an app's health is good, by its policy; if it cannot be read, it is not."""
    from reconciler.rollout.health import Grade
    from reconciler.rollout.observations import read_health

    assert live.active_deployment is not None
    return (await read_health(client, live, live.active_deployment, app.policy)).grade is Grade.GOOD
