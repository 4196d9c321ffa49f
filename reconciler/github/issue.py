"""One issue per environment that says: App Platform is not what Git asks for.

It is opened when drift lasts long enough, kept up to date in place, closed by itself when the drift is gone, and opened
again (the same one: its history is the environment's) when it comes back. Nothing is stored elsewhere: the count of
detections stands in the issue's hidden marker. Where more than one detection is asked for, the first ever makes the
issue and closes it at once, so that there is a place to count in; later ones edit it silently.

A person who closes it while the drift lasts has seen it: it stays closed until the drift becomes another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.github.api import GitHubError, number_of, text_of
from reconciler.github.outputs import fitted
from reconciler.github.ownership import BODY_LIMIT, marker, parse_marker, same_author, weight, whoami

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.github.api import GitHub

LABEL = "reconcile-drift"
"""The issue's label; the issue is found by it, or by its author when somebody took it off."""

_FAMILY = "drift"
_TITLE = 200


class Move(StrEnum):
    """What becomes of the issue."""

    NOTHING = "nothing"
    COUNT = "count"
    OPEN = "open"
    UPDATE = "update"
    CLOSE = "close"


_STATES = {
    Move.OPEN: {"state": "open"},
    Move.UPDATE: {"state": "open"},
    Move.CLOSE: {"state": "closed", "state_reason": "completed"},
    Move.COUNT: {},
}
"""The state that the request of each move asks for."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What one run found. ``fingerprint`` names the drift; empty when there is none.

    ``name`` is what people call what drifts (the environment), ``render`` the account for a limit in characters,
    ``after`` the number of detections in a row from which it is worth an issue.
    """

    repository: str
    key: str
    name: str
    fingerprint: str
    render: Callable[[int], str]
    at: datetime
    run_url: str = ""
    after: int = 1


