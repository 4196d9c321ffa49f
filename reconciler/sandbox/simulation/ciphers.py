"""Secrets as the platform keeps them: ``EV[1:nonce:cipher]``, readable by the app they belong to only.

The cipher is made of the standard library's hashes: it is authenticated and bound to the app, which is what
clients can notice. It protects nothing beyond a sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_CIPHERTEXT = re.compile(r"^EV\[1:([A-Za-z0-9+/=_-]+):([A-Za-z0-9+/=_-]+)\]$")
_TAG = 16


def is_ciphertext(value: str) -> bool:
    """Whether a value has the platform's form of an encrypted one."""
    return _CIPHERTEXT.match(value) is not None


def make_id(key: bytes, *parts: object) -> str:
    """A UUID (version 4 in form) that the key and the parts decide."""
    raw = bytearray(hmac.digest(key, ":".join(map(str, parts)).encode(), "sha256")[:16])
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def encrypt(key: bytes, app_id: str, number: object, plaintext: str) -> str:
    """A ciphertext for the app; another ``number`` gives another ciphertext of the same text."""
    own = hmac.digest(key, app_id.encode(), "sha256")
    nonce = hmac.digest(own, f"nonce:{number}".encode(), "sha256")[:24]
    plain = plaintext.encode()
    hidden = bytes(a ^ b for a, b in zip(plain, _stream(own, nonce, len(plain)), strict=True))
    sealed = hmac.digest(own, nonce + hidden, "sha256")[:_TAG] + hidden
    return f"EV[1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}]"


def decrypt(key: bytes, app_id: str, ciphertext: str) -> str | None:
    """The plaintext, or None if the ciphertext is not this app's."""
    match = _CIPHERTEXT.match(ciphertext)
    if not match:
        return None
    own = hmac.digest(key, app_id.encode(), "sha256")
    try:
        nonce, sealed = (base64.b64decode(part, validate=True) for part in match.groups())
    except ValueError:
        return None
    tag, hidden = sealed[:_TAG], sealed[_TAG:]
    if not hmac.compare_digest(tag, hmac.digest(own, nonce + hidden, "sha256")[:_TAG]):
        return None
    return bytes(a ^ b for a, b in zip(hidden, _stream(own, nonce, len(hidden)), strict=True)).decode()


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    return hashlib.shake_256(key + nonce).digest(length)
