"""Finding and reading `reconcile.yaml`: every problem is a finding with its place."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from reconciler.config import Config, Policy
from reconciler.documents import Document, parse, read_text
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity, has_errors

NAMES = ("reconcile.yaml", "reconcile.yml")
"""What the file is called."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration and the document it was read from; none where there is no file."""

    config: Config
    document: Document | None = None

    def locate(self, pointer: str) -> Location | None:
        """Where a JSON pointer stands in the file."""
        return self.document.locate(pointer) if self.document else None


def load_config(path: Path | None, specs: Sequence[Path | str] = ()) -> Config:
    """The configuration alone, see `read_config`."""
    return read_config(path, specs).config


def read_config(path: Path | None, specs: Sequence[Path | str] = ()) -> ConfigFile:
    """The configuration in ``path``; else the one that is found (`find_config`); else the defaults.

    The folder of its policies is given from where the file stands.

    Raises:
        InvalidInput: the file does not exist, or something in it is wrong; carries every finding.

    """
    found = path or find_config(specs)
    if found is None:
        return ConfigFile(Config())
    file = str(found)
    if not found.exists():
        message = f"the configuration {file} does not exist"
        finding = Finding(Severity.ERROR, "no-such-path", message, "check the path", Location(file))
        raise InvalidInput([finding], message)
    documents, findings = parse(read_text(found, file), file)
    document = documents[0] if documents else None
    if len(documents) > 1:
        hint = "keep one document: remove the `---` between them"
        findings.append(
            Finding(Severity.ERROR, "several-documents", "more than one document", hint, documents[1].locate(""))
        )
    config = Config()
    if document is not None and document.data is not None and not has_errors(findings):
        findings += _problems(document)
        if not has_errors(findings):
            config = _placed(Config.model_validate(document.data), found.parent)
            findings += _unmergeable(config, document)
    if has_errors(findings):
        raise InvalidInput(findings, f"the configuration {file} cannot be used")
    return ConfigFile(config, document)


def find_config(specs: Sequence[Path | str]) -> Path | None:
    """The configuration of the specs: beside them, else above them, up to the root of their repository.

    The nearest counts. Specs that have none take the one in the working directory.

    Raises:
        InvalidInput: specs in different folders have different configurations.
    """
    beside: dict[Path, Path] = {}
    for spec in map(Path, specs):
        if path := _nearest(spec if spec.is_dir() else spec.parent):
            beside.setdefault(path.resolve(), path)
    if len(beside) > 1:
        files = list(beside.values())
        message = f"there is more than one configuration: {', '.join(map(str, files))}"
        finding = Finding(Severity.ERROR, "several-configs", message, "name one with --config", Location(str(files[0])))
        raise InvalidInput([finding], message)
    here = (Path(name) for name in NAMES)
    return next(iter(beside.values()), None) or next((path for path in here if path.is_file()), None)


def _nearest(folder: Path) -> Path | None:
    """The configuration in the folder or above it, not beyond the root of a repository; outside of one in it alone."""
    whole = Path(os.path.normpath(Path.cwd() / folder))
    root = next((above for above in (whole, *whole.parents) if (above / ".git").exists()), whole)
    for above in (whole, *whole.parents):
        for name in NAMES:
            if (above / name).is_file():
                return above / name if folder.is_absolute() else Path(os.path.relpath(above / name))
        if above == root:
            return None
    return None


