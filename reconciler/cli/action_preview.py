"""Mode `preview` of the GitHub Action: from the step and its options to the result."""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from reconciler.engine.apply import FrontEnd
from reconciler.errors import UsageError
from reconciler.exit_codes import Exit
from reconciler.github.previews import Handled, Handler
from reconciler.github.report import Result
from reconciler.telemetry.observer import observer
from reconciler.views import annotations, previews, text

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.cli.connect import Suggestions
    from reconciler.clock import Clock
    from reconciler.engine.load import RunOptions
    from reconciler.github.context import EventContext
    from reconciler.github.inputs import Inputs
    from reconciler.redaction import Redactor
    from reconciler.rollout.model import RolloutReport

_LOG_WIDTH = 140


class Step(FrontEnd, Protocol):
    """The step of the action, with its tokens; see `action.ActionStep`."""

    inputs: "Inputs"
    context: "EventContext"
    clock: "Clock"
    redact: "Redactor"
    transport: "httpx.AsyncBaseTransport | None"

    @property
    def out(self) -> "Callable[[str], None]":
        """What prints a line of the log."""

    @property
    def suggest(self) -> "Suggestions":
        """What adds the flags of the connection to suggested commands."""


async def result(step: Step, options: "RunOptions") -> Result:
    """Make or end previews, as the event asks for; a fork's own run has no token, and changes nothing.

    Raises:
        UsageError: there is no token for GitHub.
        ReconcileError: the run failed.
    """
    if not step.inputs.token and not step.inputs.sandbox and step.context.is_fork:
        why = "No preview: GitHub gives no secrets to runs of a fork's pull request."
        return Result(Exit.OK, why, lambda _limit: f"### {why}\n")
    if not step.inputs.github_token:
        raise UsageError("no GitHub token: the input github-token is empty", hint="pass ${{ github.token }}")

    def warn(message: str) -> None:
        step.out(step.redact(message))

    async with step.context.github(step.inputs.github_token, step.clock, step.transport) as github:
        images = dict(step.inputs.images)
        found = await Handler(github, step.context, options, images, step, step.clock, warn).handle()
    done = replace(found.done, states=step.redact.within(found.done.states))
    rollout = step.suggest.rollout(step.redact.within(done.rollout)) if done.rollout else None
    if rollout:
        observer().rolled_out(rollout)
    return _shown(replace(found, done=done), rollout, up=step.context.for_pull and not found.note)


def _shown(handled: Handled, rollout: "RolloutReport | None", *, up: bool) -> Result:
    states, note = handled.done.states, handled.note
    shown = [note] if note else []
    shown += [previews.text(states, verbose=True)] if states or not note else []
    shown += [text.rollout(rollout, width=_LOG_WIDTH)] if rollout else []
    return Result(
        exit_code=handled.done.exit_code(up=up),
        text="\n".join(shown),
        markdown=lambda limit: previews.markdown(states, rollout, note=note, limit=limit),
        rollout=rollout,
        logs=annotations.log_groups(rollout) if rollout else (),
        preview=handled,
    )
