"""A folder with the example specs, the embedded sandbox, and a clock that does not make anybody wait."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.support.warp import warp

ROOT = Path(__file__).parents[2]

Run = Callable[..., int]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """The working directory: a copy of the example specs."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITALOCEAN_TOKEN", raising=False)
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    warp(monkeypatch)
    return tmp_path


@pytest.fixture
def run(checkout) -> Run:
    """Runs the command in the checkout; the exit code is returned."""
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture
def edit(checkout) -> Callable[[str, str, str], None]:
    """Changes a spec of the checkout."""

    def change(name: str, before: str, after: str) -> None:
        path = checkout / f"specs/{name}.yaml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    return change
