from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.github.context import MAX_COMMITS, parse, read
from tests.github.world import NEW, OLD, REPO, pull_event

BASE = {
    "GITHUB_REPOSITORY": REPO,
    "GITHUB_SHA": OLD,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_ACTOR": "ada",
}


def env(event: str, **more: str) -> dict[str, str]:
    return BASE | {"GITHUB_EVENT_NAME": event} | more


def test_a_pull_request_of_the_repository_speaks_of_its_head_not_of_the_merge_commit() -> None:
    context = parse(env("pull_request"), pull_event(sha=NEW))
    assert (context.head_sha, context.pulls, context.is_fork) == (NEW, (7,), False)
    assert context.for_pull


def test_a_pull_request_of_a_fork_is_one_also_when_the_fork_is_gone() -> None:
    assert parse(env("pull_request"), pull_event(head="stranger/shop")).is_fork
    event = pull_event()
    event["pull_request"]["head"]["repo"] = None
    assert parse(env("pull_request"), event).is_fork


def test_a_fork_is_told_by_its_name_in_any_case_of_letters() -> None:
    assert not parse(env("pull_request"), pull_event(head="Acme/Shop")).is_fork


def test_a_push_names_its_commits_oldest_first_and_not_too_many() -> None:
    event = {"commits": [{"id": f"{number:040d}"} for number in range(50)]}
    context = parse(env("push"), event)
    assert len(context.commits) == MAX_COMMITS
    assert context.commits[-1] == OLD
    assert not context.for_pull


@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_a_schedule_or_a_dispatch_concerns_no_pull_request(event: str) -> None:
    context = parse(env(event), {"schedule": "0 * * * *", "inputs": None})
    assert (context.pulls, context.commits, context.is_fork, context.head_sha) == ((), (), False, OLD)


def test_a_merge_group_knows_the_pull_request_of_its_branch() -> None:
    head_ref = f"refs/heads/gh-readonly-queue/main/pr-12-{OLD}"
    context = parse(env("merge_group"), {"merge_group": {"head_sha": NEW, "head_ref": head_ref}})
    assert (context.pulls, context.head_sha) == ((12,), NEW)


def test_a_workflow_run_of_a_fork_is_found_by_its_branch() -> None:
    run = {
        "head_sha": NEW,
        "head_branch": "topic",
        "head_repository": {"full_name": "stranger/shop", "owner": {"login": "stranger"}},
        "pull_requests": [],
    }
    context = parse(env("workflow_run"), {"workflow_run": run})
    assert (context.is_fork, context.head_label, context.head_sha) == (True, "stranger:topic", NEW)


@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch", "pull_request", "pull_request_target", ""])
@pytest.mark.parametrize("source", [REPO, "stranger/shop"])
def test_a_workflow_run_is_the_branch_s_only_after_a_run_of_a_branch_of_this_repository(
    event: str, source: str
) -> None:
    run = {"event": event, "head_sha": NEW, "head_branch": "main", "head_repository": {"full_name": source}}
    context = parse(env("workflow_run"), {"workflow_run": run})
    assert context.for_pull
    assert context.is_unmerged is (source != REPO or event not in ("push", "schedule", "workflow_dispatch"))


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_request_is_unmerged_whatever_else_its_event_contains(event: str) -> None:
    assert parse(env(event), pull_event() | {"workflow_run": {"event": "push"}}).is_unmerged


def test_the_run_is_linked_and_ordered() -> None:
    context = parse(env("push", GITHUB_SERVER_URL="https://ghe.example/"), {})
    assert context.run_url == f"https://ghe.example/{REPO}/actions/runs/4711"
    assert context.run == (4711, 2)


def test_an_enterprise_server_has_its_own_addresses() -> None:
    context = parse(env("push", GITHUB_API_URL="https://ghe.example/api/v3"), {})
    assert context.graphql_url == "https://ghe.example/api/v3/graphql"
    urls = env(
        "push", GITHUB_API_URL="https://ghe.example/api/v3", GITHUB_GRAPHQL_URL="https://ghe.example/api/graphql"
    )
    assert parse(urls, {}).graphql_url == "https://ghe.example/api/graphql"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"'])
def test_a_broken_event_file_is_an_empty_event(tmp_path: Path, content: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    assert read(env("pull_request", GITHUB_EVENT_PATH=str(file))).pulls == ()


def test_the_event_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(pull_event()))
    assert read(env("pull_request", GITHUB_EVENT_PATH=str(file))).pulls == (7,)
    assert read(env("pull_request", GITHUB_EVENT_PATH=str(tmp_path / "none"))).pulls == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "pull_request",
                    "number",
                    "head",
                    "repo",
                    "sha",
                    "full_name",
                    "commits",
                    "id",
                    "workflow_run",
                    "merge_group",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["pull_request", "push", "workflow_run", "merge_group", "schedule", ""]),
    st.dictionaries(st.sampled_from(["pull_request", "number", "commits", "workflow_run", "merge_group"]), JSON),
)
def test_no_payload_breaks_the_context(name: str, event: dict[str, object]) -> None:
    context = parse({"GITHUB_EVENT_NAME": name}, event)
    assert all(isinstance(number, int) for number in context.pulls)


def test_files_are_linked_at_the_head_and_the_workflow_where_it_is_run_by_hand() -> None:
    workflow = f"{REPO}/.github/workflows/merge.yml@refs/heads/main"
    context = parse(env("pull_request", GITHUB_WORKFLOW_REF=workflow), pull_event(sha=NEW))
    assert context.blob_url == f"https://github.com/{REPO}/blob/{NEW}"
    assert context.workflow_url == f"https://github.com/{REPO}/actions/workflows/merge.yml"
    nowhere = parse({}, {})
    assert (nowhere.blob_url, nowhere.workflow_url) == ("", "")
