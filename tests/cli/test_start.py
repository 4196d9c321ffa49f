"""What each command imports: only what it needs, so that it starts quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.cli.shell import web_in

ROOT = Path(__file__).parents[2]
HEAVY = {
    "asyncio",
    "cyclopts",
    "deepdiff",
    "dulwich",
    "httpx",
    "jsonschema",
    "pydantic",
    "rich",
    "sqlite3",
    "ssl",
    "yaml",
}
"""Packages that take milliseconds to import."""

WORK = {"reconciler.engine.planner", "reconciler.engine.apply", "reconciler.live.client", "reconciler.rollout.executor"}


def imported(*arguments: str, cwd: Path = ROOT) -> set[str]:
    """The modules that a run of the command imported."""
    code = "import sys; from reconciler.__main__ import main; code = main(); print('\\n', *sys.modules); sys.exit(code)"
    command = [sys.executable, "-c", code, *arguments]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--version"], set()),
        (["validate", "specs/shop.yaml"], {"pydantic", "yaml"}),
        (["validate", "--format", "json", "specs/shop.yaml"], {"pydantic", "yaml", "cyclopts"}),
        (["fmt", "--check", "specs/shop.yaml"], {"cyclopts", "pydantic", "yaml"}),
        (["--help"], set()),
        (["validate", "--help"], {"cyclopts", "rich"}),
        (["schema", "spec"], {"cyclopts"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], needed: set[str]) -> None:
    found = imported(*arguments)
    assert found & HEAVY == needed
    assert not found & WORK


def test_a_plan_loads_nothing_about_alert_destinations_unless_they_are_declared(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/web.yaml").write_text(
        "name: web\nalerts: [{rule: DEPLOYMENT_FAILED}]\nservices: [{name: api, image: {registry_type: DOCKER_HUB, "
        "registry: acme, repository: api, tag: '1'}}]\n"
    )
    modules = {"reconciler.desired.alerts", "reconciler.plan.alerts", "reconciler.engine.alerts"}
    assert not imported("plan", "--sandbox", cwd=tmp_path) & modules
    (tmp_path / "reconcile.yaml").write_text("defaults: {alerts: {DEPLOYMENT_FAILED: {emails: [ops@example.com]}}}\n")
    assert modules <= imported("plan", "--sandbox", cwd=tmp_path)


@pytest.mark.parametrize(
    ("section", "module"),
    [
        ("account: {team: shop}", "reconciler.config_sections"),
        ("defaults: {health: {probe: {path: /}}}", "reconciler.config_sections"),
        ("defaults: {alerts: {DEPLOYMENT_FAILED: {emails: []}}}", "reconciler.config_alerts"),
        ("notify: [{url: '${CHAT}'}]", "reconciler.config_notify"),
        ("preview: {ttl: 2d}", "reconciler.config_preview"),
        ("environments: {staging: {rename: '{app}-staging'}}", "reconciler.environments"),
    ],
)
def test_the_models_of_a_section_are_loaded_for_a_file_that_has_it(section: str, module: str, tmp_path: Path) -> None:
    web_in(tmp_path)
    (tmp_path / "reconcile.yaml").write_text(f"{section}\n")
    assert module in imported("validate", "specs", cwd=tmp_path)


def test_the_models_of_sections_are_not_loaded_for_a_file_without_them(tmp_path: Path) -> None:
    web_in(tmp_path)
    (tmp_path / "reconcile.yaml").write_text("defaults: {health: {soak: 5s}}\n")
    sections = {f"reconciler.config_{name}" for name in ("alerts", "notify", "preview", "sections")}
    assert not imported("validate", "specs", cwd=tmp_path) & {*sections, "reconciler.environments"}


UNASKED = {"apprise", "google", "jinja2", "markupsafe", "opentelemetry", "prometheus_client", "requests", "urllib3"}
"""Packages of reports, messages, metrics and traces."""


def test_reports_messages_metrics_and_traces_load_nothing_where_nobody_asks_for_them(tmp_path: Path) -> None:
    web_in(tmp_path)
    for command in ("apply", "drift", "status"):
        found = imported(command, "--sandbox", cwd=tmp_path)
        assert not {name.partition(".")[0] for name in found} & UNASKED
        assert not {name for name in found if name.startswith(("reconciler.html", "reconciler.views.html"))}
        assert not {name for name in found if name.startswith("reconciler.notify")}
        telemetry = {name for name in found if name.startswith("reconciler.telemetry.")}
        assert telemetry == {"reconciler.telemetry.observer"}


@pytest.mark.parametrize("words", [["specs"], [], ["specs/shop.yaml", "specs/nowhere.yaml"], ["spec"]])
def test_files_alone_are_validated_as_with_the_parser_of_arguments(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    quick = main(["validate", *words]), capsys.readouterr()
    assert quick == (main(["validate", "--format", "text", *words]), capsys.readouterr())
