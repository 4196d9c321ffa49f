"""One run of the action: what it was given, and how its report reads on GitHub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.github.ownership import key_of
from reconciler.github.report import digest
from reconciler.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.clock import Clock
    from reconciler.github.context import EventContext
    from reconciler.github.inputs import Inputs
    from reconciler.github.report import Result

_MARKUP = re.compile(r"[^\w ./-]")


@dataclass(frozen=True, slots=True)
class ActionRun:
    """What one run works with. ``out`` prints a line of the log; ``preface`` is told before any report.

    ``transport`` replaces the network to GitHub in tests.
    """

    inputs: Inputs
    context: EventContext
    clock: Clock
    out: Callable[[str], None]
    transport: httpx.AsyncBaseTransport | None = None
    preface: str = ""

    @property
    def key(self) -> str:
        """What comments and issues are told apart by: config, specs, environment, and the selection of apps."""
        inputs = self.inputs
        part, whole = inputs.shard
        shard = f"{part}/{whole}" if whole > 1 else ""
        specs = "\n".join(sorted(inputs.own_specs or inputs.specs))
        return key_of(inputs.config, inputs.environment, specs, ",".join(sorted(inputs.apps)), shard)

    def redact(self, text: str) -> str:
        """The text with no token in it, whatever was quoted."""
        return Redactor((self.inputs.token, self.inputs.github_token))(text)

    def report(self, result: Result) -> Callable[[int], str]:
        """The report as markdown, for a limit in characters: under its environment, above commit, run and digest."""
        head = self._heading() + self.preface
        end = self._footer(result)

        def render(limit: int) -> str:
            room = max(0, limit - len(head) - len(end))
            told = result.markdown(room) if result.markdown else ""
            return self.redact(f"{head}{told.rstrip()}{end}")

        return render

    def _heading(self) -> str:
        # A comment for each environment stands in one pull request; a name with markup in it is none.
        name = _MARKUP.sub("", self.inputs.environment).strip()
        return f"**{name}**\n\n" if name else ""

    def _footer(self, result: Result) -> str:
        context = self.context
        parts = [f"commit {context.head_sha}"] if context.head_sha else []
        if context.run_url:
            parts.append(f"[run and summary]({context.run_url})")
        name = digest(result)
        if name:
            parts.append(f"digest `{name}`")
        return f"\n\n<sub>{' · '.join(parts)}</sub>\n" if parts else "\n"

    def warn(self, text: str) -> None:
        """A warning in the log and on the run's page."""
        self.out(f"::warning title=reconcile::{escape_data(self.redact(text))}")


def escape_data(text: str) -> str:
    """A workflow command's data: percent signs and line ends are escaped, in this order."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
