"""The sources of one environment: its overlays, the values of its variables, the names of its apps.

Base specs are rendered with them before variables are substituted; positions survive, so that a finding is at the line
that was written, in the base or in an overlay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from reconciler.config import Config
from reconciler.config_file import ConfigFile
from reconciler.desired.overlays import OVERLAY_GUIDE, Overlay
from reconciler.desired.parts import part_of, taken_apart
from reconciler.desired.reading import WRAPPER, Named, Variables, parse_specs, substitute
from reconciler.environments import Environment, environment_of, token_variables
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.text import did_you_mean, pointer_token
from reconciler.yamltext import Document, Written, is_wrapped, parse, read_text
from reconciler.yamltext.build import Text

SUFFIXES = (".yaml", ".yml", ".json")

RENDERED = "rendered"
"""The folder beside `reconcile.yaml` in which renderings are committed, one folder for each environment."""

ReadText = Callable[[Path, str], str]
"""Reads a file: (path, how findings name it) -> its text; raises `InvalidInput`."""

Places = dict[str, tuple[Document, str]]


@dataclass(frozen=True, slots=True)
class EnvironmentSources:
    """What an environment, ``own`` in the configuration, adds to the base specs.

    ``overlays`` by the app's name in the base, in the order they apply; ``values`` of variables with where they are
    written, as text and (``places``) as document and pointer; ``required``: variables that must not fall back to their
    defaults, with the place that says so.
    """

    name: str
    own: Environment = field(repr=False)
    overlays: Mapping[str, tuple[Overlay, ...]]
    values: Mapping[str, tuple[str, str]] = field(repr=False)
    required: Mapping[str, Location | None]
    places: Places
    tokens: frozenset[str] = field(default=frozenset(), repr=False)
    findings: tuple[Finding, ...] = ()
    others: tuple[str, ...] = ()
    """Files and folders that hold no base specs."""
    folders: tuple[Path, ...] = ()
    """The files and folders of its overlays."""
    variable_files: tuple[Path, ...] = ()
    read: ReadText = read_text

    def rendered(
        self, spec: dict[str, Any], document: Document, wrapper: str, findings: list[Finding]
    ) -> tuple[dict[str, Any], Places]:
        """A base spec with the overlays applied, and where its parts were written; empty if all is the document's."""
        overlays = self.overlays.get(str(spec.get("name")), ())
        if not overlays:
            return spec, {}
        base = part_of(spec, document, wrapper)
        for overlay in overlays:
            findings += overlay.apply(base)
        return taken_apart(base)

    def files(self, app: str) -> list[str]:
        """The overlay files of an app, by its name in the base, in the order they apply."""
        return [overlay.document.file for overlay in self.overlays.get(app, ())]

    def unused(self, apps: Collection[str]) -> list[Finding]:
        """Errors for overlays of apps that are not among those of the base."""
        return [
            Finding(
                Severity.ERROR,
                "overlay-no-match",
                f"no spec for app {name!r}, which this overlay changes",
                did_you_mean(name, apps, "use the name that the app has in the base"),
                overlay.document.locate("/name"),
            )
            for name, overlays in self.overlays.items()
            for overlay in overlays
            if name not in apps
        ]

    def missing(self, sources: Mapping[str, str], values: Mapping[str, str], fallback: str) -> list[Finding]:
        """Errors for required variables that have no value of their own; ``fallback`` is the source of a default."""
        hint = f"set it: environments.{self.name}.variables, the process's environment, or --var NAME=…"
        return [
            Finding(
                Severity.ERROR,
                "required-variable",
                f"environment {self.name} requires variable {name}, and it {why}",
                hint.replace("NAME", name),
                place,
            )
            for name, place in self.required.items()
            if (
                why := "is not set" if sources.get(name) in (None, fallback) else "" if values.get(name) else "is empty"
            )
        ]


