"""The entry point: interrupted before the command has even been imported."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from reconciler.__main__ import main


class Interrupting:
    """Ctrl-C while the command is being imported."""

    def find_spec(self, name, path=None, target=None):
        if name == "reconciler.cli.main":
            raise KeyboardInterrupt


def test_an_interrupt_while_the_command_is_still_starting_ends_with_a_word(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("reconciler.cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert main() == 130
    assert capsys.readouterr().err == "reconcile: interrupted; nothing was being changed\n"


def test_the_installed_command_is_that_entry_point():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["reconcile"] == f"{main.__module__}:main"
