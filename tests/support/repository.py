"""A real Git repository in a folder, made with dulwich: commits at given moments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dulwich.repo import Repo

DAY = 86400
START = int(datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp())


class Repository:
    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.repo = Repo.init(str(root))
        self.repo.hooks.clear()  # there are none: dulwich starts a process for each to find that out at every commit

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def _files(self) -> Iterator[Path]:
        """The files of the working tree; Git's own are many more."""
        for folder, below, names in os.walk(self.root):
            below[:] = [name for name in below if name != ".git"]
            yield from (path for path in map(Path(folder).joinpath, names) if path.is_file())

    def commit(self, day: float, message: str = "change", author: str = "Ada Byron <ada@example.com>") -> str:
        """Commit the whole working tree, so many days after the start."""
        worktree = self.repo.get_worktree()
        present = [path.relative_to(self.root).as_posix() for path in self._files()]
        index = self.repo.open_index()
        gone = [name.decode() for name in index if name.decode() not in present]
        worktree.stage(present + gone)
        at = START + day * DAY
        return worktree.commit(
            message=message.encode(),
            author=author.encode(),
            committer=author.encode(),
            commit_timestamp=at,
            author_timestamp=at,
            commit_timezone=0,
            author_timezone=0,
        ).decode()

    def make_shallow(self, commit: str) -> None:
        """As after ``git clone --depth``: the parents of a commit are not known."""
        (self.root / ".git" / "shallow").write_text(commit + "\n")
