"""What a person got wrong is told as such: what, where and how to mend it, and never as a bug of the program."""

from __future__ import annotations

import errno
import json

import pytest

from reconciler.cli.commands import COMMANDS, build
from reconciler.engine.load import RunOptions, check
from reconciler.errors import UsageError


def test_an_app_that_no_spec_describes_is_no_silent_success(run, capsys):
    for mode in (["--sandbox"], ["--plan", "--sandbox"], ["--drift", "--sandbox"]):
        assert run(*mode, "--app", "shpo") == 64
        assert "no spec for app shpo\n  did you mean shop?" in capsys.readouterr().err
    assert run("validate", "--app", "shop", "--app", "shpo") == 64


def test_an_app_may_be_in_another_part_of_the_fleet(run):
    codes = [run("validate", "--app", "shop", "--shard", f"{part}/2") for part in (1, 2)]
    assert codes == [0, 0]


def test_what_is_wrong_with_the_specs_is_told_before_names_are(run, edit, capsys):
    edit("shop", "name: shop", "name: SHOP")
    assert run("validate", "--app", "shop") in (3, 64)
    edit("shop", "name: SHOP", "name: [")
    assert run("validate", "--app", "shop") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--exit-code"], "--exit-code can only be used with --plan"),
        (["--drift", "--retry"], "--retry can only be used with --plan or when applying"),
        (["--plan", "--fail-fast"], "--fail-fast can only be used when applying"),
        (["--drift", "--override-freeze"], "--override-freeze can only be used when applying"),
        (["--plan", "--concurrency", "3"], "--concurrency can only be used when applying"),
        (["--concurrency", "0"], 'Invalid value "0" for --concurrency. Must be >= 1.'),
        (["--sandbox", "--api-url", "https://elsewhere.example"], "--sandbox and --api-url cannot be combined"),
        (["--plan", "--sandbox-file", "box.db"], "--sandbox-file needs --sandbox"),
        (["validat"], "did you mean reconcile validate?"),
        (["rollback"], "reconcile: rollback needs APP\n"),
        (["redeploy"], "reconcile: redeploy needs APPS\n"),
        (["rollback"], "see: reconcile rollback --help"),
        (["status", "--deployments", "-3"], 'Invalid value "-3" for --deployments'),
        (["status", "--format", "sarif", "--sandbox"], 'Choose from: "text", "json"'),
        (["promote", "a", "b", "--format", "json"], 'Choose from: "text", "markdown", "github"'),
        (["status", "--verbose"], "unknown flag --verbose"),
        (["sandbox", "serve", "--port", "99999"], 'Invalid value "99999" for --port'),
        (["import", "--all", "web"], "cannot be combined with app names"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_flag_without_effect_and_a_value_out_of_range_are_refused(run, capsys, arguments, said):
    assert run(*arguments) == 64
    assert said in capsys.readouterr().err


def test_help_lists_only_the_formats_that_a_command_prints(run, capsys):
    run("status", "--help")
    assert "sarif" not in capsys.readouterr().out
    run("promote", "--help")
    assert "sarif" not in capsys.readouterr().out


def test_what_the_environment_says_of_the_connection_is_no_contradiction(run, monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_API_URL", "https://elsewhere.example")
    assert run("--plan", "--sandbox") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--plan", "--sandbox", "--save", "binary/p.json"],
            1,
            "cannot save the plan to binary/p.json: File exists",
        ),
        (["--plan", "--sandbox", "--save", "specs"], 1, "cannot save the plan to specs: Is a directory"),
        (["--sandbox", "--expect", "binary"], 7, "binary is not a saved plan of this version"),
        (["--plan", "--sandbox", "--sandbox-file", "specs"], 1, "the sandbox cannot keep its state in specs: unable"),
        (["sandbox", "show", "--file", "binary"], 1, "for the sandbox: file is not a database"),
        (["sandbox", "show", "--file", "binary/box.db"], 1, "cannot keep its state in binary/box.db: File exists"),
        (["import", "--all", "--sandbox", "--into", "binary/x"], 1, "binary/x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_the_machine_refuses_is_told_with_its_place(run, checkout, capsys, arguments, code, said):
    assert run("--sandbox") == 0
    (checkout / "binary").write_bytes(b"\xff\xfe\x00\x80" * 300)
    assert run(*arguments) == code
    told = capsys.readouterr().err
    assert said in told
    assert "bug" not in told


def test_an_error_of_the_machine_is_told_in_its_own_words(run, monkeypatch, capsys):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "specs")

    monkeypatch.setattr("reconciler.desired.load.find_specs", refused)
    assert run("validate") == 1
    assert capsys.readouterr().err.startswith("reconcile: specs: Permission denied\n")


def test_a_saved_plan_that_is_missing_is_noticed_before_anything_is_asked(run, checkout, capsys):
    assert run("--sandbox", "--expect", "missing.json") == 7
    assert "cannot read the saved plan missing.json: No such file or directory" in capsys.readouterr().err
    assert not (checkout / ".reconcile").exists()


def test_a_broken_file_does_not_count_as_one_that_is_as_it_should_be(run, checkout, capsys):
    (checkout / "specs/broken.yaml").write_text("name: [\n")
    assert run("fmt") == 3
    assert "0 formatted, 3 unchanged, 1 with errors" in capsys.readouterr().out


def test_importing_every_app_of_an_empty_account_says_that_there_are_none(run, capsys):
    assert run("import", "--all", "--sandbox") == 0
    assert capsys.readouterr().out == "no apps\n"


def test_a_general_warning_is_told_once(run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("apps: {stranger: {depends_on: [shop]}}\n")
    assert run("--plan", "--sandbox") == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.count("stranger") == 1


@pytest.fixture
def failing(run, edit, capsys):
    """A warning in general, and an app whose next deployment fails."""
    assert run("--sandbox") == 0
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    capsys.readouterr()


def test_a_plan_for_a_workflow_has_annotations(failing, run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("apps: {stranger: {depends_on: [shop]}}\n")
    assert run("--plan", "--sandbox", "--format", "github") == 0
    assert "\n::warning file=reconcile.yaml,line=1" in capsys.readouterr().out


def test_an_apply_for_a_workflow_has_annotations_of_what_failed(failing, run, capsys):
    assert run("--sandbox", "--format", "github") == 4
    assert "\n::error file=specs/shop.yaml,title=rolled-back::shop: " in capsys.readouterr().out


def test_an_apply_as_sarif_holds_what_failed(failing, run, capsys):
    assert run("--sandbox", "--format", "sarif") == 4
    document = json.loads(capsys.readouterr().out)
    assert [result["ruleId"] for result in document["runs"][0]["results"]] == ["rolled-back"]


def test_an_apply_as_sarif_with_nothing_to_do_is_a_document_all_the_same(run, capsys):
    assert run("--sandbox", "--format", "sarif") == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []


def test_an_error_of_the_platform_within_a_group_of_requests_is_no_bug(run, capsys):
    assert run("--sandbox") == 0
    run("sandbox", "fault", "server_error", "--operation", "apps_list_deployments", "--times", "0")
    assert run("status", "--sandbox") == 1
    assert "bug" not in capsys.readouterr().err


def test_an_action_that_names_no_app_of_the_specs_is_refused_by_the_same_check(checkout):
    with pytest.raises(UsageError, match="no spec for app nope"):
        check(RunOptions((checkout / "specs",), apps=frozenset({"nope"})))


def test_an_app_that_is_to_be_pruned_is_in_no_spec_any_more(checkout):
    assert check(RunOptions((checkout / "specs",), apps=frozenset({"gone"}), prune=True)).apps == ()


def test_every_command_that_help_shows_is_known_to_the_search_for_misspelt_ones():
    shown = [name for name in build() if not name.startswith("-") and build()[name].show]
    assert set(shown) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_command_is_for_before_it_is_imported(run, capsys, command):
    run("--help")
    words = " ".join(line.strip("│ ") for line in capsys.readouterr().out.splitlines())
    assert f"{command} " + COMMANDS[command][1].strip().partition("\n")[0].partition(":")[0] in " ".join(words.split())


def test_c90_a_saved_plan_makes_its_folder(run, tmp_path):
    assert run("--plan", "--sandbox", "--save", str(tmp_path / "new" / "plan.json")) == 0
    assert (tmp_path / "new" / "plan.json").read_text().startswith("{")
