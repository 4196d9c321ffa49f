"""App Platform's responses: pure, typed, and tolerant of additions and omissions.

Every field is optional, unknown fields are kept, an unknown value of an enumeration can be read.
Source: the vendor's OpenAPI description and Go client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)


class Phase(StrEnum):
    """The phase of a deployment. Undocumented phases read as UNKNOWN."""

    UNKNOWN = "UNKNOWN"
    PENDING_BUILD = "PENDING_BUILD"
    BUILDING = "BUILDING"
    PENDING_DEPLOY = "PENDING_DEPLOY"
    DEPLOYING = "DEPLOYING"
    ACTIVE = "ACTIVE"
    SUPERSEDED = "SUPERSEDED"
    ERROR = "ERROR"
    CANCELED = "CANCELED"

    @classmethod
    def _missing_(cls, _value: object) -> Phase:
        return cls.UNKNOWN

    @property
    def terminal(self) -> bool:
        """Whether the deployment has finished."""
        return self in _TERMINAL

    @property
    def building(self) -> bool:
        """Whether the time counts against the build timeout."""
        return self in (Phase.UNKNOWN, Phase.PENDING_BUILD, Phase.BUILDING)


_TERMINAL = frozenset({Phase.ACTIVE, Phase.SUPERSEDED, Phase.ERROR, Phase.CANCELED})


class ComponentState(StrEnum):
    """The state of a component's instances."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"

    @classmethod
    def _missing_(cls, _value: object) -> ComponentState:
        return cls.UNKNOWN


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a value that does not fit as None: an odd response must not stop a rollout."""
    try:
        return handler(value)
    except ValueError:
        return None


def _said(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The same; some responses use an empty object, such as ``{}`` or ``{"id": ""}``, for none."""
    return None if not value or (isinstance(value, dict) and not any(value.values())) else _or_none(value, handler)


