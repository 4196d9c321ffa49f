"""docs/sandbox.md agrees with the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from checks.sandbox_tables import current
from reconciler.cli.commands import build
from reconciler.sandbox import Sandbox, Settings
from reconciler.sandbox.api import OPERATIONS
from reconciler.sandbox.settings import EVIDENCE, Evidence, describe, to_data
from reconciler.sandbox.simulation.faults import DEPLOYMENT_FAULTS, REQUEST_FAULTS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_tables_are_current() -> None:
    assert current(DOCUMENT) == DOCUMENT, "run: python -m checks.sandbox_tables docs/sandbox.md"


def test_every_operation_and_setting_is_in_a_table() -> None:
    for operation in OPERATIONS:
        assert f"| `{operation.id}` | `{operation.method} {operation.path}` | `{operation.scope}` | served" in DOCUMENT
    for name, default, _ in describe():
        assert re.search(rf"\| `{re.escape(name)}` \| {re.escape(f'`{default}`') if default else ''} \|", DOCUMENT)


def test_every_default_that_is_the_platforms_has_its_evidence() -> None:
    """The others are the sandbox's own: times, limits that are off, names and tokens."""
    own = {"speed", "seed", "rate_per_minute", "rate_per_hour", "tokens", "project_id", "default_region", "team"}
    assert set(to_data(Settings())) - set(EVIDENCE) == own
    assert set(EVIDENCE.values()) == set(get_args(Evidence))


def test_every_fault_and_control_is_documented() -> None:
    documented = {
        kind for line in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", DOCUMENT, re.MULTILINE) for kind in line.split(", ")
    }
    assert {f"`{kind}`" for kind in DEPLOYMENT_FAULTS + REQUEST_FAULTS} <= documented
    rows = re.findall(r"^\| `([A-Z`, ]+) /_sandbox/(\w+)`", DOCUMENT, re.MULTILINE)
    sandbox = Sandbox()
    assert {f"{method} {name}" for methods, name in rows for method in methods.split("`, `")} == set(sandbox.controls())
    sandbox.close()


COMMANDS = [line.partition("#")[0].strip() for line in DOCUMENT.splitlines() if line.startswith("reconcile ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shown_is_one(command: str) -> None:
    build().parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)
    assert len(COMMANDS) == 10
