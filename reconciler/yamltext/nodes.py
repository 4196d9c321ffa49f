"""YAML text as nodes with their exact extent, so that one part can be rewritten and the rest left alone.

Unlike composed nodes these keep aliases, anchors and the places of dashes, and know where a value's text really ends:
the parser's own end of a block is where the next one begins, comments included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.tokens import BlockEntryToken

Kind = Literal["scalar", "mapping", "sequence", "alias"]

_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)*")


@dataclass(slots=True)
class Entry:
    """A key and its value, or an item of a list. ``start`` is where the key, the dash or the item begins."""

    start: int
    key: str | None
    value: NodeText
    explicit: bool = False
    """Whether the key is written with ``?``, or is not plain text."""
    after: int = 0
    """The end of the key or the dash."""


@dataclass(slots=True)
class NodeText:
    """A node. ``start`` and ``end`` enclose its text, anchor and tag included, without what only follows it.

    ``text`` is a scalar's value or an alias' name; ``column`` is that of a block's entries.
    """

    kind: Kind
    start: int
    end: int
    column: int = 0
    flow: bool = False
    style: str = ""
    text: str = ""
    anchor: str = ""
    tagged: bool = False
    entries: list[Entry] = field(default_factory=list)

    def child(self, key: str) -> Entry | None:
        """The last entry with a key, which is the one in effect if there are several."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)

    def walk(self) -> Iterator[NodeText]:
        """This node and all below it, in the order of the text."""
        yield self
        for entry in self.entries:
            yield from entry.value.walk()


def sources(text: str) -> list[NodeText]:
    """The root node of each document.

    Raises:
        yaml.YAMLError: the text is not YAML.
    """
    reader = _Reader(text)
    return [reader.node(next(reader.events)) for event in reader.events if isinstance(event, DocumentStartEvent)]


def properties_end(text: str, node: NodeText) -> int:
    """The start of a node's own text, after its anchor and tag."""
    found = _PROPERTIES.match(text, node.start, node.end)
    return found.end() if found else node.start


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        tokens = yaml.scan(text, Loader=yaml.CSafeLoader)
        self.dashes = iter([token.start_mark for token in tokens if isinstance(token, BlockEntryToken)])

    def node(self, event: Any, *, in_flow: bool = False) -> NodeText:
        start, end = event.start_mark.index, event.end_mark.index
        anchor = event.anchor or ""
        match event:
            case AliasEvent():
                return NodeText("alias", start, end, flow=in_flow, text=anchor)
            case ScalarEvent():
                style = event.style or ""
                node = NodeText("scalar", start, end, flow=in_flow, style=style, text=event.value, anchor=anchor)
                if style in ("|", ">"):
                    node.end = self._block_end(start, end)
            case SequenceStartEvent():
                node = NodeText("sequence", start, end, flow=bool(event.flow_style), anchor=anchor)
                self._items(node)
            case _:
                assert isinstance(event, MappingStartEvent)
                node = NodeText("mapping", start, end, flow=bool(event.flow_style), anchor=anchor)
                self._pairs(node)
        node.tagged = event.tag is not None
        return node

    def _block_end(self, start: int, end: int) -> int:
        """The end of a block scalar's last line; trailing blank lines belong to it only if its header has ``+``."""
        header = self.text[start : self.text.find("\n", start)].split(" #")[0]
        if "+" in header:
            return end - 1 if self.text[end - 1 : end] == "\n" else end
        return start + len(self.text[start:end].rstrip())

    def _items(self, node: NodeText) -> None:
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            dash = None if node.flow else next(self.dashes)
            value = self.node(event, in_flow=node.flow)
            if dash is not None and not node.entries:
                node.column = dash.column
            start, after = (value.start, value.start) if dash is None else (dash.index, dash.index + 1)
            node.entries.append(Entry(start, None, value, after=after))
        self._close(node, event)

    def _pairs(self, node: NodeText) -> None:
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            if not node.entries:
                node.column = event.start_mark.column
            key = self.node(event, in_flow=True)
            value = self.node(next(self.events), in_flow=node.flow)
            between = self.text[key.end : value.start].lstrip()
            explicit = key.kind != "scalar" or bool(key.anchor) or key.tagged or not between.startswith(":")
            node.entries.append(Entry(key.start, key.text if key.kind == "scalar" else None, value, explicit, key.end))
        self._close(node, event)

    def _close(self, node: NodeText, event: Any) -> None:
        if node.flow:
            node.end = event.end_mark.index
        elif node.entries:
            node.end = node.entries[-1].value.end
