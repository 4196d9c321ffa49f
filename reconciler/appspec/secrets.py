"""Where secrets stand in a spec: in the fields that are marked so, and wherever else something is called like one.

The models lag behind the platform. In a part that none of them knows (a new kind of component, a new field) a secret is
told by its name: it is called like a field that is secret wherever the models have it, or it is the ``value`` beside a
``type`` that is not GENERAL, as with environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.shape import SPEC, Field, Shape
from reconciler.appspec.walk import fields_below, find

CIPHERTEXT = "EV["
"""How the ciphertext of a secret begins: ``EV[1:nonce:cipher]``."""

CIPHERTEXT_PATTERN = re.compile(r"\s*EV\[")
"""A value that is, or was meant to be, ciphertext."""

CIPHERTEXT_FORM = re.compile(r"^EV\[1:([A-Za-z0-9+/=_-]+):([A-Za-z0-9+/=_-]+)\]$")
"""The ciphertext of a secret as a whole; its groups are the nonce and the cipher, both base64."""


def is_ciphertext(value: Any) -> bool:
    """Whether a value is what the platform makes of a secret."""
    return isinstance(value, str) and value.startswith(CIPHERTEXT)


_ALSO = frozenset({"secret", "private_key", "access_key", "credentials"})
"""Further words for a secret, which no documented field is called by."""


def secrets(
    node: Any, shape: Shape | None = SPEC, pointer: str = "", *, parent: str = ""
) -> Iterator[tuple[str, str | int | float]]:
    """Pointer and value of every secret in a spec or a part of one, ciphertexts too.

    ``shape`` is None in a part that no model knows, ``parent`` the name of the field that the node stands in. Whatever
    stands in a secret, keys too, is told as a value of that secret.
    """
    for at, value in find(node, is_secret, shape, pointer, parent=parent):
        yield from ((at, scalar) for scalar in _scalars(value))


def is_secret(field: Field | None, name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field is a secret: by what the models say of it, or else by its name and the type beside it."""
    return is_marked(field, owner) if field else is_named_so(name, owner, parent)


def is_marked(field: Field, owner: Mapping[str, Any]) -> bool:
    """Whether a field that the models know is a secret in its owner."""
    return field.secret or (field.secret_when_typed and is_typed_so(owner))


def is_named_so(name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field that no model knows is a secret; ``parent`` is the field that its owner stands in."""
    if name == "value" and is_typed_so(owner):
        return True
    called = str(name).lower().replace("-", "_")
    return (parent, called) in _PLACES or called in _NAMES or called.endswith(_ENDINGS)


def is_typed_so(owner: Mapping[str, Any]) -> bool:
    """Whether a value's ``type`` says that it is a secret: a misspelt SECRET, and a type still to come, do as well."""
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


# --- Where plaintext credentials stand in a spec ---


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
    return bool(value.strip()) and not CIPHERTEXT_PATTERN.match(value) and bool(_REFERENCE.sub("", value).strip())
