"""What stands in pull requests and step summaries, exactly; and what is left out first."""

from dataclasses import replace

import pytest

from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import UNJUDGED, Change, ChangeKind, Move, Note, PlanReport
from reconciler.rollout.model import Failure, RolloutReport
from reconciler.views import markdown, markdown_rollout, text
from reconciler.views.markup import console_url
from reconciler.views.outcome_lines import cause_of
from tests.views import samples

RUN = "https://github.com/octo/infra/actions/runs/42"


def test_a_plan_is_collapsed_by_app_and_open_where_somebody_is_needed(expected_markdown):
    assert markdown.plan(samples.PLAN) == expected_markdown


def test_a_plan_without_differences_says_so():
    assert markdown.plan(samples.IN_SYNC) == (
        "### Nothing to change: 2 apps in sync\n\nIn sync: `site`, `docs`\n\n$0.00/mo"
    )


def test_a_large_fleet_in_sync_is_not_listed():
    report = PlanReport(samples.FLEET.plans[:300], requests=2)
    assert markdown.plan(report) == "### Nothing to change: 300 apps in sync\n\n$0.00/mo"


def test_apps_in_sync_beside_changes_are_named_up_to_a_point():
    assert "`app-029` and 270 more" in markdown.plan(samples.FLEET)


def test_header_and_footer_are_kept_at_every_degree():
    for limit in (65_536, 2_500, 700, 400):
        document = markdown.plan(samples.PLAN, limit=limit, header="<!-- marker -->", footer="_footer_")
        assert document.startswith("<!-- marker -->\n\n### 7 apps")
        assert document.endswith("\n\n_footer_")
        assert len(document.encode()) <= limit


def test_a_row_counts_every_move_of_a_list_that_it_has_no_room_for():
    moves = tuple(Move(f"[/{number}]", "before [/]") for number in range(5))
    order = Change(("ingress", "rules"), ChangeKind.REORDERED, moves=moves)
    changes = (order, Change(("region",), ChangeKind.CHANGED, "fra", "ams"))
    document = markdown.plan(PlanReport((replace(samples.WEB, changes=changes),)))
    row = document.partition("<code>web</code>")[2].partition("</tr>")[0]
    assert row.count("<code>ingress/rules") == 3
    assert "and 3 more changes" in row, "two moves and the region"


def _many(count):
    changes = tuple(
        Change(("services", "web", "envs", f"KEY_{number:03d}", "value"), ChangeKind.CHANGED, "a" * 200, "b" * 200)
        for number in range(100)
    )
    own = [Change(("region",), ChangeKind.CHANGED, "fra", f"r{number}") for number in range(count)]
    return PlanReport(
        tuple(
            replace(samples.WEB, app=f"app-{number:04d}", changes=(*changes, differs))
            for number, differs in enumerate(own)
        )
    )


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
    document = markdown.plan(_many(apps), links=markdown.Links(full=RUN))
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
    assert document.startswith(f"### {apps:,} app")
    assert ("KEY_099" in document) is whole
    assert ("KEY_005" in document) is some_changes
    assert (f"app-{apps - 1:04d}" in document) is names
    assert (f"[See the full report](<{RUN}>)." in document) is not whole


GITHUB = "https://github.com/octo/infra"
LINKS = markdown.Links(RUN, f"{GITHUB}/blob/{'a' * 40}", f"{GITHUB}/actions/workflows/apply.yml")


def test_a_guard_says_where_it_is_allowed_and_a_finding_links_to_its_line():
    document = markdown.plan(samples.PLAN, links=LINKS)
    where = f"[run the workflow](<{GITHUB}/actions/workflows/apply.yml>)"
    assert f"To allow it, {where} with the input `allow`: `--allow destroy:shop/databases/orders`" in document
    line = f"[`specs/web.yaml:9:12`](<{GITHUB}/blob/{'a' * 40}/specs/web.yaml#L9>)"
    assert f"- **warning** `the tag latest moves: what runs is not what was reviewed` {line}" in document
    assert "See: `reconcile status billing`" in document


SAME_COST = samples.Cost(5.0, 5.0)


def _tagged(app, cost=SAME_COST, after="2"):
    change = Change(("services", "web", "image", "tag"), ChangeKind.CHANGED, "1", after)
    return replace(samples.WEB, app=app, changes=(change,), notes=(), cost=cost, update_all_source_versions=False)


