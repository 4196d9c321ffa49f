"""Imports live apps into a folder of specs: new files, or only what differs in existing ones."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from reconciler.appspec.kinds import components
from reconciler.appspec.secrets import CLONE_URL, has_login, is_ciphertext, plaintext_secrets, without_login
from reconciler.config import Config
from reconciler.config_file import CONFIG_NAMES, read_config
from reconciler.desired.export import export_spec, rewrite
from reconciler.desired.load import DesiredApp, Loaded, load
from reconciler.desired.merge import merge_spec, rewritten
from reconciler.desired.preview_mark import proven, without_mark
from reconciler.desired.validate import validate
from reconciler.engine.environments import pointer_of
from reconciler.engine.overlay_import import nameable
from reconciler.engine.workspace import raw
from reconciler.environments import environment_of
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.plan.align import align
from reconciler.plan.canonical import Path, canonical, identity_path
from reconciler.plan.diff import diff
from reconciler.plan.secret_fingerprints import without_variable
from reconciler.plan.warnings import value_at
from reconciler.text import segments
from reconciler.yamltext.edit import CannotEdit

if TYPE_CHECKING:
    from reconciler.engine.load import RunOptions
    from reconciler.live.models import LiveApp


_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Names of apps that may name a file: no folder, nothing hidden, nothing that a terminal or a shell would take."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The file that now holds an app's spec, whether it was changed, and what is odd in it.

    ``odd`` are warnings: what `validate` would refuse, but App Platform has, secrets that were not written, and that
    the file could not be edited piece by piece.
    """

    file: File
    changed: bool
    odd: tuple[Finding, ...] = ()


@dataclass
class Importer:
    """Writes to one folder; knows which file holds which app."""

    folder: File
    config: Config
    options: RunOptions
    files: dict[str, File] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    environments: dict[str, list[str]] = field(default_factory=dict)
    """The environments that an app of each name belongs to, if the configuration has any."""
    unread: tuple[Finding, ...] = ()
    """Warnings about files of the folder that cannot be read: they may hold an app that seems to have none."""

    @classmethod
    def read(cls, folder: File, options: RunOptions) -> Importer:
        """An importer for a folder, which need not exist.

        Raises:
            InvalidInput: the configuration cannot be used.
        """
        config = read_config(options.config, (folder,)).config
        importer = cls(folder, config, options)
        if folder.exists():
            loaded = load((folder,), config=config, environ=options.environ, variables=options.variables)
            importer.files = {app.name: File(app.file) for app in loaded.apps}
            for name in config.environments:
                for app in loaded.apps:
                    importer.environments.setdefault(environment_of(config, name).renamed(app.name), []).append(name)
            importer.unread = tuple(replace(one, severity=Severity.WARNING) for one in _hiding(loaded))
            importer.secrets = frozenset().union(*(app.secrets for app in loaded.apps))
        return importer

    def is_preview(self, live: LiveApp) -> bool:
        """Whether an app is the preview of a pull request, which ends with it; none that has a spec is."""
        return proven(live.spec, {*self.files, *self.environments}) is not None

    def write(self, live: LiveApp) -> Imported:
        """Write an app's spec, unless its file already matches.

        Raises:
            InvalidInput: the app's file has errors, is a link, or its path is taken by something else; or the app is of
                an environment, so that its spec is made of a base, which others share, and of overlays.
        """
        if of := self.environments.get(live.name):
            message = (
                f"{live.name} is an app of an environment: its spec was not written to the base, which others share"
            )
            raise _refusal("not-importable", message, f"use --env with one of: {', '.join(of)}", self.folder)
        done = self._written(live)
        loaded = load(
            (done.file,), config=self.config, environ=self.options.environ, variables=self.options.variables
        ).apps
        wrong = (found for app in loaded if app.name == self.name_in_git(live.name) for found in validate(app))
        odd = [replace(found, severity=Severity.WARNING) for found in wrong if found.is_error]
        here = next((app for app in loaded if app.name == self.name_in_git(live.name)), None)
        return replace(done, odd=(*done.odd, *odd, *(_left_out(live.spec, here) if here else ())))

    def _written(self, live: LiveApp) -> Imported:
        name = self.name_in_git(live.name)
        spec = without_mark(without_variable({**live.spec, "name": name}))
        if name in self.files:
            self._refuse_link(self.files[name])
            return self._merge(self.files[name], name, spec)
        if not _FILE_NAME.fullmatch(name):
            message = f"the name of the app {name!r} cannot be the name of a file"
            raise _refusal("unsafe-path", message, "write its spec by hand", self.folder)
        called = f"{name}.yaml"
        file = self.folder / (f"{name}-app.yaml" if called in CONFIG_NAMES else called)
        self._refuse_link(file)
        if file.exists():
            message = f"{file} already exists and is not the spec of {name}"
            raise _refusal("file-exists", message, "move it, or choose another folder with --into", file)
        self.folder.mkdir(parents=True, exist_ok=True)
        rewrite(file, export_spec(_without_logins(spec, {})))
        self.files[name] = file
        odd, self.unread = self.unread, ()
        return Imported(file, changed=True, odd=odd)

    def _refuse_link(self, file: File) -> None:
        """Refuse to write through a link below the folder: it may lead to any file (C84).

        Raises:
            InvalidInput: the file is one, or is in a folder that is.
        """
        below = [file, *file.parents]
        if any(part.is_symlink() for part in below[: below.index(self.folder)]):
            raise _refusal("unsafe-path", f"{file} is a link", "replace it with a file, or remove it", file)

    def name_in_git(self, live: str) -> str:
        """The app's name in Git: the new name if the configuration renames it."""
        if live in self.files:
            return live
        return next((name for name in self.files if live in self.config.former_names(name)), live)

    def _merge(self, file: File, name: str, spec: Mapping[str, Any]) -> Imported:
        app = self._loaded(file, name)
        spec = _without_logins(spec, app.spec)
        ignore = self.config.policy(name).ignore
        kept, references = _references(app, spec)

        def differing(desired: Mapping[str, Any]) -> list[Path]:
            aligned = align(canonical(desired), canonical(spec), ignore=ignore)
            return [change.path for change in diff(aligned.live, aligned.desired) if change.path not in references]

        odd = [_not_written(app, path) for path, differs in references.items() if differs]
        try:
            text = merge_spec(app, kept, differing)
        except CannotEdit:
            text = rewritten(app, kept)
            odd.append(_anew(app))
        if text == app.document.text:
            return Imported(file, changed=False, odd=tuple(odd))
        rewrite(file, text)
        return Imported(file, changed=True, odd=tuple(odd))

    def _loaded(self, file: File, name: str) -> DesiredApp:
        """The app as its file has it now: importing another app may have changed that file."""
        loaded = load((file,), config=self.config, environ=self.options.environ, variables=self.options.variables)
        wrong = [finding for finding in loaded.findings if finding.is_error]
        if wrong:
            raise InvalidInput(wrong)
        return next(app for app in loaded.apps if app.name == name)


