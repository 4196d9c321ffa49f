"""The section `notify` of `reconcile.yaml`: where messages are sent, and what about. It holds no secret, only names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from reconciler.config_fields import Section
from reconciler.redaction import TOKEN_VARIABLES
from reconciler.text import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

Topic = Literal["person_needed", "rolled_back", "stalled", "drift_begins", "applied", "drift_ends"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _variable(value: str) -> str:
    """Refuse a secret that is written out: the file is in Git."""
    name = _VARIABLE.fullmatch(value)
    if value and not name:
        raise ValueError("a secret is not written into this file; write the name of its variable, such as ${NAME}")
    if name and name[1].upper() in TOKEN_VARIABLES:
        raise ValueError(f"{name[1]} is this run's own token; use another variable")
    return value


def _address(value: str) -> str:
    if not value or _VARIABLE.fullmatch(value):
        return _variable(value)
    if not is_webhook(value):
        raise ValueError("not an https address; write https://hooks.example.com/reconcile, or ${NAME} of a variable")
    return value


def is_webhook(address: str) -> bool:
    """Whether signed messages may go there: encrypted, or to this machine."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    here = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or here) and address.isascii() and address.isprintable()


class Channel(Section):
    """Where messages go, and what about. Takes either url, or webhook and secret."""

    url: Annotated[str, AfterValidator(_variable)] = Field(
        default="", description="variable with the apprise URL of a chat, an inbox or a pager, as ${NAME}"
    )
    webhook: Annotated[str, AfterValidator(_address)] = Field(
        default="", description="https address that gets signed CloudEvents, or the variable with it, as ${NAME}"
    )
    secret: Annotated[str, AfterValidator(_variable)] = Field(
        default="", description="variable with the secret that signs them (whsec_ and base64), as ${NAME}"
    )
    events: list[Topic] = Field(
        default=["person_needed", "rolled_back", "stalled", "drift_begins", "drift_ends"],
        min_length=1,
        description="what its messages are about",
    )
    apps: list[str] = Field(
        default=["*"], min_length=1, description="apps that its messages are about: names or patterns"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.url) == bool(self.webhook):
            raise ValueError("a channel takes either url or webhook")
        if bool(self.webhook) != bool(self.secret):
            raise ValueError("webhook and secret go together; add `secret: ${NAME}` of a variable")
        return self

    def is_about(self, app: str) -> bool:
        """Whether it gets messages about an app."""
        return matches(app, self.apps)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that it needs."""
        found = (_VARIABLE.fullmatch(value) for value in (self.url, self.webhook, self.secret))
        return tuple(name[1] for name in found if name)


def value_of(written: str, environ: Mapping[str, str]) -> str:
    """A setting of a channel, from its variable if it names one; empty if that is not set."""
    name = _VARIABLE.fullmatch(written)
    return environ.get(name[1], "").strip() if name else written


def secrets_of(channels: list[Channel], environ: Mapping[str, str]) -> frozenset[str]:
    """What must never reach an output: the addresses and the secrets that variables hold."""
    names = {name for channel in channels for name in channel.variables}
    return frozenset(filter(None, (environ.get(name, "").strip() for name in names)))
