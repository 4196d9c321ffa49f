"""The committed table speaks of tests that there are, and of every case."""

from __future__ import annotations

import re
from pathlib import Path

from checks import catalogue

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| C(\d\d) \| .* \| (.*) \| (yes|no test|open|\*\*no\*\*) \|$", re.MULTILINE)
FILE = re.compile(r"\[([^]]+)\]\(\.\./([^)]+)\): ((?:`\w+`(?:, )?)+)")


def rows() -> dict[int, tuple[str, str]]:
    text = catalogue.TABLE.read_text(encoding="utf-8")
    return {int(number): (tests, held) for number, tests, held in ROW.findall(text)}


def test_every_case_is_there_and_held_or_open():
    told = rows()
    assert list(told) == list(catalogue.CASES) == list(range(1, 93))
    assert {held for number, (_, held) in told.items() if number <= catalogue.FIRST_VOLUME} == {"yes"}
    assert {held for _, held in told.values()} <= {"yes", "open"}


def test_every_test_that_it_names_exists():
    for number, (tests, held) in rows().items():
        named = FILE.findall(tests)
        assert bool(named) == (held != "open"), f"C{number:02} names no test"
        for shown, file, names in named:
            assert shown == file
            source = (ROOT / file).read_text(encoding="utf-8")
            for name in re.findall(r"`(\w+)`", names):
                assert f"def {name}(" in source, f"{file} has no {name}"
                assert f"{number:02}" in catalogue.NUMBER.findall(name)


def test_it_names_every_test_that_has_a_number():
    told = rows()
    for file in sorted((ROOT / "tests").glob("**/test_*.py")):
        for name in re.findall(r"^(?:async )?def (test\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE):
            for number in map(int, catalogue.NUMBER.findall(name)):
                assert f"`{name}`" in told[number][0], f"C{number:02} does not name {name}; run: make catalogue"


def test_a_test_belongs_to_each_case_that_its_name_has():
    found = catalogue.by_case({"a.py::test_c07_x": True, "a.py::test_c20_c21_y": False, "a.py::test_abc12_z": True})
    assert found == {7: {"a.py::test_c07_x": True}, 20: {"a.py::test_c20_c21_y": False},
                     21: {"a.py::test_c20_c21_y": False}}  # fmt: skip
    page = catalogue.table({"a.py::test_c07_x": True, "a.py::test_c20_c21_y": False})
    assert "| [a.py](../a.py): `test_c07_x` | yes |" in page
    assert page.count("| **no** |") == 2
    assert page.count("| no test |") == catalogue.FIRST_VOLUME - 3
    assert page.count("| open |") == len(catalogue.CASES) - catalogue.FIRST_VOLUME
    assert f"1 of {len(catalogue.CASES)} held, by 2 tests; {len(catalogue.CASES) - 3} open." in page
