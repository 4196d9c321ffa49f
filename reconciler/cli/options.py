"""Flags shared by several commands, and what follows from them: run options, a client, the commands we suggest.

Cyclopts turns the dataclasses into options and help. Annotations here, and in the most frequent commands, are no
strings: it would compile each of them in every run, a quarter of the time it takes to parse the arguments.
"""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from reconciler.clock import SystemClock
from reconciler.errors import ReconcileError, UsageError
from reconciler.redaction import TOKEN_VARIABLES
from reconciler.views.errors import Format

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from reconciler.engine.load import RunOptions
    from reconciler.findings import Finding
    from reconciler.live.client import Client
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutRecord, RolloutReport
    from reconciler.sandbox import Sandbox


WHAT_TO_DO = Group("What to do", sort_key=0)
WHAT = Group("Selection", sort_key=1)
CONNECTION = Group("Connection", sort_key=3)
OUTPUT = Group("Output", sort_key=4)
PERMISSIONS = Group("What is allowed", sort_key=2)

SANDBOX_FILE = Path(".reconcile/sandbox.db")
"""Where `--sandbox` keeps its state, so that a second run sees what the first did."""

PACKAGE = "app-platform-reconciler"
"""The name of this package on the package index."""

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
            help="only apps whose files changed in Git since this commit, branch or tag; auto: as the pipeline says",
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
        Parameter(group=OUTPUT, help="github: text plus workflow annotations; sarif: only findings"),
    ] = "text"
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), group=OUTPUT, help="show every app and value")] = False
    color: Color = "auto"


@Parameter(name="*")
@dataclass(frozen=True)
class PageOutput(Output):
    """The same for a command whose result is no document."""

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
    from reconciler.engine.load import shard_of, shard_of_job

    if text == "auto":
        return shard_of_job(os.environ)
    found = shard_of(text or "1/1")
    if found is None:
        raise UsageError(f"invalid --shard {text!r}", hint="use 1/4 … 4/4, or auto")
    return found


# --- From flags to a client of App Platform, or of the sandbox ---


SANDBOX_URL = "http://sandbox"
"""The embedded sandbox's host name in links and live URLs."""

EMBEDDED = "token-of-the-embedded-sandbox"
"""Any token works; this one does not occur in ordinary text, which would otherwise be redacted."""

PER_MINUTE = 1_000_000
"""The embedded sandbox has no rate limit by default, so the client's is practically unlimited."""


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


def token(variable: str = "") -> str:
    """The API token: that of the ``variable`` and no other, or of the first of the usual variables that has one."""
    for name in [variable] if variable else TOKEN_VARIABLES[:2]:
        if value := os.environ.get(name, "").strip():
            return value
    hint = "set DIGITALOCEAN_TOKEN, or try the embedded sandbox: reconcile --sandbox"
    hint = f"set {variable}, which reconcile.yaml names as the environment's token" if variable else hint
    raise UsageError(f"no API token: {variable or 'DIGITALOCEAN_TOKEN'} is not set", hint=hint)


def missing_extra(extra: str, error: ImportError) -> UsageError:
    """The error that an extra is not installed; the hint fits the tool that installed this: pip, pipx or uv."""
    checkout = Path(__file__).parents[2]
    package = f"'{PACKAGE}[{extra}]'"
    place = Path(sys.prefix).parts
    if (checkout / "pyproject.toml").is_file():
        hint = f"in the checkout: pip install '.[{extra}]'"
    elif "pipx" in place:
        hint = f"pipx install --force {package}"
    elif {"uv", "tools"} <= set(place):
        hint = f"uv tool install --force {package}"
    else:
        hint = f"pip install {package}"
    return UsageError(f"this needs the package {error.name}, of the extra {extra!r}", hint=hint)


def open_sandbox(file: Path) -> "Sandbox":
    """The embedded sandbox with its state in a file.

    Raises:
        UsageError: its packages are not installed.
        ReconcileError: the file cannot be used.
    """
    import sqlite3

    try:
        from reconciler.sandbox import Sandbox
    except ModuleNotFoundError as error:
        raise missing_extra("sandbox", error) from error
    try:
        with _shared(file):
            return Sandbox(file, now=lambda: SystemClock().now().timestamp(), base_url=SANDBOX_URL)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "name a writable file: --sandbox-file, --file of reconcile sandbox, or RECONCILE_SANDBOX_FILE"
        raise ReconcileError(f"the sandbox cannot keep its state in {file}: {why}", hint=hint) from None


