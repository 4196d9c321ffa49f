"""The entry point: interrupted before the command has even been imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reconciler.__main__ import main

ROOT = Path(__file__).parents[2]

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys, time

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "reconciler.cli.main":
            os.kill(os.getpid(), signal.SIGNAL)
            time.sleep(0.01)

sys.meta_path.insert(0, Interrupting())
from reconciler.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_c90_a_signal_while_the_command_is_still_starting_ends_it(name: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING.replace("SIGNAL", name), "validate"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (130, "reconcile: interrupted; nothing was being changed\n")


LOST_IN_AN_IMPORT = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "reconciler.engine.apply":
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except KeyboardInterrupt:
                pass  # as the machinery of imports may do with an exception

sys.meta_path.insert(0, Interrupting())
from reconciler.__main__ import main
sys.exit(main())
"""


def test_c90_a_signal_that_an_import_swallows_stops_the_apply_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "web.yaml").write_text((ROOT / "specs" / "shop.yaml").read_text())
    command = [sys.executable, "-c", LOST_IN_AN_IMPORT, "--sandbox"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (130, "reconcile: interrupted; nothing was being changed\n")
    shown = [sys.executable, "-m", "reconciler", "sandbox", "show"]
    after = subprocess.run(shown, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert "has no apps" in after.stdout + after.stderr


def test_the_installed_command_is_that_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["reconcile"] == f"{main.__module__}:main"
