"""Makes the previews of a pull request, and brings them up to date, through the one engine and only with proof.

App Platform itself is the record of what previews there are: an app is one if its mark proves it (see
`desired.preview_mark`). No call changes or deletes an app without that proof, read again right before it; a run may end
anywhere, and the next one finds the rest. Freeze windows do not hold for previews, which production never depends on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import COMPONENT_KINDS, components
from reconciler.desired.preview import Derived, derive
from reconciler.desired.preview_mark import Mark, PullRequest, proven
from reconciler.desired.validate import validate
from reconciler.engine.apply import apply, plan
from reconciler.engine.load import Desired, RunOptions, check
from reconciler.engine.preview_down import remove
from reconciler.engine.previews import Previewed, Repository, engine_config, engine_options, expires
from reconciler.errors import InvalidInput, PlanMismatch, UsageError
from reconciler.findings import Finding, Severity, has_errors
from reconciler.live.models import LiveApp
from reconciler.plan.canonical import canonical
from reconciler.plan.model import estimated_cost
from reconciler.rollout.model import OutcomeKind, RolloutRecord
from reconciler.text import did_you_mean, matches
from reconciler.views.previews import PreviewState, State

if TYPE_CHECKING:
    from reconciler.clock import Clock
    from reconciler.config_preview import Preview
    from reconciler.engine.apply import FrontEnd
    from reconciler.engine.planner import Planned
    from reconciler.live.client import Client

SPARE = 1500
"""Requests of the token's hour that must be left before previews begin: production's rollouts come first."""


async def up(
    options: RunOptions, pull: PullRequest, images: Mapping[str, str], front: FrontEnd, clock: Clock
) -> Previewed:
    """Create or update the previews of a pull request, and judge them like any app.

    ``images`` are tags or digests by component. The caller knows that the pull request may have previews.

    Raises:
        InvalidInput: the specs cannot be used, or a preview could not.
        UsageError: what is asked for does not exist.
        PlanMismatch: refused: an app of that name is not the preview, or there would be too many.
        LiveError: App Platform could not be reached.
    """
    if not pull.lasting:
        raise UsageError(
            f"not a pull request: #{pull.number} of {pull.repository!r} at {pull.commit!r}",
            hint="a repository is owner/name, and a commit 40 hexadecimal digits",
        )
    repository = Repository.read(pull.repository, options)
    desired = check(options, offline=True)
    front.loaded(desired)
    if has_errors(desired.findings):
        raise InvalidInput(desired.findings)
    found = list(_derived(desired, pull, repository, images))
    useful = [one for one in found if any(components(one.app.spec, COMPONENT_KINDS[:-1]))]
    nothing = tuple(_state(one, "none", "no component is left for a preview") for one in found if one not in useful)
    if not useful:
        return Previewed(nothing)
    async with front.connect() as client:
        async with client.reserve("previews", SPARE):
            pass
        planned = await _planned(useful, repository, options, client, clock, fork=bool(pull.fork))
        front.planned(planned)
        if not front.agrees(planned):
            return Previewed((), planned, declined=True)
        rollout = await apply(planned, client, clock, front.watch)
        states = [
            await _judged(one, record, repository.settings, client, clock.now())
            for one, record in zip(useful, rollout.records, strict=True)
        ]
        if pull.fork:
            states = [await _only(one, state, pull, client) for one, state in zip(useful, states, strict=True)]
            doomed = [state.name for state in states if state.state == "kept"]
            removed = await remove(dict.fromkeys(doomed, ""), repository, options, front, client, clock)
            gone = {one.name: one for one in removed.states}
            states = [replace(gone.get(one.name, one), reason=one.reason) for one in states]
    return Previewed((*states, *nothing), planned, rollout)


async def _planned(
    useful: Sequence[Derived],
    repository: Repository,
    options: RunOptions,
    client: Client,
    clock: Clock,
    *,
    fork: bool,
) -> Planned:
    """The plan of previews that nothing speaks against.

    Raises:
        PlanMismatch: an app of such a name is not the preview, or there would be too many.
    """
    fleet = await client.list_apps()
    _check_names(useful, fleet, repository)
    names = frozenset(one.mark.name for one in useful)
    config = engine_config(repository.config, useful, forks=fork)
    wanted = Desired(tuple(one.app for one in useful), config, (), names | {app.name for app in fleet})
    again = ("up", "--pull", str(useful[0].mark.pull), "--repository", repository.name)
    planned = await plan(wanted, engine_options(options, names, fleet, again), client, clock)
    _check_names(useful, [app.live for app in planned.apps if app.live], repository)
    _check_budget(planned, repository.previews(fleet), repository.settings)
    return planned


def _derived(
    desired: Desired, pull: PullRequest, repository: Repository, images: Mapping[str, str]
) -> Iterator[Derived]:
    """The previews of the selected apps that have some.

    Raises:
        UsageError: there is none, or no component of an image that is given.
        InvalidInput: a preview would not be valid, or has no value for a secret that it is to have.
    """
    apps = [app for app in desired.apps if matches(app.name, repository.settings.apps)]
    if not apps:
        hint = f"`preview.apps` in reconcile.yaml has {', '.join(repository.settings.apps)}"
        raise UsageError("none of these apps has previews", hint=hint)
    known = {str(one.get("name")) for app in apps for _, one in components(app.spec) if one.get("image")}
    for name in images:
        if name not in known:
            raise UsageError(f"no component with an image: {name}", hint=did_you_mean(name, known))
    declared = frozenset(variable.name for variable in desired.config.variables)
    for app in apps:
        found = derive(app, pull, repository.settings, images, declared)
        before = {(one.code, one.message) for one in validate(app)}
        wrong = [one for one in validate(found.app) if one.is_error and (one.code, one.message) not in before]
        wrong = [one for one in wrong if one.code != "no-components"]
        if wrong or found.unset:
            hint = "set it for this run, or remove it from `preview.secrets`"
            message = "{} needs a secret that has no value here: {}"
            unset = [
                Finding(
                    Severity.ERROR, "unset-variable", message.format(found.mark.name, one), hint, app.locate("/name")
                )
                for one in found.unset
            ]
            raise InvalidInput([*wrong, *unset])
        yield found


def _check_names(useful: Sequence[Derived], fleet: Collection[LiveApp], repository: Repository) -> None:
    """Refuse to touch an app that has the name of a preview and is not proven to be it.

    Raises:
        PlanMismatch: there is one, or Git names an app so.
    """
    live = {app.name: app for app in fleet}
    for one in useful:
        name = one.mark.name
        if name in repository.named:
            hint = "rename that app: the preview needs this name"
            raise PlanMismatch(f"nothing was changed: Git has an app named {name}, which is never a preview", hint=hint)
        if name in live and proven(live[name].spec, repository.named) is None:
            message = f"nothing was changed: the app {name} carries no mark that proves it to be this preview"
            raise PlanMismatch(message, hint="rename that app, or delete it yourself")


def _check_budget(planned: Planned, previews: Mapping[str, tuple[LiveApp, Mark]], settings: Preview) -> None:
    """Refuse what would exceed the budget, with its numbers. An unknown price counts as too much.

    Raises:
        PlanMismatch: it would.
    """
    costs = {name: estimated_cost(canonical(app.spec)) for name, (app, _) in previews.items()}
    costs |= {
        app.plan.app: app.plan.cost.after
        if app.plan.cost.after is not None
        else estimated_cost(canonical(app.desired.spec))
        for app in planned.apps
        if app.desired is not None
    }
    most, hint = settings.max, "close pull requests, run `reconcile preview sweep`, or raise `preview.max`"
    if len(costs) > most.count:
        new = len(costs) - len(previews)
        message = (
            f"nothing was changed: {len(previews)} previews and {new} more are over preview.max.count {most.count}"
        )
        raise PlanMismatch(message, hint=hint)
    unknown = [name for name, cost in costs.items() if cost is None]
    if unknown:
        raise PlanMismatch(f"nothing was changed: the price of {unknown[0]} is not known", hint=hint)
    whole = sum(cost for cost in costs.values() if cost is not None)
    if whole > most.dollars and not _cheaper(planned):
        message = (
            f"nothing was changed: previews would cost ${whole:.2f} a month, over preview.max.dollars {most.dollars:g}"
        )
        raise PlanMismatch(message, hint=hint)


def _cheaper(planned: Planned) -> bool:
    """Whether nothing becomes dearer: what is there already may be brought up to date."""
    return all((app.plan.cost.delta or 0.0) <= 0 and app.live is not None for app in planned.apps)


async def _judged(
    one: Derived, record: RolloutRecord, settings: Preview, client: Client, now: datetime
) -> PreviewState:
    """What became of a preview. One that nothing was done to is read once more: only a healthy one is called so."""
    outcome = record.outcome
    state = _state(one, "failed", outcome.reason, cost=record.cost.after, app_id=record.app_id)
    state = replace(state, deployment_id=record.deployment_id, expires=now + timedelta(seconds=settings.ttl))
    match outcome.kind:
        case OutcomeKind.APPLIED:
            return replace(state, state="healthy", url=record.live_url, reason="")
        case OutcomeKind.UNCHANGED:
            live = await client.get_app(record.app_id)
            state = replace(state, url=record.live_url, expires=expires(live, settings))
            why = await _unhealthy(live, client)
            return replace(state, state="failed", reason=why) if why else replace(state, state="healthy", reason="")
        case OutcomeKind.TIMED_OUT | OutcomeKind.INTERRUPTED:
            return replace(state, state="deploying")
        case _:
            first = "; there is nothing to roll back to: the next push tries again" if not record.phase else ""
            return replace(state, reason=f"{outcome.kind.value.replace('_', ' ')}: {outcome.reason}{first}")


async def _unhealthy(live: LiveApp, client: Client) -> str:
    """Why an app is not healthy; empty if it is."""
    from reconciler.config import Policy
    from reconciler.rollout.health import Grade
    from reconciler.rollout.observations import read_health

    if live.active_deployment is None:
        return "no deployment is active"
    found = await read_health(client, live, live.active_deployment, Policy())
    return "" if found.grade is Grade.GOOD else f"it is not healthy: {found.reason or 'unknown'}"


async def _only(one: Derived, state: PreviewState, pull: PullRequest, client: Client) -> PreviewState:
    """The state of a fork's preview: one that runs another commit than the allowed one, or may, is to go."""
    if not state.app_id:
        return state
    address = f"https://github.com/{pull.fork}.git"
    built = [str(part.get("name")) for _, part in components(one.app.spec) if _cloned(part) == address]
    live = await client.get_app(state.app_id)
    active = live.active_deployment
    running = active.sources if active else {}
    other = [name for name in built if active and running.get(name) != pull.commit]
    if not other:
        return state
    why = f"App Platform built {running.get(other[0], 'an unknown commit')[:7]}, and only {pull.commit[:7]} is allowed"
    return replace(state, state="kept", url="", reason=why)


def _cloned(part: Mapping[str, Any]) -> str:
    return str((part.get("git") or {}).get("repo_clone_url", ""))


def _state(one: Derived, state: State, reason: str, **known: Any) -> PreviewState:
    mark = one.mark
    return PreviewState(
        mark.app, mark.name, mark.pull, mark.commit, state, reason, differences=one.differences, **known
    )
