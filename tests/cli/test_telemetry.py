"""Runs that machines hear of, as commands on the sandbox: every line of the log, the file of metrics, traces."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App
from jsonschema import Draft202012Validator

from reconciler.cli import words
from reconciler.cli.commands import build
from reconciler.cli.main import main
from reconciler.cli.observing import command_of
from reconciler.rollout.model import OutcomeKind
from reconciler.telemetry.metrics_file import samples_of
from tests.cli.shell import ROOT, sandbox_of, web_in
from tests.telemetry.receiver import Receiver, receiving

SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/schemas/event.json").read_text(encoding="utf-8")))
Line = dict[str, Any]


@pytest.fixture(autouse=True)
def _nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("OTEL_", "RECONCILE_", "TRACE"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def logged(run, capsys) -> Callable[..., tuple[int, list[Line], str]]:
    """Runs a command with its log; its exit code, the lines, and standard output."""

    def logged(*arguments: object) -> tuple[int, list[Line], str]:
        capsys.readouterr()
        code = run(*arguments, "--log-format", "json")
        said = capsys.readouterr()
        return code, read(said.err), said.out

    return logged


def read(text: str) -> list[Line]:
    """Every line of standard error: each is an event as the schema has it, and one run's."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        SCHEMA.validate(line)
    assert len({(line["run"], line["command"]) for line in lines}) == 1
    assert [line["event"] for line in lines].count("run.started") == 1
    assert lines[0]["event"] == "run.started"
    assert lines[-1]["event"] == "run.finished"
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    return lines


def of(lines: list[Line], event: str, app: str | None = None) -> list[Line]:
    return [line for line in lines if line["event"] == event and app in (None, line["app"])]


def test_a_night_with_a_failure_is_in_the_log_from_beginning_to_end(logged, run, edit):
    code, lines, out = logged("--sandbox")
    assert (code, lines[0]["command"], lines[-1]["exit_code"]) == (0, "apply", 0)
    assert {line["outcome"] for line in of(lines, "rollout.outcome")} == {"applied"}
    assert "3 apps: 3 applied" in out, "standard output is what it is without a log"
    assert lines[-1]["outcomes"]["applied"] == 3
    run("sandbox", "fail", "shop", "health")
    edit("shop", "value: info", "value: debug")
    code, lines, _ = logged("apply", "--sandbox")
    assert code == lines[-1]["exit_code"] == 4
    (planned,) = of(lines, "app.planned")
    assert (planned["app"], planned["action"], planned["changes"]) == ("shop", "update", 1)
    assert "ACTIVE" in {line["phase"] for line in of(lines, "rollout.phase", "shop")}
    assert of(lines, "rollout.decision", "shop")
    (outcome,) = of(lines, "rollout.outcome", "shop")
    assert (outcome["outcome"], outcome["level"]) == ("rolled_back", "error")
    assert lines[-1]["outcomes"]["rolled_back"] == 1
    assert lines[-1]["requests"] > 5
    assert lines[-1]["budget_remaining"] is not None
    code, lines, _ = logged("drift", "--sandbox")
    assert (code, of(lines, "plan.made")[0]["kind"], of(lines, "plan.made")[0]["statuses"]["stalled"]) == (
        2,
        "drift",
        1,
    )


@pytest.mark.parametrize(
    ("arguments", "command", "code", "kind"),
    [
        (("apply", "--sandbox", "--nonsense"), "apply", 64, "usage_error"),
        (("plan",), "plan", 64, "usage_error"),
        (("rollback", "gone", "--sandbox"), "rollback", 64, "usage_error"),
        (("redeploy", "--sandbox", "gone"), "redeploy", 64, "usage_error"),
        (("status", "gone", "--sandbox"), "status", 64, "usage_error"),
        (("preview", "list", "--sandbox"), "preview list", 64, "usage_error"),
        (("drift", "missing", "--sandbox"), "drift", 3, "invalid_input"),
    ],
)
def test_an_error_is_a_line_like_any_other(logged, monkeypatch, arguments, command, code, kind):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    found, lines, _ = logged(*arguments)
    assert found == lines[-1]["exit_code"] == code
    assert lines[0]["command"] == command
    (error,) = of(lines, "error")
    assert error["error"]["type"] == kind
    assert error["error"]["exit_code"] == code


def test_findings_of_invalid_specs_are_in_the_error(logged, edit):
    edit("shop", "region: fra", "region: [fra]")
    code, lines, _ = logged("plan", "--sandbox")
    assert code == 3
    (error,) = of(lines, "error")
    assert error["error"]["findings"][0]["location"]["file"] == "specs/shop.yaml"


def test_a_json_document_stays_alone_on_standard_output(logged):
    code, lines, out = logged("apply", "--sandbox", "--format", "json")
    assert (code, json.loads(out)["kind"], lines[-1]["exit_code"]) == (0, "rollout", 0)
    code, lines, out = logged("plan", "missing", "--sandbox", "--format", "json")
    assert (code, json.loads(out)["kind"], lines[-1]["exit_code"]) == (3, "findings", 3)


