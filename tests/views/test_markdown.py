"""What stands in pull requests and step summaries, exactly; and what is left out first."""

from dataclasses import replace

import pytest

from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import Change, ChangeKind, PlanReport
from reconciler.rollout.model import RolloutReport
from reconciler.views import markdown
from tests.views import samples

RUN = "https://github.com/octo/infra/actions/runs/42"


def test_a_plan_is_collapsed_by_app_and_open_where_somebody_is_needed(expected_markdown):
    assert markdown.plan(samples.PLAN) == expected_markdown


def test_a_plan_without_differences_says_so():
    assert markdown.plan(samples.IN_SYNC) == (
        "### Nothing to change: 2 apps in sync\n\n**$0.00/mo** · 1 request\n\nIn sync: `site`, `docs`"
    )


def test_a_large_fleet_in_sync_is_not_listed():
    report = PlanReport(samples.FLEET.plans[:300], requests=2)
    assert markdown.plan(report) == "### Nothing to change: 300 apps in sync\n\n**$0.00/mo** · 2 requests"


def test_apps_in_sync_beside_changes_are_named_up_to_a_point():
    assert "`app-029` and 270 more" in markdown.plan(samples.FLEET)


def test_header_and_footer_are_kept_at_every_degree():
    for limit in (65_536, 2_500, 700, 400):
        document = markdown.plan(samples.PLAN, limit=limit, header="<!-- marker -->", footer="_footer_")
        assert document.startswith("<!-- marker -->\n\n### 7 apps")
        assert document.endswith("\n\n_footer_")
        assert len(document.encode()) <= limit


def _many(count):
    changes = tuple(
        Change(("services", "web", "envs", f"KEY_{number:03d}", "value"), ChangeKind.CHANGED, "a" * 200, "b" * 200)
        for number in range(100)
    )
    return PlanReport(tuple(replace(samples.WEB, app=f"app-{number:04d}", changes=changes) for number in range(count)))


@pytest.mark.parametrize(
    ("apps", "whole", "some_changes", "names"),
    [
        (1, True, True, True),
        (4, False, True, True),
        (30, False, True, True),
        (600, False, False, True),
        (3000, False, False, False),
    ],
)
def test_a_plan_that_does_not_fit_is_told_in_less_and_less_detail(apps, whole, some_changes, names):
    document = markdown.plan(_many(apps), full=RUN)
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
    assert document.startswith(f"### {apps:,} app")
    assert ("KEY_099" in document) is whole
    assert ("KEY_005" in document) is some_changes
    assert (f"app-{apps - 1:04d}" in document) is names
    assert (f"[See the full report](<{RUN}>)." in document) is not whole


def test_a_rollout_is_open_where_it_went_wrong(expected_markdown):
    assert markdown.rollout(samples.ROLLOUT) == expected_markdown


def test_a_rollout_never_repeats_a_signed_link():
    document = markdown.rollout(samples.ROLLOUT)
    assert "https://logs.example.com/run.log?…" in document
    assert "X-Amz-Signature" not in document


def test_a_rollout_that_does_not_fit_loses_logs_before_outcomes():
    failure = replace(samples.FAILURE, log_lines=tuple(f"line {number} " + "x" * 200 for number in range(40)))
    records = tuple(replace(samples.ROLLED_BACK, app=f"app-{number:03d}", failure=failure) for number in range(200))
    document = markdown.rollout(RolloutReport(records), full=RUN)
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
    assert "line 39" not in document
    assert all(f"✗ app-{number:03d}" in document for number in range(200))
    few = markdown.rollout(RolloutReport(records[:20]), full=RUN)
    assert "line 39" in few
    assert "line 0 " not in few


def test_findings_stand_in_a_block(expected_markdown):
    assert markdown.findings(samples.FINDINGS) == expected_markdown


def test_when_findings_do_not_fit_errors_are_kept_first():
    warnings = [Finding(Severity.WARNING, "w", "x" * 300, location=Location("a.yaml", n, 1)) for n in range(1, 900)]
    error = Finding(Severity.ERROR, "bad", "the one error", location=Location("z.yaml", 1, 1))
    document = markdown.findings([*warnings, error])
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
    assert "z.yaml:1:1: error: the one error [bad]" in document
    assert "… and 750 more" in document
    assert document.startswith("### 1 error, 899 warnings")


def test_the_limit_holds_for_text_that_takes_many_bytes():
    report = _many(20)
    wide = tuple(
        replace(plan, changes=tuple(replace(c, before="漢" * 200, after="字" * 200) for c in plan.changes))
        for plan in report.plans
    )
    document = markdown.plan(PlanReport(wide))
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
