"""What the tests of this room stand on: virtual time, events of each kind, and small results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from reconciler.github.api import GitHub
from reconciler.github.comment import About, Remark
from tests.support.fake_github import FakeGitHub
from tests.support.virtual_time import VirtualClock

REPO = "acme/shop"
OLD, NEW = "a" * 40, "b" * 40


def github(fake: FakeGitHub, clock: VirtualClock, token: str = "gh-token") -> GitHub:
    return GitHub(token, clock=clock, api_url="https://api.github.example", transport=fake.transport())


def asked(fake: FakeGitHub, call: Callable[[GitHub], Awaitable[Any]], token: str = "gh-token") -> Any:
    """The result of a call against the fake, and the virtual seconds it took."""
    clock = VirtualClock()

    async def main() -> Any:
        async with github(fake, clock, token) as client:
            return await call(client)

    try:
        result = clock.run(main())
        return result, clock.monotonic()
    finally:
        clock.close()


def remark(text: str = "the plan", **changes: Any) -> Remark:
    return Remark(
        **{
            "repository": REPO,
            "pull": 7,
            "key": "k1",
            "commit": OLD,
            "about": About.PLAN,
            "run": (100, 1),
            "render": lambda limit: text[:limit],
        }
        | changes
    )


def pull_event(number: int = 7, sha: str = OLD, head: str = REPO) -> dict[str, Any]:
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "head": {"sha": sha, "ref": "topic", "repo": {"full_name": head}},
            "base": {"ref": "main", "repo": {"full_name": REPO}},
        },
    }