@dataclass(frozen=True, slots=True)
class Known:
    """The issue as it stands. ``told`` is the state we left it in: a person closed one that is told open."""

    number: int
    is_open: bool
    told: str = ""
    fingerprint: str = ""
    seen: int = 0
    since: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done; ``warning`` when GitHub refused."""

    move: Move
    number: int = 0
    url: str = ""
    warning: str = ""


def decide(known: Known | None, fingerprint: str, after: int) -> Move:
    """What to do about the issue; pure, so that its table is a test."""
    if not fingerprint:
        if known is None or (not known.is_open and not known.seen):
            return Move.NOTHING
        return Move.CLOSE if known.is_open else Move.COUNT
    if known is not None and known.is_open:
        return Move.UPDATE
    if known is not None and known.told == "open" and known.fingerprint == fingerprint:
        return Move.NOTHING
    seen = (known.seen if known else 0) + 1
    return Move.OPEN if seen >= after else Move.COUNT


async def keep(github: GitHub, detection: Detection) -> Kept:
    """Bring the issue up to date; an error of GitHub is told, never raised."""
    try:
        return await _keep(github, detection)
    except GitHubError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Kept(Move.NOTHING, warning=f"the drift issue failed: {error.message}{hint}")


async def _keep(github: GitHub, detection: Detection) -> Kept:
    login = await whoami(github)
    found = await _find(github, detection, login)
    known = found[0] if found else None
    move = decide(known, detection.fingerprint, detection.after)
    if move is Move.NOTHING:
        return Kept(move, known.number if known else 0, known.url if known else "")
    if known is not None:
        await github.patch(f"/repos/{detection.repository}/issues/{known.number}", _change(move, known, detection))
        return Kept(move, known.number, known.url)
    return await _create(github, detection, move, login)


async def _create(github: GitHub, detection: Detection, move: Move, login: str) -> Kept:
    """Make the issue; of several that a race made the oldest stays, and the others are closed by who made them."""
    await _ensure_label(github, detection.repository)
    path = f"/repos/{detection.repository}/issues"
    fresh = Known(number=0, is_open=False)
    body = _change(move, fresh, detection)["body"]
    made = await github.post(path, {"title": _title(detection.name), "body": body, "labels": [LABEL]})
    number, url = number_of(made, "number"), text_of(made, "html_url")
    elder = next((issue for issue in await _find(github, detection, login) if issue.number < number), None)
    if elder:
        await github.patch(
            f"{path}/{number}",
            {"state": "closed", "state_reason": "not_planned", "body": f"The same as #{elder.number}."},
        )
        return Kept(Move.NOTHING, elder.number, elder.url)
    if move is Move.COUNT:
        await github.patch(f"{path}/{number}", {"state": "closed", "state_reason": "not_planned"})
    return Kept(move, number, url)


async def _ensure_label(github: GitHub, repository: str) -> None:
    """Make the label; one that exists already, or that we may not make, is fine."""
    try:
        await github.post(
            f"/repos/{repository}/labels",
            {"name": LABEL, "color": "d93f0b", "description": "App Platform differs from Git"},
        )
    except GitHubError as error:
        if error.status != 422 and not error.forbidden:
            raise


async def _find(github: GitHub, detection: Detection, login: str) -> list[Known]:
    """Our issues of this key, oldest first: by label, or else among everything we ever opened."""
    path = f"/repos/{detection.repository}/issues"
    for wanted in ({"labels": LABEL}, {"creator": login}):
        found = []
        async for entry in github.pages(path, state="all", **wanted):
            known = _known(entry, detection.key, login)
            if known:
                found.append(known)
        if found:
            return sorted(found, key=lambda issue: issue.number)
    return []


def _known(entry: Any, key: str, login: str) -> Known | None:
    if not isinstance(entry, dict) or "pull_request" in entry or not same_author(entry, login):
        return None
    fields = parse_marker(_FAMILY, text_of(entry, "body"))
    if fields is None or fields.get("key") != key:
        return None
    seen = fields.get("seen", "")
    return Known(
        number=number_of(entry, "number"),
        is_open=entry.get("state") == "open",
        told=fields.get("told", ""),
        fingerprint=fields.get("drift", ""),
        seen=int(seen) if seen.isdigit() else 0,
        since=fields.get("since", ""),
        url=text_of(entry, "html_url"),
    )


def _change(move: Move, known: Known, detection: Detection) -> dict[str, str]:
    """The body of the request that makes the move: text and state. A title that people changed stays theirs."""
    drifts = bool(detection.fingerprint)
    seen = known.seen + 1 if drifts else 0
    now = detection.at.strftime("%Y-%m-%d %H:%M UTC")
    since = known.since if drifts and known.seen and known.since else now
    state = _STATES[move]
    fields = {
        "key": detection.key,
        "told": state.get("state", "closed"),
        "drift": detection.fingerprint,
        "seen": str(seen),
        "since": since if drifts else "",
    }
    return {"body": _body(fields, detection, seen, since, now), **state}


def _title(name: str) -> str:
    title = f"Drift in {name}" if name else "Drift: App Platform differs from Git"
    return " ".join(title.split())[:_TITLE]


def _body(fields: dict[str, str], detection: Detection, seen: int, since: str, now: str) -> str:
    head = marker(_FAMILY, fields)
    run = f"[this run]({detection.run_url})" if detection.run_url else "this run"
    if seen:
        times = f"seen {now}" if seen == 1 else f"seen {seen} times in a row, first {since}, last {now}"
        told = f"App Platform is not what Git asks for: {times} by {run}."
        end = "This issue is kept up to date, and closed by itself when the drift is gone."
    else:
        told = f"No drift any more: {now}, {run}."
        end = "This issue is opened again by itself when drift comes back."
    frame = f"{head}\n{told}\n\n%s\n\n{end}\n"
    # The frame's own two signs for the text are more than it needs: the limit is kept either way.
    text = (
        fitted(detection.render, BODY_LIMIT - weight(frame), weight)
        or "The account is too long: see the run's summary."
    )
    return f"{head}\n{told}\n\n{text}\n\n{end}\n"
