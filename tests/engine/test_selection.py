"""Which apps a run looks at: by name, by pattern, all but some, only those that changed in Git."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dulwich.porcelain import clone

from reconciler.engine import load as loading
from reconciler.engine.load import Desired, RunOptions
from reconciler.errors import UsageError
from tests.support.account import CONFIG, World, web

NAMES = ("api", "shop", "web-admin", "web-shop")


@pytest.fixture
def four(world: World) -> World:
    world.commit(0, *map(web, NAMES))
    return world


def check(world: World, **wanted: Any) -> Desired:
    return loading.check(world.options(**wanted))


def names(world: World, **wanted: Any) -> list[str]:
    return [app.name for app in check(world, **wanted).apps]


@pytest.mark.parametrize(
    ("apps", "exclude", "left"),
    [
        ({"web-*"}, (), ["web-admin", "web-shop"]),
        ({"shop", "web-a*"}, (), ["shop", "web-admin"]),
        ({"[as]*"}, (), ["api", "shop"]),
        ((), {"shop"}, ["api", "web-admin", "web-shop"]),
        ((), {"web-*", "api"}, ["shop"]),
        ({"web-*"}, {"web-shop"}, ["web-admin"]),
        ({"????"}, (), ["shop"]),
    ],
)
def test_apps_are_selected_by_name_and_pattern(four: World, apps: Any, exclude: Any, left: list[str]):
    assert names(four, apps=frozenset(apps), exclude=frozenset(exclude)) == left


@pytest.mark.parametrize("field", ["apps", "exclude"])
@pytest.mark.parametrize("wanted", ["shpo", "wb-*"])
def test_a_name_or_pattern_that_fits_no_app_is_refused(four: World, field: str, wanted: str):
    with pytest.raises(UsageError, match=f"no spec for app {wanted.replace('*', '.')}"):
        check(four, **{field: frozenset({wanted})})


def test_a_run_for_no_app_at_all_is_refused(four: World):
    with pytest.raises(UsageError, match="no app is left"):
        check(four, apps=frozenset({"web-*"}), exclude=frozenset({"web-*"}))


def test_the_command_line_takes_both_more_than_once(monkeypatch, capsys, four: World):
    from reconciler.cli.main import main

    monkeypatch.chdir(four.root)
    assert main(["validate", "--app", "web-*", "--app", "shop", "--exclude", "web-a*"]) == 0
    assert "2 apps checked" in capsys.readouterr().out


# --- only what changed in Git --------------------------------------------------------------------------------------


@pytest.fixture
def branched(four: World) -> World:
    """A branch at the first commit, and a change of one app since."""
    four.repository.repo.refs[b"refs/remotes/origin/main"] = four.repository.repo.head()
    four.commit(1, web("shop", instance_count=2))
    return four


@pytest.mark.parametrize("base", ["origin/main", "refs/remotes/origin/main"])
def test_only_apps_whose_file_changed_since_the_base_are_looked_at(branched: World, base: str):
    desired = check(branched, changed_since=base)
    assert [app.name for app in desired.apps] == ["shop"]
    (notice,) = [one for one in desired.findings if one.code == "only-changed"]
    assert notice.message == f"1 of 4 apps: only those whose files changed since {base}"
    assert desired.known == {*NAMES}, "the others are not without a spec"


def test_a_commit_and_a_tag_are_bases_as_well(branched: World):
    repo = branched.repository.repo
    first = repo.refs[b"refs/remotes/origin/main"]
    repo.refs[b"refs/tags/v1"] = first
    assert names(branched, changed_since=first.decode()) == ["shop"]
    assert names(branched, changed_since="v1") == ["shop"]
    assert names(branched, changed_since="HEAD") == []


def test_what_the_base_alone_changed_since_the_branches_parted_does_not_count(branched: World):
    repo = branched.repository.repo
    ours = repo.head()
    repo.refs[b"refs/heads/main"] = repo.refs[b"refs/remotes/origin/main"]
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/main")
    branched.commit(2, web("shop"), web("api", instance_count=3))
    repo.refs[b"refs/remotes/origin/main"] = repo.head()
    repo.refs[b"refs/heads/main"] = ours
    branched.write(web("shop", instance_count=2), web("api"))
    assert names(branched, changed_since="origin/main") == ["shop"]


def test_a_file_that_is_new_or_not_committed_has_changed(branched: World):
    branched.write(web("brand-new"), web("api", instance_count=3))
    assert names(branched, changed_since="origin/main") == ["api", "brand-new", "shop"]


def test_every_app_of_a_file_that_changed_counts(branched: World):
    branched.commit(2, web("one"), web("two"), file="specs/both.yaml")
    branched.write(web("one", instance_count=2), web("two"), file="specs/both.yaml")
    assert names(branched, changed_since="HEAD") == ["one", "two"]


@pytest.mark.parametrize("file", ["reconcile.yaml", "policies/size.json"])
def test_a_change_of_what_every_app_depends_on_is_one_of_every_app(branched: World, file: str):
    if file == "reconcile.yaml":
        branched.configure({**CONFIG, "guards": {"max_changes": 50}})
    else:
        branched.repository.write(file, '{"type": "object"}')
    desired = check(branched, changed_since="origin/main")
    assert [app.name for app in desired.apps] == [*NAMES]
    (notice,) = [one for one in desired.findings if one.code == "only-changed"]
    assert notice.message.endswith("since origin/main, because a file that every app depends on changed")


def test_a_link_changes_with_what_it_leads_to(branched: World):
    shared = branched.repository.write("shared/linked.yaml", (branched.specs / "api.yaml").read_text())
    (branched.specs / "api.yaml").unlink()
    (branched.specs / "api.yaml").symlink_to(shared)
    branched.commit(2)
    assert names(branched, changed_since="HEAD") == []
    shared.write_text(shared.read_text() + "# changed\n")
    assert names(branched, changed_since="HEAD") == ["api"]


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_BASE_REF": "main"},
        {"GITHUB_BASE_REF": "", "CI_COMMIT_BEFORE_SHA": ""},
        {"CI_COMMIT_BEFORE_SHA": "0" * 40},
    ],
)
def test_the_base_of_a_pipeline_is_in_its_variables(branched: World, environ: dict[str, str]):
    if not environ.get("GITHUB_BASE_REF"):
        first = branched.repository.repo.refs[b"refs/remotes/origin/main"].decode()
        environ = environ | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": first}
    branched.environ.update(environ)
    assert names(branched, changed_since="auto") == ["shop"]


def test_outside_a_pipeline_the_base_has_to_be_named(branched: World):
    branched.environ["CI_COMMIT_BEFORE_SHA"] = "0" * 40
    with pytest.raises(UsageError, match="--only-changed auto needs one of these variables: CI_MERGE") as refused:
        check(branched, changed_since="auto")
    assert "origin/main" in refused.value.hint


def test_a_commit_that_there_is_not_is_no_reason_to_look_at_nothing(branched: World):
    with pytest.raises(UsageError, match=r"cannot compare with nowhere: there is no such commit$"):
        check(branched, changed_since="nowhere")


@pytest.mark.parametrize("since", ["HEAD~1", "HEAD^", "HEAD~", "HEAD^1", "origin/main~0"])
def test_a_commit_may_be_named_by_what_it_precedes(branched: World, since: str):
    assert names(branched, changed_since=since) == ["shop"]


@pytest.mark.parametrize("since", ["HEAD~99", "HEAD^7", "nowhere~1", "~1", "HEAD~1^{tree}"])
def test_no_such_predecessor_is_refused(branched: World, since: str):
    with pytest.raises(UsageError, match="there is no such commit"):
        check(branched, changed_since=since)


def test_in_a_shallow_clone_the_refusal_says_what_to_do(branched: World, tmp_path: Path):
    first = branched.repository.repo.refs[b"refs/remotes/origin/main"].decode()
    clone(str(branched.root), str(tmp_path / "shallow"), depth=1).close()
    options = RunOptions((tmp_path / "shallow/specs",), changed_since=first)
    with pytest.raises(UsageError, match="; the clone is shallow") as refused:
        loading.check(options)
    assert "git fetch --unshallow; actions/checkout with fetch-depth: 0; on GitLab GIT_DEPTH: 0" in refused.value.hint


def test_commits_without_a_common_ancestor_are_not_compared(branched: World):
    repo = branched.repository.repo
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/other")
    other = branched.commit(3, web("api", instance_count=4))
    repo.refs.set_symbolic_ref(b"HEAD", b"refs/heads/master")
    with pytest.raises(UsageError, match="it has no common ancestor with HEAD"):
        check(branched, changed_since=other)


def test_outside_a_repository_there_is_nothing_to_compare(tmp_path: Path):
    (tmp_path / "web.yaml").write_text("name: web\nservices: [{name: api, git: {repo_clone_url: https://a.b/c.git}}]\n")
    with pytest.raises(UsageError, match="needs a Git repository"):
        loading.check(RunOptions((tmp_path / "web.yaml",), changed_since="main"))
