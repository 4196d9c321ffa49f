"""Where plaintext credentials stand in a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.shape import SPEC
from reconciler.desired.trees import hits, pruned

_CIPHERTEXT = re.compile(r"\s*EV\[")
_REFERENCE = re.compile(r"\$\{[^{}]*\}")
_TREE = pruned(SPEC, lambda field: field.secret or field.secret_when_typed)


def plaintext_secrets(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pointer and value of every credential that stands in the spec as plaintext.

    Neither ciphertext (``EV[…]``) nor a value that only refers to bindable variables (``${db.PASSWORD}``) is one.
    An environment variable counts as soon as its type is anything but GENERAL: a misspelt SECRET is one, too.
    """
    for pointer, field, value, owner in hits(spec, _TREE):
        secret = field.secret or owner.get("type") not in (None, "GENERAL")
        if secret and isinstance(value, str) and is_plaintext(value):
            yield pointer, value


def is_plaintext(value: str) -> bool:
    """Whether a credential's value says something itself: it is not empty, no ciphertext, and no mere reference."""
    return bool(value.strip()) and not _CIPHERTEXT.match(value) and bool(_REFERENCE.sub("", value).strip())
