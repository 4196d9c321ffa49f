"""Flags shared by several commands, and the run options that follow from them.

Cyclopts turns the dataclasses into options and help. Annotations here, and in the most frequent commands, are no
strings: it would compile each of them in every run, a quarter of the time it takes to parse the arguments.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from reconciler.errors import UsageError
from reconciler.views.errors import Format

if TYPE_CHECKING:
    from reconciler.engine.load import RunOptions


WHAT_TO_DO = Group("What to do", sort_key=0)
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
            help="reconcile.yaml [default: the nearest, in or above the folder of the specs, else in the current one]",
        ),
    ] = None
    var: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="NAME=VALUE of a declared variable; overrides the environment")
    ] = ()
    env: Annotated[
        str, Parameter(group=WHAT, help="environment of reconcile.yaml; `all` plans, compares or checks each in turn")
    ] = ""
    app: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="only this app, or those like 'web-*'; can be repeated")
    ] = ()
    exclude: Annotated[
        tuple[str, ...], Parameter(group=WHAT, help="not this app, or those like 'web-*'; can be repeated")
    ] = ()
    only_changed: Annotated[
        str,
        Parameter(
            group=WHAT,
            help="only apps whose files changed in Git since this commit, branch or tag; auto: from the pipeline",
        ),
    ] = ""
    shard: Annotated[str, Parameter(group=WHAT, help="only a part of the apps, for parallel jobs: 1/4, or auto")] = ""
    strict: Annotated[bool, Parameter(group=WHAT, help="treat unknown fields and values as errors")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class DriftPermissions:
    """What a run may do beyond what it always may, as far as a comparison shows it."""

    rotate: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="APP[/COMPONENT]/KEY: send the new value of a secret")
    ] = ()
    allow: Annotated[
        tuple[str, ...], Parameter(group=PERMISSIONS, help="allow what a guard refused, such as remove=web/api")
    ] = ()
    fail_on_failed_push: Annotated[
        bool, Parameter(group=PERMISSIONS, help="exit 2 if the last push to an app in sync failed to deploy")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True)
class PlanPermissions(DriftPermissions):
    """The same for a plan."""

    retry: Annotated[bool, Parameter(group=PERMISSIONS, help="retry specs that failed before")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Permissions(PlanPermissions):
    """The same for an apply."""

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


EnvironmentName = Annotated[str, Parameter(group=WHAT, help="environment of reconcile.yaml, for its token and policy")]


@dataclass(frozen=True)
class EnvironmentConnection(Connection):
    """The connection of an environment; its token may be in a variable of its own. ``flags`` name the same."""

    token_variable: str = ""
    flags: tuple[str, ...] = ()


Color = Annotated[
    Literal["auto", "always", "never"], Parameter(group=OUTPUT, help="auto: on a terminal, unless NO_COLOR is set")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """How results are shown."""

    format: Annotated[
        Format,
        Parameter(group=OUTPUT, help="github: text plus workflow annotations; sarif: only findings; html: a page"),
    ] = "text"
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), group=OUTPUT, help="show every app and value")] = False
    color: Color = "auto"


LogFormat = Annotated[
    Literal["text", "json"],
    Parameter(group=OUTPUT, env_var="RECONCILE_LOG_FORMAT", help="json: every event as a line of JSON on stderr"),
]


@Parameter(name="*")
@dataclass(frozen=True)
class RunOutput(Output):
    """The same for a command that plans or rolls out, and how machines hear of it."""

    log_format: LogFormat = "text"
    metrics_file: Annotated[
        Path | None,
        Parameter(group=OUTPUT, env_var="RECONCILE_METRICS_FILE", help="write Prometheus metrics to it at the end"),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class PageOutput(Output):
    """The same for a command whose result is no document."""

    log_format: LogFormat = "text"

    format: Annotated[
        Literal["text", "markdown", "github"], Parameter(group=OUTPUT, help="github: text plus workflow annotations")
    ] = "text"


# --- From flags to `RunOptions` ---


def run_options(
    specs: Sequence[Path], source: SpecFlags, permitted: DriftPermissions = DriftPermissions()
) -> "RunOptions":
    """The options in the flags about specs and permissions."""
    from reconciler.engine.load import RunOptions

    return RunOptions(
        specs=tuple(specs) or RunOptions.specs,
        config=source.config,
        environ=dict(os.environ),
        variables=dict(_assignment(text) for text in source.var),
        strict=source.strict,
        apps=frozenset(source.app),
        exclude=frozenset(source.exclude),
        changed_since=source.only_changed,
        shard=_shard(source.shard),
        environment=source.env,
        rotate=frozenset(permitted.rotate),
        allow=frozenset(permitted.allow),
        retry=isinstance(permitted, PlanPermissions) and permitted.retry,
        override_freeze=isinstance(permitted, Permissions) and permitted.override_freeze,
        fail_on_failed_push=permitted.fail_on_failed_push,
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("--var takes NAME=VALUE", hint="for example: --var IMAGE_TAG=1.4.2")
    return name, value


def _shard(text: str) -> tuple[int, int]:
    from reconciler.engine.shards import shard_of, shard_of_job

    if text == "auto":
        return shard_of_job(os.environ)
    found = shard_of(text or "1/1")
    if found is None:
        raise UsageError(f"invalid --shard {text!r}", hint="use 1/4 … 4/4, or auto")
    return found
