"""Runs the action: reads its inputs, executes the mode, and reports, without reports ever failing the run.

The token is masked before anything else. Outputs and summary are written whatever happens, before GitHub's API is asked
for anything: a comment or an issue that fails is a warning. The mode itself is passed in as ``execute``; this package
knows neither how a plan is made nor how it is shown.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.config import ALL
from reconciler.errors import InvalidInput, ReconcileError, UsageError
from reconciler.exit_codes import Exit
from reconciler.github import context as contexts
from reconciler.github import inputs as given
from reconciler.github import outputs
from reconciler.github.inputs import Inputs, Mode
from reconciler.github.publish import publish
from reconciler.github.report import ActionRun, Result, escape_data, inert_lines, output_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from reconciler.clock import Clock
    from reconciler.github.context import EventContext

    Execute = Callable[[Inputs, EventContext], Awaitable[Result]]
    """Executes the mode and returns the result; mode, specs and tokens are in the inputs."""

_DEPENDABOT = "dependabot[bot]"


async def run(
    environ: Mapping[str, str],
    *,
    execute: Execute,
    clock: Clock,
    out: Callable[[str], None],
    transport: httpx.AsyncBaseTransport | None = None,
) -> Exit:
    """Run the action in this environment; the exit code of the step is returned.

    ``transport`` replaces the network to GitHub in tests.

    Raises:
        Exception: whatever ``execute`` raises other than `ReconcileError`, after outputs and summary are written.
    """
    token, github_token = given.tokens(environ)
    for line in outputs.mask_lines((token, github_token)):
        out(line)
    only_tokens = Inputs(token=token, github_token=github_token)
    job = ActionRun(inputs=only_tokens, context=contexts.read(environ), clock=clock, out=out, transport=transport)
    try:
        job = _prepared(replace(job, inputs=given.parse(environ)))
    except UsageError as error:
        # Which comment or issue to write is unknown as well: the log and the summary have the error.
        result = _failed(error)
        _report(job, result)
        return result.exit_code
    try:
        result = await execute(job.inputs, job.context)
    except ReconcileError as error:
        result = _failed(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        _report(job, _failure(Exit.INTERRUPTED, "interrupted"))
        raise
    except Exception as error:
        _report(job, _failure(Exit.ERROR, f"internal error: {type(error).__name__}; the log has the details"))
        raise
    result = _report(job, result)
    memory = await publish(job, result)
    if result.bulletin:
        from reconciler.notify.send import Sender

        for sent in await Sender(result.bulletin.environ, clock).publish(result.bulletin, memory):
            if sent.problem:
                job.warn(sent.warning)
    if job.inputs.mode is Mode.DRIFT and result.exit_code is Exit.DIFFERENCES and not job.inputs.fail_on_drift:
        return Exit.OK
    return result.exit_code


def _prepared(job: ActionRun) -> ActionRun:
    """A run without a token for a pull request's plan validates offline instead, and says why.

    With all environments each may have a token of its own; only a run that has no secrets at all has none.
    """
    needs_token = job.inputs.mode in (Mode.PLAN, Mode.DRIFT) and not job.inputs.sandbox
    if job.inputs.token or not needs_token or not job.context.for_pull:
        return job
    without_secrets = job.context.is_fork or job.context.actor == _DEPENDABOT
    if job.inputs.environment == ALL and not without_secrets:
        return job
    if job.context.is_fork:
        why = "this pull request is from a fork, and GitHub gives such runs no secrets"
    elif job.context.actor == _DEPENDABOT:
        why = "Dependabot's runs get only the secrets stored for Dependabot"
    else:
        why = "the run has no DigitalOcean token"
    preface = f"**No plan:** {why}. The specs were validated offline; nothing was compared with App Platform.\n\n"
    return replace(job, inputs=replace(job.inputs, mode=Mode.VALIDATE), preface=preface)


def _failed(error: ReconcileError) -> Result:
    text = f"{error.message}\n{error.hint}" if error.hint else error.message
    findings = error.findings if isinstance(error, InvalidInput) else ()
    text = "\n".join([text, *(f"{finding.location or ''}: {finding.message}" for finding in findings)])
    return replace(_failure(error.exit_code, inert_lines(text)), findings=findings)


def _failure(exit_code: Exit, text: str) -> Result:
    # Indented text is code: nothing in it becomes markdown, a link or a mention.
    body = "### reconcile failed\n\n" + "".join(f"    {line}\n" for line in text.splitlines())
    return Result(
        exit_code=exit_code,
        text=text,
        markdown=lambda limit: body if len(body) <= limit else "### reconcile failed\n",
        annotations=(f"::error title=reconcile::{escape_data(text)}",),
    )


def _report(job: ActionRun, result: Result) -> Result:
    """Write page, log, outputs, summary and SARIF: each is tried even if others fail. Returns what is known then."""
    context, inputs = job.context, job.inputs
    if inputs.report_file and result.page and _tried(job, lambda: _write(inputs.report_file, job.redact(result.page))):
        result = replace(result, report_file=inputs.report_file)
    groups = [line for title, text in result.logs for line in outputs.group(job.redact(title), job.redact(text))]
    for line in (*outputs.inert_log(job.redact(result.text)), *groups, *map(job.redact, result.annotations)):
        job.out(line)
    values = {name: job.redact(value) for name, value in output_values(result).items()}
    attempts: list[Callable[[], None]] = [
        lambda: outputs.write_outputs(context.output_path, values),
        lambda: outputs.write_summary(context.summary_path, job.report(result)),
    ]
    if inputs.sarif_file and result.sarif:
        attempts.append(lambda: _write(inputs.sarif_file, job.redact(result.sarif)))
    for attempt in attempts:
        _tried(job, attempt)
    return result


def _tried(job: ActionRun, attempt: Callable[[], None]) -> bool:
    """Whether it succeeded; a failure is a warning."""
    try:
        attempt()
    except ReconcileError as error:
        job.warn(error.message)
        return False
    return True


def _write(path: str, text: str) -> None:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReconcileError(f"cannot write {path}: {error.strerror}") from error
