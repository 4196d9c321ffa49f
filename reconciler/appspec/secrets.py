"""Finds the secrets in a spec: fields marked as secret, and unknown fields whose name suggests one.

The models lag behind the platform. In a part that they do not know (a new kind of component, a new field) a secret is
recognised by its name: that of a field which is secret wherever the models have it, or ``value`` next to a
``type`` other than GENERAL, as in environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.shape import SPEC, Field, Shape
from reconciler.appspec.walk import fields_below, find

CIPHERTEXT = "EV["
"""Prefix of a secret's ciphertext: ``EV[1:nonce:cipher]``."""

CIPHERTEXT_PATTERN = re.compile(r"\s*EV\[")
"""A value that is, or was meant to be, ciphertext."""

CIPHERTEXT_FORM = re.compile(r"^EV\[1:([A-Za-z0-9+/=_-]+):([A-Za-z0-9+/=_-]+)\]$")
"""The ciphertext of a secret as a whole; its groups are the nonce and the cipher, both base64."""


def is_ciphertext(value: Any) -> bool:
    """Whether a value is what the platform makes of a secret."""
    return isinstance(value, str) and value.startswith(CIPHERTEXT)


_ALSO = frozenset({"secret", "private_key", "access_key", "credentials"})
"""Further names for a secret that no documented field has."""


def secrets(
    node: Any, shape: Shape | None = SPEC, pointer: str = "", *, parent: str = ""
) -> Iterator[tuple[str, str | int | float]]:
    """Pointer and value of every secret in a spec or a part of one, ciphertexts too.

    ``shape`` is None in a part that no model knows, ``parent`` the name of the field that holds the node. Everything
    inside a secret, keys included, is yielded as a value of that secret.
    """
    for at, value in find(node, is_secret, shape, pointer, parent=parent):
        yield from ((at, scalar) for scalar in _scalars(value))


def is_secret(field: Field | None, name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field is a secret: according to the models, or else to its name and the sibling ``type``."""
    return is_marked(field, owner) if field else is_named_so(name, owner, parent)


def is_marked(field: Field, owner: Mapping[str, Any]) -> bool:
    """Whether a field known to the models is a secret in its owner."""
    return field.secret or (field.secret_when_typed and is_typed_so(owner))


def is_named_so(name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field unknown to the models is a secret; ``parent`` is the field that holds its owner."""
    if name == "value" and is_typed_so(owner):
        return True
    called = str(name).lower().replace("-", "_")
    return (parent, called) in _PLACES or called in _NAMES or called.endswith(_ENDINGS)


def is_typed_so(owner: Mapping[str, Any]) -> bool:
    """Whether a value's ``type`` marks it as secret: anything but GENERAL, so also a misspelt SECRET or a new type."""
    return owner.get("type") not in (None, "", "GENERAL")


def _scalars(value: Any) -> Iterator[str | int | float]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _scalars(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _scalars(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


_KNOWN = tuple((parent, field) for _, parent, field in fields_below(SPEC))
_PLACES = frozenset((parent, field.name) for parent, field in _KNOWN if field.secret)
_NAMES = ({name for _, name in _PLACES} - {field.name for _, field in _KNOWN if not field.secret}) | _ALSO
_ENDINGS = tuple(f"_{name}" for name in sorted(_NAMES))


# --- Plaintext credentials in a spec ---


_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def plaintext_secrets(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pointer and value of every plaintext credential in the spec.

    Ciphertext (``EV[…]``) and values that only refer to bindable variables (``${db.PASSWORD}``) do not count.
    An environment variable counts if its type is anything but GENERAL, so a misspelt SECRET does as well.
    """
    for pointer, value in secrets(spec):
        if is_plaintext(written := str(value)):
            yield pointer, written


def is_plaintext(value: str) -> bool:
    """Whether a credential's value is itself secret: not empty, not ciphertext, not just a reference."""
    return bool(value.strip()) and not CIPHERTEXT_PATTERN.match(value) and bool(_REFERENCE.sub("", value).strip())
