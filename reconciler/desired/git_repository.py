"""Opens Git repositories with dulwich and walks their commits.

Odd and damaged repositories are refused with the reason, in our own words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.yamltext import open_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from dulwich.config import ConfigFile
    from dulwich.objects import Commit
    from dulwich.repo import Repo

T = TypeVar("T")

_HARMLESS = frozenset({b"partialclone", b"preciousobjects", b"noop"})
"""Extensions that change nothing for a reader but that objects may be missing, which is noticed anyway."""

_NO_HEAD = "the repository has no commits yet, or keeps its references in a form that cannot be read (reftable)"
MISSING = "objects are missing from the repository (a partial clone, or a damaged one)"


class HistoryGap(Exception):
    """Why a history cannot be read, or only in part. Never the words of dulwich, which may quote the configuration."""


def opened(root: Path) -> Iterator[Repo]:
    """The repository at a folder, if there is one; its configuration without the files that it includes."""
    from dulwich.config import ConfigFile
    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo

    class ReadOnly(Repo):
        """A repository that is only read."""

        def get_config(self) -> ConfigFile:
            path = Path(self.commondir(), "config")
            if not path.exists():
                return ConfigFile()
            with open_file(path) as stream:
                config = ConfigFile.from_file(stream, expand_includes=False)
            for name in [name for name, _ in config.items((b"extensions",)) if name.lower() in _HARMLESS]:
                del config[b"extensions",][name]
            return config

    with suppress(NotGitRepository):
        repo = ReadOnly(str(root))
        if Path(repo.controldir(), "HEAD").exists() and Path(repo.commondir(), "objects").is_dir():
            yield repo
        else:
            repo.close()


def explained(items: Iterator[T]) -> Iterator[T]:
    """The items of something that dulwich reads; whatever it meets in an odd or damaged repository is a gap.

    Raises:
        HistoryGap: nothing more can be read, and why.
    """
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except HistoryGap:
            raise
        except OSError as error:
            raise HistoryGap(f"the repository cannot be read: {error.strerror or type(error).__name__}") from error
        except Exception as error:
            raise HistoryGap(_oddity(error)) from error
        yield item


def _oddity(error: Exception) -> str:
    """Why dulwich cannot read a repository, in our own words."""
    from dulwich.errors import MissingCommitError
    from dulwich.repo import UnsupportedExtension, UnsupportedVersion

    match error:
        case MissingCommitError():
            return MISSING
        case UnsupportedVersion():
            return f"the repository has the format version {error.version}, which is not supported"
        case UnsupportedExtension():
            return f"the repository uses the extension {error.extension}, which is not supported"
        case _:
            return f"the repository is damaged or of an unknown kind ({type(error).__name__})"


def submodules(folder: Path) -> Iterator[Path]:
    """The folders of the submodules that a repository's `.gitmodules` names.

    Raises:
        HistoryGap: it cannot be read.
    """
    from dulwich.config import ConfigFile, parse_submodules

    def named() -> Iterator[Path]:
        with open_file(folder / ".gitmodules") as stream:
            config = ConfigFile.from_file(stream, expand_includes=False)
        for path, _, _ in parse_submodules(config):
            yield folder / os.fsdecode(path)

    yield from explained(named())


class Walk:
    """Commits reachable from HEAD, newest first, at most ``limit``; afterwards ``gap`` says what was not read.

    ``stored`` reads an object by its id; ``head`` reads the id of the newest commit, empty if there is none.
    """

    def __init__(self, repo: Repo, stored: Callable[[bytes], Any], limit: int, *, head: Callable[[], str]) -> None:
        self._repo, self._stored, self._limit, self._head = repo, stored, limit, head
        self.gap = ""

    @cached_property
    def _provider(self) -> Any:
        return self._repo.parents_provider()

    def parents(self, commit: Commit) -> list[Commit]:
        """The parents in the repository; a shallow clone lacks some."""
        return [self._stored(parent) for parent in self._provider.get_parents(commit.id, commit)]

    def __iter__(self) -> Iterator[Commit]:
        from dulwich.errors import MissingCommitError
        from dulwich.walk import Walker

        repo = self._repo
        if not self._head():
            odd = repo.get_config().has_section((b"extensions",))
            self.gap = _NO_HEAD if odd else "the repository has no commits yet"
            return
        if repo.get_shallow():
            self.gap = "the clone is shallow: earlier commits are missing"
        walker = Walker(
            repo.object_store, [repo.head()], get_parents=lambda commit: self._provider.get_parents(commit.id, commit)
        )
        try:
            for count, entry in enumerate(walker):
                if count >= self._limit:
                    self.gap = self.gap or f"only the newest commits were read ({self._limit})"
                    return
                yield entry.commit
        except (MissingCommitError, KeyError):
            self.gap = MISSING


def merge_base(repo: Repo, name: str) -> Commit:
    """The newest common ancestor of HEAD and the commit that a name, such as ``origin/main`` or ``HEAD~1``, leads to.

    Raises:
        HistoryGap: there is no such commit, or no common ancestor in the repository.
    """
    from dulwich.graph import find_merge_base
    from dulwich.objects import Commit
    from dulwich.objectspec import parse_commit, parse_object

    shallow = "; the clone is shallow" if repo.get_shallow() else ""
    try:
        relative = "~" in name or "^" in name  # which parse_commit does not know
        other = parse_commit(repo, parse_object(repo, name).id if relative else name)
        common = find_merge_base(repo, [repo.head(), other.id])
    except (KeyError, ValueError) as error:
        raise HistoryGap(f"there is no such commit{shallow}") from error
    found = repo[common[0]] if common else None
    if not isinstance(found, Commit):
        raise HistoryGap(f"it has no common ancestor with HEAD{shallow}")
    return found


def when_made(commit: Commit) -> datetime:
    """When the commit was made, in the committer's own time zone."""
    try:
        zone = timezone(timedelta(seconds=commit.commit_timezone))
    except ValueError:
        zone = UTC
    return datetime.fromtimestamp(commit.commit_time, zone)


def author_of(commit: Commit) -> str:
    """The author's name, or the address if there is none."""
    person = bytes(commit.author).decode("utf-8", "replace")
    return person.split(" <", 1)[0].strip() or person.strip("<> ")
