"""`reconcile sandbox`: serve the embedded App Platform, make it fail, start afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from reconciler.cli.exits import Exit
from reconciler.cli.options import SANDBOX_FILE
from reconciler.cli.world import open_sandbox

File = Annotated[Path, Parameter(env_var="RECONCILE_SANDBOX_FILE", help="where the sandbox keeps its state")]


def build() -> App:
    """The commands under `reconcile sandbox`."""
    app = App(name="sandbox", help="An App Platform in a box: rehearse rollouts, failures included.")
    app.command(serve)
    app.command(fail)
    app.command(reset)
    return app


def serve(
    *,
    host: Annotated[str, Parameter(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="port to listen on")] = 8080,
    file: File = SANDBOX_FILE,
) -> int:
    """Serve the sandbox over HTTP, for any client of App Platform; any token is accepted."""
    open_sandbox(file).close()  # says what is missing before the server starts
    from reconciler.sandbox.server import serve as run

    run(file, host, port)
    return Exit.OK


def fail(
    app: Annotated[str, Parameter(help="name of the app")],
    where: Annotated[Literal["build", "deploy", "health"], Parameter(help="what fails")],
    *,
    times: Annotated[int, Parameter(help="how many deployments fail")] = 1,
    file: File = SANDBOX_FILE,
) -> int:
    """Make the next deployments of an app fail."""
    box = open_sandbox(file)
    try:
        box.fail(app, where, times)
    finally:
        box.close()
    deployments = "deployment" if times == 1 else f"{times} deployments"
    print(f"the next {deployments} of {app} will fail: {where}")
    return Exit.OK


def reset(*, file: File = SANDBOX_FILE) -> int:
    """Forget every app of the sandbox."""
    box = open_sandbox(file)
    try:
        box.reset()
    finally:
        box.close()
    print(f"the sandbox in {file} is empty")
    return Exit.OK
