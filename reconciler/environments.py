"""The environments of `reconcile.yaml`: what one of them overrides, and the configuration that results."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reconciler.config import ALL, IS_NO_VARIABLE, Config, merged, policy_of
from reconciler.config_notify import Channel
from reconciler.config_sections import Account, Freeze
from reconciler.errors import UsageError
from reconciler.text import did_you_mean, pointer_token, segments

APP = "{app}"
"""The app's name in a pattern."""

_PATTERN = re.compile(r"[a-z0-9-]*\{app\}[a-z0-9-]*")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def no_environment(name: str, known: Collection[str]) -> UsageError:
    """The error that none of the ``known`` environments has this name, or that none was named."""
    if not known:
        return UsageError(f"no such environment: {name}", hint="add `environments` to reconcile.yaml")
    listed = ", ".join(known)
    if not name:
        message = "reconcile.yaml has environments, and none was chosen"
        return UsageError(message, hint=f"use --env with one of: {listed}")
    return UsageError(f"no such environment: {name}", hint=did_you_mean(name, known, f"known environments: {listed}"))


class Environment(BaseModel):
    """One environment: the base specs with its overlays, its variables and its policies, in its account."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    token: str = Field(default="", description="name of the variable with its API token, such as STAGING_TOKEN")
    account: Account | None = Field(default=None, description="account its token must be of, instead of the file's")
    project: str = Field(default="", description="id of the project to create its new apps in")
    rename: str = Field(default=APP, description="pattern of its apps' names, such as {app}-staging")
    overlays: list[str] = Field(default=[], description="files and folders of overlays, relative to this file")
    variables: dict[str, str] = Field(default={}, description="values of declared variables")
    variable_files: list[str] = Field(default=[], description="YAML files of such values; a later one wins")
    required: list[str] = Field(default=[], description="variables that must not fall back to their defaults")
    defaults: dict[str, Any] = Field(default={}, description="policy for every app; merged over the file's defaults")
    apps: dict[str, dict[str, Any]] = Field(default={}, description="policy per app, by its name in the base")
    freeze: list[Freeze] = Field(default=[], description="further windows in which nothing is applied")
    policies: str = Field(default="", description="folder of JSON Schemas instead of the file's")
    notify: list[Channel] | None = Field(default=None, description="where its messages are sent, instead of the file's")

    @field_validator("rename")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        if not _PATTERN.fullmatch(value):
            raise ValueError(f"{value!r} is not a pattern of app names; write {APP} once, such as {APP}-staging")
        return value

    @field_validator("token")
    @classmethod
    def _is_a_variable(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError("not the name of a variable; write the name, such as STAGING_TOKEN, never the token")
        return value

    def renamed(self, app: str) -> str:
        """The name that an app of the base has here."""
        return self.rename.replace(APP, app)

    def base_name(self, app: str) -> str:
        """The name in the base of an app that has this name here."""
        before, after = self.rename.split(APP)
        return app.removeprefix(before).removesuffix(after)

    def live_name(self, app: str) -> str:
        """The name that an app has here, given that name or the one in the base."""
        before, after = self.rename.split(APP)
        own = before + after
        return (
            app if own and app.startswith(before) and app.endswith(after) and len(app) > len(own) else self.renamed(app)
        )

    def policy(self, over: Mapping[str, Any]) -> dict[str, Any]:
        """A policy whose apps have their names here."""
        named = over.get("depends_on")
        return {**over, "depends_on": list(map(self.renamed, named))} if named else dict(over)


def environment_of(config: Config, name: str) -> Environment:
    """A known environment of a configuration."""
    return Environment.model_validate(config.environments[name])


def token_variables(config: Config) -> frozenset[str]:
    """The variables that hold tokens of environments: no spec may contain their values."""
    return frozenset(filter(None, (own.get("token") for own in config.environments.values())))


def resolved(config: Config, name: str, folder: Path) -> Config:
    """The configuration of one environment, whose apps have their names there; it names no environments.

    ``folder`` is the one to which the paths in the environment are relative.

    Raises:
        pydantic.ValidationError: its defaults do not agree with the file's.
    """
    own = environment_of(config, name)
    defaults = merged(config.defaults.model_dump(exclude_unset=True), own.defaults)
    apps = {app: merged(config.apps.get(app, {}), own.apps.get(app, {})) for app in {**config.apps, **own.apps}}
    fields = dict(config) | {
        "account": own.account or config.account,
        "project": own.project or config.project,
        "policies": str(folder / own.policies) if own.policies else config.policies,
        "defaults": policy_of(own.policy(defaults)),
        "apps": {own.renamed(app): own.policy(over) for app, over in apps.items()},
        "moved": {own.renamed(old): own.renamed(new) for old, new in config.moved.items()},
        "freeze": [*config.freeze, *own.freeze],
        "notify": config.notify if own.notify is None else own.notify,
        "environments": {},
    }
    return Config.model_construct(config.model_fields_set, **fields)


def written_at(data: Mapping[str, Any], environment: str, pointer: str) -> str:
    """Where the file has a value of an environment's configuration: in the environment, or at the top.

    ``pointer`` names apps as the environment does.
    """
    own: Mapping[str, Any] = data["environments"][environment]
    field, *path = segments(pointer)
    if path and field in ("apps", "moved"):
        renamed = Environment.model_validate(own).renamed
        names = {renamed(app): app for part in (data, own) for app in part.get(field) or {}}
        path[0] = names.get(path[0], path[0])
    node: Any = own
    for part in (field, *path):
        node = node.get(part) if isinstance(node, Mapping) else node
    above = ("environments", environment) if node is not None else ()
    return "".join(f"/{pointer_token(part)}" for part in (*above, field, *path))


Wrong = tuple[str, tuple[str | int, ...], str, str]
"""The code of a finding, the place in the file, the message and how to fix it."""


def wrong_environments(config: Config, folder: Path) -> Iterator[Wrong]:
    """What in the environments contradicts the rest of the file, and which of their paths lead nowhere."""
    declared = {variable.name for variable in config.variables}
    for name in config.environments:
        own, at = environment_of(config, name), ("environments", name)
        if name == ALL or not _NAME.fullmatch(name):
            hint = "use lower-case letters, digits and hyphens, such as staging"
            yield "config-value", at, f"{name!r} cannot be the name of an environment", hint
        if own.token in declared:
            why, _, hint = IS_NO_VARIABLE.partition("; ")
            yield "config-value", (*at, "token"), f"{own.token} {why}", hint
        yield from _undeclared(own, at, declared)
        policies = [("policies", "", own.policies)] if own.policies else []
        for field, key, path in [*_listed(own, "overlays"), *_listed(own, "variable_files"), *policies]:
            if not (folder / path).exists():
                place = (*at, field, key) if key != "" else (*at, field)
                yield (
                    "no-such-path",
                    place,
                    f"no such file or folder: {path}",
                    "fix the path: it is relative to this file",
                )


def _undeclared(own: Environment, at: tuple[str, str], declared: Collection[str]) -> Iterator[Wrong]:
    for field, key, one in [*(("variables", one, one) for one in own.variables), *_listed(own, "required")]:
        if one not in declared:
            hint = did_you_mean(one, declared, "declare it under `variables`")
            yield "undeclared-variable", (*at, field, key), f"{field}: no such variable: {one}", hint


def _listed(own: Environment, field: str) -> list[tuple[str, str | int, str]]:
    return [(field, index, item) for index, item in enumerate(getattr(own, field))]
