"""Reads pull requests for their previews: what is not certain is an error, never a reason to end a preview.

Shapes: "Pulls", "Repositories" and "Collaborators" of GitHub's REST documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.desired.preview_mark import PullRequest
from reconciler.github.api import GitHubError, text_of, within

if TYPE_CHECKING:
    from reconciler.github.api import GitHub

_NOT_FOUND = 404
_MAY_WRITE = frozenset({"admin", "write"})
"""Permissions in GitHub's answer: ``maintain`` counts as ``write`` there, ``triage`` as ``read``."""


async def read(github: GitHub, repository: str, number: int) -> PullRequest:
    """A pull request as it is now. One that is gone counts as closed.

    Raises:
        GitHubError: GitHub could not be reached, or its answer is incomplete.
    """
    try:
        return pull_of(await github.get(f"/repos/{repository}/pulls/{number}"), repository, number)
    except GitHubError as error:
        if error.status != _NOT_FOUND or not await _is_visible(github, repository):
            raise
    return PullRequest(repository, number, "", "", is_open=False)


async def _is_visible(github: GitHub, repository: str) -> bool:
    """Whether the token sees this repository and its pull requests: else a 404 says nothing about any of them."""
    found = await github.get(f"/repos/{repository}")
    if text_of(found, "full_name").lower() != repository.lower():
        return False
    return isinstance(await github.get(f"/repos/{repository}/pulls", state="all", per_page="1"), list)


async def known(
    github: GitHub, repository: str, numbers: Collection[int], warn: Callable[[str], None]
) -> Mapping[int, PullRequest]:
    """Those of these pull requests that could be read; a warning about each other."""
    found: dict[int, PullRequest] = {}
    for number in sorted(numbers):
        try:
            found[number] = await read(github, repository, number)
        except GitHubError as error:
            warn(f"#{number} is left as it is: {error.message}")
    return found


def pull_of(entry: Any, repository: str, number: int) -> PullRequest:
    """A pull request from an answer or an event of GitHub.

    Raises:
        GitHubError: it is another one, of another repository, or only a part of one.
    """
    state, commit, branch = text_of(entry, "state"), text_of(entry, "head", "sha"), text_of(entry, "head", "ref")
    base, head = text_of(entry, "base", "repo", "full_name"), text_of(entry, "head", "repo", "full_name")
    labels, draft = within(entry, "labels"), within(entry, "draft")
    whole = (
        within(entry, "number") == number
        and state in ("open", "closed")
        and base.lower() == repository.lower()
        and isinstance(labels, list)
        and all(text_of(label, "name") for label in labels)
        and isinstance(draft, bool)
        and commit
        and branch
    )
    if not whole:
        raise GitHubError(f"GitHub's answer about #{number} of {repository} is incomplete")
    lost = not head and state == "open"  # a fork that was deleted: nothing can be built from it
    return PullRequest(
        repository,
        number,
        branch,
        commit,
        fork="" if head.lower() == base.lower() else head,
        is_open=state == "open" and not lost,
        is_draft=draft,
        labels=frozenset(text_of(label, "name") for label in labels),
    )


async def may_write(github: GitHub, repository: str, login: str) -> bool:
    """Whether a person may write to a repository.

    Raises:
        GitHubError: GitHub could not be reached, or refused.
    """
    answer = await github.get(f"/repos/{repository}/collaborators/{login}/permission")
    return text_of(answer, "permission") in _MAY_WRITE
