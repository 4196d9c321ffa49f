"""Takes previews of pull requests down: on request, with their pull request, or by age; and lists them.

No app is deleted without proof that it is a preview of this repository, read from a listing right before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.desired.preview_mark import PullRequest, why_over
from reconciler.engine import safety
from reconciler.engine.apply import apply
from reconciler.engine.planner import Planned, PlannedApp
from reconciler.engine.previews import Previewed, Repository, deployed, engine_config, engine_options, seen
from reconciler.errors import UsageError
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import live_digest
from reconciler.plan.model import Action, Plan, PlanReport, SyncStatus, unchanged_cost
from reconciler.rollout.model import OutcomeKind, RolloutRecord, RolloutReport
from reconciler.text import did_you_mean, matches
from reconciler.views.previews import PreviewState

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.load import RunOptions
    from reconciler.live.client import Client
    from reconciler.live.models import LiveApp

ATTEMPTS = 4
"""How often a preview that changed while it was being taken down is looked at again."""

Judge = Callable[[Collection[int]], Awaitable[Mapping[int, PullRequest]]]
"""Reads pull requests by their numbers; those that could not be read are missing."""


async def down(
    options: RunOptions, repository_name: str, number: int, why: str, front: FrontEnd, clock: Clock
) -> Previewed:
    """Take down the previews of a pull request: of every app, or of those that are selected.

    Raises:
        InvalidInput: it is not known which apps Git has.
        UsageError: an app that is selected by name has no previews, nor may have any.
        PlanMismatch: the token is of another account than the configuration names.
        LiveError: App Platform could not be reached.
    """
    repository = Repository.read(repository_name, options)
    async with front.connect() as client:
        fleet = await _fleet(client, options, repository)
        apps = {mark.app for _, mark in repository.previews(fleet).values()}
        here = repository.here(options, apps)
        _check_names(here.apps, apps.union(repository.apps))
        found = repository.previews(fleet, number)
        chosen = {name: why for name, (_, mark) in found.items() if here.names(mark.app)}
        return await remove(chosen, repository, options, front, client, clock)


async def _fleet(client: Client, options: RunOptions, repository: Repository) -> list[LiveApp]:
    """Every app of the account; of another one than the configuration names, "no previews" would be no answer.

    Raises:
        PlanMismatch: it is another account.
    """
    fleet = await client.list_apps()
    await safety.check_account(client, options, repository.config, fleet)
    return fleet


def _check_names(names: Collection[str], apps: Collection[str]) -> None:
    """Refuse a name or pattern that fits no app: a typo must not look like an app without previews.

    Raises:
        UsageError: there is one.
    """
    for name in sorted(names):
        if not any(matches(app, (name,)) for app in apps):
            raise UsageError(f"no app of that name has previews: {name}", hint=did_you_mean(name, apps))


async def listed(options: RunOptions, repository_name: str, front: FrontEnd) -> tuple[PreviewState, ...]:
    """Every preview of a repository as it is now.

    Raises:
        InvalidInput: it is not known which apps Git has.
        LiveError: App Platform could not be reached.
    """
    repository = Repository.read(repository_name, options)
    async with front.connect() as client:
        found = repository.previews(await _fleet(client, options, repository))
    return tuple(seen(app, mark, repository.settings) for app, mark in found.values())


async def sweep(options: RunOptions, repository_name: str, judge: Judge, front: FrontEnd, clock: Clock) -> Previewed:
    """Take down every preview whose pull request or time is over; of a pull request that is not known, only by age.

    Raises:
        InvalidInput: it is not known which apps Git has.
        LiveError: App Platform could not be reached.
    """
    repository = Repository.read(repository_name, options)
    async with front.connect() as client:
        found = repository.previews(await _fleet(client, options, repository))
        pulls = await judge({mark.pull for _, mark in found.values()})
        now, over = clock.now(), dict[str, str]()
        for name, (app, mark) in found.items():
            why = why_over(mark, pulls.get(mark.pull), repository.settings, deployed(app), now)
            over |= {name: why} if why else {}
        done = await remove(over, repository, options, front, client, clock)
    kept = [seen(app, mark, repository.settings) for name, (app, mark) in found.items() if name not in over]
    unknown = "GitHub did not say whether its pull request is open"
    kept = [one if one.pull in pulls else replace(one, reason=unknown) for one in kept]
    return replace(done, states=(*done.states, *kept), unknown=any(one.reason == unknown for one in kept))


async def remove(
    names: Mapping[str, str], repository: Repository, options: RunOptions, front: FrontEnd, client: Client, clock: Clock
) -> Previewed:
    """Take down these previews, each named with the reason; proven again, from a listing right before.

    A pin that a run left, which died while it rolled a preview back, is committed first: what is pinned is not deleted.
    """
    states: dict[str, PreviewState] = {}
    records: dict[str, RolloutRecord] = {}
    planned: Planned | None = None
    config = engine_config(repository.config, (), forks=False)
    for attempt in range(ATTEMPTS):
        left = [name for name in names if name not in states or states[name].state == "kept"]
        fleet = await client.list_apps() if left else []
        found = {name: one for name, one in repository.previews(fleet).items() if name in left}
        if not found:
            break
        plans = tuple(_deletion(app, names[name], repository) for name, (app, _) in found.items())
        pulls = {mark.pull for _, mark in found.values()}
        which = ("down", "--pull", str(*pulls)) if len(pulls) == 1 else ("sweep",)
        run = engine_options(options, list(found), fleet, (*which, "--repository", repository.name))
        report = PlanReport(tuple(one.plan for one in plans), requests=client.requests)
        planned = Planned(plans, report, config, run, len(fleet))
        if attempt == 0:
            front.planned(planned)
            if not front.agrees(planned):
                return Previewed((), planned, declined=True)
        if await _unpinned([app for app, _ in found.values()], planned, client, clock):
            continue
        for record in (await apply(planned, client, clock, front.watch)).records:
            app, mark = found[record.app]
            gone = record.outcome.kind is OutcomeKind.DELETED
            now = replace(seen(app, mark, repository.settings), state="gone" if gone else "kept", url="", expires=None)
            states[record.app] = replace(now, reason=names[record.app] if gone else record.outcome.reason)
            records[record.app] = record
    rollout = RolloutReport(tuple(records.values()), client.requests) if records else None
    return Previewed(tuple(states.values()), planned, rollout)


async def _unpinned(apps: Collection[LiveApp], planned: Planned, client: Client, clock: Clock) -> bool:
    """Whether some app was pinned to a rollback that has ended, and now is not."""
    from reconciler.rollout import writes

    pinned = [app for app in apps if app.pinned_deployment is not None and app.pinned_deployment.phase.terminal]
    if pinned:
        await safety.check_account(client, planned.options, planned.config)
    for app in pinned:
        await writes.commit(client, app, clock)
    return bool(pinned)


def _deletion(app: LiveApp, why: str, repository: Repository) -> PlannedApp:
    cost = replace(unchanged_cost(canonical(app.spec)), after=0.0)
    plan = Plan(
        app.name, SyncStatus.OUT_OF_SYNC, Action.DELETE, why, app_id=app.id, cost=cost, live_digest=live_digest(app)
    )
    return PlannedApp(plan, repository.config.defaults, live=app)
