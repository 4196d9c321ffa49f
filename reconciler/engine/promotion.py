"""Promotes what runs healthy in one environment to another: tags, digests and commits, as edits of Git's files.

What counts is App Platform's own record of the source environment, not what Git has for it: the deployment that is
active, unpinned, has been so for the soak of its policy, and is healthy now. A value that a newer deployment failed
with is never promoted, even if the active one has it, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import BUILT_KINDS, components
from reconciler.appspec.secrets import is_typed_so
from reconciler.engine.planner import HISTORY
from reconciler.engine.workspace import Renderings, ScalarEdit, Workspace, edited, raw, reached
from reconciler.environments import environment_of
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import has_errors
from reconciler.live.models import Phase
from reconciler.plan.canonical import Path, identity_path
from reconciler.text import did_you_mean
from reconciler.yamltext.edit import CannotEdit

if TYPE_CHECKING:
    from reconciler.config import Policy
    from reconciler.desired.environments import EnvironmentSources
    from reconciler.desired.load import DesiredApp
    from reconciler.live.client import Client
    from reconciler.live.models import Deployment, LiveApp

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = ("registry_type", "registry", "repository")


@dataclass(frozen=True, slots=True)
class Proven:
    """What runs in the source environment: a deployment that may be promoted, or why none may.

    ``failed`` are newer deployments that failed, were canceled or were rolled back.
    """

    deployment: Deployment | None
    why: str = ""
    failed: tuple[Deployment, ...] = ()


@dataclass(frozen=True, slots=True)
class Promotion:
    """One value to promote: the app by its name in the base, the path by identity, the values, and the edit."""

    app: str
    path: Path
    before: str
    after: str
    edit: ScalarEdit = field(repr=False)

    @property
    def place(self) -> str:
        """Where it is written."""
        return str(self.edit.document.locate(self.edit.pointer))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not promoted, and why. Without a ``path`` it is the whole app."""

    app: str
    path: Path
    why: str


# --- The source: what App Platform's record shows ---


def proven(live: LiveApp, deployments: Sequence[Deployment], policy: Policy, now: datetime) -> Proven:
    """The active deployment of an app if it held its soak; ``deployments`` come newest first."""
    active = live.active_deployment
    place = next((at for at, one in enumerate(deployments) if active is not None and one.id == active.id), None)
    if active is None or place is None:
        return Proven(None, "no deployment is active")
    found = deployments[place]
    if live.pinned_deployment is not None:
        return Proven(None, "it is pinned to a rollback")
    if live.running_deployment is not None:
        return Proven(None, "a deployment is in progress")
    since = found.phase_last_updated_at
    if found.phase is not Phase.ACTIVE or since is None or not found.spec:
        return Proven(None, "App Platform does not say what is active, and since when")
    if (now - since).total_seconds() < policy.health.soak:
        return Proven(
            None,
            f"it has been active for {(now - since).total_seconds():.0f} s of its soak of {policy.health.soak:.0f} s",
        )
    return Proven(found, failed=tuple(deployments[:place]))


async def observed(client: Client, live: LiveApp, policy: Policy, now: datetime) -> Proven:
    """The same, asked of App Platform, health included.

    Raises:
        LiveError: it could not be asked.
    """
    from reconciler.rollout.health import Grade
    from reconciler.rollout.observations import read_health

    found = proven(live, await client.list_deployments(live.id, limit=HISTORY), policy, now)
    if found.deployment is None:
        return found
    health = await read_health(client, live, found.deployment, policy)
    return found if health.grade is Grade.GOOD else Proven(None, f"it is not healthy: {health.reason or 'unknown'}")


# --- The values: what of it the target has, and where that is written ---


