"""Plans, rollouts and findings as JSON for programs: versioned documents, and the schema that holds them.

Within a version, keys are only ever added. Every key is always there; what is not known is null or empty.
Credentials are ``(secret)`` or, where the changed value is one itself, null.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from reconciler.findings import Finding, Location, Severity, ranked
from reconciler.plan.model import Action, Change, ChangeKind, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import Failure, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views.opaque import opaque
from reconciler.views.summary import known_costs, total_delta

Kind = Literal["plan", "drift", "rollout", "findings"]
ActionWord = Literal["create", "update", "redeploy", "delete", "none", "refuse"]

_ACTION_WORDS: dict[Action, ActionWord] = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REDEPLOY: "redeploy",
    Action.DELETE: "delete",
    Action.NONE: "none",
    Action.REFUSE: "refuse",
}


@dataclass(frozen=True, slots=True)
class LocationData:
    """A place in a file. Lines and columns count from 1; 0 where the place is not known. pointer is RFC 6901."""

    file: str
    line: int
    column: int
    pointer: str


@dataclass(frozen=True, slots=True)
class FindingData:
    """One thing to tell about a spec, a configuration or a plan."""

    severity: Severity
    code: str
    message: str
    hint: str
    location: LocationData | None
    related: list[LocationData]


@dataclass(frozen=True, slots=True)
class CostData:
    """USD a month; null where nobody could say."""

    before: float | None
    after: float | None
    delta: float | None
    estimated: bool


@dataclass(frozen=True, slots=True)
class ChangeData:
    """One difference. path is by identity, parts are its segments; before is live, after is Git's."""

    path: str
    parts: list[str]
    kind: ChangeKind
    before: Any
    after: Any
    sensitive: bool


@dataclass(frozen=True, slots=True)
class NoteData:
    """Something left as it is, and why: kept, ignored, rotated."""

    path: str
    parts: list[str]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class AppPlanData:
    """What would be done to one app, and why. The digests are hex SHA-256 and contain no secret.

    follow: a deployment that is followed to its end; resume_rollback: it is a rollback an earlier run began.
    """

    app: str
    app_id: str
    file: str
    status: SyncStatus
    action: ActionWord
    writes: bool
    reason: str
    override: str
    moved_from: str
    follow: str
    resume_rollback: bool
    update_all_source_versions: bool
    cost: CostData
    desired_digest: str
    live_digest: str
    changes: list[ChangeData]
    notes: list[NoteData]
    findings: list[FindingData]


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What a run of the plan or of the search for drift found. actions counts apps by action."""

    version: Literal[1]
    kind: Literal["plan", "drift"]
    actions: dict[ActionWord, int]
    cost: CostData
    apps: list[AppPlanData]
    findings: list[FindingData]
    unmanaged: list[str]
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PhaseData:
    """A phase of a deployment; seconds since the rollout began."""

    phase: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class DeploymentData:
    """A deployment that belongs to a rollout. role: deploy, rollback, restore, followed."""

    id: str
    role: str
    phases: list[PhaseData]


@dataclass(frozen=True, slots=True)
class DecisionData:
    """A step that was chosen, and why; at in seconds since the rollout began."""

    at: float
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailureData:
    """What failed, with the last lines of its log."""

    component: str
    step: str
    code: str
    message: str
    log_lines: list[str]
    links: list[str]


@dataclass(frozen=True, slots=True)
class AppRolloutData:
    """The account of one app's rollout. commands: what a person can run next.

    good: the app is as Git wants it. pinned: this rollout may have left the app pinned to a rollback.
    """

    app: str
    app_id: str
    action: ActionWord
    outcome: OutcomeKind
    good: bool
    pinned: bool
    reason: str
    commands: list[str]
    failure: FailureData | None
    deployments: list[DeploymentData]
    decisions: list[DecisionData]
    warnings: list[str]
    cost: CostData
    live_url: str
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RolloutDocument:
    """What a run did. outcomes counts apps by outcome; left_running names deployments that go on without us."""

    version: Literal[1]
    kind: Literal["rollout"]
    outcomes: dict[OutcomeKind, int]
    apps: list[AppRolloutData]
    left_running: list[str]
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FindingsDocument:
    """Findings by place; counts by severity."""

    version: Literal[1]
    kind: Literal["findings"]
    counts: dict[Severity, int]
    findings: list[FindingData]


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
        decisions=[DecisionData(decision.at, decision.step, decision.reason) for decision in record.decisions],
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
        links=list(failure.links),
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
