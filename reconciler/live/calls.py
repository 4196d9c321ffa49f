"""Describes a request: operation, path, token scope, and whether it may be retried. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from reconciler.errors import UsageError

APPS = "/v2/apps"

READ, CREATE, UPDATE, DELETE = "app:read", "app:create", "app:update", "app:delete"
"""The token scopes, as the API reference names them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: method, path and the token scope it needs.

    ``changes_nothing``: it may be retried like a read, whatever its method.
    """

    method: str
    path: str
    scope: str
    changes_nothing: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read(path: str) -> Call:
    """A GET."""
    return Call("GET", path, READ, changes_nothing=True)


def write(method: str, path: str, scope: str = UPDATE) -> Call:
    """An operation that may change something."""
    return Call(method, path, scope, changes_nothing=False)


def question(path: str, scope: str) -> Call:
    """A POST that changes nothing."""
    return Call("POST", path, scope, changes_nothing=True)


def quoted(part: str) -> str:
    """Quote one segment of a path; an empty or dotted one would address something else."""
    if part.strip(".") == "":
        raise UsageError(f"{part!r} is not an id", hint="use the id of an app or a deployment on App Platform")
    return quote(part, safe="")


def app_path(app_id: str) -> str:
    """The path of an app."""
    return f"{APPS}/{quoted(app_id)}"


def deployment_path(app_id: str, deployment_id: str) -> str:
    """The path of a deployment."""
    return f"{app_path(app_id)}/deployments/{quoted(deployment_id)}"


def checked_token(token: str) -> str:
    """The token without the newline that files and secret stores add; httpx would quote an invalid one."""
    token = token.strip()
    if not token:
        raise UsageError("no API token", hint="set DIGITALOCEAN_TOKEN")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError("the token contains invalid characters", hint="check DIGITALOCEAN_TOKEN")
    return token
