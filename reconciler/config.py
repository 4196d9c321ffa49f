"""`reconcile.yaml`: variables, and the policy for planning and rolling out each app.

The models also define the file's schema: `reconcile schema config` prints it.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from reconciler.config_fields import Duration, Pointer, Section, Timeout, later
from reconciler.redaction import TOKEN_VARIABLES

if TYPE_CHECKING:
    from reconciler.config_alerts import Alerts
    from reconciler.config_notify import Channel
    from reconciler.config_preview import Preview
    from reconciler.config_sections import Account, Freeze, Guards, Probe, Waves
else:
    Alerts = later("reconciler.config_alerts", "Alerts")
    Channel = later("reconciler.config_notify", "Channel")
    Preview = later("reconciler.config_preview", "Preview")
    Account, Freeze, Guards, Probe, Waves = (
        later("reconciler.config_sections", name) for name in ("Account", "Freeze", "Guards", "Probe", "Waves")
    )


ALL = "all"
"""The word for every environment in turn, which none may have as its name."""


class Timeouts(Section):
    """How long each part of a rollout may take."""

    build: Timeout = Field(default=3600.0, description="how long a build may take")
    deploy: Timeout = Field(default=1200.0, description="how long the deploy phase may take after the build")
    health: Timeout = Field(default=300.0, description="how long an active deployment may take to become healthy")
    platform_rollback: Duration = Field(
        default=300.0, description="how long to wait for the platform's own rollback after a failed deployment"
    )


class HealthPolicy(Section):
    """When an active deployment counts as healthy."""

    soak: Duration = Field(default=30.0, description="how long the app must stay healthy")
    probe: Probe | None = Field(default=None, description="an HTTP request that must also succeed")
    tolerance: Duration = Field(
        default=20.0, description="how long the app may be continuously unhealthy before the rollout fails"
    )
    components: bool = Field(default=True, description="use the platform's component health")
    unknown: Literal["wait", "healthy"] = Field(
        default="healthy", description="how to treat a component whose state is still unknown after the soak"
    )


class PlatformFaults(Section):
    """How often all runs together deploy a spec whose deployments fail because of the platform."""

    attempts: int = Field(default=3, ge=1, description="attempts within the period below, including the first")
    within: Timeout = Field(default=21600.0, description="period in which attempts are counted")


class Policy(Section):
    """How one app is planned and rolled out."""

    source_versions: Literal["keep", "latest"] = Field(
        default="keep",
        description="latest: an update also pulls the newest commit or image of every source, and a pipeline redeploys "
        "an app in sync that does not run its commit",
    )
    timeouts: Timeouts = Field(
        default=Timeouts.model_construct(), description="how long each part of a rollout may take"
    )
    health: HealthPolicy = Field(
        default=HealthPolicy.model_construct(), description="when an active deployment counts as healthy"
    )
    on_failure: Literal["rollback", "pin", "leave"] = Field(
        default="rollback", description="rollback (and commit), pin (roll back and leave pinned for a person), leave"
    )
    after_platform_rollback: Literal["adopt", "commit"] = Field(
        default="adopt",
        description="after the platform's own rollback: adopt (leave app.spec as it is), "
        "commit (make the good spec the app's spec again)",
    )
    platform_faults: PlatformFaults = Field(
        default=PlatformFaults.model_construct(),
        description="how often to retry a deployment that failed because of the platform",
    )
    ignore: list[Pointer] = Field(default=[], description="JSON pointers by name, such as /services/web/instance_count")
    secrets: Literal["keep", "fingerprint"] = Field(
        default="keep", description="fingerprint: detect a changed secret by a keyed fingerprint"
    )
    paused: bool = Field(default=False, description="leave the app alone; plans show it, and how it differs, as paused")
    depends_on: list[str] = Field(default=[], description="apps that must be healthy before this one is rolled out")
    alerts: Alerts = Field(
        default={}, description="who is notified of each alert, such as DEPLOYMENT_FAILED or api/CPU_UTILIZATION"
    )

    @property
    def secret_values(self) -> frozenset[str]:
        """What must never reach an output: the values of its probe's headers."""
        return frozenset(self.health.probe.headers.values() if self.health.probe else ())


