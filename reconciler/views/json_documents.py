"""Plans, rollouts, findings and errors as JSON for programs: versioned documents, and the schemas that describe them.

Within a version, keys are only added. Every key is always present; unknown values are null or empty.
Credentials are ``(secret)`` or, if the changed value is one itself, null.

Each model reads its fields from attributes of the same name, or from the path given with `_at`;
anything else is not published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    WithJsonSchema,
    model_validator,
)

from reconciler.errors import InvalidInput, ReconcileError
from reconciler.findings import Finding, Severity, ranked
from reconciler.plan.model import Action, Change, ChangeKind, Origin, PlanReport, SyncStatus
from reconciler.redaction import without_query
from reconciler.rollout.model import OutcomeKind, RolloutReport
from reconciler.views.lines import json_text, opaque
from reconciler.views.summary import known_costs, total_delta

Kind = Literal["plan", "drift", "environments", "rollout", "findings", "error"]
ErrorType = Literal[
    "usage_error", "invalid_input", "plan_mismatch", "interrupted", "internal_error", "live_error", "transport_failed",
    "answer_lost", "api_error", "unauthorized", "not_found", "conflict", "rejected", "rate_limited", "server_failed",
    "reconcile_error",
]  # fmt: skip

Text = SkipValidation[str]
"""Not validated: a file name may hold bytes that are not UTF-8, which JSON can escape and pydantic refuses."""

Moment = Annotated[Text, BeforeValidator(lambda when: when.isoformat())]
"""A time in ISO 8601."""

Number = Annotated[int | Annotated[float, Field(allow_inf_nan=False)], WithJsonSchema({"type": "number"})]
"""An integer stays one; what is no number at all has no JSON."""

ActionWord = Annotated[
    Literal["create", "update", "redeploy", "delete", "none", "refuse"], BeforeValidator(lambda action: action.word)
]


def _at(*path: str) -> Any:
    """A field that is read from an attribute of another name or of a nested object."""
    return Field(validation_alias=AliasPath(*path))


class _Data(BaseModel):
    model_config = ConfigDict(
        from_attributes=True, defer_build=True
    )  # a run prints one kind of document: build only that


class LocationData(_Data):
    """A place in a file. Lines and columns count from 1; 0 if the place is not known. pointer is RFC 6901."""

    file: Text
    line: int
    column: int
    pointer: Text


class FindingData(_Data):
    """A problem or remark about a spec, a configuration or a plan."""

    severity: Severity
    code: Text
    message: Text
    hint: Text
    location: LocationData | None
    related: list[LocationData]


class CostData(_Data):
    """USD per month; null if unknown."""

    before: Number | None
    after: Number | None
    delta: Number | None
    estimated: bool


def _slashed(path: Sequence[str]) -> str:
    """A function, as pydantic reads the signature of one ten times as fast as that of a builtin."""
    return "/".join(path)


class _Placed(_Data):
    path: Annotated[Text, BeforeValidator(_slashed)]
    parts: list[Text] = _at("path")


class MoveData(_Data):
    """An item of a list, by label or number, and where it comes to be: "before [/api]", "after [/]"."""

    item: Text
    place: Text


class ChangeData(_Placed):
    """One difference. path is by identity, parts are its segments; before is live, after is Git's.

    Items without identity are numbered from 0, as live has them, or Git where they are added. place: of an item added
    to an ordered list, such as "before [/api]". moves: the items of a list in another order that moved, and where to.
    """

    kind: ChangeKind
    before: Any
    after: Any
    sensitive: bool
    place: Text
    moves: list[MoveData]

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, change: Change) -> Change:
        return opaque(change)


class NoteData(_Placed):
    """A remark on a value that is not a change, and why: kept, rotated, sent, ignored, unnamed, written, unjudged."""

    kind: Text
    text: Text


class OriginData(_Placed):
    """Who made one difference. commit, author: the change in Git; deployment_id, user: the live value.

    when is ISO 8601, of the commit or, without one, of the deployment; null if unknown.
    """

    kind: Origin
    text: Text
    commit: Text
    author: Text
    when: Moment | None
    deployment_id: Text
    user: Text


class AttributionData(_Data):
    """Who made an app's differences (git_ahead, live_edit, both, unknown), and who made each."""

    kind: Origin
    text: Text
    changes: list[OriginData]


class AppPlanData(_Data):
    """What would be done to one app, and why. The digests are hex SHA-256 and contain no secret.

    follow: a deployment that is followed to its end; resume_rollback: it is a rollback that an earlier run began;
    adopt_rollback: it is one that the platform made by itself. retry_at: when a spec that failed because of App
    Platform is tried again; until then nothing is done.
    paused: its policy says that nothing is to be done; status and changes say how it differs all the same.
    attribution: null unless drift was checked and the app differs.
    """

    app: Text
    app_id: Text
    file: Text
    status: SyncStatus
    action: ActionWord
    writes: bool
    reason: Text
    override: Text
    moved_from: Text
    follow: Text
    resume_rollback: bool
    adopt_rollback: bool
    paused: bool
    retry_at: Moment | None
    update_all_source_versions: bool
    cost: CostData
    desired_digest: Text
    live_digest: Text
    changes: list[ChangeData]
    notes: list[NoteData]
    findings: list[FindingData]
    attribution: AttributionData | None


class PlanDocument(_Data):
    """The result of a plan or a drift check. actions counts apps by action."""

    version: Literal[1]
    kind: Literal["plan", "drift"]
    actions: dict[ActionWord, int]
    cost: CostData
    apps: list[AppPlanData]
    findings: list[FindingData]
    unmanaged: list[Text]
    waves: list[int]
    requests: int
    seconds: Number


class PhaseData(_Data):
    """A phase of a deployment; seconds since the rollout began."""

    phase: Text
    began: Number
    ended: Number


