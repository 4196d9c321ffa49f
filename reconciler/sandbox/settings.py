"""The sandbox's settings: its speed, what it refuses, and a switch for each behaviour that is unverified.

Every field carries its own documentation, which `describe` lists, and the evidence for its default (`EVIDENCE`). A
sandbox in a file stores its settings there, so that another process (or the control API) can change them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Evidence = Literal["record", "vendor's test", "documentation", "unknown"]
"""On what a default rests: answers of the real service that people published, the vendor's Terraform acceptance tests,
the vendor's documentation, or nothing."""


def _field(default: Any, doc: str) -> Any:
    """A dataclass field with documentation."""
    return field(default=default, metadata={"doc": doc})


def _switch(default: Any, doc: str, evidence: Evidence) -> Any:
    """A field for a behaviour of the platform, with the evidence for its default."""
    return field(default=default, metadata={"doc": doc, "evidence": evidence})


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that each phase takes. The defaults suit a demo: a deployment takes half a second."""

    pending_build: float = _field(0.05, "PENDING_BUILD")
    build: float = _field(0.2, "BUILDING, for apps with something to build")
    skipped_build: float = _field(0.02, "BUILDING, for image-only apps, restarts and rollbacks without a rebuild")
    pending_deploy: float = _field(0.05, "PENDING_DEPLOY")
    deploy: float = _field(0.2, "DEPLOYING")
    settle: float = _field(0.0, "after ACTIVE, until the health of components is known")
    job: float = _field(0.2, "a job invocation")
    autoscale: float = _field(0.2, "an autoscaling event")
    auto_rollback: float = _field(0.1, "from a failed deployment to the platform's own rollback; minutes at most")
    alert: float = _field(0.1, "an alert, from new destinations to ACTIVE")

    @classmethod
    def realistic(cls) -> Speed:
        """The times of the real platform for a small app; for tests on a virtual clock."""
        return cls(5.0, 120.0, 2.0, 5.0, 60.0, 10.0, 30.0, 30.0, 45.0, 10.0)

    @classmethod
    def instant(cls) -> Speed:
        """No time at all: a deployment has ended by the request after the one that created it."""
        return cls(*[0.0] * 10)


SPEEDS = MappingProxyType({"demo": Speed(), "realistic": Speed.realistic(), "instant": Speed.instant()})
"""Speeds by name, for command lines and the control API."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a sandbox that can be chosen. Each switch defaults to the behaviour thought most likely."""

    speed: Speed = field(default_factory=Speed, metadata={"doc": "seconds of each phase"})
    seed: int | None = _field(None, "makes ids and ciphertexts repeatable; None: random")
    rate_per_minute: int | None = _field(
        None, "requests per minute and token before 429; the platform has 250; None: off"
    )
    rate_per_hour: int | None = _field(None, "requests per hour and token before 429; the platform has 5000; None: off")
    tokens: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata={"doc": "token: scopes, such as app:read, or * for all; empty: every token may do everything"},
    )
    project_id: str = _field("6b5f4e0e-3f1c-4a57-9d5a-0c2f6a1d7b10", "project of apps created without one")
    default_region: str = _field("nyc", "region of specs without one")
    revision_limits: Mapping[str, int] = field(
        default_factory=lambda: {"starter": 0, "basic": 10, "professional": 10},
        metadata={
            "doc": "how many successful deployments a tier can be rolled back to; starter: static sites only",
            "evidence": "documentation",
        },
    )
    team: str = _field("My Team", "name of the team that owns the apps, as `GET /v2/account` returns it")
    free_static_apps: int = _switch(3, "number of static apps that are free", "documentation")
    invalid_spec_status: Literal[400, 422] = _switch(400, "status of the response to an invalid spec", "record")
    invalid_spec_form: Literal["newer", "older"] = _switch(
        "newer",
        'its message: `errors validating app spec; first error in field "…": …` or `error validating app spec field …`',
        "record",
    )

    enforces_sizes: bool = _switch(
        True,
        "more than one instance, or autoscaling, on instance sizes that do not allow it is refused",
        "documentation",
    )
    fills_defaults: Literal["recorded", "common", "documented", "none"] = _switch(
        "recorded",
        "which defaults the platform writes into app.spec: region and http_port; also sizes, counts, directories, "
        "versions and scopes; every documented one; none",
        "vendor's test",
    )
    propose_fills_defaults: bool = _switch(
        True, "propose returns the spec as the platform would store it, not as sent", "unknown"
    )
    returns_general_type: bool = _switch(False, "envs come back with type: GENERAL; else without a type", "record")
    rewrites_routes: bool = _switch(
        True, "components' routes and cors come back as ingress rules (records of 2022 still have routes)", "record"
    )
    routes_order: Literal["declared", "longest"] = _switch(
        "declared",
        "order of the ingress rules made of routes: as components are listed, or longest path first",
        "unknown",
    )
    reorders_envs: bool = _switch(False, "envs come back sorted by key", "record")
    omits_zero_values: bool = _switch(True, 'false, 0, "" and [] are left out of responses', "record")
    unknown_fields: Literal["keep", "drop", "refuse"] = _switch(
        "keep", "what happens to undocumented fields: kept, silently dropped, refused", "unknown"
    )
    github_authenticated: bool = _switch(
        True,
        "sources on GitHub are accessible; else a spec with one is refused: 400 `GitHub user not authenticated`",
        "record",
    )
    new_apps_take_ciphertext: bool = _switch(
        False, "EV[…] is accepted in the spec of a new app, at create and at propose without an app id", "record"
    )
    foreign_ciphertext_decrypts: bool = _switch(
        True, "an update accepts EV[…] of another app as it is; else the spec is refused", "unknown"
    )
    encrypts_log_tokens: bool = _switch(
        False,
        "credentials of log destinations and the secure header's value come back as EV[…]; else as they were sent",
        "vendor's test",
    )
    spec_reverts_on_failure: bool = _switch(
        False,
        "after a deployment that failed in its deploy phase app.spec becomes the active deployment's spec again; "
        "after a failed build it never does, as records show",
        "unknown",
    )
    auto_rollback_deployment: bool = _switch(
        True,
        "after a deployment that failed in its deploy phase, the platform deploys the one that was active again, by "
        "itself; not after a failed build or rollback",
        "record",
    )
    auto_rollback_type: Literal["present", "absent", "unknown"] = _switch(
        "present", "its `cause_details.type`: AUTO_ROLLBACK, none, or an undocumented one", "unknown"
    )
    auto_rollback_cause: bool = _switch(True, "its `cause` names the failed deployment; else it is empty", "record")
    auto_rollback_lineage: bool = _switch(
        True, "its `previous_deployment_id` is the failed deployment, its `cloned_from` the one restored", "record"
    )
    auto_rollback_pins: bool = _switch(False, "it pins the app to itself", "unknown")
    auto_rollback_spec: Literal["keeps", "reverts"] = _switch(
        "keeps", "what it does to app.spec: it stays the failed one, or becomes the restored one", "unknown"
    )
    auto_rollback_supersedes: bool = _switch(
        False, "it starts even if another deployment was made since the failure", "unknown"
    )
    replaced_phase: Literal["SUPERSEDED", "CANCELED", "drawn"] = _switch(
        "SUPERSEDED",
        "final phase of a deployment that a newer one replaces before it is active; drawn: either, by the seed",
        "record",
    )
    rollback_changes_spec: bool = _switch(
        False, "app.spec is the rolled-back spec as soon as the app is pinned", "unknown"
    )
    commit_changes_spec: bool = _switch(
        True, "committing a rollback makes its spec app.spec; else it only removes the pin", "documentation"
    )
    rollback_to_active: bool = _switch(True, "rolling back to the deployment that is active is valid", "unknown")
    pinned_put: Literal["refuse", "store"] = _switch(
        "refuse", "PUT on a pinned app: 409, or the spec is stored and nothing is deployed", "unknown"
    )
    autoscaling_writes_count: bool = _switch(
        False, "an autoscaling event writes instance_count into app.spec", "unknown"
    )
    alert_ends: Literal["ACTIVE", "CONFIGURING", "ERROR"] = _switch(
        "ACTIVE", "phase in which an alert stays once it was given destinations", "documentation"
    )
    webhook_urls: Literal["returned", "masked", "left_out"] = _switch(
        "returned",
        "URLs of Slack webhooks in answers about alerts: as they were sent, masked, or none",
        "documentation",
    )
    updates_keep_destinations: bool = _switch(
        True,
        "an update that keeps an alert keeps its destinations; else it mails the owner again, as a new alert does",
        "unknown",
    )
    html_gateway_errors: bool = _switch(True, "gateway errors (502, 504, 524) are HTML, not JSON", "record")


