"""Finding and reading `reconcile.yaml`: every problem is a finding with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from reconciler.appspec.shape import SPEC
from reconciler.config import Config, Policy, policy_of
from reconciler.config_fields import Later
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity, has_errors
from reconciler.text import did_you_mean, nearest, pointer_token
from reconciler.yamltext import Document, parse, read_text

CONFIG_NAMES = ("reconcile.yaml", "reconcile.yml")
"""The file's name."""

SUFFIXES = (".yaml", ".yml", ".json")
"""The suffixes of spec files."""

_LOOKED_AT = 1000
"""How many entries of a folder are compared with a path that does not exist."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration and the document it was read from (None if there is no file)."""

    config: Config
    document: Document | None = None
    warnings: tuple[Finding, ...] = ()
    """Warnings; errors are raised instead."""

    environment: str = ""
    """The environment that the configuration is of; what it overrides is located there."""

    def locate(self, pointer: str) -> Location | None:
        """The place of a JSON pointer in the file, with apps named as in the configuration."""
        if self.document is None:
            return None
        if not self.environment:
            return self.document.locate(pointer)
        from reconciler.environments import written_at

        return self.document.locate(written_at(self.document.data, self.environment, pointer))

    def within(self, environment: str) -> ConfigFile:
        """The configuration of one of its environments.

        Raises:
            InvalidInput: a policy of the environment conflicts with one of the file.
        """
        from reconciler.environments import resolved

        try:
            config = resolved(self.config, environment, self.folder)
            for app in config.apps:
                config.policy(app)
        except ValidationError as error:
            message = f"a policy of environment {environment} conflicts with the file's: {error.errors()[0]['msg']}"
            where = self.locate(f"/environments/{environment}")
            raise InvalidInput([Finding(Severity.ERROR, "config-value", message, location=where)]) from None
        return ConfigFile(config, self.document, self.warnings, environment)

    @property
    def folder(self) -> Path:
        """The folder to which paths in the file are relative."""
        return Path(self.document.file).parent if self.document else Path()


def near_path(path: Path) -> str:
    """The spec or folder that a path which does not exist probably means; empty if none is likely.

    ``specs/shop.yml`` means ``specs/shop.yaml``, and so do ``shop`` and ``spec/shop.yaml``.
    """
    for file in (Path("specs", f"{path}{suffix}") for suffix in SUFFIXES):
        if file.is_file():
            return str(file)
    folder = path.parent
    if not folder.is_dir():
        folder = Path(near_path(folder))
        if folder == Path():
            return ""
        if (folder / path.name).exists():
            return str(folder / path.name)
    if not os.access(folder, os.R_OK):
        return ""
    known = [one.name for one in islice(folder.iterdir(), _LOOKED_AT) if one.suffix in SUFFIXES or one.is_dir()]
    same = (name for name in known if Path(name).stem == path.stem)
    near = next(same, "") or nearest(path.name, known)
    return str(folder / near) if near else ""


def path_hint(path: Path) -> str:
    """What to do about a path that does not exist."""
    near = near_path(path)
    return f"did you mean {near}?" if near else "check the path"


def load_config(path: Path | None, specs: Sequence[Path | str] = ()) -> Config:
    """The configuration alone, see `read_config`."""
    return read_config(path, specs).config


def read_config(
    path: Path | None, specs: Sequence[Path | str] = (), read: Callable[[Path, str], str] = read_text
) -> ConfigFile:
    """Read the configuration in ``path``, or the one that is found (`find_config`), or the defaults.

    The policies folder is relative to the file. ``read`` reads a file, as `yamltext.read_text` does.

    Raises:
        InvalidInput: the file does not exist, or something in it is wrong; carries every finding.

    """
    found = path or find_config(specs)
    if found is None:
        return ConfigFile(Config.model_construct())  # without a validator, which takes longer than the rest
    file = str(found)
    if not found.exists():
        message = f"no such configuration file: {file}"
        finding = Finding(Severity.ERROR, "no-such-path", message, path_hint(found), Location(file))
        raise InvalidInput([finding], message)
    documents, findings = parse(read(found, file), file)
    document = documents[0] if documents else None
    if len(documents) > 1:
        hint = "merge them: remove the `---`"
        findings.append(
            Finding(Severity.ERROR, "several-documents", "more than one YAML document", hint, documents[1].locate(""))
        )
    config = Config()
    if document is not None and document.data is not None and not has_errors(findings):
        findings += _problems(document)
        if not has_errors(findings):
            config = _placed(Config.model_validate(document.data), found.parent)
            findings += _unmergeable(config, document)
            findings += _environments(config, document)
            findings += _without_effect(config, document)
    if has_errors(findings):
        raise InvalidInput(findings, f"the configuration {file} cannot be used")
    return ConfigFile(config, document, tuple(findings))


