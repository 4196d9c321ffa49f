"""A check run for a plan or a detection, with the findings at their lines.

Facts from GitHub's REST documentation ("Check runs"): only the token of an app may write one, as a workflow's own is;
50 annotations a request, and each further request appends; a summary has at most 65,535 characters, a title of an
annotation 255; conclusions success, failure, neutral, cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Severity, ranked
from reconciler.github.api import number_of
from reconciler.github.inputs import Mode
from reconciler.github.outputs import fitted
from reconciler.views.lines import inert, shortened
from reconciler.views.markup import path_within, size
from reconciler.views.summary import plan_counts

if TYPE_CHECKING:
    from reconciler.github.api import GitHub
    from reconciler.github.report import ActionRun, Result

PAGE = 50
"""Annotations of one request."""

MOST = 500
"""Annotations of a check run: ten requests."""

_SUMMARY = 65_535
_LEVELS = {Severity.ERROR: "failure", Severity.WARNING: "warning", Severity.NOTICE: "notice"}


async def check(github: GitHub, job: ActionRun, result: Result) -> None:
    """Write the check run of a plan or a detection, at the commit that the run is about.

    Raises:
        GitHubError: GitHub could not be reached, or refused.
    """
    path = f"/repos/{job.context.repository}/check-runs"
    pages = [*_pages(placed(result.findings))] or [[]]
    output = {"title": title(result), "summary": fitted(job.report(result), _SUMMARY, size) or "See the run."}
    name = f"reconcile {job.inputs.mode}{f': {job.inputs.environment}' if job.inputs.environment else ''}"
    made = await github.post(
        path,
        {
            "name": shortened(name, 200),
            "head_sha": job.context.head_sha,
            "status": "completed",
            "conclusion": conclusion(result, drift=job.inputs.mode is Mode.DRIFT, fail=job.inputs.fail_on_drift),
            "output": output | {"annotations": pages[0]},
        }
        | ({"details_url": job.context.run_url} if job.context.run_url else {}),
    )
    for page in pages[1:]:
        await github.patch(f"{path}/{number_of(made, 'id')}", {"output": output | {"annotations": page}})


def conclusion(result: Result, *, drift: bool, fail: bool) -> str:
    """What the check says: drift alone is neutral unless the step fails because of it."""
    if result.exit_code is Exit.INTERRUPTED:
        return "cancelled"
    if drift and result.exit_code is Exit.DIFFERENCES and not fail:
        return "neutral"
    return "success" if result.exit_code is Exit.OK else "failure"


def title(result: Result) -> str:
    """``1 to update, 3 in sync``."""
    counted = plan_counts(result.plan.plans) if result.plan else ""
    return counted or ("reconcile failed" if result.exit_code else "no apps")


def placed(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings that are at a place in the repository, the most serious first."""
    here = [one for one in ranked(list(found)) if one.location and path_within(one.location.file)]
    return [_annotation(one) for one in sorted(here, key=lambda one: one.severity.rank)[:MOST]]


def _annotation(finding: Finding) -> dict[str, Any]:
    place = finding.location
    assert place is not None
    line = max(place.line, 1)
    hint = f"\n{inert(finding.hint)}" if finding.hint else ""
    return {
        "path": path_within(place.file),
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[finding.severity],
        "title": shortened(finding.code, 200),
        "message": shortened(finding.message, 4000) + hint,
    }


def _pages(found: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [list(found[at : at + PAGE]) for at in range(0, len(found), PAGE)]
