"""`reconcile report` and `--format html`, against the embedded sandbox."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from tests.views.html.pagesupport import Reader

PASSWORD = "hunter2-Tr0ub4dor"


def page(file: Path) -> Reader:
    return Reader(file.read_text(encoding="ascii"))


def states(folder: Path) -> set[str]:
    """The states of all apps of the report in a folder."""
    return {
        word for one in page(folder / "report.html").named("li") for word in (one.get("data-states") or "").split("|")
    }


@pytest.fixture
def applied(run, capsys):
    """The example specs, live in the sandbox."""
    assert run("apply", "--sandbox", "--yes", "--allow", "max-changes") == 0
    capsys.readouterr()
    return run


def test_it_writes_one_file_and_changes_nothing(applied, edit, checkout, capsys):
    edit("shop", "instance_count: 2", "instance_count: 3")
    assert applied("report", "--sandbox") == 0
    assert capsys.readouterr().out == "written to report.html\n"
    found = page(checkout / "report.html")
    assert "1 to update, 2 in sync" in found.text
    assert "the embedded sandbox" in found.text
    assert "services/web/instance_count" in found.text
    assert stat.S_IMODE((checkout / "report.html").stat().st_mode) & 0o444 == 0o444
    assert [one.name for one in checkout.iterdir() if "report.html" in one.name] == ["report.html"]
    assert applied("plan", "--sandbox", "--exit-code") == 2, "it would have been applied otherwise"


def test_a_fleet_in_sync_costs_the_listing_alone_and_figures_a_request_for_each_app(applied, checkout, capsys):
    assert applied("report", "--sandbox") == 0
    assert "1 request" in page(checkout / "report.html").text
    assert capsys.readouterr().err == ""
    assert applied("report", "--sandbox", "--days", "90", "-o", "out/figures.html") == 0
    shown = capsys.readouterr()
    assert shown.err == "reading 3 apps: 3 requests, more for busy apps\n"
    text = page(checkout / "out/figures.html").text
    assert "deployments a week" in text
    assert "(3 in 90 days)" in text
    assert "0% (0 of 3)" in text


def test_the_health_of_apps_is_read_only_if_asked_for(applied, checkout, capsys):
    assert applied("sandbox", "fault", "health", "--app", "shop", "--times", "0") == 0
    assert applied("redeploy", "shop", "--sandbox") != 0
    capsys.readouterr()
    assert applied("report", "--sandbox") == 0
    assert capsys.readouterr().err == ""
    assert "unhealthy" not in states(checkout)
    assert applied("report", "--sandbox", "--health") == 0
    assert capsys.readouterr().err == "reading 3 apps: 3 requests\n"
    assert "unhealthy" in states(checkout)


def test_deployments_are_read_back_to_the_day_however_many_there_are(applied, checkout, monkeypatch):
    monkeypatch.setattr("reconciler.engine.report.HISTORY", 2)
    for _ in range(4):
        assert applied("redeploy", "shop", "--sandbox") == 0
    assert applied("report", "--sandbox", "--days", "30", "--app", "shop") == 0
    assert "(5 in 30 days)" in page(checkout / "report.html").text


def test_a_token_without_so_many_requests_left_is_refused_before_the_first_one(applied, checkout, monkeypatch, capsys):
    monkeypatch.setattr("reconciler.live.client.Client.left", 102)
    assert applied("report", "--sandbox", "--days", "90") == 64
    error = capsys.readouterr().err
    assert "--days needs 3 requests or more, and the token has 102 left this hour" in error
    assert not (checkout / "report.html").exists()


def test_what_failed_is_on_the_page_of_the_apply_and_of_the_report_after_it(applied, edit, checkout, capsys):
    assert applied("sandbox", "fail", "shop", "deploy") == 0
    edit("shop", "instance_count: 2", "instance_count: 3")
    capsys.readouterr()
    assert applied("apply", "--sandbox", "--yes", "--format", "html") == 4
    found = Reader(capsys.readouterr().out)
    assert "DeployContainerHealthChecksFailed" in found.text
    assert "rolled back" in {one["data-state"] for one in found.named("button") if "data-state" in one}
    assert "could not start" in found.text, "the log"
    assert "Timeline" in found.text
    assert applied("report", "--sandbox", "--days", "7") == 0
    text = page(checkout / "report.html").text
    assert "stalled" in text
    assert "Last deployments" in text
    assert "rollback by the platform" in text
    assert "25% (1 of 4)" in text


def test_invalid_specs_are_a_page_of_findings_and_exit_3(run, checkout, capsys):
    (checkout / "specs/shop.yaml").write_text("name: SHOP\nservices: [{name: web}]\n")
    assert run("report", "--sandbox") == 3
    assert "Apps" not in page(checkout / "report.html").text
    assert "specs/shop.yaml:1:7" in page(checkout / "report.html").text
    capsys.readouterr()
    for command in (["validate"], ["plan", "--sandbox"], ["apply", "--sandbox"]):
        assert run(*command, "--format", "html") == 3
        assert "specs/shop.yaml:1:7" in Reader(capsys.readouterr().out).text


def test_specs_without_findings_are_a_page_that_says_so(run, capsys):
    assert run("validate", "--format", "html", "specs/handbook.yaml") == 0
    assert "Reader" not in (text := Reader(capsys.readouterr().out).text)
    assert "finding" in text.lower()


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(applied, checkout, capsys):
    assert applied("report", "--sandbox", "-o", "/dev/null/report.html") == 1
    assert "cannot write /dev/null/report.html" in capsys.readouterr().err


def test_an_earlier_report_stays_whole_if_the_new_one_fails(applied, checkout, monkeypatch, capsys):
    assert applied("report", "--sandbox") == 0
    before = (checkout / "report.html").read_text()

    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert applied("report", "--sandbox") == 1
    assert "No space left" in capsys.readouterr().err
    assert (checkout / "report.html").read_text() == before
    assert [one.name for one in checkout.iterdir() if "report.html" in one.name] == ["report.html"]


def test_it_opens_a_browser_only_if_asked_and_says_where_none_could_be_opened(applied, checkout, monkeypatch, capsys):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert applied("report", "--sandbox") == 0
    assert opened == []
    assert applied("report", "--sandbox", "--open") == 0
    assert opened == [(checkout / "report.html").as_uri()]
    assert "open report.html yourself" in capsys.readouterr().err


def test_every_environment_is_on_one_page(run, checkout):
    (checkout / "reconcile.yaml").write_text("environments: {staging: {}, production: {}}\n")
    assert run("report", "--sandbox", "--env", "all") == 0
    text = page(checkout / "report.html").text
    assert "staging: 3 apps" in text
    assert "production: 3 apps" in text


def test_no_secret_is_in_a_report_even_if_the_platform_quotes_it(run, checkout, monkeypatch, capsys):
    (checkout / "reconcile.yaml").write_text("variables: [{name: PASSWORD, secret: true}]\n")
    monkeypatch.setenv("PASSWORD", PASSWORD)
    spec = checkout / "specs/shop.yaml"
    secret = "      - {key: DB, value: '${PASSWORD}', type: SECRET}\n"
    spec.write_text(spec.read_text().replace("    envs:\n", f"    envs:\n{secret}", 1))
    assert run("apply", "--sandbox", "--yes", "--allow", "max-changes", "--format", "html") == 0
    assert run("report", "--sandbox", "--days", "1") == 0
    shown = capsys.readouterr()
    assert PASSWORD not in shown.out + shown.err + (checkout / "report.html").read_text()


def test_values_that_only_live_has_are_hidden_unless_asked_for(applied, checkout, edit):
    edit("shop", "LOG_LEVEL", "LOG_LEVEL2")
    assert applied("report", "--sandbox") == 0
    hidden = page(checkout / "report.html").text
    assert "(live)" in hidden
    assert applied("report", "--sandbox", "--show-live-values") == 0
    assert "(live)" not in page(checkout / "report.html").text


@pytest.mark.parametrize("arguments", [["report", "--sandbox"], ["plan", "--sandbox", "--format", "html"]])
def test_without_the_extra_it_says_which_before_anything_is_done(arguments, run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(sys.modules["reconciler.cli.main"], "find_spec", lambda _name: None)
    assert run(*arguments) == 64
    shown = capsys.readouterr()
    assert "this needs the package jinja2, from the extra 'report'" in shown.err
    assert "pip install '.[report]'" in shown.err
    assert shown.out == ""