@contextmanager
def _shared(file: Path) -> "Iterator[None]":
    """Make the folder; what root makes belongs to the workspace's owner: an action runs as root, later steps do not."""
    made = [path for path in (file.parent, file) if not path.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    yield
    owner = file.absolute().parents[1].stat()
    for path in made if os.geteuid() == 0 else ():
        os.chown(path, owner.st_uid, owner.st_gid)


@asynccontextmanager
async def connect(
    connection: Connection, on_wait: "Callable[[float, str], None] | None" = None
) -> "AsyncIterator[Client]":
    """A client of what the flags name. ``on_wait`` is called before pauses for the rate limit.

    Raises:
        UsageError: the flags cannot be combined, or there is no token.
    """
    from reconciler.live.client import Client

    check_connection(connection)
    clock = SystemClock()
    try:
        if not connection.sandbox:
            own = connection.token_variable if isinstance(connection, EnvironmentConnection) else ""
            async with Client(token(own), base_url=connection.api_url, clock=clock, on_wait=on_wait) as client:
                yield client
            return
        import httpx

        with closing(open_sandbox(connection.sandbox_file)) as box:
            transport = httpx.ASGITransport(box.asgi)
            async with Client(
                EMBEDDED, base_url=SANDBOX_URL, transport=transport, clock=clock, per_minute=PER_MINUTE, on_wait=on_wait
            ) as client:
                yield client
    except ReconcileError as error:
        error.hint = Suggestions.of(connection).sentence(error.hint)
        raise


# --- From flags to the commands we suggest: after a rehearsal, never the real account ---


_IN_TEXT = re.compile(r"\breconcile (?:status|rollback) [a-z][a-z0-9-]*[a-z0-9](?: --(?:commit|revert|pin))?")
"""A command about an app, as quoted in sentences."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Adds the ``flags`` of a connection to suggestions; unchanged if there are none."""

    flags: str = ""

    @classmethod
    def of(cls, connection: Connection) -> "Suggestions":
        """The suggestions for a connection."""
        flags: list[str] = []
        if isinstance(connection, EnvironmentConnection):
            flags = list(connection.flags)
        elif connection.sandbox:
            flags = ["--sandbox"]
            if connection.sandbox_file != SANDBOX_FILE:
                flags += ["--sandbox-file", str(connection.sandbox_file)]
        elif connection.api_url != API_URL:
            flags = ["--api-url", connection.api_url]
        return cls(shlex.join(flags))

    def command(self, text: str) -> str:
        """A command; a lone flag, such as ``--retry``, is unchanged."""
        return f"{text} {self.flags}" if self.flags and f"{text} ".startswith("reconcile ") else text

    def sentence(self, text: str) -> str:
        """A text with commands in it."""
        return _IN_TEXT.sub(lambda found: self.command(found[0]), text) if self.flags else text

    def plan(self, report: "PlanReport") -> "PlanReport":
        """A report of plans."""
        if not self.flags:
            return report
        return replace(
            report, plans=tuple(map(self._plan, report.plans)), findings=tuple(self._findings(report.findings))
        )

    def rollout(self, report: "RolloutReport") -> "RolloutReport":
        """A report of rollouts; links to the control panel where the account is the vendor's."""
        return replace(report, records=tuple(map(self._record if self.flags else _linked, report.records)))

    def _plan(self, plan: "Plan") -> "Plan":
        return replace(
            plan,
            reason=self.sentence(plan.reason),
            override=self.command(plan.override),
            findings=tuple(self._findings(plan.findings)),
        )

    def _record(self, record: "RolloutRecord") -> "RolloutRecord":
        outcome = record.outcome
        outcome = replace(
            outcome, reason=self.sentence(outcome.reason), commands=tuple(map(self.command, outcome.commands))
        )
        return replace(record, outcome=outcome, warnings=tuple(map(self.sentence, record.warnings)))

    def _findings(self, found: "Iterable[Finding]") -> "Iterable[Finding]":
        return (replace(one, message=self.sentence(one.message), hint=self.sentence(one.hint)) for one in found)


def _linked(record: "RolloutRecord") -> "RolloutRecord":
    from reconciler.views.markup import console_url

    return replace(record, console_url=console_url(record.app_id, record.deployment_id))
