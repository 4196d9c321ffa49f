"""What rules share: a spec as its components, and findings with places.

A rule is a function from a `RuleContext` to findings. Rules judge what no schema can: how parts of a spec fit together.
They must bear any document, as they run also where the schema has found something wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.appspec.kinds import COMPONENT_KINDS, SINGULAR
from reconciler.desired.model import DesiredApp
from reconciler.findings import Finding, Location, Severity


@dataclass(frozen=True, slots=True)
class Component:
    """One item of a component list. ``pointer`` leads to it, ``name`` is "" where it has none."""

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
    """What a rule sees: the spec, its components, and how to tell something about a place in it."""

    app: DesiredApp
    spec: Mapping[str, Any]
    components: tuple[Component, ...]
    strict: bool = False
    _places: dict[tuple[str, bool], Location] = field(default_factory=dict, repr=False)

    def at(self, pointer: str, *, key: bool = False) -> Location:
        """Where a pointer stands in its file."""
        place = (pointer, key)
        if place not in self._places:
            self._places[place] = self.app.locate(pointer, key=key)
        return self._places[place]

    def error(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that the platform will not take."""
        return self._told(Severity.ERROR, code, message, hint, pointer, related)

    def warning(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something that is probably not meant."""
        return self._told(Severity.WARNING, code, message, hint, pointer, related)

    def notice(self, code: str, message: str, hint: str, pointer: str, *related: str) -> Finding:
        """Something worth knowing."""
        return self._told(Severity.NOTICE, code, message, hint, pointer, related)

    def _told(
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
    """The mappings in a list field of a mapping, each with its pointer; none where anything else stands."""
    items = parent.get(name) if isinstance(parent, Mapping) else None
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, Mapping):
                yield f"{pointer}/{name}/{index}", item


def mapping(parent: Any, name: str) -> Mapping[str, Any]:
    """A mapping field of a mapping; empty where anything else stands."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text(parent: Any, name: str) -> str:
    """A text field of a mapping; empty where anything else stands."""
    value = parent.get(name) if isinstance(parent, Mapping) else None
    return value if isinstance(value, str) else ""
