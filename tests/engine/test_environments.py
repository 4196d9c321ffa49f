"""Environments: what they override, whose token is used, and that nothing changes without them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reconciler.cli.connect import Suggestions, connect, token
from reconciler.cli.environments import connection_of
from reconciler.cli.main import main
from reconciler.cli.options import Connection, EnvironmentConnection
from reconciler.config_file import read_config
from reconciler.engine.load import RunOptions, check
from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import has_errors
from tests.support.account import web
from tests.support.repository import Repository
from tests.support.warp import warp

CONFIG = """\
variables: [{name: LEVEL, default: info}, {name: KEY, secret: true, default: ""}]
defaults: {health: {soak: 5s}, depends_on: [db]}
apps: {web: {health: {tolerance: 7s}, depends_on: [db]}}
moved: {old: web}
environments:
  staging:
    rename: "{app}-staging"
    token: STAGING_TOKEN
    defaults: {health: {soak: 1s}}
    apps: {web: {on_failure: pin}}
    freeze: [{start: "2030-01-01", end: "2030-01-02", reason: holidays}]
  prod: {}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "STAGING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "specs").mkdir()
    for name in ("web", "db"):
        (tmp_path / f"specs/{name}.yaml").write_text(yaml.safe_dump(web(name), sort_keys=False))
    (tmp_path / "reconcile.yaml").write_text(CONFIG)
    return tmp_path


def findings(**options: object) -> list[tuple[str, str]]:
    """Code and place of the errors."""
    found = check(RunOptions(environ=dict(os.environ), **options)).findings  # type: ignore[arg-type]
    return [(one.code, str(one.location)) for one in found if one.is_error]


# --- the configuration -----------------------------------------------------------------------------------------------


def test_an_environment_overrides_the_file_and_renames_apps_everywhere(checkout: Path):
    config = read_config(None, ("specs",)).within("staging").config
    policy = config.policy("web-staging")
    assert (policy.health.soak, policy.health.tolerance, policy.on_failure) == (1.0, 7.0, "pin")
    assert policy.depends_on == ["db-staging"]
    assert config.policy("db-staging").depends_on == []
    assert config.former_names("web-staging") == ["old-staging"]
    assert [window.reason for window in config.freeze] == ["holidays"]
    assert config.environments == {}


def test_findings_about_the_configuration_are_where_they_are_written(checkout: Path):
    file = read_config(None, ("specs",)).within("staging")
    assert str(file.locate("/apps/web-staging/on_failure")) == "reconcile.yaml:10:30"
    assert str(file.locate("/apps/web-staging/health/tolerance")) == "reconcile.yaml:3:34"
    assert str(file.locate("/moved/old-staging")) == "reconcile.yaml:4:14"


WRONG = [
    ("staging: {rename: staging}", "config-value", 3),
    ("staging: {token: do_v1-not-a-name}", "config-value", 3),
    ("staging: {token: LEVEL}", "config-value", 3),
    ("all: {}", "config-value", 3),
    ("Staging: {}", "config-value", 3),
    ("staging: {variables: {LEVLE: x}}", "undeclared-variable", 3),
    ("staging: {required: [LEVLE]}", "undeclared-variable", 3),
    ("staging: {overlays: [nowhere]}", "no-such-path", 3),
    ("staging: {policies: nowhere}", "no-such-path", 3),
    ("staging: {defaults: {on_failure: maybe}}", "config-value", 3),
    ("staging: {apps: {web: {ignore: [x]}}}", "config-value", 3),
    ("staging: {overlay: x}", "unknown-key", 3),
]


@pytest.mark.parametrize(("text", "code", "line"), WRONG, ids=[one[0] for one in WRONG])
def test_a_mistake_in_an_environment_has_its_line(checkout: Path, text: str, code: str, line: int):
    (checkout / "reconcile.yaml").write_text(f"variables: [LEVEL]\nenvironments:\n  {text}\n")
    with pytest.raises(InvalidInput) as refused:
        read_config(None, ("specs",))
    (finding,) = refused.value.findings
    assert finding.location
    assert (finding.code, finding.location.line) == (code, line)
    assert "do_v1" not in finding.message


