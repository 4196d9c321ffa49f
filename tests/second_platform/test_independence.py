"""The second platform shares nothing with the first: no import, no text, no way in by a module between them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = sorted(HERE.glob("*.py"))
FAKE = ("model", "specs", "rendering", "state", "mischief", "routes")
"""The fake itself, without what brings it and the reconciler together."""

LINES = 4
"""So many lines in a row that are the same in both would be shared code."""


def imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_one_module_alone_knows_the_reconciler_and_none_the_sandbox():
    knowing = {file.name for file in MODULES if any(name.split(".")[0] == "reconciler" for name in imported(file))}
    assert knowing == {"adapter.py"}
    assert [name for file in MODULES for name in imported(file) if "sandbox" in name] == []


def test_the_fake_itself_needs_the_standard_library_alone():
    for name in FAKE:
        roots = {found.split(".")[0] for found in imported(HERE / f"{name}.py")}
        assert roots - sys.stdlib_module_names - {"tests"} == set()
        others = {found.split(".")[2] for found in imported(HERE / f"{name}.py") if found.startswith("tests.")}
        assert others <= set(FAKE)


def loaded_with(module: str) -> set[str]:
    """The modules that are loaded once another one is, in a process of its own."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_nothing_of_the_reconciler_is_loaded_with_the_fake_and_no_sandbox_with_the_player():
    assert {name for name in loaded_with("tests.second_platform.routes") if name.split(".")[0] == "reconciler"} == set()
    assert {
        name for name in loaded_with("tests.second_platform.play") if name.startswith("reconciler.sandbox")
    } == set()


def windows(file: Path) -> set[tuple[str, ...]]:
    """Every few lines in a row of a file's code: no imports, no lines of a bracket alone."""
    text = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in text if len(line) > 8 and not line.startswith(("from ", "import ", "#", '"""'))]
    return {tuple(kept[place : place + LINES]) for place in range(len(kept) - LINES + 1)}


def test_no_lines_are_shared_with_the_sandbox():
    theirs: set[tuple[str, ...]] = set()
    for file in (ROOT / "reconciler/sandbox").rglob("*.py"):
        theirs |= windows(file)
    assert theirs, "there is no sandbox to compare with"
    for file in MODULES:
        assert windows(file) & theirs == set(), file.name
