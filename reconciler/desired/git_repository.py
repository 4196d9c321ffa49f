"""Opens Git repositories with dulwich: odd and damaged ones are refused with the reason, in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.yamltext import open_file

if TYPE_CHECKING:
    from dulwich.config import ConfigFile
    from dulwich.repo import Repo

T = TypeVar("T")

_HARMLESS = frozenset({b"partialclone", b"preciousobjects", b"noop"})
"""Extensions that change nothing for a reader but that objects may be missing, which is noticed anyway."""

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