def _hiding(loaded: Loaded) -> Iterator[Finding]:
    """The errors of files of which some or all could not be read."""
    files = {app.file for app in loaded.apps}
    for one in loaded.findings:
        if one.is_error and one.location and (one.code == "yaml" or one.location.file not in files):
            yield one


def _without_logins(live: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The live spec without credentials in clone URLs, unless Git has the same one already."""
    out = copy.deepcopy(dict(live))
    known = {(kind, one.get("name")): one.get("git") for kind, one in components(desired)}
    for kind, one in components(out):
        git = one.get("git")
        if isinstance(git, dict) and has_login(git.get(CLONE_URL)) and known.get((kind, one.get("name"))) != git:
            git[CLONE_URL] = without_login(git[CLONE_URL])
    return out


def _references(app: DesiredApp, live: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[Path, bool]]:
    """The live spec with Git's text where that has a secret variable and live plaintext, and whether these differ.

    Such a live value is a secret itself, in whatever field it is: it is never written.
    """
    kept = copy.deepcopy(dict(live))
    found: dict[Path, bool] = {}
    for pointer in app.hidden & app.substituted:
        path = identity_path(app.spec, pointer)
        there = pointer_of(live, path)
        if nameable(path) != path or identity_path(live, there) != path:
            continue
        *above, last = segments(there)
        parent = reduce(_member, above, kept)
        value = _member(parent, last)
        if not is_ciphertext(value):
            found[path] = value != reduce(_member, segments(pointer), app.spec)
            parent[last] = raw(app, pointer)
    return kept, found


def _member(node: Any, part: str) -> Any:
    return node[int(part)] if isinstance(node, list) else node[part]


def _not_written(app: DesiredApp, path: Path) -> Finding:
    location = app.locate(pointer_of(app.spec, path))
    message = f"the live value of {'/'.join(path)} was not written: a secret variable is in its place"
    hint = "set the variable to the value that App Platform has, or apply the one that it has now"
    return Finding(Severity.WARNING, "secret-left-out", message, hint, location)


def _anew(app: DesiredApp) -> Finding:
    message = f"the spec of {app.name} could not be edited piece by piece: all of it was written again"
    hint = "its comments, anchors and variables are gone: compare it with git diff, and put back what you need"
    return Finding(Severity.WARNING, "rewritten", message, hint, app.locate("/name"))


def _left_out(spec: Mapping[str, Any], app: DesiredApp) -> Iterator[Finding]:
    """Warnings about the secrets that live has in plaintext: they are not written, nor what held nothing else."""
    tree = canonical(app.spec)
    for pointer, value in plaintext_secrets(spec):
        path = identity_path(spec, pointer)
        ours = value_at(tree, path)
        if path[-1] == CLONE_URL and ours == without_login(value):
            message = f"the login in {'/'.join(path)} was not written: it is plaintext on App Platform"
            yield Finding(Severity.WARNING, "secret-left-out", message, _OWN_LOGIN, app.locate("/name"))
        elif ours is None:
            message = f"the secret {'/'.join(path)} is plaintext on App Platform and was not written"
            yield Finding(Severity.WARNING, "secret-left-out", message, _KEPT, app.locate("/name"))


_OWN_LOGIN = (
    "before you apply, connect the account under github, gitlab or bitbucket, or put the login there as a variable"
)
_KEPT = "App Platform keeps it; to have it in Git, declare a variable and write it there as ${NAME}"


def _refusal(code: str, message: str, hint: str, file: File) -> InvalidInput:
    return InvalidInput([Finding(Severity.ERROR, code, message, hint, Location(str(file)))])
