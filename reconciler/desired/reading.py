"""Parses texts of app specs, those of files and those of earlier commits, and substitutes declared variables in them.

Only ``${NAME}`` of a variable that `reconcile.yaml` declares is replaced, in values and never in keys, after the YAML
has been parsed: a value can neither break the document nor add to it. Bindable variables (``${db.DATABASE_URL}``),
shell variables (``${PORT}``) and everything else stay as they are. The run's own tokens are never substituted,
whatever is declared, given or named otherwise: what is put into a spec is sent and can be read there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from reconciler.appspec.kinds import COMPONENT_KINDS, components
from reconciler.appspec.shape import SPEC, Listing, Record, Scalar, Shape
from reconciler.config import IS_NO_VARIABLE, Config, Variable
from reconciler.findings import Finding, Location, Severity
from reconciler.redaction import TOKEN_VARIABLES, tokens_of
from reconciler.text import did_you_mean, nearest
from reconciler.yamltext import Document, Written, is_wrapped, parse, resolve_plain
from reconciler.yamltext.build import Guide, Items, Text

WRAPPER = "spec"
"""The key that holds the spec in a deploy template (``.do/deploy.template.yaml``)."""

Named = list[tuple[str, Mapping[str, Any]]]
"""The apps of a text: (name, spec)."""

_TEXTS_KEPT = 512
"""Size of the cache: a file with several apps is requested once for each."""


def guide_of(shape: Shape | None, *, named: bool = False) -> Guide:
    """Which fields of a shape are text. ``named``: lists of items with an identity may be written by name."""
    match shape:
        case Record():
            return {name: guide_of(field.shape, named=named) for name, field in shape.fields.items()}
        case Listing(item, identity):
            return Items(guide_of(item, named=named), named=named and bool(identity))
        case Scalar("string"):
            return Text
        case _:
            return None


_SPEC_GUIDE = guide_of(SPEC)


def parse_specs(text: str, file: str) -> tuple[list[Document], list[Finding]]:
    """Parse every document of a file of app specs; see `yamltext.parse`."""
    return parse(text, file, guide=_SPEC_GUIDE, wrapper=WRAPPER)


def reader(config: Config, environ: Mapping[str, str], given: Mapping[str, str]) -> Callable[[str, str], Named]:
    """A parser of spec files: (text, file) -> its apps; none if the text cannot be read.

    A variable that has no value now is left as written.
    """
    variables = Variables(config.variables, environ, given)

    @lru_cache(maxsize=_TEXTS_KEPT)
    def read(text: str, file: str) -> Named:
        documents, _ = parse_specs(text, file)
        found: Named = []
        for document in documents:
            wrapped = is_wrapped(document.data, WRAPPER)
            spec = document.data[WRAPPER] if wrapped else document.data
            if isinstance(spec, dict):
                substitute(spec, Written(document, f"/{WRAPPER}" if wrapped else ""), variables)
                if isinstance(name := spec.get("name"), str):
                    found.append((name, spec))
        return found

    return read


# --- Declared variables ---


_TOKEN = re.compile(rf"\$\{{({'|'.join(TOKEN_VARIABLES)})\}}")
_SHORTEST_TOKEN = 8


class Variables:
    """The declared variables and their values: explicit, an environment's, the process's, or the default.

    ``own`` are the values that an environment of `reconcile.yaml` has: (value, where it is written). ``tokens`` are
    those of the process's environment; no value may hold one. ``sources`` say where each value came from.
    ``offline``: nothing is sent or compared, so a secret may be without a value; it then stays as it is written.
    """

    def __init__(
        self,
        declared: Sequence[Variable],
        environ: Mapping[str, str],
        given: Mapping[str, str],
        own: Mapping[str, tuple[str, str]] = {},
        tokens: frozenset[str] = frozenset(),
        *,
        offline: bool = False,
    ) -> None:
        self.offline = offline
        self.tokens = tokens_of(environ) | tokens
        self.names = [variable.name for variable in declared]
        self.values: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        garbled: list[str] = []
        leaking: list[str] = []
        for variable in declared:
            value, self.sources[variable.name] = _value_of(variable, environ, given, own)
            if value is not None and any(len(one) >= _SHORTEST_TOKEN and one in value for one in self.tokens):
                leaking.append(variable.name)
            elif value is not None:
                self.values[variable.name] = value.encode(errors="replace").decode()
                garbled += [variable.name] if self.values[variable.name] != value else []
        self.secret_names = frozenset(one.name for one in declared if one.secret)
        alternatives = "|".join(re.escape(name) for name in self.names if name not in leaking)
        self.pattern = re.compile(rf"\$\{{({alternatives})\}}") if alternatives else None
        self.findings = [_undeclared(name, self.names) for name in given if name not in self.names]
        self.findings += [*map(_garbled, garbled), *map(_leaking, leaking)]


DEFAULT = "its default"
"""The source of a value that is a variable's default."""


