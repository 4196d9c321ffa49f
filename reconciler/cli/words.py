"""Words that people try: what they probably mean, as a hint. No hint names a flag that destroys or permits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NAMES = (
    "plan", "apply", "drift", "validate", "import", "render", "promote", "preview", "fmt", "status",
    "rollback", "redeploy", "notify", "schema", "sandbox",
)  # fmt: skip
"""The commands that help shows."""

UNLOGGED = frozenset({
    "validate", "import", "render", "fmt", "schema", "sandbox", "action", "--install-completion", "--version",
    "--help", "-h",
})  # fmt: skip
"""The first words of command lines without `--log-format`."""

_MEANT = {
    **dict.fromkeys(("dry-run", "dryrun", "diff", "preview", "simulate", "what-if", "noop"), "plan"),
    **dict.fromkeys(("deploy", "sync", "up", "update", "create", "push"), "apply"),
    **dict.fromkeys(("check", "lint", "verify", "test"), "validate"),
    **dict.fromkeys(("export", "pull", "init", "get"), "import"),
    **dict.fromkeys(("template", "build", "kustomize"), "render"),
    **dict.fromkeys(("format", "tidy"), "fmt"),
    **dict.fromkeys(("list", "ls", "show", "history", "deployments", "health", "ps"), "status"),
    **dict.fromkeys(("undo", "revert", "back"), "rollback"),
    **dict.fromkeys(("restart", "rebuild"), "redeploy"),
    **dict.fromkeys(("simulator", "emulator", "local"), "sandbox"),
}
"""What other tools call a command of this one."""

_NEVER = ("--prune", "--allow", "--override-freeze", "--force", "--yes", "--rotate", "--retry", "--revert", "--commit")
"""Flags that no hint suggests: they delete, permit or change something."""


def command_meant(word: str) -> str:
    """The command that a word or flag such as ``--dry-run`` probably means; empty if none is likely."""
    bare = word.strip("-").partition("=")[0].lower().replace("_", "-")
    return _MEANT.get(bare) or nearest(bare, NAMES)


def flag_hint(flag: str, known: Iterable[str]) -> str:
    """The hint for an unknown flag: the command or the flag of this command that it probably means."""
    bare = flag.partition("=")[0]
    if meant := _MEANT.get(bare.strip("-").lower().replace("_", "-")):
        return f"did you mean reconcile {meant}?"
    near = nearest(bare, [name for name in known if name.startswith("--")])
    return f"did you mean {near}?" if near and near not in _NEVER else ""


def check_specs(specs: Sequence[Path]) -> None:
    """Refuse a word that is not a file and looks like a command.

    Raises:
        UsageError: there is one; the hint names the command.
    """
    for word in (str(path) for path in specs if not path.exists()):
        if word in NAMES:
            raise UsageError(f"the command {word} has to come first", hint=f"reconcile {word} …")
        if meant := command_meant(word):
            raise UsageError(f"no such command or file: {word}", hint=f"did you mean reconcile {meant}?")
