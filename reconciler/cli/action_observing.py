"""A step of the GitHub Action that machines hear of: metrics, and a trace. Its log is GitHub's, for people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.console import redactor_of
from reconciler.cli.observing import consume
from reconciler.errors import ReconcileError
from reconciler.exit_codes import Exit
from reconciler.github.report import escape_data, inert_lines
from reconciler.telemetry.observer import Observer, observe
from reconciler.telemetry.run import RunObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reconciler.clock import Clock
    from reconciler.github.inputs import Inputs
    from reconciler.github.report import Result


async def observed_result(
    execute: Callable[[], Awaitable[Result]],
    inputs: Inputs,
    environ: Mapping[str, str],
    clock: Clock,
    out: Callable[[str], None],
    secrets: set[str],
) -> Result:
    """What the step returns, published as well; what could not be published is a warning in the log.

    ``secrets`` grow while it runs.

    Raises:
        ReconcileError: the run failed, or the packages for metrics are not installed.
    """
    tokens = {inputs.token, inputs.github_token} - {""}

    def warn(text: str) -> None:
        out(f"::warning title=reconcile::{escape_data(inert_lines(text))}")

    run = RunObserver(inputs.mode.value, clock, lambda: redactor_of(frozenset(secrets | tokens)), warn)
    consume(run, Path(inputs.metrics_file) if inputs.metrics_file else None, environ)
    observe(run)
    run.within(inputs.environment)
    code: int = Exit.ERROR
    try:
        result = await execute()
        code = result.exit_code
    except ReconcileError as error:
        run.failed(error)
        code = error.exit_code
        raise
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = Exit.INTERRUPTED
        raise
    finally:
        run.finished(code)
        observe(Observer())  # whoever called this finishes no run a second time
    return result
