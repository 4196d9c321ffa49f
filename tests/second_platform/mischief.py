"""What goes wrong between the platform's state and its answers, as data: troubles, edits, and what people do meanwhile.

Operations are named as in `routes.OPERATIONS`; ``since`` is an event of the platform's log (see `state`), and what has
one begins after that event.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.second_platform.model import Spec
from tests.second_platform.specs import MISSING, edit
from tests.second_platform.state import Platform

MEBIBYTE = 1 << 20

MOST_READ = 64 * MEBIBYTE
"""Bytes of one answer beyond which a reader is said to read without bound; no account's answer comes near it."""

PAGE = b"<html><head><title>504 Gateway Time-out</title></head><body><center>nginx</center></body></html>"


@dataclass(frozen=True)
class Trouble:
    """An operation that fails, ``times`` times (0: always) after the first ``skip``.

    ``how``: json (the platform's own error), html (a gateway's page), drop (the connection breaks), hang (no answer
    comes), garbled (200, cut short), huge and bomb (a body without end; unzipped, for the second). ``effect``: the
    request takes effect all the same. ``headers`` come with it; with status 200 they come with the normal answer.
    """

    on: str
    status: int = 503
    times: int = 1
    since: str = ""
    skip: int = 0
    how: str = "json"
    message: str = ""
    effect: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Edit:
    """A field that an operation's answer has otherwise: missing, null, something else. ``times``: 0 for always."""

    on: str
    path: str
    to: Any = MISSING
    since: str = ""
    times: int = 0


@dataclass(frozen=True)
class Deed:
    """What a person, a push or another run does, so many seconds after an event. See `DEEDS` for ``what``."""

    what: str
    when: str
    delay: float = 0.0
    times: int = 1


class Dropped(Exception):
    """The connection breaks before an answer came."""


class Hanging(Exception):
    """No answer comes."""


IDS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}

MESSAGES = {
    401: "Unable to authenticate you",
    403: "You are missing the required permission app:read",
    404: "The resource you were accessing could not be found.",
    429: "API rate limit exceeded.",
}


def error_body(status: int, message: str = "") -> bytes:
    """An error as the contract has it."""
    name = IDS.get(status, "server_error" if status >= 500 else "invalid_request")
    text = message or MESSAGES.get(status, "Server Error")
    return json.dumps({"id": name, "message": text, "request_id": "8a1d2c3e-0000-4000-8000-000000000001"}).encode()


class Mischief:
    """The troubles and edits of one scenario, and how often each was used."""

    def __init__(self, platform: Platform, troubles: tuple[Trouble, ...], edits: tuple[Edit, ...]) -> None:
        self.platform = platform
        self.troubles = troubles
        self.edits = edits
        self.read_too_much = False
        self._seen: dict[Any, int] = {}

    def trouble(self, operation: str) -> Trouble | None:
        """The trouble that this request meets."""
        for place, found in enumerate(self.troubles):
            if found.on != operation or (found.since and not self.platform.happened(found.since)):
                continue
            number = self._seen[place] = self._seen.get(place, 0) + 1
            if number > found.skip and (not found.times or number <= found.skip + found.times):
                return found
        return None

    def edited(self, operation: str, answer: Any) -> None:
        """Alter an answer."""
        for place, found in enumerate(self.edits):
            if found.on != operation or (found.since and not self.platform.happened(found.since)):
                continue
            number = self._seen["edit", place] = self._seen.get(("edit", place), 0) + 1
            if not found.times or number <= found.times:
                edit(answer, found.path, found.to)

    def answer(self, trouble: Trouble) -> tuple[int, dict[str, str], bytes | Iterator[bytes]]:
        """What a request gets that is in trouble.

        Raises:
            Dropped, Hanging: nothing.
        """
        match trouble.how:
            case "drop":
                raise Dropped
            case "hang":
                raise Hanging
            case "html":
                return trouble.status, {"content-type": "text/html", **trouble.headers}, PAGE
            case "garbled":
                return 200, {"content-type": "application/json"}, b'{"app": {"id": "4f6c71e2'
            case "huge":
                return 200, {"content-type": "application/json"}, self._endless(compressed=False)
            case "bomb":
                headers = {"content-type": "application/json", "content-encoding": "gzip"}
                return 200, headers, self._endless(compressed=True)
            case _:
                headers = {"content-type": "application/json", **trouble.headers}
                return trouble.status, headers, error_body(trouble.status, trouble.message)

    def _endless(self, *, compressed: bool) -> Iterator[bytes]:
        """A text without end, a mebibyte at a time; notes if it is read beyond all reason.

        A reader with a bound reads one part beyond it, to know that there is more.
        """
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        part = b" " * MEBIBYTE
        for _ in range(MOST_READ // MEBIBYTE + 1):
            yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) if compressed else part
        self.read_too_much = True
        raise Dropped


# ---- what people do -----------------------------------------------------------------------------------------------


def _update(platform: Platform, version: str) -> None:
    """A person sends the app's spec with another version."""
    app = platform.named()
    if app is not None and app.pinned is None:
        spec = json.loads(json.dumps(app.spec))
        spec["services"][0]["image"]["tag"] = version
        platform.update(app, spec)


def _roll_back(platform: Platform, version: str) -> None:
    app = platform.named()
    target = app.served(version) if app else None
    if app is not None and target is not None and app.pinned is None:
        platform.roll_back(app, target.id, skip_pin=False)


def _lineage(platform: Platform, version: str) -> None:
    """A deployment of some spec that claims to be cloned, of which nothing says who made it."""
    app = platform.named()
    if app is not None and app.active is not None:
        spec: Spec = json.loads(json.dumps(app.spec))
        spec["services"][0]["image"]["tag"] = version
        platform._deploy(app, spec, "person", "", None, cloned=app.active.id)


def _on_app(act: Callable[[Platform, Any], Any], *, pinned: bool | None = None) -> Callable[[Platform, str], None]:
    def deed(platform: Platform, _argument: str) -> None:
        app = platform.named()
        if app is not None and pinned in (None, app.pinned is not None):
            act(platform, app)

    return deed


DEEDS: dict[str, Callable[[Platform, str], None]] = {
    "update": _update,
    "rollback": _roll_back,
    "lineage": _lineage,
    "push": _on_app(lambda platform, app: platform.push(app)),
    "redeploy": _on_app(lambda platform, app: platform.redeploy(app), pinned=False),
    "restart": _on_app(lambda platform, app: platform.restart(app)),
    "cancel": _on_app(lambda platform, app: platform.cancel(app)),
    "delete": _on_app(lambda platform, app: platform.delete(app)),
    "commit": _on_app(lambda platform, app: platform.commit(app), pinned=True),
    "revert": _on_app(lambda platform, app: platform.revert(app), pinned=True),
}
"""What can be done, by name; ``update:1.30``, ``rollback:1.25`` and ``lineage:1.30`` name a version."""


def arrange(platform: Platform, deeds: tuple[Deed, ...]) -> None:
    """Let people do what a scenario says."""
    for deed in deeds:
        name, _, argument = deed.what.partition(":")
        act = DEEDS[name]
        platform.when(deed.when, lambda act=act, argument=argument: act(platform, argument), deed.delay, deed.times)
