"""Imports a live app of an environment: each change goes where it belongs, to the base or to an overlay.

A change goes to the base if no other environment would change with it, else to the environment's overlay. What comes
from a variable or an operation is left to a person, with its place. Nothing is written unless, rendered again, the app
would be in sync and every other environment as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.appspec.secrets import CLONE_URL, plaintext_secrets
from reconciler.appspec.shape import MISSING, SPEC, Listing, Record, Shape, written_identity
from reconciler.appspec.walk import within
from reconciler.desired.environments import overlay_files
from reconciler.desired.export import tidy
from reconciler.desired.merge import merge_spec
from reconciler.desired.patches import PATCH
from reconciler.desired.preview_mark import without_mark
from reconciler.desired.reading import parse_specs
from reconciler.engine.environments import pointer_of
from reconciler.engine.workspace import Renderings, Workspace, reached
from reconciler.environments import environment_of
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity, has_errors
from reconciler.plan.align import align
from reconciler.plan.canonical import Path, canonical, identity_path
from reconciler.plan.diff import diff, related
from reconciler.plan.secret_fingerprints import without_variable
from reconciler.text import segments
from reconciler.yamltext import Document
from reconciler.yamltext.edit import CannotEdit, Edits
from reconciler.yamltext.nodes import NodeText, sources
from reconciler.yamltext.write import Style, bare, mapping_lines

if TYPE_CHECKING:
    from reconciler.desired.load import DesiredApp
    from reconciler.live.models import LiveApp


@dataclass
class OverlayImporter:
    """Imports apps of one environment into the texts of a workspace."""

    workspace: Workspace
    environment: str

    def imported(self, live: LiveApp) -> list[str]:
        """Put the app's live values into the workspace's texts; returns the files that change.

        Raises:
            InvalidInput: it has no spec in the base, or some change cannot be put anywhere; no text has changed.
        """
        app = self._app(live.name)
        spec = without_mark(without_variable({**live.spec, "name": app.name}))
        texts = dict(self.workspace.texts)
        try:
            self._import(app, spec)
        except (InvalidInput, CannotEdit) as error:
            self.workspace.texts = texts
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput([_problem(app, (), "its files cannot be edited in place")]) from None
        return sorted(file for file, text in self.workspace.texts.items() if texts.get(file) != text)

    def _import(self, app: DesiredApp, spec: Mapping[str, Any]) -> None:
        """Put every change somewhere, and look at the result.

        Raises:
            InvalidInput: not all of it can be written, or the result would not be in sync, or not be that alone.
            CannotEdit: a file cannot be edited in place.
        """
        before = self.workspace.renderings()
        problems = [found for path in self._differing(app, spec) if (found := self._put(path, app.base, spec, before))]
        if not problems:
            rest = self._differing(self._app(app.name), spec)
            problems = [_problem(app, path, "once written, it would still differ") for path in rest]
        if not problems:
            problems = [
                _problem(app, path, f"its overlay is also of {base} in environment {name}; give this one its own")
                for (name, base), paths in reached(before, self.workspace.renderings()).items()
                if (name, base) != (self.environment, app.base)
                for path in paths
            ]
        if problems:
            raise InvalidInput(problems)

    def _app(self, name: str) -> DesiredApp:
        loaded, _ = self.workspace.environment(self.environment)
        found = next((app for app in loaded.apps if app.name == name), None)
        if wrong := [one for one in loaded.findings if one.is_error]:
            raise InvalidInput(wrong)
        if found is None:
            message = f"no spec of the base is {name} in environment {self.environment}"
            hint = "write its spec for the base first, such as with `reconcile import` in an empty folder"
            raise InvalidInput([Finding(Severity.ERROR, "not-importable", message, hint)])
        return found

    def _differing(self, app: DesiredApp, spec: Mapping[str, Any]) -> list[Path]:
        ignore = self.workspace.config().within(self.environment).config.policy(app.name).ignore
        aligned = align(canonical(app.spec), canonical(spec), ignore=ignore)
        return list(dict.fromkeys(nameable(change.path) for change in diff(aligned.live, aligned.desired)))

    def _put(self, path: Path, base: str, spec: Mapping[str, Any], before: Renderings) -> Finding | None:
        """Write one change where it belongs; what is in the way, if it cannot be written."""
        app = next(one for one in self.workspace.environment(self.environment)[0].apps if one.base == base)
        pointer = pointer_of(app.spec, path)
        there = identity_path(app.spec, pointer)
        document, _ = app.written.source(pointer)
        inside = [
            names for at, names in app.variables.items() if related(identity_path(app.spec, at), path) and path == there
        ]
        if inside:
            return _problem(
                app, path, f"it comes from variable {inside[0][0]}: change that, or write a value in its place"
            )
        if document is not app.document and PATCH in document.data:
            return _problem(app, path, "an operation sets it: change that by hand")
        if any(login[: len(path)] == path for login in _logins(spec)):
            return _problem(app, path, "it has a login, which is never written: declare a variable and write it there")
        if document is app.document and self._into_base(path, app, spec, before):
            return None
        try:
            return self._into_overlay(path, app, spec)
        except (CannotEdit, yaml.YAMLError):
            return _problem(app, path, "its overlay cannot be edited in place: change it by hand")

    # --- the base ----------------------------------------------------------------------------------------------------

    def _into_base(self, path: Path, app: DesiredApp, live: Mapping[str, Any], before: Renderings) -> bool:
        """Whether the change was written to the base: only if nothing else changes with it."""
        texts = dict(self.workspace.texts)
        data = parse_specs(app.document.text, app.file)[0][app.document.index].data
        spec = data[app.wrapper[1:]] if app.wrapper else data
        wanted = {**live, "name": spec["name"]}

        def differing(desired: Mapping[str, Any]) -> list[Path]:
            aligned = align(canonical(desired), canonical(wanted))
            return [change.path for change in diff(aligned.live, aligned.desired) if related(change.path, path)]

        try:
            self.workspace.texts[app.file] = merge_spec(replace(app, spec=spec, parts={}), wanted, differing)
        except CannotEdit:  # the whole document is not rewritten for one environment
            return False
        found = reached(before, self.workspace.renderings())
        alone = all(environment == self.environment and name == app.base for environment, name in found)
        still = self._differing(self._app(app.name), live)
        if alone and path not in still and set(still) < set(self._differing(app, live)):
            return True
        self.workspace.texts = texts
        return False

    # --- the overlay -------------------------------------------------------------------------------------------------

    def _into_overlay(self, path: Path, app: DesiredApp, live: Mapping[str, Any]) -> Finding | None:
        value = _value_at(live, path)
        documents = self._overlays(app.base)
        if documents:
            last = documents[-1]
            if value is not None:
                self.workspace.texts[last.file] = put(last, path, value, live)
            elif not self._removed(last, path, live):
                self.workspace.texts[last.file] = without(last, path)
            return None
        file = self._new_file(app.base)
        if file is None:
            why = f"environment {self.environment} has no folder of overlays to put it in"
            return _problem(app, path, f"{why}: name one under its `overlays`")
        data = {"name": app.base, **_nested((), path, value, live)}
        self.workspace.texts[str(file)] = "\n".join(mapping_lines(data, 0, Style())) + "\n"
        return None

    def _removed(self, overlay: Document, path: Path, live: Mapping[str, Any]) -> bool:
        """Whether null was written for what the base has; it is an error for what only the overlay has."""
        try:
            self.workspace.texts[overlay.file] = put(overlay, path, None, live)
        except CannotEdit:
            return False
        return not has_errors(self.workspace.environment(self.environment)[0].findings)

    def _overlays(self, base: str) -> list[Document]:
        """The overlays of an app that are partial specs."""
        _, found = self.workspace.environment(self.environment)
        return [one.document for one in found.overlays.get(base, ()) if not one.is_patch]

    def _new_file(self, base: str) -> File | None:
        file = self.workspace.config()
        for entry in environment_of(file.config, self.environment).overlays:
            folder = file.folder / entry
            path = folder / f"{base}.yaml"
            if folder.is_dir() and path not in overlay_files(folder):
                return path
        return None


def _logins(spec: Mapping[str, Any]) -> Iterator[Path]:
    """Where a live spec has a login in a clone URL."""
    for pointer, _ in plaintext_secrets(spec):
        if pointer.endswith(f"/{CLONE_URL}"):
            yield identity_path(spec, pointer)


def _problem(app: DesiredApp, path: Path, why: str) -> Finding:
    location: Location = app.locate(pointer_of(app.spec, path))
    message = f"{'/'.join((app.name, *path))} differs from live and cannot be imported: {why}"
    return Finding(Severity.ERROR, "not-importable", message, "", location)


def nameable(path: Path) -> Path:
    """The part of a path that an overlay can name: up to a list that is replaced as a whole."""
    shape: Shape | None = SPEC
    for depth, part in enumerate(path):
        if isinstance(shape, Listing) and not shape.identity:
            return path[:depth]
        shape = within(shape, part)
    return path


def _value_at(spec: Any, path: Path) -> Any:
    """The value at a path by identity, ready to be written; None if there is none."""
    pointer = pointer_of(spec, path)
    if identity_path(spec, pointer) != path:
        return None
    node = spec
    shape: Shape | None = SPEC
    for part in segments(pointer):
        shape = within(shape, part)
        node = node[int(part)] if isinstance(node, list) else node[part]
    return tidy(node, shape)


def put(document: Document, path: Path, value: Any, live: Mapping[str, Any]) -> str:
    """The text of an overlay's file with a value at a path by identity; None as the value removes what the base has.

    Raises:
        CannotEdit: the text has a form in which that cannot be written.
    """
    text = document.text
    edits = Edits(text, Style(json=document.file.endswith(".json")))
    node, data = sources(text)[document.index], document.data
    shape: Shape | None = SPEC
    for depth, part in enumerate(path):
        number = _number(node, data, part, shape)
        if number is None:
            _insert(edits, node, (path[:depth], path[depth:]), value, live)
            return edits.applied()
        if depth == len(path) - 1:
            if value is None and node.kind == "sequence":
                raise CannotEdit
            edits.replace_value(node, node.entries[number], value)
        data, shape = data[part if node.kind == "mapping" else number], within(shape, part)
        node = node.entries[number].value
    return edits.applied()


def without(document: Document, path: Path) -> str:
    """The text of an overlay's file without what it has at a path by identity, and without what held nothing else.

    Raises:
        CannotEdit: it is not there, or the text has a form in which it cannot be removed.
    """
    edits = Edits(document.text, Style(json=document.file.endswith(".json")))
    node, data = sources(document.text)[document.index], document.data
    shape: Shape | None = SPEC
    identity: Collection[str] = ()
    above: list[tuple[NodeText, int, Collection[str]]] = []
    for part in path:
        number = _number(node, data, part, shape)
        if number is None:
            raise CannotEdit
        above.append((node, number, identity))
        identity = shape.identity if isinstance(shape, Listing) else ()
        data, shape = data[part if node.kind == "mapping" else number], within(shape, part)
        node = node.entries[number].value
    node, number, identity = above.pop()
    while above and all(at == number or entry.key in identity for at, entry in enumerate(node.entries)):
        node, number, identity = above.pop()
    edits.remove(node, [number])
    return edits.applied()


def _number(node: NodeText, data: Any, part: str, shape: Shape | None) -> int | None:
    """The number of the entry under a name; None if there is none."""
    if node.kind == "mapping":
        return next((number for number, entry in enumerate(node.entries) if entry.key == part), None)
    if node.kind == "sequence" and isinstance(shape, Listing) and shape.identity:
        return next((number for number, one in enumerate(data) if written_identity(shape, one) == part), None)
    raise CannotEdit


def _insert(edits: Edits, node: NodeText, path: tuple[Path, Path], value: Any, live: Mapping[str, Any]) -> None:
    """Insert what a path leads to below a node; ``path``: what leads to the node, and the rest."""
    above, below = path
    if not node.entries or (node.kind == "sequence" and value is None and len(below) == 1):
        raise CannotEdit
    nested = _nested(above, below, value, live, named=node.kind == "mapping")
    key, item = next(iter(nested.items())) if isinstance(nested, dict) else (None, nested[0])
    edits.insert(node, len(node.entries) - 1, key, item)


def _nested(above: Path, below: Path, value: Any, live: Mapping[str, Any], *, named: bool = False) -> Any:
    """A value within what leads to it: fields in mappings, items with their identity in lists, removed ones by name."""
    if not below:
        return value
    shape: Shape | None = SPEC
    for part in above:
        shape = within(shape, part)
    first, rest = below[0], below[1:]
    inner = _nested((*above, first), rest, value, live)
    if not (isinstance(shape, Listing) and shape.identity) or named or (value is None and not rest):
        return {first: inner}
    if not rest:
        return [inner]
    item = _value_at(live, (*above, first))
    if not isinstance(item, dict) or not isinstance(shape.item, Record):
        raise CannotEdit
    return [{name: bare(item[name]) for name in shape.identity if item.get(name, MISSING) is not MISSING} | inner]
