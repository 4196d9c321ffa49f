"""The flags that several commands share; cyclopts turns these dataclasses into options and help.

Here, and where the commands are that run most often, annotations are no strings: cyclopts would compile each of them
in every run, a quarter of the time that reading the arguments takes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from reconciler.engine.options import RunOptions
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


WHAT = Group("What to look at", sort_key=1)
CONNECTION = Group("Connection", sort_key=3)
OUTPUT = Group("Output", sort_key=4)

SANDBOX_FILE = Path(".reconcile/sandbox.db")
"""Where `--sandbox` keeps its state, so that a second run sees what the first did."""

API_URL = "https://api.digitalocean.com"


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
        Literal["text", "json", "markdown", "sarif", "github"],
        Parameter(group=OUTPUT, help="github: text, and workflow annotations; sarif: findings only"),
    ] = "text"
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), group=OUTPUT, help="show every app and value")] = False
    color: Annotated[
        Literal["auto", "always", "never"], Parameter(group=OUTPUT, help="auto: on a terminal without NO_COLOR")
    ] = "auto"


# --- From flags to `RunOptions`: what a run is asked for ---


_SHARD = re.compile(r"^([1-9]\d*)/([1-9]\d*)$")


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
    if not text:
        return (1, 1)
    match = _SHARD.match(text)
    if not match or int(match[1]) > int(match[2]):
        raise UsageError(f"--shard {text!r} is not a part of a whole", hint="write 1/4 … 4/4")
    return int(match[1]), int(match[2])