def candidates(app: DesiredApp, source: Proven, sources: EnvironmentSources) -> Iterator[Promotion | LeftOut]:
    """The values of a target's app that differ from those that run in the source."""
    if source.deployment is None:
        yield LeftOut(app.base, (), source.why)
        return
    running = source.deployment
    theirs = {(kind, one.get("name")): one for kind, one in components(running.spec)}
    failed = [{(kind, one.get("name")): one for kind, one in components(one.spec)} for one in source.failed]
    for kind in BUILT_KINDS:
        for index, mine in enumerate(app.spec.get(kind) or ()):
            key = (kind, mine.get("name"))
            if key not in theirs:
                continue
            lost = [one[key] for one in failed if key in one]
            values = _values(mine, theirs[key], running.sources.get(str(key[1]), ""), lost)
            for below, wanted in values:
                pointer = f"/{kind}/{index}{below}"
                path = identity_path(app.spec, pointer)
                yield _promotion(app, pointer, path, wanted, sources)


@dataclass(frozen=True, slots=True)
class _No:
    """Why a value has no counterpart that may be promoted."""

    why: str


def _values(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], built: str, failed: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str | _No]]:
    """Pointers within a component with the value to promote, or why there is none; nothing where both are equal."""
    ours, other = mine.get("image") or {}, theirs.get("image") or {}
    if ours and other:
        yield from _of_image(ours, other, built, [one.get("image") or {} for one in failed])
    commits = {env.get("key"): env.get("value") for env in theirs.get("envs") or ()}
    for index, env in enumerate(mine.get("envs") or ()):
        old, new = str(env.get("value")), str(commits.get(env.get("key")))
        if is_typed_so(env):
            continue
        if _COMMIT.fullmatch(old) and _COMMIT.fullmatch(new) and old != new:
            lost = any(
                one.get("key") == env["key"] and one.get("value") == new
                for it in failed
                for one in it.get("envs") or ()
            )
            yield f"/envs/{index}/value", _No("a newer deployment with this commit failed") if lost else new


def _of_image(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], built: str, failed: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str | _No]]:
    if any((ours.get(name) or "") != (theirs.get(name) or "") for name in _REPOSITORY):
        yield "/image", _No("the source environment runs another repository")
        return
    field = "digest" if ours.get("digest") else "tag"
    wanted = theirs.get(field) or (built if field == "digest" and built.startswith("sha256:") else "")
    if wanted == ours.get(field):
        return
    if not wanted or not ours.get(field):
        if wanted or ours.get(field):
            have = "digest" if theirs.get("digest") else "tag"
            yield f"/image/{field}", _No(f"the source environment has only its {have}, this one only its {field}")
        return
    if any(one.get(field) == wanted for one in failed):
        yield f"/image/{field}", _No(f"a newer deployment with this {field} failed or was rolled back")
        return
    yield f"/image/{field}", wanted


def _promotion(
    app: DesiredApp, pointer: str, path: Path, wanted: str | _No, sources: EnvironmentSources
) -> Promotion | LeftOut:
    if isinstance(wanted, _No):
        return LeftOut(app.base, path, wanted.why)
    if pointer in app.hidden:
        return LeftOut(app.base, path, "it is secret here")
    document, there = app.written.source(pointer)
    names = app.variables.get(pointer, ())
    if names:
        name = names[0]
        if raw(app, pointer) != f"${{{name}}}":
            return LeftOut(app.base, path, f"variable {name} is only a part of the value at {document.locate(there)}")
        if name not in sources.places:
            return LeftOut(app.base, path, f"variable {name} has no value in a file of this environment")
        document, there = sources.places[name]
    before = _at(app.spec, pointer)
    return Promotion(app.base, path, str(before), wanted, ScalarEdit(document, there, wanted))


