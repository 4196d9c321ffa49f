"""Plans, findings and errors as JSON for programs: versioned documents, and the schemas that describe them.

`json_rollout` has those of rollouts.

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
from reconciler.views.lines import json_text, opaque
from reconciler.views.summary import known_costs, total_delta

Kind = Literal["plan", "drift", "environments", "findings", "error"]
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


def at(*path: str) -> Any:
    """A field that is read from an attribute of another name or of a nested object."""
    return Field(validation_alias=AliasPath(*path))


class Data(BaseModel):
    """A part of a document; `json_rollout` builds on it, too."""

    model_config = ConfigDict(
        from_attributes=True, defer_build=True
    )  # a run prints one kind of document: build only that


class LocationData(Data):
    """A place in a file. Lines and columns count from 1; 0 if the place is not known. pointer is RFC 6901."""

    file: Text
    line: int
    column: int
    pointer: Text


class FindingData(Data):
    """A problem or remark about a spec, a configuration or a plan."""

    severity: Severity
    code: Text
    message: Text
    hint: Text
    location: LocationData | None
    related: list[LocationData]


class CostData(Data):
    """USD per month; null if unknown."""

    before: Number | None
    after: Number | None
    delta: Number | None
    estimated: bool


def _slashed(path: Sequence[str]) -> str:
    """A function, as pydantic reads the signature of one ten times as fast as that of a builtin."""
    return "/".join(path)


class _Placed(Data):
    path: Annotated[Text, BeforeValidator(_slashed)]
    parts: list[Text] = at("path")


class MoveData(Data):
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


class AttributionData(Data):
    """Who made an app's differences (git_ahead, live_edit, both, unknown), and who made each."""

    kind: Origin
    text: Text
    changes: list[OriginData]


class AppPlanData(Data):
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


class PlanDocument(Data):
    """The result of a plan or a drift check. actions counts apps by action. warnings: messages that were not sent."""

    version: Literal[1]
    kind: Literal["plan", "drift"]
    actions: dict[ActionWord, int]
    cost: CostData
    apps: list[AppPlanData]
    findings: list[FindingData]
    unmanaged: list[Text]
    waves: list[int]
    warnings: list[Text]
    requests: int
    seconds: Number


class EnvironmentsDocument(Data):
    """The plans of several environments by name, in the order they were made."""

    version: Literal[1]
    kind: Literal["environments"]
    environments: dict[Text, PlanDocument]


class FindingsDocument(Data):
    """Findings by place; counts by severity."""

    version: Literal[1]
    kind: Literal["findings"]
    counts: dict[Severity, int]
    findings: list[FindingData]


class ErrorData(Data):
    """What ended the run. exit_code is the process's; findings: the problems of an invalid_input."""

    type: ErrorType
    message: Text
    hint: Text
    exit_code: int
    findings: list[FindingData]


class ErrorDocument(Data):
    """An error that ended a run before it had a result."""

    version: Literal[1]
    kind: Literal["error"]
    error: ErrorData


DOCUMENTS: dict[Kind, type[Data]] = {
    "plan": PlanDocument,
    "drift": PlanDocument,
    "environments": EnvironmentsDocument,
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
        actions=counted(Action, [plan.action for plan in report.plans]),
        cost=CostData(before=before, after=after, delta=total_delta(report.plans), estimated=estimated),
        apps=report.plans,
        findings=report.findings,
        unmanaged=report.unmanaged,
        waves=list(report.waves),
        warnings=report.warnings,
        requests=report.requests,
        seconds=report.seconds,
    )


def findings(found: Sequence[Finding]) -> str:
    """The JSON of a `FindingsDocument`."""
    counts = counted(Severity, [finding.severity for finding in found])
    return json_text(FindingsDocument(version=1, kind="findings", counts=counts, findings=ranked(list(found))))


def error(ended: ReconcileError, exit_code: int) -> str:
    """The JSON of an `ErrorDocument`."""
    found = ranked(ended.findings) if isinstance(ended, InvalidInput) else ()
    data = ErrorData(type=ended.type, message=ended.message, hint=ended.hint, exit_code=exit_code, findings=found)
    return json_text(ErrorDocument(version=1, kind="error", error=data))


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind of document."""
    return schema_of(kind, DOCUMENTS[kind])


def schema_of(kind: str, document: type[Data]) -> dict[str, Any]:
    """The JSON Schema of a document that is of that kind."""
    schema = document.model_json_schema(mode="serialization")
    schema["properties"]["kind"] = {"const": kind, "title": "Kind", "type": "string"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def counted(members: Any, found: Sequence[Any]) -> dict[Any, int]:
    """How often each member of an enum was found, including those that were not."""
    tally = Counter(found)
    return {member: tally[member] for member in members}
