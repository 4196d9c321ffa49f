"""The last safety net for secrets: known values are removed from any text before it leaves the process.

The first is that nothing puts them there: secrets are opaque in plans and never rendered. This one catches
what others write, such as an API error that quotes the request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = "(secret)"
"""What is shown in place of a secret value."""

TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
"""Variables of the environment that hold the tokens a run works with: secrets everywhere, and variables of no spec."""

_PASSWORD = re.compile(r"://[^:/@]*:(.+)@", re.DOTALL)

_SHORTEST = 4
"""Shorter values would blank out innocent text; a credential that short is no secret."""


def without_query(address: str) -> str:
    """An address without its query, which may be a credential: links to stored logs carry their signature there."""
    bare, mark, _ = address.partition("?")
    return f"{bare}?…" if mark else bare


def tokens_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The tokens that an environment holds."""
    return frozenset(filter(None, (environ.get(name, "").strip() for name in TOKEN_VARIABLES)))


class Redactor:
    """Replaces every known secret value in a text by `MASK`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def _forms(secret: str) -> set[str]:
    """A secret as it is and as JSON, reprs and URLs would write it; each line too if it has several.

    The password alone as well, from an address such as ``postgres://user:password@host``.
    """
    import json
    from urllib.parse import quote

    forms = {
        secret,
        secret.strip(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe=""),
    }
    forms |= {line.strip() for line in secret.splitlines()}
    if "://" in secret and (password := _PASSWORD.search(secret)):
        forms |= _forms(password[1])
    return {form for form in forms if len(form) >= _SHORTEST}
