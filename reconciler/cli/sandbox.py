"""`reconcile sandbox`: serve, inspect, break and reset the embedded App Platform."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from reconciler.cli import console
from reconciler.cli.connect import missing_extra, open_sandbox
from reconciler.cli.options import PORT, SANDBOX_FILE
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox import Sandbox

File = Annotated[Path, Parameter(env_var="RECONCILE_SANDBOX_FILE", help="where the sandbox keeps its state")]
Times = Annotated[int | None, Parameter(help="number of times it occurs; 0: until cleared")]

FaultKind = Literal[
    "build", "deploy", "health", "platform", "hang", "slow",
    "rate_limit", "server_error", "gateway_timeout", "reset_before", "reset_after", "latency", "truncated",
]  # fmt: skip
"""The kinds of `sandbox.faults.Fault`; written out, as the command line must not import the sandbox for its help."""

SETTINGS_HINT = "docs/sandbox.md lists the settings, for example fills_defaults=none, speed.build=30, speed=realistic"


def build() -> App:
    """The commands under `reconcile sandbox`."""
    app = App(name="sandbox", help="An embedded App Platform: rehearse rollouts, failures included.")
    for command in (serve, show, fail, fault, faults, clear, push, configure, reset):
        app.command(command, name="set" if command is configure else None)
    return app


@contextmanager
def _sandbox(file: Path) -> Iterator[Sandbox]:
    """The sandbox of a file; invalid requests become usage errors."""
    box = open_sandbox(file)
    try:
        yield box
    except ValueError as error:
        raise UsageError(str(error), hint="see reconcile sandbox --help") from error
    finally:
        box.close()


def serve(
    *,
    host: Annotated[str, Parameter(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, Parameter(validator=PORT, help="port to listen on; 0: any free one")] = 8080,
    file: File = SANDBOX_FILE,
    speed: Annotated[
        Literal["demo", "realistic", "instant"] | None, Parameter(help="how fast deployments are; stored in the file")
    ] = None,
    setting: Annotated[tuple[str, ...], Parameter(help="NAME=VALUE, see docs/sandbox.md; stored in the file")] = (),
    token: Annotated[
        tuple[str, ...], Parameter(help="TOKEN:SCOPE,SCOPE or TOKEN; without any, every token may do everything")
    ] = (),
    tls: Annotated[bool, Parameter(negative="", help="serve HTTPS with a generated certificate")] = False,
) -> int:
    """Serve the sandbox over HTTP, for any client of App Platform, with a web page at the same address."""
    changes = _changes(setting)
    if speed:
        changes["speed"] = {**_speeds(speed), **changes.get("speed", {})}
    if token:
        changes["tokens"] = dict(_token(text) for text in token)
    with _sandbox(file) as box:  # reports what is missing or invalid before the server starts
        _configure(box, changes)
    from reconciler.sandbox.server import serve as run

    certificate = _certificate(file, host) if tls else None
    try:
        run(
            file,
            host,
            port,
            ready=lambda url: console.log(f"the sandbox is listening on {url} (Ctrl-C stops it)"),
            certificate=certificate,
        )
    except ModuleNotFoundError as error:
        raise missing_extra("sandbox", error) from error
    except SystemExit as error:  # raised by the server if it cannot listen; it has printed why
        raise UsageError(f"cannot listen on {host}:{port}", hint="choose another with --port, or 0 for any") from error
    except KeyboardInterrupt:  # the signal that ended the server
        pass
    console.log("stopped")
    return Exit.OK


def _certificate(file: Path, host: str) -> tuple[Path, Path]:
    """A certificate beside the sandbox's file, for clients to trust, and its key."""
    from reconciler.sandbox.server import make_certificate

    try:
        made = make_certificate(file.parent, host)
    except ImportError as error:
        raise missing_extra("sandbox,tls", error) from error
    console.log(f"the certificate is {made[0]}")
    return made


def show(*, file: File = SANDBOX_FILE) -> int:
    """Show the apps of the sandbox and their latest deployments."""
    with _sandbox(file) as box:
        apps = box.summary()
    rows = [("APP", "STATUS", "DEPLOYMENT", "PHASE", "CAUSE")]
    for app in apps:
        latest = app.deployments[0] if app.deployments else None
        shown = (latest.id, latest.phase, latest.reason or latest.cause) if latest else ("", "", "")
        rows.append((app.name, app.status, *shown))
    if not apps:
        console.show(f"the sandbox in {file} has no apps")
        return Exit.OK
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        console.show("  ".join([*cells, row[4]]).rstrip())
    return Exit.OK


def fail(
    app: Annotated[str, Parameter(help="name of the app; it need not exist yet")],
    where: Annotated[Literal["build", "deploy", "health"], Parameter(help="what fails")],
    *,
    times: Annotated[int, Parameter(help="number of deployments that fail")] = 1,
    component: Annotated[str, Parameter(help="which component fails [default: the first that can]")] = "",
    file: File = SANDBOX_FILE,
) -> int:
    """Make the next deployments of an app fail."""
    if times < 1:
        raise UsageError(
            "--times must be at least 1", hint="for a permanent fault: reconcile sandbox fault KIND --times 0"
        )
    with _sandbox(file) as box:
        box.fail(app, where, times, component)
        known = any(one.name == app for one in box.summary())
    deployments = "deployment" if times == 1 else f"{times} deployments"
    new = "" if known else f"; there is no app {app} in {file} yet"
    console.show(f"the next {deployments} of {app} will fail: {where}{f' of {component}' if component else ''}{new}")
    return Exit.OK


