"""A fuzz of everything that reads files: no internal error, none over its time.

The suite draws a sample; `make fuzz` draws `RECONCILE_FUZZ` cases of each kind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.appspec.shape import SPEC
from reconciler.appspec.walk import fields_below
from reconciler.config_file import read_config
from reconciler.desired.format import format_text
from reconciler.desired.git_history import History
from reconciler.desired.git_repository import HistoryGap
from reconciler.desired.reading import parse_specs
from reconciler.engine.load import RunOptions, check
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, has_errors
from reconciler.plan.canonical import canonical
from reconciler.views import json_documents, lines
from tests.support.any_specs import MISREAD
from tests.support.repository import Repository
from tests.support.specs import specs

CASES = int(os.environ.get("RECONCILE_FUZZ", "60"))
LONGEST = 5.0
"""Seconds of work that one case may take; waiting is another matter (C84), and busy machines are."""

FUZZ = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
FIELDS = sorted({name for _, _, field in fields_below(SPEC) for name in [field.name]})
TOKENS = [
    "- ", ": ", "? ", "&a ", "*a", "<<: ", "!!", "!!binary ", "!x ", "| ", ">-\n", "'", '"', "[", "]", "{", "}", ",",
    "\n", "\n  ", "---\n", "...\n", "%YAML 9.9\n", "#", "\t", "\x00", "\ufeff", "\x85", "\u2028", "${A}", "EV[1:a:b]",
    "\\x", "1e999",
]  # fmt: skip


def joined(parts: list[str]) -> bytes:
    return "".join(parts).encode()


def spliced(whole: bytes) -> st.SearchStrategy[bytes]:
    """A text with a part of it replaced by anything."""

    def splice(start: int, length: int, other: bytes) -> bytes:
        return whole[: start % (len(whole) + 1)] + other + whole[start % (len(whole) + 1) + length :]

    tokens = st.lists(st.sampled_from(TOKENS), max_size=6).map(joined)
    return st.builds(splice, st.integers(0, 5000), st.integers(0, 30), st.binary(max_size=8) | tokens)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(MISREAD) | st.text(max_size=12)
keys = st.sampled_from(FIELDS) | st.sampled_from(MISREAD) | st.text(max_size=5)
trees = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=5), max_leaves=40
)
written = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([*TOKENS, *FIELDS]), max_size=60).map(joined),
    specs().map(lambda spec: yaml.safe_dump(spec, allow_unicode=True).encode()).flatmap(spliced),
)


@contextmanager
def in_time() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < LONGEST


def read(file: Path, folder: Path) -> None:
    """What `validate` does with a folder, and the start of a plan; `fmt` on top."""
    try:
        desired = check(RunOptions((folder,)))
    except InvalidInput as error:
        found = error.findings
    else:
        found = desired.findings
        for app in desired.apps:
            canonical(app.spec)
    assert json_documents.findings(found)
    assert lines.findings(found) or not found
    whole = file.read_text(encoding="utf-8", errors="replace")
    if not has_errors(parse_specs(whole, str(file))[1]):
        assert format_text(format_text(whole)) == format_text(whole)


@FUZZ
@given(written)
@example(b"a: &a [*a, *a]\n")
@example(b"x" * 100_000)
@example(b"[" * 5000)
@example(b"a: &a\n" + b"".join(b"  - &%c [*%c, *%c]\n" % (98 + i, 97 + i, 97 + i) for i in range(20)))
def test_no_bytes_break_the_reader_of_specs(tmp_path: Path, written: bytes) -> None:
    file = tmp_path / "web.yaml"
    file.write_bytes(written)
    with in_time():
        read(file, tmp_path)


@FUZZ
@given(st.one_of(trees, st.dictionaries(st.sampled_from(sorted(SPEC.fields)), trees, max_size=6)))
def test_no_tree_breaks_the_reader_of_specs(tmp_path: Path, tree: Any) -> None:
    file = tmp_path / "web.yaml"
    try:
        file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8", errors="replace")
    except yaml.YAMLError:
        return
    with in_time():
        read(file, tmp_path)


CONFIG = b"""\
variables: [A, {name: B, default: x}]
defaults: {health: {soak: 1s, probe: {path: /, body: ok}}}
apps: {web: {}}
"""


@FUZZ
@given(spliced(CONFIG) | trees.map(lambda tree: yaml.safe_dump(tree).encode()))
def test_no_bytes_break_the_reader_of_the_configuration(tmp_path: Path, written: bytes) -> None:
    file = tmp_path / "reconcile.yaml"
    file.write_bytes(written)
    with in_time():
        found: Sequence[Finding] = ()
        try:
            read_config(file)
        except InvalidInput as error:
            found = error.findings
        assert json_documents.findings(found)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Repository(tmp_path_factory.mktemp("fuzz") / "repo")
    for day in range(3):
        made.write("specs/web.yaml", f"name: web\nservices: [{{name: api, instance_count: {day}}}]\n")
        made.commit(day)
    made.repo.close()
    return made.root


git_files = st.sampled_from(["config", "HEAD", "refs/heads/master", "packed-refs", "shallow", "commondir", "object"])
git_lines = st.lists(
    st.sampled_from([
        "[core]\n", "[extensions]\n", "\tpartialClone = x\n", "repositoryformatversion = 1\n", "[include]\n",
        "path = /dev/zero\n", '[includeIf "gitdir:**"]\n', "ref: refs/heads/master\n", "0" * 40, "\n", "\ufeff", "\\",
        '"', "[", "=", "^{}",
    ]),
    max_size=12,
).map(joined)  # fmt: skip


@FUZZ
@given(git_files, st.binary(max_size=60) | git_lines, st.booleans())
def test_no_bytes_break_the_reader_of_git(repository: Path, name: str, content: bytes, whole: bool) -> None:
    git = repository / ".git"
    file = sorted(git.glob("objects/??/*"))[len(content) % 9] if name == "object" else git / name
    before = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)
    file.write_bytes(content if whole or before is None else before + content)
    try:
        with in_time():
            walk(repository)
    finally:
        file.unlink()
        if before is not None:
            file.write_bytes(before)


def walk(root: Path) -> None:
    with suppress(HistoryGap):
        history = History.open(root / "specs")
        if history is None:
            return
        with history:
            (found,) = history.histories([root / "specs/web.yaml"])
            assert found.gap or found.revisions
            history.removed_specs(root / "specs", set())
            list(history.texts())
