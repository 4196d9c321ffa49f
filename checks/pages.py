"""Write the tables of docs/configuration.md and docs/commands.md, and the help: `python -m checks.pages`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, get_args, get_origin

from cyclopts import App
from pydantic import BaseModel
from rich.console import Console

from reconciler.cli.commands import build
from reconciler.config import Config, HealthPolicy, PlatformFaults, Policy, Timeouts, Variable
from reconciler.config_alerts import Destinations, SlackWebhook
from reconciler.config_notify import Channel
from reconciler.config_preview import Most, Preview
from reconciler.config_sections import Account, Freeze, Guards, Probe, Waves
from reconciler.environments import Environment

DOCS = Path(__file__).parents[1] / "docs"
HELP = DOCS.parent / "reconciler" / "cli" / "help.txt"
PLACES = {
    Config: "The file",
    Policy: "`defaults` and `apps.<name>`",
    Timeouts: "`timeouts` of a policy",
    HealthPolicy: "`health` of a policy",
    Probe: "`health.probe` of a policy",
    PlatformFaults: "`platform_faults` of a policy",
    Destinations: "`alerts.<alert>` of a policy",
    SlackWebhook: "An entry of `slack_webhooks`",
    Variable: "An entry of `variables`",
    Waves: "`rollout`",
    Account: "`account`",
    Guards: "`guards`",
    Freeze: "An entry of `freeze`",
    Environment: "`environments.<name>`",
    Preview: "`preview`",
    Most: "`max` of `preview`",
    Channel: "An entry of `notify`",
}
"""The models of `reconcile.yaml` in the order of the page, and where each stands in the file."""


def configuration() -> str:
    """The tables of every field of `reconcile.yaml`: type, default, meaning."""
    parts: list[str] = []
    for model, place in PLACES.items():
        parts += [f"### {place}", "", str(model.__doc__).strip().splitlines()[0], ""]
        parts += ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
        fields = model.model_json_schema()["properties"]
        for name, info in model.model_fields.items():
            default = "" if info.is_required() else _value(info.default, fields[name])
            parts.append(f"| `{name}` | {_type(fields[name])} | {default} | {_cell(info.description or '')} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def commands() -> str:
    """The tables of every command's arguments and flags."""
    app = build()
    parts: list[str] = []
    for words, command in [(("reconcile",), app), *_below(app, ("reconcile",))]:
        arguments = (
            command.assemble_argument_collection(default_parameter=app.default_parameter, parse_docstring=True)
            if command.default_command
            else ()
        )
        rows = [_row(argument) for argument in arguments if argument.show]
        about = str(command.help or "").strip().split("\n\n")[0].replace("\n", " ")
        parts += [f"### `{' '.join(words)}`", "", _cell(about), ""]
        if rows:
            parts += ["| argument or flag | default | meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts).rstrip()


def page(name: str, table: str) -> str:
    """The text of a page with its part between the markers replaced."""
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    return text.partition(begin)[0] + begin + "\n" + table + "\n" + end + text.partition(end)[2]


def _below(app: App, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in app:
        if not name.startswith("-") and app[name].show:
            yield (*words, name), app[name]
            yield from _below(app[name], (*words, name))


def _row(argument: Any) -> str:
    by_place = "POSITIONAL" in argument.field_info.kind.name
    names = f"`{argument.names[0].strip('-').upper()}`" if by_place else ", ".join(f"`{it}`" for it in argument.names)
    default = argument.field_info.default
    shown = "" if default in (False, (), "", None) or not isinstance(default, int | str | Path) else f"`{default}`"
    choices = ", ".join(f"`{choice}`" for choice in _choices(argument.hint))
    meaning = _cell(argument.parameter.help or "") + (f" ({choices})" if choices else "")
    variable = "".join(f" (`${name}`)" for name in argument.parameter.env_var or ())
    return f"| {names} | {shown} | {meaning}{variable} |"


def _choices(hint: Any) -> tuple[str, ...]:
    arguments = get_args(hint)
    if "Literal" in str(get_origin(hint)):
        return tuple(map(str, arguments))
    return next((found for argument in arguments if (found := _choices(argument))), ())


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema's type in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(part) for part in schema["anyOf"] if part.get("type") != "null"))
    match schema.get("type"):
        case ["string", "number"]:
            return "duration"
        case "array":
            return f"list of {_type(schema['items'])}".replace("see below", "entries, see below")
        case "object" if "properties" not in schema:
            return "mapping"
        case "string":
            return "text"
        case "integer":
            low, high = schema.get("minimum"), schema.get("maximum")
            return "number" + (f" from {low}" if low is not None else "") + (f" to {high}" if high is not None else "")
        case "boolean":
            return "`true`, `false`"
    return "see below"  # a mapping with a table of its own


def _value(default: Any, schema: dict[str, Any]) -> str:
    if default in ("", None, [], {}) or isinstance(default, BaseModel):
        return ""
    if schema.get("type") == ["string", "number"]:
        minutes, rest = divmod(default, 60)
        return f"`{minutes:g}m`" if minutes and not rest else f"`{default:g}s`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def rendered_help(*, color: bool = True) -> str:
    """What `reconcile --help` prints on a terminal of 80 columns."""
    screen = Console(file=StringIO(), width=80, force_terminal=color, color_system="standard" if color else None)
    build()(["--help"], console=screen, result_action="return_value")
    return screen.file.getvalue().rstrip("\n")


def main() -> None:
    """Write both pages, and the help that needs no rendering."""
    HELP.write_text(rendered_help(), encoding="utf-8")
    for name, table in {"configuration": configuration(), "commands": commands()}.items():
        (DOCS / f"{name}.md").write_text(page(name, table), encoding="utf-8")


if __name__ == "__main__":
    main()
