"""Every way in which a code reaches a finding is followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.finding_codes import Source, codes

BASE = """
@dataclass
class Finding:
    severity: str
    code: str
    message: str
"""

WAYS = {
    "written out": ('Finding("error", "a", "m")', {"a"}),
    "by keyword": ('Finding("error", message="m", code="a")', {"a"}),
    "of a constant": ('_A = "a"\nFinding("error", _A, "m")', {"a"}),
    "of one of two variables": (
        """
def f(x):
    if x:
        severity, code = 1, "a"
    else:
        severity, code = 2, "b"
    Finding(severity, code, "m")
""",
        {"a", "b"},
    ),
    "by a private function": (
        """
def _f(x, code):
    return Finding(x, code, "m")

_f(1, "a")
""",
        {"a"},
    ),
    "by two functions": (
        """
def _f(code):
    return Finding(1, code, "m")

def _g(x, name):
    return _f(name)

_g(1, "a")
""",
        {"a"},
    ),
    "by a function within": (
        """
def f(code):
    def g():
        return Finding(1, code, "m")
    return g()

f("a")
""",
        {"a"},
    ),
    "by a method": (
        """
class Scene:
    def error(self, code, message):
        return Finding(1, code, message)

def f(scene):
    scene.error("a", "m")
""",
        {"a"},
    ),
    "by a record": (
        """
class Problem:
    node: int
    code: str

def f(problem):
    Finding(1, problem.code, "m")

Problem(1, "a")
""",
        {"a"},
    ),
    "made of parts": ('def f(name):\n    Finding(1, f"invalid-{name}", "m")', {"invalid-*"}),
    "computed": ('def f(kind):\n    Finding(1, kind.value.lower(), "m")', {"kind.value.lower()"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_code_is_found_that_is(way: str, tmp_path: Path) -> None:
    text, found = WAYS[way]
    (tmp_path / "findings.py").write_text(BASE)
    (tmp_path / "rules.py").write_text(text)
    assert codes(Source.read(tmp_path)) == {code: {"rules.py"} for code in found}


def test_a_function_of_the_same_name_in_another_module_makes_no_finding(tmp_path: Path) -> None:
    (tmp_path / "findings.py").write_text(BASE)
    (tmp_path / "rules.py").write_text('def _f(code):\n    return Finding(1, code, "m")\n_f("a")')
    (tmp_path / "other.py").write_text('def _f(text):\n    print(text)\n_f("no code")')
    assert codes(Source.read(tmp_path)) == {"a": {"rules.py"}}
