"""Who made live differ from Git: a story with a real repository of several commits, and the deployments of an app."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.desired.git_history import FileHistory, History, plain_specs
from reconciler.live.models import Deployment
from reconciler.plan.align import align
from reconciler.plan.attribution import SpecHistory, attribute, spec_history
from reconciler.plan.canonical import canonical, identity_path
from reconciler.plan.diff import diff
from reconciler.plan.model import AppAttribution
from tests.support.repository import Repository

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = START + timedelta(days=10)
TAG = ("services", "api", "image", "tag")
LEVEL = ("services", "api", "envs", "LOG_LEVEL", "value")


def spec(tag: str = "1.0", level: str = "info", **service: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "region": "fra",
        "services": [
            {
                "name": "api",
                "image": {"registry_type": "DOCR", "repository": "api", "tag": tag},
                "envs": [{"key": "LOG_LEVEL", "value": level}],
                **service,
            }
        ],
    }


class Story:
    """Commits of specs/web.yaml, and deployments, by day."""

    def __init__(self, root: Path) -> None:
        self.repository = Repository(root / "repo")
        self.file = self.repository.root / "specs" / "web.yaml"
        self.deployments: list[Deployment] = []
        self.git: dict[str, Any] = {}

    def write(self, what: dict[str, Any]) -> None:
        self.git = what
        self.repository.write("specs/web.yaml", "# the shop\n" + yaml.safe_dump(what))

    def commit(self, day: float, what: dict[str, Any], author: str = "Ada Byron") -> str:
        self.write(what)
        return self.repository.commit(day, author=f"{author} <author@example.com>")

    def deploy(self, day: float, what: dict[str, Any], user: str = "bot@example.com", **details: Any) -> str:
        number = len(self.deployments) + 1
        details.setdefault("digitalocean_user_action", {"name": "UPDATE_SPEC", "user": {"email": user}})
        self.deployments.insert(
            0,
            Deployment.model_validate(
                {
                    "id": f"deployment-{number}",
                    "spec": what,
                    "phase": "ACTIVE",
                    "created_at": (START + timedelta(days=day)).isoformat(),
                    "cause_details": {"type": "MANUAL", **details},
                    "previous_deployment_id": f"deployment-{number - 1}" if number > 1 else "",
                }
            ),
        )
        return f"deployment-{number}"

    def apply(self, day: float, what: dict[str, Any]) -> str:
        """Commit, and deploy a little later."""
        commit = self.commit(day, what)
        self.deploy(day + 0.01, what)
        return commit

    def history(self) -> FileHistory:
        with History.open(self.file) or pytest.fail("no repository") as history:
            return history.histories([self.file])[0]

    def told(self, *, live: dict[str, Any] | None = None, **more: Any) -> AppAttribution:
        live = live or self.deployments[0].spec
        known = more.pop("history", None) or spec_history(self.history(), {"web"})
        aligned = align(canonical(self.git), canonical(live))
        changes = diff(aligned.live, aligned.desired)
        assert changes
        return attribute("web", changes, (self.git, live), known, self.deployments, now=NOW, **more)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_git_is_ahead_when_live_is_what_an_earlier_commit_had(story: Story) -> None:
    first = story.apply(0, spec("1.0"))
    story.commit(3, spec("1.0", http_port=9000), author="Somebody Else")
    story.deploy(3.1, spec("1.0", http_port=9000))
    moved = story.commit(7, spec("1.1", http_port=9000), author="Grace Hopper")
    story.commit(8, {**spec("1.1", http_port=9000), "disable_edge_cache": True})
    story.deploy(8.1, {**spec("1.0", http_port=9000), "disable_edge_cache": True})
    told = story.told()
    (change,) = told.changes
    assert told.kind == change.kind == "git_ahead"
    assert change.path == TAG
    assert (change.commit, change.author) == (moved, "Grace Hopper")
    assert change.when == START + timedelta(days=7)
    assert change.deployment_id == "deployment-1"
    assert change.text.startswith(f"Git is ahead since {moved[:7]} (Grace Hopper, 3 d ago)")
    assert first not in change.text


def test_a_value_that_never_stood_in_git_was_changed_live_and_the_user_is_named(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.apply(1, spec("1.1"))
    edit = story.deploy(4, spec("1.1", "debug"), user="mallory@example.com")
    story.deploy(5, spec("1.1", "debug"), user="bot@example.com")
    told = story.told()
    (change,) = told.changes
    assert told.kind == change.kind == "live_edit"
    assert change.path == LEVEL
    assert (change.deployment_id, change.user) == (edit, "mallory@example.com")
    assert change.when == START + timedelta(days=4)
    assert change.text == f"changed live by deployment {edit}, 6 d ago, by mallory@example.com"
    assert told.text == "changed live by mallory@example.com: apply would undo it"


def test_git_ahead_here_and_edited_live_there_is_both_and_each_change_has_its_own_answer(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.deploy(4, spec("1.0", "debug"), user="mallory@example.com")
    moved = story.commit(6, spec("1.1"))
    told = story.told()
    assert told.kind == "both"
    assert {change.path: change.kind for change in told.changes} == {TAG: "git_ahead", LEVEL: "live_edit"}
    assert {change.path: change.commit for change in told.changes} == {TAG: moved, LEVEL: ""}


def test_one_value_that_was_edited_live_and_has_moved_in_git_too_is_both(story: Story) -> None:
    story.apply(0, spec("1.0"))
    edit = story.deploy(4, spec("hotfix"), user="mallory@example.com")
    moved = story.commit(6, spec("1.1"))
    (change,) = story.told().changes
    assert change.kind == "both"
    assert (change.commit, change.deployment_id, change.user) == (moved, edit, "mallory@example.com")


def test_a_commit_that_was_never_applied_before_the_live_edit_is_both(story: Story) -> None:
    story.apply(0, spec("1.0"))
    moved = story.commit(2, spec("1.1"))
    story.deploy(4, spec("hotfix"))
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("both", moved)


def test_two_live_edits_in_a_row_do_not_make_git_move(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.apply(1, spec("1.1"))
    story.deploy(4, spec("hotfix"))
    edit = story.deploy(5, spec("hotfix-2"), user="mallory@example.com")
    (change,) = story.told().changes
    assert (change.kind, change.deployment_id, change.user) == ("live_edit", edit, "mallory@example.com")


def test_an_older_value_that_came_back_after_it_was_replaced_live_is_no_git_ahead(story: Story) -> None:
    story.apply(0, spec("1.0"))
    moved = story.apply(2, spec("1.1"))
    back = story.deploy(3, spec("1.0"), user="mallory@example.com", type="MANUAL_ROLLBACK")
    (change,) = story.told().changes
    assert change.kind == "live_edit"
    assert change.deployment_id == back
    assert change.text.startswith(f"restored to what Git had before {moved[:7]} by rollback deployment {back}")


def test_c49_the_platforms_own_rollback_is_nobodys_edit(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.apply(2, spec("1.1"))
    theirs = story.deploy(3, spec("1.0"), user="", type="AUTO_ROLLBACK", digitalocean_user_action=None)
    found = story.told()
    assert found.text == "the platform rolled back by itself: apply would undo it"
    assert [change.deployment_id for change in found.changes] == [theirs]


def test_an_older_value_is_git_ahead_where_the_one_that_replaced_it_was_never_live(story: Story) -> None:
    story.commit(0, spec("1.0"))
    moved = story.commit(2, spec("1.1"))
    story.deploy(3, spec("hotfix"))
    story.deploy(4, spec("1.0"))
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("git_ahead", moved)


def test_git_that_went_back_to_an_older_value_is_ahead(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.apply(2, spec("1.1"))
    back = story.commit(5, spec("1.0"))
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("git_ahead", back)


def test_a_change_that_is_not_committed_yet_is_git_ahead_without_a_commit(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.write(spec("1.1"))
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("git_ahead", "")
    assert "not committed yet" in change.text


def test_a_shallow_clone_says_unknown_for_what_may_stand_in_the_commits_it_lacks(story: Story) -> None:
    story.apply(0, spec("1.0"))
    boundary = story.commit(3, spec("1.1"))
    story.repository.make_shallow(boundary)
    told = story.told()
    (change,) = told.changes
    assert told.kind == change.kind == "unknown"
    assert change.text.startswith("unknown: the clone is shallow")
    assert "deployment-1" in change.text
    assert change.commit == ""


def test_a_shallow_clone_that_has_the_commit_needs_no_guess(story: Story) -> None:
    story.apply(0, spec("0.9"))
    boundary = story.apply(3, spec("1.0"))
    moved = story.commit(5, spec("1.1"))
    story.repository.make_shallow(boundary)
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("git_ahead", moved)


def test_a_history_that_is_too_short_says_unknown(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.commit(3, spec("1.1"))
    story.commit(4, spec("1.2"))
    with History.open(story.file) or pytest.fail("no repository") as history:
        short = spec_history(history.histories([story.file], limit=1)[0], {"web"})
    reason = "only the newest commits were read (1); live since deployment deployment-1, 9 d ago"
    assert story.told(history=short).text == f"origin unknown: {reason}, by bot@example.com"


def test_a_spec_outside_of_git_says_unknown(story: Story) -> None:
    story.write(spec("1.1"))
    story.deploy(0, spec("1.0"))
    told = story.told(history=SpecHistory())
    assert told.changes[0].text.startswith("unknown: the spec file is not in Git")


def test_a_value_that_a_variable_brings_is_unknown(story: Story) -> None:
    story.apply(0, spec("${IMAGE_TAG}"))
    story.deploy(2, spec("1.0"))
    story.git = spec("1.1")
    (change,) = story.told(variables=[TAG]).changes
    assert change.kind == "unknown"
    assert "a variable supplies Git's value" in change.text


def test_an_item_of_a_list_that_no_schema_knows_counts_with_its_whole_field(story: Story) -> None:
    """Its number is another in each comparison: what is second here is third there."""
    story.apply(0, {**spec(), "brand_new": [1, 2, 7]})
    edit = story.deploy(4, {**spec(), "brand_new": [1, 2]}, user="mallory@example.com")
    story.git = {**spec(), "brand_new": [1, 5, 2, 7]}
    told = story.told().changes
    assert [(change.path, change.kind, change.deployment_id) for change in told] == [
        (("brand_new", "1"), "both", edit),
        (("brand_new", "3"), "both", edit),
    ]


def test_without_the_deployment_that_brought_it_a_live_edit_is_still_one(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.deploy(4, spec("1.0", "debug"))
    story.deploy(5, spec("1.0", "debug", http_port=8080))
    del story.deployments[1:]
    (change,) = story.told().changes
    assert (change.kind, change.deployment_id, change.user) == ("live_edit", "", "")
    assert "by a deployment older than those read" in change.text


def test_a_deployment_that_says_neither_when_nor_who_is_told_by_its_id_alone(story: Story) -> None:
    story.apply(0, spec("1.0"))
    edit = story.deploy(4, spec("hotfix"), digitalocean_user_action=None)
    story.deployments[0] = story.deployments[0].model_copy(update={"created_at": None})
    told = story.told()
    (change,) = told.changes
    assert (change.kind, change.when, change.user) == ("live_edit", None, "")
    assert change.text == f"changed live by deployment {edit}"
    assert told.text == "changed live: apply would undo it"


def test_git_is_not_said_to_have_moved_where_nobody_knows_when_live_was_changed(story: Story) -> None:
    story.apply(0, spec("1.0"))
    edit = story.deploy(4, spec("hotfix"))
    story.deployments[0] = story.deployments[0].model_copy(update={"created_at": None})
    story.commit(6, spec("1.1"))
    (change,) = story.told().changes
    assert (change.kind, change.commit, change.deployment_id) == ("live_edit", "", edit)


def test_git_that_moved_after_a_live_edit_whose_deployment_was_not_read_is_both(story: Story) -> None:
    story.apply(0, spec("1.0"))
    story.deploy(4, spec("hotfix"))
    story.deploy(5, spec("hotfix"))
    del story.deployments[1:]
    moved = story.commit(6, spec("1.1"))
    (change,) = story.told().changes
    assert (change.kind, change.commit, change.deployment_id) == ("both", moved, "")


def test_an_app_that_was_taken_out_of_git_and_put_back_has_its_values_from_then_on(story: Story) -> None:
    story.commit(0, spec("0.9"))
    story.repository.write("specs/web.yaml", yaml.safe_dump({"name": "other"}))
    story.repository.commit(1)
    story.commit(2, spec("1.0"))
    edit = story.deploy(4, spec("hotfix"))
    (change,) = story.told().changes
    assert (change.kind, change.commit, change.deployment_id) == ("live_edit", "", edit)


def test_spelling_defaults_and_order_in_old_versions_do_not_matter(story: Story) -> None:
    old = spec("1.0")
    old["services"][0] |= {"instance_count": 1, "http_port": 8080}
    old["region"] = "fra1"
    story.commit(0, old)
    story.deploy(0.1, spec("1.0"))
    moved = story.commit(3, spec("1.0", instance_count=2))
    (change,) = story.told().changes
    assert (change.kind, change.commit) == ("git_ahead", moved)


def test_an_added_component_is_attributed_as_a_whole(story: Story) -> None:
    story.apply(0, spec())
    worker = {"name": "mail", "image": {"registry_type": "DOCR", "repository": "mail"}}
    story.deploy(2, {**spec(), "workers": [worker]}, user="mallory@example.com")
    (change,) = story.told().changes
    assert (change.path, change.kind, change.user) == (("workers", "mail"), "live_edit", "mallory@example.com")


def test_no_value_and_no_secret_is_ever_told(story: Story) -> None:
    def secret(value: str, level: str) -> dict[str, Any]:
        out = spec(level=level)
        out["services"][0]["envs"].append({"key": "KEY", "type": "SECRET", "value": value})
        return out

    story.commit(0, secret("EV[1:aaaa:first]", "info"))
    story.deploy(0.1, secret("EV[1:aaaa:first]", "info"))
    story.deploy(3, secret("EV[1:bbbb:second]", "very-visible"))
    told = story.told()
    assert {change.path[-2] for change in told.changes} == {"KEY", "LOG_LEVEL"}
    assert "EV[" not in repr(told)
    assert "very-visible" not in repr(told)


def test_a_file_of_several_apps_tells_them_apart_and_knows_old_names(story: Story) -> None:
    text = yaml.safe_dump_all([{"name": "other"}, spec("1.0")])
    assert [name for name, _ in plain_specs(text, "")] == ["other", "web"]
    story.repository.write("specs/web.yaml", text)
    story.repository.commit(0)
    story.write(spec("1.1"))
    story.repository.commit(1)
    versions = spec_history(story.history(), {"web"}).versions
    assert [version.spec and version.spec["services"][0]["image"]["tag"] for version in versions] == ["1.1", "1.0"]
    assert [version.spec for version in spec_history(story.history(), {"gone"}).versions] == [None, None]


def test_a_pointer_with_indexes_becomes_a_path_by_identity() -> None:
    assert identity_path(spec(), "/services/0/envs/0/value") == LEVEL
    assert identity_path({"features": ["a"]}, "/features/0") == ("features", "0")
    assert identity_path({"x-own": {"a/b": [1]}}, "/x-own/a~1b/0") == ("x-own", "a/b", "0")
