"""The action with metrics and traces: what it writes and sends, and what it warns of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.telemetry.metrics_file import samples_of
from tests.github.stage import Served, Stage, serving
from tests.github.test_story import service
from tests.support.repository import Repository
from tests.telemetry.receiver import Receiver, attributes, receiving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def stage(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A repository with one app that is not applied yet."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACE"))]:
        monkeypatch.delenv(name)
    repository = Repository(tmp_path / "checkout")
    repository.write("reconcile.yaml", "defaults: {health: {soak: 2s, tolerance: 4s}}\n")
    monkeypatch.chdir(repository.root)
    served.reset()
    stage = Stage(repository, tmp_path / "runner", served)
    stage.commit(shop=service("shop", "1"))
    return stage


def test_an_apply_writes_its_metrics_and_sends_its_trace(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    with receiving(Receiver()) as receiver:
        receiver.held.set()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        env = {**{name: os.environ[name] for name in os.environ if name.startswith("OTEL_")}, "GITHUB_ACTIONS": "true"}
        step = stage.step("push", mode="apply", environment="production", metrics_file="reconcile.prom", env=env)
        assert (step.exit_code, step.warnings) == (0, [])
        spans = {span.name: span for span in receiver.spans}
        assert {"reconcile apply", "plan", "rollout shop"} <= spans.keys()
        found = attributes(spans["reconcile apply"])
        assert found["cicd.pipeline.run.id"] == str(stage.run_id)
        assert found["deployment.environment.name"] == "production"
    samples = samples_of(Path("reconcile.prom").read_text())
    assert samples is not None
    assert samples["reconcile_last_run_exit_code"] == {("apply", "production"): 0}
    assert samples["reconcile_app_drift"] == {("production", "shop"): 0}
    assert samples["reconcile_last_run_requests"]["apply", "production"] > 2


def test_metrics_have_the_exit_code_of_reconcile_even_if_the_step_succeeds(stage: Stage):
    step = stage.step("schedule", mode="drift", issue="off", metrics_file="reconcile.prom")
    samples = samples_of(Path("reconcile.prom").read_text())
    assert samples is not None
    assert (step.exit_code, samples["reconcile_last_run_exit_code"]) == (0, {("drift", ""): 2})
    assert samples["reconcile_app_drift"] == {("", "shop"): 1}


def test_a_run_that_fails_has_metrics_too(stage: Stage):
    stage.repository.write("specs/shop.yaml", "name: shop\nregion: [fra]\n")
    step = stage.step("push", mode="plan", comment="off", metrics_file="reconcile.prom")
    samples = samples_of(Path("reconcile.prom").read_text())
    assert samples is not None
    assert (step.exit_code, samples["reconcile_last_run_exit_code"]) == (3, {("plan", ""): 3})


def test_what_cannot_be_written_is_a_warning_and_the_step_ends_as_it_did(stage: Stage):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    step = stage.step("push", mode="plan", comment="off", metrics_file="reconcile.yaml", env=env)
    assert step.exit_code == 0
    assert [line.partition("::")[2].partition("::")[2] for line in step.warnings] == [
        "no metrics: reconcile.yaml has content that reconcile did not write; name another file, or remove it",
        "no traces: the protocol grpc is not spoken; set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
    ]


def test_the_command_publishes_a_run_once(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    with receiving(Receiver()) as receiver:
        receiver.held.set()
        environ = stage.environ(
            "schedule", None, sha="e" * 40, mode="drift", issue="off", metrics_file="reconcile.prom"
        )
        for name, value in {**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}.items():
            monkeypatch.setenv(name, value)
        assert main(["action"]) == 0
        assert len(receiver.requests) == 1
    samples = samples_of(Path("reconcile.prom").read_text())
    assert samples is not None
    assert samples["reconcile_runs_total"] == {("drift", "", "2"): 1}
