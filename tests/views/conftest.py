"""Expected outputs stand as plain files beside the tests; `pytest --snapshot-update` writes them anew."""

from typing import ClassVar

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


class _Text(SingleFileSnapshotExtension):
    _write_mode: ClassVar[WriteMode] = WriteMode.TEXT
    file_extension = "txt"


class _Markdown(_Text):
    file_extension = "md"


class _Json(_Text):
    file_extension = "json"


@pytest.fixture
def expected_text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_Text)


@pytest.fixture
def expected_markdown(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_Markdown)


@pytest.fixture
def expected_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_Json)
