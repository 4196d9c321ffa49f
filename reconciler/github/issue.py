"""Keeps one issue per environment that reports drift.

It is opened when drift lasts long enough, updated in place, closed automatically when the drift is gone, and reopened
(the same one: its history is the environment's) when drift comes back. Nothing is stored elsewhere: the count of
detections is in the issue's hidden marker. If more than one detection is required, the first one creates the
issue and closes it immediately, as a place to count; later ones edit it silently.

If a person closes it while the drift lasts, it stays closed until the drift changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.github.api import GitHubError, number_of, text_of
from reconciler.github.outputs import fitted
from reconciler.github.ownership import BODY_LIMIT, marker, number_of_marker, parse_marker, same_author, weight, whoami

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.github.api import GitHub

LABEL = "reconcile-drift"
"""The issue's label; the issue is found by it, or by its author if the label was removed."""

_FAMILY = "drift"
_TITLE = 200
_REMEMBERED = 1000
"""Apps that the issue remembers messages about: their names are half of what its body may have."""


class Move(StrEnum):
    """What to do with the issue."""

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
    """The result of one run. ``fingerprint`` identifies the drift; empty if there is none.

    ``name`` is that of the environment, ``render`` returns the report for a limit in characters,
    ``after`` is the number of consecutive detections that open an issue. ``apps`` are those whose drift messages are
    about, ``in_sync`` those that do not differ, ``still`` all others of this run.
    """

    repository: str
    key: str
    name: str
    fingerprint: str
    render: Callable[[int], str]
    at: datetime
    run_url: str = ""
    after: int = 1
    apps: frozenset[str] = frozenset()
    in_sync: frozenset[str] = frozenset()
    still: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """The current issue. ``recorded`` is the state we left it in: a person closed one that is recorded open."""

    number: int
    is_open: bool
    recorded: str = ""
    fingerprint: str = ""
    seen: int = 0
    since: str = ""
    url: str = ""
    said: frozenset[str] = frozenset()
    """The apps whose drift messages were sent about."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done; ``warning`` if GitHub refused.

    ``begun`` and ``ended``: apps whose drift is news, and those whose drift was said and is over.
    """

    move: Move
    number: int = 0
    url: str = ""
    warning: str = ""
    begun: frozenset[str] = frozenset()
    ended: tuple[str, ...] = ()


def decide(known: Known | None, fingerprint: str, after: int) -> Move:
    """What to do about the issue; pure, so that its table is a test."""
    if not fingerprint:
        if known is None or (not known.is_open and not known.seen):
            return Move.NOTHING
        return Move.CLOSE if known.is_open else Move.COUNT
    if known is not None and known.is_open:
        return Move.UPDATE
    if known is not None and known.recorded == "open" and known.fingerprint == fingerprint:
        return Move.NOTHING
    seen = (known.seen if known else 0) + 1
    return Move.OPEN if seen >= after else Move.COUNT


def news(move: Move, said: frozenset[str], detection: Detection) -> tuple[frozenset[str], frozenset[str]]:
    """The apps whose drift begins and is over with this detection; messages were sent about those that were ``said``.

    Drift begins where it shows in the issue: not before it lasted as long as asked, nor while a person keeps it closed.
    That of an app which Git no longer names is over, too, and there is nothing to say about it.
    """
    if move is Move.NOTHING:
        return frozenset(), frozenset()
    listed = frozenset(sorted(detection.apps)[:_REMEMBERED])
    begun = listed - said if move in (Move.OPEN, Move.UPDATE) else frozenset()
    return begun, said - detection.still - detection.apps


async def keep(github: GitHub, detection: Detection) -> Kept:
    """Update the issue; an error of GitHub is returned, never raised."""
    try:
        return await _keep(github, detection)
    except GitHubError as error:
        return Kept(Move.NOTHING, warning=f"the drift issue failed: {error.sentence}")


async def _keep(github: GitHub, detection: Detection) -> Kept:
    login = await whoami(github)
    found = await _find(github, detection, login)
    known = found[0] if found else None
    move = decide(known, detection.fingerprint, detection.after)
    if move is Move.NOTHING:
        return Kept(move, known.number if known else 0, known.url if known else "")
    if known is not None:
        await github.patch(f"/repos/{detection.repository}/issues/{known.number}", _change(move, known, detection))
        begun, ended = news(move, known.said, detection)
        return Kept(move, known.number, known.url, begun=begun, ended=tuple(sorted(ended & detection.in_sync)))
    return await _create(github, detection, move, login)


async def _create(github: GitHub, detection: Detection, move: Move, login: str) -> Kept:
    """Create the issue; of several created in a race the oldest stays, and each run closes its own."""
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
            {"state": "closed", "state_reason": "not_planned", "body": f"Duplicate of #{elder.number}."},
        )
        return Kept(Move.NOTHING, elder.number, elder.url)
    if move is Move.COUNT:
        await github.patch(f"{path}/{number}", {"state": "closed", "state_reason": "not_planned"})
    return Kept(move, number, url, begun=news(move, frozenset(), detection)[0])


async def _ensure_label(github: GitHub, repository: str) -> None:
    """Create the label; it may already exist, or the token may not be allowed to."""
    try:
        await github.post(
            f"/repos/{repository}/labels",
            {"name": LABEL, "color": "d93f0b", "description": "App Platform differs from Git"},
        )
    except GitHubError as error:
        if error.status != 422 and not error.forbidden:
            raise


async def _find(github: GitHub, detection: Detection, login: str) -> list[Known]:
    """Our issues with this key, oldest first: by label, or else among all issues we opened."""
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
    return Known(
        number=number_of(entry, "number"),
        is_open=entry.get("state") == "open",
        recorded=fields.get("told", ""),
        fingerprint=fields.get("drift", ""),
        seen=number_of_marker(fields.get("seen", "")),
        since=fields.get("since", ""),
        url=text_of(entry, "html_url"),
        said=frozenset(fields.get("apps", "").split(",")) - {""},
    )


def _change(move: Move, known: Known, detection: Detection) -> dict[str, str]:
    """The request body for a move: text and state. A title that people changed is kept."""
    drifts = bool(detection.fingerprint)
    seen = known.seen + 1 if drifts else 0
    now = detection.at.strftime("%Y-%m-%d %H:%M UTC")
    since = known.since if drifts and known.seen and known.since else now
    state = _STATES[move]
    begun, ended = news(move, known.said, detection)
    fields = {
        "key": detection.key,
        "told": state.get("state", "closed"),
        "drift": detection.fingerprint,
        "seen": str(seen),
        "since": since if drifts else "",
        "apps": ",".join(sorted((known.said | begun) - ended)),
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
        lead = f"App Platform differs from Git: {times} by {run}."
        end = "This issue is updated by every run, and closed automatically when the drift is gone."
    else:
        lead = f"No more drift: {now}, {run}."
        end = "This issue is reopened automatically if drift comes back."
    frame = f"{head}\n{lead}\n\n%s\n\n{end}\n"
    # The frame counts the two characters of its placeholder, too: the limit holds either way.
    text = (
        fitted(detection.render, BODY_LIMIT - weight(frame), weight)
        or "The report is too long for an issue: see the run's summary."
    )
    return f"{head}\n{lead}\n\n{text}\n\n{end}\n"
