"""Loads desired apps from files: finds, reads, unwraps and substitutes them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.appspec.secrets import CLONE_URL, credentials, plaintext_secrets, secrets
from reconciler.config import Config
from reconciler.config_file import CONFIG_NAMES, SUFFIXES, path_hint
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
    def plaintexts(self) -> Mapping[str, str]:
        """The plaintext credentials of the spec by their pointers."""
        return dict(plaintext_secrets(self.spec))

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
    values = _variables(config, environ, variables or {}, environment, offline=offline)
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
        findings.append(_skipped("unrelated-files", "not app specs", skipped, "keep specs in their own folder"))
    if not apps and not any(finding.is_error for finding in findings):
        findings.append(_none_found(paths))
    return Loaded(tuple(apps), tuple(findings), values.sources)


def _variables(
    config: Config,
    environ: Mapping[str, str],
    given: Mapping[str, str],
    environment: EnvironmentSources | None,
    *,
    offline: bool,
) -> Variables:
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


def find_specs(paths: Sequence[Path | str], findings: list[Finding], *, leave_out: Sequence[str] = ()) -> list[Path]:
    """Find the spec files below the paths, each once: folders sorted, files as named.

    A path that does not exist becomes a finding. The configuration and what to ``leave_out`` are passed over. Of what
    is hidden only `.do` is read, where App Platform looks for specs; what else is hidden and has YAML is named.
    """
    found: dict[str, Path] = {}
    hidden: list[str] = []
    others = frozenset(filter(None, map(_real, leave_out)))
    for path in map(Path, paths):
        if path.is_dir():
            below = _below(path, others, findings, hidden)
        elif path.exists():
            below = iter([path])
        else:
            message = f"no such file or folder: {path}"
            hint = path_hint(path)
            if path == Path("specs"):
                hint = _FIRST_SPEC
            if Path(_DO).is_dir() and not hint.startswith("did you mean"):
                hint = f"there is {_DO}: name it, as in `reconcile validate {_DO}`"
            findings.append(Finding(Severity.ERROR, "no-such-path", message, hint, Location(str(path))))
            continue
        for file in below:
            real = os.path.realpath(file)
            if file.name not in CONFIG_NAMES and real not in others:
                found.setdefault(real, file)
    if hidden:
        findings.append(_skipped("hidden-files", "hidden", hidden, "to read one anyway, name it on the command line"))
    return list(found.values())


_FIRST_SPEC = (
    "write a spec there, import your live apps with `reconcile import --all`, or name the folder that has specs"
)
"""What to do without the folder that is read by default."""

_DO = ".do"
"""The folder in which App Platform looks for specs."""

_YAML = (".yaml", ".yml")
_LOOKED_AT = 1000
"""How many files of a hidden folder are looked at for YAML."""


def _real(path: str) -> str:
    return os.path.realpath(path) if path and "\0" not in path else ""


def _below(folder: Path, others: Collection[str], findings: list[Finding], hidden: list[str]) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        hidden += [f"{root}/{name}" for name in sorted(folders) if _hides_yaml(Path(root), name)]
        hidden += [f"{root}/{name}" for name in sorted(files) if name[0] == "." and name.endswith(_YAML)]
        folders[:] = sorted(
            name for name in folders if (name[0] != "." or name == _DO) and _real(str(Path(root, name))) not in others
        )
        shown = sorted(name for name in files if name[0] != "." and name.endswith(SUFFIXES))
        if Path(root).name == _DO:
            app = next((name for name in shown if Path(name).stem == "app"), "")
            for template in [name for name in shown if Path(name).stem == "deploy.template"]:
                message = f"a template of {app}, which is read instead" if app else "a template, read as an app's spec"
                hint = (
                    "to check it, name it on the command line" if app else "if it is not an app, name the files to read"
                )
                findings.append(Finding(Severity.NOTICE, "template", message, hint, Location(f"{root}/{template}")))
                if app:
                    shown.remove(template)
        yield from (Path(root, name) for name in shown)


def _hides_yaml(root: Path, name: str) -> bool:
    """Whether a folder is hidden and has YAML, Git's own apart."""
    if name[0] != "." or name in (_DO, ".git"):
        return False
    files = (file for _, _, files in os.walk(root / name) for file in files)
    return any(file.endswith(_YAML) for file in islice(files, _LOOKED_AT))


def _skipped(code: str, why: str, names: Sequence[str], hint: str) -> Finding:
    """The one line about what was passed over."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    message = f"skipped ({why}): {', '.join(names[:5])}{more}"
    return Finding(Severity.NOTICE, code, message, hint)


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
        spec["name"] = name = environment.renamed(name)
    plaintexts = dict(plaintext_secrets(spec))
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
    vars(app)["plaintexts"] = plaintexts  # searching takes as long as checking the spec against the models
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


# --- Links out of a checkout, through which a pull request could have other files read ---


def escaping_links(files: Iterable[Path], root: Path) -> tuple[Finding, ...]:
    """An error for each file outside the checkout at ``root``; none of them is read.

    In an untrusted checkout a symbolic link can point to anything on the machine: the environment with its token, the
    credentials in ``.git/config``. Links within the checkout are allowed, as environments share specs that way: to a
    file with the suffix of a spec, and not into ``.git``. A finding names only the link, not its target.
    """
    message = "this link points outside the checkout, so it was not read"
    hint = "replace it with the file itself, or link to a spec in this repository"
    real_root = Path(os.path.realpath(root))
    return tuple(
        Finding(Severity.ERROR, "outside-checkout", message, hint, Location(str(file)))
        for file in files
        if not _belongs(file, real_root)
    )


def _belongs(file: Path, root: Path) -> bool:
    real = Path(os.path.realpath(file))
    if not real.is_relative_to(root):
        return False
    is_link = real != Path(os.path.abspath(file))  # noqa: PTH100 - Path.resolve would follow the link
    return not is_link or (real.suffix in SUFFIXES and ".git" not in real.relative_to(root).parts)