def test_values_have_an_order_and_each_its_source(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    (checkout / "values.yaml").write_text("LEVEL: file\n")
    text = "variables: [{name: LEVEL, default: default}]\nenvironments:\n  prod: %s\n"
    file = "{variable_files: [values.yaml]"
    steps = [
        ("{}", {}, "default", "its default"),
        ("{}", {"LEVEL": "process"}, "process", "the process's environment"),
        (f"{file}}}", {"LEVEL": "process"}, "file", "values.yaml:1:8"),
        (f"{file}, variables: {{LEVEL: own}}}}", {"LEVEL": "process"}, "own", "reconcile.yaml:3:60"),
    ]
    (checkout / "specs/web.yaml").write_text(yaml.safe_dump(web(envs=[{"key": "L", "value": "${LEVEL}"}])))
    for own, environ, value, source in steps:
        (checkout / "reconcile.yaml").write_text(text.replace("%s", own))
        desired = check(RunOptions(environ=environ, environment="prod"))
        app = next(one for one in desired.apps if one.name == "web")
        assert (app.spec["services"][0]["envs"][0]["value"], desired.sources["LEVEL"]) == (value, source)
    given = check(RunOptions(environ={}, environment="prod", variables={"LEVEL": "given"}))
    assert given.sources["LEVEL"] == "--var"


def test_a_file_of_variables_has_no_misspelt_name(checkout: Path):
    (checkout / "values.yaml").write_text("LEVLE: file\nKEY: [x]\n")
    (checkout / "reconcile.yaml").write_text(
        "variables: [LEVEL, KEY]\nenvironments:\n  prod: {variable_files: [values.yaml], variables: {LEVEL: x}}\n"
    )
    assert findings(environment="prod") == [
        ("undeclared-variable", "values.yaml:1:1"),
        ("overlay-invalid", "values.yaml:2:6"),
    ]


def test_an_overlay_of_no_app_is_an_error_unless_files_are_named(checkout: Path):
    (checkout / "over.yaml").write_text("name: wbe\nregion: fra\n")
    (checkout / "reconcile.yaml").write_text("environments: {prod: {overlays: [over.yaml]}}\n")
    assert findings(environment="prod") == [("overlay-no-match", "over.yaml:1:7")]
    assert findings(environment="prod", specs=(Path("specs/web.yaml"),)) == []


def test_overlays_and_renderings_within_the_folder_of_specs_are_no_specs(checkout: Path):
    (checkout / "specs/overlays").mkdir()
    (checkout / "specs/overlays/web.yaml").write_text("name: web\nregion: fra\n")
    (checkout / "rendered/prod").mkdir(parents=True)
    (checkout / "rendered/prod/web.yaml").write_text(yaml.safe_dump(web()))
    (checkout / "reconcile.yaml").write_text("environments: {prod: {overlays: [specs/overlays]}}\n")
    desired = check(RunOptions((Path(),), environ={}, environment="prod"))
    assert not has_errors(desired.findings)
    assert {app.name: app.spec["region"] for app in desired.apps} == {"db": "ams", "web": "fra"}


def test_the_name_of_an_app_may_be_the_one_in_the_base(checkout: Path):
    for name in ("web", "web-staging"):
        desired = check(RunOptions(environ={}, environment="staging", apps=frozenset({name})))
        assert [app.name for app in desired.apps] == ["web-staging"]


def test_a_link_out_of_the_checkout_is_not_read_through_an_overlay(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
):
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("name: web\nregion: fra\n")
    (checkout / "over.yaml").symlink_to(outside)
    (checkout / "reconcile.yaml").write_text("environments: {prod: {overlays: [over.yaml]}}\n")
    with pytest.raises(InvalidInput) as refused:
        check(RunOptions(environ={}, environment="prod", checkout=checkout))
    assert [one.code for one in refused.value.findings] == ["outside-checkout"]


def test_a_label_names_an_environment_only_if_there_are_any(checkout: Path):
    assert check(RunOptions(environ={}, label="prod")).environment is not None
    with pytest.raises(UsageError, match="no such environment: production"):
        check(RunOptions(environ={}, label="production"))
    (checkout / "reconcile.yaml").unlink()
    assert check(RunOptions(environ={}, label="production")).environment is None


# --- tokens and secrets ----------------------------------------------------------------------------------------------


def test_an_environment_with_a_token_of_its_own_uses_no_other(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "the-usual-one")
    here = connection_of(Connection(), RunOptions(environment="staging"))

    async def opened() -> None:
        async with connect(here):
            pass

    with pytest.raises(UsageError, match="STAGING_TOKEN is not set"):
        asyncio.run(opened())
    monkeypatch.setenv("STAGING_TOKEN", "its-own")
    asyncio.run(opened())
    assert token("STAGING_TOKEN") == "its-own"
    prod = connection_of(Connection(), RunOptions(environment="prod"))
    assert isinstance(prod, EnvironmentConnection)
    assert (prod.token_variable, Suggestions.of(prod).flags) == ("", "--env prod")
    assert connection_of(Connection(), RunOptions()) == Connection()


def test_commands_about_one_app_know_environments(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    warp(monkeypatch)
    assert main(["--env", "staging", "--sandbox"]) == 0
    assert main(["status", "web", "--env", "staging", "--sandbox"]) == 0
    assert "web-staging" in capsys.readouterr().out
    assert main(["status", "web-staging", "--env", "staging", "--sandbox"]) == 0
    assert main(["import", "--all", "--env", "staging", "--sandbox"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["db-staging: unchanged", "web-staging: unchanged"]
    assert main(["redeploy", "web", "--env", "staging", "--sandbox"]) == 0
    capsys.readouterr()
    assert main(["rollback", "web", "--env", "staging", "--sandbox", "--pin"]) == 7, "there is nothing to go back to"
    assert "web-staging" in (shown := capsys.readouterr()).out + shown.err
    assert main(["status", "web", "--env", "stagign", "--sandbox"]) == 64
    assert "did you mean staging?" in capsys.readouterr().err
    assert Path(".reconcile/sandbox-staging.db").exists(), "an account of its own"


def test_no_spec_can_hold_the_token_of_an_environment(checkout: Path):
    (checkout / "specs/web.yaml").write_text(yaml.safe_dump(web(envs=[{"key": "L", "value": "${LEVEL}"}])))
    secret = "dop_v1_0123456789abcdef"
    desired = check(RunOptions(environ={"STAGING_TOKEN": secret, "LEVEL": secret}, environment="prod"))
    assert "token-variable" in {one.code for one in desired.findings if one.is_error}
    assert secret in desired.secrets
    assert secret not in repr(desired.apps)


def test_no_secret_is_in_a_rendering_or_a_plan(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    envs = [
        {"key": "A", "type": "SECRET", "value": "${KEY}"},
        {"key": "B", "value": "x-${KEY}"},
        {"key": "C", "value": "c"},
    ]
    (checkout / "specs/web.yaml").write_text(yaml.safe_dump(web(envs=envs)))
    (checkout / "over.yaml").write_text(
        "name: web\nservices: {api: {envs: {D: {value: correct horse battery, type: SECRET}}}}\n"
    )
    (checkout / "reconcile.yaml").write_text(
        "variables: [{name: KEY, secret: true}]\n"
        "environments: {prod: {overlays: [over.yaml], variables: {KEY: Tr0ub4dor-and-3}}}\n"
    )
    for words in (
        ["render"],
        ["render", "-v"],
        ["--plan", "--sandbox", "-v", "--env", "prod"],
        ["--plan", "--sandbox", "--env", "all"],
    ):
        assert main(words) == 0
        out = capsys.readouterr()
        assert "Tr0ub4dor" not in out.out + out.err
        assert "horse" not in out.out + out.err


# --- what a run is about: the account, the apps by name, those that changed -------------------------------------------


def test_c88_an_environment_may_be_of_another_account_than_the_file(checkout: Path):
    (checkout / "reconcile.yaml").write_text(
        "account: {team: Acme}\nenvironments:\n  staging: {account: {team: Acme Staging}}\n  prod: {}\n"
    )
    file = read_config(None, ("specs",))
    accounts = {name: file.within(name).config.account for name in ("staging", "prod")}
    assert {name: account and account.team for name, account in accounts.items()} == {
        "staging": "Acme Staging",
        "prod": "Acme",
    }
    assert str(file.within("staging").locate("/account")) == "reconcile.yaml:3:22"


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"apps": {"web"}}, ["web-staging"]),
        ({"apps": {"web-staging"}}, ["web-staging"]),
        ({"apps": {"w*"}}, ["web-staging"]),
        ({"apps": {"*-staging"}}, ["db-staging", "web-staging"]),
        ({"apps": {"d?"}}, ["db-staging"]),
        ({"exclude": {"web"}}, ["db-staging"]),
        ({"exclude": {"w*"}}, ["db-staging"]),
    ],
)
def test_apps_are_named_as_in_the_base_or_as_in_the_environment(
    checkout: Path, wanted: dict[str, set[str]], left: list[str]
):
    options = RunOptions(environment="staging", **{field: frozenset(names) for field, names in wanted.items()})  # type: ignore[arg-type]
    assert sorted(app.name for app in check(options).apps) == left


def test_a_secret_of_an_overlay_needs_no_value_offline(checkout: Path):
    (checkout / "over.yaml").write_text(
        "name: web\nservices:\n- name: api\n  envs: [{key: KEY, type: SECRET, value: '${PASSWORD}'}]\n"
    )
    (checkout / "reconcile.yaml").write_text(
        "variables: [{name: PASSWORD, secret: true}]\nenvironments: {prod: {overlays: [over.yaml]}}\n"
    )
    options = RunOptions(environment="prod")
    assert not [one for one in check(options, offline=True).findings if one.is_error]
    (missing,) = [one for one in check(options).findings if one.is_error]
    assert (missing.code, str(missing.location)) == ("unset-variable", "over.yaml:4:42")


@pytest.fixture
def overlaid(checkout: Path) -> Iterator[Repository]:
    """A commit with an overlay for each app and a file of variables."""
    repository = Repository(checkout)
    for name in ("web", "db"):
        (checkout / f"over/{name}.yaml").parent.mkdir(exist_ok=True)
        (checkout / f"over/{name}.yaml").write_text(f"name: {name}\nregion: fra\n")
    (checkout / "values.yaml").write_text("LEVEL: info\n")
    (checkout / "reconcile.yaml").write_text(
        "variables: [{name: LEVEL, default: info}]\n"
        "environments: {prod: {overlays: [over], variable_files: [values.yaml]}, other: {}}\n"
    )
    (checkout / "specs/api.yaml").write_text(yaml.safe_dump(web("api")))
    repository.commit(0)
    yield repository
    repository.repo.close()


CHANGED = [
    ("over/web.yaml", "name: web\nregion: ams\n", ["web"]),
    ("over/web.yaml", "name: web\nregion: null\n", ["web"]),
    ("over/web.yaml", "", ["api", "db", "web"]),
    ("over/api.yaml", "name: api\nregion: fra\n", ["api"]),
    ("values.yaml", "LEVEL: debug\n", ["api", "db", "web"]),
]


@pytest.mark.parametrize(("file", "text", "apps"), CHANGED, ids=["value", "removal", "gone", "new", "variables"])
def test_an_app_changes_with_its_overlays_and_every_app_with_the_variables(
    checkout: Path, overlaid: Repository, file: str, text: str, apps: list[str]
):
    if text:
        (checkout / file).write_text(text)
    else:
        (checkout / file).unlink()

    def changed(environment: str) -> list[str]:
        options = RunOptions(environment=environment, changed_since="HEAD", environ=dict(os.environ))
        return sorted(app.name for app in check(options).apps)

    assert changed("prod") == apps
    assert changed("other") == [], "it has no part of it"


# --- without environments nothing changes ----------------------------------------------------------------------------


def test_without_environments_every_output_is_as_it_was(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """An environment that overrides nothing shows what it is without: byte by byte, numbers of requests included."""
    warp(monkeypatch)
    common = "variables: [{name: LEVEL, default: info}]\ndefaults: {health: {soak: 0s}}\n"
    outputs = []
    for config, flags in ((common, []), (f"{common}environments: {{prod: {{}}}}\n", ["--env", "prod"])):
        (checkout / "reconcile.yaml").write_text(config)
        shown = []
        for words in (
            ["validate"],
            ["--plan", "--sandbox"],
            ["--drift", "--sandbox"],
            ["render"],
        ):
            code = main([*words, *flags])
            out = capsys.readouterr()
            shown.append((words, code, out.out, out.err))
        outputs.append(shown)
    assert [one[:2] for one in outputs[0]] == [one[:2] for one in outputs[1]]
    for without, within in zip(*outputs, strict=True):
        out = within[2].replace("# prod/", "# /") if without[0] == ["render"] else within[2]
        assert (without[2], without[3]) == (out, within[3])


def test_applying_all_at_once_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--env", "all", "--sandbox"]) == 64
    assert "--env all only plans and compares" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "markdown", "sarif", "github"])
def test_all_environments_in_every_format(checkout: Path, form: str, capsys: pytest.CaptureFixture[str]):
    assert main(["--plan", "--env", "all", "--sandbox", "--format", form]) == 0
    out = capsys.readouterr().out
    if form == "json":
        document = json.loads(out)
        assert (document["kind"], list(document["environments"])) == ("environments", ["staging", "prod"])
    elif form == "sarif":
        assert json.loads(out)["version"] == "2.1.0"
    else:
        assert "create in staging, prod" in out
