"""Assigns each comment and blank line of a YAML text to an entry.

A comment on the line of an entry belongs to it. A comment on a line of its own belongs to what follows, unless it is
indented like the entries of a block that just ended: then it belongs to the end of that block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.yamltext.nodes import Entry, NodeText

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_ITEM = re.compile(r"#\s*- ")
_MARKER = re.compile(r"(---|\.\.\.)(\s|$)|%")


@dataclass(slots=True)
class Noted:
    """An entry with its comments; ``above`` has comments, and "" for a blank line."""

    entry: Entry
    above: list[str] = field(default_factory=list)
    beside: str = ""
    below: Block | None = None


@dataclass(slots=True)
class Block:
    """A block's entries; ``end`` are the comments after the last one."""

    node: NodeText
    entries: list[Noted] = field(default_factory=list)
    end: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """A document. ``head``: the lines before its first key, markers (``---``) included; ``foot``: after the last."""

    head: list[str]
    block: Block
    foot: list[str] = field(default_factory=list)


def pages(text: str, roots: list[NodeText]) -> list[Page]:
    """The documents of a text whose roots are all block mappings."""
    return _Reader(text).pages(roots)


@dataclass(slots=True)
class _Line:
    column: int
    text: str


class _Reader:
    """Reads the text once; ``position`` is the end of what was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.last: Noted | None = None
        self.ended: list[Block] = []
        """Blocks that ended since the last entry, the deepest first."""

    def pages(self, roots: list[NodeText]) -> list[Page]:
        out: list[Page] = []
        for root in roots:
            self.ended = []
            head = [line.text for line in self._lines(root.entries[0].start)]
            out.append(Page(head, Block(root)))
            self._entries(out[-1].block)
        rest = list(self._lines(len(self.text)))
        out[-1].foot = [line.text for line in self._close(rest, -1)]
        return out

    def _entries(self, block: Block) -> None:
        for entry in block.node.entries:
            noted = Noted(entry)
            lines = self._close(list(self._lines(entry.start)), block.node.column)
            noted.above = [line.text for line in lines]
            block.entries.append(noted)
            self.last, self.position = noted, entry.after
            self._value(noted)
        self.ended.append(block)

    def _value(self, noted: Noted) -> None:
        value = noted.entry.value
        if value.entries and not value.flow:
            if noted.entry.key is None:
                # A comment next to a dash, before the item's first key, belongs above the item.
                noted.above += [line.text for line in self._lines(value.entries[0].start)]
                noted.above += [noted.beside] if noted.beside else []
                noted.beside = ""
            noted.below = Block(value)
            self._entries(noted.below)
            return
        noted.above += [line.text for line in self._lines(value.start) if line.text]
        self.position = value.end

    def _lines(self, end: int) -> Iterator[_Line]:
        """The separate lines up to a position; a comment on the current line goes to the last entry."""
        if end == self.position:
            return
        first, *rest = self.text[self.position : end].split("\n")
        self.position = end
        beside = _COMMENT.search(first)
        if beside and self.last is not None and (first[: beside.start()] or rest):
            self.last.beside = beside[0].rstrip()
            beside = None
        rest = rest if end == len(self.text) else rest[:-1]  # the last piece is where the next entry is indented
        whole = [first, *rest] if self.last is None or beside else rest
        for line in whole:
            stripped = line.strip()
            if not stripped or stripped.startswith("#") or _MARKER.match(line):
                yield _Line(len(line) - len(line.lstrip()), stripped)

    def _close(self, lines: list[_Line], column: int) -> list[_Line]:
        """Assign trailing comments to the blocks that ended; return the rest."""
        ended, self.ended = self.ended, []
        while ended and lines:
            comment = next((line for line in lines if line.text), None)
            if comment is None:
                break
            lists = [block for block in ended if block.node.kind == "sequence" and block.node.column == comment.column]
            if _ITEM.match(comment.text) and lists:  # an item of a list that was commented out
                block = lists[0]
            elif comment.column > column:
                block = next((one for one in ended if one.node.column <= comment.column), ended[-1])
                # If a list's dashes align with its key, the comment belongs to the mapping around it.
                block = next((one for one in reversed(ended) if one.node.column == block.node.column), block)
            else:
                break
            ended = ended[ended.index(block) :]
            end = lines.index(comment) + 1
            block.end += [line.text for line in lines[:end]]
            lines = lines[end:]
        return lines