_HINTS = get_type_hints(Settings)

EVIDENCE: Mapping[str, Evidence] = MappingProxyType(
    {item.name: item.metadata["evidence"] for item in fields(Settings) if "evidence" in item.metadata}
)
"""What each default rests on; the settings that are the sandbox's own have none."""

CHOICES = MappingProxyType({name: get_args(hint) for name, hint in _HINTS.items() if get_origin(hint) is Literal})
"""The settings that take one of a fixed set of values."""


def to_data(value: Any) -> Any:
    """Settings (or a part) as plain data for JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_data(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return list(value)
    return {key: to_data(item) for key, item in value.items()} if isinstance(value, dict) else value


def without_tokens(settings: Settings) -> dict[str, Any]:
    """The settings as plain data, without the tokens: no reader needs them."""
    return {name: value for name, value in to_data(settings).items() if name != "tokens"}


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with some fields replaced; ``speed`` may be a name in `SPEEDS`, or some of its fields.

    Raises:
        ValueError: unknown field, or invalid value.
    """
    for name in changes:
        if name not in _HINTS:
            raise ValueError(f"unknown setting {name!r}")
    return replace(settings, **{name: _fitting(name, changes[name], getattr(settings, name)) for name in changes})


def _fitting(name: str, value: Any, current: Any) -> Any:
    """The value for a field, validated."""
    if name == "speed":
        return _speed(value, current)
    if name == "tokens":
        if not isinstance(value, dict):
            raise ValueError('tokens must be a JSON object of scopes by token, such as {"abc": ["app:read"]}')
        return {str(token): tuple(str(scope) for scope in scopes) for token, scopes in value.items()}
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(map(str, CHOICES[name]))}")
        return value
    optional = _HINTS[name] == int | None
    wanted: type = int if optional else type(current)
    if (optional and value is None) or (isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)):
        return value
    raise ValueError(f"{name} must be {_CALLED.get(wanted, wanted.__name__)}, not {value!r}")


