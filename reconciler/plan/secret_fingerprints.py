"""Keyed fingerprints of secrets, which detect a changed plaintext although App Platform only returns ciphertext.

Opt-in (``secrets: fingerprint``). The fingerprints are kept with the app, in one variable of its own spec, so that no
state file is needed and a rollback restores them together with their secrets. docs/secrets.md says what
they reveal and to whom.

A fingerprint is HMAC-SHA-256 over app, path and value, cut to 128 bits; its key is derived from a passphrase with
scrypt (RFC 7914). Without the passphrase it reveals nothing, not even whether two secrets are equal, as
each is bound to its place. Everything in this module is pure; deriving the key takes about 0.1 s, once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from reconciler.errors import UsageError
from reconciler.plan.canonical import Opaque, Path
from reconciler.redaction import KEY_VARIABLE

VARIABLE = "RECONCILE_FINGERPRINTS"
"""The app's variable in which its fingerprints are kept. Of scope BUILD_TIME: running instances never see it."""

VERSION = "v1"
SHORTEST = 16
"""Minimum length of a passphrase in characters, so that it cannot be guessed."""

_TAG_BYTES = 6
_MARK_BYTES = 16


class SecretMatch(Enum):
    """The result of checking a fingerprint: the value sent last, another one, or unknown."""

    SAME = auto()
    CHANGED = auto()
    UNKNOWN = auto()


class Fingerprints:
    """Creates and checks fingerprints with one passphrase, which its repr does not show."""

    __slots__ = ("_passphrase",)

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Fingerprints:
        """Fingerprints with the passphrase in the environment.

        Raises:
            UsageError: it is missing or too short.
        """
        passphrase = environ.get(KEY_VARIABLE, "").strip()
        if len(passphrase) >= SHORTEST:
            return cls(passphrase)
        what = f"is shorter than {SHORTEST} characters" if passphrase else "is not set"
        raise UsageError(
            f"`secrets: fingerprint` needs a key, but {KEY_VARIABLE} {what}",
            hint=f"generate one (openssl rand -hex 32), store it as a pipeline secret, and set it as {KEY_VARIABLE}",
        )

    def verdict(self, app: str, path: Path, value: Opaque, stored: Mapping[str, str]) -> SecretMatch:
        """Check a secret's value at a path against the ``stored`` fingerprints of an app."""
        mark = stored.get(self._tag(path))
        if mark is None:
            return SecretMatch.UNKNOWN
        # As bytes: compare_digest refuses non-ASCII text, which could be stored there.
        kept, own = mark.encode("utf-8", "surrogatepass"), self._mark(app, path, value).encode()
        return SecretMatch.SAME if hmac.compare_digest(kept, own) else SecretMatch.CHANGED

    def text(self, app: str, secrets: Mapping[Path, Opaque]) -> str:
        """The variable's value for an app's plaintext secrets; empty if there are none."""
        pairs = sorted((self._tag(path), self._mark(app, path, value)) for path, value in secrets.items())
        return f"{VERSION}:" + ",".join(f"{tag}={mark}" for tag, mark in pairs) if pairs else ""

    def _tag(self, path: Path) -> str:
        return self._digest("path", path)[:_TAG_BYTES].hex()

    def _mark(self, app: str, path: Path, value: Opaque) -> str:
        digest = self._digest("value", (app, *path), value.reveal())
        return base64.urlsafe_b64encode(digest[:_MARK_BYTES]).decode().rstrip("=")

    def _digest(self, what: str, parts: Path, value: str = "") -> bytes:
        """Each part is prefixed with its length, so that no two places share a fingerprint by accident."""
        message = b"".join(
            len(raw).to_bytes(4, "big") + raw
            for raw in (part.encode("utf-8", "surrogatepass") for part in (what, *parts, value))
        )
        return hmac.digest(_derived(self._passphrase), message, "sha256")


@lru_cache(maxsize=8)
def _derived(passphrase: str) -> bytes:
    """The key of a passphrase. One for all apps, or ten apps would cost a second; n: 32 MiB per guess."""
    salt = b"reconcile fingerprint " + VERSION.encode()
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)


def without_variable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec, as in the API, without our variable: for writing it to Git."""
    envs = spec.get("envs")
    if not isinstance(envs, list):
        return dict(spec)
    rest = [env for env in envs if not _is_ours(env)]
    out = {**spec, "envs": rest}
    if envs and not rest:
        del out["envs"]
    return out


def with_variable(spec: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A spec that is about to be sent, with the fingerprints of its secrets; an empty text: without any."""
    out = without_variable(spec)
    if not text:
        return out
    ours = {"key": VARIABLE, "value": text, "scope": "BUILD_TIME"}
    return {**out, "envs": [*(out.get("envs") or []), ours]}


def unencrypted(tree: Mapping[str, Any], path: Path = (), *, beside: Collection[Path] = ()) -> dict[Path, Opaque]:
    """Every secret of a canonical tree that the platform has yet to encrypt, by path; not those at or below ``beside``.

    Unlike `appspec.secrets.plaintext_secrets` it has the references to other components (``${db.PASSWORD}``), too: in
    Git they give nothing away, but App Platform shows a secret of that value as ciphertext like any other.
    """
    out: dict[Path, Opaque] = {}
    for name, value in tree.items():
        here = (*path, name)
        if here in beside:
            continue
        if isinstance(value, Opaque) and not value.is_ciphertext:
            out[here] = value
        elif isinstance(value, dict):
            out |= unencrypted(value, here, beside=beside)
    return out


def _is_ours(env: Any) -> bool:
    return isinstance(env, Mapping) and env.get("key") == VARIABLE
