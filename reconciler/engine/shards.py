"""The part of the apps that one of several equal, parallel jobs has."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
            raise UsageError(f"--shard auto: invalid part: {shown}", hint=f"set {total} to the number of jobs")
    names = ", ".join(index for index, _, _ in _PARALLEL_JOBS)
    raise UsageError(f"--shard auto needs one of these variables: {names}", hint="outside parallel jobs, use 1/4 … 4/4")
