"""`reconcile preview` as people type it: what GitHub is asked, what is refused, what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.cli import preview as command
from reconciler.cli.main import main
from reconciler.clock import SystemClock
from reconciler.desired.preview_mark import name_of
from reconciler.github.api import GitHub
from tests.support.fake_github import FakeGitHub
from tests.support.previews import COMMIT, NEWER, REPO
from tests.support.warp import warp

SPEC = "name: shop\nservices:\n  - {name: web, github: {repo: acme/shop, branch: main}}\n"
NAME = name_of("shop", REPO, 12)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """A folder with a spec, and the fake in the place of GitHub."""
    monkeypatch.chdir(tmp_path)
    warp(monkeypatch)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC)
    (tmp_path / "reconcile.yaml").write_text("defaults: {health: {soak: 1s}}\n")
    monkeypatch.setenv("GITHUB_REPOSITORY", REPO)
    fake = FakeGitHub()
    fake.add_pull(12, COMMIT)

    def github(_options: object, _otherwise: str = "") -> GitHub:
        return GitHub("gh-token", clock=SystemClock(), api_url="https://api.github.example", transport=fake.transport())

    monkeypatch.setattr(command, "_github", github)
    return fake


def run(*words: str) -> int:
    return main(["preview", *words, "--sandbox"])


def test_github_is_asked_for_what_the_flags_leave_out(fake: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up", "--pull", "12", "--format", "json") == 0
    (one,) = json.loads(capsys.readouterr().out)["previews"]
    assert (one["name"], one["commit"], one["state"]) == (NAME, COMMIT, "healthy")
    assert {"path": "services/web", "text": "branch topic"} in one["differences"]


def test_a_sweep_ends_what_is_closed_and_says_why(fake: FakeGitHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up", "--pull", "12") == 0
    assert run("sweep") == 0
    fake.pulls[12]["state"] = "closed"
    capsys.readouterr()
    assert run("sweep", "--format", "markdown") == 0
    shown = capsys.readouterr().out
    assert f"**`{NAME}`** is gone" in shown
    assert "the pull request is closed" in shown
    assert run("list") == 0
    assert capsys.readouterr().out == "there are no previews\n"


def test_importing_every_app_leaves_previews_out_and_importing_one_by_name_does_not(
    fake: FakeGitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("up", "--pull", "12") == 0
    capsys.readouterr()
    assert main(["import", "--all", "--sandbox", "--alerts"]) == 0
    assert capsys.readouterr().out == f"{NAME}: not imported, as it is a preview\n"
    assert [path.name for path in (tmp_path / "specs").iterdir()] == ["shop.yaml"]
    assert main(["import", NAME, "--sandbox"]) == 0
    assert (tmp_path / f"specs/{NAME}.yaml").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("up", "--pull", "12", "--commit", NEWER), "is not the head of #12"),
        (("up", "--pull", "12", "--image", "web"), "--image takes COMPONENT=TAG"),
        (("list", "--format", "sarif"), "--format sarif is not available for preview"),
        (("list", "--repository", ""), "the repository is not known"),
    ],
)
def test_what_makes_no_sense_is_refused(
    fake: FakeGitHub, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    assert run(*words) == 64
    assert problem in capsys.readouterr().err


def test_a_pull_request_that_may_have_no_preview_gets_none(
    fake: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.add_pull(12, COMMIT, head="stranger:topic")
    assert run("up", "--pull", "12") == 64
    assert "no preview of #12: the pull request is from a fork" in capsys.readouterr().err
    fake.pulls[12]["state"] = "closed"
    assert run("up", "--pull", "12") == 64
    assert "no preview of #12: the pull request is closed" in capsys.readouterr().err


def test_without_a_token_github_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert run("up", "--pull", "12", "--repository", REPO) == 64
    assert "GITHUB_TOKEN is not set\n  set it, or give --branch and --commit" in capsys.readouterr().err
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC)
    assert run("sweep", "--repository", REPO) == 64
    assert "--branch" not in capsys.readouterr().err, "a sweep has no such flag"


def test_the_flag_preview_still_leads_to_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preview"]) == 64
    assert "did you mean reconcile plan?" in capsys.readouterr().err
