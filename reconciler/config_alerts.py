"""The section `alerts` of a policy: who is notified of each alert of an app and of its components."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from reconciler.config_fields import CONTROL, Section

_EMAIL = re.compile(r"[^@\s<>,;:\"]+@[^@\s.<>,;:\"]+(?:\.[^@\s.<>,;:\"]+)+")
_KEY = re.compile(r"(?:[a-z][a-z0-9-]*/)?[A-Z][A-Z0-9_]*(?:/[A-Z_]+/[0-9]+(?:\.[0-9]+)?/[A-Z_]+)?")
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable in the URL of a webhook."""


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is not an e-mail address; write one such as ops@example.com")
    return value


def _key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise ValueError(
            f"{value!r} is not an alert; write its rule, and before it the component it belongs to, "
            "such as DEPLOYMENT_FAILED or api/CPU_UTILIZATION"
        )
    return value


def _url(value: str) -> str:
    """Refuse a URL in the file; messages never contain it: whoever has it can post to the channel."""
    if not VARIABLE.search(value):
        raise ValueError("the URL of a webhook is a credential; declare a secret variable, and write ${NAME} here")
    return value


def _channel(value: str) -> str:
    if not value.strip() or CONTROL.search(value):
        raise ValueError("not a channel; write one such as '#deploys'")
    return value


Email = Annotated[str, AfterValidator(_email)]
AlertKey = Annotated[str, AfterValidator(_key)]


class SlackWebhook(Section):
    """A Slack channel that is notified."""

    channel: Annotated[str, AfterValidator(_channel)] = Field(description="its name, quoted, such as '#deploys'")
    url: Annotated[str, AfterValidator(_url)] = Field(
        description="URL of its webhook, by a declared variable, such as ${SLACK_DEPLOYS}"
    )


class Destinations(Section):
    """Everybody who is notified of an alert; whoever is not listed is not."""

    emails: list[Email] = Field(default=[], description="addresses of people who have access to the app")
    slack_webhooks: list[SlackWebhook] = Field(default=[], description="Slack channels")

    @field_validator("emails")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        names = [address.casefold() for address in value]
        if twice := next((address for address in value if names.count(address.casefold()) > 1), ""):
            raise ValueError(f"{twice} is listed twice; remove one of them")
        return value

    @field_validator("slack_webhooks")
    @classmethod
    def _each_once(cls, value: list[SlackWebhook]) -> list[SlackWebhook]:
        if twice := next((hook.channel for hook in value if value.count(hook) > 1), ""):
            raise ValueError(f"{twice} is listed twice with the same URL; remove one of them")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names neither emails nor slack_webhooks; for no destination at all, write `emails: []`")
        return self


Alerts = dict[AlertKey, Destinations | None]
"""Destinations by alert; None where an environment or an app does without those of the defaults."""
