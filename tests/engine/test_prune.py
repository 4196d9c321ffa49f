"""Pruning: only what Git once described, as it described it, and only where Git's whole history says so."""

from __future__ import annotations

import pytest

from reconciler.errors import InvalidInput, PlanMismatch
from reconciler.plan.model import Action
from reconciler.yamltext import MAX_BYTES
from tests.support.account import CONFIG, World, service, web


@pytest.fixture
def pruned(world: World) -> World:
    """Two apps are live; the spec of ``old`` was committed and removed."""
    world.commit(0, web("old"), web("web"))
    world.apply()
    (world.specs / "old.yaml").unlink()
    world.commit(1)
    world.at(2)
    return world


def delete(world: World) -> list[str]:
    return [plan.app for plan in world.plan(prune=True).plans if plan.app == "old"]


def test_an_app_whose_spec_was_removed_is_deleted_where_that_is_allowed_by_name(pruned: World):
    plan = pruned.one("old", prune=True)
    assert (plan.action, plan.override) == (Action.REFUSE, "--allow delete=old")
    assert pruned.outcome("old", prune=True) == "refused"
    assert pruned.names() == ["old", "web"]
    plan = pruned.one("old", prune=True, allow=frozenset({"delete=old"}))
    assert plan.action is Action.DELETE
    assert "was removed from Git after" in plan.reason
    assert plan.cost.after == 0
    assert pruned.outcome("old", prune=True, allow=frozenset({"delete=old"})) == "deleted"
    assert pruned.names() == ["web"]


def test_without_the_flag_nothing_is_deleted(pruned: World):
    assert [plan.app for plan in pruned.plan().plans] == ["web"]
    pruned.apply(allow=frozenset({"delete=old"}))
    assert pruned.names() == ["old", "web"]


def test_an_app_that_was_never_in_git_is_unmanaged_and_never_touched(pruned: World):
    pruned.create(web("stranger"))
    report = pruned.plan(prune=True, unmanaged=True, allow=frozenset({"delete=stranger"}))
    assert [plan.app for plan in report.plans] == ["web", "old"]
    assert report.unmanaged == ("stranger",)


def test_an_app_that_was_changed_since_is_left_alone_and_said_so(pruned: World):
    pruned.edit(lambda spec: service(spec).update(instance_count=3), "old")
    report = pruned.plan(prune=True)
    assert [plan.app for plan in report.plans] == ["web"]
    assert [finding.code for finding in report.findings] == ["not-pruned"]


def test_any_version_that_stood_there_will_do(world: World):
    world.commit(0, web("old"))
    world.apply()
    changed = web("old", instance_count=5)
    world.commit(1, changed, web("web"))
    (world.specs / "old.yaml").unlink()
    world.commit(2)
    assert delete(world) == ["old"]


def test_a_spec_that_moved_to_another_folder_is_not_gone(pruned: World):
    pruned.write(web("old"), file="archive/old.yaml")
    assert delete(pruned) == []
    pruned.commit(3)
    (pruned.root / "archive" / "old.yaml").unlink()
    assert delete(pruned) == [], "the last commit still has it"
    pruned.commit(4)
    assert delete(pruned) == ["old"]


@pytest.mark.parametrize("folder_stays", [True, False])
def test_the_last_spec_of_a_folder_can_go_too(pruned: World, folder_stays: bool):
    (pruned.specs / "web.yaml").unlink()
    if not folder_stays:
        pruned.specs.rmdir()
    pruned.commit(3)
    with pytest.raises(InvalidInput):
        pruned.plan()
    allowed = frozenset({"delete=old", "delete=web"})
    assert {plan.app for plan in pruned.plan(prune=True, allow=allowed).plans} == {"old", "web"}
    pruned.apply(prune=True, allow=allowed)
    assert pruned.names() == []


def test_a_folder_in_which_no_spec_ever_was_is_a_mistake(world: World):
    world.commit(0, web("web"), file="elsewhere/web.yaml")
    with pytest.raises(InvalidInput) as caught:
        world.plan(prune=True)
    assert [finding.is_error for finding in caught.value.findings] == [True]


def test_a_folder_that_never_was_is_a_mistake_beside_others_too(pruned: World):
    typo = pruned.root / "typo"
    with pytest.raises(InvalidInput) as caught:
        pruned.plan(prune=True, specs=(pruned.specs, typo))
    assert [finding.message for finding in caught.value.findings] == [f"no such file or folder: {typo}"]