def sources_of(
    file: ConfigFile, name: str, environ: Mapping[str, str], read: ReadText = read_text, new: Iterable[Path] = ()
) -> EnvironmentSources:
    """The sources of an environment. Never raises because of a file's content: every problem is a finding.

    ``new`` are files that ``read`` has, but no folder yet.
    """
    own = environment_of(file.config, name)
    findings: list[Finding] = []
    overlays: dict[str, tuple[Overlay, ...]] = {}
    for entry in own.overlays:
        folder = file.folder / entry
        found = _overlays([*overlay_files(folder), *(one for one in new if folder in one.parents)], findings, read)
        for app, overlay in found.items():
            overlays[app] = (*overlays.get(app, ()), overlay)
    at = f"/environments/{pointer_token(name)}"
    written = _written(file, name, findings, read)
    values = {one: (value, str(document.locate(pointer))) for one, (value, document, pointer) in written.items()}
    places = {one: (document, pointer) for one, (_, document, pointer) in written.items()}
    tokens = frozenset(filter(None, (environ.get(one, "").strip() for one in token_variables(file.config))))
    required = {one: file.locate(f"{at}/required/{index}") for index, one in enumerate(own.required)}
    return EnvironmentSources(
        name,
        own,
        overlays,
        values,
        required,
        places,
        tokens,
        tuple(findings),
        others=tuple(left_out(file)),
        folders=tuple(file.folder / entry for entry in own.overlays),
        variable_files=tuple(file.folder / entry for entry in own.variable_files),
        read=read,
    )


def _written(
    file: ConfigFile, name: str, findings: list[Finding], read: ReadText
) -> dict[str, tuple[str, Document, str]]:
    """The values of an environment's variables, with the document and the pointer where each is written."""
    own, written = environment_of(file.config, name), dict[str, tuple[str, Document, str]]()
    for entry in own.variable_files:
        written |= _values(file.folder / entry, file.config, findings, read)
    for variable, value in own.variables.items():
        assert file.document is not None
        pointer = f"/environments/{pointer_token(name)}/variables/{pointer_token(variable)}"
        written[variable] = (value, file.document, pointer)
    return written


def files_of(file: ConfigFile, name: str) -> list[Path]:
    """Every file that an environment is read from, policies of its own included.

    Raises:
        InvalidInput: its policies conflict with those of the file.
    """
    own, policies = environment_of(file.config, name), Path(file.within(name).config.policies)
    overlays = [one for entry in own.overlays for one in overlay_files(file.folder / entry)]
    rules = sorted(policies.iterdir()) if own.policies and policies.is_dir() else []
    return [*overlays, *(file.folder / entry for entry in own.variable_files), *rules]


def left_out(file: ConfigFile) -> list[str]:
    """Files and folders that hold no base specs: overlays, files of variables, committed renderings."""
    if not file.config.environments:
        return []
    owns = [environment_of(file.config, name) for name in file.config.environments]
    return [str(file.folder / path) for own in owns for path in (*own.overlays, *own.variable_files)] + [
        str(file.folder / RENDERED)
    ]


def overlay_files(path: Path) -> list[Path]:
    """The overlay files of an entry of the configuration: itself, or those below it, sorted, without hidden ones."""
    if not path.is_dir():
        return [path]
    found = (one for suffix in SUFFIXES for one in path.rglob(f"*{suffix}") if one.is_file())
    return sorted(one for one in found if not any(part[0] == "." for part in one.relative_to(path).parts))


def _overlays(files: Iterable[Path], findings: list[Finding], read: ReadText) -> dict[str, Overlay]:
    """The overlays of one entry by app."""
    return _by_app([one for path in files for one in _documents(path, OVERLAY_GUIDE, findings, read)], findings)


def _by_app(documents: Iterable[Document], findings: list[Finding]) -> dict[str, Overlay]:
    """Overlays by app. Two for one app are ambiguous: the order of files has no meaning."""
    found: dict[str, Overlay] = {}
    for document in documents:
        data = document.data
        name = data.get("name") if isinstance(data, dict) else None
        if not isinstance(name, str) or not name:
            message = "an overlay is a mapping with the name of its app in the base"
            where = document.locate("/name" if isinstance(data, dict) else "")
            findings.append(Finding(Severity.ERROR, "overlay-invalid", message, "begin with `name: my-app`", where))
            continue
        overlay = Overlay(name, document)
        first = found.setdefault(name, overlay)
        if first is not overlay:
            there, place = first.document.locate("/name"), document.locate("/name")
            message = f"a second overlay of {name} in the same entry of `overlays` (first at {there})"
            hint = "merge the two, or name both files under `overlays` in the order they apply"
            findings.append(Finding(Severity.ERROR, "overlay-ambiguous", message, hint, place, (there,)))
    return found


