"""Finds the files of specs below folders, and links that lead out of a checkout."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from reconciler.config_file import CONFIG_NAMES, SUFFIXES, path_hint
from reconciler.findings import Finding, Location, Severity


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
            below = iter([(path, os.path.realpath(path))])
        else:
            message = f"no such file or folder: {path}"
            hint = path_hint(path)
            if path == Path("specs"):
                hint = _FIRST_SPEC
            if Path(_DO).is_dir() and not hint.startswith("did you mean"):
                hint = f"there is {_DO}: name it, as in `reconcile validate {_DO}`"
            findings.append(Finding(Severity.ERROR, "no-such-path", message, hint, Location(str(path))))
            continue
        for file, real in below:
            if file.name not in CONFIG_NAMES and real not in others:
                found.setdefault(real, file)
    if hidden:
        findings.append(
            skipped_files("hidden-files", "hidden", hidden, "to read one anyway, name it on the command line")
        )
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


def _below(
    folder: Path, others: Collection[str], findings: list[Finding], hidden: list[str]
) -> Iterator[tuple[Path, str]]:
    """The spec files below a folder, and where each really is."""
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
        real = os.path.realpath(root).rstrip(os.sep)
        for name in shown:
            path = f"{root}{os.sep}{name}"
            is_link = os.path.islink(path)  # noqa: PTH114 - that of a Path takes three times as long
            yield Path(path), os.path.realpath(path) if is_link else f"{real}{os.sep}{name}"


def _hides_yaml(root: Path, name: str) -> bool:
    """Whether a folder is hidden and has YAML, Git's own apart."""
    if name[0] != "." or name in (_DO, ".git"):
        return False
    files = (file for _, _, files in os.walk(root / name) for file in files)
    return any(file.endswith(_YAML) for file in islice(files, _LOOKED_AT))


def skipped_files(code: str, why: str, names: Sequence[str], hint: str) -> Finding:
    """The one line about what was passed over."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    message = f"skipped ({why}): {', '.join(names[:5])}{more}"
    return Finding(Severity.NOTICE, code, message, hint)


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
