"""Git's files while values in them are changed: rendered in memory before anything is written.

A change of one environment must reach that environment alone, and there only the values that are meant: what a text
would render in every environment is compared with what it renders now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.config_file import ConfigFile, read_config
from reconciler.desired.environments import EnvironmentSources, sources_of
from reconciler.desired.export import rewrite
from reconciler.desired.load import DesiredApp, Loaded, load
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.plan.canonical import Path as Place
from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.diff import diff
from reconciler.text import segments
from reconciler.yamltext import Document, read_text
from reconciler.yamltext.edit import CannotEdit, Edits
from reconciler.yamltext.nodes import Entry, NodeText, sources
from reconciler.yamltext.write import Style

if TYPE_CHECKING:
    from reconciler.engine.load import RunOptions

Renderings = Mapping[str, Mapping[str, Tree]]
"""Canonical specs by environment and by the app's name in the base."""


@dataclass(frozen=True, slots=True)
class ScalarEdit:
    """A value to write: the document that holds it, its pointer there, and the new text."""

    document: Document = field(compare=False)
    pointer: str
    value: str

    @property
    def place(self) -> tuple[str, int, str]:
        """File, number of the document in it, pointer."""
        return self.document.file, self.document.index, self.pointer


@dataclass
class Workspace:
    """The files that a run reads, some of them with another text that is not written yet."""

    options: RunOptions
    texts: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict, repr=False)
    """The texts as they were first read: App Platform is asked between that and writing."""

    def read(self, path: Path, file: str) -> str:
        """A file's text, see `yamltext.read_text`."""
        if str(path) in self.texts:
            return self.texts[str(path)]
        text = read_text(path, file)
        self.found.setdefault(str(path), text)
        return text

    def config(self) -> ConfigFile:
        """The configuration as it would be.

        Raises:
            InvalidInput: it could not be used.
        """
        return read_config(self.options.config, self.options.specs, self.read)

    def environment(self, name: str) -> tuple[Loaded, EnvironmentSources]:
        """The apps of an environment as they would be, with what is wrong with them, and its sources.

        Raises:
            InvalidInput: the configuration could not be used.
        """
        file = self.config()
        new = [path for path in map(Path, self.texts) if not path.exists()]
        found = sources_of(file, name, self.options.environ, self.read, new)
        loaded = load(
            self.options.specs,
            config=file.within(name).config,
            environ=self.options.environ,
            variables=self.options.variables,
            environment=found,
        )
        return loaded, found

    def renderings(self) -> Renderings:
        """What every environment would render. A variable that has no value here stays as it is written.

        Raises:
            InvalidInput: the configuration could not be used.
        """
        names = self.config().config.environments
        return {name: {app.base: canonical(app.spec) for app in self.environment(name)[0].apps} for name in names}

    def write(self) -> list[str]:
        """Write the texts that changed; returns the files.

        Raises:
            InvalidInput: a file is a link, which may lead to any file (C84), or changed meanwhile; nothing was written.
            OSError: a file cannot be written.
        """
        wrong = [_refusal("unsafe-path", file, "is a link", _NO_LINK) for file in self.texts if Path(file).is_symlink()]
        wrong += [] if wrong else [_refusal("changed-meanwhile", file, _CHANGED, _AGAIN) for file in self._changed()]
        if wrong:
            raise InvalidInput(wrong)
        for file, text in self.texts.items():
            rewrite(Path(file), text)
            self.found[file] = text
        return sorted(self.texts)

    def _changed(self) -> list[str]:
        """The files to write that are not as they were read."""
        return [
            file
            for file in self.texts
            if (read_text(Path(file), file) if Path(file).exists() else None) != self.found.get(file)
        ]


_NO_LINK = "replace it with a file, or remove it"
_CHANGED = "changed while its new values were sought, and was not written"
_AGAIN = "run the command again"


def _refusal(code: str, file: str, why: str, hint: str) -> Finding:
    return Finding(Severity.ERROR, code, f"{file} {why}", hint, Location(file))


def reached(before: Renderings, after: Renderings) -> dict[tuple[str, str], list[Place]]:
    """The paths that differ, by environment and app."""
    out: dict[tuple[str, str], list[Place]] = {}
    for environment, apps in before.items():
        for app in apps.keys() | after.get(environment, {}).keys():
            old, new = apps.get(app, {}), after.get(environment, {}).get(app, {})
            if old != new:
                out[environment, app] = [change.path for change in diff(old, new)]
    return out


def edited(edits: Sequence[ScalarEdit]) -> dict[str, str]:
    """The texts of files with these values; every other byte stays.

    Raises:
        CannotEdit: a value is no plain scalar, or other places share it.
    """
    by_file: dict[str, list[ScalarEdit]] = {}
    for edit in edits:
        by_file.setdefault(edit.document.file, []).append(edit)
    return {file: _edited(file, ones) for file, ones in by_file.items()}


def _edited(file: str, edits: Sequence[ScalarEdit]) -> str:
    text = edits[0].document.text
    is_json = file.endswith(".json")
    if is_json and "\\u" in text:  # some escapes are read as other text, see `read_text`
        raise CannotEdit
    collected = Edits(text, Style(json=is_json))
    try:
        roots = sources(text)
    except yaml.YAMLError:
        raise CannotEdit from None
    shared = {node.text for root in roots for node in root.walk() if node.kind == "alias"}
    for edit in edits:
        parent, entry = entry_at(roots[edit.document.index], edit.pointer)
        if entry.value.kind != "scalar" or entry.value.anchor in shared:
            raise CannotEdit
        collected.replace_value(parent, entry, edit.value)
    return collected.applied()


def entry_at(root: NodeText, pointer: str) -> tuple[NodeText, Entry]:
    """The entry at a JSON pointer, and the node that holds it.

    Raises:
        CannotEdit: it is not there in so many words: it comes from a merge or an alias.
    """
    node, parent = root, root
    entry: Entry | None = None
    for name in segments(pointer):
        parent, entry = node, None
        if node.kind == "sequence" and name.isdecimal() and int(name) < len(node.entries):
            entry = node.entries[int(name)]
        elif node.kind == "mapping":
            entry = node.child(name)
        if entry is None:
            raise CannotEdit
        node = entry.value
    if entry is None:
        raise CannotEdit
    return parent, entry


def raw(app: DesiredApp, pointer: str) -> Any:
    """The value at a pointer of an app's spec as it is written, before substitution."""
    document, there = app.written.source(pointer)
    return document.built(there, None)
