"""Names that are strings: whatever moves, each still names something, so that no check goes quiet by itself."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from pkgutil import resolve_name

import pytest

from checks.mutants import MODULES, TESTS, TIERS, found_in

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CODE = ("reconciler", "tests", "checks", "benchmarks")

FEWEST_MUTANTS = 3500
"""There were as many when this was written: moving code must not take any out of sight."""

FEWEST_CONTRACTS = 6


def contracts() -> list[dict[str, object]]:
    found: list[dict[str, object]] = PROJECT["tool"]["importlinter"]["contracts"]
    return found


def names_of_contracts() -> list[str]:
    entries = [
        entry
        for contract in contracts()
        for key in ("layers", "source_modules", "forbidden_modules", "modules", "ancestors", "containers")
        for entry in contract.get(key, [])  # type: ignore[attr-defined]  # tables of the TOML file
    ]
    names = [name.strip(" ()") for entry in entries for name in re.split(r"[|:]", entry)]
    return sorted({name for name in names if name.startswith("reconciler")})


def dotted_strings() -> list[str]:
    """``reconciler.a.b`` within quotes or backticks, in the code and in the pages."""
    listed = subprocess.run(
        ["git", "ls-files", *CODE, "docs", "Makefile", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: set[str] = set()
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", "") and path.name != "test_names.py" and path.exists():
            found |= set(re.findall(r"[\"'`](reconciler(?:\.\w+)+(?::\w+)?)[\"'`]", path.read_text(encoding="utf-8")))
    return sorted(found)


LABELS = {"reconciler.changes_nothing", "reconciler.decoded", "reconciler.single_try", "reconciler.yaml"}
"""Keys of httpx's extensions and a file: they look like modules and are none."""


@pytest.mark.parametrize("name", names_of_contracts())
def test_a_contract_of_imports_names_a_module_that_there_is(name: str) -> None:
    assert importlib.util.find_spec(name.rstrip(".*")), name


def test_contracts_do_not_get_fewer() -> None:
    assert len(contracts()) >= FEWEST_CONTRACTS


@pytest.mark.parametrize("name", sorted(set(dotted_strings()) - LABELS))
def test_a_module_named_in_a_string_is_there(name: str) -> None:
    assert resolve_name(name) is not None


@pytest.mark.parametrize("name", MODULES)
def test_a_module_whose_mutants_are_hunted_has_some(name: str) -> None:
    assert found_in(name)


def test_mutants_do_not_get_fewer() -> None:
    assert sum(len(found_in(name)) for name in MODULES) >= FEWEST_MUTANTS


@pytest.mark.parametrize("name", [name for names in TIERS.values() for name in names])
def test_a_tier_names_a_file_of_tests(name: str) -> None:
    assert (TESTS / name).is_file()


def test_coverage_measures_packages_that_there_are() -> None:
    for name in PROJECT["tool"]["coverage"]["run"]["source_pkgs"]:
        assert importlib.util.find_spec(name), name


def test_coverage_runs_files_and_leaves_out_tests_that_there_are() -> None:
    covering = re.search(r"^COVERING := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert covering
    for path in re.findall(r"tests/[\w/.]+", covering[1]):
        assert (ROOT / path).exists(), path
    left_out = re.search(r'-k "not \((.+?)\)"', covering[1])
    assert left_out
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for words in left_out[1].split(" or "):
        assert re.search(rf"def test_\w*{words}", tests), words


def test_make_runs_programs_that_there_are() -> None:
    for module in re.findall(r"python -m ([\w.]+)", MAKEFILE):
        assert importlib.util.find_spec(module), module
    for path in re.findall(r"\b(checks/[\w.]+)", MAKEFILE):
        assert (ROOT / path).is_file(), path
