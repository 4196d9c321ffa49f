"""Specs as they would be sent, as text: for review, for `diff`, and committed beside their sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.appspec.secrets import plaintext_secrets
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.redaction import MASK, Redactor
from reconciler.text import pointer_token
from reconciler.yamltext.document import open_file
from reconciler.yamltext.write import Noted, Style, mapping_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.desired.load import DesiredApp


HEADER = "# Rendered by `reconcile render --write`; change the specs and overlays instead.\n"
"""The first line of every file of renderings: only what begins with it is replaced or removed."""


def rendered(app: DesiredApp, sources: Mapping[str, str] | None = None) -> str:
    """The YAML of an app's spec, field for field in its own order, with every secret hidden.

    With the ``sources`` of variables each value has a comment above it that says where it is written.
    """
    hidden = {pointer for pointer, _ in plaintext_secrets(app.spec)} | app.hidden
    hidden |= {pointer for pointer, _, _ in app.lookalikes}
    redact = Redactor(app.secrets)

    def shown(value: Any, pointer: str) -> Any:
        if isinstance(value, dict):
            return {redact(key): shown(one, f"{pointer}/{pointer_token(key)}") for key, one in value.items()}
        if isinstance(value, list):
            return [shown(one, f"{pointer}/{index}") for index, one in enumerate(value)]
        text = MASK if pointer in hidden else redact(value) if isinstance(value, str) else value
        return text if sources is None else Noted(text, origin(app, pointer, sources))

    return "\n".join(mapping_lines(shown(app.spec, ""), 0, Style())) + "\n"


def origin(app: DesiredApp, pointer: str, sources: Mapping[str, str]) -> str:
    """Where a value is written, and where the variables in it come from."""
    variables = (f"{name} from {sources[name]}" for name in app.variables.get(pointer, ()))
    return "; ".join([str(app.locate(pointer)), *variables])


def outdated(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """What is not as rendered in a folder of renderings: its files by name that differ, are missing or superfluous.

    A file that is no rendering is not superfluous.

    Raises:
        OSError: a file cannot be read.
    """
    there = {path.name for path in folder.glob("*.yaml")} if folder.is_dir() else set()
    same = {name for name in there & texts.keys() if (folder / name).read_bytes() == texts[name].encode()}
    return sorted({name for name in there - texts.keys() if _is_rendering(folder / name)} | (texts.keys() - same))


def write(folder: Path, texts: Mapping[str, str], names: Sequence[str]) -> None:
    """Write the files of these names, and remove those that are no longer rendered.

    Raises:
        InvalidInput: one of them holds something else, such as a spec or an overlay; nothing was written.
        OSError: a file cannot be written.
    """
    from reconciler.desired.export import rewrite

    message = "it is no rendering, and would be overwritten"
    hint = "name a folder of its own with --into, or remove the file"
    taken = [
        Finding(Severity.ERROR, "file-exists", message, hint, Location(str(file)))
        for file in (folder / name for name in names)
        if file.exists() and not _is_rendering(file)
    ]
    if taken:
        raise InvalidInput(taken)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in texts:
            rewrite(folder / name, texts[name])
        else:
            (folder / name).unlink()


def _is_rendering(file: Path) -> bool:
    """Whether a file is empty or begins with the header."""
    with open_file(file) as stream:
        begin = stream.read(len(HEADER))
    return not begin or begin.splitlines()[0] == HEADER.rstrip().encode()
