"""The flags that several commands share; cyclopts turns these dataclasses into options and help.

Here, and where the commands are that run most often, annotations are no strings: cyclopts would compile each of them
in every run, a quarter of the time that reading the arguments takes.
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

WHAT = Group("What to look at", sort_key=1)
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
    """Which specs are read and how."""

    config: Annotated[
        Path | None, Parameter(group=WHAT, help="reconcile.yaml; looked for beside the specs, above them, then here")
    ] = None
    var: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="NAME=VALUE of a declared variable; wins over the environment")
    ] = ()
    app: Annotated[tuple[str, ...], Parameter(group=WHAT, help="only this app; may be given several times")] = ()
    shard: Annotated[str, Parameter(group=WHAT, help="only a part of the apps, such as 1/4: for parallel jobs")] = ""
    strict: Annotated[bool, Parameter(group=WHAT, help="unknown fields and values are errors")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Permissions:
    """What a run may do beyond what it always may."""

    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="try specs again that failed before")] = False
    rotate: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="APP[/COMPONENT]/KEY: send the new value of a secret")
    ] = ()
    allow: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="what a guard refused, such as remove=web/api")
    ] = ()
    override_freeze: Annotated[bool, Parameter(group=PERMISSIONS, help="apply inside a freeze window")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Connection:
    """Which App Platform is asked."""

    api_url: Annotated[
        str, Parameter(group=CONNECTION, env_var="DIGITALOCEAN_API_URL", help="another address of the API")
    ] = API_URL
    sandbox: Annotated[bool, Parameter(group=CONNECTION, help="the embedded sandbox instead: no token, no network")] = (
        False
    )
    sandbox_file: Annotated[
        Path, Parameter(group=CONNECTION, env_var="RECONCILE_SANDBOX_FILE", help="state of the embedded sandbox")
    ] = SANDBOX_FILE


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """How results are shown."""

    format: Annotated[
        Format,
        Parameter(group=OUTPUT, help="github: text, and workflow annotations; sarif: findings only"),
    ] = "text"
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), group=OUTPUT, help="show every app and value")] = False
    color: Annotated[
        Literal["auto", "always", "never"], Parameter(group=OUTPUT, help="auto: on a terminal without NO_COLOR")
    ] = "auto"


# --- From flags to `RunOptions`: what a run is asked for ---


def run_options(specs: Sequence[Path], source: SpecFlags) -> RunOptions:
    """What the flags about specs ask for."""
    return RunOptions(
        specs=tuple(specs) or (Path("specs"),),
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
        raise UsageError(f"--shard {text!r} is not a part of a whole", hint="write 1/4 … 4/4")
    return found


# --- Combinations of flags that make no sense are refused: none is silently without effect ---


def check_mode(*, plan: bool, drift: bool, given: Mapping[str, object]) -> None:
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
    for word in (str(path) for path in specs if not path.exists()):
        if near := nearest(word, COMMANDS):
            raise UsageError(f"there is neither a command nor a file {word}", hint=f"did you mean reconcile {near}?")
