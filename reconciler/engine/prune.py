"""Decides which live apps may be deleted because their spec was removed from Git. Fails closed.

An app qualifies if the history of the spec folders has its spec, no file of the repository holds it any more, and
the live spec matches one of its versions. Everything else is left alone; with gaps in the history nothing is pruned.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from reconciler.desired.git_history import SPEC_SUFFIXES, History, PastSpec, RemovedSpec, plain_specs
from reconciler.desired.git_repository import HistoryGap, submodules
from reconciler.desired.reading import unrelated
from reconciler.engine.changed import base_of
from reconciler.engine.load import NOTHING_THERE, named_here
from reconciler.engine.planner import PlannedApp, Planner
from reconciler.errors import InvalidInput, PlanMismatch
from reconciler.findings import Finding, Location, Severity, has_errors
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import compare, live_digest
from reconciler.plan.model import Action, Plan, SyncStatus, unchanged_cost
from reconciler.text import ago
from reconciler.yamltext import open_file, parse, read_text

if TYPE_CHECKING:
    from reconciler.engine.load import Desired, RunOptions
    from reconciler.live.models import LiveApp


@dataclass(frozen=True)
class Reading:
    """How files say which apps they hold.

    ``read`` parses the text of a spec file: (text, file) -> (app name, spec) of every app in it. ``written`` is the
    name that a file has for an app, which an environment may have renamed.
    """

    read: Callable[[str, str], Sequence[tuple[str, Mapping[str, Any]]]]
    written: Callable[[str], str] = lambda name: name


MOST_COMMITS = 50_000
"""Maximum number of commits to read; in a longer history nothing is pruned."""

_VARIABLE_NAME = re.compile(r"""\bname["']?[ \t]*:[^\n]*\$\{""")
"""A name that contains a variable: it could be any name."""

_VARIABLE = re.compile(r"\$\{[^}]*\}")

_CHECK_OUT = "check it out: git submodule update --init --recursive (actions/checkout with submodules: recursive)"

_NOT_WALKED = ("node_modules", "vendor")
"""Folders of third-party files."""


class Doubt(NamedTuple):
    """Why a file may hold an app's spec, and what resolves that."""

    file: str
    what: str
    hint: str

    @classmethod
    def unread(cls, file: str, name: str) -> Doubt:
        """A file that mentions the app and is no spec that can be read."""
        return cls(file, f"{file} mentions it and cannot be read", f"fix {file}, or remove {name} from it")


Held: TypeAlias = tuple[str, Doubt | None]
"""An app that a file holds, or may hold."""


@dataclass(frozen=True)
class Removed:
    """The specs that were removed from Git, by app name.

    ``doubts``: why a file may still hold the app's, by app name. ``had`` are the files and folders that held specs.
    """

    specs: Mapping[str, RemovedSpec]
    doubts: Mapping[str, Doubt] = field(default_factory=dict)
    had: frozenset[str] = frozenset()

    @classmethod
    def read(cls, paths: Sequence[Path], known: Collection[str], reading: Reading, since: str = "") -> Removed:
        """Read the history of files and folders of specs; ``known`` are the apps that Git has now.

        ``since``: only what was removed since this commit, branch or tag (see `changed.base_of`).

        Raises:
            PlanMismatch: the history has gaps, so what was removed is uncertain.
            UsageError: there is no such commit.
        """
        found: dict[str, RemovedSpec] = {}
        doubts: dict[str, Doubt] = {}
        had: set[str] = set()
        for path in paths:
            with _opened(path) as history, _complete():
                removed = history.removed_specs(path, known, read=reading.read, limit=MOST_COMMITS)
                if removed.gap:
                    raise _refusal(removed.gap)
                gone = {spec.name: spec for spec in removed.specs}
                if gone:
                    had.add(str(path))
                    held = set(_still_held(history, frozenset(gone), reading))
                    still = {name for name, doubt in held if doubt is None}
                    wanted = _removed_since(history, gone, since, reading) if since else gone
                    found |= {name: spec for name, spec in wanted.items() if name not in still}
                    doubts |= dict(sorted((name, doubt) for name, doubt in held if doubt is not None))
        return cls(found, doubts, frozenset(had))

    def chosen(self, desired: Desired, options: RunOptions) -> RunOptions:
        """The options with the names that apps have in the environment, or had there until they were removed."""
        return named_here(options, desired.environment, desired.known.union(self.specs))

    def judge(
        self, unmanaged_apps: Sequence[LiveApp], planner: Planner
    ) -> tuple[tuple[PlannedApp, ...], tuple[Finding, ...]]:
        """The plans to delete the live apps without a spec that qualify, and findings why others do not."""
        config, now = planner.config, planner.now
        plans: list[PlannedApp] = []
        notes: list[Finding] = []
        for live in unmanaged_apps:
            spec = self.specs.get(live.name)
            if spec is None:
                continue
            policy = config.policy(live.name)
            if doubt := self.doubts.get(live.name):
                notes.append(_perhaps_described(live, doubt))
            elif any(compare(version.spec, live, policy).spec_agrees for version in spec.versions):
                plans.append(PlannedApp(_deletion(live, spec, now), policy, live=live))
            else:
                notes.append(_changed_since(live, spec))
        return tuple(plans), tuple(notes)


