"""Flags shared by several commands; cyclopts turns these dataclasses into options and help.

Annotations here, and in the most frequent commands, are not strings: cyclopts would compile each of them
in every run, a quarter of the time it takes to parse the arguments.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from reconciler.engine.options import RunOptions, shard_of
from reconciler.errors import UsageError
from reconciler.text import nearest
from reconciler.views.errors import Format

WHAT = Group("Selection", sort_key=1)
CONNECTION = Group("Connection", sort_key=3)
OUTPUT = Group("Output", sort_key=4)
PERMISSIONS = Group("What is allowed", sort_key=2)

SANDBOX_FILE = Path(".reconcile/sandbox.db")
"""Where `--sandbox` keeps its state, so that a second run sees what the first did."""

API_URL = "https://api.digitalocean.com"

POSITIVE = Number(gte=1)
PORT = Number(gte=0, lte=65535)


@Parameter(name="*")
@dataclass(frozen=True)
class SpecFlags:
    """Which specs to read and how."""

    config: Annotated[
        Path | None,
        Parameter(
            group=WHAT,
            help="reconcile.yaml [default: the nearest in or above the folder of the specs, else in this one]",
        ),
    ] = None
    var: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="NAME=VALUE of a declared variable; overrides the environment")
    ] = ()
    app: Annotated[tuple[str, ...], Parameter(group=WHAT, help="only this app; can be repeated")] = ()
    shard: Annotated[str, Parameter(group=WHAT, help="only a part of the apps, such as 1/4, for parallel jobs")] = ""
    strict: Annotated[bool, Parameter(group=WHAT, help="treat unknown fields and values as errors")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Permissions:
    """What a run may do beyond what it always may."""

    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="retry specs that failed before")] = False
    rotate: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="APP[/COMPONENT]/KEY: send the new value of a secret")
    ] = ()
    allow: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="allow what a guard refused, such as remove=web/api")
    ] = ()
    override_freeze: Annotated[bool, Parameter(group=PERMISSIONS, help="apply inside a freeze window")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Connection:
    """Which App Platform to use."""

    api_url: Annotated[str, Parameter(group=CONNECTION, env_var="DIGITALOCEAN_API_URL", help="address of the API")] = (
        API_URL
    )
    sandbox: Annotated[bool, Parameter(group=CONNECTION, help="use the embedded sandbox: no token, no network")] = False
    sandbox_file: Annotated[
        Path, Parameter(group=CONNECTION, env_var="RECONCILE_SANDBOX_FILE", help="state file of the embedded sandbox")
    ] = SANDBOX_FILE


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """How results are shown."""

    format: Annotated[
        Format,
        Parameter(group=OUTPUT, help="github: text plus workflow annotations; sarif: only findings"),
    ] = "text"
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), group=OUTPUT, help="show every app and value")] = False
    color: Annotated[
        Literal["auto", "always", "never"], Parameter(group=OUTPUT, help="auto: on a terminal, unless NO_COLOR is set")
    ] = "auto"


# --- From flags to `RunOptions` ---


def run_options(specs: Sequence[Path], source: SpecFlags) -> RunOptions:
    """The options in the flags about specs."""
    return RunOptions(
        specs=tuple(specs) or RunOptions.specs,
        config=source.config,
        environ=dict(os.environ),
        variables=dict(_assignment(text) for text in source.var),
        strict=source.strict,
        apps=frozenset(source.app),
        shard=_shard(source.shard),
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("--var takes NAME=VALUE", hint="for example: --var IMAGE_TAG=1.4.2")
    return name, value


def _shard(text: str) -> tuple[int, int]:
    found = shard_of(text or "1/1")
    if found is None:
        raise UsageError(f"invalid --shard {text!r}", hint="use 1/4 … 4/4")
    return found


# --- Invalid combinations of flags are refused, so that no flag is silently ignored ---


def check_mode(*, plan: bool, drift: bool, given: Mapping[str, object]) -> None:
    """Refuse flags that have no effect in a mode. ``given``: which of those in question are on the command line.

    Raises:
        UsageError: there is one.
    """
    if plan and drift:
        raise UsageError("--plan and --drift cannot be combined")
    goes_with = {
        "--save": (plan, "with --plan"),
        "--exit-code": (plan or drift, "with --plan"),
        "--retry": (not drift, "with --plan or when applying"),
    }
    applying = (not plan and not drift, "when applying, without --plan and --drift")
    for flag in (flag for flag, present in given.items() if present):
        sensible, where = goes_with.get(flag, applying)
        if not sensible:
            raise UsageError(f"{flag} can only be used {where}")


def check_connection(connection: Connection) -> None:
    """Refuse an address with the sandbox, and the sandbox file without it; the environment may set both.

    Raises:
        UsageError: there is one.
    """
    elsewhere = connection.api_url not in (API_URL, os.environ.get("DIGITALOCEAN_API_URL"))
    if connection.sandbox and elsewhere:
        raise UsageError("--sandbox and --api-url cannot be combined", hint="for a served sandbox, use only --api-url")
    file = str(connection.sandbox_file)
    if not connection.sandbox and file not in (str(SANDBOX_FILE), os.environ.get("RECONCILE_SANDBOX_FILE")):
        raise UsageError("--sandbox-file needs --sandbox", hint=f"add --sandbox to use {file}")


COMMANDS = ("validate", "import", "fmt", "status", "rollback", "schema", "sandbox")
"""The words after `reconcile` that are commands; anything else names specs."""


def check_specs(specs: Sequence[Path]) -> None:
    """Refuse a word that is not a file and looks like a command.

    Raises:
        UsageError: there is one; the hint names the command.
    """
    for word in (str(path) for path in specs if not path.exists()):
        if near := nearest(word, COMMANDS):
            raise UsageError(f"no such command or file: {word}", hint=f"did you mean reconcile {near}?")
