"""Every file and command of docs/environments.md is tried, in their order; what is shown is what is printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.commands import build
from reconciler.cli.main import main
from reconciler.environments import Environment
from tests.support.warp import warp

PAGE = (Path(__file__).parents[2] / "docs/environments.md").read_text(encoding="utf-8")
FILE = r"`([\w./-]+)`:\n\n```yaml\n(.*?)```"
BLOCK = re.compile(rf"{FILE}|```console\n(.*?)```", re.DOTALL)


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with what it shows."""
    parts = re.split(r"(?m)^\$ ", block)[1:]
    return [(line, shown) for line, _, shown in (part.partition("\n") for part in parts)]


def steps(page: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Write the files of a page into a folder as they come, and hand out each command with what it shows."""
    for match in BLOCK.finditer(page):
        path, text, block = match.groups()
        if path:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        else:
            yield from commands(block)


def test_the_page_from_beginning_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clock = warp(monkeypatch)
    tried = 0
    for line, shown in steps(PAGE, tmp_path):
        words, exit_code = shlex.split(line, comments=True), int((re.findall(r"# exit (\d+)", line) or [0])[0])
        if words[0] == "sed":
            _edit(tmp_path / words[3], words[2])
            continue
        capsys.readouterr()
        clock.ahead += 600  # long enough for any soak
        assert main(words[1:]) == exit_code, (line, capsys.readouterr())
        if shown:
            assert capsys.readouterr().out == shown, line
        tried += 1
    assert tried == PAGE.count("\n$ reconcile ")


def _edit(file: Path, edit: str) -> None:
    _, old, new, _ = re.split(r"(?<!\\)/", edit)
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new.replace("\\/", "/").replace("\\n", "\n")))


def test_every_field_of_an_environment_is_named() -> None:
    table = PAGE.partition("| field |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(Environment.model_fields)


def test_every_command_in_the_text_is_one() -> None:
    named = re.findall(r"`reconcile (\w+)", PAGE)
    assert named
    assert set(named) <= set(build())
