"""Plans, rollouts and findings as JSON for programs: versioned documents, and the schema that holds them.

Within a version, keys are only ever added. Every key is always there; what is not known is null or empty.
Credentials are ``(secret)`` or, where the changed value is one itself, null.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from reconciler.findings import Finding, Location, Severity, ranked
from reconciler.plan.model import (
    Action,
    AppAttribution,
    Change,
    Cost,
    Plan,
    PlanReport,
)
from reconciler.redaction import without_query
from reconciler.rollout.model import Failure, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views.documents import (
    ActionWord,
    AppPlanData,
    AppRolloutData,
    AttributionData,
    ChangeData,
    CostData,
    DecisionData,
    DeploymentData,
    FailureData,
    FindingData,
    FindingsDocument,
    LocationData,
    NoteData,
    OriginData,
    PhaseData,
    PlanDocument,
    RolloutDocument,
)
from reconciler.views.summary import known_costs, total_delta
from reconciler.views.values import opaque

Kind = Literal["plan", "drift", "rollout", "findings"]
_ACTION_WORDS: dict[Action, ActionWord] = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REDEPLOY: "redeploy",
    Action.DELETE: "delete",
    Action.NONE: "none",
    Action.REFUSE: "refuse",
}


def plan(report: PlanReport, *, kind: Literal["plan", "drift"] = "plan") -> str:
    """The JSON of a `PlanDocument`."""
    tally = Counter(_ACTION_WORDS[plan.action] for plan in report.plans)
    before, after = known_costs(report.plans)
    cost = CostData(before, after, total_delta(report.plans), any(plan.cost.estimated for plan in report.plans))
    document = PlanDocument(
        version=1,
        kind=kind,
        actions={word: tally[word] for word in _ACTION_WORDS.values()},
        cost=cost,
        apps=[_app_plan(plan) for plan in report.plans],
        findings=_findings(report.findings),
        unmanaged=list(report.unmanaged),
        requests=report.requests,
        seconds=report.seconds,
    )
    return _json(document)


def rollout(report: RolloutReport) -> str:
    """The JSON of a `RolloutDocument`."""
    tally = Counter(record.outcome.kind for record in report.records)
    document = RolloutDocument(
        version=1,
        kind="rollout",
        outcomes={kind: tally[kind] for kind in OutcomeKind},
        apps=[_app_rollout(record) for record in report.records],
        left_running=list(report.left_running),
        requests=report.requests,
        seconds=report.seconds,
    )
    return _json(document)


def findings(found: Sequence[Finding]) -> str:
    """The JSON of a `FindingsDocument`."""
    tally = Counter(finding.severity for finding in found)
    counts = {severity: tally[severity] for severity in Severity}
    return _json(FindingsDocument(version=1, kind="findings", counts=counts, findings=_findings(ranked(list(found)))))


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind of document."""
    from pydantic import TypeAdapter

    documents: dict[Kind, Any] = {
        "plan": PlanDocument,
        "drift": PlanDocument,
        "rollout": RolloutDocument,
        "findings": FindingsDocument,
    }
    schema = TypeAdapter(documents[kind]).json_schema(mode="serialization")
    schema["properties"]["kind"] = {"const": kind, "title": "Kind", "type": "string"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _json(document: PlanDocument | RolloutDocument | FindingsDocument) -> str:
    """JSON in ASCII, which no terminal and no runner obeys: DEL and ``##[`` are escaped as well."""
    text = json.dumps(asdict(document), indent=2, allow_nan=False)
    return text.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[")


def _app_plan(plan: Plan) -> AppPlanData:
    return AppPlanData(
        app=plan.app,
        app_id=plan.app_id,
        file=plan.file,
        status=plan.status,
        action=_ACTION_WORDS[plan.action],
        writes=plan.writes,
        reason=plan.reason,
        override=plan.override,
        moved_from=plan.moved_from,
        follow=plan.follow,
        resume_rollback=plan.resume_rollback,
        update_all_source_versions=plan.update_all_source_versions,
        cost=_cost(plan.cost),
        desired_digest=plan.desired_digest,
        live_digest=plan.live_digest,
        changes=[_change(change) for change in plan.changes],
        notes=[NoteData("/".join(note.path), list(note.path), note.kind, note.text) for note in plan.notes],
        findings=_findings(plan.findings),
        attribution=_attribution(plan.attribution) if plan.attribution else None,
    )


def _attribution(found: AppAttribution) -> AttributionData:
    return AttributionData(
        kind=found.kind,
        text=found.text,
        changes=[
            OriginData(
                path="/".join(one.path),
                parts=list(one.path),
                kind=one.kind,
                text=one.text,
                commit=one.commit,
                author=one.author,
                when=one.when.isoformat() if one.when else None,
                deployment_id=one.deployment_id,
                user=one.user,
            )
            for one in found.changes
        ],
    )


def _change(change: Change) -> ChangeData:
    seen = opaque(change)
    return ChangeData(seen.human_path, list(seen.path), seen.kind, seen.before, seen.after, seen.sensitive)


def _app_rollout(record: RolloutRecord) -> AppRolloutData:
    return AppRolloutData(
        app=record.app,
        app_id=record.app_id,
        action=_ACTION_WORDS[record.action],
        outcome=record.outcome.kind,
        good=record.outcome.kind.good,
        pinned=record.outcome.pinned,
        reason=record.outcome.reason,
        commands=list(record.outcome.commands),
        failure=_failure(record.failure) if record.failure else None,
        deployments=[
            DeploymentData(made.id, made.role, [PhaseData(span.phase, span.began, span.ended) for span in made.phases])
            for made in record.deployments
        ],
        decisions=[
            DecisionData(decision.at, decision.step, decision.what, decision.reason) for decision in record.decisions
        ],
        warnings=list(record.warnings),
        cost=_cost(record.cost),
        live_url=record.live_url,
        requests=record.requests,
        seconds=record.seconds,
    )


def _failure(failure: Failure) -> FailureData:
    return FailureData(
        component=failure.component,
        step=failure.step,
        code=failure.code,
        message=failure.message,
        log_lines=list(failure.log_lines),
        links=[without_query(link) for link in failure.links],
    )


def _cost(cost: Cost) -> CostData:
    return CostData(cost.before, cost.after, cost.delta, cost.estimated)


def _findings(found: Sequence[Finding]) -> list[FindingData]:
    return [
        FindingData(
            severity=finding.severity,
            code=finding.code,
            message=finding.message,
            hint=finding.hint,
            location=_location(finding.location) if finding.location else None,
            related=[_location(place) for place in finding.related],
        )
        for finding in found
    ]


def _location(place: Location) -> LocationData:
    return LocationData(place.file, place.line, place.column, place.pointer)
