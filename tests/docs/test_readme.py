"""What README says is held against the program."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from reconciler.cli.commands import build
from reconciler.cli.main import main
from reconciler.config import Config
from reconciler.exit_codes import MEANINGS, MOST_SERIOUS_FIRST
from tests.support.warp import warp

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/**/*.md")])


def blocks(language: str, text: str = README) -> list[str]:
    return [re.sub(r"(?m)^ {3}(?=\S)", "", block) for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def commands(text: str) -> list[str]:
    """The `reconcile …` commands of the console blocks, without prompts and comments."""
    lines = [line.strip() for block in blocks("console", text) for line in block.splitlines()]
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ reconcile")]


def test_the_table_of_exit_codes_is_the_programs():
    table = dict(re.findall(r"(?m)^\| (\d+) \| (.*?) \|$", README))
    assert table == {str(int(code)): meaning for code, meaning in MEANINGS.items()}


def test_the_order_of_exit_codes_is_the_programs():
    (order,) = re.findall(r"the most serious wins: ([\d >]+)\.", README)
    assert [int(code) for code in order.split(" > ")] == [int(code) for code in MOST_SERIOUS_FIRST]


def test_the_table_of_commands_names_every_command():
    named = set(re.findall(r"(?m)^\| `reconcile (\w+)` \|", README))
    shown = {name for name in build() if not name.startswith("-") and build()[name].show}
    assert named == shown


@pytest.mark.parametrize("command", commands(README))
def test_every_command_in_the_readme_is_understood(command):
    words = shlex.split(command)[1:]
    build().parse_args(words, exit_on_error=False, print_error=False)  # raises what a person would be told


def test_the_configuration_example_is_valid():
    (example,) = blocks("yaml")
    config = Config.model_validate(yaml.safe_load(example))
    assert config.policy("web").depends_on == ["api"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(document):
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert missing == []


def test_the_map_for_contributors_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"(?m)^[├└]── ([\w./]+) ", text)
    there = {entry.name + "/" * entry.is_dir() for entry in (ROOT / "reconciler").iterdir()}
    assert set(named) == {name for name in there if not name.startswith(("_", "py.typed"))}
    assert len(named) == len(set(named))


def test_the_rehearsal_in_the_readme_is_rolled_back(tmp_path, monkeypatch):
    (block,) = (block for block in blocks("console") if "sandbox fail" in block)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    warp(monkeypatch)
    codes = []
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[0] == "reconcile":
            codes.append(main(words[1:]))
        else:
            spec = tmp_path / words[1]
            spec.write_text(spec.read_text().replace("value: info", "value: debug"))
    assert codes == [0, 0, 4, 0, 0]


def test_the_two_plans_in_the_readme_are_what_the_program_prints(tmp_path, monkeypatch, capsys):
    first, second = (block.split("\n", 1)[1].rstrip() for block in blocks("") if "--plan --sandbox" in block)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n")
    monkeypatch.chdir(tmp_path)
    clock = warp(monkeypatch)
    assert main(["--plan", "--sandbox"]) == 0
    assert capsys.readouterr().out.rstrip() == first
    assert main(["--sandbox"]) == 0
    clock.ahead += 86400
    spec = tmp_path / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("value: info", "value: debug"))
    capsys.readouterr()
    assert main(["--plan", "--sandbox"]) == 0
    assert capsys.readouterr().out.rstrip() == second
