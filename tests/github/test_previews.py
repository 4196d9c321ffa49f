"""Mode `preview`: what each event does, what GitHub shows of it, and that no answer of GitHub ends the wrong thing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse

from reconciler.desired.preview_mark import Mark, PullRequest, name_of
from reconciler.github.api import GitHubError
from reconciler.github.pulls import pull_of
from reconciler.sandbox.simulation.simulation import Platform
from tests.github.test_outputs import read_outputs
from tests.support.fake_github import server_error
from tests.support.previews import COMMIT, IMAGE, NEWER, REPO
from tests.survival.previews import Fate, Pull, Ran, Stage, event_of

NAME = name_of("shop", REPO, 12)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def happens(stage: Stage, action: str, pull: Pull, label: str = "", sender: str = "ada", **inputs: str) -> Ran:
    """GitHub has the pull request so, and runs the workflow."""
    head = "stranger:topic" if pull.fork else "acme:topic"
    stage.fake.add_pull(pull.number, pull.sha, head=head, state="open" if pull.is_open else "closed")
    stage.fake.label(pull.number, *pull.labels)
    event = "pull_request_target" if pull.fork else "pull_request"
    return stage.step(event, event_of(pull, action, label, sender), **inputs)


def comment(stage: Stage) -> str:
    (found,) = stage.fake.comments.values()
    return str(found["body"])


def outputs(ran: Ran) -> dict[str, str]:
    return read_outputs(ran.output)


def own() -> Pull:
    return Pull(12, COMMIT, fork=False)


def fork(*labels: str) -> Pull:
    return Pull(12, COMMIT, fork=True, labels=set(labels))


def test_an_opened_pull_request_gets_a_preview_a_comment_a_deployment_and_a_url(stage: Stage) -> None:
    ran = happens(stage, "opened", own())
    assert ran.code == 0
    assert list(stage.live()) == [NAME]
    found = outputs(ran)
    assert found["url"].startswith("http://")
    assert json.loads(found["previews"])["shop"] == {"name": NAME, "state": "healthy", "url": found["url"]}
    assert stage.fake.active() == {NAME: found["url"]}
    (made,) = stage.fake.deployments.values()
    assert (made["sha"], made["transient_environment"], made["production_environment"]) == (COMMIT, True, False)
    for text in (NAME, found["url"], "$5.00 a month", "differences from"):
        assert text in comment(stage)


def states(stage: Stage) -> list[list[str]]:
    """The states of each deployment on GitHub."""
    return [[status["state"] for status in stage.fake.statuses[number]] for number in stage.fake.deployments]


def test_a_preview_is_in_progress_on_github_before_anything_is_deployed(stage: Stage) -> None:
    at = 0
    stage.fake.add_pull(12, COMMIT, head="acme:topic")
    while not stage.apps():  # the run dies at each of its requests in turn, until it has made the app
        stage.step("pull_request", event_of(own(), "opened"), Fate(at=at, point="after"))
        at += 1
    assert states(stage) == [["in_progress"]]


def test_a_preview_that_fails_is_a_failure_on_github_and_the_next_commit_its_own_deployment(stage: Stage) -> None:
    stage.box.fail(NAME, "deploy")
    happens(stage, "opened", own())
    assert states(stage) == [["in_progress", "failure"]]
    happens(stage, "synchronize", Pull(12, NEWER, fork=False))
    assert states(stage) == [["in_progress", "failure", "inactive"], ["in_progress", "success"]]


@pytest.mark.parametrize("error", [asyncio.CancelledError, ZeroDivisionError])
def test_a_preview_whose_run_is_interrupted_or_breaks_is_not_in_progress_forever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    async def up(*_given: object) -> None:
        raise error

    monkeypatch.setattr("reconciler.github.previews.up", up)
    with pytest.raises(error):
        happens(stage, "opened", own())
    assert states(stage) == [["in_progress", "failure"]]


def test_a_preview_that_is_refused_ends_as_a_failure_on_github() -> None:
    stage = Stage({"max": {"dollars": 1}})
    try:
        assert happens(stage, "opened", own()).code == 7
        assert states(stage) == [["in_progress", "failure"]]
        assert list(stage.live()) == []
    finally:
        stage.close()


def test_github_that_refuses_deployments_stops_no_preview(stage: Stage) -> None:
    stage.fake.tokens["gh-token"].deployments = False
    ran = happens(stage, "opened", own())
    assert (ran.code, list(stage.live()), stage.fake.deployments) == (0, [NAME], {})
    assert any("`deployments: write`" in line for line in ran.log)


def test_a_push_moves_the_deployment_and_the_one_comment_to_the_new_commit(stage: Stage) -> None:
    happens(stage, "opened", own())
    happens(stage, "synchronize", Pull(12, NEWER, fork=False))
    assert list(stage.fake.active()) == [NAME]
    assert NEWER[:7] in comment(stage)
    assert len(stage.fake.deployments) == 2


def test_a_closed_pull_request_ends_its_preview_and_its_deployment(stage: Stage) -> None:
    happens(stage, "opened", own())
    ran = happens(stage, "closed", Pull(12, COMMIT, fork=False, is_open=False))
    assert (ran.code, list(stage.live()), stage.fake.active()) == (0, [], {})
    assert "is gone" in comment(stage)
    assert "the pull request is closed" in comment(stage)


def test_a_run_for_one_app_leaves_the_previews_and_deployments_of_others_alone(stage: Stage) -> None:
    spec = {"name": "blog", "services": [{"name": "web", "image": IMAGE}]}
    stage.repository.write("specs/blog.yaml", json.dumps(spec))
    happens(stage, "opened", own())
    other = name_of("blog", REPO, 12)
    assert sorted(stage.fake.active()) == [other, NAME]
    happens(stage, "synchronize", Pull(12, NEWER, fork=False), app="shop")
    assert sorted(stage.fake.active()) == [other, NAME]
    ran = happens(stage, "closed", Pull(12, NEWER, fork=False, is_open=False), app="shop")
    assert (ran.code, list(stage.live()), list(stage.fake.active())) == (0, [other], [other])


def test_either_name_of_an_app_in_an_environment_chooses_its_preview(stage: Stage) -> None:
    config = {"defaults": {"health": {"soak": "0s"}}, "environments": {"staging": {"rename": "{app}-staging"}}}
    stage.repository.write("reconcile.yaml", json.dumps(config))
    staging = {"app": "shop", "environment": "staging"}
    happens(stage, "opened", own(), **staging)
    assert list(stage.fake.active()) == list(stage.live()) == [name_of("shop-staging", REPO, 12)]
    ran = happens(stage, "closed", Pull(12, COMMIT, fork=False, is_open=False), **staging)
    assert (ran.code, list(stage.live()), list(stage.fake.active())) == (0, [], [])


def test_a_deployment_that_an_earlier_run_left_active_ends_with_the_next_event_or_sweep(stage: Stage) -> None:
    happens(stage, "opened", own())
    stage.fake.refuse("GET", r".*/deployments", server_error(500), times=9)
    happens(stage, "closed", Pull(12, COMMIT, fork=False, is_open=False))
    assert stage.fake.active()
    stage.fake.refusals.clear()
    assert stage.step("schedule", {}).code == 0
    assert stage.fake.active() == {}


def test_a_failure_keeps_its_log_and_gives_no_url(stage: Stage) -> None:
    stage.box.fail(NAME, "deploy")
    ran = happens(stage, "opened", own())
    assert ran.code not in (0, None)
    assert outputs(ran)["url"] == ""
    assert stage.fake.active() == {}
    assert "log of" in comment(stage)
    assert "is failed" in comment(stage)


def test_the_sweep_ends_what_was_missed_and_says_so_where_people_look(stage: Stage) -> None:
    happens(stage, "opened", own())
    stage.fake.pulls[12]["state"] = "closed"
    ran = stage.step("schedule", {})
    assert (ran.code, list(stage.live()), stage.fake.active()) == (0, [], {})
    assert "is gone" in comment(stage)


def test_an_event_of_an_older_commit_leaves_the_preview_to_the_newer_ones_own_run(stage: Stage) -> None:
    stage.fake.add_pull(12, NEWER, head="acme:topic")
    ran = stage.step("pull_request", event_of(own(), "opened"))
    assert (ran.code, list(stage.live())) == (0, [])
    assert any("has a newer commit" in line for line in ran.log)


# --- forks ---


def test_a_fork_has_no_preview_until_somebody_with_write_access_labels_its_commit(stage: Stage) -> None:
    assert happens(stage, "opened", fork()).code == 0
    assert happens(stage, "labeled", fork("preview"), "preview", "bob").code == 0
    assert list(stage.live()) == []
    happens(stage, "labeled", fork("preview"), "preview", "ada")
    assert list(stage.live()) == [NAME]
    happens(stage, "labeled", fork("preview", "docs"), "docs", "bob")
    assert list(stage.live()) == [NAME]
    happens(stage, "synchronize", Pull(12, NEWER, fork=True, labels={"preview"}))
    assert list(stage.live()) == []


def test_a_label_that_is_taken_off_ends_a_forks_preview(stage: Stage) -> None:
    happens(stage, "labeled", fork("preview"), "preview", "ada")
    happens(stage, "unlabeled", fork(), "preview")
    assert list(stage.live()) == []


def test_a_forks_own_run_has_no_secrets_and_does_nothing(stage: Stage) -> None:
    stage.fake.add_pull(12, COMMIT, head="stranger:topic")
    ran = stage.step("pull_request", event_of(fork(), "opened"), token="")
    assert (ran.code, stage.writes) == (0, [])
    assert any("no secrets" in line for line in ran.log)


def test_a_forks_own_files_are_never_read(stage: Stage) -> None:
    sha = stage.repository.commit(0.1)
    ran = happens(stage, "labeled", Pull(12, sha, fork=True, labels={"preview"}), "preview", "ada")
    assert (ran.code, stage.writes) == (64, [])
    assert any("not the fork's" in line for line in ran.log)


def test_a_fork_whose_branch_moved_on_meanwhile_is_taken_down(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    web = {"name": "web", "github": {"repo": REPO, "branch": "main"}}
    stage.repository.write("specs/shop.yaml", json.dumps({"name": "shop", "services": [web]}))
    monkeypatch.setattr(Platform, "_commits", lambda *_, **__: {"web": NEWER})
    ran = happens(stage, "labeled", fork("preview"), "preview", "ada")
    assert (ran.code, list(stage.live()), stage.fake.active()) == (7, [], {})
    assert "only aaaaaaa is allowed" in comment(stage)


# --- what GitHub's answers may not do ---


def _gone(repository: bool) -> Any:
    def prepare(stage: Stage) -> None:
        del stage.fake.pulls[12]
        if not repository:
            stage.fake.refuse("GET", f"/repos/{REPO}", JSONResponse({"message": "Not Found"}, 404), times=9)

    return prepare


def _fails(stage: Stage) -> None:
    stage.fake.refuse("GET", ".*/pulls/12", server_error(500), times=99)


def _is_partial(stage: Stage) -> None:
    del stage.fake.pulls[12]["labels"]


def _is_another(stage: Stage) -> None:
    stage.fake.pulls[12] |= {"number": 13, "state": "closed"}


@pytest.mark.parametrize("spoil", [_gone(repository=False), _fails, _is_partial, _is_another])
def test_an_answer_that_fails_or_is_partial_ends_nothing(stage: Stage, spoil: Any) -> None:
    happens(stage, "opened", own())
    spoil(stage)
    assert stage.step("pull_request", event_of(own(), "closed")).code == 1
    stage.fake.pulls.setdefault(12, {"number": 0})
    assert stage.step("schedule", {}).code == 1, "a sweep that could not judge is no success"
    assert list(stage.live()) == [NAME]


def test_a_pull_request_that_is_gone_ends_its_preview_if_the_repository_is_there(stage: Stage) -> None:
    happens(stage, "opened", own())
    _gone(repository=True)(stage)
    assert stage.step("schedule", {}).code == 0
    assert list(stage.live()) == []


def test_a_pull_request_is_read_whole_or_not_at_all(stage: Stage) -> None:
    stage.fake.add_pull(12, COMMIT)
    whole = stage.fake.pulls[12]
    assert pull_of(whole, REPO, 12) == PullRequest(REPO, 12, "topic", COMMIT)
    for name in ("number", "state", "draft", "labels", "head", "base"):
        with pytest.raises(GitHubError, match="is incomplete"):
            pull_of({key: one for key, one in whole.items() if key != name}, REPO, 12)
    assert not pull_of({**whole, "head": {**whole["head"], "repo": None}}, REPO, 12).is_open  # a fork that is gone


def test_a_copied_mark_makes_no_app_a_preview(stage: Stage) -> None:
    from tests.support.previews import lookalikes

    stage.create(*lookalikes())
    before = set(stage.live())
    happens(stage, "closed", Pull(12, COMMIT, fork=False, is_open=False))
    stage.step("schedule", {})
    assert set(stage.live()) == before
    assert stage.writes == []
    assert Mark("shop", REPO, 12, COMMIT).name not in before


def test_an_image_is_the_one_that_the_workflow_built(stage: Stage) -> None:
    happens(stage, "opened", own(), image="web=pr-12")
    assert stage.live()[NAME].spec["services"][0]["image"]["tag"] == "pr-12"
    assert happens(stage, "synchronize", own(), image="web").code == 64
