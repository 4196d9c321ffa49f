"""Previews of pull requests: for people as text or markdown, for programs as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reconciler.desired.preview import Difference
from reconciler.rollout.model import RolloutReport
from reconciler.text import count
from reconciler.views.lines import Line, inert, json_text, log_line, render
from reconciler.views.markup import code, details, fence, html_code, shown_address
from reconciler.views.summary import joined, money

State = Literal["healthy", "failed", "deploying", "live", "gone", "none", "kept"]
"""What a preview is.

healthy    deployed, and judged to be so by this run
failed     its deployment failed, or it is not healthy
deploying  a deployment is in progress
live       a deployment is active; this run did not judge it
gone       taken down
none       there is none, and none is made
kept       it was to be taken down, and that did not succeed yet
"""


@dataclass(frozen=True, slots=True)
class PreviewState:
    """One preview. ``app`` is its app in Git, ``cost`` USD a month; ``url`` only of one that is up."""

    app: str
    name: str
    pull: int
    commit: str
    state: State
    reason: str = ""
    url: str = ""
    cost: float | None = None
    expires: datetime | None = None
    app_id: str = ""
    deployment_id: str = ""
    differences: tuple[Difference, ...] = field(default=())


def text(states: Sequence[PreviewState], *, color: bool = False, verbose: bool = False) -> str:
    """A line for each preview, and below it how it differs from its app if that is ``verbose``."""
    heads: list[Line] = [] if states else [(("there are no previews", ""),)]
    for one in states:
        heads.append(((_head(one), ""),))
        heads += [((f"    {inert(each.path)}: {inert(each.text)}", ""),) for each in one.differences if verbose]
    return render(heads, color=color)


def _head(one: PreviewState) -> str:
    left = f"{count(len(one.differences), 'difference')} from {one.app}" if one.differences else ""
    start = f"{inert(one.name)}  #{one.pull} {one.commit[:7]}  {one.state}"
    return joined(start, one.url, inert(one.reason), _price(one, "/mo"), _end(one), left)


def _price(one: PreviewState, per: str) -> str:
    return "" if one.cost is None else f"{money(one.cost)}{per}"


def _end(one: PreviewState) -> str:
    return f"until {one.expires:%Y-%m-%d %H:%M %Z}" if one.expires else ""


def markdown(
    states: Sequence[PreviewState], rollout: RolloutReport | None = None, *, note: str = "", limit: int = 60_000
) -> str:
    """What a comment says: URL, state and cost of each, how it differs from its app, and logs of what failed."""
    blocks = [f"{inert(note)}\n"] if note else []
    for one in states:
        blocks.append(f"**{code(one.name)}** is {one.state}{f': {shown_address(one.url)}' if one.url else ''}\n")
        blocks += [f"{code(one.reason)}\n"] if one.reason and one.reason != note else []
        blocks.append(f"{joined(_price(one, ' a month'), _end(one), f'commit {code(one.commit[:7])}')}\n")
    if not states:
        blocks.append("There is no preview.\n")
    for one in states:
        if one.differences:
            rows = [f"{inert(each.path)}: {inert(each.text)}" for each in one.differences]
            blocks.append(details(f"{len(rows)} differences from {html_code(one.app)}", [fence(rows)]))
    for record in rollout.records if rollout else ():
        if record.failure and record.failure.log_lines:
            lines = [log_line(line) for line in record.failure.log_lines]
            blocks.append(details(f"log of {html_code(record.failure.component or record.app)}", [fence(lines)]))
    while len(blocks) > 1 and len("\n".join(blocks)) > limit:
        blocks.pop()
    return "\n".join(blocks)


# --- for programs ---


class _Data(BaseModel):
    model_config = ConfigDict(from_attributes=True, defer_build=True)


class DifferenceData(_Data):
    """How a preview differs from its app: the part of the app, and what a preview has there."""

    path: str
    text: str


class PreviewData(_Data):
    """One preview. cost is USD a month, expires ISO 8601; null if unknown. url only of one that is up."""

    app: str
    name: str
    pull: int
    commit: str
    state: State
    reason: str
    url: str
    cost: float | None
    expires: datetime | None
    app_id: str
    deployment_id: str
    differences: list[DifferenceData]


class PreviewsDocument(_Data):
    """The previews that a run made, took down or listed."""

    version: Literal[1]
    kind: Literal["previews"]
    previews: list[PreviewData]


def json(states: Sequence[PreviewState]) -> str:
    """The JSON of a `PreviewsDocument`."""
    found = [PreviewData.model_validate(one) for one in states]
    return json_text(PreviewsDocument(version=1, kind="previews", previews=found).model_dump(mode="json"))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a `PreviewsDocument`."""
    schema = PreviewsDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
