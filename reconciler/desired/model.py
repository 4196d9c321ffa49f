"""The model of this package: `DesiredApp` and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.findings import Location
    from reconciler.yamltext import Document


@dataclass(frozen=True, slots=True)
class DesiredApp:
    """An app as Git has it.

    ``spec`` is the user's own document after substitution: what is sent is this, field for field.
    ``wrapper`` is the JSON pointer of the spec in its document (``/spec`` for deploy templates).
    ``substituted`` are the pointers (within the spec) of scalars into which a declared variable was put.
    ``secrets`` are plaintext values that must never reach an output; ``hidden`` are the pointers of other values that
    contain one: a variable that is secret, or is used for a secret, was put there, or a clone URL has a login.
    """

    name: str
    spec: Mapping[str, Any] = field(repr=False)
    document: Document
    wrapper: str = ""
    substituted: frozenset[str] = frozenset()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    hidden: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """The spec's file, as named on the command line or found below a folder."""
        return self.document.file

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """The place of a JSON pointer of the spec, or of its nearest existing parent.

        With ``key``, the place of the field's name instead of its value.
        """
        return self.document.locate(self.wrapper + pointer, key=key)
