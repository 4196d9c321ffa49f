"""The file of metrics: read by a parser and by promtool, kept whole, and never written over anything else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from reconciler import __version__
from reconciler.errors import ReconcileError
from reconciler.plan.model import Action, SyncStatus
from reconciler.rollout.model import OutcomeKind
from reconciler.telemetry import metrics_file
from reconciler.telemetry.metrics import DEFINITIONS, updated
from reconciler.telemetry.metrics_file import MetricsFile, samples_of
from tests.telemetry.facts import ended, plan, planned, rolled_out, run

DOCS = Path(__file__).parents[2] / "docs"
FULL = run(
    planned(plan("web", SyncStatus.IN_SYNC), plan("api", SyncStatus.OUT_OF_SYNC, Action.UPDATE), environment="prod"),
    rolled_out(ended("api", OutcomeKind.ROLLED_BACK), environment="prod"),
    environment="prod",
    exit_code=4,
)


@pytest.fixture
def file(tmp_path: Path) -> MetricsFile:
    return MetricsFile(tmp_path / "reconcile.prom")


def promtool(*arguments: str, text: str = "") -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([command, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_file_is_what_it_was(file: MetricsFile, snapshot):
    file.write(FULL)
    assert file.path.read_text().replace(__version__, "VERSION") == snapshot


def test_every_metric_has_samples_and_none_has_a_timestamp_of_its_own(file: MetricsFile):
    file.write(FULL)
    families = list(text_string_to_metric_families(file.path.read_text()))
    samples = [sample for family in families for sample in family.samples]
    assert {sample.name for sample in samples} == set(DEFINITIONS)
    assert [sample for sample in samples if sample.timestamp is not None] == []


def test_promtool_finds_nothing_wrong_with_it(file: MetricsFile):
    file.write(FULL)
    promtool("check", "metrics", text=file.path.read_text())


def test_the_rules_of_the_documentation_are_accepted_and_name_metrics_that_there_are(tmp_path: Path):
    (rules,) = re.findall(r"(?ms)^```yaml\n(groups:\n.*?)^```$", (DOCS / "telemetry.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"reconcile_\w+", rules)) <= set(DEFINITIONS)
    (tmp_path / "rules.yaml").write_text(rules)
    promtool("check", "rules", str(tmp_path / "rules.yaml"))


def test_the_table_of_the_documentation_names_each_metric_as_it_is():
    text = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    rows = {
        f"| `{name}` | {', '.join(f'`{label}`' for label in about.labels)} | {about.about.removesuffix('.')} |"
        for name, about in DEFINITIONS.items()
    }
    assert {row for row in rows if row not in text} == set()


def test_a_second_run_goes_on_from_the_first(file: MetricsFile):
    file.write(FULL)
    file.write(FULL)
    assert samples_of(file.path.read_text()) == updated(updated({}, FULL), FULL)


names = st.text(st.characters(codec="utf-8"), max_size=8)


@given(environment=names, app=names, outcome=st.sampled_from(sorted(OutcomeKind)), requests=st.integers(0, 10**6))
@example(environment="a\rb", app="web", outcome=OutcomeKind.APPLIED, requests=1)
def test_what_is_written_is_read_back(tmp_path_factory, environment, app, outcome, requests):
    one = replace(run(rolled_out(ended(app, outcome), environment=environment)), requests=requests)
    path = tmp_path_factory.mktemp("any") / "reconcile.prom"
    file = MetricsFile(path)
    file.write(one)
    expected = {name: values for name, values in updated({}, one).items() if values}
    assert samples_of(path.read_bytes().decode()) == expected
    file.write(one)
    assert samples_of(path.read_bytes().decode()) == {
        name: values for name, values in updated(updated({}, one), one).items() if values
    }


@pytest.mark.parametrize(
    "content",
    [
        b"name: web\nregion: fra\n",
        b"\xff\xfe\x00",
        b"# HELP node_time_seconds Time.\n# TYPE node_time_seconds gauge\nnode_time_seconds 1\n",
        b"# HELP reconcile_runs_total Runs.\n# TYPE reconcile_runs_total counter\nreconcile_runs_total 1\n",
        b'{"version": 1}',
    ],
    ids=["a spec", "no text", "others' metrics", "without the mark", "JSON"],
)
def test_a_file_of_something_else_is_left_alone(file: MetricsFile, content: bytes):
    file.path.write_bytes(content)
    with pytest.raises(ReconcileError, match="has content that reconcile did not write"):
        file.write(FULL)
    assert file.path.read_bytes() == content


def test_others_metrics_beside_ours_are_not_lost(file: MetricsFile):
    file.write(FULL)
    mixed = f"{file.path.read_text()}# HELP node_x X.\n# TYPE node_x gauge\nnode_x 1\n"
    file.path.write_text(mixed)
    with pytest.raises(ReconcileError):
        file.write(FULL)
    assert file.path.read_text() == mixed


def test_an_empty_file_is_filled_and_metrics_of_another_version_are_left_out(file: MetricsFile):
    file.path.touch()
    file.write(FULL)
    text = file.path.read_text()
    file.path.write_text(f"{text}# HELP reconcile_old X.\n# TYPE reconcile_old gauge\nreconcile_old 1\n")
    file.write(FULL)
    assert "reconcile_old" not in file.path.read_text()


def test_a_reader_never_sees_half_a_file(file: MetricsFile, monkeypatch: pytest.MonkeyPatch):
    file.write(FULL)
    before = file.path.read_text()

    def full(source: str, target: str) -> None:
        assert file.path.read_text() == before
        assert not source.endswith(".prom"), "the collector reads every file of that name"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(FULL)
    assert [path.name for path in file.path.parent.iterdir()] == ["reconcile.prom"]
    assert file.path.read_text() == before


def test_what_could_be_read_without_end_is_an_error_and_is_not_replaced(tmp_path: Path):
    pipe = tmp_path / "reconcile.prom"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        MetricsFile(pipe).write(FULL)
    assert pipe.is_fifo()


def test_a_folder_that_is_missing_is_an_error_of_the_file(tmp_path: Path):
    with pytest.raises(OSError, match="No such file"):
        MetricsFile(tmp_path / "missing" / "x.prom").write(FULL)
    assert metrics_file.MARK in DEFINITIONS