def test_a_removal_that_is_not_committed_is_none(world: World):
    world.commit(0, web("old"), web("web"))
    world.apply()
    (world.specs / "old.yaml").unlink()
    assert delete(world) == []


def test_a_file_of_several_apps_prunes_the_one_that_left_it(world: World):
    world.commit(0, web("old"), web("web"), file="specs/all.yaml")
    world.apply()
    world.commit(1, web("web"), file="specs/all.yaml")
    assert delete(world) == ["old"]


def test_a_shallow_history_refuses_to_prune_anything(pruned: World):
    pruned.repository.make_shallow(pruned.commit(3, web("other")))
    with pytest.raises(PlanMismatch, match="shallow") as refused:
        pruned.plan(prune=True)
    assert "fetch-depth: 0" in refused.value.hint
    assert pruned.plan().plans


def test_specs_outside_of_a_repository_refuse_to_prune_anything(pruned: World, tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "web.yaml").write_text((pruned.specs / "web.yaml").read_text())
    with pytest.raises(PlanMismatch, match="not in a Git repository"):
        pruned.plan(prune=True, specs=(outside,))


def test_an_app_that_somebody_pinned_is_not_pruned(pruned: World):
    pruned.edit(lambda spec: service(spec).update(instance_count=3), "old")
    pruned.edit(lambda spec: service(spec).update(instance_count=1), "old")
    app = pruned.live("old")
    earlier = pruned.ask(lambda client: client.list_deployments(app.id))[2]
    pruned.ask(lambda client: client.roll_back(app.id, earlier.id))
    pruned.clock.run(pruned.clock.sleep(1))
    plan = pruned.one("old", prune=True, allow=frozenset({"delete=old"}))
    assert plan.action is Action.REFUSE
    assert "pinned" in plan.reason


def test_shards_and_single_apps_prune_only_their_own(pruned: World):
    assert [plan.app for plan in pruned.plan(prune=True, apps=frozenset({"web"})).plans] == ["web"]
    parts = [[plan.app for plan in pruned.plan(prune=True, shard=(part, 2)).plans] for part in (1, 2)]
    assert sorted(parts[0] + parts[1]) == ["old", "web"]


def test_c21_a_rename_without_a_word_warns_that_the_old_app_stays(world: World):
    world.commit(0, web("web"))
    world.apply()
    (world.specs / "web.yaml").unlink()
    world.commit(1, web("site"))
    plan = world.one("site")
    assert plan.action is Action.CREATE
    (warning,) = plan.findings
    assert (warning.code, "web" in warning.message) == ("renamed", True)
    assert "moved: {web: site}" in warning.hint


def test_c20_c21_a_rename_that_is_told_keeps_the_app_its_id_and_its_project(world: World):
    world.commit(0, web("web"))
    world.apply()
    before = world.live("web")
    (world.specs / "web.yaml").unlink()
    world.configure(
        {
            "moved": {"web": "site"},
            "project": "00000000-0000-4000-8000-000000000000",
            "defaults": {"health": {"soak": "0s"}},
        }
    )
    world.commit(1, web("site"))
    plan = world.one("site", prune=True)
    assert (plan.action, plan.app_id, plan.moved_from) == (Action.UPDATE, before.id, "web")
    assert plan.reason == "currently named web"
    assert world.outcome("site") == "applied"
    after = world.live("site")
    assert (after.id, after.project_id) == (before.id, before.project_id)
    assert world.names() == ["site"]
    assert world.one("site").action is Action.NONE


def test_an_old_name_that_is_taken_again_is_an_app_of_its_own(world: World):
    world.commit(0, web("web"))
    world.apply()
    world.configure({"moved": {"web": "site"}, "defaults": {"health": {"soak": "0s"}}})
    (world.specs / "web.yaml").unlink()
    world.commit(1, web("site"))
    world.apply()
    world.create(web("web"))
    assert world.plan(unmanaged=True).unmanaged == ("web",)


