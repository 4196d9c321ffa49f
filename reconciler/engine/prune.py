"""Which live apps may be deleted because their spec was removed from Git. Fails closed.

An app qualifies if the history of the folders of specs shows its spec, no file of the repository holds it any more, and
the live spec is one that stood there. Everything else is left alone; a history with gaps prunes nothing at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.desired.git_history import SPEC_SUFFIXES, History, RemovedSpec
from reconciler.engine.planner import PlannedApp, Planner
from reconciler.errors import InvalidInput, PlanMismatch
from reconciler.findings import Finding, Location, Severity, has_errors
from reconciler.plan import cost
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import compare, live_digest
from reconciler.plan.model import Action, Plan, SyncStatus
from reconciler.text import ago
from reconciler.yamltext import parse, read_text

if TYPE_CHECKING:
    from reconciler.live.models import LiveApp

Read = Callable[[str, str], Sequence[tuple[str, Mapping[str, Any]]]]

MOST_COMMITS = 50_000
"""Commits that are read at most; in a longer history nothing is pruned."""

_VARIABLE_NAME = re.compile(r"""\bname["']?[ \t]*:[^\n]*\$\{""")
"""A name that a variable brings: it may be any."""

NOTHING_THERE = ("no-specs", "no-such-path")
"""Codes of findings about folders that hold no spec, as after the last one was removed."""

_NOT_WALKED = ("node_modules", "vendor")
"""Folders of other people's files."""


@dataclass(frozen=True)
class Removed:
    """The specs that Git had and has no more, by app name.

    ``unread``: files, by app name, that nobody can read as specs and that may hold the app's. ``had`` are the files and
    folders in which some specs stood.
    """

    specs: Mapping[str, RemovedSpec]
    unread: Mapping[str, str] = field(default_factory=dict)
    had: frozenset[str] = frozenset()

    @classmethod
    def read(cls, paths: Sequence[Path], known: Collection[str], read: Read) -> Removed:
        """What the history of files and folders of specs shows; ``known`` are the apps that Git has now.

        ``read`` takes the text of a spec file apart.

        Raises:
            PlanMismatch: the history has gaps, so that nobody can say what was there.
        """
        found: dict[str, RemovedSpec] = {}
        unread: dict[str, str] = {}
        had: set[str] = set()
        for path in paths:
            with _opened(path) as history:
                removed = history.removed_specs(path, known, read=read, limit=MOST_COMMITS)
                if removed.gap:
                    raise _refusal(removed.gap)
                gone = {spec.name: spec for spec in removed.specs}
                if gone:
                    had.add(str(path))
                    standing = set(_standing(history, frozenset(gone), read))
                    still = {name for name, file in standing if not file}
                    found |= {name: spec for name, spec in gone.items() if name not in still}
                    unread |= {name: file for name, file in sorted(standing) if file}
        return cls(found, unread, frozenset(had))

    def judge(
        self, unmanaged_apps: Sequence[LiveApp], planner: Planner
    ) -> tuple[tuple[PlannedApp, ...], tuple[Finding, ...]]:
        """The plans to delete those of the live apps without a spec that qualify, and why others do not."""
        config, now = planner.config, planner.now
        plans: list[PlannedApp] = []
        notes: list[Finding] = []
        for live in unmanaged_apps:
            spec = self.specs.get(live.name)
            if spec is None:
                continue
            policy = config.policy(live.name)
            if file := self.unread.get(live.name):
                notes.append(_perhaps_described(live, file))
            elif any(compare(version.spec, live, policy).spec_agrees for version in spec.versions):
                plans.append(PlannedApp(_deletion(live, spec, now), policy, live=live))
            else:
                notes.append(_changed_since(live, spec))
        return tuple(plans), tuple(notes)


