"""A run as spans: which there are, when they began and ended, what they say, and which failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import opentelemetry.semconv._incubating.attributes as incubating
import opentelemetry.semconv.attributes as stable
import pytest

from reconciler.exit_codes import Exit
from reconciler.plan.model import Action, SyncStatus
from reconciler.rollout.model import OutcomeKind
from reconciler.telemetry.facts import ErrorFacts, RolloutFacts
from reconciler.telemetry.pipeline import GITHUB, GITLAB, pipeline_attributes
from reconciler.telemetry.spans import Span, run_span
from tests.telemetry.facts import at, ended, plan, planned, run
from tests.views import samples

NIGHT = run(
    planned(plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE), environment="production"),
    RolloutFacts("production", samples.ROLLOUT, {"web": at(80), "api": at(250)}),
    environment="production",
    exit_code=4,
    ended=at(260),
)


def every(span: Span) -> Iterator[Span]:
    yield span
    for child in span.children:
        yield from every(child)


def drawn(span: Span, depth: int = 0) -> Iterator[str]:
    began, until = ((when - at(0)).total_seconds() for when in (span.began, span.ended))
    failed = "" if span.error is None else f"  ✗ {span.error}"
    yield f"{'  ' * depth}{began:8.1f} – {until:.1f}  {span.name}{failed}"
    yield from (f"{'  ' * depth}{'':10}{name}={value}" for name, value in sorted(span.attributes.items()))
    for child in span.children:
        yield from drawn(child, depth + 1)


def test_a_night_with_a_failure_is_this_trace(snapshot):
    assert "\n".join(drawn(run_span(NIGHT, {"cicd.pipeline.name": "deploy"}))) == snapshot


def test_spans_of_a_rollout_are_within_it_and_it_is_within_the_run():
    root = run_span(NIGHT, {})
    for parent in every(root):
        for child in parent.children:
            assert parent.began <= child.began <= child.ended <= parent.ended, child.name


def test_an_app_in_sync_has_no_span():
    assert "site" in {record.app for record in samples.ROLLOUT.records}
    names = [span.name for span in every(run_span(NIGHT, {}))]
    assert [name for name in names if name.startswith("rollout")] == ["rollout web", "rollout api"]


@pytest.mark.parametrize(
    ("code", "result", "kind"),
    [
        (Exit.OK, "success", None),
        (Exit.DIFFERENCES, "success", None),
        (Exit.ERROR, "error", "error"),
        (Exit.ROLLED_BACK, "failure", "rolled_back"),
        (Exit.USAGE, "failure", "usage"),
        (Exit.INTERRUPTED, "cancellation", "interrupted"),
    ],
)
def test_the_exit_code_decides_whether_the_run_failed(code, result, kind):
    span = run_span(run(exit_code=code), {})
    assert span.attributes["cicd.pipeline.task.run.result"] == result
    assert span.attributes.get("error.type") == kind
    assert (span.error is None) is (kind is None)


def test_an_error_that_ended_the_run_is_its_status():
    span = run_span(run(exit_code=1, error=ErrorFacts("unauthorized", "GET /v2/apps: 401")), {})
    assert (span.error, span.attributes["error.type"]) == ("GET /v2/apps: 401", "unauthorized")


def test_a_rollback_that_a_person_asked_for_is_no_failure():
    record = ended("web", OutcomeKind.TAKEN_BACK)
    root = run_span(run(RolloutFacts("", replace(samples.ROLLOUT, records=(record,)), {"web": at(60)})), {})
    (rollout,) = root.children
    assert rollout.error is None
    assert rollout.attributes["deployment.status"] == "succeeded"


def conventions() -> set[str]:
    """Every attribute that OpenTelemetry's conventions have a name for, of the groups that are used."""
    modules = [
        __import__(f"{package.__name__}.{group}_attributes", fromlist=["*"])
        for package, groups in ((incubating, ("cicd", "deployment", "vcs", "process")), (stable, ("error", "service")))
        for group in groups
    ]
    return {value for module in modules for value in vars(module).values() if isinstance(value, str)}


def test_attributes_are_those_of_the_conventions_or_our_own():
    used = {name for span in every(run_span(NIGHT, {**GITHUB, **GITLAB})) for name in span.attributes}
    assert {name for name in used if not name.startswith("reconcile.")} <= conventions()


def test_the_pipeline_is_known_by_its_variables():
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKFLOW": "deploy",
        "GITHUB_RUN_ID": "500",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": "c" * 40,
    }
    assert pipeline_attributes(github) == {
        "cicd.pipeline.name": "deploy",
        "cicd.pipeline.run.id": "500",
        "cicd.pipeline.run.url.full": "https://github.example/acme/shop/actions/runs/500",
        "vcs.repository.url.full": "https://github.example/acme/shop",
        "vcs.ref.head.name": "main",
        "vcs.ref.head.revision": "c" * 40,
        "vcs.provider.name": "github",
    }
    gitlab = {"GITLAB_CI": "true", "CI_PIPELINE_ID": "7", "CI_PIPELINE_NAME": "", "GITHUB_SHA": "c" * 40}
    assert pipeline_attributes(gitlab) == {"cicd.pipeline.run.id": "7", "vcs.provider.name": "gitlab"}
    assert pipeline_attributes({"GITHUB_SHA": "c" * 40}) == {}
