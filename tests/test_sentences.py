"""Every sentence that the program can show to a person, in one file that can be read from top to bottom."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from checks import sentences

UNIDIOMATIC = (
    r"\b(stands?|told|tells|somebody|nobody|lately|mend(s|ed)?|in vain|asleep|strangers?|wishes|anew|"
    r"goe?s? on without us|exclude each other|is no known)\b"
)
"""Signs of a sentence that was translated, and is to be written again."""


class _Text(SingleFileSnapshotExtension):
    _write_mode: ClassVar[WriteMode] = WriteMode.TEXT
    file_extension = "txt"


def test_every_sentence_was_read(snapshot: SnapshotAssertion) -> None:
    """A new or changed sentence shows up here, to be read once: `pytest --snapshot-update` takes it over."""
    assert sentences.text() == snapshot.use_extension(_Text)


def test_no_sentence_reads_as_translated() -> None:
    found = [
        f"{module}: {sentence}"
        for module, all_of_it in sentences.sentences().items()
        for sentence in all_of_it
        if re.search(UNIDIOMATIC, sentence)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('x = "two words"', ["two words"]),
        ('x = f"{name!r} is {len(all)} long"', ["{name} is {len(all)} long"]),
        ('x = "first " "second"', ["first second"]),
        ('x = "a sum " + name', ["a sum {name}"]),
        ("x = f\"a {'b c' if d else ''} e\"", ["a {…} e", "b c"]),
        ('f("one word", key="another one")', ["one word", "another one"]),
        ('raise ValueError("a person reads this")', ["a person reads this"]),
        ('TABLE = {"key": "words of it"}', ["words of it"]),
        ('x = "word"', []),
        ('x = ", "', []),
        ('def f():\n    """A docstring."""', []),
        ('x = 1\n"""About a field."""', []),
        ('re.compile(r"a b")', []),
        ('Field(pattern="a b", description="of a field")', ["of a field"]),
        ('raise AssertionError("a defect only")', []),
        ('assert x, "a defect only"', []),
        ('x = "SELECT a FROM b"', []),
        ('x = "<p>of a page</p>"', []),
        ('x = "<< needs a mapping"', ["<< needs a mapping"]),
        ('x = f"GET {path}"', []),
        ('A_PATTERN = "a b"', []),
        ('def f(x: "list | None"): pass', []),
    ],
)
def test_a_literal_with_a_space_is_a_sentence_unless_a_rule_leaves_it_out(tmp_path, source, expected):
    (tmp_path / "module.py").write_text(source)
    assert sentences.sentences(tmp_path).get("module.py", []) == expected
