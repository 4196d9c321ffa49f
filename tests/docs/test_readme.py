"""What README says is held against the program."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dulwich import porcelain

from checks import picture
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
    (order,) = re.findall(r"the most serious code wins: ([\d >]+)\.", README)
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


def test_the_pages_of_the_documentation_are_all_reached_from_its_index():
    docs, seen, waiting = ROOT / "docs", set(), [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text())
        waiting += [(page.parent / target).resolve() for target in targets]
    assert {page for page in docs.glob("**/*.md") if page.parent.name != "schemas"} - seen == set()


def test_the_picture_in_the_readme_is_what_the_program_prints():
    assert "](docs/plan.svg)" in README
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.drawn(), "run: python -m checks.picture"


def test_the_order_is_the_one_a_newcomer_needs():
    titles = re.findall(r"(?m)^## (.*)$", README)
    assert titles == [
        "Try it", "Install", "Real use", "Rehearse", "Commands", "How a rollback is decided", "Configuration",
        "Exit codes", "Beside the vendor's tools", "Questions", "More",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A served sandbox with the three example apps, in the place of App Platform; its address."""
    there = tmp_path_factory.mktemp("there")
    shutil.copytree(ROOT / "specs", there / "specs")
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("DIGITALOCEAN_", "RECONCILE_"))
    }
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "DIGITALOCEAN_TOKEN": "anyone"}
    command = [sys.executable, "-m", "reconciler"]
    serve = [*command, "sandbox", "serve", "--port", "0", "--speed", "instant"]
    process = subprocess.Popen(serve, cwd=there, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = re.findall(r"http://\S+", process.stdout.readline())[0]
        (there / "reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n")
        subprocess.run([*command, "apply", "--api-url", address], cwd=there, env=environ, check=True)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_real_use_in_the_readme_works_as_written_in_an_empty_folder(tmp_path, service, monkeypatch, capsys):
    part = README.split("## Real use\n")[1].split("\n## ")[0]
    lines = [line[2:] for block in blocks("console", part) for line in block.splitlines() if line.startswith("$ ")]
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("DIGITALOCEAN_API_URL", service)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "")
    warp(monkeypatch)
    said: dict[str, list[str]] = {}
    for line in lines:
        words = shlex.split(line, comments=True)
        match words:
            case ["reconcile", *arguments]:
                code = main(arguments)
                said.setdefault(arguments[0], []).append(capsys.readouterr().out)
                assert code == 0, line
            case ["mkdir", "apps", "&&", "cd", "apps", "&&", "git", "init"]:
                Path("apps").mkdir()
                monkeypatch.chdir("apps")
                porcelain.init(".").close()
            case ["export", assignment]:
                monkeypatch.setenv(assignment.partition("=")[0], "a-token")
            case ["git", "add", "specs", "&&", "git", "commit", "-m", message]:
                porcelain.add(".", ["specs"])
                porcelain.commit(".", message=message.encode(), author=b"Ada <a@b.c>", committer=b"Ada <a@b.c>")
            case ["$EDITOR", file]:
                text = Path(file).read_text()
                assert "value: info" in text
                Path(file).write_text(text.replace("value: info", "value: debug"))
            case _:
                raise AssertionError(f"the test does not know {line}")
    assert said["import"][0].count("written to specs/") == 3
    assert "3 in sync" in said["plan"][0]
    assert "1 to update, 2 in sync" in said["plan"][1]
    assert re.search(r"✓ shop +applied", said["apply"][0])
    assert "shop" in said["status"][0]
    assert main(["plan", "--exit-code"]) == 0


def test_the_account_in_the_readme_is_refused_to_another_token(tmp_path, service, monkeypatch, capsys):
    (named,) = re.findall(r"`(account: \{team: .*?\})`", README)
    shutil.copytree(ROOT / "specs", tmp_path / "home/specs")
    (tmp_path / "home/reconcile.yaml").write_text(f"{named}\n")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("DIGITALOCEAN_API_URL", service)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "a-token")
    assert main(["plan"]) == 0
    (tmp_path / "home/reconcile.yaml").write_text(named.replace("My Team", "Acme") + "\n")
    assert main(["apply"]) == 7
    assert (
        "reconcile.yaml is for the team 'Acme', and this token belongs to the team 'My Team'" in capsys.readouterr().err
    )


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