def _values(
    path: Path, config: Config, findings: list[Finding], read: ReadText
) -> dict[str, tuple[str, Document, str]]:
    """The values in a file of variables, each with its place."""
    declared = [variable.name for variable in config.variables]
    out: dict[str, tuple[str, Document, str]] = {}
    for document in _documents(path, dict.fromkeys(declared, Text), findings, read):
        if not isinstance(document.data, dict):
            message, hint = "a variable file must be a mapping of names to values", "write one `NAME: value` per line"
            findings.append(Finding(Severity.ERROR, "overlay-invalid", message, hint, document.locate("")))
            continue
        for name, value in document.data.items():
            pointer = f"/{pointer_token(name)}"
            if name not in declared:
                findings.append(_undeclared(name, declared, document.locate(pointer, key=True)))
            elif isinstance(value, str):
                out[name] = (value, document, pointer)
            else:
                where, hint = document.locate(pointer), "quote it, or remove it"
                findings.append(Finding(Severity.ERROR, "overlay-invalid", f"{name} must be text", hint, where))
    return out


def _undeclared(name: str, declared: Collection[str], where: Location) -> Finding:
    hint = did_you_mean(name, declared, "declare it under `variables` in reconcile.yaml")
    return Finding(Severity.ERROR, "undeclared-variable", f"no such variable: {name}", hint, where)


def _documents(path: Path, guide: Any, findings: list[Finding], read: ReadText) -> list[Document]:
    """The documents of a file that are not empty."""
    try:
        documents, problems = parse(read(path, str(path)), str(path), guide=guide)
    except InvalidInput as error:
        findings += error.findings
        return []
    findings += problems
    return [document for document in documents if document.data is not None]


# --- Earlier commits: the text of a base and of its overlays as they were together ---


_TOGETHER = "\0together\0"
"""Begins a text that holds those of several files."""


def together(base: str, overlays: Mapping[str, str]) -> str:
    """One text of a base file and of overlay files, for `reader_in`; no file can hold its first character."""
    return _TOGETHER + json.dumps([base, *overlays.items()])


def reader_in(
    environment: EnvironmentSources, config: Config, environ: Mapping[str, str], given: Mapping[str, str]
) -> Callable[[str, str], Named]:
    """A parser as `reading.reader` makes one, of specs as an environment has them.

    Texts that are not `together` with their overlays get those of today.
    """
    variables = Variables(config.variables, environ, given, environment.values, environment.tokens)

    @lru_cache(maxsize=512)
    def read(text: str, file: str) -> Named:
        sources, base = environment, text
        if text.startswith(_TOGETHER):
            base, *overlays = json.loads(text.removeprefix(_TOGETHER))
            sources = replace(environment, overlays=_in_order(overlays))
        return list(_specs(base, file, sources, variables))

    return read


def _in_order(texts: Iterable[tuple[str, str]]) -> dict[str, tuple[Overlay, ...]]:
    """The overlays by app in files of these names and texts."""
    found: dict[str, tuple[Overlay, ...]] = {}
    for name, text in texts:
        for app, overlay in _by_app(parse(text, name, guide=OVERLAY_GUIDE)[0], []).items():
            found[app] = (*found.get(app, ()), overlay)
    return found


def _specs(text: str, file: str, sources: EnvironmentSources, variables: Variables) -> Iterator[tuple[str, Any]]:
    for document in parse_specs(text, file)[0]:
        wrapper = f"/{WRAPPER}" if is_wrapped(document.data, WRAPPER) else ""
        spec = document.data[WRAPPER] if wrapper else document.data
        if isinstance(spec, dict) and isinstance(spec.get("name"), str):
            spec, parts = sources.rendered(spec, document, wrapper, [])
            substitute(spec, Written(document, wrapper, parts), variables)
            spec["name"] = sources.own.renamed(str(spec["name"]))
            yield spec["name"], spec
