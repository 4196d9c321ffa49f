"""The Git history of spec files: their earlier versions, and which specs were removed.

Read with dulwich, so no git program is needed, and a repository owned by another user (as in containers) is not a
problem. Nothing is written. dulwich is imported only when a history is opened.

Deliberate limits: only a file's current path is followed, renames are not; and no more commits are read than
requested. What was not read is reported (`FileHistory.gap`), never guessed: a shallow clone lacks commits. Files that a
repository's configuration includes are not read: what decides is never in one, and they may be anywhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from reconciler.desired.git_repository import MISSING, HistoryGap, Walk, author_of, explained, opened, when_made
from reconciler.desired.reading import parse_specs
from reconciler.yamltext import is_wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from dulwich.objects import Commit
    from dulwich.repo import Repo

    ReadSpecs = Callable[[str, str], Iterable[tuple[str, Mapping[str, Any]]]]
    """(text, file) -> (app name, spec) of every app in it; none if the text cannot be read."""

_Entry: TypeAlias = tuple[int, bytes]
"""Mode and id of an entry of a folder."""

DEFAULT_COMMITS = 2000
"""Maximum number of commits to read."""

SPEC_SUFFIXES = (".yaml", ".yml", ".json")
_REGULAR = 0o100000
_FOLDER = 0o040000
_KIND = 0o170000
_FOLDERS_KEPT = 32
"""Size of the cache: a folder is soon read again, as a parent's and for every file in it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A version of a file: the commit that made it. ``text`` is None if the commit removed the file."""

    commit: str
    when: datetime
    author: str
    text: str | None


@dataclass(frozen=True, slots=True)
class FileHistory:
    """The versions of a file, newest first. ``gap`` says why there may be earlier ones, if so."""

    revisions: tuple[Revision, ...]
    gap: str = ""


@dataclass(frozen=True, slots=True)
class PastSpec:
    """A version of an app's spec that was in Git, and the last commit that had it."""

    commit: str
    when: datetime
    author: str
    file: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemovedSpec:
    """An app whose spec was removed from Git; its versions, newest first (never empty)."""

    name: str
    versions: tuple[PastSpec, ...]

    @property
    def last(self) -> PastSpec:
        """The version that was removed."""
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class RemovedSpecs:
    """The specs removed from a folder. ``gap`` says why there may be more; empty: these are all."""

    specs: tuple[RemovedSpec, ...]
    gap: str = ""