def test_every_environment_has_its_own_plan_in_one_log(logged, checkout):
    (checkout / "reconcile.yaml").write_text("environments: {staging: {rename: '{app}-staging'}, production: {}}\n")
    code, lines, _ = logged("plan", "--sandbox", "--env", "all")
    assert code == 0
    assert [line["environment"] for line in of(lines, "plan.made")] == ["staging", "production"]
    assert lines[-1]["environment"] == "all"
    code, lines, _ = logged("apply", "--sandbox", "--env", "staging", "--app", "mailer")
    assert {line["environment"] for line in of(lines, "rollout.outcome")} == {"staging"}


def test_what_people_do_by_hand_is_logged_too(logged, run, edit, checkout):
    (checkout / "reconcile.yaml").write_text("defaults: {on_failure: pin}\n")
    assert run("--sandbox") == 0
    assert logged("redeploy", "mailer", "--sandbox")[1][-1]["outcomes"]["applied"] == 1
    run("sandbox", "fail", "shop", "health")
    edit("shop", "value: info", "value: debug")
    assert logged("--sandbox")[1][-1]["outcomes"]["pinned"] == 1
    code, lines, _ = logged("rollback", "shop", "--commit", "--sandbox")
    assert (code, lines[-1]["outcomes"]["taken_back"]) == (0, 1)
    assert logged("status", "shop", "--sandbox")[0] == 0


def test_the_variable_asks_for_a_log_where_there_is_the_flag(run, capsys, monkeypatch):
    monkeypatch.setenv("RECONCILE_LOG_FORMAT", "json")
    assert run("plan", "--sandbox") == 0
    assert read(capsys.readouterr().err)
    assert run("fmt", "--check") == 0
    assert run("validate") == 0
    assert capsys.readouterr().err == ""
    assert run("plan", "--sandbox", "--log-format", "text") == 0
    assert capsys.readouterr().err == ""


def test_the_commands_with_the_flag_are_those_that_are_named():
    app = build()
    with_flag = {name for name in words.NAMES if "--log-format" in flags(app[name])}
    assert with_flag == words.LOGGED
    assert "--log-format" in flags(app)


def flags(app: App) -> set[str]:
    """The flags of a command, or those of all that are under it."""
    if app.default_command is None:
        return set().union(*(flags(app[name]) for name in app if not name.startswith("-")))
    return {flag for argument in app.assemble_argument_collection() for flag in argument.names}


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "apply"),
        (["specs"], "apply"),
        (["--plan", "specs"], "plan"),
        (["--drift"], "drift"),
        (["plan"], "plan"),
        (["preview", "up", "--pull", "1"], "preview up"),
        (["preview", "web"], "preview"),
    ],
)
def test_the_command_is_known_before_it_is_parsed(arguments, command):
    assert command_of(arguments) == command


