"""Which removed specs count: in an environment that renames its apps, with chosen apps only, since a commit."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import PlanMismatch, UsageError
from reconciler.plan.model import Action
from tests.support.account import CONFIG, World, web

ALLOWED = frozenset({"delete=old-staging", "delete=old"})


def deleted(world: World, **options: Any) -> list[str]:
    plans = world.plan(prune=True, allow=ALLOWED, **options).plans
    return [plan.app for plan in plans if plan.action is Action.DELETE]


@pytest.fixture
def staging(world: World) -> World:
    """Two apps are live in an environment that renames them; the spec of ``old`` was committed and removed."""
    world.configure({**CONFIG, "environments": {"staging": {"rename": "{app}-staging"}}})
    world.commit(0, web("old"), web("web"))
    world.apply(environment="staging")
    (world.specs / "old.yaml").unlink()
    world.commit(1)
    world.at(2)
    return world


def test_a_renamed_app_whose_spec_was_removed_is_deleted(staging: World):
    assert deleted(staging, environment="staging") == ["old-staging"]
    assert staging.outcome("old-staging", environment="staging", prune=True, allow=ALLOWED) == "deleted"
    assert staging.names() == ["web-staging"]


@pytest.mark.parametrize("name", ["old", "old-staging"])
def test_a_spec_in_another_folder_keeps_its_renamed_app_under_either_name(staging: World, name: str):
    staging.write(web(name), file="elsewhere/old.yaml")
    assert deleted(staging, environment="staging") == []
    staging.commit(3)
    (staging.root / "elsewhere" / "old.yaml").unlink()
    assert deleted(staging, environment="staging") == [], "the last commit still has it"
    staging.commit(4)
    assert deleted(staging, environment="staging") == ["old-staging"]


@pytest.mark.parametrize("name", ["old", "old-staging"])
@pytest.mark.parametrize("raw", [b"a: [\nname: NAME\n", b"name: NAME # \xe9\n"], ids=["invalid YAML", "not UTF-8"])
def test_a_file_that_cannot_be_read_keeps_the_renamed_app_that_it_mentions(staging: World, name: str, raw: bytes):
    (staging.root / "elsewhere.yaml").write_bytes(raw.replace(b"NAME", name.encode()))
    assert deleted(staging, environment="staging") == []
    findings = staging.plan(prune=True, environment="staging").findings
    assert [str(finding.location) for finding in findings if finding.code == "not-pruned"] == ["elsewhere.yaml"]


@pytest.mark.parametrize("chosen", ["old", "old-staging", "o*", "old-*"])
def test_a_removed_app_is_chosen_and_excluded_by_either_name(staging: World, chosen: str):
    assert deleted(staging, environment="staging", apps=frozenset({chosen})) == ["old-staging"]
    assert deleted(staging, environment="staging", exclude=frozenset({chosen})) == []


@pytest.mark.parametrize("field", ["apps", "exclude"])
@pytest.mark.parametrize("environment", ["staging", ""])
def test_a_name_that_no_spec_has_or_had_is_refused_when_pruning_too(staging: World, field: str, environment: str):
    if not environment:
        staging.configure(CONFIG)
    with pytest.raises(UsageError, match="no spec for app odl"):
        staging.plan(prune=True, environment=environment, **{field: frozenset({"odl"})})


def test_pruning_no_app_at_all_is_refused(staging: World):
    with pytest.raises(UsageError, match="no app is left"):
        staging.plan(prune=True, environment="staging", exclude=frozenset({"*"}))


# --- since a commit ---


@pytest.fixture
def pruned(world: World) -> World:
    world.commit(0, web("old"), web("web"))
    world.apply()
    world.commit(1, web("web"), file="specs/old.yaml")
    (world.specs / "web.yaml").unlink()
    world.commit(2, web("api"))
    world.at(3)
    return world


def test_only_apps_whose_spec_was_removed_since_the_commit_are_deleted(pruned: World):
    assert deleted(pruned) == ["old"]
    assert deleted(pruned, changed_since="HEAD") == []
    assert deleted(pruned, changed_since="HEAD~1") == [], "its file has another app since"
    assert deleted(pruned, changed_since="HEAD~2") == ["old"]


def test_the_commit_of_a_pipeline_counts_as_well(pruned: World):
    pruned.environ["CI_COMMIT_BEFORE_SHA"] = pruned.repository.repo.head().decode()
    assert deleted(pruned, changed_since="auto") == []


def test_a_commit_that_does_not_exist_prunes_nothing(pruned: World):
    (pruned.specs / "old.yaml").unlink()
    (pruned.specs / "api.yaml").unlink()
    pruned.commit(3)
    with pytest.raises(UsageError, match="cannot compare with nowhere"):
        deleted(pruned, changed_since="nowhere")


# --- what may hold a spec ---


def test_a_spec_file_counts_however_its_suffix_is_written(pruned: World):
    pruned.write(web("old"), file="elsewhere/old.YAML")
    assert deleted(pruned) == []
    pruned.commit(3)
    (pruned.root / "elsewhere" / "old.YAML").unlink()
    assert deleted(pruned) == [], "the last commit still has it"


@pytest.mark.parametrize(("name", "kept"), [("${APP}", True), ("o${REST}", True), ("${APP}-web", False)])
def test_an_app_whose_name_another_folder_s_variable_gives_may_be_the_removed_one(pruned: World, name: str, kept: bool):
    pruned.write(web(name), file="tenants/app.yaml")
    report = pruned.plan(prune=True, allow=ALLOWED)
    assert [plan.app for plan in report.plans if plan.action is Action.DELETE] == ([] if kept else ["old"])
    found = [str(finding.location) for finding in report.findings if finding.code == "not-pruned"]
    assert found == (["tenants/app.yaml"] if kept else [])


def test_a_file_of_another_tool_with_a_variable_for_its_name_keeps_nothing(pruned: World):
    pruned.repository.write("compose.yaml", "name: ${PROJECT}\nservices:\n  web: {image: nginx}\n")
    assert deleted(pruned) == ["old"]


def modules(world: World, *paths: str) -> None:
    text = "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = ../{path}\n' for path in paths)
    world.repository.write(".gitmodules", text)


def test_a_submodule_that_is_not_checked_out_may_have_the_spec(pruned: World):
    modules(pruned, "here", "team/specs")
    pruned.repository.write("here/.git", "gitdir: ../.git/modules/here\n")
    (pruned.root / "team/specs").mkdir(parents=True)
    report = pruned.plan(prune=True, allow=ALLOWED)
    assert [plan.app for plan in report.plans if plan.app == "old"] == []
    (finding,) = (finding for finding in report.findings if finding.code == "not-pruned")
    assert "the submodule team/specs is not checked out and may have it" in finding.message
    assert finding.hint.startswith("check it out: git submodule update --init")
    pruned.repository.write("team/specs/.git", "gitdir: ../../.git/modules/team\n")
    assert deleted(pruned) == ["old"]


@pytest.mark.parametrize("path", ["/nowhere", "../outside"])
def test_a_submodule_outside_the_repository_may_have_it_too(pruned: World, path: str):
    modules(pruned, path)
    assert deleted(pruned) == []


def test_submodules_that_cannot_be_read_prune_nothing(pruned: World):
    pruned.repository.write(".gitmodules", "[submodule\n")
    with pytest.raises(PlanMismatch, match="so it deletes nothing"):
        deleted(pruned)
    assert pruned.plan().plans