class History:
    """The history of the repository around a path, as seen from HEAD (detached or not)."""

    def __init__(self, repo: Repo, root: Path) -> None:
        self.repo = repo
        self.root = root
        self._folders: dict[bytes, dict[bytes, _Entry]] = {}

    @classmethod
    def open(cls, path: str | Path) -> History | None:
        """Open the history around a file or folder (which may no longer exist); None outside any repository.

        Raises:
            HistoryGap: there is a repository, and it cannot be read.
        """
        start = Path(path).absolute()
        while not start.is_dir() and start != start.parent:
            start = start.parent
        for folder in (start, *start.parents):
            if os.path.lexists(folder / ".git"):
                for repo in explained(opened(folder)):
                    return cls(repo, Path(repo.path).resolve())
                if not (folder / ".git").is_dir():  # like git, go on only from a folder
                    raise HistoryGap("its .git is neither a folder nor a link to a repository")
        return None

    def close(self) -> None:
        """Close the repository's files."""
        self.repo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def head(self) -> str:
        """The commit that is checked out; empty in a repository without commits."""
        try:
            return self.repo.head().decode()
        except KeyError:
            return ""

    def inside(self, path: str | Path) -> str | None:
        """The path within the repository, with slashes ("" for its root); None if it is outside."""
        absolute = Path(path).absolute()
        # The folder is resolved, the file itself is not: Git tracks the link, not its target.
        resolved = absolute.resolve() if absolute.is_dir() else absolute.parent.resolve() / absolute.name
        try:
            relative = resolved.relative_to(self.root).as_posix()
        except ValueError:
            return None
        return "" if relative == "." else relative

    def histories(self, paths: Sequence[str | Path], *, limit: int = DEFAULT_COMMITS) -> list[FileHistory]:
        """The versions of files, each newest first, from one walk that reads at most ``limit`` commits.

        A commit counts if the file differs from every parent's, as in ``git log FILE``.
        """
        inside = [self.inside(path) for path in paths]
        found: dict[str, list[Revision]] = {name: [] for name in inside if name is not None}
        walk = Walk(self.repo, self.stored, limit, head=lambda: self.head)
        gap = ""
        try:
            for name, revision in explained(self._revisions(walk, found)):
                found[name].append(revision)
        except HistoryGap as error:
            gap = str(error)
        outside = FileHistory((), "the file is outside the repository")
        return [outside if name is None else FileHistory(tuple(found[name]), gap or walk.gap) for name in inside]

    def _revisions(self, walk: Walk, names: Collection[str]) -> Iterator[tuple[str, Revision]]:
        for commit in walk:
            for name in self._touched(commit, walk.parents(commit), names):
                yield name, self._revision(commit, self._lookup(commit, name))

    def _touched(self, commit: Commit, parents: Sequence[Commit], names: Iterable[str]) -> Iterator[str]:
        """The files that differ from every parent's."""
        same = {parent.tree == commit.tree for parent in parents}
        if True in same:
            return
        for name in names:
            own = self._lookup(commit, name)
            before = [self._lookup(parent, name) for parent in parents]
            if own not in before and (own or before):
                yield name

    def _revision(self, commit: Commit, entry: _Entry | None) -> Revision:
        return Revision(commit.id.decode(), when_made(commit), author_of(commit), self._text(entry))

    def removed_specs(
        self,
        folder: str | Path,
        present: Collection[str],
        *,
        read: ReadSpecs | None = None,
        limit: int = DEFAULT_COMMITS,
    ) -> RemovedSpecs:
        """The apps whose specs were in a folder (or file) in some commit and are not ``present`` now.

        ``present`` are the names of the apps that Git has now, in any file: a spec that moved to another file
        was not removed. ``read`` parses a file's text; by default plain YAML without variables.
        """
        inside = self.inside(folder)
        if inside is None:
            return RemovedSpecs((), "the folder is outside the repository")
        take_apart = read or plain_specs
        gone: dict[str, list[PastSpec]] = {}
        walk = Walk(self.repo, self.stored, limit, head=lambda: self.head)
        gap = ""
        try:
            for file, revision in explained(self._versions(walk, inside)):
                for name, spec in take_apart(revision.text or "", file):
                    if name not in present:
                        past = PastSpec(revision.commit, revision.when, revision.author, file, spec)
                        gone.setdefault(name, []).append(past)
        except HistoryGap as error:
            gap = str(error)
        return RemovedSpecs(tuple(RemovedSpec(name, tuple(gone[name])) for name in sorted(gone)), gap or walk.gap)

    def _versions(self, walk: Walk, inside: str) -> Iterator[tuple[str, Revision]]:
        """Every version of every spec file below a path."""
        seen: set[tuple[str, bytes]] = set()
        for commit in walk:
            for file, blob in self._files(commit, inside, seen):
                yield file, self._revision(commit, (_REGULAR, blob))

    def differs(self, base: Commit, path: Path) -> bool:
        """Whether a file is another one than in a commit, or is not in the repository."""
        inside = self.inside(path)
        entry = self._lookup(base, inside) if inside else None
        if entry is None or entry[0] & _KIND == _FOLDER:
            return True
        now = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        return bool(self.stored(entry[1]).data != now)

    def text_at(self, base: Commit, file: str) -> str | None:
        """The text of a file, by its name within the repository, in a commit; None if it has no such file."""
        return self._text(self._lookup(base, file))

    def lacks(self, base: Commit, folder: Path) -> bool:
        """Whether a spec file that a commit has in a folder, or as that file, is gone."""
        inside = self.inside(folder)
        names = self._files(base, inside, set()) if inside is not None else ()
        return any(not (self.root / name).is_file() for name, _ in names)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Name and text of every file in the checked-out commit that may hold a spec.

        A file whose object is missing (a partial clone) counts as empty; `removed_specs` reports that gap.
        """
        with suppress(HistoryGap):
            yield from explained(self._texts())

    def _texts(self) -> Iterator[tuple[str, str]]:
        for file, blob in self._files(self.stored(self.repo.head()), "", set()) if self.head else ():
            yield file, self._text((_REGULAR, blob)) or ""

    def stored(self, sha: bytes) -> Any:
        """The object with an id.

        Raises:
            HistoryGap: it is not in the repository.
        """
        from dulwich.objects import ObjectID

        try:
            return self.repo[ObjectID(sha)]
        except KeyError as error:
            raise HistoryGap(MISSING) from error

    def _lookup(self, commit: Commit, inside: str) -> _Entry | None:
        """Mode and id of the entry at a path in a commit, or None."""
        entry: _Entry | None = (_FOLDER, commit.tree)
        for part in inside.encode().split(b"/") if inside else ():
            entry = self._children(entry).get(part) if entry else None
        return entry

    def _children(self, entry: _Entry) -> dict[bytes, _Entry]:
        """The entries of a folder by name; empty for anything but a folder. The last few folders are cached."""
        mode, sha = entry
        if mode & _KIND != _FOLDER:
            return {}
        known = self._folders.pop(sha, None)
        if known is None:
            tree = self.stored(sha)
            known = {name: tree[name] for name in tree}
        self._folders[sha] = known
        if len(self._folders) > _FOLDERS_KEPT:
            del self._folders[next(iter(self._folders))]
        return known

    def _text(self, entry: _Entry | None) -> str | None:
        """The text of a file; None if it does not exist, or is a folder, a link or a submodule."""
        if entry is None or entry[0] & _KIND != _REGULAR:
            return None
        text: str = self.stored(entry[1]).data.decode("utf-8-sig", "replace")
        return text

    def _files(self, commit: Commit, inside: str, seen: set[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Spec files below a path that were not seen yet: name within the repository, id."""
        pending = [(inside, self._lookup(commit, inside))]
        while pending:
            path, entry = pending.pop()
            if entry is None or (path, entry[1]) in seen:
                continue
            seen.add((path, entry[1]))
            if entry[0] & _KIND == _REGULAR and PurePosixPath(path).suffix.lower() in SPEC_SUFFIXES:
                yield path, entry[1]
            children = self._children(entry)
            prefix = f"{path}/" if path else ""
            pending += [(prefix + name.decode("utf-8", "replace"), children[name]) for name in sorted(children)]


def plain_specs(text: str, file: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The apps of a text as written, without substitution: (name, spec)."""
    documents, _ = parse_specs(text, file)
    specs = [document.data["spec"] if is_wrapped(document.data, "spec") else document.data for document in documents]
    return [(spec["name"], spec) for spec in specs if isinstance(spec, dict) and isinstance(spec.get("name"), str)]
