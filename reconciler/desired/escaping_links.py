"""Refuses symbolic links that lead out of a checkout, so that a pull request cannot have other files read.

In an untrusted checkout a symbolic link can point to anything
on the machine: the environment with its token, the credentials in ``.git/config``. Links within the checkout are
allowed: environments share specs that way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reconciler.desired.load import SUFFIXES
from reconciler.findings import Finding, Location, Severity

_REPOSITORY = ".git"


def escaping_links_of(files: Iterable[Path], root: Path) -> tuple[Finding, ...]:
    """An error for each file outside the checkout at ``root``; none of them is read.

    A file may be anywhere below ``root``. A link must lead to a file there with the suffix of a spec, and not into
    ``.git``. A finding names only the link, not its target.
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
        "this link points outside the checkout, so it was not read",
        "replace it with the file itself, or link to a spec in this repository",
        Location(str(file)),
    )