def find_config(specs: Sequence[Path | str]) -> Path | None:
    """Find the configuration of the specs: beside them, or above them up to the root of their repository.

    The nearest wins. Specs without one use the one in the working directory.

    Raises:
        InvalidInput: specs in different folders have different configurations.
    """
    beside: dict[Path, Path] = {}
    for spec in map(Path, specs):
        if path := _nearest(spec if spec.is_dir() else spec.parent):
            beside.setdefault(path.resolve(), path)
    if len(beside) > 1:
        files = list(beside.values())
        message = f"more than one configuration applies: {', '.join(map(str, files))}"
        finding = Finding(
            Severity.ERROR, "several-configs", message, "choose one with --config", Location(str(files[0]))
        )
        raise InvalidInput([finding], message)
    here = (Path(name) for name in CONFIG_NAMES)
    return next(iter(beside.values()), None) or next((path for path in here if path.is_file()), None)


def _nearest(folder: Path) -> Path | None:
    """The configuration in or above the folder, up to the root of its repository; outside a repository, only in it."""
    whole = Path(os.path.normpath(Path.cwd() / folder))
    root = next((above for above in (whole, *whole.parents) if (above / ".git").exists()), whole)
    for above in (whole, *whole.parents):
        for name in CONFIG_NAMES:
            if (above / name).is_file():
                return above / name if folder.is_absolute() else Path(os.path.relpath(above / name))
        if above == root:
            return None
    return None


def _placed(config: Config, folder: Path) -> Config:
    """The configuration with its policies folder relative to the working directory."""
    fields = dict(config) | {"policies": str(folder / config.policies)}
    return Config.model_construct(config.model_fields_set, **fields)  # model_copy would mark it as set


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `reconcile.yaml`, for editors."""
    from reconciler.environments import Environment

    schema = Config.model_json_schema()
    environment = Environment.model_json_schema()
    schema["$defs"] |= {**environment.pop("$defs"), "Environment": environment}
    for part in (schema, environment):
        part["properties"]["apps"]["additionalProperties"] = {"$ref": "#/$defs/Policy"}
    environment["properties"]["defaults"]["$ref"] = "#/$defs/Policy"
    schema["properties"]["environments"]["additionalProperties"] = {"$ref": "#/$defs/Environment"}
    schema.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reconcile.yaml",
        **schema,
    }


def in_words(name: str, value: Any, problem: Mapping[str, Any]) -> tuple[str, str]:
    """Pydantic's message about the value called ``name`` in plain words, and a hint how to fix it."""
    context = problem.get("ctx", {})
    match problem["type"]:
        case "value_error":
            message, _, hint = str(problem["msg"]).removeprefix("Value error, ").partition("; ")
            return f"{name}: {message}", hint
        case "string_pattern_mismatch":
            return f"{name}: {value!r} is not a valid name", "use letters, digits and underscores, such as IMAGE_TAG"
        case "literal_error":
            choices = str(context.get("expected", ""))
            return f"{name} must be {choices}", did_you_mean(str(value), re.findall(r"'([^']+)'", choices))
        case "greater_than_equal" | "less_than_equal":
            bound = f"at least {context['ge']}" if "ge" in context else f"at most {context.get('le')}"
            return f"{name} must be {bound}", ""
        case kind:
            expected, hint = next((words for begin, words in _EXPECTED.items() if kind.startswith(begin)), ("", ""))
            return f"{name} must be {expected}" if expected else f"{name}: {problem['msg']}", hint


_EXPECTED = {
    "list_": ("a list", "start each item with `- `"),
    "int_": ("a whole number", "write digits, without quotes, such as 30"),
    "bool_": ("true or false", "write it without quotes"),
    "dict_": ("a mapping", "put its fields on the following lines, indented, as `name: value`"),
    "model_": ("a mapping", "put its fields on the following lines, indented, as `name: value`"),
}


def _problems(document: Document) -> Iterator[Finding]:
    """Everything the models refuse, once per place."""
    data = document.data
    reported: set[tuple[str | int, ...]] = set()
    for model, prefix, part in _parts(data):
        try:
            _ = policy_of(part) if model is Policy else model.model_validate(part)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                place = _existing(data, (*prefix, *problem["loc"][model is Policy :]))
                if place not in reported:
                    reported.add(place)
                    yield _finding(document, model, prefix, place, dict(problem))


def _parts(data: Any) -> Iterator[tuple[type[BaseModel], tuple[str | int, ...], Any]]:
    """The file, and each app's own policy, which the file's model does not validate."""
    yield Config, (), data
    yield from _policies(data, ())
    for name, own in _mappings(data, "environments"):
        from reconciler.environments import Environment

        place = ("environments", name)
        yield Environment, place, own
        yield from _policies(own, place)
        if isinstance(defaults := own.get("defaults"), dict):
            yield Policy, (*place, "defaults"), defaults