class DeploymentData(_Data):
    """A deployment that belongs to a rollout. role: deploy, followed, rollback, restore, platform, serving."""

    id: Text
    role: Text
    phases: list[PhaseData]


class DecisionData(_Data):
    """A step that was taken, and why; at is in seconds since the rollout began."""

    at: Number
    step: Text
    what: Text
    reason: Text


class FailureData(_Data):
    """What failed, with the last lines of its log."""

    component: Text
    step: Text
    code: Text
    message: Text
    log_lines: list[Text]
    links: list[Annotated[Text, BeforeValidator(without_query)]]


class LogData(_Data):
    """The last lines of a log of a deployment. kind: BUILD, DEPLOY."""

    deployment_id: Text
    kind: Text
    lines: list[Text]


class AppRolloutData(_Data):
    """One app's rollout. commands: what a person can run next. wave: from 1, 0 without waves.

    good: the app matches Git. pinned: this rollout may have left the app pinned to a rollback.
    deployment_id, phase: of the deployment that the rollout ended on, or that serves an app in sync. console_url: its
    page in the control panel. logs: of every deployment, if asked for.
    """

    app: Text
    app_id: Text
    action: ActionWord
    outcome: OutcomeKind = _at("outcome", "kind")
    good: bool = _at("outcome", "kind", "good")
    pinned: bool = _at("outcome", "pinned")
    reason: Text = _at("outcome", "reason")
    commands: list[Text] = _at("outcome", "commands")
    failure: FailureData | None
    deployments: list[DeploymentData]
    decisions: list[DecisionData]
    warnings: list[Text]
    cost: CostData
    live_url: Text
    wave: int
    deployment_id: Text
    phase: Text
    console_url: Text
    logs: list[LogData]
    requests: int
    seconds: Number


class EnvironmentsDocument(_Data):
    """The plans of several environments by name, in the order they were made."""

    version: Literal[1]
    kind: Literal["environments"]
    environments: dict[Text, PlanDocument]


class RolloutDocument(_Data):
    """The result of a run. outcomes counts apps by outcome; left_running names deployments still running."""

    version: Literal[1]
    kind: Literal["rollout"]
    outcomes: dict[OutcomeKind, int]
    apps: list[AppRolloutData]
    left_running: list[Text]
    requests: int
    seconds: Number


class FindingsDocument(_Data):
    """Findings by place; counts by severity."""

    version: Literal[1]
    kind: Literal["findings"]
    counts: dict[Severity, int]
    findings: list[FindingData]


class ErrorData(_Data):
    """What ended the run. exit_code is the process's; findings: the problems of an invalid_input."""

    type: ErrorType
    message: Text
    hint: Text
    exit_code: int
    findings: list[FindingData]


class ErrorDocument(_Data):
    """An error that ended a run before it had a result."""

    version: Literal[1]
    kind: Literal["error"]
    error: ErrorData


DOCUMENTS: dict[Kind, type[_Data]] = {
    "plan": PlanDocument,
    "drift": PlanDocument,
    "environments": EnvironmentsDocument,
    "rollout": RolloutDocument,
    "findings": FindingsDocument,
    "error": ErrorDocument,
}


def plan(report: PlanReport, *, kind: Literal["plan", "drift"] = "plan") -> str:
    """The JSON of a `PlanDocument`."""
    return json_text(_plan(report, kind))


def environments(reports: Sequence[tuple[str, PlanReport]], *, drift: bool = False) -> str:
    """The JSON of an `EnvironmentsDocument`."""
    plans = {name: _plan(report, "drift" if drift else "plan") for name, report in reports}
    return json_text(EnvironmentsDocument(version=1, kind="environments", environments=plans))


def _plan(report: PlanReport, kind: Literal["plan", "drift"]) -> PlanDocument:
    before, after = known_costs(report.plans)
    estimated = any(plan.cost.estimated for plan in report.plans)
    return PlanDocument(
        version=1,
        kind=kind,
        actions=_counted(Action, [plan.action for plan in report.plans]),
        cost=CostData(before=before, after=after, delta=total_delta(report.plans), estimated=estimated),
        apps=report.plans,
        findings=report.findings,
        unmanaged=report.unmanaged,
        waves=list(report.waves),
        requests=report.requests,
        seconds=report.seconds,
    )


def rollout(report: RolloutReport) -> str:
    """The JSON of a `RolloutDocument`."""
    return json_text(
        RolloutDocument(
            version=1,
            kind="rollout",
            outcomes=_counted(OutcomeKind, [record.outcome.kind for record in report.records]),
            apps=report.records,
            left_running=report.left_running,
            requests=report.requests,
            seconds=report.seconds,
        )
    )


def findings(found: Sequence[Finding]) -> str:
    """The JSON of a `FindingsDocument`."""
    counts = _counted(Severity, [finding.severity for finding in found])
    return json_text(FindingsDocument(version=1, kind="findings", counts=counts, findings=ranked(list(found))))


def error(ended: ReconcileError, exit_code: int) -> str:
    """The JSON of an `ErrorDocument`."""
    found = ranked(ended.findings) if isinstance(ended, InvalidInput) else ()
    data = ErrorData(type=ended.type, message=ended.message, hint=ended.hint, exit_code=exit_code, findings=found)
    return json_text(ErrorDocument(version=1, kind="error", error=data))


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind of document."""
    schema = DOCUMENTS[kind].model_json_schema(mode="serialization")
    schema["properties"]["kind"] = {"const": kind, "title": "Kind", "type": "string"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _counted(members: Any, found: Sequence[Any]) -> dict[Any, int]:
    """How often each member of an enum was found, including those that were not."""
    tally = Counter(found)
    return {member: tally[member] for member in members}
