"""The user's own policies: JSON Schemas that specs must satisfy, such as "every service in prod has a health check".

A policy is a JSON Schema (draft 2020-12 unless ``$schema`` says otherwise) in a file of the policies folder, with

- ``x-apps``      an app name pattern, or a list of them (``prod-*``; default: every app)
- ``x-severity``  error (default), warning or notice
- ``x-message``   what to report if the schema is violated; default: its ``title``. A part of the schema may have
  an ``x-message`` of its own, which is used for violations in that part
- ``x-hint``      how to fix it; default: the schema's ``description``

``$ref`` may name another file of the folder; nothing is ever fetched. Patterns are matched in linear time, as RE2 does
(docs/decisions/012), schemas in bounded time (`bounded_schema`). jsonschema is imported only when there is a policy.
Messages never contain values of a spec: they may be secrets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.patterns import compiled
from reconciler.text import pointer_token
from reconciler.yamltext import Document, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from reconciler.desired.bounded_schema import Budget
    from reconciler.desired.load import DesiredApp

SUFFIXES = (".json", ".yaml", ".yml")

MOST_VALUES = 10_000
"""Maximum number of values in all policies of a folder: to check them takes milliseconds each."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. ``apps`` are name patterns (fnmatch); ``code`` is ``policy:`` and the file's stem."""

    code: str
    apps: tuple[str, ...]
    severity: Severity
    message: str
    hint: str
    document: Document = field(repr=False)
    validator: Validator = field(repr=False, compare=False)
    budget: Budget = field(repr=False, compare=False)

    def concerns(self, app: str) -> bool:
        """Whether the policy applies to an app of that name."""
        return any(fnmatchcase(app, pattern) for pattern in self.apps)


def load_policies(folder: str | Path) -> tuple[tuple[Policy, ...], tuple[Finding, ...]]:
    """Load the policies of a folder by file name, with their problems; a missing folder has none.

    An unusable policy is skipped and becomes a finding at its own file and line.
    """
    root = Path(folder)
    if not root.is_dir():
        return (), ()
    findings: list[Finding] = []
    documents: list[Document] = []
    for path in sorted(path for path in root.iterdir() if path.suffix in SUFFIXES and path.is_file()):
        document, problems = _read(path)
        findings += problems
        if document is not None:
            documents.append(document)
    policies: list[Policy] = []
    left = MOST_VALUES
    for document in documents:
        left -= sum(1 for _ in _values(document.data))
        if left < 0:
            message = f"the policies up to this one have more than {MOST_VALUES:,} values"
            code = f"policy:{Path(document.file).stem}"
            findings.append(Finding(Severity.ERROR, code, message, "write fewer, or shorter ones", document.locate("")))
            break
        policy, problems = _policy(document, documents)
        findings += problems
        if policy is not None:
            policies.append(policy)
    return tuple(policies), tuple(findings)


def _values(node: Any) -> Iterator[Any]:
    yield node
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _values(below)


def check(app: DesiredApp, policies: Sequence[Policy]) -> tuple[Finding, ...]:
    """The violations of the policies that apply to an app, at the lines concerned."""
    return tuple(finding for policy in policies if policy.concerns(app.name) for finding in _judge(app, policy))


def _read(path: Path) -> tuple[Document | None, list[Finding]]:
    """The one schema of a file."""
    file = str(path)
    try:
        documents, findings = parse(read_text(path, file), file)
    except InvalidInput as error:
        return None, list(error.findings)
    if any(finding.is_error for finding in findings):
        return None, findings
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        problem = Finding(
            Severity.ERROR,
            f"policy:{path.stem}",
            "not a JSON Schema: the file must contain one mapping",
            "see json-schema.org; `required` and `properties` cover most rules",
            Location(file, 1, 1),
        )
        return None, [*findings, problem]
    return documents[0], findings


def _policy(document: Document, others: Iterable[Document]) -> tuple[Policy | None, list[Finding]]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    from reconciler.desired.bounded_schema import Budget, bounded, first_error

    schema: dict[str, Any] = document.data
    stem = Path(document.file).stem
    code = f"policy:{stem}"
    if findings := list(_wrong_marks(document, code)):
        return None, findings
    kind = validator_for(schema, default=Draft202012Validator)
    if error := first_error(kind, schema):
        message = f"not a valid JSON Schema: {error.message}"
        return None, [Finding(Severity.ERROR, code, message, "", document.locate(_pointer(error.absolute_path)))]
    if findings := list(_wrong_patterns(schema, "", document, code)):
        return None, findings
    patterns = schema.get("x-apps", "*")
    budget = Budget()
    policy = Policy(
        code=code,
        apps=(patterns,) if isinstance(patterns, str) else tuple(patterns),
        severity=Severity(schema.get("x-severity", "error")),
        message=schema.get("x-message") or schema.get("title") or "",
        hint=schema.get("x-hint") or schema.get("description") or "",
        document=document,
        validator=bounded(kind, budget)(schema, registry=_registry(others)),
        budget=budget,
    )
    return policy, []


