"""What is suggested after a rehearsal speaks to the sandbox, and never to the real account."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.cli.connect import Suggestions
from reconciler.cli.options import Connection

SANDBOX = Suggestions.of(Connection(sandbox=True))


@pytest.mark.parametrize(
    ("connection", "flags"),
    [
        (Connection(), ""),
        (Connection(sandbox=True), "--sandbox"),
        (Connection(sandbox=True, sandbox_file=Path("my box.db")), "--sandbox --sandbox-file 'my box.db'"),
        (Connection(api_url="http://localhost:8080"), "--api-url http://localhost:8080"),
    ],
)
def test_the_flags_are_those_of_the_connection(connection, flags):
    assert Suggestions.of(connection).flags == flags


def test_commands_in_sentences_are_completed_and_flags_and_names_are_not():
    assert SANDBOX.sentence("look (reconcile status web) before") == "look (reconcile status web --sandbox) before"
    assert SANDBOX.command("reconcile") == "reconcile --sandbox"
    assert SANDBOX.command("--retry") == "--retry"
    assert SANDBOX.sentence("reconcile finds a difference") == "reconcile finds a difference"
    assert Suggestions().sentence("reconcile status web") == "reconcile status web"


@pytest.mark.parametrize("style", ["text", "markdown", "json"])
def test_after_a_rehearsal_every_suggested_command_goes_to_the_sandbox(run, edit, checkout, capsys, style):
    (checkout / "reconcile.yaml").write_text("defaults: {on_failure: pin}\n")
    run("--sandbox")
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    capsys.readouterr()
    told = []
    assert run("--sandbox", "--format", style) == 4
    told.append(capsys.readouterr().out)
    assert run("--plan", "--sandbox", "--format", style) == 0
    told.append(capsys.readouterr().out)
    assert run("status", "shop", "--sandbox") == 5
    told.append(capsys.readouterr().out)
    for text in told:
        commands = re.findall(r"reconcile (?:status|rollback) shop[^\n\"`]*", text)
        assert commands
        assert all("--sandbox" in command for command in commands), commands
    if style == "json":
        (shop,) = (app for app in json.loads(told[0])["apps"] if app["app"] == "shop")
        assert all(command.endswith(" --sandbox") for command in shop["commands"])


def test_a_hint_with_a_command_goes_to_the_sandbox_as_well(run, capsys):
    run("--sandbox")
    capsys.readouterr()
    assert run("rollback", "shop", "--commit", "--sandbox") == 64
    assert "reconcile status shop --sandbox" in capsys.readouterr().err
