"""Merges a live spec into an existing file, rewriting only what differs.

Comments, order, quoting, anchors and formatting of everything else stay byte for byte; declared variables stay if
their value is the live one. What differs is not decided here: the caller compares, as a plan does, and passes the
paths by identity. Every result is read again and compared before it is returned. If a text cannot be edited
piece by piece (a key to remove comes from a merge, an anchor has other uses that must not change), the caller may have
the document rewritten as an import without a file would; only the comments before it are kept then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from reconciler.appspec.kinds import ROUTABLE_KINDS, components
from reconciler.appspec.shape import SPEC
from reconciler.desired.export import export_spec, tidy
from reconciler.desired.live_edits import ALL, All, Merger, Trie
from reconciler.desired.load import DesiredApp
from reconciler.desired.reading import parse_specs
from reconciler.yamltext.edit import CannotEdit, Edits
from reconciler.yamltext.nodes import NodeText, sources
from reconciler.yamltext.write import Style, json_text

Path = tuple[str, ...]
Differing = Callable[[Mapping[str, Any]], Iterable[Path]]
"""The paths, by identity, at which a desired spec differs from live; empty when it is in sync."""

_PASSES = 3
"""Passes over the text: a change can reveal another, such as a count that autoscaling hid."""


def merge_spec(app: DesiredApp, live: Mapping[str, Any], differing: Differing) -> str:
    """The text of the app's whole file, with the live values where they differ; unchanged if nothing does.

    ``differing`` is called again after each pass with the resulting spec. With several apps in one file, load it
    again after each.

    Raises:
        CannotEdit: the text cannot be edited piece by piece; see `rewritten`.
    """
    text, spec = app.document.text, app.spec
    previous: list[Path] = []
    for _ in range(_PASSES):
        paths = list(differing(spec))
        if not paths or paths == previous:  # nothing left, or nothing that this text can express
            break
        merged = _merged(app, text, spec, live, paths)
        if merged is None:
            raise CannotEdit
        (text, spec), previous = merged, paths
    return text


def _merged(
    app: DesiredApp, text: str, spec: Mapping[str, Any], live: Mapping[str, Any], paths: list[Path]
) -> tuple[str, Mapping[str, Any]] | None:
    """The edited text and its data after substitution; None if the text cannot be edited that way."""
    root = _root(app, text)
    edits = Edits(text, _style(app, root))
    merger = Merger(edits)
    try:
        expected = merger.mapping(root, spec, live, SPEC, _trie(spec, live, paths))
        out = edits.applied()
        found = _spec(app, out)
    except (CannotEdit, yaml.YAMLError):
        return None
    return (out, expected) if found is not None and _agree(found, expected) else None


def _agree(found: Any, expected: Any) -> bool:
    """Whether the data read back is as expected; a scalar may still hold a variable with that value."""
    match found:
        case dict():
            return (
                isinstance(expected, Mapping)
                and found.keys() == expected.keys()
                and all(_agree(value, expected[key]) for key, value in found.items())
            )
        case list():
            return (
                isinstance(expected, list)
                and len(found) == len(expected)
                and all(_agree(one, other) for one, other in zip(found, expected, strict=True))
            )
        case str() if "${" in found:
            return not isinstance(expected, Mapping | list)
        case _:
            return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def _root(app: DesiredApp, text: str) -> NodeText:
    """The node of the app's spec."""
    node = sources(text)[app.document.index]
    for key in app.wrapper.split("/")[1:]:
        entry = node.child(key)
        assert entry is not None
        node = entry.value
    return node


def _spec(app: DesiredApp, text: str) -> Any:
    """The data of the app's document before substitution; None if it cannot be read."""
    documents, findings = parse_specs(text, app.file)
    if any(finding.is_error for finding in findings) or app.document.index >= len(documents):
        return None
    data = documents[app.document.index].data
    return data.get(app.wrapper[1:]) if app.wrapper and isinstance(data, dict) else data


def _trie(spec: Mapping[str, Any], live: Mapping[str, Any], paths: Iterable[Path]) -> Trie:
    """The paths as a tree. If ingress differs, equivalent component routes are included."""
    trie: Trie = {}

    def add(path: Path) -> None:
        node = trie
        for part in path[:-1]:
            below = node.setdefault(part, {})
            if isinstance(below, All):
                return
            node = below
        node[path[-1]] = ALL

    for path in paths:
        add(path)
    if "ingress" in trie:
        routed = _routed(spec) + _routed(live)
        for path in routed:
            add(path)
        if routed:
            add(("ingress",))
    return trie


def _routed(spec: Mapping[str, Any]) -> list[Path]:
    """Where components have routes of their own."""
    return [
        (kind, component["name"], name)
        for kind, component in components(spec, ROUTABLE_KINDS)
        for name in ("routes", "cors")
        if name in component and "name" in component
    ]


def _style(app: DesiredApp, root: NodeText) -> Style:
    """The block style of the file."""
    dashes, steps = [], []
    for node in root.walk():
        if node.kind == "mapping" and not node.flow:
            for entry in node.entries:
                below = entry.value
                if below.kind == "sequence" and not below.flow:
                    dashes.append(below.column - node.column)
                elif below.kind == "mapping" and not below.flow:
                    steps.append(below.column - node.column)
    return Style(
        step=max(steps[0], 1) if steps else 2, dash=dashes[0] if dashes else 2, json=app.file.endswith(".json")
    )


def rewritten(app: DesiredApp, live: Mapping[str, Any]) -> str:
    """The text of the app's whole file, its document rewritten from the first key on."""
    text = app.document.text
    documents = sources(text)
    root = documents[app.document.index]
    node = _root(app, text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if app.file.endswith(".json") or node.flow:
        tidied = tidy(live)
        whole = json_text({app.wrapper[1:]: tidied} if app.wrapper else tidied, indent=2)
        return text[: root.start] + whole.replace("\n", newline) + text[root.end :]
    lines = export_spec(live, style=_style(app, node)).rstrip("\n").split("\n")
    new = newline.join(" " * node.column + line if line else "" for line in lines).lstrip(" ")
    return text[: node.start] + new + text[node.end :]
