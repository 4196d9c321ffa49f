"""What the mutator makes of a piece of code."""

from __future__ import annotations

from enum import Enum
from textwrap import dedent
from typing import Any

import pytest

from checks.mutators import Mutant, mutants


class Colour(Enum):
    RED = 1
    BLUE = 2


def made(source: str, **names: Any) -> list[Mutant]:
    return list(mutants(dedent(source), names))


def changes(line: str, **names: Any) -> list[str]:
    """What a line of a function becomes."""
    return [found.after for found in made(f"def f(a, b):\n    {line}\n", **names)]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("if a: return b", ["if not a:", "if True:", "if False:"]),
        ("while not a: b()", ["while a:", "while True:", "while False:", "pass"]),
        ("return a and b", ["return not a and b", "return a and (not b)", "return a or b", "return b", "return a"]),
        ("return a < b", ["return not a < b", "return a <= b"]),
        ("return a is b", ["return a is not b"]),
        ("return a in b", ["return a not in b"]),
        ("return [x for x in a if x]", [f"return [x for x in a if {test}]" for test in ("not x", "True", "False")]),
        ("return 3", ["return 4", "return 2"]),
        ("return True", ["return False"]),
        ("return a + b", ["return a - b"]),
        ("return a | b", ["return a & b"]),
        ("return (a, b)", ["return (b,)", "return (a,)"]),
        ("return a(b, c=b)", ["return a(b)"]),
        ("return min(a, b)", ["return max(a, b)"]),
        ("a += b", ["pass"]),
        ("a.b = b", ["pass"]),
        ("raise a", ["pass"]),
    ],
)
def test_a_line_is_changed_in_every_way(line: str, after: list[str]) -> None:
    assert sorted(changes(line)) == sorted(after)


@pytest.mark.parametrize(
    "line", ["'''Says what.'''", "return 'text'", "return f'{a:3} {b}'", "c: int", "return a + 'b'"]
)
def test_texts_and_annotations_stay_as_they_are(line: str) -> None:
    assert changes(line) == []


def test_a_member_becomes_the_next_one() -> None:
    assert changes("return Colour.RED", Colour=Colour) == ["return Colour.BLUE"]
    assert changes("return Colour.BLUE", Colour=Colour) == ["return Colour.RED"]
    assert changes("return Other.RED", Colour=Colour) == []


def test_arms_are_dropped_take_the_next_ones_body_and_lose_guards_and_patterns() -> None:
    found = made("""
        def f(a, b):
            match a:
                case 1 | 2 if b:
                    return a
                case _:
                    assert_never(a)
    """)
    assert [each.after for each in found] == [
        "case 1 | 2 if False:",
        "case 1 | 2:",
        "case 2 if b:",
        "case 1 if b:",
        "case 1 | 2 if not b:",
        "case 1 | 2 if True:",
    ]


def test_constants_defaults_and_fields_are_changed_by_value() -> None:
    found = made("""
        MOST = 3
        def f(a, b=1, *, c=True): return a
        class C:
            field: float = 0.5
    """)
    assert [(each.place, each.name, each.value) for each in found] == [
        ("MOST", "MOST", 4),
        ("MOST", "MOST", 2),
        ("f", "c", False),
        ("f", "b", 2),
        ("f", "b", 0),
        ("C", "field", 1.5),
        ("C", "field", -0.5),
    ]


def test_a_mutants_code_does_what_it_says() -> None:
    source = "def f(a, b):\n    return a if a > b else b\n"
    space: dict[str, Any] = {}
    exec(source, space)
    assert space["f"](1, 2) == 2
    (flipped,) = [each for each in made(source) if each.after == "return a if not a > b else b"]
    assert flipped.code is not None
    space["f"].__code__ = flipped.code
    assert space["f"](1, 2) == 1


def test_what_reads_alike_in_one_place_is_told_apart_by_number_and_not_by_line() -> None:
    source = "def f(a, b):\n    if a: b()\n    if a: b()\n"
    keys = [each.key for each in made(source)]
    assert keys[:2] == ["f: if a: → if not a:", "f: if a: → if True:"]
    assert "f: if a: → if not a: (2)" in keys
    assert [each.key for each in made("\n\n" + source)] == keys