def _wrong_patterns(node: Any, pointer: str, document: Document, code: str) -> Iterable[Finding]:
    """The patterns of a schema that cannot be matched in linear time, wherever they are."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _wrong_patterns(item, f"{pointer}/{index}", document, code)
    for key, value in node.items() if isinstance(node, dict) else ():
        here = pointer + _pointer([key])
        found = [(here, value)] if key == "pattern" and isinstance(value, str) else []
        if key == "patternProperties" and isinstance(value, dict):
            found = [(here + _pointer([pattern]), pattern) for pattern in value]
            if "unevaluatedProperties" in node:
                message = "unevaluatedProperties cannot be combined with patternProperties"
                yield Finding(Severity.ERROR, code, message, "use additionalProperties", document.locate(here))
        for place, pattern in found:
            try:
                compiled(pattern)
            except ValueError as error:
                message, _, hint = str(error).partition("; ")
                advice = f"{hint}; `not: {{pattern: …}}` says what must not match" if hint else ""
                yield Finding(Severity.ERROR, code, message, advice, document.locate(place))
        yield from _wrong_patterns(value, here, document, code)


def _wrong_marks(document: Document, code: str) -> Iterable[Finding]:
    """Check the ``x-`` fields."""

    def wrong(name: str, message: str) -> Finding:
        return Finding(Severity.ERROR, code, f"{name} {message}", "", document.locate(f"/{name}"))

    schema = document.data
    apps = schema.get("x-apps", "*")
    if not isinstance(apps, str) and not (
        isinstance(apps, list) and apps and all(isinstance(pattern, str) for pattern in apps)
    ):
        yield wrong("x-apps", "must be an app name pattern such as prod-*, or a list of them")
    if schema.get("x-severity", "error") not in tuple(Severity):
        yield wrong("x-severity", f"must be one of {', '.join(Severity)}")
    for name in ("$schema", "x-message", "x-hint", "title", "description"):
        if not isinstance(schema.get(name, ""), str):
            yield wrong(name, "must be text")


def _registry(documents: Iterable[Document]) -> Any:
    """The policies by file name, for ``$ref``; nothing else is fetched."""
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    return Registry().with_resources(
        (Path(document.file).name, Resource.from_contents(document.data, default_specification=DRAFT202012))
        for document in documents
        if isinstance(document.data.get("$schema", ""), str)
    )


def _judge(app: DesiredApp, policy: Policy) -> Iterable[Finding]:
    from referencing.exceptions import Unresolvable

    from reconciler.desired.bounded_schema import MOST_STEPS, TooManySteps

    if policy.budget.overdrawn:  # reported for an earlier app
        return []
    policy.budget.left = MOST_STEPS
    try:
        errors = sorted(
            policy.validator.iter_errors(app.spec), key=lambda error: [str(at) for at in error.absolute_path]
        )
    except Unresolvable as error:
        message = f"cannot resolve $ref {error.ref!r}: only files in the policies folder can be referenced"
        return [Finding(Severity.ERROR, policy.code, message, "", policy.document.locate(""))]
    except TooManySteps:
        policy.budget.overdrawn = True
        message = f"the policy takes more than {MOST_STEPS:,} steps for app {app.name!r}"
        hint = "nest fewer anyOf, oneOf, allOf and $ref: each level multiplies the steps"
        return [Finding(Severity.ERROR, policy.code, message, hint, policy.document.locate(""))]
    except RecursionError:
        message = "circular $ref"
        return [Finding(Severity.ERROR, policy.code, message, "", policy.document.locate(""))]
    texts = (
        Finding(
            policy.severity,
            policy.code,
            _message(error, policy, app.spec),
            policy.hint,
            app.locate(_pointer(error.absolute_path)),
        )
        for error in errors
    )
    return dict.fromkeys(texts)


def _message(error: ValidationError, policy: Policy, spec: Mapping[str, Any]) -> str:
    """``services/web: every service needs a health check``."""
    said = _own_message(error, policy) or policy.message or _rule(error)
    where = _place(spec, error.absolute_path)
    return f"{where}: {said}" if where else said


def _own_message(error: ValidationError, policy: Policy) -> str:
    """The ``x-message`` of the failing part of the schema, or of the nearest enclosing part except the whole."""
    parts: list[Any] = []
    part: Any = policy.document.data
    for step in error.absolute_schema_path:
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):  # behind a $ref the path continues in another schema
            break
        parts.append(part)
    around = [error.schema, *reversed(parts)]
    messages = (part.get("x-message") for part in around if isinstance(part, dict) and part is not policy.document.data)
    return next((message for message in messages if isinstance(message, str)), "")


def _rule(error: ValidationError) -> str:
    """The violated rule, without the value that violates it."""
    if error.validator == "required" and isinstance(error.instance, dict) and isinstance(error.validator_value, list):
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"missing {', '.join(missing)}"
    rule = json.dumps(error.validator_value, ensure_ascii=False)
    return f"violates {error.validator}: {rule if len(rule) <= 80 else rule[:79] + '…'}"


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{pointer_token(part)}" for part in path)


def _place(spec: Mapping[str, Any], path: Iterable[str | int]) -> str:
    """A readable path: list items by their name, key or domain."""
    node: Any = spec
    parts: list[str] = []
    for part in path:
        node = node[part]
        named = next((node[key] for key in ("name", "key", "domain") if isinstance(node, dict) and key in node), None)
        parts.append(str(named) if isinstance(part, int) and isinstance(named, str) else str(part))
    return "/".join(parts)
