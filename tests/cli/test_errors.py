"""Errors that say what is missing and what to do: scopes, values of secrets, folders, extras, templates, other apps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from reconciler.cli import connect
from reconciler.cli.connect import missing_extra
from reconciler.sandbox import Sandbox
from tests.cli.conftest import ROOT

SECRET = """\
name: web
services:
  - name: api
    image: {registry_type: DOCKER_HUB, registry: library, repository: nginx, tag: "1.27"}
    envs:
      - {key: TOKEN, value: "${TOKEN}", type: SECRET}
      - {key: URL, value: "postgres://web:${PASSWORD}@db/web"}
"""
CONFIG = "variables: [TOKEN, {name: PASSWORD, secret: true}]\n"


def test_a_scope_that_is_missing_is_said_once_with_what_did_not_happen(run, monkeypatch, capsys):
    monkeypatch.setattr("reconciler.cli.connect.EMBEDDED", "token-without-scopes")
    Path(".reconcile").mkdir()
    box = Sandbox(Path(".reconcile/sandbox.db"))
    box.configure(tokens={"token-without-scopes": ("account:read",)})
    box.close()
    assert run("plan", "--sandbox") == 1
    said = capsys.readouterr().err
    assert said.startswith("reconcile: nothing was changed: GET /v2/apps: 403 ")
    assert said.endswith("\n  the token needs the scope app:read\n")
    assert said.count("403") == 1


@pytest.mark.parametrize("environ", [{}, {"TOKEN": "", "PASSWORD": ""}])
def test_validating_needs_no_value_of_a_secret_and_a_plan_does(run, checkout, monkeypatch, capsys, environ):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (checkout / "specs/web.yaml").write_text(SECRET)
    (checkout / "reconcile.yaml").write_text(CONFIG)
    assert run("validate", "--app", "web") == 0
    assert capsys.readouterr().out == "1 app checked, no findings\n"
    assert run("plan", "--sandbox", "--app", "web") == (0 if environ else 3)
    said = capsys.readouterr()
    assert "variable TOKEN is" in said.out + said.err


def test_validating_needs_the_value_of_what_is_no_secret(run, checkout, capsys):
    (checkout / "specs/web.yaml").write_text(SECRET.replace('"1.27"', '"${TAG}"'))
    (checkout / "reconcile.yaml").write_text("variables: [TOKEN, TAG, {name: PASSWORD, secret: true}]\n")
    assert run("validate", "--app", "web") == 3
    assert capsys.readouterr().out.count("is not set") == 1


def test_without_the_folder_of_specs_it_is_said_how_to_get_one(run, checkout, capsys):
    (checkout / "specs").rename(checkout / "elsewhere")
    assert run("plan", "--sandbox") == 3
    assert "no such file or folder: specs" in (said := capsys.readouterr().err)
    assert "import your live apps with `reconcile import --all`, or name the folder that has specs" in said
    assert run("plan", "--sandbox", "missing") == 3
    assert "check the path" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["specs/shop.yml", "specs/shp.yaml", "spec/shop.yaml", "shop", "specs/shop"])
def test_a_misspelt_path_leads_to_the_file_that_exists(run, capsys, word):
    for command in ("plan", "validate"):
        assert run(command, word, *(["--sandbox"] if command == "plan" else [])) == 3
        said = capsys.readouterr()
        assert f"no such file or folder: {word}" in said.out + said.err
        assert "did you mean specs/shop.yaml?" in said.out + said.err


def test_a_misspelt_folder_or_configuration_leads_to_the_one_that_exists(run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("{}")
    for arguments, hint in ((["spec"], "specs"), (["--config", "reconcil.yml"], "reconcile.yaml")):
        assert run("validate", *arguments) == 3
        said = capsys.readouterr()
        assert f"did you mean {hint}?" in said.out + said.err
    assert run("validate", "nowhere/at/all.yaml") == 3
    assert "check the path" in capsys.readouterr().out


def test_one_file_has_no_warnings_about_the_apps_of_the_others(run, checkout, capsys):
    (checkout / "reconcile.yaml").write_text("apps: {handbook: {depends_on: [shop]}, mailer: {}, gone: {}}\n")
    assert run("validate", "specs/shop.yaml") == 0
    assert "unknown-app" not in capsys.readouterr().out
    assert run("validate") == 0
    assert capsys.readouterr().out.count("unknown-app") == 1


def test_c79_a_template_alone_is_read_and_said_to_be_one(run, checkout, capsys):
    (checkout / ".do").mkdir()
    spec = "".join(f"  {line}\n" for line in (checkout / "specs/shop.yaml").read_text().splitlines())
    (checkout / ".do/deploy.template.yaml").write_text(f"spec:\n{spec}")
    run("validate", ".do")
    said = capsys.readouterr().out
    assert ".do/deploy.template.yaml" in said
    assert "a template, read as an app's spec" in said


def test_a_sandbox_whose_server_is_not_installed_says_how_to_install_it(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run("sandbox", "serve", "--port", "0") == 64
    said = capsys.readouterr().err
    assert "this needs the package uvicorn, of the extra 'sandbox'" in said
    assert "internal error" not in said


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("/usr", "pip install 'app-platform-reconciler[sandbox]'"),
        ("/home/ada/.local/share/pipx/venvs/x", "pipx install --force 'app-platform-reconciler[sandbox]'"),
        ("/home/ada/.local/share/uv/tools/x", "uv tool install --force 'app-platform-reconciler[sandbox]'"),
    ],
)
def test_the_hint_fits_what_installed_the_command(monkeypatch, tmp_path, prefix, hint):
    monkeypatch.setattr(connect, "__file__", str(tmp_path / "reconciler/cli/connect.py"))
    monkeypatch.setattr(sys, "prefix", prefix)
    assert missing_extra("sandbox", ImportError(name="uvicorn")).hint == hint


def test_the_package_has_that_name():
    assert f'\nname = "{connect.PACKAGE}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("flags", [[], ["--force"]])
def test_a_committed_rollback_is_json_if_asked_for(run, capsys, edit, flags):
    assert run("--sandbox", "--app", "shop") == 0
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox", "--app", "shop") == 0
    assert run("rollback", "shop", "--pin", "--sandbox") == 0
    capsys.readouterr()
    assert run("rollback", "shop", "--commit", "--sandbox", "--format", "json", *flags) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], [app["outcome"] for app in document["apps"]]) == ("rollout", ["taken_back"])
    assert run("rollback", "shop", "--commit", "--sandbox", *flags) == 64, "it is committed"


def test_an_import_says_which_plaintext_secret_it_does_not_write(run, checkout, capsys):
    logs = '    log_destinations:\n      - name: logs\n        open_search: {endpoint: "https://l.example.com:9200", '
    spec = SECRET.partition("    envs:")[0] + logs + "basic_auth: {password: hunter2}}\n"
    (checkout / "specs/web.yaml").write_text(spec)
    assert run("--sandbox", "--app", "web") == 0
    capsys.readouterr()
    assert run("import", "web", "--into", "new", "--sandbox") == 0
    said = capsys.readouterr()
    path = "services/api/log_destinations/logs/open_search/basic_auth/password"
    assert f"the secret {path} is plaintext on App Platform and was not written [secret-left-out]" in said.err
    assert "hunter2" not in said.err + said.out + Path("new/web.yaml").read_text()
    assert run("import", "web", "--sandbox") == 0
    assert "secret-left-out" not in capsys.readouterr().err, "that file has it"
