"""What is suggested after a rehearsal speaks to the sandbox, and never to the real account."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.cli.connect import Suggestions
from reconciler.cli.options import Connection, EnvironmentConnection
from reconciler.engine.load import RunOptions
from reconciler.plan.model import Action
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport

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


def test_a_command_that_redeploys_goes_to_the_sandbox_too():
    assert SANDBOX.sentence("by hand: reconcile redeploy web") == "by hand: reconcile redeploy web --sandbox"


def test_running_again_names_the_same_specs_and_apps_but_permits_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra/apps").mkdir(parents=True)
    (tmp_path / "infra/reconcile.yaml").touch()
    chosen = RunOptions(
        (Path("infra/apps"),),
        apps=frozenset({"web-*"}),
        exclude=frozenset({"web-2"}),
        changed_since="origin/main",
        shard=(1, 4),
        variables={"KEY": "hunter2"},
        allow=frozenset({"max-changes"}),
        config=Path("infra/reconcile.yaml"),
    )
    suggest = Suggestions.of(Connection(), chosen)
    assert suggest.command("reconcile status web") == "reconcile status web --config infra/reconcile.yaml"
    assert suggest.command("reconcile") == (
        "reconcile infra/apps --app 'web-*' --exclude web-2 --only-changed origin/main --shard 1/4"
        " --config infra/reconcile.yaml"
    )
    assert Suggestions.of(Connection(), RunOptions()).command("reconcile") == "reconcile"


def test_the_configuration_is_named_where_it_would_not_be_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "infra/.git").mkdir(parents=True)
    (tmp_path / "infra/apps").mkdir()
    (tmp_path / "infra/reconcile.yaml").touch()
    far = Suggestions.of(Connection(), RunOptions((Path("infra/apps"),)))
    assert far.command("reconcile status web") == "reconcile status web --config infra/reconcile.yaml"
    monkeypatch.chdir(tmp_path / "infra")
    near = Suggestions.of(Connection(), RunOptions((Path("apps"),)))
    assert near.command("reconcile status web") == "reconcile status web"


def test_status_and_rollback_read_the_configuration_that_a_plan_reads(run, checkout, capsys):
    (checkout / "specs/reconcile.yaml").write_text("environments: {prod: {}}\n")
    assert run("plan", "--env", "prod", "--sandbox") == 0
    assert run("status", "--env", "prod", "--sandbox") == 0
    assert run("rollback", "shop", "--env", "prod", "--sandbox") == 64
    assert "no such app: shop" in capsys.readouterr().err


def test_a_configuration_that_was_named_is_named_in_what_a_person_pastes(run, checkout, capsys):
    (checkout / "prod.yaml").write_text("environments: {prod: {}}\n")
    assert run("apply", "--env", "prod", "--config", "prod.yaml", "--sandbox", "--yes") == 0
    assert run("rollback", "shop", "--commit", "--env", "prod", "--config", "prod.yaml", "--sandbox") == 64
    command = "reconcile status shop --config prod.yaml --env prod --sandbox"
    assert command in capsys.readouterr().err
    assert run(*command.split()[1:]) == 0


def test_an_environment_of_the_real_account_links_to_the_control_panel():
    record = RolloutRecord(
        "web", Action.CREATE, Outcome(OutcomeKind.APPLIED, "healthy"), app_id="a1", deployment_id="d1"
    )
    for connection, linked in [
        (EnvironmentConnection(flags=("--env", "prod")), True),
        (EnvironmentConnection(sandbox=True, flags=("--env", "prod", "--sandbox")), False),
        (Connection(api_url="http://localhost:8080"), False),
    ]:
        (shown,) = Suggestions.of(connection).rollout(RolloutReport((record,))).records
        assert bool(shown.console_url) is linked


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
