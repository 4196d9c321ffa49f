"""Combinations of flags that make no sense are refused: none is silently without effect."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cyclopts.validators import Number

from reconciler.cli.options import API_URL, SANDBOX_FILE
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from reconciler.cli.options import Connection

POSITIVE = Number(gte=1)
PORT = Number(gte=0, lte=65535)


def check_mode(*, plan: bool, drift: bool, given: Mapping[str, bool]) -> None:
    """Refuse the flags that the mode has no use for. ``given``: which of those in question stand on the command line.

    Raises:
        UsageError: there is one.
    """
    if plan and drift:
        raise UsageError("--plan and --drift exclude each other")
    goes_with = {
        "--save": (plan, "--plan"),
        "--exit-code": (plan or drift, "--plan: an apply has exit codes of its own"),
        "--retry": (not drift, "applying and with --plan: --drift tries nothing"),
    }
    applying = (not plan and not drift, "applying, not with --plan or --drift")
    for flag in (flag for flag, stands in given.items() if stands):
        sensible, where = goes_with.get(flag, applying)
        if not sensible:
            raise UsageError(f"{flag} goes with {where}")


def check_connection(connection: Connection) -> None:
    """Refuse an address beside the sandbox, and its file without it; from the environment, either may always stand.

    Raises:
        UsageError: there is one.
    """
    elsewhere = connection.api_url not in (API_URL, os.environ.get("DIGITALOCEAN_API_URL"))
    if connection.sandbox and elsewhere:
        raise UsageError("--sandbox and --api-url exclude each other", hint="a served sandbox needs --api-url alone")
    file = str(connection.sandbox_file)
    if not connection.sandbox and file not in (str(SANDBOX_FILE), os.environ.get("RECONCILE_SANDBOX_FILE")):
        raise UsageError("--sandbox-file goes with --sandbox", hint=f"add --sandbox to use {file}")


COMMANDS = ("validate", "import", "fmt", "status", "rollback", "schema", "sandbox")
"""The words after `reconcile` that are commands; anything else names specs."""


def check_specs(specs: Sequence[Path]) -> None:
    """Refuse a word that is no file and looks like a command.

    Raises:
        UsageError: there is one; the hint names the command.
    """
    from difflib import get_close_matches

    for word in (str(path) for path in specs if not path.exists()):
        if near := get_close_matches(word, COMMANDS, 1, 0.6):
            raise UsageError(f"there is neither a command nor a file {word}", hint=f"did you mean reconcile {near[0]}?")
