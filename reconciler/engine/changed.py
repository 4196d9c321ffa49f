"""Which apps changed in Git since a commit, for `--only-changed`.

An app counts as changed if one of the files it is made of, overlays included, differs from the base, or one that every
app depends on: `reconcile.yaml`, a file of the policies or of an environment's variables, an overlay that is gone. The
base is the merge base of HEAD and the commit that was named, and is compared with the files as they are, committed or
not. A file outside the repository always counts as changed. What no file says is not seen: variables of the process,
what is live, and apps that an earlier run left out of sync.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired.git_history import History
from reconciler.desired.git_repository import HistoryGap, explained, merge_base
from reconciler.errors import UsageError
from reconciler.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dulwich.objects import Commit

    from reconciler.config_file import ConfigFile
    from reconciler.desired.environments import EnvironmentSources
    from reconciler.desired.load import DesiredApp

_BASES = (
    ("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
    ("GITHUB_BASE_REF", "origin/"),
    ("CI_COMMIT_BEFORE_SHA", ""),
)
"""Variables of pipelines with the base of a change, and what precedes it (docs.gitlab.com, docs.github.com)."""

_HOW = "git fetch --unshallow; actions/checkout with fetch-depth: 0; on GitLab GIT_DEPTH: 0"
DEEPER = f"check the name, or fetch the history: {_HOW}"


def changed_only(
    apps: tuple[DesiredApp, ...],
    file: ConfigFile,
    environment: EnvironmentSources | None,
    since: str,
    environ: Mapping[str, str],
) -> tuple[tuple[DesiredApp, ...], Finding]:
    """The apps that changed since a commit, and a notice of how many they are.

    Raises:
        UsageError: there is no such commit, no common ancestor, or no repository.
    """
    since = named(since, environ)
    try:
        history = History.open(apps[0].file if apps else ".")
        if history is None:
            raise UsageError("--only-changed needs a Git repository", hint="omit it to look at every app")
        with history:
            base = base_of(history, since)
            every = any(_differs(history, base, path) for path in _shared(file, environment))
            every = every or any(history.lacks(base, path) for path in (environment.folders if environment else ()))
            changed = tuple(app for app in apps if every or _app_differs(history, base, app, environment))
    except HistoryGap as gap:
        raise _not_compared(since, gap) from None
    why = ", because a file that every app depends on changed" if every else ""
    message = f"{len(changed)} of {len(apps)} apps: only those whose files changed since {since}{why}"
    return changed, Finding(Severity.NOTICE, "only-changed", message)


def base_of(history: History, since: str) -> Commit:
    """The merge base of HEAD and a commit that is named.

    Raises:
        UsageError: there is no such commit, or no common ancestor.
    """
    try:
        return next(explained(merge_base(history.repo, name) for name in (since,)))
    except HistoryGap as gap:
        raise _not_compared(since, gap) from None


def _not_compared(since: str, gap: HistoryGap) -> UsageError:
    return UsageError(f"--only-changed cannot compare with {since}: {gap}", hint=DEEPER)


def _shared(file: ConfigFile, environment: EnvironmentSources | None) -> list[Path]:
    """The files that every app depends on."""
    policies = Path(file.config.policies)
    shared = [Path(file.document.file)] if file.document else []
    shared += [path for path in policies.rglob("*") if path.is_file()] if policies.is_dir() else []
    return [*shared, *(environment.variable_files if environment else ())]


def _app_differs(history: History, base: Commit, app: DesiredApp, environment: EnvironmentSources | None) -> bool:
    files = [app.file, *(environment.files(app.base) if environment else ())]
    return any(_differs(history, base, Path(file)) for file in files)


def _differs(history: History, base: Commit, path: Path) -> bool:
    """Whether a file differs from the base, or what a link leads to does."""
    return history.differs(base, path) or (path.is_symlink() and history.differs(base, Path(os.path.realpath(path))))


def named(since: str, environ: Mapping[str, str]) -> str:
    """The commit that ``--only-changed`` names; of ``auto`` the one in the pipeline's variables.

    Raises:
        UsageError: no variable has one.
    """
    if since != "auto":
        return since
    for name, before in _BASES:
        if (value := environ.get(name, "")).strip("0"):
            return f"{before}{value}"
    names = ", ".join(name for name, _ in _BASES)
    raise UsageError(
        f"--only-changed auto needs one of these variables: {names}", hint="elsewhere, name a commit: origin/main"
    )
