"""Shared by the rules: a spec's components, and findings with places.

A rule is a function from a `RuleContext` to findings. Rules check what a schema cannot: how parts of a spec relate.
They must accept any document, as they also run if the schema is violated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.kinds import COMPONENT_KINDS, SINGULAR
from reconciler.desired.load import DesiredApp
from reconciler.findings import Finding, Location, Severity


@dataclass(frozen=True, slots=True)
class Component:
    """One item of a component list. ``pointer`` leads to it, ``name`` is "" if it has none."""

    kind: str
    pointer: str
    name: str
    data: Mapping[str, Any]

    @property
    def called(self) -> str:
        """As a message names it: ``service 'web'``."""
        return f"{SINGULAR[self.kind]} {self.name!r}" if self.name else f"a {SINGULAR[self.kind]}"


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The input of a rule: the spec and its components, with constructors of findings at a place in it."""

    app: DesiredApp
    spec: Mapping[str, Any]
    components: tuple[Component, ...]
    strict: bool = False
    _places: dict[tuple[str, bool], Location] = field(default_factory=dict, repr=False)

    def at(self, pointer: str, *, key: bool = False) -> Location:
        """The place of a pointer in its file."""
        place = (pointer, key)
        if place not in self._places:
            self._places[place] = self.app.locate(pointer, key=key)
        return self._places[place]

    def error(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that the platform will refuse."""
        return self._finding(Severity.ERROR, code, message, hint, pointer, related)

    def warning(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that is probably a mistake."""
        return self._finding(Severity.WARNING, code, message, hint, pointer, related)

    def notice(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something worth knowing."""
        return self._finding(Severity.NOTICE, code, message, hint, pointer, related)

    def _finding(
        self, severity: Severity, code: str, message: str, hint: str, pointer: str, related: tuple[str, ...]
    ) -> Finding:
        return Finding(severity, code, message, hint, self.at(pointer), tuple(map(self.at, related)))


Rule = Callable[[RuleContext], Iterable[Finding]]


def context_of(app: DesiredApp, *, strict: bool = False) -> RuleContext:
    """The context of an app."""
    components = tuple(
        Component(kind, pointer, text(item, "name"), item)
        for kind in COMPONENT_KINDS
        for pointer, item in records(app.spec, kind)
    )
    return RuleContext(app, app.spec, components, strict)


def records(parent: Any, name: str, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings in a list field of a mapping, each with its pointer; none if the field is anything else."""
    items = parent.get(name) if isinstance(parent, Mapping) else None
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, Mapping):
                yield f"{pointer}/{name}/{index}", item


def mapping(parent: Any, name: str) -> Mapping[str, Any]:
    """A mapping field of a mapping; empty if it is anything else."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text(parent: Any, name: str) -> str:
    """A text field of a mapping; empty if it is anything else."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return value if isinstance(value, str) else ""
