"""Findings, and errors that end a run, as SARIF 2.1.0 (OASIS), for code scanning.

GitHub needs a place for every result, expects paths relative to the repository's root, and shows the first 5,000 of a
run; fingerprints identify a finding even if lines around it move.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler import REPOSITORY
from reconciler.findings import Finding, Location, Severity, ranked
from reconciler.views.lines import inert, json_text

if TYPE_CHECKING:
    from reconciler.plan.model import PlanReport
    from reconciler.rollout.model import RolloutReport

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST = 5000
"""Maximum number of results that code scanning shows for a run."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def sarif(found: Sequence[Finding], *, tool_version: str = "", nowhere: str = "reconcile.yaml") -> str:
    """The findings as a SARIF document; those without a place are attached to the file ``nowhere``."""
    shown = sorted(ranked(list(found)), key=lambda finding: finding.severity.rank)[:MOST]
    rules = {code: number for number, code in enumerate(sorted({finding.code for finding in shown}))}
    driver: dict[str, Any] = {
        "name": "reconcile",
        "informationUri": REPOSITORY,
        "rules": [_rule(code) for code in rules],
    }
    if tool_version:
        driver["version"] = tool_version
    seen: Counter[str] = Counter()
    results = [_result(finding, rules[finding.code], nowhere, seen) for finding in shown]
    return _document({"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results})


def error(ended: Finding, exit_code: int, *, tool_version: str) -> str:
    """A run that failed. It has no ``results``: an empty list would mean that nothing was found.

    SARIF 2.1.0, 3.20.14 (executionSuccessful), 3.20.21 (toolExecutionNotifications) and appendix I.
    """
    notification = {"descriptor": {"id": ended.code}, "level": "error", "message": _message(ended)}
    invocation = {"executionSuccessful": False, "exitCode": exit_code, "toolExecutionNotifications": [notification]}
    return _document({"tool": {"driver": {"name": "reconcile", "version": tool_version}}, "invocations": [invocation]})


def _document(run: dict[str, Any]) -> str:
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: str) -> dict[str, Any]:
    words = inert(code).replace("-", " ").replace("_", " ").strip().capitalize() or "Finding"
    page = help_page(code)
    what = "What it means, an example, and how to fix it"
    return {
        "id": inert(code),
        "shortDescription": {"text": words},
        "helpUri": page,
        "help": {"text": f"{what}: {page}", "markdown": f"[{what}]({page})"},
    }


def help_page(code: str) -> str:
    """The address of a code's section in docs/findings.md; all policies (``policy:NAME``) share one."""
    return f"{REPOSITORY}/blob/main/docs/findings.md#{quote(inert(code).partition(':')[0], safe='')}"


def _result(finding: Finding, rule: int, nowhere: str, seen: Counter[str]) -> dict[str, Any]:
    place = finding.location or Location(nowhere)
    result: dict[str, Any] = {
        "ruleId": inert(finding.code),
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": _message(finding),
        "locations": [_location(place)],
        "partialFingerprints": {"reconcileFinding/v1": _fingerprint(finding, place, seen)},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(other)} for number, other in enumerate(finding.related, start=1)
        ]
    return result


def _message(finding: Finding) -> dict[str, str]:
    text = inert(finding.message) + (f"\n{inert(finding.hint)}" if finding.hint else "")
    return {"text": text.strip() or "(no message)"}


def _location(place: Location) -> dict[str, Any]:
    path = PurePath(place.file or "reconcile.yaml")
    physical: dict[str, Any] = {"artifactLocation": _artifact(path)}
    if place.line:
        physical["region"] = {"startLine": place.line, "startColumn": max(place.column, 1)}
    return {"physicalLocation": physical}


def _artifact(path: PurePath) -> dict[str, str]:
    uri = quote(path.as_posix().removeprefix("./"), safe="/", errors="replace")
    return {"uri": f"file://{uri}"} if path.is_absolute() else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _fingerprint(finding: Finding, place: Location, seen: Counter[str]) -> str:
    """A stable value for the same finding at the same pointer of the same file, whatever its line."""
    identity = f"{finding.code}\0{place.file}\0{place.pointer}\0{finding.message}"
    digest = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


# --- The findings of a plan and of a rollout, for whoever lists them at the places of the specs ---


def of_plan(report: PlanReport) -> tuple[Finding, ...]:
    """All findings: general ones and those of each app."""
    return (*report.findings, *(found for plan in report.plans for found in plan.findings))


def of_rollout(report: RolloutReport, planned: PlanReport | None) -> tuple[Finding, ...]:
    """The findings of the plan, and failed rollouts as findings at their specs."""
    files = {plan.app: plan.file for plan in planned.plans} if planned else {}
    failures = (
        Finding(
            Severity.ERROR,
            record.outcome.kind.value.replace("_", "-"),
            f"{record.app}: {record.outcome.reason}",
            location=Location(files[record.app]) if files.get(record.app) else None,
        )
        for record in report.records
        if not record.outcome.kind.good
    )
    return (*(of_plan(planned) if planned else ()), *failures)
