"""What docs/elsewhere.md promises beyond GitHub: completion, hooks, flags that exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

from reconciler.cli import main
from tests.github.runner import ROOT

DOCUMENTS = ("docs/elsewhere.md", "docs/github.md")
SPEC = """\
name: desk
region: fra
workers:
  - name: mails
    image:
      registry_type: DOCKER_HUB
      registry: acme
      repository: desk
      tag: "1"
"""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags_and_not_what_is_for_github_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    file = tmp_path / "script"
    assert main(["--install-completion", "--shell", shell, "--output", str(file)]) == 0
    assert capsys.readouterr().out == f"written to {file}\n"
    script = file.read_text()
    for word in ("validate", "sandbox", "expect"):
        assert word in script
    assert not re.search(r"\baction\b", re.sub(r"(?m)^\s*#.*$", "", script).replace("_action", ""))


def test_completion_of_an_unknown_shell_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cyclopts.completion import detect

    def unknown() -> None:
        raise detect.ShellDetectionError

    monkeypatch.setattr("cyclopts.core.detect_shell", unknown, raising=False)
    monkeypatch.setattr(detect, "detect_shell", unknown)
    assert main(["--install-completion"]) == 64


def test_the_hooks_accept_good_specs_and_refuse_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    (tmp_path / "specs").mkdir()
    file = tmp_path / "specs/desk.yaml"
    for text, expected in (
        (SPEC, (0, 0)),
        (SPEC.replace("    image", "    image  "), (0, 2)),
        (SPEC.replace("name: desk", "name: Desk!"), (3, 0)),
    ):
        file.write_text(text)
        codes = []
        for name in ("reconcile-validate", "reconcile-fmt"):
            command, *arguments = shlex.split(hooks[name]["entry"])
            assert command == "reconcile"
            names = ["specs/desk.yaml"] if hooks[name].get("pass_filenames", True) else ["specs"]
            codes.append(main([*arguments, *names]))
        assert tuple(codes) == expected


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every flag that the command's help names."""
    commands: tuple[list[str], ...] = (
        [],
        ["validate"],
        ["import"],
        ["fmt"],
        ["schema"],
        ["status"],
        ["rollback"],
        ["--install-completion"],
    )
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setenv("COLUMNS", "200")
        assert not any(main([*command, "--help"]) for command in commands)
    return set(re.findall(r"--[a-z][a-z-]+", shown.getvalue()))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_flag_that_the_documents_name_is_one(document: str, known: set[str]) -> None:
    told = {flag for line in commands(document) for flag in re.findall(r"(?<=\s)--[a-z][a-z-]+", line)}
    assert told <= known


def commands(document: str) -> list[str]:
    """What follows `reconcile` on its lines, in code."""
    text = (ROOT / document).read_text(encoding="utf-8")
    inline = re.findall(r"`(reconcile(?: [^`]*)?)`", text)
    blocks = re.findall(
        r"(?m)(?:^|[\s=])(reconcile (?:--|[a-z]).*)$", "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
    )
    return inline + blocks