_CALLED = {int: "a whole number", bool: "true or false", str: "text"}


def _speed(value: Any, current: Speed) -> Speed:
    if isinstance(value, Speed):
        return value
    if isinstance(value, str) and value in SPEEDS:
        return SPEEDS[value]
    names = {item.name for item in fields(Speed)}
    if not isinstance(value, dict) or not names.issuperset(value):
        raise ValueError(f"speed must be one of {', '.join(SPEEDS)}, or seconds for {', '.join(sorted(names))}")
    if any(isinstance(item, bool) or not isinstance(item, int | float) or item < 0 for item in value.values()):
        raise ValueError("seconds must be numbers of 0 or more")
    return replace(current, **{name: float(item) for name, item in value.items()})


def describe() -> list[tuple[str, str, str]]:
    """(name, default, meaning) of every setting, in order; ``speed`` by its parts."""
    out: list[tuple[str, str, str]] = []
    default = Settings()
    for item in fields(Settings):
        value = getattr(default, item.name)
        if isinstance(value, Speed):
            out += [
                (f"speed.{part.name}", f"{getattr(value, part.name):g}", f"seconds: {part.metadata['doc']}")
                for part in fields(Speed)
            ]
            continue
        shown = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        out.append((item.name, shown, item.metadata["doc"]))
    return out


def parsed(pairs: Iterable[str]) -> dict[str, Any]:
    """Changes of settings from texts ``NAME=VALUE``; ``speed.build=3`` is a part of ``speed``.

    A value that parses as JSON is JSON, any other is text; an empty value is None.

    Raises:
        ValueError: not ``NAME=VALUE``, or ``speed`` is set both as a whole and in parts.
    """
    out: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
        whole, dot, part = name.partition(".")
        if dot and not isinstance(out.setdefault(whole, {}), dict):
            raise ValueError(f"{whole} is set both as a whole and in parts")
        if dot:
            out[whole][part] = _read(text)
        else:
            out[name] = _read(text)
    return out


def _read(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(settings: Settings) -> list[tuple[str, str]]:
    """(name, value) of every setting, in the form that `parsed` reads; of the tokens, only their number."""
    out: list[tuple[str, str]] = []
    for item in fields(Settings):
        value = getattr(settings, item.name)
        if isinstance(value, Speed):
            out += [(f"speed.{part.name}", f"{getattr(value, part.name):g}") for part in fields(Speed)]
        elif item.name == "tokens":
            out.append((item.name, f"({len(value)} tokens)"))
        else:
            data = to_data(value)
            text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
            out.append((item.name, "" if data is None else text))
    return out
