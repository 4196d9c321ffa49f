"""Words that people try: what they probably mean, as a hint. No hint names a flag that destroys or permits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMES = (
    "plan", "apply", "drift", "validate", "import", "render", "promote", "preview", "fmt", "status",
    "report", "rollback", "redeploy", "notify", "schema", "sandbox",
)  # fmt: skip
"""The commands that help shows."""

UNLOGGED = frozenset({
    "validate", "import", "render", "fmt", "report", "schema", "sandbox", "action", "--install-completion",
    "--version", "--help", "-h",
})  # fmt: skip
"""The first words of command lines without `--log-format`."""

_MEANT = {
    **dict.fromkeys(("dry-run", "dryrun", "diff", "preview", "simulate", "what-if", "noop"), "plan"),
    **dict.fromkeys(("deploy", "sync", "up", "update", "create", "push"), "apply"),
    **dict.fromkeys(("check", "lint", "verify", "test"), "validate"),
    **dict.fromkeys(("export", "pull", "init", "get"), "import"),
    **dict.fromkeys(("template", "build", "kustomize"), "render"),
    **dict.fromkeys(("format", "tidy"), "fmt"),
    **dict.fromkeys(("list", "ls", "show", "apps", "history", "deployments", "health", "ps"), "status"),
    **dict.fromkeys(("undo", "revert", "back"), "rollback"),
    **dict.fromkeys(("restart", "rebuild", "update-sources"), "redeploy"),
    **dict.fromkeys(("simulator", "emulator", "local"), "sandbox"),
    "help": "--help",
    "version": "--version",
}
"""What other tools call a command of this one, or one of its flags."""

_NO_COMMAND = ("delete", "destroy", "remove", "logs")
"""Words for which there is no command, and which are hardly a path."""

_DRY = ("dry-run", "dryrun", "simulate", "what-if", "noop")
_READ_ONLY = ("plan", "drift", "validate", "status")
"""Commands that never change anything."""

_FLAGS = {
    **dict.fromkeys(("-o", "--output", "--json"), "--format"),
    **dict.fromkeys(("--target", "--name"), "--app"),
    "--detailed-exitcode": "--exit-code",
}
"""What doctl and Terraform call a flag."""

_TAKE_FILES = ("", "plan", "apply", "drift", "validate", "fmt")
_TAKE_NAMES = ("import", "status", "rollback", "redeploy", "promote")
"""Commands whose arguments are files, and names of apps; neither has a flag for them."""

_NEVER = ("--prune", "--allow", "--override-freeze", "--force", "--yes", "--rotate", "--retry", "--revert", "--commit")
"""Flags that no hint suggests: they delete, permit or change something."""


def command_meant(word: str) -> str:
    """The command that a word probably means, or the flag ``--help`` or ``--version``; empty if none is likely."""
    bare = _bare(word)
    return _MEANT.get(bare) or nearest(bare, NAMES)


def flag_hint(flag: str, known: Iterable[str], command: str) -> str:
    """The hint for an unknown flag of ``command``: the command, flag or argument that it probably means."""
    name, bare, own = flag.partition("=")[0], _bare(flag), command.removeprefix("reconcile").strip()
    flags = [one for one in known if one.startswith("--")]
    if bare in _DRY and own in _READ_ONLY:
        return f"leave it out: {command} never changes anything"
    if bare in _DRY and "--check" in flags:
        return "did you mean --check?"
    if (meant := _MEANT.get(bare, "")) and not (bare in _DRY and own not in ("", "apply")):
        return f"did you mean reconcile {meant}?"
    if name in ("-f", "--file", "--spec", "--specs") and own in _TAKE_FILES:
        return f"files need no flag: {command} specs/web.yaml"
    if name in ("--app", "--name", "--target") and own in _TAKE_NAMES:
        return f"names of apps need no flag: {command} web"
    near = _FLAGS.get(name, "")
    near = near if near in flags else nearest(name, flags)
    return f"did you mean {near}?" if near and near not in _NEVER else ""


def check_specs(specs: Sequence[Path]) -> None:
    """Refuse a word that is not a file and looks like a command.

    Raises:
        UsageError: there is one; the hint names the command.
    """
    from reconciler.config_file import near_path

    for word in (str(path) for path in specs if not path.exists()):
        if word in NAMES:
            raise UsageError(f"the command {word} has to come first", hint=f"reconcile {word} …")
        if _bare(word) not in _MEANT and near_path(Path(word)):
            continue  # the finding suggests it
        meant = command_meant(word)
        if meant or word in _NO_COMMAND:
            hint = f"did you mean reconcile {meant}?" if meant else "see: reconcile --help"
            raise UsageError(f"no such command or file: {word}", hint=hint)


def _bare(word: str) -> str:
    return word.strip("-").partition("=")[0].lower().replace("_", "-")