def removals(paths: Sequence[Path], known: Collection[str], reading: Reading, now: datetime) -> Callable[[str], str]:
    """What says, by app name, that Git shows the app's spec to be removed, and since when; empty where it does not.

    A spec that some file of the working tree still holds was not removed. The history is read when it is first asked
    for; one that is missing, or ends too early, shows nothing.
    """

    @cache
    def found() -> Mapping[str, str]:
        shown: dict[str, str] = {}
        for path in paths:
            try:
                with _opened(path) as history:
                    removed = history.removed_specs(path, known, read=reading.read)
                    gone = {spec.name: spec.last for spec in removed.specs}
                    held = {name for name, _ in _held_now(history, frozenset(gone), reading)} if gone else set()
            except (PlanMismatch, HistoryGap):
                continue
            shown |= {name: _removed_after(last, now) for name, last in gone.items() if name not in held}
        return shown

    return lambda name: found().get(name, "")


def _removed_after(last: PastSpec, now: datetime) -> str:
    return f"its spec {last.file} was removed from Git after {last.commit[:7]} ({last.author}, {ago(last.when, now)})"


def check_emptied(findings: Sequence[Finding], removed: Removed) -> None:
    """Treat an empty or missing folder as a typo, unless its history has specs that were removed.

    Raises:
        InvalidInput: it has no specs and never had any.
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
    try:
        history = History.open(path)
    except HistoryGap as gap:
        raise _refusal(str(gap)) from None
    if history is None:
        raise _refusal("the specs are not in a Git repository")
    return history


@contextmanager
def _complete() -> Iterator[None]:
    """Refuse to prune by a history of which something cannot be read."""
    try:
        yield
    except HistoryGap as gap:
        raise _refusal(str(gap)) from None


def _refusal(why: str) -> PlanMismatch:
    return PlanMismatch(
        f"--prune cannot determine which specs were removed, so it deletes nothing: {why}",
        hint="fetch the whole history (git fetch --unshallow; actions/checkout with fetch-depth: 0)",
    )


def _removed_since(
    history: History, gone: Mapping[str, RemovedSpec], since: str, reading: Reading
) -> dict[str, RemovedSpec]:
    """Those of the removed specs that a commit still had, in one of their files.

    Raises:
        UsageError: there is no such commit.
    """
    base = base_of(history, since)

    def had(spec: RemovedSpec) -> bool:
        files = {version.file for version in spec.versions}
        texts = ((history.text_at(base, file), file) for file in files)
        return any(name == spec.name for text, file in texts if text for name, _ in reading.read(text, file))

    return {name: spec for name, spec in gone.items() if had(spec)}


def _still_held(history: History, names: frozenset[str], reading: Reading) -> Iterator[Held]:
    """The apps that some file of the repository still holds, in the last commit or in the working tree.

    With each name the doubt, if it is not certain. A submodule that is not checked out may hold any.
    """
    for file, text in history.texts():
        yield from _named(text, file, names, reading)
    yield from _held_now(history, names, reading)


def _held_now(history: History, names: frozenset[str], reading: Reading) -> Iterator[Held]:
    """The same of the working tree alone."""
    for root, folders, files in os.walk(history.root):
        folders[:] = [name for name in folders if name != ".git" and name not in _NOT_WALKED]
        for module in submodules(Path(root)) if ".gitmodules" in files else ():
            if not os.path.lexists(module / ".git"):
                place = os.path.relpath(module, history.root)
                doubt = Doubt(place, f"the submodule {place} is not checked out and may have it", _CHECK_OUT)
                yield from ((name, doubt) for name in names)
        for path in (Path(root, name) for name in files if name.lower().endswith(SPEC_SUFFIXES)):
            file = str(path.relative_to(history.root))
            try:
                text = read_text(path, file)
            except InvalidInput:
                unread = (name for name in names if _may_hold(path, reading.written(name)))
                yield from ((name, Doubt.unread(file, name)) for name in unread)
            else:
                yield from _named(text, file, names, reading)


def _named(text: str, file: str, names: frozenset[str], reading: Reading) -> Iterator[Held]:
    """The apps that a text holds or may hold, by either name; a text that cannot hold any is not parsed."""
    mentioned = {name for name in names if _mentions(text, name) or _mentions(text, reading.written(name))}
    if not mentioned and "${" not in text:
        return
    read = reading.read(text, file)
    held = {name for name, _ in (*read, *plain_specs(text, file))}.intersection(names)
    yield from ((name, None) for name in held)
    for open_name in (name for name, spec in read if "${" in name and not unrelated(spec, file)):
        doubt = Doubt(
            file, f"the app in {file} is named {open_name}, which may be it", f"give the app in {file} a name"
        )
        pattern = ".*".join(map(re.escape, _VARIABLE.split(open_name)))
        yield from ((name, doubt) for name in names - held if re.fullmatch(pattern, name))
    doubtful = (names if _VARIABLE_NAME.search(text) else mentioned) - held
    if doubtful and has_errors(parse(text, file)[1]):
        yield from ((name, Doubt.unread(file, name)) for name in doubtful)


def _mentions(text: str, name: str) -> bool:
    """Whether a name occurs in a text, and not as part of a longer one."""
    return name in text and re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", text) is not None


def _may_hold(path: Path, name: str) -> bool:
    """Whether a binary or oversized file contains a name; one that cannot be opened may contain any."""
    try:
        with open_file(path) as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as raw:
            return any(raw.find(name.encode(encoding)) >= 0 for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
    except FileNotFoundError:  # a broken link
        return False
    except OSError:
        return True


def _deletion(live: LiveApp, spec: RemovedSpec, now: datetime) -> Plan:
    last = spec.last
    reason = _removed_after(last, now)
    plan = Plan(
        live.name,
        SyncStatus.OUT_OF_SYNC,
        Action.DELETE,
        reason=reason,
        app_id=live.id,
        file=last.file,
        cost=replace(unchanged_cost(canonical(live.spec)), after=0.0),
        live_digest=live_digest(live),
    )
    if live.pinned_deployment is None:
        return plan
    why = f"{reason}, but the app is pinned to a rollback"
    return replace(plan, status=SyncStatus.BLOCKED, action=Action.REFUSE, reason=why)


def _perhaps_described(live: LiveApp, doubt: Doubt) -> Finding:
    message = f"not deleting {live.name}: its spec was removed from Git, but {doubt.what}"
    return Finding(Severity.WARNING, "not-pruned", message, doubt.hint, Location(doubt.file))


def _changed_since(live: LiveApp, spec: RemovedSpec) -> Finding:
    return Finding(
        Severity.WARNING,
        "not-pruned",
        f"not deleting {live.name}: its spec was removed from Git after {spec.last.commit[:7]}, but the live app "
        "matches no version of that spec",
        f"it was changed outside Git: check it (reconcile status {live.name}) before you delete it yourself",
    )
