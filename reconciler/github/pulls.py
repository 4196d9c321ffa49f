"""Which pull requests a run has something to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.github.api import number_of, text_of

if TYPE_CHECKING:
    from reconciler.github.api import GitHub
    from reconciler.github.context import Context

_MOST = 10


async def concerned(github: GitHub, context: Context) -> tuple[int, ...]:
    """Numbers of the pull requests, in the order they were made; ten at most.

    Those that the event names; of a ``workflow_run`` the open one whose head is the run's commit (the payload names
    none when it comes from a fork, and what an artifact says of it is the stranger's word); of a push those that its
    commits were merged by. A merge queue's trial speaks of a commit that is nobody's head: it tells none.

    Raises:
        GitHubError: GitHub could not be asked.
    """
    if context.event == "merge_group":
        return ()
    if context.pulls:
        return context.pulls[:_MOST]
    if context.event == "workflow_run" and context.head_label:
        return await _by_head(github, context)
    return await _merged(github, context)


async def _by_head(github: GitHub, context: Context) -> tuple[int, ...]:
    path = f"/repos/{context.repository}/pulls"
    found = [
        number_of(pull, "number")
        async for pull in github.pages(path, state="open", head=context.head_label)
        if text_of(pull.get("head"), "sha") == context.head_sha
    ]
    return tuple(sorted(found))[:_MOST]


async def _merged(github: GitHub, context: Context) -> tuple[int, ...]:
    branch = context.ref.removeprefix("refs/heads/")
    found: set[int] = set()
    for commit in context.commits:
        async for pull in github.pages(f"/repos/{context.repository}/commits/{commit}/pulls"):
            if text_of(pull, "merged_at") and text_of(pull.get("base"), "ref") == branch:
                found.add(number_of(pull, "number"))
    return tuple(sorted(found))[:_MOST]
