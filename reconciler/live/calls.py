"""The words of a request: operation, path, token scope, and whether it may be repeated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from reconciler.errors import UsageError

APPS = "/v2/apps"

READ, CREATE, UPDATE, DELETE = "app:read", "app:create", "app:update", "app:delete"
"""The token scopes, as the API reference names them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: what is asked of which path, and the token scope it needs.

    ``changes_nothing``: it may be repeated like a read, whatever its method.
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
    """One segment of a path; an empty or dotted one would ask for something else altogether."""
    if part.strip(".") == "":
        raise UsageError(f"{part!r} is no id", hint="an id is what App Platform calls an app or a deployment")
    return quote(part, safe="")


def app_path(app_id: str) -> str:
    """The path of an app."""
    return f"{APPS}/{quoted(app_id)}"


def deployment_path(app_id: str, deployment_id: str) -> str:
    """The path of a deployment."""
    return f"{app_path(app_id)}/deployments/{quoted(deployment_id)}"


def checked_token(token: str) -> str:
    """The token without the line break that files and secrets stores add; what cannot be one would leak in an error."""
    token = token.strip()
    if not token:
        raise UsageError("there is no token", hint="set DIGITALOCEAN_TOKEN")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError("the token has characters in it that no token has", hint="check DIGITALOCEAN_TOKEN")
    return token