def _policies(data: Any, place: tuple[str, ...]) -> Iterator[tuple[type[BaseModel], tuple[str | int, ...], Any]]:
    for name, own in _mappings(data, "apps"):
        yield Policy, (*place, "apps", name), own


def _mappings(data: Any, field: str) -> list[tuple[str, dict[str, Any]]]:
    """The mappings, by name, in a field of a mapping; none if it is anything else."""
    found = data.get(field) if isinstance(data, dict) else None
    return [(name, own) for name, own in found.items() if isinstance(own, dict)] if isinstance(found, dict) else []


def _existing(data: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The place without what pydantic adds, such as the branch of a union; a missing field keeps its place."""
    node, loc = data, tuple(part for part in loc if part != "[key]")
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


def _finding(
    document: Document,
    model: type[BaseModel],
    prefix: tuple[str | int, ...],
    place: tuple[str | int, ...],
    problem: Mapping[str, Any],
) -> Finding:
    pointer = "".join(f"/{pointer_token(token)}" for token in place)
    name = _called(place)
    match problem["type"]:
        case "extra_forbidden":
            name = str(place[-1])
            fields = _fields(model, place[len(prefix) : -1])
            hint = did_you_mean(name, fields) or f"known keys: {', '.join(fields)}"
            location = document.locate(pointer, key=True)
            return Finding(Severity.ERROR, "unknown-key", f"unknown key {name!r}", hint, location)
        case "missing":
            message, hint = f"missing key {str(place[-1])!r}", f"add `{place[-1]}: …`"
            return Finding(Severity.ERROR, "missing-key", message, hint, document.locate(pointer))
        case "string_type":
            message, hint = f"{name} must be text", "quote it"
        case _:
            message, hint = in_words(name, _at(document.data, place), problem)
    return Finding(Severity.ERROR, "config-value", message, hint, document.locate(pointer))


def _called(place: tuple[str | int, ...]) -> str:
    """The name of a place in messages: its field, or ``freeze[1]`` for an item of a list, counted from 1."""
    if not place:
        return "the configuration"
    if isinstance(place[-1], int):
        return f"{_called(place[:-1])}[{place[-1] + 1}]"
    return str(place[-1])


def _at(data: Any, place: tuple[str | int, ...]) -> Any:
    """The value at a place, or None."""
    for token in place:
        found = isinstance(data, dict) and token in data
        data = data[token] if found or (isinstance(data, list) and isinstance(token, int)) else None
    return data


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The known keys at a place."""
    for token in loc:
        if isinstance(token, str) and token in model.model_fields:
            field = model.model_fields[token]
            model = next(_models((field.annotation, *field.metadata)), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation, or one of several, mentions."""
    if isinstance(annotation, Later):
        annotation = annotation.type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in annotation if isinstance(annotation, tuple) else get_args(annotation):
        yield from _models(argument)


def _without_effect(config: Config, document: Document) -> Iterator[Finding]:
    """Find settings without effect: a policies folder that is missing, ignored paths that match nothing."""
    if "policies" in config.model_fields_set and not Path(config.policies).is_dir():
        message = f"no such folder: {config.policies}; no policy would be enforced"
        hint = "fix the path (it is relative to this file), or remove the key"
        yield Finding(Severity.ERROR, "no-such-path", message, hint, document.locate("/policies"))
    ignored = {"/defaults/ignore": config.defaults.ignore}
    ignored |= {f"/apps/{pointer_token(name)}/ignore": own.get("ignore") or [] for name, own in config.apps.items()}
    for at, pointers in ignored.items():
        for number, pointer in enumerate(pointers):
            field = pointer.split("/")[1]
            if field != "*" and field not in SPEC.fields:
                message = f"{pointer} ignores nothing: a spec has no field {field!r}"
                hint = (
                    did_you_mean(field, SPEC.fields)
                    or "start at the top of the spec, such as /services/web/instance_count"
                )
                yield Finding(Severity.WARNING, "unknown-path", message, hint, document.locate(f"{at}/{number}"))


def _environments(config: Config, document: Document) -> Iterator[Finding]:
    """Environments that contradict the rest of the file, or have paths that lead nowhere."""
    if not config.environments:
        return
    from reconciler.environments import wrong_environments

    for code, place, message, hint in wrong_environments(config, Path(document.file).parent):
        where = document.locate("".join(f"/{pointer_token(part)}" for part in place))
        yield Finding(Severity.ERROR, code, message, hint, where)


def _unmergeable(config: Config, document: Document) -> Iterator[Finding]:
    """Apps whose own policy is valid but conflicts with the defaults."""
    for name in config.apps:
        try:
            config.policy(name)
        except ValidationError as error:
            message = f"the policy of {name} conflicts with the defaults: {error.errors()[0]['msg']}"
            yield Finding(Severity.ERROR, "config-value", message, location=document.locate(f"/apps/{name}"))