def fault(
    kind: Annotated[FaultKind, Parameter(help="what goes wrong")],
    *,
    app: Annotated[str, Parameter(help="only this app, by name or id")] = "",
    operation: Annotated[str, Parameter(help="only this operation (apps_update) or method (GET)")] = "",
    component: Annotated[str, Parameter(help="which component of a deployment fails")] = "",
    times: Times = 1,
    share: Annotated[float, Parameter(help="probability of occurring, 0 to 1")] = 1.0,
    seed: Annotated[int, Parameter(help="seed for the probability")] = 0,
    seconds: Annotated[float, Parameter(help="latency, retry-after, or how long health is good at first")] = 0.0,
    factor: Annotated[float, Parameter(help="how much slower, for slow")] = 10.0,
    phase: Annotated[str, Parameter(help="which phase never ends, for hang")] = "DEPLOYING",
    code: Annotated[str, Parameter(help="reason code of the step that fails; none: without a reason")] = "",
    status: Annotated[int, Parameter(help="status of server_error and gateway_timeout; 0: 500 and 504")] = 0,
    only: Annotated[Literal["forward", "rollback", "platform"] | None, Parameter(help="only these deployments")] = None,
    file: File = SANDBOX_FILE,
) -> int:
    """Inject a fault: deployments that fail, hang or are slow; responses that are errors, late, truncated or lost."""
    if not 0 <= share <= 1:
        raise UsageError("--share must be from 0 to 1", hint="for example: --share 0.1 for every tenth request")
    data: dict[str, Any] = {
        "kind": kind, "app": app, "operation": operation, "component": component, "times": times or None,
        "share": share, "seed": seed, "seconds": seconds, "factor": factor, "phase": phase, "code": code,
        "status": status, "only": only or "",
    }  # fmt: skip
    with _sandbox(file) as box:
        from reconciler.sandbox import Fault
        from reconciler.sandbox.api import BY_ID

        if operation and operation not in (*BY_ID, "GET", "POST", "PUT", "DELETE"):
            raise UsageError(f"no such operation: {operation}", hint="docs/sandbox.md lists the operations")
        number = box.fault(Fault.from_data(data))
    console.show(f"fault {number} is pending: {_described(data)}")
    return Exit.OK


def faults(*, file: File = SANDBOX_FILE) -> int:
    """List the pending faults."""
    with _sandbox(file) as box:
        waiting = box.faults()
    for item in waiting:
        left = "until cleared" if item["remaining"] is None else f"{item['remaining']} left"
        console.show(f"{item['id']}: {_described(item)} ({left})")
    if not waiting:
        console.show("no pending faults")
    return Exit.OK


def clear(*, file: File = SANDBOX_FILE) -> int:
    """Remove all pending faults; what already failed stays failed."""
    with _sandbox(file) as box:
        box.clear_faults()
    console.show("no pending faults")
    return Exit.OK


def push(
    app: Annotated[str, Parameter(help="name of the app")],
    *,
    component: Annotated[str, Parameter(help="only to the source of this component")] = "",
    file: File = SANDBOX_FILE,
) -> int:
    """Simulate a push to the sources of an app."""
    with _sandbox(file) as box:
        made = box.push(app, component)["deployment_id"]
    console.show(
        f"{app} deploys: {made}"
        if made
        else f"{app} has a new commit, but no component deploys on push, or the app is pinned"
    )
    return Exit.OK


def configure(
    *settings: Annotated[str, Parameter(help="NAME=VALUE, see docs/sandbox.md")],
    file: File = SANDBOX_FILE,
) -> int:
    """Change the sandbox's settings, even while it is served; without arguments, show them."""
    with _sandbox(file) as box:
        _configure(box, _changes(settings))
        from reconciler.sandbox.settings import shown

        rows = shown(box.settings)
    names = {text.partition("=")[0].partition(".")[0] for text in settings}
    for name, value in rows:
        if not names or name.partition(".")[0] in names:
            console.show(f"{name}={value}")
    return Exit.OK


def reset(*, file: File = SANDBOX_FILE) -> int:
    """Delete all apps and faults of the sandbox; its settings stay."""
    with _sandbox(file) as box:
        box.reset()
    console.show(f"the sandbox in {file} is empty")
    return Exit.OK


def _changes(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Settings from NAME=VALUE."""
    from reconciler.sandbox.settings import parsed

    try:
        return parsed(pairs)
    except ValueError as error:
        raise UsageError(str(error), hint=SETTINGS_HINT) from error


def _configure(box: Sandbox, changes: dict[str, Any]) -> None:
    try:
        if changes:
            box.configure(**changes)
    except ValueError as error:
        raise UsageError(str(error), hint=SETTINGS_HINT) from error


def _speeds(name: str) -> dict[str, float]:
    from reconciler.sandbox.settings import SPEEDS, to_data

    found: dict[str, float] = to_data(SPEEDS[name])
    return found


def _token(text: str) -> tuple[str, tuple[str, ...]]:
    name, colon, scopes = text.partition(":")
    found = tuple(scope.strip() for scope in scopes.split(",") if scope.strip())
    if not name or (colon and not found):
        raise UsageError("--token takes TOKEN:SCOPE,SCOPE", hint="for example: --token reader:app:read")
    return name, found or ("*",)


def _described(data: dict[str, Any]) -> str:
    """A description of a fault: its kind and non-default fields."""
    plain = {"share": 1.0, "factor": 10.0, "phase": "DEPLOYING", "times": 1}
    left_out = ("id", "kind", "remaining", "seen")
    said = [f"{name}={value}" for name, value in data.items() if name not in left_out and value != plain.get(name)]
    return " ".join([data["kind"], *(text for text in said if not text.endswith(("=", "=0", "=0.0", "=None")))])


app = build()
"""What `reconcile` calls for the word `sandbox`."""