def _value_of(
    variable: Variable, environ: Mapping[str, str], given: Mapping[str, str], own: Mapping[str, tuple[str, str]]
) -> tuple[str | None, str]:
    """A variable's value, None if it has none, and where it came from: what is written down wins over the process."""
    name = variable.name
    if name in given:
        return given[name], "--var"
    if name in own:
        return own[name]
    return (environ[name], "the process's environment") if name in environ else (variable.default, DEFAULT)


@dataclass(slots=True)
class Substitution:
    """The changes to one spec: the pointers of changed scalars with the variables substituted there."""

    used: dict[str, tuple[str, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def substitute(spec: dict[str, Any], written: Written, variables: Variables) -> Substitution:
    """Substitute the variables in a spec, in place.

    In a field that is not text, a scalar that consists of one variable is resolved as YAML would, so that
    ``instance_count: ${COUNT}`` is a number. A variable without a value is an error at each place that uses it.
    """
    result = Substitution()
    texts = written.texts
    mentioned = frozenset[str]().union(*(_mentioned(_TOKEN, text) for text in texts))
    tokens = frozenset(name for name in mentioned if not _defines(spec, name))
    if tokens or (variables.pattern and any(_mentioned(variables.pattern, text) for text in texts)):
        _Substituting(written, variables, result, tokens).walk(spec, SPEC, "")
    return result


@lru_cache(maxsize=4)
def _mentioned(pattern: re.Pattern[str], text: str) -> frozenset[str]:
    """The names that a pattern finds in a text; cached, as a file may hold thousands of documents."""
    return frozenset(pattern.findall(text))


def _defines(node: Any, name: str) -> bool:
    """Whether a spec has a variable of that name of its own, to which ``${name}`` then refers."""
    if isinstance(node, list):
        return any(_defines(item, name) for item in node)
    if not isinstance(node, dict):
        return False
    own = node.get("key") == name and f"${{{name}}}" not in str(node.get("value"))
    return own or any(_defines(value, name) for value in node.values())


class _Substituting(NamedTuple):
    written: Written
    variables: Variables
    result: Substitution
    tokens: frozenset[str]

    def walk(self, node: Any, shape: Shape | None, pointer: str) -> Any:
        match node:
            case dict():
                fields = shape.fields if isinstance(shape, Record) else {}
                for key, value in node.items():
                    known = fields.get(key)
                    token = key.replace("~", "~0").replace("/", "~1")
                    node[key] = self.walk(value, known.shape if known else None, f"{pointer}/{token}")
                return node
            case list():
                below = shape.item if isinstance(shape, Listing) else None
                node[:] = [self.walk(item, below, f"{pointer}/{index}") for index, item in enumerate(node)]
                return node
            case str() if "${" in node:
                return self._scalar(node, shape, pointer)
            case _:
                return node

    def _scalar(self, text: str, shape: Shape | None, pointer: str) -> Any:
        pattern, values = self.variables.pattern, self.variables.values
        for name in self.tokens.intersection(_TOKEN.findall(text)):
            self.result.findings.append(_kept(name, self.written.locate(pointer)))
        names = tuple(dict.fromkeys(pattern.findall(text))) if pattern else ()
        if pattern is None or not names:
            return text
        for name in names:
            if not values.get(name) and self._sent(name):
                self._report(name, pointer)
        self.result.used[pointer] = names
        out = pattern.sub(lambda match: values.get(match[1], match[0]) if self._sent(match[1]) else match[0], text)
        if not pattern.fullmatch(text):
            return out
        typed = shape.type != "string" if isinstance(shape, Scalar) else self.written.is_plain(pointer)
        return resolve_plain(out) if typed else out

    def _sent(self, name: str) -> bool:
        """Whether a value is put in place of a variable: not in place of a secret that is missing, if offline."""
        variables = self.variables
        return bool(variables.values.get(name)) or not (variables.offline and name in variables.secret_names)

    def _report(self, name: str, pointer: str) -> None:
        location = self.written.locate(pointer)
        if name in self.variables.values:
            severity, code, message = Severity.WARNING, "empty-variable", f"variable {name} is empty"
            hint = "pipelines often pass a missing secret as an empty string; check where it is set"
        else:
            severity, code, message = Severity.ERROR, "unset-variable", f"variable {name} is not set"
            hint = f"set {name} in the environment, pass --var {name}=…, or give it a default in reconcile.yaml"
        self.result.findings.append(Finding(severity, code, message, hint, location))


def _garbled(name: str) -> Finding:
    message = f"variable {name} is not valid UTF-8"
    hint = "check its encoding where it is set; encode binary data as base64"
    return Finding(Severity.ERROR, "garbled-variable", message, hint)


def _leaking(name: str) -> Finding:
    message = f"variable {name} contains this run's own token, which is never substituted in a spec"
    return Finding(Severity.ERROR, "token-variable", message, "give the app a token of its own")


def _kept(name: str, location: Location | None) -> Finding:
    why, _, hint = IS_NO_VARIABLE.partition("; ")
    return Finding(Severity.WARNING, "token-variable", f"${{{name}}} will be sent as written: it {why}", hint, location)


def _undeclared(name: str, declared: Sequence[str]) -> Finding:
    if name.upper() in TOKEN_VARIABLES:
        why, _, hint = IS_NO_VARIABLE.partition("; ")
        return Finding(Severity.ERROR, "token-variable", f"--var {name}: it {why}", hint)
    hint = did_you_mean(name, declared, "declare it under `variables` in reconcile.yaml")
    return Finding(Severity.ERROR, "undeclared-variable", f"--var {name}: no such variable", hint)


# --- Documents of other tools, which folders of specs often have, too ---


OTHER = "of another tool"
"""What a document is that has no field of an app spec; only the folder it is in can make it look like one."""


def unrelated(data: Any, file: str) -> str:
    """What a document is if it is not an app spec: ``a Kubernetes object``; empty if it may be one.

    Only signs that no app spec can have count, however wrong it is: a spec that is passed over is not compared.
    """
    if file in _FILES:
        return _FILES[file]
    if isinstance(data, list):
        return "an Ansible playbook" if any("hosts" in play for play in data if isinstance(play, dict)) else ""
    if not isinstance(data, dict) or _has_components(data):
        return ""
    return next((kind for kind, is_one in _SIGNS if is_one(data)), "")


_FILES = dict.fromkeys(("package.json", "package-lock.json", "composer.json", "tsconfig.json"), "a package's JSON")
_OF_SPECS = frozenset({*SPEC.fields, WRAPPER})


def _has_components(data: Mapping[str, Any]) -> bool:
    """Whether a mapping lists components by name, which nothing but an app spec does."""
    return "apiVersion" not in data and any("name" in item for _, item in components(data, COMPONENT_KINDS))


def _any_of(parent: Any, *names: str) -> bool:
    """Whether a mapping has a mapping with any of the names."""
    parts = parent.values() if isinstance(parent, dict) else ()
    return any(not part.keys().isdisjoint(names) for part in parts if isinstance(part, dict))


def _is_compose(data: Mapping[str, Any]) -> bool:
    services = data.get("services")
    images = (
        [one.get("image") for one in services.values() if isinstance(one, dict)] if isinstance(services, dict) else []
    )
    return any(isinstance(image, str) for image in images) or _any_of(
        services, "build", "container_name", "ports", "depends_on"
    )


_SIGNS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("a Kubernetes object", lambda data: {"apiVersion", "kind"} <= data.keys()),
    ("a Helm chart", lambda data: {"apiVersion", "version"} <= data.keys()),
    ("a Docker Compose file", _is_compose),
    ("a CI workflow", lambda data: _any_of(data.get("jobs"), "steps", "runs-on", "uses")),
    ("a GitHub action", lambda data: isinstance(data.get("runs"), dict)),
    ("a GitLab CI file", lambda data: "stages" in data or _any_of(data, "script")),
    ("a CI pipeline", lambda data: "pipelines" in data or {"steps", "pool"} <= data.keys() or "trigger" in data),
    ("an OpenAPI description", lambda data: not data.keys().isdisjoint(("openapi", "swagger"))),
    ("a JSON Schema", lambda data: "$schema" in data and not data.keys().isdisjoint(("properties", "$defs"))),
    (OTHER, lambda data: not _near_spec(data)),
)
"""What other tools' documents are called, and how they are known."""


def _near_spec(data: Mapping[str, Any]) -> bool:
    """Whether a mapping has a field of an app spec, perhaps misspelt; an empty one may become a spec."""
    return not data or any(name in _OF_SPECS or nearest(name, _OF_SPECS, cutoff=0.8) for name in islice(data, 100))