def test_equal_changes_of_many_apps_are_one_row_and_one_open_diff(expected_markdown):
    plans = [_tagged(f"app-{number:02d}") for number in range(40)]
    plans += [_tagged("billing", after="3"), _tagged("shop", samples.Cost(5.0, 12.0))]
    document = markdown.plan(PlanReport(tuple(plans)))
    assert document.count("1 → 2") == 4, "a row and a diff for the 40, and for the one whose cost differs"
    assert "<b>40 apps</b>" in document
    assert document == expected_markdown


def test_a_small_diff_is_open_and_a_large_one_is_folded():
    small, large = _tagged("small"), replace(samples.WEB, app="large", notes=())
    document = markdown.plan(PlanReport((small, large)))
    assert "<details open>\n<summary>~ <code>small</code>" in document
    assert "<details>\n<summary>~ <code>large</code>" in document
    many = PlanReport(tuple(_tagged(f"app-{number}", after=f"2.{number}") for number in range(6)))
    assert "<details open>" not in markdown.plan(many), "six diffs are no longer read at a glance"


def test_an_app_that_may_not_have_been_judged_raises_no_alarm_in_a_pull_request():
    young = replace(samples.SITE, notes=(Note((), UNJUDGED, "just became active"),))
    assert "health-checked" not in markdown.plan(PlanReport((young, samples.WEB)))
    assert "health-checked" in text.plan(PlanReport((young, samples.WEB)))


@pytest.mark.parametrize("document", [markdown.plan(samples.PLAN), markdown_rollout.rollout(samples.ROLLOUT)])
def test_requests_are_no_subject_of_a_pull_request(document):
    assert "request" not in document.replace("as requested", "")


def _published(record):
    address = console_url("4b7cb0e5-0000-4000-8000-00000000000a", samples.OLD)
    return replace(record, console_url=address)


UNHEALTHY = replace(samples.FAILURE, code="", message="api unhealthy for 5 s")


def test_one_failure_is_the_headline_with_its_cause_and_what_changed_stays(expected_markdown):
    failed = _published(replace(samples.ROLLED_BACK, failure=UNHEALTHY, requests=17))
    report = RolloutReport((failed, _published(samples.APPLIED), samples.UNCHANGED), seconds=243.2)
    planned = PlanReport((replace(_tagged("api")), _tagged("web", samples.Cost(29.0, 36.0)), samples.SITE))
    document = markdown_rollout.rollout(report, planned)
    assert document.startswith("### `api` rolled back: `api unhealthy for 5 s`\n")
    assert "What changed:\n\n```diff\n! services/web/image/tag   1 → 2\n```" in document
    assert "| listening on :8080" in document.replace("│", "|")
    assert (
        f"[failed deployment](<https://cloud.digitalocean.com/apps/{failed.app_id}/deployments/{samples.NEW}>)"
        in document
    )
    assert document == expected_markdown


def test_without_the_vendors_account_there_are_no_links_to_its_control_panel():
    assert "cloud.digitalocean.com" not in markdown_rollout.rollout(
        RolloutReport((replace(samples.ROLLED_BACK, failure=replace(UNHEALTHY, links=())),))
    )


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (None, ""),
        (Failure(), ""),
        (UNHEALTHY, "api unhealthy for 5 s"),
        (Failure("web", code="BuildJobExitNonZero", message="the build failed"), "web: BuildJobExitNonZero"),
        (Failure("web", message="readiness check failed\nGET / 503"), "web: readiness check failed"),
        (Failure(message="its steps could not be read"), "its steps could not be read"),
        (Failure("web"), "web"),
    ],
)
def test_a_cause_is_the_component_and_its_reason(failure, cause):
    assert cause_of(replace(samples.ROLLED_BACK, failure=failure)) == cause


def test_a_rollout_is_open_where_it_went_wrong(expected_markdown):
    assert markdown_rollout.rollout(samples.ROLLOUT) == expected_markdown


def test_a_rollout_never_repeats_a_signed_link():
    document = markdown_rollout.rollout(samples.ROLLOUT)
    assert "https://logs.example.com/run.log?…" in document
    assert "X-Amz-Signature" not in document


def test_a_rollout_that_does_not_fit_loses_logs_before_outcomes():
    failure = replace(samples.FAILURE, log_lines=tuple(f"line {number} " + "x" * 200 for number in range(40)))
    records = tuple(replace(samples.ROLLED_BACK, app=f"app-{number:03d}", failure=failure) for number in range(200))
    document = markdown_rollout.rollout(RolloutReport(records), links=markdown.Links(full=RUN))
    assert len(document.encode()) <= markdown.COMMENT_LIMIT
    assert "line 39" not in document
    assert all(f"✗ app-{number:03d}" in document for number in range(200))
    few = markdown_rollout.rollout(RolloutReport(records[:20]), links=markdown.Links(full=RUN))
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
