"""Links that lead out of a checkout: what a pull request may have read, and what not.

A symbolic link is a file that says which other file is meant. In a checkout that a stranger wrote it can mean anything
on the machine: the environment with its token, the credentials in ``.git/config``. Within the checkout links are
welcome: several environments share a spec that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reconciler.desired.load import SUFFIXES
from reconciler.findings import Finding, Location, Severity

_REPOSITORY = ".git"


def escaping_links_of(files: Iterable[Path], root: Path) -> tuple[Finding, ...]:
    """The files that are none of the checkout at ``root``, an error each; their text is not read.

    A file may lie anywhere below ``root``. A link must lead to a file there that is named as specs are, and not into
    a repository's own folder. A finding names the link alone, not what it leads to.
    """
    real_root = Path(os.path.realpath(root))
    return tuple(_finding(file) for file in files if not _belongs(file, real_root))


def _belongs(file: Path, root: Path) -> bool:
    real = Path(os.path.realpath(file))
    if not real.is_relative_to(root):
        return False
    is_link = real != Path(os.path.abspath(file))  # noqa: PTH100 - Path.resolve would follow the link
    return not is_link or (real.suffix in SUFFIXES and _REPOSITORY not in real.relative_to(root).parts)


def _finding(file: Path) -> Finding:
    return Finding(
        Severity.ERROR,
        "outside-checkout",
        "this leads to a file outside of the checkout, and is not read",
        "put the file itself there, or link to a spec of the same repository",
        Location(str(file)),
    )
