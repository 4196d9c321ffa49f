"""The last look before a spec value is shown: what must not be seen is taken out.

Plans carry no secrets; this holds even if one slipped into a plan as part of a larger value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.appspec.shape import SPEC, Field, Listing, Record, Shape
from reconciler.plan.model import Change
from reconciler.redaction import MASK

_CIPHERTEXT = re.compile(r"EV\[\d+:")
"""How the platform writes a stored secret: ``EV[1:nonce:cipher]``."""


def opaque(change: Change) -> Change:
    """The change as it may be shown: values as JSON can carry them, credentials as ``(secret)``.

    A change of something that is itself a credential is sensitive, and has no values.
    """
    shape, secret = _at(change.path)
    if secret or change.sensitive:
        return replace(change, before=None, after=None, sensitive=True)
    return replace(change, before=plain(change.before, shape), after=plain(change.after, shape))


def _at(path: tuple[str, ...]) -> tuple[Shape | None, bool]:
    """The shape at a path by identity, and whether a credential stands there or above."""
    shape: Shape | None = SPEC
    for part in path:
        if isinstance(shape, Listing):
            shape = shape.item
            continue
        field = _field(shape, part)
        if field and field.secret:
            return None, True
        shape = field.shape if field else None
    return shape, False


def _field(shape: Shape | None, name: str) -> Field | None:
    return shape.fields.get(name) if isinstance(shape, Record) else None


def plain(value: Any, shape: Shape | None = None) -> Any:
    """A spec value as JSON can carry it, without what ``shape`` says is secret.

    Ciphertext, and the value of a variable whose type says SECRET, become ``(secret)`` in any shape; numbers that JSON
    lacks, keys that are no text and anything else become text.
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return MASK if _CIPHERTEXT.match(value) else value
        case float():
            return value if value - value == 0 else str(value)
        case Mapping():
            return {str(key): _member(str(key), item, value, shape) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, shape.item if isinstance(shape, Listing) else None) for item in value]
        case _:
            return str(value)


def _member(key: str, item: Any, whole: Mapping[Any, Any], shape: Shape | None) -> Any:
    field = _field(shape, key)
    typed = key == "value" and whole.get("type") == "SECRET"
    if item not in (None, "") and (typed or (field and field.secret)):
        return MASK
    return plain(item, field.shape if field else None)
