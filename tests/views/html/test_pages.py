"""Pages as whole: what is on them, exactly; that nothing runs or is fetched; that no secret is on them."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape

import pytest
from syrupy.assertion import SnapshotAssertion

from reconciler.errors import PlanMismatch, ReconcileError
from reconciler.plan.figures import Figures
from reconciler.plan.model import Action, AppAttribution, Change, ChangeKind, PlanReport, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import DeploymentLog, RolloutReport
from reconciler.views.html import pages
from reconciler.views.html.model import Fleet
from tests.views import samples
from tests.views.conftest import _Text
from tests.views.html.pagesupport import ABOUT, PAST, Reader, bare


class _Html(_Text):
    file_extension = "html"


@pytest.fixture
def expected(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(_Html)


WEB = replace(
    samples.WEB, attribution=AppAttribution("web", "live_edit", "changed on App Platform 2 h ago by Kim Holm")
)
FIGURES = Figures(90, 40, 30, 8, (60.0, 72.0, 300.0), (35.0, 600.0), 1)


def test_a_plan(expected: SnapshotAssertion) -> None:
    report = replace(samples.PLAN, plans=(samples.SHOP, samples.SITE, WEB), requests=3)
    page = pages.fleet([Fleet(report)], replace(ABOUT, freeze="frozen until 2026-11-29 06:00 UTC (sale)"))
    Reader(page)
    assert bare(page) == expected


def test_an_apply(expected: SnapshotAssertion) -> None:
    report = RolloutReport((samples.ROLLED_BACK, samples.APPLIED, samples.UNCHANGED), 26, 243.2, ("queue: building",))
    page = pages.fleet([Fleet(PlanReport((samples.WEB, samples.SITE)), report, "production")], ABOUT)
    Reader(page)
    assert bare(page) == expected


def test_a_fleet_with_its_past(expected: SnapshotAssertion) -> None:
    past = replace(PAST, figures=FIGURES)
    fleet = Fleet(PlanReport((samples.QUEUE, samples.SITE)), histories={"queue": past}, figures=FIGURES)
    page = pages.fleet([fleet], replace(ABOUT, account="acme", title="reconcile report"))
    Reader(page)
    assert bare(page) == expected


def test_findings(expected: SnapshotAssertion) -> None:
    page = pages.findings(samples.FINDINGS, ABOUT)
    Reader(page)
    assert bare(page) == expected


def test_an_error(expected: SnapshotAssertion) -> None:
    page = pages.error(PlanMismatch("nothing was applied: <frozen>", hint="wait"), 7, ABOUT)
    Reader(page)
    assert bare(page) == expected


def test_a_page_without_apps_says_so() -> None:
    page = Reader(pages.fleet([Fleet(PlanReport((), requests=1))], ABOUT))
    assert "No apps" in page.text
    assert page.named("form") == []


def test_nothing_but_its_own_style_and_script_may_run_and_nothing_may_be_fetched() -> None:
    page = pages.fleet([Fleet(samples.PLAN)], ABOUT)
    (policy,) = [one["content"] for one in Reader(page).named("meta") if one.get("http-equiv")]
    hashes = [
        f"'sha256-{b64encode(sha256(re.findall(rf'(?s)<{tag}>(.*?)</{tag}>', page)[0].encode()).digest()).decode()}'"
        for tag in ("style", "script")
    ]
    assert policy == (
        f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    )
    assert page.count("<script") == page.count("<style") == 1


def test_changes_that_apps_have_alike_are_shown_once() -> None:
    alike = [replace(samples.WEB, app=name, app_id="", file="", attribution=None) for name in ("a", "b", "c")]
    page = Reader(pages.fleet([Fleet(PlanReport(tuple(alike)))], ABOUT))
    assert page.text.count("services/api/image/tag") == 1
    assert "The same in 2 other apps: b, c" in page.text
    assert [one["href"] for one in page.named("a") if one["href"] == "#app-1-1"] == ["#app-1-1"] * 2


def test_several_environments_are_on_one_page_with_the_environment_before_each_name() -> None:
    fleets = [Fleet(samples.IN_SYNC, environment="staging"), Fleet(PlanReport((WEB,)), environment="production")]
    page = Reader(pages.fleet(fleets, ABOUT))
    assert "staging / site" in re.sub(r"\s+", " ", page.text)
    assert "production / web" in re.sub(r"\s+", " ", page.text)
    assert len({one["id"] for one in page.named("li") if one.get("id")}) == 3


def test_an_app_that_was_rolled_out_has_no_past_that_is_out_of_date() -> None:
    report = RolloutReport((samples.APPLIED, samples.UNCHANGED))
    fleet = Fleet(PlanReport((samples.WEB, samples.SITE)), report, histories={"web": PAST, "site": PAST})
    page = Reader(pages.fleet([fleet], ABOUT))
    assert page.text.count("Last deployments") == 1


def test_links_lead_to_web_pages_only_and_none_has_a_query() -> None:
    record = replace(
        samples.ROLLED_BACK,
        live_url="javascript:alert(1)",
        failure=replace(samples.FAILURE, links=("https://a.example/log?signature=abc", "data:text/html,x")),
    )
    page = Reader(pages.fleet([Fleet(PlanReport(()), RolloutReport((record,)))], ABOUT))
    assert [one["href"] for one in page.named("a") if not str(one["href"]).startswith("#")] == [
        "https://cloud.digitalocean.com/apps/4b7cb0e5-0000-4000-8000-00000000000a"
    ]
    assert "javascript:alert(1)" in page.text
    assert "signature" not in page.text


def test_outside_the_vendor_s_account_nothing_links_to_its_control_panel() -> None:
    fleet = Fleet(PlanReport((samples.WEB,)), histories={"web": PAST})
    page = pages.fleet([fleet], replace(ABOUT, address="the embedded sandbox"))
    assert "cloud.digitalocean.com" not in page


SECRET = "Tr0ub4dor&3-x9"


def test_no_secret_is_on_a_page_whoever_wrote_it_there() -> None:
    redact = Redactor({SECRET})
    record = replace(
        samples.ROLLED_BACK,
        failure=replace(samples.FAILURE, message=f"bad {SECRET}", log_lines=(f"key={SECRET}",)),
        logs=(DeploymentLog("8b2e", "BUILD", (f"export KEY={SECRET}",)),),
        warnings=(f"{SECRET} was seen",),
    )
    past = replace(PAST, deployments=(replace(PAST.deployments[1], reason=f"api: {SECRET}"),))
    rollout = redact.within(RolloutReport((record,)))
    page = pages.fleet([Fleet(PlanReport((samples.WEB,)), rollout)], ABOUT)
    page += pages.fleet([Fleet(samples.PLAN, histories=redact.within({"web": past}))], ABOUT)
    assert SECRET not in unescape(page)
    assert page.count("(secret)") >= 5


def test_a_secret_of_a_change_is_masked_by_its_place() -> None:
    page = pages.fleet([Fleet(PlanReport((samples.WEB,)))], ABOUT)
    assert "(secret) changed" in Reader(page).text
    assert "EV[1:n:c]" not in page


def test_no_line_of_a_page_commands_the_runner_that_prints_it() -> None:
    lines = ("::error::boom", "##[error]boom", "  ::set-output name=x::y")
    record = replace(samples.ROLLED_BACK, failure=replace(samples.FAILURE, log_lines=lines, message="\n".join(lines)))
    page = pages.fleet([Fleet(PlanReport(()), RolloutReport((record,)))], ABOUT)
    assert not [line for line in page.split("\n") if line.lstrip().startswith("::") or "##[" in line]


def test_an_error_of_any_kind_has_a_page() -> None:
    page = Reader(pages.error(ReconcileError("it broke\nbadly"), 1, ABOUT))
    assert "reconcile failed with exit code 1" in page.text
    assert "badly" in page.text


def test_who_is_notified_of_alerts_is_among_the_changes_and_in_the_account() -> None:
    change = Change(("alerts", "DEPLOYMENT_FAILED", "emails"), ChangeKind.CHANGED, ["a@example.com"], ["b@example.com"])
    plan = replace(samples.SITE, action=Action.ALERTS, status=SyncStatus.OUT_OF_SYNC, alerts=(change,))
    page = Reader(pages.fleet([Fleet(PlanReport((plan,)))], ABOUT))
    assert "set alerts \u00b7 1 change" in page.text
    assert "alerts/DEPLOYMENT_FAILED/emails" in page.text
    record = replace(samples.APPLIED, alerts=("DEPLOYMENT_FAILED",))
    page = Reader(pages.fleet([Fleet(PlanReport(()), RolloutReport((record,)))], ABOUT))
    assert "alert destinations set: DEPLOYMENT_FAILED" in page.text


def test_what_was_to_be_done_with_a_report_and_failed_is_said_first() -> None:
    report = replace(samples.IN_SYNC, warnings=("the message to <ops> was not sent",))
    assert "the message to <ops> was not sent" in Reader(pages.fleet([Fleet(report)], ABOUT)).text
