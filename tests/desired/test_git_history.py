"""The Git history of spec files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.desired.git_history import History
from tests.support.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def opened(path: Path) -> History:
    history = History.open(path)
    assert history is not None
    return history


def test_a_folder_outside_of_any_repository_has_no_history(tmp_path: Path) -> None:
    assert History.open(tmp_path) is None
    assert History.open(tmp_path / "missing" / "web.yaml") is None


def test_a_repository_without_commits_has_no_revisions_and_says_why(repository: Repository) -> None:
    file = repository.write("specs/web.yaml", "name: web\n")
    with opened(file) as history:
        assert history.head == ""
        assert history.histories([file])[0].revisions == ()
        assert history.histories([file])[0].gap == "the repository has no commits yet"
        assert history.removed_specs(file.parent, ()).gap == "the repository has no commits yet"


def test_revisions_are_those_of_the_file_alone_newest_first(repository: Repository) -> None:
    file = repository.write("specs/web.yaml", "name: web\n")
    first = repository.commit(0)
    repository.write("specs/api.yaml", "name: api\n")
    repository.commit(1)
    repository.write("specs/web.yaml", "name: web\nregion: fra\n")
    third = repository.commit(2, author="Grace Hopper <grace@example.com>")
    with opened(file) as history:
        told = history.histories([file])[0]
    assert told.gap == ""
    assert [revision.commit for revision in told.revisions] == [third, first]
    assert [revision.text for revision in told.revisions] == ["name: web\nregion: fra\n", "name: web\n"]
    assert told.revisions[0].author == "Grace Hopper"
    assert told.revisions[0].when == datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def test_a_file_that_was_removed_and_came_back_shows_both(repository: Repository) -> None:
    file = repository.write("web.yaml", "name: web\n")
    repository.write("README", "text\n")
    repository.commit(0)
    file.unlink()
    repository.commit(1)
    repository.write("web.yaml", "name: web\n")
    repository.commit(2)
    with opened(file) as history:
        texts = [revision.text for revision in history.histories([file])[0].revisions]
    assert texts == ["name: web\n", None, "name: web\n"]


def test_a_merge_brings_the_versions_of_both_sides(repository: Repository) -> None:
    file = repository.write("web.yaml", "v: 0\n")
    base = repository.commit(0)
    repository.write("web.yaml", "v: 1\n")
    side = repository.commit(1)
    repository.repo.refs[b"refs/heads/side"] = side.encode()
    repository.repo.refs[repository.repo.refs.follow(b"HEAD")[0][-1]] = base.encode()
    repository.write("web.yaml", "v: 2\n")
    repository.commit(2)
    repository.write("web.yaml", "v: 1\n")
    merged = repository.repo.get_worktree()
    merged.stage(["web.yaml"])
    merged.commit(
        message=b"merge",
        author=b"Ada <a@b>",
        committer=b"Ada <a@b>",
        commit_timestamp=1772625600 + 86400,
        merge_heads=[side.encode()],
    )
    with opened(file) as history:
        texts = [revision.text for revision in history.histories([file])[0].revisions]
    # The merge took the side's version, so it brought nothing of its own.
    assert texts == ["v: 2\n", "v: 1\n", "v: 0\n"]


def test_no_more_commits_are_read_than_asked_for_and_the_gap_is_told(repository: Repository) -> None:
    for day in range(5):
        file = repository.write("web.yaml", f"day: {day}\n")
        repository.commit(day)
    with opened(file) as history:
        told = history.histories([file], limit=2)[0]
        assert [revision.text for revision in told.revisions] == ["day: 4\n", "day: 3\n"]
        assert told.gap == "only the newest commits were read (2)"
        assert history.histories([file], limit=5)[0].gap == ""


def test_a_shallow_clone_says_so(repository: Repository) -> None:
    file = repository.write("web.yaml", "v: 0\n")
    repository.commit(0)
    repository.write("web.yaml", "v: 1\n")
    boundary = repository.commit(1)
    repository.write("web.yaml", "v: 2\n")
    repository.commit(2)
    repository.make_shallow(boundary)
    with opened(file) as history:
        told = history.histories([file])[0]
    assert [revision.text for revision in told.revisions] == ["v: 2\n", "v: 1\n"]
    assert "shallow" in told.gap


def test_a_detached_head_is_read_like_any_other(repository: Repository) -> None:
    file = repository.write("web.yaml", "v: 0\n")
    first = repository.commit(0)
    repository.write("web.yaml", "v: 1\n")
    repository.commit(1)
    (repository.root / ".git" / "HEAD").write_text(first + "\n")
    with opened(file) as history:
        assert history.head == first
        assert [revision.text for revision in history.histories([file])[0].revisions] == ["v: 0\n"]


def test_a_worktree_shares_the_history(repository: Repository, tmp_path: Path) -> None:
    repository.write("web.yaml", "v: 0\n")
    first = repository.commit(0)
    own = repository.root / ".git" / "worktrees" / "other"
    own.mkdir(parents=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text(first + "\n")
    (own / "commondir").write_text("../..\n")
    (own / "gitdir").write_text(f"{other / '.git'}\n")
    with opened(other / "web.yaml") as history:
        assert [revision.text for revision in history.histories([other / "web.yaml"])[0].revisions] == ["v: 0\n"]


def test_missing_objects_are_a_gap_and_no_crash(repository: Repository) -> None:
    file = repository.write("web.yaml", "v: 0\n")
    repository.commit(0)
    blob = repository.repo[repository.repo.head()].tree
    name = repository.repo[blob][b"web.yaml"][1].decode()
    (repository.root / ".git" / "objects" / name[:2] / name[2:]).unlink()
    with opened(file) as history:
        assert "missing" in history.histories([file])[0].gap
        assert "missing" in history.removed_specs(repository.root, ()).gap


def test_specs_that_are_gone_are_told_with_the_last_commit_that_had_them(repository: Repository) -> None:
    repository.write("specs/web.yaml", "name: web\n")
    repository.write("specs/old.yaml", "name: old\n")
    repository.write("other/away.yaml", "name: away\n")
    repository.commit(0)
    repository.write("specs/old.yaml", "spec:\n  name: old\n  region: fra\n")
    last = repository.commit(1)
    (repository.root / "specs/old.yaml").unlink()
    repository.commit(2)
    with opened(repository.root) as history:
        told = history.removed_specs(repository.root / "specs", {"web"})
    assert told.gap == ""
    (gone,) = told.specs
    assert (gone.name, gone.last.commit, gone.last.file) == ("old", last, "specs/old.yaml")
    assert [version.spec for version in gone.versions] == [{"name": "old", "region": "fra"}, {"name": "old"}]


def test_a_spec_that_moved_to_another_file_or_left_a_file_of_several_is_told_rightly(repository: Repository) -> None:
    repository.write("specs/both.yaml", "name: web\n---\nname: api\n")
    repository.commit(0)
    repository.write("specs/both.yaml", "name: web\n")
    repository.commit(1)
    (repository.root / "specs/both.yaml").rename(repository.root / "specs/web.yaml")
    repository.commit(2)
    with opened(repository.root) as history:
        assert [gone.name for gone in history.removed_specs(repository.root / "specs", {"web"}).specs] == ["api"]


def test_texts_that_were_never_specs_are_passed_over(repository: Repository) -> None:
    repository.write("specs/broken.yaml", "name: [unclosed\n")
    repository.write("specs/list.yaml", "- 1\n")
    repository.write("specs/notes.txt", "name: notes\n")
    repository.commit(0)
    (repository.root / "specs" / "broken.yaml").unlink()
    with opened(repository.root) as history:
        assert history.removed_specs(repository.root / "specs", ()).specs == ()


def test_a_file_that_git_never_saw_has_no_revisions(repository: Repository, tmp_path: Path) -> None:
    repository.write("web.yaml", "name: web\n")
    repository.commit(0)
    new = repository.write("new.yaml", "name: new\n")
    with opened(repository.root) as history:
        assert history.histories([new])[0].revisions == ()
        assert history.histories([new])[0].gap == ""
        assert "outside" in history.histories([tmp_path / "elsewhere.yaml"])[0].gap
