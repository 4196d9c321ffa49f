"""The check run: its conclusion, its annotations in pages, and that it stops nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Location, Severity
from reconciler.github.checks import MOST, conclusion, placed
from reconciler.github.context import EventContext
from reconciler.github.inputs import Inputs
from reconciler.github.report import Result
from reconciler.plan.model import Action, Plan, PlanReport, SyncStatus
from tests.github.runner import Runner
from tests.github.world import OLD, pull_event
from tests.support.fake_github import FakeGitHub, Token


def finding(number: int = 1, severity: Severity = Severity.WARNING, file: str = "specs/shop.yaml") -> Finding:
    return Finding(severity, "unknown-field", f"unknown field {number}", "remove it", Location(file, number, 3))


def result(*found: Finding, code: Exit = Exit.OK) -> Result:
    plans = (Plan("shop", SyncStatus.OUT_OF_SYNC, Action.UPDATE), Plan("desk", SyncStatus.IN_SYNC, Action.NONE))
    return Result(code, markdown=lambda limit: "### 1 to update"[:limit], plan=PlanReport(plans), findings=found)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    fake = FakeGitHub()
    fake.add_pull(7, OLD)
    return Runner(tmp_path, fake)


def checked(runner: Runner, given: Result, event: str = "pull_request", **inputs: str) -> Any:
    async def execute(_inputs: Inputs, _context: EventContext) -> Result:
        return given

    payload = pull_event() if event == "pull_request" else {}
    return runner.step(execute, event, payload, **{"check_run": "true"} | inputs)


def test_a_plan_is_a_check_at_the_pull_requests_commit_with_the_findings_at_their_lines(runner: Runner):
    step = checked(runner, result(finding(12), finding(3, Severity.ERROR)), environment="production")
    assert step.warnings == []
    [check] = runner.fake.checks.values()
    assert (check["name"], check["head_sha"]) == ("reconcile plan: production", OLD)
    assert (check["status"], check["conclusion"], check["output"]["title"]) == (
        "completed",
        "success",
        "1 to update, 1 in sync",
    )
    assert "1 to update" in check["output"]["summary"]
    assert check["details_url"].endswith("/actions/runs/501")
    assert check["annotations"] == [
        {
            "path": "specs/shop.yaml",
            "start_line": line,
            "end_line": line,
            "annotation_level": level,
            "title": "unknown-field",
            "message": f"unknown field {line}\nremove it",
        }
        for line, level in ((3, "failure"), (12, "warning"))
    ]


def test_annotations_come_in_pages_of_fifty_and_are_bounded(runner: Runner):
    found = [finding(number, file=f"specs/{number:03}.yaml") for number in range(1, 121)]
    checked(runner, result(*found), comment="off")
    [check] = runner.fake.checks.values()
    assert [one["start_line"] for one in check["annotations"]] == list(range(1, 121))
    assert [method for method, _ in runner.fake.log] == ["POST", "PATCH", "PATCH"]
    assert len(placed([finding(number) for number in range(MOST + 9)])) == MOST


def test_a_finding_elsewhere_has_no_annotation():
    elsewhere = [finding(file=file) for file in ("/etc/passwd", "../other.yaml", "")]
    assert placed([*elsewhere, Finding(Severity.ERROR, "no-specs", "no specs")]) == []
    [one] = placed([Finding(Severity.NOTICE, "x", "y", location=Location("./specs/a.yaml"))])
    assert (one["path"], one["start_line"], one["annotation_level"]) == ("specs/a.yaml", 1, "notice")


@pytest.mark.parametrize(
    ("code", "drift", "fail", "wanted"),
    [
        (Exit.OK, False, False, "success"),
        (Exit.OK, True, False, "success"),
        (Exit.INVALID, False, False, "failure"),
        (Exit.ERROR, True, False, "failure"),
        (Exit.DIFFERENCES, True, False, "neutral"),
        (Exit.DIFFERENCES, True, True, "failure"),
        (Exit.INTERRUPTED, True, False, "cancelled"),
    ],
)
def test_the_conclusion_says_what_the_step_says(code: Exit, drift: bool, fail: bool, wanted: str):
    assert conclusion(result(code=code), drift=drift, fail=fail) == wanted


def test_drift_is_a_check_of_its_own_beside_the_issue(runner: Runner):
    step = checked(runner, result(code=Exit.DIFFERENCES), "schedule", mode="drift")
    [check] = runner.fake.checks.values()
    assert (check["name"], check["conclusion"], step.exit_code) == ("reconcile drift", "neutral", 0)
    assert len(runner.fake.issues) == 1


def test_a_missing_permission_is_a_warning_and_the_comment_comes_all_the_same(runner: Runner):
    runner.fake.tokens["gh-token"] = Token(checks=False)
    step = checked(runner, result(finding()))
    assert (step.exit_code, len(runner.fake.comments), runner.fake.checks) == (0, 1, {})
    [warning] = step.warnings
    assert "`checks: write`" in warning


def test_a_failed_run_is_a_failed_check(runner: Runner):
    checked(runner, Result(Exit.ERROR, markdown=lambda _limit: "### reconcile failed"))
    [check] = runner.fake.checks.values()
    assert (check["conclusion"], check["output"]["title"], check["annotations"]) == ("failure", "reconcile failed", [])


@pytest.mark.parametrize("inputs", [{"check_run": "false"}, {"mode": "apply"}, {"mode": "validate"}])
def test_no_other_mode_and_no_run_without_the_input_writes_one(runner: Runner, inputs: dict[str, str]):
    checked(runner, result(finding()), **inputs)
    assert runner.fake.checks == {}


def test_a_forks_own_run_writes_none(runner: Runner):
    async def execute(_inputs: Inputs, _context: EventContext) -> Result:
        return result(finding())

    runner.step(execute, "pull_request", pull_event(head="stranger/shop"), token="", check_run="true")
    assert runner.fake.checks == {}


def test_a_summary_that_is_too_long_is_shortened(runner: Runner):
    long = Result(Exit.OK, markdown=lambda limit: "ä" * limit, plan=PlanReport(()))
    assert checked(runner, long).warnings == []
    [check] = runner.fake.checks.values()
    assert 30_000 < len(check["output"]["summary"].encode()) <= 65_535
