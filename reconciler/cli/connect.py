"""From the flags of a connection to a client of App Platform or of the sandbox, and to the commands we suggest."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.options import API_URL, SANDBOX_FILE, Connection, EnvironmentConnection
from reconciler.clock import SystemClock
from reconciler.errors import ReconcileError, UsageError
from reconciler.redaction import TOKEN_VARIABLES
from reconciler.telemetry.observer import observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from reconciler.engine.load import RunOptions
    from reconciler.findings import Finding
    from reconciler.live.client import Client
    from reconciler.plan.model import Plan, PlanReport
    from reconciler.rollout.model import RolloutRecord, RolloutReport
    from reconciler.sandbox import Sandbox

PACKAGE = "app-platform-reconciler"
"""The name of this package on the package index."""

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
    hint = "set DIGITALOCEAN_TOKEN to an API token, or add --sandbox to try it on the embedded sandbox"
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
    return UsageError(f"this needs the package {error.name}, from the extra {extra!r}", hint=hint)


def check_extra(extra: str, package: str) -> None:
    """Refuse to begin what would need a package at its end.

    Raises:
        UsageError: it is not installed.
    """
    from importlib import import_module

    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise missing_extra(extra, error) from error


def open_sandbox(file: Path) -> Sandbox:
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
def _shared(file: Path) -> Iterator[None]:
    """Make the folder; what root makes belongs to the workspace's owner: an action runs as root, later steps do not."""
    made = [path for path in (file.parent, file) if not path.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    yield
    owner = file.absolute().parents[1].stat()
    for path in made if os.geteuid() == 0 else ():
        os.chown(path, owner.st_uid, owner.st_gid)


@asynccontextmanager
async def connect(connection: Connection, on_wait: Callable[[float, str], None] | None = None) -> AsyncIterator[Client]:
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
            client = Client(token(own), base_url=connection.api_url, clock=clock, on_wait=on_wait)
            async with counted(client):
                yield client
            return
        import httpx

        with closing(open_sandbox(connection.sandbox_file)) as box:
            transport = httpx.ASGITransport(box.asgi)
            client = Client(
                EMBEDDED, base_url=SANDBOX_URL, transport=transport, clock=clock, per_minute=PER_MINUTE, on_wait=on_wait
            )
            async with counted(client):
                yield client
    except ReconcileError as error:
        error.hint = Suggestions.of(connection).sentence(error.hint)
        raise


@asynccontextmanager
async def counted(client: Client) -> AsyncIterator[Client]:
    """Enter a client, and report its requests once it has sent the last."""
    async with client:
        try:
            yield client
        finally:
            observer().sent(client.requests, client.left)


# --- From flags to the commands we suggest: after a rehearsal, never the real account ---


_IN_TEXT = re.compile(r"\breconcile (?:status|rollback|redeploy) [a-z][a-z0-9-]*[a-z0-9](?: --(?:commit|revert|pin))?")
"""A command about an app, as quoted in sentences."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Completes suggestions, so that they work when pasted; unchanged if there is nothing to add.

    ``flags`` of the connection and the configuration go to every command, the ``choice`` of specs and apps to
    ``reconcile`` alone. Permissions are never repeated: a person gives them anew. Nor are values, which may be secret.
    """

    flags: str = ""
    choice: str = ""
    real: bool = False
    """Whether the account is the vendor's, so that the control panel has its apps."""

    @classmethod
    def of(cls, connection: Connection, options: RunOptions | None = None) -> Suggestions:
        """The suggestions for a connection and for the options of a run."""
        flags: list[str] = []
        if isinstance(connection, EnvironmentConnection):
            flags = list(connection.flags)
        elif connection.sandbox:
            flags = ["--sandbox"]
            if connection.sandbox_file != SANDBOX_FILE:
                flags += ["--sandbox-file", str(connection.sandbox_file)]
        elif connection.api_url != API_URL:
            flags = ["--api-url", connection.api_url]
        config, choice = _chosen(options) if options else ([], [])
        real = not connection.sandbox and connection.api_url == API_URL
        return cls(shlex.join([*config, *flags]), shlex.join(choice), real)

    def command(self, text: str) -> str:
        """A command; a lone flag, such as ``--retry``, is unchanged."""
        if text == "reconcile" and self.choice:
            text = f"{text} {self.choice}"
        return f"{text} {self.flags}" if self.flags and f"{text} ".startswith("reconcile ") else text

    def sentence(self, text: str) -> str:
        """A text with commands in it."""
        return _IN_TEXT.sub(lambda found: self.command(found[0]), text) if self.flags else text

    def plan(self, report: PlanReport) -> PlanReport:
        """A report of plans."""
        if not self.flags:
            return report
        return replace(
            report, plans=tuple(map(self._plan, report.plans)), findings=tuple(self._findings(report.findings))
        )

    def rollout(self, report: RolloutReport) -> RolloutReport:
        """A report of rollouts; links to the control panel if it has them."""
        return replace(report, records=tuple(map(self._record, report.records)))

    def _plan(self, plan: Plan) -> Plan:
        if not (plan.reason or plan.override or plan.findings):  # as in sync, most of a fleet
            return plan
        return replace(
            plan,
            reason=self.sentence(plan.reason),
            override=self.command(plan.override),
            findings=tuple(self._findings(plan.findings)),
        )

    def _record(self, record: RolloutRecord) -> RolloutRecord:
        outcome = record.outcome
        if self.real:
            record = _linked(record)
        outcome = replace(
            outcome, reason=self.sentence(outcome.reason), commands=tuple(map(self.command, outcome.commands))
        )
        return replace(record, outcome=outcome, warnings=tuple(map(self.sentence, record.warnings)))

    def _findings(self, found: Iterable[Finding]) -> Iterable[Finding]:
        return (replace(one, message=self.sentence(one.message), hint=self.sentence(one.hint)) for one in found)


def _chosen(options: RunOptions) -> tuple[list[str], list[str]]:
    """The configuration, if it is not found without its name, and the choice of specs and apps, as flags."""
    from reconciler.config_file import find_config

    usual = type(options).specs
    config = options.config or find_config(options.specs)
    named = options.config or config != find_config(usual)
    choice = [] if options.specs == usual else [str(path) for path in options.specs]
    choice += [part for app in sorted(options.apps) for part in ("--app", app)]
    choice += [part for app in sorted(options.exclude) for part in ("--exclude", app)]
    choice += ["--only-changed", options.changed_since] if options.changed_since else []
    choice += ["--shard", "/".join(map(str, options.shard))] if options.shard != (1, 1) else []
    return ["--config", str(config)] if config and named else [], choice


def _linked(record: RolloutRecord) -> RolloutRecord:
    from reconciler.views.markup import console_url

    return replace(record, console_url=console_url(record.app_id, record.deployment_id))
