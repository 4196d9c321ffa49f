"""Specs as they would be sent, as text: for review, for `diff`, and committed beside their sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.appspec.secrets import plaintext_secrets
from reconciler.redaction import MASK, Redactor
from reconciler.text import pointer_token
from reconciler.yamltext.write import Noted, Style, mapping_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.desired.load import DesiredApp


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

    Raises:
        OSError: a file cannot be read.
    """
    there = {path.name for path in folder.glob("*.yaml")} if folder.is_dir() else set()
    same = {name for name in there & texts.keys() if (folder / name).read_bytes() == texts[name].encode()}
    return sorted((there | texts.keys()) - same)


def write(folder: Path, texts: Mapping[str, str], names: Iterable[str]) -> None:
    """Write the files of these names, and remove those that are no longer rendered.

    Raises:
        OSError: a file cannot be written.
    """
    from reconciler.desired.export import rewrite

    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in texts:
            rewrite(folder / name, texts[name])
        else:
            (folder / name).unlink()
