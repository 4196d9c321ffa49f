"""C63: the tokens a run works with come out of no command, whatever quotes them, and go into no spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from reconciler.cli.main import main
from reconciler.errors import Rejected
from reconciler.redaction import TOKEN_VARIABLES
from reconciler.sandbox import Sandbox
from tests.support.account import web
from tests.support.warp import warp

TOKENS = {name: f"dop_v1_{number}zQ7zQ7zQ7" for number, name in enumerate(TOKEN_VARIABLES)}
FORMATS = ("text", "json", "markdown", "sarif", "github")
SANDBOX = ("--sandbox", "--sandbox-file", "box.db")

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command where every token is set."""
    monkeypatch.chdir(tmp_path)
    warp(monkeypatch)
    for name, token in TOKENS.items():
        monkeypatch.setenv(name, token)
    Path("specs").mkdir()
    Path("reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n")
    Sandbox(Path("box.db")).close()
    return lambda *arguments: main([str(argument) for argument in arguments])


def write(envs: list[dict[str, str]], tag: str = "1") -> None:
    spec = web(envs=envs)
    spec["services"][0]["image"]["tag"] = tag
    Path("specs/web.yaml").write_text(yaml.safe_dump(spec))


def shown(capsys: pytest.CaptureFixture[str], *files: str) -> str:
    out, err = capsys.readouterr()
    return "\n".join([out, err, *(Path(file).read_text() for file in files)])


def test_c63_a_token_that_stands_in_a_spec_is_shown_by_no_command(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    quoting = [{"key": f"QUOTES_{name}", "value": f"https://x:{token}@y"} for name, token in TOKENS.items()]
    write(quoting)
    assert run(*SANDBOX) == 0
    write([*quoting[1:], {"key": "OTHER", "value": f"{TOKENS['DIGITALOCEAN_TOKEN']} and more"}], tag="2")
    for name in FORMATS:
        run("--plan", "--verbose", "--format", name, *SANDBOX)
        run("--drift", "--verbose", "--format", name, *SANDBOX)
        run("validate", "--format", name)
    assert run("--plan", "--save", "plan.json", *SANDBOX) == 0
    box = Sandbox(Path("box.db"))
    box.fail("web", "deploy", message=f"exited: {' '.join(TOKENS.values())}")
    box.close()
    for name in ("text", "json"):
        assert run("--verbose", "--retry", "--format", name, *SANDBOX) in (0, 4)
    run("status", "web", *SANDBOX)
    told = shown(capsys, "plan.json")
    assert "(secret)" in told
    for token in TOKENS.values():
        assert token not in told


@pytest.mark.parametrize("name", TOKEN_VARIABLES)
def test_c63_an_error_that_quotes_a_token_is_told_without_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    async def refuse(*_: object) -> None:
        message = f"Bearer {TOKENS[name]} is not fine"
        raise Rejected(message, method="PUT", path="/v2/apps", status=422, hint=f"why {TOKENS[name]}?")

    write([])
    monkeypatch.setattr("reconciler.engine.apply.plan", refuse)
    assert run(*SANDBOX) == 1
    told = shown(capsys)
    assert "Bearer (secret) is not fine" in told
    assert TOKENS[name] not in told


@pytest.mark.parametrize("command", [("validate",), ("--plan", *SANDBOX), SANDBOX])
def test_c63_a_token_that_is_given_a_variables_name_is_refused_before_anything_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    write([{"key": "LEAK", "value": "${KEY}"}])
    Path("reconcile.yaml").write_text("variables: [KEY]\n")
    monkeypatch.setenv("KEY", TOKENS["GITHUB_TOKEN"])
    assert run(*command) == 3
    told = shown(capsys)
    assert "variable KEY contains this run's own token" in told
    assert TOKENS["GITHUB_TOKEN"] not in told
