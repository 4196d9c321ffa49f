"""Reads listings of several pages, and checks that they are complete.

The platform orders apps by their last update. One that is deployed while pages are read moves to the front, and the app
it pushes to the next page can be missed silently: only counting reveals that. In which order it lists deployments,
the contract does not promise: they are sorted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from reconciler.errors import LiveError
from reconciler.live import responses as answers
from reconciler.live.calls import Call
from reconciler.live.models import Deployment

Page = dict[str, Any]
App = TypeVar("App")

LISTINGS = 3
"""How often the apps are listed if the account keeps changing meanwhile."""

MOST_PAGES = 500
"""Maximum number of pages, whatever a listing's total and links say."""


LEAST = 20
"""Deployments that are read at least: of fewer nothing shows in which order they are listed."""

_UNDATED = datetime.min.replace(tzinfo=UTC)


async def read_pages(page: Callable[[int], Coroutine[Any, Any, Page]], key: str, size: int, most: int) -> list[Page]:
    """The pages of a listing: the first, then concurrently those its total implies, then those its `next` links add.

    ``page`` fetches one by number, ``size`` is the number of items on one, ``most`` the number of pages to read.
    """
    pages = [await page(1)]
    pages += await _together(page, range(2, min(-(-answers.total_of(pages[0]) // size), most) + 1))
    while answers.has_next(pages[-1]) and answers.items_of(pages[-1], key) and len(pages) < most:
        pages.append(await page(len(pages) + 1))
    return pages


async def _together(page: Callable[[int], Coroutine[Any, Any, Page]], numbers: range) -> list[Page]:
    """Fetch pages concurrently; the first error is raised by itself, not in a group."""
    tasks: list[asyncio.Task[Page]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(page(number)) for number in numbers]
    except ExceptionGroup as failed:
        problem = failed.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise problem


def whole(pages: Sequence[Page], apps: Mapping[str, App], seen: Mapping[str, App]) -> Mapping[str, App] | None:
    """All apps of the account by id, if that is certain; None if some may be missing.

    ``apps`` are those of these pages, ``seen`` includes those of earlier listings of the same run: once they are as
    many as the pages report, they are complete.
    """
    totals = {answers.total_of(page) for page in pages}
    if len(totals) > 1 or len(pages) >= MOST_PAGES:
        return None
    (total,) = totals
    if len(apps) >= total:
        return apps
    return seen if len(seen) == total else None


def incomplete(call: Call, pages: Sequence[Page], seen: int) -> LiveError:
    """The error for a listing that was never complete."""
    total = max(map(answers.total_of, pages))
    counted = f"{total} reported, {seen} listed" if seen < total else "the total changes from page to page"
    what = f"could not get a complete list of apps: {counted}"
    hint = "the account kept changing while it was read; try again later"
    return answers.unreachable(call, what, hint=hint)


def newest_first(found: Sequence[Deployment]) -> list[Deployment]:
    """Deployments by ``created_at``, each once, whatever order they were listed in.

    Of the same moment the one whose lineage (``previous_deployment_id``) is longer is the newer one; one without a
    moment follows its predecessor; those that cannot be ordered stay in the order of the list.
    """
    known: dict[str, Deployment] = {}
    for deployment in found:
        known.setdefault(deployment.id, deployment)
    places: dict[str, tuple[datetime, int]] = {}
    for deployment in known.values():
        line: list[Deployment] = []
        before: Deployment | None = deployment
        while before is not None and before.id not in places:
            places[before.id] = (_UNDATED, 0)  # so that a circle ends
            line.append(before)
            before = known.get(before.previous_deployment_id)
        when, length = places[before.id] if before else (_UNDATED, 0)
        for one in reversed(line):
            when, length = one.created_at or when, length + 1
            places[one.id] = (when, length)
    return sorted(known.values(), key=lambda deployment: places[deployment.id], reverse=True)


def goes_on(pages: Sequence[Page], key: str) -> bool:
    """Whether there are more items than these pages hold."""
    held = sum(len(answers.items_of(page, key)) for page in pages)
    return answers.has_next(pages[-1]) or answers.total_of(pages[0]) > held
