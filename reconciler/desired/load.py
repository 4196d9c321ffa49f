"""Loads desired apps from files: reads, unwraps and substitutes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.appspec.secrets import CLONE_URL, credentials, plaintext_secrets, secrets
from reconciler.appspec.walk import accepts
from reconciler.config import Config
from reconciler.config_file import SUFFIXES
from reconciler.desired.files import find_specs, skipped_files
from reconciler.desired.reading import DEFAULT, OTHER, WRAPPER, Variables, parse_specs, substitute, unrelated
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.yamltext import Document, Written, is_wrapped, read_text

if TYPE_CHECKING:
    from reconciler.desired.environments import EnvironmentSources, ReadText


@dataclass(frozen=True)
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
    base: str = ""
    """Its name in the base, if an environment renames it."""
    parts: Mapping[str, tuple[Document, str]] = field(default_factory=dict, repr=False)
    """Where it was written as far as overlays were, see `Written`."""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """In an environment: the variables that were put into each scalar of ``substituted``."""

    @cached_property
    def lookalikes(self) -> tuple[tuple[str, str, str], ...]:
        """Pointer and value of plain fields that look like a credential, and what it looks like."""
        return tuple(credentials(self.spec))

    @cached_property
    def accepted(self) -> bool:
        """Whether the models accept the spec."""
        return accepts(self.spec)

    @cached_property
    def plaintexts(self) -> Mapping[str, str]:
        """The plaintext credentials of the spec by their pointers."""
        return dict(plaintext_secrets(self.spec, accepted=self.accepted))

    @property
    def file(self) -> str:
        """The spec's file, as named on the command line or found below a folder."""
        return self.document.file

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """The place of a JSON pointer of the spec, or of its nearest existing parent.

        With ``key``, the place of the field's name instead of its value.
        """
        return self.written.locate(pointer, key=key)

    @property
    def written(self) -> Written:
        """Where each part of the spec was written."""
        return Written(self.document, self.wrapper, self.parts)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Every app that was found, including those with findings, in the order of their files.

    ``sources`` say where the value of each declared variable came from.
    """

    apps: tuple[DesiredApp, ...]
    findings: tuple[Finding, ...]
    sources: Mapping[str, str] = field(default_factory=dict)


def load(
    paths: Sequence[Path | str],
    *,
    config: Config,
    environ: Mapping[str, str],
    variables: Mapping[str, str] | None = None,
    strict: bool = False,
    offline: bool = False,
    environment: EnvironmentSources | None = None,
) -> Loaded:
    """Load the apps in files and folders. Never raises because of their content: every problem is a finding.

    ``variables`` are explicit values, which win over ``environ``; only those that ``config`` declares are used.
    ``strict`` makes unknown fields errors. ``offline``: secrets may be without a value. Specs are rendered as
    ``environment`` has them.
    """
    values = variables_of(config, environ, variables or {}, environment, offline=offline)
    findings: list[Finding] = list(values.findings)
    if environment is not None:
        findings += [*environment.findings, *environment.missing(values.sources, values.values, DEFAULT)]
    apps: list[DesiredApp] = []
    named = {str(path) for path in map(Path, paths) if not path.is_dir()}
    skipped: list[str] = []
    others, read = (environment.others, environment.read) if environment else ((), read_text)
    for path in find_specs(paths, findings, leave_out=(config.policies, *others)):
        for document in _documents(path, findings, skipped, read, named=str(path) in named):
            apps += _apps_of(document, values, findings, environment, strict=strict)
    findings += _namesakes(apps)
    if environment is not None and not named:  # files that are named may be some of the apps
        findings += environment.unused({app.base for app in apps})
    if skipped:
        findings.append(skipped_files("unrelated-files", "not app specs", skipped, "keep specs in their own folder"))
    if not apps and not any(finding.is_error for finding in findings):
        findings.append(_none_found(paths))
    return Loaded(tuple(apps), tuple(findings), values.sources)


def variables_of(
    config: Config,
    environ: Mapping[str, str],
    given: Mapping[str, str],
    environment: EnvironmentSources | None,
    *,
    offline: bool,
) -> Variables:
    """The declared variables with their values, see `load`."""
    if environment is None:
        return Variables(config.variables, environ, given, offline=offline)
    return Variables(config.variables, environ, given, environment.values, environment.tokens, offline=offline)


def _documents(
    path: Path, findings: list[Finding], skipped: list[str], read: ReadText, *, named: bool
) -> list[Document]:
    """The documents of a file that are specs or should be: one of another tool is an error only if it was named."""
    file = str(path)
    try:
        text = read(path, file)
    except InvalidInput as error:
        findings += error.findings
        return []
    documents, wrong = parse_specs(text, file)
    kinds = [unrelated(document.data, path.name) for document in documents]
    foreign = [kind for kind in kinds if kind and not (named and kind == OTHER)]
    if named and foreign:
        message = f"this is {foreign[0]}, not an app spec"
        findings.append(
            Finding(Severity.ERROR, "not-a-spec", message, "name a file of app specs", Location(file, 1, 1))
        )
        return []
    if foreign:
        skipped.append(f"{file} ({foreign[0]})")
        documents = [document for document, kind in zip(documents, kinds, strict=True) if not kind]
    if documents or not foreign:
        findings += wrong
    if not documents and not wrong and not foreign:
        findings.append(_empty(Location(file)))
    return documents


def _apps_of(
    document: Document,
    variables: Variables,
    findings: list[Finding],
    environment: EnvironmentSources | None,
    *,
    strict: bool,
) -> list[DesiredApp]:
    """The app of a document; none, with a finding, if it holds no spec."""
    data = document.data
    if data is None:
        if not any(one.location and one.location.file == document.file and one.is_error for one in findings):
            findings.append(_empty(document.locate("")))
        return []
    if not isinstance(data, dict):
        message = f"a spec must be a mapping (`name: …`), got {_kind(data)}"
        hint = "start with `name: my-app`"
        findings.append(Finding(Severity.ERROR, "not-a-mapping", message, hint, document.locate("")))
        return []
    wrapper = ""
    spec = data
    if is_wrapped(data, WRAPPER):
        wrapper, spec = f"/{WRAPPER}", data[WRAPPER]
        findings += [_beside(document, key, strict=strict) for key in data if key != WRAPPER]
    parts: Mapping[str, tuple[Document, str]] = {}
    if environment is not None:
        spec, parts = environment.rendered(spec, document, wrapper, findings)
    written = Written(document, wrapper, parts)
    done = substitute(spec, written, variables)
    findings += _without_secrets(done.findings, spec, written) if variables.offline else done.findings
    name = base = spec.get("name")
    if environment is not None and isinstance(name, str):
        spec["name"] = name = environment.own.renamed(name)
    accepted = accepts(spec)
    plaintexts = dict(plaintext_secrets(spec, accepted=accepted))
    values, hidden = _secrets(plaintexts, done.used, variables)
    app = DesiredApp(
        name=name if isinstance(name, str) else "",
        spec=spec,
        document=document,
        wrapper=wrapper,
        substituted=frozenset(done.used),
        secrets=values,
        hidden=hidden,
        base=base if isinstance(base, str) else "",
        parts=parts,
        variables=done.used if environment is not None else {},
    )
    vars(app).update(accepted=accepted, plaintexts=plaintexts)  # finding them takes a tenth of what reading does
    return [app]


def _without_secrets(found: Sequence[Finding], spec: Mapping[str, Any], written: Written) -> list[Finding]:
    """The findings without those that a variable has no value in a field that is secret."""
    if not found:
        return []
    places = {(document.file, at) for document, at in (written.source(pointer) for pointer, _ in secrets(spec))}
    missing = ("unset-variable", "empty-variable")
    return [one for one in found if one.code not in missing or _place(one) not in places]


def _place(finding: Finding) -> tuple[str, str] | None:
    return (finding.location.file, finding.location.pointer) if finding.location else None


def _secrets(
    plaintexts: Mapping[str, str], used: Mapping[str, tuple[str, ...]], variables: Variables
) -> tuple[frozenset[str], frozenset[str]]:
    """The secret values of an app, and the pointers of values that contain one and are compared as they are.

    Secret are the run's tokens, plaintext in secret fields, and variables that are declared so or put into one.
    """
    names = variables.secret_names.union(*(used.get(pointer, ()) for pointer in plaintexts))
    values = {variables.values.get(name, "") for name in names} | variables.tokens
    values |= set(plaintexts.values())
    hidden = {pointer for pointer, put in used.items() if names.intersection(put)}
    hidden |= {pointer for pointer in plaintexts if pointer.endswith(f"/{CLONE_URL}")}
    return frozenset(values - {""}), frozenset(hidden)


def _namesakes(apps: Sequence[DesiredApp]) -> Iterator[Finding]:
    first: dict[str, DesiredApp] = {}
    for app in apps:
        if not app.name:
            continue
        other = first.setdefault(app.name, app)
        if other is not app:
            there = other.locate("/name")
            message = f"duplicate app {app.name!r} (first at {there})"
            hint = "app names must be unique in an account: rename or remove one of them"
            yield Finding(Severity.ERROR, "duplicate-app", message, hint, app.locate("/name"), (there,))


def _beside(document: Document, key: str, *, strict: bool) -> Finding:
    severity = Severity.ERROR if strict else Severity.WARNING
    message = f"{key!r} next to `{WRAPPER}` is not part of a deploy template and will not be sent"
    hint = f"move it under `{WRAPPER}`, or remove it"
    return Finding(severity, "unknown-field", message, hint, document.locate("/" + key, key=True))


def _empty(location: Location) -> Finding:
    return Finding(Severity.WARNING, "empty-document", "the document is empty", "remove it, or add a spec", location)


def _none_found(paths: Sequence[Path | str]) -> Finding:
    looked = ", ".join(str(path) for path in paths) or "no path"
    message = f"no app spec found in {looked} (looked for {', '.join('*' + suffix for suffix in SUFFIXES)})"
    hint = "add one, such as specs/web.yaml, or pass a file or folder: reconcile path/to/app.yaml"
    return Finding(Severity.ERROR, "no-specs", message, hint)


def _kind(value: object) -> str:
    return {list: "a list", str: "text", bool: "a boolean"}.get(type(value), "a number")
