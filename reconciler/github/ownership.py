"""How we know what is ours on GitHub: who we are, and the hidden marker in the first line of what we wrote.

Anybody may write a comment that holds a marker; only together with the author does it count.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from reconciler.github.api import GitHubError, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.github.api import GitHub

ACTIONS_BOT = "github-actions[bot]"
"""Whom a workflow's own token writes as."""

BODY_LIMIT = 65_536
"""A comment's or issue's body has at most so many characters; GitHub answers 422 beyond."""

_MARKER = re.compile(r"<!-- reconcile:(?P<family>[a-z]+) (?P<fields>[^<>\n]*?) ?-->")
_BOT = "[bot]"


def key_of(*parts: str) -> str:
    """A short name for what a comment or issue is about: config path, environment, selection …"""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def marker(family: str, fields: Mapping[str, str]) -> str:
    """One line of HTML comment; values are quoted so that none can end it."""
    told = " ".join(f"{name}={quote(value, safe=':+,')}" for name, value in fields.items())
    return f"<!-- reconcile:{family} {told} -->"


def parse_marker(family: str, body: str) -> dict[str, str] | None:
    """The marker's fields, if the body's first line is one of this family; a marker further down is a quotation."""
    match = _MARKER.match(body.lstrip("\ufeff"))
    if not match or match["family"] != family:
        return None
    pairs = (part.partition("=") for part in match["fields"].split())
    return {name: unquote(value) for name, _, value in pairs}


def weight(text: str) -> int:
    """A body's length as GitHub may count it: UTF-16 code units, never fewer than characters."""
    return len(text.encode("utf-16-le", "replace")) // 2


async def whoami(github: GitHub) -> str:
    """The login that this token writes as.

    ``GET /user`` is forbidden to every app's token, the workflow's own included; GraphQL knows such a viewer. With
    neither it is the workflow's own.

    Raises:
        GitHubError: GitHub cannot be reached at all.
    """
    try:
        login = text_of(await github.get("/user"), "login")
    except GitHubError as error:
        if not error.forbidden:
            raise
        login = await _viewer(github)
    return login or ACTIONS_BOT


async def _viewer(github: GitHub) -> str:
    try:
        data = await github.query("query { viewer { login } }")
    except GitHubError as error:
        if not error.forbidden:
            raise
        return ""
    login = text_of(data, "viewer", "login")
    # Only an app's token comes here, and REST writes an app's login with this ending.
    return login if not login or login.endswith(_BOT) else login + _BOT


def same_author(entry: object, login: str) -> bool:
    """Whether a comment or issue (as REST gives it) was written by this login."""
    return text_of(entry, "user", "login").lower() == login.lower()