def _placed(config: Config, folder: Path) -> Config:
    """The same, with its folder of policies as seen from the working directory."""
    return config.model_copy(update={"policies": str(folder / config.policies)})


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `reconcile.yaml`, for editors."""
    schema = Config.model_json_schema()
    schema["properties"]["apps"]["additionalProperties"] = {"$ref": "#/$defs/Policy"}
    schema.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reconcile.yaml",
        **schema,
    }


def check_names(file: ConfigFile, known: Collection[str]) -> tuple[Finding, ...]:
    """What the configuration says about apps that are not ``known``, and apps that wait for each other in a circle.

    An unknown name is a warning, as a run may concern a part of the apps; a circle is an error.
    """
    config = file.config
    findings = [_stranger(file, name, f"/apps/{name}", known) for name in config.apps if name not in known]
    findings += [_stranger(file, new, f"/moved/{old}", known) for old, new in config.moved.items() if new not in known]
    graph: dict[str, list[str]] = {}
    for name in dict.fromkeys([*config.apps, *known]):
        own = "depends_on" in config.apps.get(name, {})
        # the default `depends_on: [base]` means every app but base itself
        graph[name] = [other for other in config.policy(name).depends_on if own or other != name]
        if own:
            findings += [
                _stranger(file, other, f"/apps/{name}/depends_on/{index}", known)
                for index, other in enumerate(graph[name])
                if other not in known
            ]
    findings += [
        _stranger(file, other, f"/defaults/depends_on/{index}", known)
        for index, other in enumerate(config.defaults.depends_on)
        if other not in known
    ]
    return (*findings, *_cycle(file, graph))


def _cycle(file: ConfigFile, graph: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))  # the sorter tells it from the awaited to the waiting
        message = f"apps wait for each other: {' → '.join(circle)}"
        where = file.locate(f"/apps/{circle[0]}/depends_on")
        yield Finding(Severity.ERROR, "dependency-cycle", message, "remove one of these from depends_on", where)


def _stranger(file: ConfigFile, name: str, pointer: str, known: Collection[str]) -> Finding:
    message = f"no spec of this run is for an app named {name!r}"
    return Finding(Severity.WARNING, "unknown-app", message, did_you_mean(name, known), file.locate(pointer))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint with the name that was probably meant; the empty text if none is near."""
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"did you mean {near[0]}?" if near else ""


def _problems(document: Document) -> Iterator[Finding]:
    """Everything that the models refuse, once for each place."""
    data = document.data
    told: set[tuple[str | int, ...]] = set()
    for model, prefix, part in _parts(data):
        try:
            model.model_validate(part)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                place = _existing(data, (*prefix, *problem["loc"]))
                if place not in told:
                    told.add(place)
                    yield _told(document, model, prefix, place, dict(problem))


def _parts(data: Any) -> Iterator[tuple[type[BaseModel], tuple[str | int, ...], Any]]:
    """The file, and each app's own policy, which the file's model takes as it is."""
    yield Config, (), data
    apps = data.get("apps") if isinstance(data, dict) else None
    if isinstance(apps, dict):
        for name, own in apps.items():
            if isinstance(own, dict):
                yield Policy, ("apps", name), own


def _existing(data: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The place without what pydantic adds to it, such as the branch of a union; a missing field's place is kept."""
    node = data
    for index, token in enumerate(loc):
        if isinstance(node, dict) and isinstance(token, str):
            if token not in node:
                return loc[: index + 1]
            node = node[token]
        elif isinstance(node, list) and isinstance(token, int) and token < len(node):
            node = node[token]
        else:
            return loc[:index]
    return loc


def _told(
    document: Document,
    model: type[BaseModel],
    prefix: tuple[str | int, ...],
    place: tuple[str | int, ...],
    problem: Mapping[str, Any],
) -> Finding:
    pointer = "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in place)
    name = str(place[-1]) if place else "the configuration"
    match problem["type"]:
        case "extra_forbidden":
            fields = _fields(model, place[len(prefix) : -1])
            hint = did_you_mean(name, fields) or f"known here: {', '.join(fields)}"
            location = document.locate(pointer, key=True)
            return Finding(Severity.ERROR, "unknown-key", f"unknown key {name!r}", hint, location)
        case "missing":
            message = f"{name!r} is missing"
            return Finding(Severity.ERROR, "missing-key", message, f"add `{name}: …`", document.locate(pointer))
        case "string_type":
            message, hint = f"{name} must be text", "put it in quotes"
        case _:
            words = str(problem["msg"]).removeprefix("Value error, ")
            words = words.replace("Input should be", "must be").replace("a valid dictionary", "a mapping")
            message, hint = f"{name}: {words}", ""
    return Finding(Severity.ERROR, "config-value", message, hint, document.locate(pointer))


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The keys that are known at a place."""
    for token in loc:
        if isinstance(token, str) and token in model.model_fields:
            model = next(_models(model.model_fields[token].annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _unmergeable(config: Config, document: Document) -> Iterator[Finding]:
    """Apps whose own policy is fine and does not fit together with the defaults."""
    for name in config.apps:
        try:
            config.policy(name)
        except ValidationError as error:
            message = f"the policy of {name} does not fit together with the defaults: {error.errors()[0]['msg']}"
            yield Finding(Severity.ERROR, "config-value", message, location=document.locate(f"/apps/{name}"))
