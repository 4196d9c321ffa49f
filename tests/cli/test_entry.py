"""The entry point: interrupted before the command has even been imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from reconciler.__main__ import main

ROOT = Path(__file__).parents[2]

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys, time

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "reconciler.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

sys.meta_path.insert(0, Interrupting())
from reconciler.__main__ import main
sys.exit(main())
"""


def test_an_interrupt_while_the_command_is_still_starting_ends_with_a_word():
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING, "validate"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (130, "reconcile: interrupted; nothing was being changed\n")


def test_the_installed_command_is_that_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["reconcile"] == f"{main.__module__}:main"
