"""The policy as a decision table, and the document that shows it."""

from __future__ import annotations

import pytest

from reconciler.rollout.steps import next_step
from tests.rollout.table import DOCUMENT, ROWS, Row, document, told
from tests.rollout.walk import Walk


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}: {row.when}")
def test_the_policy_decides(row: Row) -> None:
    assert told(next_step(row.state)) == row.then


def test_the_document_shows_the_table_and_the_diagram_as_the_code_has_them(walk: Walk) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(text, walk) == text, "run: python -m tests.rollout.table"
