"""Exit codes. A test checks the README's table against `MEANINGS`."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of `reconcile`."""

    OK = 0
    ERROR = 1
    DIFFERENCES = 2
    INVALID = 3
    ROLLED_BACK = 4
    PERSON_NEEDED = 5
    STALLED = 6
    REFUSED = 7
    USAGE = 64
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "converged, or nothing to do; a plan without `--exit-code`",
    Exit.ERROR: "an error: API, network, internal; or the plan was declined at the prompt",
    Exit.DIFFERENCES: "`--drift`, `--plan --exit-code` or `fmt --check`: differences",
    Exit.INVALID: "specs or config invalid, or none found",
    Exit.ROLLED_BACK: "a deployment failed and was rolled back; the app is healthy on the earlier one",
    Exit.PERSON_NEEDED: "a deployment failed and could not be rolled back, or an app is blocked: a person is needed",
    Exit.STALLED: "stalled: this spec failed before and is not being retried",
    Exit.REFUSED: "refused by a guard, or the saved plan no longer matches",
    Exit.USAGE: "a usage error",
    Exit.INTERRUPTED: "interrupted; the output names what is still running",
}

MOST_SERIOUS_FIRST = (
    Exit.INTERRUPTED,
    Exit.PERSON_NEEDED,
    Exit.ERROR,
    Exit.ROLLED_BACK,
    Exit.REFUSED,
    Exit.STALLED,
    Exit.INVALID,
    Exit.DIFFERENCES,
    Exit.OK,
)
"""With several apps, the most serious code wins."""
