"""The last safety net for secrets: long, random values are removed from any text before it leaves the process.

Secrets are hidden by their place, in plans, before anything is rendered (`plan.warnings.redact_changes`). This net
catches what others write, such as a log line or an API error that quotes the request, in every usual encoding. Words
and short values are left alone: to mask an 8842 within 188420 would give it away and spoil unrelated text (C66).
"""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")

MASK = "(secret)"
"""What is shown in place of a secret value."""

LIVE = "(live)"
"""What is shown in place of a value that only App Platform has."""

TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
"""Variables of the environment that hold the tokens a run works with: secrets everywhere, and variables of no spec."""

KEY_VARIABLE = "RECONCILE_FINGERPRINT_KEY"
"""The variable of the environment that holds the passphrase of `plan.secret_fingerprints`."""

_SHORTEST = 8
_LONG = 20
_SEPARATORS = " \t\n-_./:,"
_TOKEN = re.compile(r"(?:do[oprt]_v1|gh[oprsu]|github_pat)_...")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What `live` has already taken out of a log."""


def without_query(address: str) -> str:
    """An address without its query, which may be a credential: links to stored logs carry their signature there."""
    bare, mark, _ = address.partition("?")
    return f"{bare}?…" if mark else bare


def without_quoted(text: str, secrets: Iterable[str]) -> str:
    """A text that quotes what was sent, without these secrets where they are whole strings of JSON.

    There they are themselves, not a part of something else, so that also values too weak for the net are hidden.
    """
    import json

    for secret in sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True):
        for quoted in {json.dumps(secret), json.dumps(secret, ensure_ascii=False)}:
            text = text.replace(quoted, f'"{MASK}"')
    return text


def tokens_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The tokens that an environment holds."""
    return frozenset(filter(None, (environ.get(name, "").strip() for name in TOKEN_VARIABLES)))


def is_unmistakable(value: str) -> bool:
    """Whether a value is so long and random that any text with it has it from the same source, never by chance.

    From 8 characters on it is if its kind of character (lower, upper, digit, separator, other) changes more often than
    every fourth time, as in `Tr0ub4dor`, not in `postgres15` or a date; from 20 on if eight differ. The
    tokens that a run works with are, too, by how they begin.
    """
    if _TOKEN.match(value):
        return True
    if len(value) >= _LONG:
        return len(set(value)) >= _SHORTEST
    changes = sum(one != other for one, other in pairwise(map(_kind, value)))
    return len(value) >= _SHORTEST and 4 * changes > len(value) and any(map(str.isalpha, value))


def _kind(char: str) -> int:
    if char.isalpha():
        return 1 if char.isupper() else 0
    return 2 if char.isdigit() else 3 if char in _SEPARATORS else 4


class Redactor:
    """Replaces every unmistakable secret in a text by `MASK`, however it is encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)

    def __call__(self, text: str) -> str:
        """The text without secrets: at each place the longest that begins there is replaced."""
        forms = self._forms
        out: list[str] = []
        done = 0
        for at in range(len(text) - _SHORTEST + 1) if forms else ():
            if text[at : at + _SHORTEST] in forms and at >= done:
                found = next((form for form in forms[text[at : at + _SHORTEST]] if text.startswith(form, at)), "")
                if found:
                    out += [text[done:at], MASK]
                    done = at + len(found)
        return "".join([*out, text[done:]])

    def within(self, value: T) -> T:
        """The same value with every text in it redacted, in fields of dataclasses, lists and mappings."""
        return _each_text(value, self) if self._forms else value

    @cached_property
    def _forms(self) -> dict[str, list[str]]:
        """Every form of every secret by its first characters, the longest first: one look-up for each place."""
        forms: dict[str, list[str]] = {}
        parts = {part for secret in self._secrets for part in _parts(secret) if is_unmistakable(part)}
        for form in sorted({form for part in parts for form in _forms(part)}, key=len, reverse=True):
            forms.setdefault(form[:_SHORTEST], []).append(form)
        return forms


def _each_text(value: Any, redact: Redactor) -> Any:
    if type(value) is str:  # not an enum's member
        return redact(value)
    if isinstance(value, tuple | list):
        return type(value)(_each_text(item, redact) for item in value)
    if isinstance(value, dict):
        return {_each_text(name, redact): _each_text(item, redact) for name, item in value.items()}
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    new = {field.name: _each_text(getattr(value, field.name), redact) for field in dataclasses.fields(value)}
    return dataclasses.replace(value, **new)


def _parts(secret: str) -> Iterator[str]:
    """A secret, each of its lines, and the halves of each ``user:password``, also of one in an address."""
    for line in {secret, secret.strip(), *map(str.strip, secret.splitlines())}:
        yield from (line, _CONTROL.sub("", line))
        _, _, address = line.rpartition("://")
        user, colon, password = (address.rpartition("@")[0] or address).partition(":")
        yield from (user, password) if colon else ()


def _forms(part: str) -> set[str]:
    """A text as it is and as JSON, reprs, URLs, hex and base64 write it; the last also within a longer text."""
    import json
    from urllib.parse import quote, quote_plus

    quoted, raw = json.dumps(part, ensure_ascii=False)[1:-1], part.encode("utf-8", "replace")
    forms = {part, quoted, json.dumps(part)[1:-1], repr(part)[1:-1], quote(part, safe="", errors="replace")}
    forms |= {quote(part, errors="replace"), quote_plus(part, errors="replace"), raw.hex(), raw.hex().upper()}
    for char in "<>&":  # as Go's encoder writes them
        quoted = quoted.replace(char, f"\\u{ord(char):04x}")
    for before in range(3):  # three bytes are four characters; those that the neighbours share are left out
        skipped, whole = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        encoded = b64encode(bytes(before) + raw).decode()[skipped:whole]
        forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return {form for form in (*forms, quoted) if len(form) >= _SHORTEST}
