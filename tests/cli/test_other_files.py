"""Files that a command did not write are neither overwritten nor removed."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = "environments: {staging: {rename: '{app}-staging'}, prod: {overlays: [overlays]}}\n"


@pytest.fixture
def environments(checkout: Path) -> Path:
    (checkout / "reconcile.yaml").write_text(CONFIG)
    (checkout / "overlays").mkdir()
    overlay = "# another one\nname: mailer\nworkers: {sender: {run_command: go}}\n"
    (checkout / "overlays/mailer.yaml").write_text(overlay)
    return checkout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("folder", ["specs", "overlays"])
def test_a_rendering_is_not_written_over_a_spec_or_an_overlay(environments, run, capsys, folder):
    before = contents(environments)
    assert run("render", "--env", "prod", "--write", "--into", folder) == 3
    assert f"{folder}/mailer.yaml: error: it is no rendering, and would be overwritten" in capsys.readouterr().err
    assert contents(environments) == before


def test_a_file_of_another_origin_stays_in_a_folder_of_renderings_and_is_not_out_of_date(environments, run):
    run("render", "--env", "prod", "--write")
    notes = environments / "rendered/prod/notes.yaml"
    notes.write_text("reviewed: true\n")
    assert run("render", "--env", "prod", "--check") == 0
    (environments / "specs/shop.yaml").unlink()
    assert run("render", "--env", "prod", "--write") == 0
    assert sorted(path.name for path in notes.parent.iterdir()) == ["handbook.yaml", "mailer.yaml", "notes.yaml"]


@pytest.mark.parametrize(
    "part", [("--exclude", "shop"), ("--shard", "1/2"), ("--only-changed", "HEAD"), ("--app", "shop"), ("shop",)]
)
@pytest.mark.parametrize("mode", ["--write", "--check"])
def test_a_part_of_the_apps_does_not_remove_the_renderings_of_the_others(environments, run, capsys, part, mode):
    run("render", "--env", "prod", "--write")
    before = contents(environments)
    assert run("render", "--env", "prod", mode, *part) == 64
    assert "--write and --check concern every app" in capsys.readouterr().err
    assert contents(environments) == before


def test_the_renderings_of_several_environments_do_not_remove_each_other(environments, run, capsys):
    assert run("render", "--env", "all", "--write", "--into", "rendered") == 64
    assert "--into is the folder of one environment" in capsys.readouterr().err
    assert not (environments / "rendered").exists()


@pytest.mark.parametrize(
    "text", ["name: shop\n", "[]", "{}", '"saved-plan"', "[" * 100_000, '{"kind": "plan"}', "\xff"]
)
def test_a_saved_plan_is_not_written_over_another_file(checkout, run, capsys, text):
    file = checkout / "notes.yaml"
    file.write_text(text)
    assert run("plan", "--sandbox", "--save", "notes.yaml") == 1
    assert "notes.yaml holds something that is no saved plan" in capsys.readouterr().err
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["", "\n", '{"version": 1, "kind": "saved-plan"}'])
def test_a_saved_plan_replaces_an_older_one(checkout, run, text):
    (checkout / "plan.json").write_text(text)
    assert run("plan", "--sandbox", "--save", "plan.json") == 0
    assert run("apply", "--sandbox", "--yes", "--expect", "plan.json") == 0


def test_a_plan_saved_for_one_environment_is_not_applied_to_another(environments, run, capsys):
    (environments / "reconcile.yaml").write_text("environments: {staging: {}, prod: {}}\n")
    assert run("plan", "--sandbox", "--env", "staging", "--save", "plan.json") == 0
    capsys.readouterr()
    assert run("apply", "--sandbox", "--env", "prod", "--yes", "--expect", "plan.json") == 7
    assert "it is the plan of environment staging, and this run is of environment prod" in capsys.readouterr().err
    assert run("apply", "--sandbox", "--env", "staging", "--yes", "--expect", "plan.json") == 0


def test_a_plan_of_every_environment_is_not_said_to_be_saved(environments, run, capsys):
    assert run("plan", "--sandbox", "--env", "all", "--save", "plan.json") == 64
    assert "--save holds the plan of one environment" in capsys.readouterr().err
    assert not (environments / "plan.json").exists()


def test_a_report_is_written_over_a_page_and_over_nothing_else(checkout, run, capsys):
    before = contents(checkout / "specs")
    assert run("report", "--sandbox", "-o", "specs/shop.yaml") == 1
    assert "specs/shop.yaml: it holds something that is no page" in capsys.readouterr().err
    assert contents(checkout / "specs") == before
    assert [run("report", "--sandbox", "-o", "page.html") for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(("env", "name"), [("staging", "mailer-staging"), ("prod", "mailer")])
def test_an_app_of_an_environment_is_not_imported_into_the_base_that_others_share(
    environments, run, edit, capsys, env, name
):
    assert run("apply", "--sandbox", "--env", env, "--yes", "--app", "mailer") == 0
    edit("mailer", "mailer bounces", "mailer other")
    before = contents(environments / "specs") | {"config": (environments / "reconcile.yaml").read_bytes()}
    capsys.readouterr()
    for words in ([name], ["--all"], [name, "--alerts"]):
        assert run("import", "--sandbox", *words) == 3
        assert f"use --env with one of: {env}" in capsys.readouterr().err
    assert contents(environments / "specs") | {"config": (environments / "reconcile.yaml").read_bytes()} == before
    assert run("import", "--sandbox", name, "--into", "drafts") == 0


def test_an_import_says_that_it_wrote_a_file_only_after_it_did(environments, run, edit, capsys):
    assert run("apply", "--sandbox", "--env", "prod", "--yes", "--app", "mailer") == 0
    edit("mailer", "mailer bounces", "mailer other")
    overlay = environments / "overlays/mailer.yaml"
    overlay.rename(environments / "elsewhere.yaml")
    overlay.symlink_to(environments / "elsewhere.yaml")
    before = contents(environments / "specs") | contents(environments / "overlays")
    capsys.readouterr()
    assert run("import", "--sandbox", "--env", "prod", "mailer") == 3
    said = capsys.readouterr()
    assert "overlays/mailer.yaml is a link" in said.err
    assert "written" not in said.out
    assert contents(environments / "specs") | contents(environments / "overlays") == before
