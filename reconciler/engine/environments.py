"""What a run in an environment adds: its token, and where the values of a plan come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.appspec.shape import SPEC, Listing, Shape
from reconciler.appspec.walk import within
from reconciler.desired.reading import DEFAULT
from reconciler.engine.load import config_of
from reconciler.environments import environment_of
from reconciler.findings import Finding, Severity
from reconciler.plan.canonical import Path, identity_path, key_of
from reconciler.plan.diff import related
from reconciler.plan.model import WRITTEN, Action, Note
from reconciler.text import pointer_token

if TYPE_CHECKING:
    from reconciler.desired.load import DesiredApp
    from reconciler.engine.load import RunOptions
    from reconciler.engine.planner import PlannedApp
    from reconciler.plan.model import Change


def token_variable(options: RunOptions) -> str:
    """The variable with the token of the options' environment; empty for the usual one.

    Raises:
        InvalidInput: the configuration cannot be used.
    """
    config = config_of(options).config
    known = options.environment in config.environments
    return environment_of(config, options.environment).token if known else ""


# --- Where the values of a plan come from ---


def with_sources(app: PlannedApp, sources: Mapping[str, str]) -> PlannedApp:
    """The app's plan with a note where each changed value is written, and a warning for each that only fell back.

    ``sources`` say where the value of each variable came from.
    """
    desired, plan = app.desired, app.plan
    if desired is None or not plan.changes:
        return app
    used = [(identity_path(desired.spec, pointer), pointer, names) for pointer, names in desired.variables.items()]
    notes = tuple(_note(desired, change, used, sources) for change in plan.changes)
    fell = () if plan.action is Action.CREATE else _fallbacks(desired, plan.changes, used, sources)
    return replace(app, plan=replace(plan, notes=(*plan.notes, *notes), findings=(*plan.findings, *fell)))


Used = list[tuple[Path, str, tuple[str, ...]]]
"""Path by identity, pointer, and names of the variables in each value that has some."""


def _note(desired: DesiredApp, change: Change, used: Used, sources: Mapping[str, str]) -> Note:
    pointer = pointer_of(desired.spec, change.path)
    names = dict.fromkeys(name for path, _, names in used if related(path, change.path) for name in names)
    text = "; ".join([str(desired.locate(pointer)), *(f"{name} from {sources[name]}" for name in names)])
    return Note(change.path, WRITTEN, text)


def _fallbacks(
    desired: DesiredApp, changes: tuple[Change, ...], used: Used, sources: Mapping[str, str]
) -> Iterator[Finding]:
    """A warning for each changed value whose variable has no value of its own, so that its default was taken."""
    for path, pointer, names in used:
        fallen = [name for name in names if sources[name] == DEFAULT]
        if fallen and any(related(change.path, path) for change in changes):
            message = f"{'/'.join(path)} differs from live only because {fallen[0]} fell back to its default"
            message = message if len(names) == 1 else message.replace("only because", "also because")
            hint = f"set {fallen[0]} for this environment, or list it under `required` so that a plan needs it"
            yield Finding(Severity.WARNING, "variable-fallback", message, hint, desired.locate(pointer))


def pointer_of(spec: Any, path: Path) -> str:
    """The JSON pointer of a path by identity in a spec, or of its nearest part that has one."""
    pointer, node = "", spec
    shape: Shape | None = SPEC
    for part in path:
        key: Any = part
        if isinstance(node, list):
            named = isinstance(shape, Listing) and shape.identity
            found = [
                at for at, one in enumerate(node) if named and isinstance(shape, Listing) and key_of(shape, one) == part
            ]
            key = found[0] if found else None
        if key is None or (isinstance(node, dict) and key not in node) or not isinstance(node, dict | list):
            break
        pointer, node, shape = f"{pointer}/{pointer_token(key)}", node[key], within(shape, part)
    return pointer
