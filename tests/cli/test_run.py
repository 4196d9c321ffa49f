"""`plan`, `apply` and `drift` as commands; the question before an apply; what a misspelt word or flag leads to."""

import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import words
from reconciler.cli.commands import COMMANDS, build
from tests.cli.shell import ROOT, web_in


@pytest.fixture
def terminal(monkeypatch):
    """A person at a terminal, who gives this answer."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("reconciler.cli.console._person", lambda stream: stream is not None)
    monkeypatch.setenv("TERM", "dumb")

    def answer(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return answer


def apps(run, capsys) -> str:
    capsys.readouterr()
    assert run("sandbox", "show") == 0
    return str(capsys.readouterr().out)


@pytest.mark.parametrize(("command", "flags"), [("plan", ["--plan"]), ("drift", ["--drift"]), ("apply", [])])
def test_a_command_is_the_same_as_its_flag(run, capsys, command, flags):
    assert run("--sandbox", "--app", "mailer") == 0
    capsys.readouterr()
    codes, shown = [], []
    for arguments in ([*flags, "--sandbox"], [command, "--sandbox"]):
        if command == "apply":
            arguments += ["--app", "mailer"]
        codes.append(run(*arguments))
        shown.append(capsys.readouterr().out)
    assert codes == [2 if command == "drift" else 0] * 2
    assert shown[0] == shown[1] != ""


def test_a_plan_by_command_is_saved_and_ends_in_2_if_asked_for(run, checkout):
    assert run("plan", "--sandbox", "--exit-code", "--save", "plan.json") == 2
    assert run("apply", "--sandbox", "--expect", "plan.json") == 0


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yesterday\n"])
def test_an_apply_that_is_declined_changes_nothing(run, capsys, terminal, answer):
    terminal(answer)
    assert run("apply", "--sandbox") == 1, "what follows in a script must not go on"
    said = capsys.readouterr()
    assert "3 apps: 3 to create" in said.out
    assert said.err.endswith("Apply this plan? [y/N] declined: nothing was changed\n")
    assert "has no apps" in apps(run, capsys)


@pytest.mark.parametrize("command", [["apply"], []])
def test_an_apply_that_is_agreed_to_goes_on(run, capsys, terminal, command):
    terminal("Yes\n")
    assert run(*command, "--sandbox", "--app", "shop") == 0
    assert "Apply this plan? [y/N] " in capsys.readouterr().err
    assert "shop" in apps(run, capsys)


@pytest.mark.parametrize("flags", [["--yes"], ["--format", "json"]])
def test_an_apply_whose_answer_is_known_or_whose_reader_is_a_program_does_not_ask(run, capsys, terminal, flags):
    terminal("n\n")
    assert run("apply", "--sandbox", "--app", "shop", *flags) == 0
    assert "Apply this plan?" not in capsys.readouterr().err
    assert "shop" in apps(run, capsys)


def test_an_apply_with_nothing_to_do_does_not_ask(run, capsys, terminal):
    assert run("apply", "--sandbox", "--app", "shop", "--yes") == 0
    terminal("n\n")
    capsys.readouterr()
    assert run("apply", "--sandbox", "--app", "shop") == 0
    assert "Apply this plan?" not in capsys.readouterr().err


def test_a_pipeline_is_not_asked_even_if_it_has_a_terminal(run, capsys, terminal, monkeypatch):
    terminal("n\n")
    monkeypatch.setenv("CI", "true")
    assert run("apply", "--sandbox", "--app", "shop") == 0
    assert "Apply this plan?" not in capsys.readouterr().err


def test_an_apply_that_is_refused_anyway_does_not_ask(run, checkout, edit, capsys, terminal):
    assert run("plan", "--sandbox", "--save", "plan.json") == 0
    edit("shop", "value: info", "value: debug")
    terminal("y\n")
    assert run("apply", "--sandbox", "--expect", "plan.json") == 7
    assert "Apply this plan?" not in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_question_ends_the_run(tmp_path: Path, number: signal.Signals):
    folder = web_in(tmp_path)
    ours, theirs = pty.openpty()
    hidden = ("CI", "DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_API_URL", "RECONCILE_SANDBOX_FILE")
    environ = {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "reconciler", "apply", "--sandbox"]
    process = subprocess.Popen(command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)

    def read_to(wanted: bytes) -> None:  # a terminal gives what is there, which may be a part of a line
        said = b""
        while wanted not in said:
            more = os.read(ours, 4096)
            assert more, said
            said += more

    try:
        read_to(b"[y/N]")
        process.send_signal(number)
        assert process.wait(30) == 130
        read_to(b"nothing was being changed")
    finally:
        process.kill()
        os.close(ours)


def test_the_options_of_an_apply_are_refused_with_the_flags_of_the_others(run, capsys):
    assert run("--plan", "--yes", "--sandbox") == 64
    assert "--yes can only be used when applying" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--dry-run"], "did you mean reconcile plan?"),
        (["apply", "--dry-run"], "did you mean reconcile plan?"),
        (["--dry_run=true"], "did you mean reconcile plan?"),
        (["plan", "--dry-run"], "leave it out: reconcile plan never changes anything"),
        (["drift", "--dry-run"], "leave it out: reconcile drift never changes anything"),
        (["fmt", "--dry-run"], "did you mean --check?"),
        (["redeploy", "web", "--dry-run"], "see: reconcile redeploy --help"),
        (["plan", "-o", "json"], "did you mean --format?"),
        (["plan", "--detailed-exitcode"], "did you mean --exit-code?"),
        (["apply", "--target", "web"], "did you mean --app?"),
        (["apply", "--auto-approve"], "see: reconcile apply --help"),
        (["apply", "--spec", "specs/web.yaml"], "files need no flag: reconcile apply specs/web.yaml"),
        (["status", "--app", "web"], "names of apps need no flag: reconcile status web"),
        (["apps"], "did you mean reconcile status?"),
        (["help"], "did you mean reconcile --help?"),
        (["version"], "did you mean reconcile --version?"),
        (["delete", "web"], "see: reconcile --help"),
        (["--diff"], "did you mean reconcile plan?"),
        (["diff"], "did you mean reconcile plan?"),
        (["deploy"], "did you mean reconcile apply?"),
        (["aply"], "did you mean reconcile apply?"),
        (["lint"], "did you mean reconcile validate?"),
        (["undo"], "did you mean reconcile rollback?"),
        (["plan", "--formt", "json"], "did you mean --format?"),
        (["--concurency", "2"], "did you mean --concurrency?"),
        (["--sandbox", "plan"], "reconcile plan …"),
    ],
    ids=" ".join,
)
def test_a_word_of_another_tool_or_a_misspelt_one_leads_to_the_right_one(run, capsys, arguments, hint):
    assert run(*arguments) == 64
    assert capsys.readouterr().err.splitlines()[1] == f"  {hint}"


@pytest.mark.parametrize("flag", ["--prun", "--purge", "--alow", "--allow-destroy", "--override-freez", "--ye"])
@pytest.mark.parametrize("command", [[], ["apply"], ["plan"], ["rollback", "shop"]])
def test_no_suggestion_names_a_flag_that_destroys_or_permits(run, capsys, command, flag):
    assert run(*command, flag) == 64
    said = capsys.readouterr().err.removeprefix(f"reconcile: unknown flag {flag}\n")
    assert said
    assert [name for name in words._NEVER if name in said] == []


def test_the_words_that_are_suggested_are_commands_and_those_never_suggested_are_flags():
    assert set(words.NAMES) == set(COMMANDS)
    every = {name for command in (build(), *(build()[name] for name in ("apply", "rollback", "redeploy")))
             for argument in command.assemble_argument_collection() for name in argument.names}  # fmt: skip
    assert every.issuperset(words._NEVER)


@pytest.mark.parametrize(("command", "lacks"), [
    ("plan", ["--expect", "--yes", "--concurrency", "--override-freeze", "--drift"]),
    ("apply", ["--save", "--exit-code", "--plan"]),
    ("drift", ["--save", "--exit-code", "--expect", "--yes", "--retry", "--override-freeze"]),
])  # fmt: skip
def test_help_lists_only_the_flags_that_a_command_takes(run, capsys, command, lacks):
    assert run(command, "--help") == 0
    shown = {word for line in capsys.readouterr().out.splitlines() for word in line.split()[1:2]}
    assert "--allow" in shown
    assert shown.isdisjoint(lacks)
