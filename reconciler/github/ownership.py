"""Recognises our own comments and issues on GitHub: by their author and a hidden marker in the first line.

Anyone may write a comment with a marker; it counts only together with the author.
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
"""The author of what a workflow's own token writes."""

BODY_LIMIT = 65_536
"""Maximum number of characters of a comment's or issue's body; beyond it GitHub answers 422."""

_MARKER = re.compile(r"<!-- reconcile:(?P<family>[a-z]+) (?P<fields>[^<>\n]*?) ?-->")
_BOT = "[bot]"
_LONGEST_NUMBER = 20
"""Digits: Python refuses to read thousands of them."""


def key_of(*parts: str) -> str:
    """A short key for the subject of a comment or issue: config path, environment, selection …"""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def marker(family: str, fields: Mapping[str, str]) -> str:
    """An HTML comment on one line; values are quoted so that they cannot end it."""
    quoted = " ".join(f"{name}={quote(value, safe=':+,')}" for name, value in fields.items())
    return f"<!-- reconcile:{family} {quoted} -->"


def parse_marker(family: str, body: str) -> dict[str, str] | None:
    """The marker's fields, if the body's first line is one of this family; a marker further down is a quotation."""
    match = _MARKER.match(body.lstrip("\ufeff"))
    if not match or match["family"] != family:
        return None
    pairs = (part.partition("=") for part in match["fields"].split())
    return {name: unquote(value) for name, _, value in pairs}


def number_of_marker(text: str) -> int:
    """A number in a marker; 0 if it is none: people with write access may edit what we wrote."""
    return int(text) if len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit() else 0


def weight(text: str) -> int:
    """A body's length as GitHub may count it: UTF-16 code units, never fewer than characters."""
    return len(text.encode("utf-16-le", "replace")) // 2


async def whoami(github: GitHub) -> str:
    """The login of this token's author.

    ``GET /user`` is forbidden to every app's token, the workflow's own included; GraphQL's viewer works. If both
    fail, it is the workflow's own token.

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
    # Only an app's token gets here, and REST gives an app's login this suffix.
    return login if not login or login.endswith(_BOT) else login + _BOT


def same_author(entry: object, login: str) -> bool:
    """Whether a comment or issue (as REST gives it) was written by this login."""
    return text_of(entry, "user", "login").lower() == login.lower()