def _at(node: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


async def found(
    client: Client, workspace: Workspace, environments: tuple[str, str], apps: Sequence[str], now: datetime
) -> tuple[list[Promotion], list[LeftOut]]:
    """What may be promoted from the first of the environments to the second, settled in the workspace's texts.

    ``apps`` are names in the base; without any every app that is in both.

    Raises:
        InvalidInput: the specs of the second environment cannot be used.
        UsageError: one of the apps has no spec.
        LiveError: App Platform could not be asked about the first.
    """
    source, target = environments
    file = workspace.config()
    config, renamed = file.within(source).config, environment_of(file.config, source).renamed
    chosen, sources = _chosen(workspace, target, apps)
    fleet = {app.name: app for app in await client.list_apps()}
    seen = await asyncio.gather(
        *(
            observed(client, fleet[name], config.policy(name), now)
            for app in chosen
            if (name := renamed(app.base)) in fleet
        )
    )
    proofs = iter(seen)
    every: list[Promotion | LeftOut] = []
    for app in chosen:
        proof = next(proofs) if renamed(app.base) in fleet else Proven(None, f"it is not live in {source}")
        every += candidates(app, proof, sources)
    kept, left = settled([one for one in every if isinstance(one, Promotion)], workspace, target)
    return kept, [*(one for one in every if isinstance(one, LeftOut)), *left]


def _chosen(workspace: Workspace, target: str, apps: Sequence[str]) -> tuple[list[DesiredApp], EnvironmentSources]:
    """The apps of the target with these names in the base; all of them without names."""
    loaded, sources = workspace.environment(target)
    if has_errors(loaded.findings):
        raise InvalidInput(loaded.findings)
    known = {app.base: app for app in loaded.apps}
    for name in apps:
        if name not in known:
            raise UsageError(f"no spec for app {name}", hint=did_you_mean(name, known))
    return [known[name] for name in apps or known], sources


# --- The edits: only those that reach nothing else ---


def settled(found: Sequence[Promotion], workspace: Workspace, target: str) -> tuple[list[Promotion], list[LeftOut]]:
    """Put the promotions into the workspace's texts; left out is what would also change something else.

    Raises:
        InvalidInput: the files could not be read.
    """
    kept, left = _undisputed(found)
    before = workspace.renderings()
    while True:
        workspace.texts, wrong = _texts(kept)
        after = workspace.renderings()
        wrong |= {} if wrong else _overreaching(kept, before, after, target)
        if not wrong:
            return kept, left
        left += [LeftOut(one.app, one.path, wrong[one]) for one in kept if one in wrong]
        kept = [one for one in kept if one not in wrong]


def _undisputed(found: Sequence[Promotion]) -> tuple[list[Promotion], list[LeftOut]]:
    """The promotions without those that want different values in one place."""
    wanted: dict[tuple[str, int, str], set[str]] = {}
    for one in found:
        wanted.setdefault(one.edit.place, set()).add(one.after)
    why = "components that run different values share the one at"
    left = [LeftOut(one.app, one.path, f"{why} {one.place}") for one in found if len(wanted[one.edit.place]) > 1]
    return [one for one in found if len(wanted[one.edit.place]) == 1], left


def _texts(kept: Sequence[Promotion]) -> tuple[dict[str, str], dict[Promotion, str]]:
    """The edited texts, and the promotions that cannot be written."""
    edits = list({one.edit.place: one.edit for one in kept}.values())
    try:
        return edited(edits), {}
    except CannotEdit:
        wrong = {}
        for one in kept:
            try:
                edited([one.edit])
            except CannotEdit:
                wrong[one] = f"the value at {one.place} cannot be changed alone; edit it by hand"
        return {}, wrong or {one: f"the values in {one.edit.document.file} cannot be changed together" for one in kept}


def _overreaching(
    kept: Sequence[Promotion], before: Renderings, after: Renderings, target: str
) -> dict[Promotion, str]:
    """The promotions whose edits change more than the values that are meant."""
    meant: dict[str, set[Path]] = {}
    for one in kept:
        meant.setdefault(one.app, set()).add(one.path)
    wrong: dict[Promotion, str] = {}
    for (environment, app), paths in reached(before, after).items():
        for path in paths:
            if environment != target or path not in meant.get(app, ()):
                blamed = [one for one in kept if (one.app, one.path) == (app, path)]
                why = f"is also {'/'.join(path)} of {app} in {environment}; give {target} one of its own"
                wrong |= {one: f"the value at {one.place} {why}" for one in blamed or kept}
    return wrong
