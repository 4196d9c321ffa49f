from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ReconcileError
from reconciler.github.outputs import (
    SUMMARY_BYTES,
    fitted,
    inert_log,
    mask_lines,
    output_lines,
    write_outputs,
    write_summary,
)


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads the file."""
    lines = text.split("\n")
    found, at = {}, 0
    while at < len(lines) and lines[at]:
        name, _, word = lines[at].partition("<<")
        end = lines.index(word, at + 1)
        found[name] = "\n".join(lines[at + 1 : end])
        at = end + 1
    return found


@given(st.dictionaries(st.sampled_from(["changes", "apps", "drift"]), st.text(alphabet="ab\n<=:%\x00é", max_size=60)))
def test_the_runner_reads_each_output_as_it_was_given(values: dict[str, str]) -> None:
    assert read_outputs(output_lines(values)) == values


def test_a_value_that_knows_the_word_cannot_end_early() -> None:
    words = iter(["guessed", "fresh"])
    text = output_lines({"apps": "x\nreconcile_guessed\nevil=1"}, token=lambda: next(words))
    assert read_outputs(text) == {"apps": "x\nreconcile_guessed\nevil=1"}


def test_every_value_gets_a_word_of_its_own() -> None:
    words = [line.partition("<<")[2] for line in output_lines({"a": "1", "b": "2"}).splitlines() if "<<" in line]
    assert len(set(words)) == 2


def test_outputs_are_appended_and_without_a_runner_there_is_nothing_to_do(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("before=1\n")
    write_outputs(str(file), {"drift": "true"})
    write_outputs("", {"drift": "true"})
    assert file.read_text().startswith("before=1\ndrift<<reconcile_")


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ReconcileError, match="cannot write"):
        write_outputs(str(tmp_path / "no" / "such"), {"drift": "true"})


def test_the_summary_stays_below_a_mebibyte_in_bytes_with_what_stands_there(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("x" * 600_000)
    write_summary(str(file), lambda limit: "é" * limit)
    assert 600_000 < file.stat().st_size <= SUMMARY_BYTES


def test_a_full_summary_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("x" * SUMMARY_BYTES)
    write_summary(str(file), lambda limit: "more"[: max(0, limit)])
    assert file.stat().st_size == SUMMARY_BYTES


@given(st.integers(min_value=1, max_value=300_000), st.integers(min_value=1, max_value=4))
def test_what_fits_is_never_heavier_than_the_limit(limit: int, each: int) -> None:
    text = fitted(lambda room: "x" * room, limit, lambda text: len(text) * each)
    assert len(text) * each <= limit


def test_a_renderer_that_ignores_its_limit_gives_nothing() -> None:
    assert fitted(lambda room: "x" * 100_000, 65_000, len) == ""


def test_masks_are_escaped_and_each_line_is_masked() -> None:
    assert mask_lines(["a%b", "one\ntwo", "", " "]) == [
        "::add-mask::a%25b",
        "::add-mask::one%0Atwo",
        "::add-mask::one",
        "::add-mask::two",
    ]


def test_a_log_with_commands_in_it_is_printed_while_commands_are_stopped() -> None:
    first, text, last = inert_log("::error::from a spec")
    word = first.removeprefix("::stop-commands::")
    assert (text, last) == ("::error::from a spec", f"::{word}::")
    assert word not in text
    assert inert_log("") == []
