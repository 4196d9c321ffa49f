"""Where plaintext credentials stand in a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.secrets import secrets

_CIPHERTEXT = re.compile(r"\s*EV\[")
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def plaintext_secrets(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pointer and value of every credential that stands in the spec as plaintext.

    Neither ciphertext (``EV[…]``) nor a value that only refers to bindable variables (``${db.PASSWORD}``) is one.
    An environment variable counts as soon as its type is anything but GENERAL: a misspelt SECRET is one, too.
    """
    for pointer, value in secrets(spec):
        if is_plaintext(written := str(value)):
            yield pointer, written


def is_plaintext(value: str) -> bool:
    """Whether a credential's value says something itself: it is not empty, no ciphertext, and no mere reference."""
    return bool(value.strip()) and not _CIPHERTEXT.match(value) and bool(_REFERENCE.sub("", value).strip())