def test_a_question_is_on_standard_output_while_the_other_is_a_log(run, capsys, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("reconciler.cli.console._person", lambda stream: stream is not None)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert run("apply", "--sandbox", "--log-format", "json") == 1
    said = capsys.readouterr()
    assert said.out.endswith("Apply this plan? [y/N] ")
    assert of(read(said.err), "message")[0]["message"] == "declined: nothing was changed"


def test_a_signal_ends_the_log_as_it_ends_the_run(tmp_path):
    web_in(tmp_path)
    with sandbox_of(tmp_path) as box:
        box.configure(speed="realistic")
    command = [sys.executable, "-m", "reconciler", "apply", "--sandbox", "--log-format", "json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        begun = [next(process.stderr) for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        text = "".join(begun) + process.stderr.read()
    assert (process.wait(), json.loads(begun[-1])["event"]) == (130, "rollout.decision")
    last = read(text)[-1]
    assert (last["exit_code"], last["outcomes"]["interrupted"]) == (130, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_run_is_published_cuts_that_short_and_changes_no_exit_code(
    number, logged, checkout, monkeypatch
):
    monkeypatch.setattr("reconciler.telemetry.metrics_file.MetricsFile.write", lambda *_: os.kill(os.getpid(), number))
    code, lines, _ = logged("plan", "--sandbox", "--exit-code", "--metrics-file", checkout / "reconcile.prom")
    assert (code, lines[-1]["exit_code"]) == (2, 2)
    assert of(lines, "message")[-1]["message"] == "no metrics: interrupted"


# --- metrics ---


def metrics(path: Path) -> dict[str, dict[tuple[str, ...], float]]:
    samples = samples_of(path.read_text(encoding="utf-8"))
    assert samples is not None
    return {name.removeprefix("reconcile_"): dict(values) for name, values in samples.items()}


def test_metrics_are_those_of_the_night(run, edit, checkout, capsys):
    file = checkout / "reconcile.prom"
    assert run("--sandbox", "--metrics-file", file) == 0
    first = metrics(file)
    assert first["last_run_exit_code"] == {("apply", ""): 0}
    assert first["app_drift"] == {("", "handbook"): 0, ("", "mailer"): 0, ("", "shop"): 0}
    run("sandbox", "fail", "shop", "health")
    edit("shop", "value: info", "value: debug")
    assert run("--sandbox", "--metrics-file", file) == 4
    night = metrics(file)
    assert night["last_run_exit_code"] == {("apply", ""): 4}
    assert night["rollouts_total"]["", "shop", OutcomeKind.ROLLED_BACK.value] == 1
    assert night["app_drift"]["", "shop"] == night["app_stalled"]["", "shop"] == 1
    success = "app_last_success_timestamp_seconds"
    assert night[success]["", "shop"] == first[success]["", "shop"]
    assert night[success]["", "mailer"] > first[success]["", "mailer"]
    assert run("drift", "--sandbox", "--metrics-file", file) == 2
    after = metrics(file)
    assert after["last_run_exit_code"] == {("apply", ""): 4, ("drift", ""): 2}
    assert after["app_stalled"]["", "shop"] == 1
    assert "warning" not in capsys.readouterr().err


def test_metrics_are_written_when_the_run_fails(run, checkout, monkeypatch):
    file = checkout / "reconcile.prom"
    monkeypatch.setenv("RECONCILE_METRICS_FILE", str(file))
    assert run("apply") == 64, "there is no token"
    assert metrics(file)["last_run_exit_code"] == {("apply", ""): 64}
    assert run("plan", "--sandbox", "missing") == 3
    assert metrics(file)["runs_total"] == {("apply", "", "64"): 1, ("plan", "", "3"): 1}


def test_a_file_of_something_else_is_left_alone_and_changes_no_exit_code(run, checkout, capsys):
    before = (checkout / "specs/shop.yaml").read_text()
    assert run("plan", "--sandbox", "--metrics-file", "specs/shop.yaml") == 0
    assert "warning: no metrics: specs/shop.yaml has content that reconcile did not write" in capsys.readouterr().err
    assert (checkout / "specs/shop.yaml").read_text() == before
    assert run("plan", "--sandbox", "--metrics-file", "missing/x.prom") == 0
    assert "warning: no metrics: No such file or directory" in capsys.readouterr().err


def test_metrics_without_their_package_are_refused_before_anything_is_done(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "reconciler.telemetry.metrics_file", raising=False)
    assert run("apply", "--sandbox", "--metrics-file", "x.prom") == 64
    assert "this needs the package prometheus_client, from the extra 'metrics'" in capsys.readouterr().err
    assert run("sandbox", "show") == 0
    assert "shop" not in capsys.readouterr().out


# --- traces ---


def test_a_trace_is_sent_where_the_environment_names_a_receiver(run, monkeypatch, capsys):
    with receiving(Receiver()) as receiver:
        receiver.held.set()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        assert run("--sandbox") == 0
        names = {span.name for span in receiver.spans}
        assert {"reconcile apply", "plan", "rollout shop", "phase ACTIVE", "decision Write"} <= names
        ids = {span.span_id for span in receiver.spans}
        assert [span.name for span in receiver.spans if span.parent_span_id not in ids] == ["reconcile apply"]
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        assert run("plan", "--sandbox") == 0
        assert len(receiver.requests) == 1
    assert "warning" not in capsys.readouterr().err


def test_a_receiver_that_refuses_is_one_warning_and_changes_nothing(run, monkeypatch, capsys):
    with receiving(Receiver(status=400)) as receiver:
        receiver.held.set()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        assert run("plan", "--sandbox") == 0
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert re.fullmatch(r"warning: no traces: the receiver did not take them: .*400.*", said[0])
        assert run("plan", "--sandbox", "--log-format", "json") == 0
        (warning,) = of(read(capsys.readouterr().err), "message")
        assert warning["level"] == "warning"


def test_traces_without_their_package_are_one_warning(run, monkeypatch, capsys):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "reconciler.telemetry.otlp", raising=False)
    assert run("plan", "--sandbox") == 0
    assert capsys.readouterr().err.startswith(
        "warning: no traces: this needs the package opentelemetry, from the extra 'otel'; "
    )


# --- nothing asked for ---


def test_asking_for_everything_costs_no_request(run, checkout, capsys, monkeypatch):
    assert run("--sandbox") == 0
    capsys.readouterr()
    assert main(["plan", "--sandbox", "--format", "json"]) == 0
    without = json.loads(capsys.readouterr().out)["requests"]
    with receiving(Receiver()) as receiver:
        receiver.held.set()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        arguments = ["--format", "json", "--log-format", "json", "--metrics-file", "reconcile.prom"]
        assert main(["plan", "--sandbox", *arguments]) == 0
        assert receiver.spans
    assert json.loads(capsys.readouterr().out)["requests"] == without
    assert metrics(checkout / "reconcile.prom")["last_run_requests"] == {("plan", ""): without}
