"""The options of a run."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import UsageError

_SHARD = re.compile(r"([1-9]\d{0,4})/([1-9]\d{0,4})")


def shard_of(text: str) -> tuple[int, int] | None:
    """``2/5`` as (2, 5); None if it is not a part of a whole."""
    match = _SHARD.fullmatch(text)
    return (int(match[1]), int(match[2])) if match and int(match[1]) <= int(match[2]) else None


_PARALLEL_JOBS = (("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0), ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1))
"""Variables with the index of a parallel job, the number of jobs, and the first index.

A Kubernetes Indexed Job sets only the index (kubernetes.io, Indexed Job); GitLab sets both for `parallel`
(docs.gitlab.com, predefined variables).
"""


def shard_of_job(environ: Mapping[str, str]) -> tuple[int, int]:
    """The part of the apps that this one of several parallel jobs has.

    Raises:
        UsageError: the environment has no index, or it and the number of jobs do not fit.
    """
    for index, total, first in _PARALLEL_JOBS:
        if environ.get(index):
            part, whole = environ[index], environ.get(total, "")
            number = str(int(part) + 1 - first) if part.isdecimal() and part.isascii() else part
            if found := shard_of(f"{number}/{whole}"):
                return found
            shown = f"{index}={part}, {total}={whole or '(not set)'}"
            raise UsageError(f"--shard auto: not a part of a whole: {shown}", hint=f"set {total} to the number of jobs")
    names = ", ".join(index for index, _, _ in _PARALLEL_JOBS)
    raise UsageError(f"--shard auto needs one of these variables: {names}", hint="outside parallel jobs, use 1/4 … 4/4")


@dataclass(frozen=True)
class RunOptions:
    """The options of a run; with only ``specs``, a plan that permits nothing.

    ``apply``                    apply the plan instead of only making it
    ``shard``                    the part of the apps, as (part, of how many), counted from 1
    ``drift``                    say who made the differences
    ``allow``, ``rotate``, …     what is permitted; see `plan.guard` for the grammar of ``allow``
    ``override_freeze``          apply inside a freeze window
    ``expect``                   a saved plan: apply only if it still matches
    ``checkout``                 no file outside this folder is read, not even through links
    ``own_specs``                the specs whose apps may be named; without any, every app may
    ``redeploy``, ``force_build``  deploy the specs that are live once more, without the build cache
    ``fail_on_failed_push``      end with exit code 2 if a push failed to deploy since
    ``show_live_values``         show what looks like a credential, and in comments also what only live has
    ``concurrency``              apps that are rolled out at the same time
    """

    specs: tuple[Path, ...] = (Path("specs"),)
    config: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict: bool = False
    apps: frozenset[str] = frozenset()
    shard: tuple[int, int] = (1, 1)
    checkout: Path | None = None
    own_specs: tuple[Path, ...] = ()
    apply: bool = False
    prune: bool = False
    unmanaged: bool = False
    drift: bool = False
    concurrency: int = 10
    fail_fast: bool = False
    rotate: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    retry: bool = False
    override_freeze: bool = False
    redeploy: bool = False
    force_build: bool = False
    fail_on_failed_push: bool = False
    expect: Path | None = None
    show_live_values: bool = False

    def selects(self, name: str) -> bool:
        """Whether an app is selected: it is in the shard, and among ``apps`` if any are named."""
        part, whole = self.shard
        in_shard = zlib.crc32(name.encode()) % whole == part - 1
        return in_shard and (not self.apps or name in self.apps)