def set_aside(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, with those about empty or missing folders as notices: what was there, the history decides."""
    return tuple(
        replace(finding, severity=Severity.NOTICE) if finding.code in NOTHING_THERE else finding for finding in findings
    )


def check_emptied(findings: Sequence[Finding], removed: Removed) -> None:
    """Take an empty or missing folder for a typing mistake, unless its history has specs that were removed.

    Raises:
        InvalidInput: nothing is there, and nothing was.
    """
    nothing = [
        replace(finding, severity=Severity.ERROR)
        for finding in findings
        if finding.code in NOTHING_THERE
        and not (finding.location.file in removed.had if finding.location else removed.had)
    ]
    if nothing:
        raise InvalidInput(nothing)


def _opened(path: Path) -> History:
    history = History.open(path)
    if history is None:
        raise _refusal("the specs are in no Git repository")
    return history


def _refusal(why: str) -> PlanMismatch:
    return PlanMismatch(
        f"--prune deletes nothing: which specs were removed cannot be told, {why}",
        hint="fetch the whole history (git fetch --unshallow; actions/checkout with fetch-depth: 0)",
    )


def _standing(history: History, names: frozenset[str], read: Read) -> Iterator[tuple[str, str]]:
    """Which of the apps some file of the repository still holds: in the last commit, or as the files stand now.

    Beside the name stands the file, if nobody can read it and it may hold the app; else nothing.
    """
    for file, text in history.texts():
        yield from _named(text, file, names, read)
    for root, folders, files in os.walk(history.root):
        folders[:] = [name for name in folders if name != ".git" and name not in _NOT_WALKED]
        for path in (Path(root, name) for name in files if name.endswith(SPEC_SUFFIXES)):
            file = str(path.relative_to(history.root))
            try:
                text = read_text(path, file)
            except InvalidInput:
                yield from ((name, file) for name in names if _may_hold(path, name))
            else:
                yield from _named(text, file, names, read)


def _named(text: str, file: str, names: frozenset[str], read: Read) -> Iterator[tuple[str, str]]:
    """The apps that a text holds, or may hold; one that could hold none of them is not taken apart."""
    mentioned = {name for name in names if _mentions(text, name)}
    if not mentioned and "${" not in text:
        return
    held = {name for name, _ in read(text, file)}.intersection(names)
    yield from ((name, "") for name in held)
    doubtful = (names if _VARIABLE_NAME.search(text) else mentioned) - held
    if doubtful and has_errors(parse(text, file)[1]):
        yield from ((name, file) for name in doubtful)


def _mentions(text: str, name: str) -> bool:
    """Whether a name stands in a text, and not as a part of a longer one."""
    return name in text and re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", text) is not None


def _may_hold(path: Path, name: str) -> bool:
    """Whether a file that is no text, or too long a one, holds a name; one that cannot be opened may hold any."""
    try:
        with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as raw:
            return any(raw.find(name.encode(encoding)) >= 0 for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
    except FileNotFoundError:  # a link that leads nowhere
        return False
    except OSError:
        return True


def _deletion(live: LiveApp, spec: RemovedSpec, now: datetime) -> Plan:
    last = spec.last
    reason = f"its spec {last.file} was removed from Git after {last.commit[:7]} ({last.author}, {ago(last.when, now)})"
    plan = Plan(
        live.name,
        SyncStatus.OUT_OF_SYNC,
        Action.DELETE,
        reason=reason,
        app_id=live.id,
        file=last.file,
        cost=replace(cost.unchanged(canonical(live.spec)), after=0.0),
        live_digest=live_digest(live),
    )
    if live.pinned_deployment is None:
        return plan
    why = f"{reason}, but somebody pinned the app to a rollback"
    return replace(plan, status=SyncStatus.BLOCKED, action=Action.REFUSE, reason=why)


def _perhaps_described(live: LiveApp, file: str) -> Finding:
    return Finding(
        Severity.WARNING,
        "not-pruned",
        f"the spec of {live.name} was removed from Git, but {file} mentions it and cannot be read: it is left alone",
        f"mend {file}, or take {live.name} out of it",
        Location(file),
    )


def _changed_since(live: LiveApp, spec: RemovedSpec) -> Finding:
    return Finding(
        Severity.WARNING,
        "not-pruned",
        f"the spec of {live.name} was removed from Git after {spec.last.commit[:7]}, but the app is not what any "
        "version of it said: it is left alone",
        f"somebody changed the app: look at it (reconcile status {live.name}) before you delete it by hand",
    )