def _moment(value: datetime) -> datetime | None:
    """A time without a zone is UTC; the start of the year 1 is Go's zero value and means none."""
    return None if value.year == 1 else value if value.tzinfo else value.replace(tzinfo=UTC)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _list(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


Text = Annotated[str, BeforeValidator(_text)]
Moment = Annotated[Annotated[datetime, AfterValidator(_moment)] | None, WrapValidator(_or_none)]
Count = Annotated[int | None, WrapValidator(_or_none)]
Ratio = Annotated[Annotated[float, Field(allow_inf_nan=False)] | None, WrapValidator(_or_none)]
Object = WrapValidator(_said)
Tree = Annotated[dict[str, Any], BeforeValidator(_mapping)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class StepReason(_Answer):
    """Why a step ended with its status."""

    code: Text = ""
    message: Text = ""


class ProgressStep(_Answer):
    """A step of a deployment, and the steps within it. ``status``: UNKNOWN PENDING RUNNING ERROR SUCCESS."""

    name: Text = ""
    status: Text = ""
    component_name: Text = ""
    message_base: Text = ""
    started_at: Moment = None
    ended_at: Moment = None
    reason: Annotated[StepReason | None, Object] = None
    steps: Annotated[tuple[ProgressStep, ...], BeforeValidator(_list)] = ()


class Progress(_Answer):
    """The progress of a deployment. Its result is its phase; never infer it from the steps."""

    pending_steps: Count = 0
    running_steps: Count = 0
    success_steps: Count = 0
    error_steps: Count = 0
    total_steps: Count = 0
    steps: Annotated[tuple[ProgressStep, ...], BeforeValidator(_list)] = ()
    summary_steps: Annotated[tuple[ProgressStep, ...], BeforeValidator(_list)] = ()


class User(_Answer):
    """The user who requested something."""

    uuid: Text = ""
    email: Text = ""
    full_name: Text = ""


class UserAction(_Answer):
    """What a user did: CREATE_DEPLOYMENT, UPDATE_SPEC, ROLLBACK_APP, REVERT_APP_ROLLBACK, RESTART …"""

    user: Annotated[User | None, Object] = None
    name: Text = ""


class CauseDetails(_Answer):
    """Why a deployment exists. ``type``: MANUAL, DEPLOY_ON_PUSH, MANUAL_ROLLBACK, AUTO_ROLLBACK …"""

    digitalocean_user_action: Annotated[UserAction | None, Object] = None
    type: Text = ""


class Build(_Answer):
    """What a deployment built or pulled for one component: a commit, or an image's digest."""

    name: Text = ""
    source_commit_hash: Text = ""
    source_image_digest: Text = ""


Builds = Annotated[tuple[Build, ...], BeforeValidator(_list)]


class Deployment(_Answer):
    """A deployment: its spec, its progress, and why it exists. What it runs is in ``services`` to ``functions``."""

    id: Text = ""
    spec: Tree = {}
    phase: Annotated[Phase, BeforeValidator(lambda value: Phase(_text(value)))] = Phase.UNKNOWN
    phase_last_updated_at: Moment = None
    created_at: Moment = None
    updated_at: Moment = None
    cause: Text = ""
    cause_details: Annotated[CauseDetails | None, Object] = None
    cloned_from: Text = ""
    previous_deployment_id: Text = ""
    tier_slug: Text = ""
    progress: Annotated[Progress | None, Object] = None
    services: Builds = ()
    static_sites: Builds = ()
    workers: Builds = ()
    jobs: Builds = ()
    functions: Builds = ()

    @property
    def sources(self) -> dict[str, str]:
        """The digest or commit that each component runs, as far as the platform says."""
        built = (*self.services, *self.static_sites, *self.workers, *self.jobs, *self.functions)
        found = {build.name: build.source_image_digest or build.source_commit_hash for build in built}
        return {name: source for name, source in found.items() if source}

    @property
    def user(self) -> User | None:
        """Who made it, if the platform says."""
        action = self.cause_details and self.cause_details.digitalocean_user_action
        return action.user if action else None

    @property
    def is_rollback(self) -> bool:
        """Whether it was made by rolling back."""
        details = self.cause_details
        if details is None:
            return False
        action = details.digitalocean_user_action
        return details.type in ("MANUAL_ROLLBACK", "AUTO_ROLLBACK") or (
            action is not None and action.name == "ROLLBACK_APP"
        )


_OptionalDeployment = Annotated[Deployment | None, Object]


class LiveApp(_Answer):
    """An app as App Platform has it."""

    id: Text = ""
    spec: Tree = {}
    active_deployment: _OptionalDeployment = None
    in_progress_deployment: _OptionalDeployment = None
    pending_deployment: _OptionalDeployment = None
    pinned_deployment: _OptionalDeployment = None
    created_at: Moment = None
    updated_at: Moment = None
    last_deployment_created_at: Moment = None
    live_url: Text = ""
    default_ingress: Text = ""
    project_id: Text = ""
    owner_uuid: Text = ""
    tier_slug: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _one_spec(cls, data: Any) -> Any:
        """Keep one copy of a spec that is also the active deployment's, as in nearly every app of a fleet."""
        active = data.get("active_deployment") if isinstance(data, dict) else None
        if isinstance(active, dict) and "spec" in active and active["spec"] == data.get("spec"):
            return data | {"active_deployment": active | {"spec": data["spec"]}}
        return data

    @property
    def name(self) -> str:
        """The app's name, which is in its spec."""
        return _text(self.spec.get("name"))

    @property
    def running_deployment(self) -> Deployment | None:
        """The deployment in progress, or else the pending one, if any."""
        return self.in_progress_deployment or self.pending_deployment


class ComponentHealth(_Answer):
    """The health of one component."""

    name: Text = ""
    state: Annotated[ComponentState, BeforeValidator(lambda value: ComponentState(_text(value)))] = (
        ComponentState.UNKNOWN
    )
    replicas_desired: Count = None
    replicas_ready: Count = None
    cpu_usage_percent: Ratio = None
    memory_usage_percent: Ratio = None


class Health(_Answer):
    """The health of an app's components."""

    components: Annotated[tuple[ComponentHealth, ...], BeforeValidator(_list)] = ()
    functions_components: Annotated[tuple[Tree, ...], BeforeValidator(_list)] = ()


class SlackWebhook(_Answer):
    """A Slack channel and the URL to post to, which is a credential: the repr does not show it."""

    url: Annotated[Text, Field(repr=False)] = ""
    channel: Text = ""


class Alert(_Answer):
    """An alert of an app, or of a component of it, and who is notified. ``spec`` has the rule and its threshold.

    ``phase``: UNKNOWN PENDING CONFIGURING ACTIVE ERROR.
    """

    id: Text = ""
    component_name: Text = ""
    spec: Tree = {}
    emails: Annotated[tuple[str, ...], WrapValidator(lambda value, handler: _or_none(value, handler) or ())] = ()
    slack_webhooks: Annotated[tuple[SlackWebhook, ...], BeforeValidator(_list)] = ()
    phase: Text = ""
    progress: Annotated[Progress | None, Object] = None

    @property
    def trouble(self) -> str:
        """The platform's reason for the phase ERROR, as far as a step has one."""
        steps = self.progress.steps if self.progress else ()
        reasons = (step.reason for step in steps if step.reason)
        return next((reason.message or reason.code for reason in reasons), "")


class Condition(_Answer):
    """An error or a warning from validating a rollback."""

    code: Text = ""
    message: Text = ""
    components: Annotated[tuple[str, ...], WrapValidator(lambda value, handler: _or_none(value, handler) or ())] = ()


class RollbackValidation(_Answer):
    """Whether an app can be rolled back to a deployment. Answered with 200 also when invalid."""

    valid: Annotated[bool, WrapValidator(lambda value, handler: bool(_or_none(value, handler)))] = False
    error: Annotated[Condition | None, Object] = None
    warnings: Annotated[tuple[Condition, ...], BeforeValidator(_list)] = ()


class Proposal(_Answer):
    """The platform's response to a proposed spec. ``app_cost`` is USD a month; every field may be missing."""

    spec: Annotated[dict[str, Any] | None, Object] = None
    app_cost: Ratio = None
    app_name_available: Annotated[bool | None, WrapValidator(_or_none)] = None
    app_name_suggestion: Text = ""
    app_is_static: Annotated[bool | None, WrapValidator(_or_none)] = None
    existing_static_apps: Text = ""
    max_free_static_apps: Text = ""


class LogLinks(_Answer):
    """Where logs can be fetched, without the token."""

    live_url: Text = ""
    historic_urls: Annotated[tuple[str, ...], WrapValidator(lambda value, handler: _or_none(value, handler) or ())] = ()


class Rank(IntEnum):
    """Whose request is sent first when several wait for the rate limit.

    back     goes back from what failed
    write    changes an app that was just looked at
    watch    judges a rollout that is under way, or plans one
    begin    begins another rollout
    """

    BACK = 0
    WRITE = 1
    WATCH = 2
    BEGIN = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of requests: how many were sent, and the seconds they waited, for example for the rate limit."""

    requests: int = 0
    held: float = 0.0
