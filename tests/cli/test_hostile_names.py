"""Names from outside never reach a terminal or a runner's log raw: of files, of apps, on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.live.models import LiveApp
from reconciler.views import status
from reconciler.views.app_status import AppStatus
from tests.support.warp import warp

HOSTILE = [
    "\x1b[2J",
    "\x7f",
    "\x9b31m",
    "\u202egpj",
    "\u2066x",
    "\r::error::x",
    "x\n::add-mask::y",
    "##[error]x",
    "\x07",
]
SANDBOX = ("--sandbox", "--sandbox-file", "box.db")
_OURS = re.compile(r"::(error|warning|notice)( [a-z]+=[^:]*)?::.*")


def inert(text: str) -> bool:
    lines = text.split("\n")
    commands = [line for line in lines if line.lstrip().startswith("::")]
    printable = all(char.isprintable() for line in lines for char in line)
    return printable and "##[" not in text and all(map(_OURS.fullmatch, commands))


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, Iterable[tuple[str, ...]]], None]:
    """Runs commands that fail, in a folder where everything has a name from outside: what they print is inert."""

    def run(name: str, commands: Iterable[tuple[str, ...]]) -> None:
        monkeypatch.chdir(tmp_path)
        warp(monkeypatch)
        folder = Path("specs", name)
        folder.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text("name: [\n")
        (folder / "other.yaml").write_text(json.dumps({"name": name, name: 1, "services": [{"name": name}]}))
        for arguments in commands:
            assert main(arguments) != 0
            out, err = capsys.readouterr()
            assert inert(out), arguments
            assert inert(err), arguments

    return run


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["text", "json", "markdown", "sarif", "github"])
def test_no_name_from_outside_is_printed_raw(
    name: str, form: str, check: Callable[[str, Iterable[tuple[str, ...]]], None]
) -> None:
    commands = (
        ("validate", "specs"),
        ("validate", f"{name}.yaml"),
        ("--plan", *SANDBOX),
        ("--plan", "--expect", name),
        ("--plan", "--app", name, *SANDBOX),
        ("--plan", "--config", name, *SANDBOX),
        ("--plan", "--var", f"{name}=1", *SANDBOX),
    )
    check(name, [*((*command, "--format", form) for command in commands), ("--format", form, f"--{name}")])


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_from_outside_is_printed_raw_by_commands_without_a_format(
    name: str, check: Callable[[str, Iterable[tuple[str, ...]]], None]
) -> None:
    commands = (
        ("fmt", "specs"),
        ("fmt", name),
        ("import", name, *SANDBOX),
        ("status", name, *SANDBOX),
        ("rollback", name, *SANDBOX),
    )
    check(name, commands)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_platform_calls_an_app_is_inert_in_the_json_of_its_state(name: str) -> None:
    app = LiveApp(id=name, spec={"name": name}, live_url=f"https://x/{name}")
    document = status.machine([AppStatus(app)])
    assert inert(document)
    assert json.loads(document)["apps"][0]["app"] == name