IS_NO_VARIABLE = (
    "is this run's own token, which is never substituted: it would be sent with the spec; "
    "give the app a token of its own under another name"
)
"""Why a token is not substituted, and what to do instead."""


class Variable(Section):
    """A variable that is substituted in specs; without a default it must be set."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="its name, also in the environment")
    default: str | None = Field(
        default=None, description="value to use if it is not set; without a default it must be set"
    )
    secret: bool = Field(default=False, description="never show its value anywhere")

    @field_validator("name")
    @classmethod
    def _is_no_token(cls, value: str) -> str:
        if value.upper() in TOKEN_VARIABLES:
            raise ValueError(f"{value} {IS_NO_VARIABLE}")
        return value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class _NameOrEntry:
    """Describes the entry in the JSON Schema, which is made only when it is asked for."""

    def __get_pydantic_json_schema__(self, _core: object, _handler: object) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, Variable.model_json_schema()]}


VariableEntry = Annotated[
    Variable,
    BeforeValidator(_named),
    _NameOrEntry(),
]


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AN_ID = "4b7c2f0e-93a5-4f7e-8a55-1d1f0e6c2b11"


class Config(Section):
    """The whole file; every field is optional."""

    project: str = Field(default="", description="id of the project to create new apps in")
    account: Account | None = Field(
        default=None, description="account that the apps belong to; any other account's token is refused"
    )
    variables: list[VariableEntry] = Field(
        default=[], description="variables to substitute in specs: names, or entries as below"
    )
    defaults: Policy = Field(default=Policy.model_construct(), description="policy for every app")
    apps: dict[str, dict[str, Any]] = Field(default={}, description="policy per app; overrides the defaults")
    moved: dict[str, str] = Field(default={}, description="renamed apps, as `old name: new name`")
    rollout: Waves | None = Field(
        default=None, description="how a run that changes several apps starts with a few of them"
    )
    guards: Guards | None = Field(default=None, description="what a run may not do unless allowed")
    freeze: list[Freeze] = Field(default=[], description="windows in which nothing is applied")
    policies: str = Field(
        default="policies", description="folder of JSON Schemas that specs must satisfy, relative to this file"
    )
    environments: dict[str, dict[str, Any]] = Field(default={}, description="environments by name; pick one with --env")
    preview: Preview | None = Field(default=None, description="previews of pull requests, see `reconcile preview`")
    notify: list[Channel] = Field(default=[], description="where messages about rollouts and drift are sent")

    @field_validator("project")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if value and not _UUID.fullmatch(value):
            raise ValueError(f"{value!r} is not a project id; run `doctl projects list` for ids such as {_AN_ID}")
        return value

    @field_validator("variables")
    @classmethod
    def _declared_once(cls, value: list[Variable]) -> list[Variable]:
        names = [variable.name for variable in value]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{twice} is declared twice; remove one of them")
        return value

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        base = self.defaults.model_dump(exclude_unset=True)
        return {name: policy_of(merged(base, own)) for name, own in self.apps.items()}

    def former_names(self, app: str) -> list[str]:
        """An app's earlier names according to ``moved``, the most recent first."""
        before = {new: old for old, new in self.moved.items()}
        names = [app]
        while (old := before.get(names[-1])) and old not in names:
            names.append(old)
        return names[1:]

    def policy(self, app: str) -> Policy:
        """The policy of an app: the defaults, overridden by its own entry.

        A default ``depends_on`` does not make an app depend on itself.
        """
        policy = self._policies.get(app, self.defaults)
        if app not in policy.depends_on or "depends_on" in self.apps.get(app, {}):
            return policy
        return policy.model_copy(update={"depends_on": [other for other in policy.depends_on if other != app]})


def policy_of(written: Any) -> Policy:
    """A policy as the file has it.

    Raises:
        pydantic.ValidationError: it is wrong; its places begin with ``defaults``.
    """
    # By the validator of the whole file: building one for policies alone takes longer than reading the file.
    return Config.model_validate({"defaults": written}).defaults


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, everything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out