MISTAKES = {
    "a tab": "name: old\nservices:\n\t- x\n",
    "a line of a template": "{{- if .x }}\nname: old\n{{ end }}\n",
    "an open bracket": "a: [\nname: old\n",
    "a name that a variable brings": "a: [\nname: ${WHICH}\n",
}


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES)
def test_a_spec_that_moved_into_a_file_that_cannot_be_parsed_may_still_stand_there(
    pruned: World, text: str, committed: bool
):
    pruned.repository.write("elsewhere/web.yaml", text)
    if committed:
        pruned.commit(3)
        (pruned.root / "elsewhere" / "web.yaml").unlink()
    report = pruned.plan(prune=True, allow=frozenset({"delete=old"}), unmanaged=True)
    assert [plan.app for plan in report.plans] == ["web"]
    (finding,) = report.findings
    assert (finding.code, str(finding.location)) == ("not-pruned", "elsewhere/web.yaml")
    assert "elsewhere/web.yaml mentions it and cannot be read" in finding.message
    assert report.unmanaged == ("old",)


def test_a_name_written_twice_is_a_mistake_and_still_the_name(pruned: World):
    pruned.repository.write("elsewhere/web.yaml", "name: old\nname: old\n")
    assert delete(pruned) == []


@pytest.mark.parametrize("raw", [
    "name: old # \xe9\n".encode("latin-1"), "name: old\n".encode("utf-16"), b"name: old\n#" + b"x" * MAX_BYTES,
], ids=["latin-1", "utf-16", "too large"])  # fmt: skip
def test_a_file_that_is_no_text_of_ours_and_holds_the_name_keeps_the_app(pruned: World, raw: bytes):
    (pruned.root / "elsewhere.yaml").write_bytes(raw)
    report = pruned.plan(prune=True, allow=frozenset({"delete=old"}))
    assert [plan.app for plan in report.plans] == ["web"]
    assert [str(finding.location) for finding in report.findings] == ["elsewhere.yaml"]


def test_files_that_cannot_be_read_and_do_not_mention_the_app_keep_nothing(pruned: World):
    pruned.repository.write("chart/templates/web.yaml", "{{- if .x }}\nname: older-gold\nenv: ${HOME}\n")
    (pruned.root / "picture.yaml").write_bytes(b"\xff\xd8\xff")
    (pruned.root / "nowhere.yaml").symlink_to("nothing.yaml")
    assert delete(pruned) == ["old"]


# --- the order of deletions ------------------------------------------------------------------------------------------


@pytest.fixture
def chained(world: World) -> World:
    """web depends on api, api on db; the specs of all three were removed, and the configuration still orders them."""
    order = {"web": {"depends_on": ["api"]}, "api": {"depends_on": ["db"]}}
    world.configure({**CONFIG, "apps": order})
    world.commit(0, web("db"), web("api"), web("web"), web("stays"))
    world.apply()
    for name in ("db", "api", "web"):
        (world.specs / f"{name}.yaml").unlink()
    world.commit(1)
    world.at(2)
    return world


ALL_THREE = frozenset(f"delete={name}" for name in ("db", "api", "web"))


def test_c81_apps_are_deleted_in_the_reverse_order_of_their_dependence(chained: World):
    ids = {chained.live(name).id: name for name in ("db", "api", "web")}
    chained.tap.sent.clear()
    chained.apply(prune=True, allow=ALL_THREE)
    deleted = [ids[path.rpartition("/")[2]] for method, path, _ in chained.tap.writes if method == "DELETE"]
    assert deleted == ["web", "api", "db"]


def test_c81_what_another_app_still_depends_on_is_not_deleted(chained: World):
    report = chained.apply(prune=True, allow=ALL_THREE - {"delete=web"})
    outcomes = {record.app: (record.outcome.kind.value, record.outcome.reason) for record in report.records}
    assert outcomes["web"][0] == "refused"
    assert outcomes["api"] == ("skipped", "web depends on it, and ended as refused")
    assert outcomes["db"] == ("skipped", "api depends on it, and ended as skipped")
    assert chained.names() == ["api", "db", "stays", "web"]


def test_c81_an_app_that_stays_is_updated_before_what_it_depended_on_goes(chained: World):
    chained.commit(3, web("web", http_port=9000))
    ids = {chained.live(name).id: name for name in ("db", "api", "web")}
    chained.tap.sent.clear()
    chained.apply(prune=True, allow=ALL_THREE)
    writes = [(method, ids[path.rpartition("/")[2]]) for method, path, _ in chained.tap.writes if method != "POST"]
    assert writes == [("PUT", "web"), ("DELETE", "api"), ("DELETE", "db")]


def test_c81_pruning_is_silent_about_removed_apps_that_the_configuration_orders(chained: World):
    assert [finding.code for finding in chained.plan(prune=True).findings] == []
    assert {finding.code for finding in chained.plan().findings} == {"unknown-app"}
