"""The context of a run of the action, read from the environment and the event file.

Neither is under our control: any field may be missing or of another shape, and then counts as empty.
Variables: "Default environment variables" of GitHub's documentation; events: "Webhook events and payloads".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.github.api import GitHub, text_of, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from reconciler.clock import Clock

PULL_EVENTS = frozenset({"pull_request", "pull_request_target"})
"""Events whose payload describes a pull request."""

BRANCH_EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events of runs that are of a branch; a ``workflow_run`` names that of the run it follows."""

MAX_COMMITS = 20
"""Maximum number of commits of a push whose pull requests are looked up; merge queues push several at once."""

_QUEUE_PULL = re.compile(r"/pr-(\d+)-[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class EventContext:
    """One run of a workflow.

    ``head_sha`` is the commit that the run is about: of a pull request its head, not the merge commit that is
    checked out. ``pulls`` are numbers that the event names; ``head_label`` (``owner:branch``) finds the pull
    request of a ``workflow_run``, whose payload names none when it comes from a fork; ``after_branch``: it follows
    a run of a branch. ``commits`` are those of a push, oldest first. ``run`` orders runs: (id, attempt).
    ``blob_url`` is the address of the files at ``head_sha``, ``workflow_url`` the page that runs the workflow by
    hand. ``action``, ``label`` and ``sender``: what was done to a pull request, with which label, and by whom.
    """

    event: str = ""
    repository: str = ""
    head_sha: str = ""
    ref: str = ""
    pulls: tuple[int, ...] = ()
    commits: tuple[str, ...] = ()
    head_label: str = ""
    after_branch: bool = False
    is_fork: bool = False
    actor: str = ""
    run: tuple[int, int] = (0, 0)
    run_url: str = ""
    blob_url: str = ""
    workflow_url: str = ""
    action: str = ""
    label: str = ""
    sender: str = ""
    api_url: str = "https://api.github.com"
    graphql_url: str = "https://api.github.com/graphql"
    summary_path: str = ""
    output_path: str = ""

    @property
    def for_pull(self) -> bool:
        """Whether the run may be about a pull request that is not merged yet."""
        return self.event in PULL_EVENTS or self.event == "workflow_run"

    @property
    def is_unmerged(self) -> bool:
        """Whether what it runs with may be a pull request's own: a run after one of a branch is that branch's."""
        return self.is_fork or (self.for_pull and not self.after_branch)

    def github(self, token: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> GitHub:
        """The API that the run belongs to; raises what `GitHub` raises."""
        return GitHub(token, clock=clock, api_url=self.api_url, graphql_url=self.graphql_url, transport=transport)


def read(environ: Mapping[str, str]) -> EventContext:
    """The context of this process; a missing or broken event file counts as an empty event."""
    return parse(environ, _event(environ.get("GITHUB_EVENT_PATH", "")))


def parse(environ: Mapping[str, str], event: Mapping[str, Any]) -> EventContext:
    """The context of a run with these variables and this event payload."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    repository = environ.get("GITHUB_REPOSITORY", "")
    sha = environ.get("GITHUB_SHA", "")
    ref = environ.get("GITHUB_REF", "")
    server = environ.get("GITHUB_SERVER_URL", "").rstrip("/") or "https://github.com"
    api = environ.get("GITHUB_API_URL", "").rstrip("/") or "https://api.github.com"
    run_id = _number(environ.get("GITHUB_RUN_ID"))
    head_sha = _head_sha(event) or sha
    workflow = environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2]
    return EventContext(
        event=name,
        repository=repository,
        head_sha=head_sha,
        ref=ref,
        pulls=_pulls(name, event, ref),
        commits=_commits(name, event, sha),
        head_label=_head_label(name, event),
        after_branch=name == "workflow_run" and text_of(event, "workflow_run", "event") in BRANCH_EVENTS,
        is_fork=_is_fork(event, repository),
        actor=environ.get("GITHUB_ACTOR", ""),
        run=(run_id, _number(environ.get("GITHUB_RUN_ATTEMPT"))),
        run_url=f"{server}/{repository}/actions/runs/{run_id}" if repository and run_id else "",
        blob_url=f"{server}/{repository}/blob/{head_sha}" if repository and head_sha else "",
        workflow_url=f"{server}/{repository}/actions/workflows/{workflow}" if repository and workflow else "",
        action=text_of(event, "action"),
        label=text_of(event, "label", "name"),
        sender=text_of(event, "sender", "login"),
        api_url=api,
        graphql_url=environ.get("GITHUB_GRAPHQL_URL", "") or f"{api}/graphql",
        summary_path=environ.get("GITHUB_STEP_SUMMARY", ""),
        output_path=environ.get("GITHUB_OUTPUT", ""),
    )


def _event(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # An unreadable event counts as empty; the run itself does not need it.
        return {}
    return event if isinstance(event, dict) else {}


def _number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0


def _head_sha(event: Mapping[str, Any]) -> str:
    return (
        text_of(event, "pull_request", "head", "sha")
        or text_of(event, "workflow_run", "head_sha")
        or text_of(event, "merge_group", "head_sha")
    )


def _pulls(name: str, event: Mapping[str, Any], ref: str) -> tuple[int, ...]:
    if name in PULL_EVENTS:
        named = [within(event, "pull_request", "number") or within(event, "number")]
    elif name == "workflow_run":
        listed = within(event, "workflow_run", "pull_requests")
        named = [within(pull, "number") for pull in listed] if isinstance(listed, list) else []
    elif name == "merge_group":
        # refs/heads/gh-readonly-queue/main/pr-12-<sha>
        found = _QUEUE_PULL.search(text_of(event, "merge_group", "head_ref") or ref)
        named = [found.group(1)] if found else []
    else:
        named = []
    return tuple(dict.fromkeys(number for value in named if (number := _number(value))))


def _commits(name: str, event: Mapping[str, Any], sha: str) -> tuple[str, ...]:
    if name != "push":
        return ()
    listed = within(event, "commits")
    ids = [text_of(commit, "id") for commit in listed] if isinstance(listed, list) else []
    unique = dict.fromkeys([*filter(None, ids), *([sha] if sha else [])])
    return tuple(unique)[-MAX_COMMITS:]


def _head_label(name: str, event: Mapping[str, Any]) -> str:
    if name != "workflow_run":
        return ""
    owner = text_of(event, "workflow_run", "head_repository", "owner", "login")
    branch = text_of(event, "workflow_run", "head_branch")
    return f"{owner}:{branch}" if owner and branch else ""


def _is_fork(event: Mapping[str, Any], repository: str) -> bool:
    if within(event, "pull_request", "head") is not None:
        # A fork that was deleted meanwhile has no repository.
        head, base = (text_of(event, "pull_request", side, "repo", "full_name") for side in ("head", "base"))
        return head.lower() != (base or repository).lower()
    if within(event, "workflow_run") is not None:
        return text_of(event, "workflow_run", "head_repository", "full_name").lower() != repository.lower()
    return False
