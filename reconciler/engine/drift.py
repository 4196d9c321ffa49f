"""Finds the origin of differences for `--drift` in the Git history of the spec files and the apps' deployments.

Only apps that differ are looked up, and each repository is walked once for all of their files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.plan.attribution import SpecHistory, spec_history
from reconciler.plan.canonical import identity_path
from reconciler.plan.model import AppAttribution, Attribution
from reconciler.text import ago

if TYPE_CHECKING:
    from reconciler.desired.environments import EnvironmentSources
    from reconciler.desired.git_history import FileHistory, History, Revision
    from reconciler.desired.load import DesiredApp
    from reconciler.engine.planner import PlannedApp

Read = Callable[[str, str], Sequence[tuple[str, Mapping[str, Any]]]]


def attributed(
    apps: Sequence[PlannedApp], read: Read, now: datetime, environment: EnvironmentSources | None = None
) -> tuple[PlannedApp, ...]:
    """The apps; the plans of those that differ say who made each difference.

    ``read`` parses the text of a spec file, see `desired.reading.reader`. In an ``environment`` the history of an app
    is that of its overlays, too.
    """
    asked = [app.desired if app.plan.changes or app.live is None else None for app in apps]
    overlays = {one.base: environment.files(one.base) for one in asked if one and environment}
    found = _histories({one.file for one in asked if one}.union(*overlays.values()))

    def with_origin(app: PlannedApp, desired: DesiredApp | None) -> PlannedApp:
        if desired is None:
            return app
        history = found[desired.file]
        if files := overlays.get(desired.base):
            history = _together(history, {file: found[file] for file in files})
        attribution = _attribution(app, desired, history, read, now)
        return replace(app, plan=replace(app.plan, attribution=attribution))

    return tuple(map(with_origin, apps, asked))


def _histories(files: set[str]) -> dict[str, FileHistory]:
    """The history of each file, with one walk per repository."""
    from reconciler.desired.git_history import FileHistory, History
    from reconciler.desired.git_repository import HistoryGap

    open_ones: dict[Path, tuple[History, list[str]]] = {}
    found: dict[str, FileHistory] = {}
    try:
        for file in sorted(files):
            try:
                history = next((one for one, _ in open_ones.values() if _holds(one, file)), None) or History.open(file)
            except HistoryGap as gap:
                found[file] = FileHistory((), str(gap))
                continue
            if history is None:
                found[file] = FileHistory((), "the spec file is not in a Git repository")
            else:
                open_ones.setdefault(history.root, (history, []))[1].append(file)
        for history, inside in open_ones.values():
            found |= zip(inside, history.histories(inside), strict=True)
    finally:
        for history, _ in open_ones.values():
            history.close()
    return found


def _together(base: FileHistory, overlays: Mapping[str, FileHistory]) -> FileHistory:
    """The history of a base and its overlays as one: a version for each commit that changed any of them."""
    from reconciler.desired.environments import together
    from reconciler.desired.git_history import FileHistory

    every = [(revision, file) for file, one in {"": base, **overlays}.items() for revision in one.revisions]
    texts: dict[str, str | None] = {}
    versions: dict[str, Revision] = {}
    for revision, file in sorted(every, key=lambda pair: pair[0].when):  # the oldest first
        texts[file] = revision.text
        present = {name: text for name in overlays if (text := texts.get(name)) is not None}
        whole = texts.get("")
        text = None if whole is None else together(whole, present)
        versions[revision.commit] = replace(revision, text=text)
    gap = next((one.gap for one in (base, *overlays.values()) if one.gap), "")
    return FileHistory(tuple(reversed(versions.values())), gap)


def _holds(history: History, file: str) -> bool:
    """Whether a file is in a repository and not in a nested one."""
    folder = Path(file).absolute().parent.resolve()
    while folder not in (history.root, folder.parent):
        if (folder / ".git").exists():
            return False
        folder = folder.parent
    return folder == history.root


def _attribution(
    app: PlannedApp, desired: DesiredApp, file: FileHistory, read: Read, now: datetime
) -> AppAttribution | None:
    from reconciler.plan.attribution import attribute

    history = spec_history(file, {desired.name, app.plan.moved_from} - {""}, read)
    if app.live is None:
        return _absent(desired, history, now)
    variables = [identity_path(desired.spec, pointer) for pointer in desired.substituted]
    return attribute(
        desired.name,
        app.plan.changes,
        (desired.spec, app.live.spec),
        history,
        app.deployments,
        now=now,
        variables=variables,
    )


def _absent(desired: DesiredApp, history: SpecHistory, now: datetime) -> AppAttribution:
    """An app that is not live: it was never created or was deleted, and nothing shows which."""
    known = [version for version in history.versions if version.spec is not None]
    if not known:
        reason = history.gap or "the spec is not committed yet"
        text = f"no such live app, and Git does not show when its spec was added: {reason}"
        return AppAttribution(desired.name, "unknown", text)
    first = known[-1]
    text = (
        f"in Git since {first.commit[:7]} ({first.author}, {ago(first.when, now)}) or earlier: "
        "it was never applied, or the app was deleted"
    )
    one = Attribution((), "unknown", text, first.commit, first.author, first.when)
    return AppAttribution(desired.name, "unknown", text, (one,))
