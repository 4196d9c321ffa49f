"""Keeps one comment on a pull request, updated in place even if runs race.

It is found by its author and its marker on any page; of several, the oldest stays. It is about one commit, and
never replaced by one about an older commit: a plan is posted only while its commit is still the pull request's
head, a plan never replaces an outcome, and of two runs for a commit the later one stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.github.api import GitHubError, number_of, text_of, within
from reconciler.github.outputs import fitted
from reconciler.github.ownership import BODY_LIMIT, marker, number_of_marker, parse_marker, same_author, weight, whoami

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.github.api import GitHub

_FAMILY = "comment"
_LOOKED_AT = 50
_GONE = (404, 410)
"""Statuses of a comment that was deleted since it was found."""

_MINIMIZED = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on IssueComment { id isMinimized } } }"


class About(StrEnum):
    """The subject of a comment: what would happen, or what happened."""

    PLAN = "plan"
    OUTCOME = "outcome"


class Fate(StrEnum):
    """The fate of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment to post. ``key`` distinguishes comments of different configs, environments and selections.

    ``render`` returns the text for a limit in characters. ``worth_opening``: create a comment if there is none;
    otherwise only an existing comment is updated ("nothing differs any more").
    """

    repository: str
    pull: int
    key: str
    commit: str
    about: About
    run: tuple[int, int]
    render: Callable[[int], str]
    worth_opening: bool = True


@dataclass(frozen=True, slots=True)
class Posted:
    """The result; ``reason`` if skipped or failed, otherwise the comment's ``url``."""

    fate: Fate
    reason: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class _Existing:
    """One of our comments. ``run`` and ``about`` are those of the run that wrote it last."""

    id: int
    node_id: str
    url: str
    commit: str
    about: str
    run: tuple[int, int]


async def post(github: GitHub, remark: Remark) -> Posted:
    """Post the comment; an error of GitHub is returned, never raised: a failed comment fails no run."""
    try:
        return await _post(github, remark)
    except GitHubError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Posted(Fate.FAILED, f"the comment on #{remark.pull} failed: {error.message}{hint}")


async def _post(github: GitHub, remark: Remark) -> Posted:
    login = await whoami(github)
    existing = await _existing(github, remark, login)
    if not existing and not remark.worth_opening:
        return Posted(Fate.SKIPPED, "nothing to report")
    stale = await _stale(github, remark, existing)
    if stale:
        return Posted(Fate.SKIPPED, stale)
    if existing:
        try:
            return await _update(github, remark, existing)
        except GitHubError as error:
            if error.status not in _GONE or not remark.worth_opening:
                raise
    return await _create(github, remark, login)


async def _stale(github: GitHub, remark: Remark, existing: list[_Existing]) -> str:
    """Why the comment is out of date; empty if it is not."""
    for comment in existing:
        if comment.about == About.OUTCOME and remark.about is About.PLAN:
            return "the comment already shows the outcome"
        if comment.commit == remark.commit and comment.about == remark.about and comment.run > remark.run:
            return "a later run has already commented"
    if remark.about is About.PLAN:
        # Checked last, right before writing: a newer commit's own run takes longer than the rest of this one.
        pull = await github.get(f"/repos/{remark.repository}/pulls/{remark.pull}")
        newest = text_of(pull, "head", "sha")
        if newest and newest != remark.commit:
            return f"#{remark.pull} has a newer commit with its own run"
    return ""


async def _update(github: GitHub, remark: Remark, existing: list[_Existing]) -> Posted:
    """Update the oldest, and delete duplicates left by a race."""
    oldest, *others = existing
    path = f"/repos/{remark.repository}/issues/comments"
    await github.patch(f"{path}/{oldest.id}", {"body": body_of(remark)})
    for other in others:
        await github.delete(f"{path}/{other.id}")
    return Posted(Fate.UPDATED, url=oldest.url)


async def _create(github: GitHub, remark: Remark, login: str) -> Posted:
    made = await github.post(f"/repos/{remark.repository}/issues/{remark.pull}/comments", {"body": body_of(remark)})
    ours = number_of(made, "id")
    existing = await _existing(github, remark, login)
    if len(existing) < 2 or existing[0].id == ours:
        # The only one, or the first of a race: the others see that as well and delete theirs.
        return Posted(Fate.CREATED, url=text_of(made, "html_url"))
    await github.delete(f"/repos/{remark.repository}/issues/comments/{ours}")
    rest = [comment for comment in existing if comment.id != ours]
    stale = await _stale(github, remark, rest)
    return Posted(Fate.SKIPPED, stale) if stale else await _update(github, remark, rest[:1])


async def _existing(github: GitHub, remark: Remark, login: str) -> list[_Existing]:
    """Our comments with this key that are not minimised, oldest first."""
    found = []
    async for entry in github.pages(f"/repos/{remark.repository}/issues/{remark.pull}/comments"):
        fields = parse_marker(_FAMILY, text_of(entry, "body"))
        if fields is None or fields.get("key") != remark.key or not same_author(entry, login):
            continue
        found.append(
            _Existing(
                id=number_of(entry, "id"),
                node_id=text_of(entry, "node_id"),
                url=text_of(entry, "html_url"),
                commit=fields.get("commit", ""),
                about=fields.get("about", ""),
                run=_run(fields.get("run", "")),
            )
        )
    hidden = await _minimized(github, [comment.node_id for comment in found if comment.node_id])
    return sorted((comment for comment in found if comment.node_id not in hidden), key=lambda comment: comment.id)


async def _minimized(github: GitHub, ids: list[str]) -> frozenset[str]:
    """Which comments were minimised; none if the token may not query that."""
    if not ids:
        return frozenset()
    try:
        data = await github.query(_MINIMIZED, ids=ids[-_LOOKED_AT:])
    except GitHubError as error:
        if not error.forbidden:
            raise
        return frozenset()
    return frozenset(text_of(node, "id") for node in data.get("nodes") or () if within(node, "isMinimized") is True)


def body_of(remark: Remark) -> str:
    """The comment's whole body: the marker's line and the text, always within GitHub's limit."""
    head = marker(
        _FAMILY,
        {
            "key": remark.key,
            "about": remark.about.value,
            "commit": remark.commit,
            "run": f"{remark.run[0]}.{remark.run[1]}",
        },
    )
    room = BODY_LIMIT - weight(head) - 1
    text = fitted(remark.render, room, weight) or "The report is too long for a comment: see the run's summary."
    return f"{head}\n{text}"


def _run(text: str) -> tuple[int, int]:
    number, _, attempt = text.partition(".")
    return number_of_marker(number), number_of_marker(attempt)
