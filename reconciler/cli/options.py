"""The flags that several commands share; cyclopts turns these dataclasses into options and help.

Here, and where the commands are that run most often, annotations are no strings: cyclopts would compile each of them
in every run, a quarter of the time that reading the arguments takes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

WHAT = Group("What to look at", sort_key=1)
CONNECTION = Group("Connection", sort_key=3)
OUTPUT = Group("Output", sort_key=4)

SANDBOX_FILE = Path(".reconcile/sandbox.db")
"""Where `--sandbox` keeps its state, so that a second run sees what the first did."""

API_URL = "https://api.digitalocean.com"


@Parameter(name="*")
@dataclass(frozen=True)
class Source:
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
