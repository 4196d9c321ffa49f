"""Edits to a YAML text, collected and then applied together: everything else stays byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.yamltext.nodes import Entry, NodeText, properties_end
from reconciler.yamltext.write import Style, entry_lines, inline, item_lines, literal, scalar


class CannotEdit(Exception):
    """The text cannot be edited piece by piece."""


class Edits:
    """Edits to one text. Columns and positions always refer to the original text."""

    def __init__(self, text: str, style: Style) -> None:
        self.text = text
        self.style = style
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._edits: list[tuple[int, int, str]] = []

    def applied(self) -> str:
        """The text with every edit applied."""
        out: list[str] = []
        position = 0
        for start, end, new in sorted(self._edits, key=lambda edit: (edit[0], edit[1])):
            if start < position:
                raise CannotEdit
            out.append(self.text[position:start])
            if start == end == len(self.text) and not "".join(out).endswith("\n"):
                out.append(self.newline)  # lines are added to a file without a final newline
            out.append(new)
            position = end
        return "".join([*out, self.text[position:]])

    # --- values ------------------------------------------------------------------------------------------------------

    def replace_value(self, parent: NodeText, entry: Entry, value: Any) -> None:
        """Replace an entry's value; a scalar keeps its anchor, its quotes and the comment next to it."""
        node = entry.value
        if node.kind == "scalar" and isinstance(value, str | int | float | bool):
            header, *lines = self._scalar(parent, node, value).split(self.newline, 1)
            # A comment next to the old value stays on its line: below, it would be part of a literal block.
            end = self._line_end(node.end) if lines else node.end
            header += self.text[node.end : end]
            self._put(properties_end(self.text, node), end, self.newline.join([header, *lines]))
        elif parent.flow:
            self._put(entry.start, node.end, self._inline(entry.key, value))
        else:
            lines = self._lines(parent, entry.key, value)
            self._put(entry.start, node.end, self.newline.join(lines).lstrip(" "))

    def _inline(self, key: str | None, value: Any) -> str:
        if key is None:
            return inline(value, json=self.style.json)
        return inline({key: value}, json=self.style.json)[1:-1]

    def _scalar(self, parent: NodeText, node: NodeText, value: Any) -> str:
        space = "" if self.text[node.start - 1 : node.start].isspace() or node.end > node.start else " "
        if self.style.json:
            return inline(value, json=True)
        if parent.flow:
            return space + scalar(value, flow=True, quote=node.style if node.style in ("'", '"') else "")
        block = literal(value, parent.column + self.style.step) if isinstance(value, str) else None
        if block is not None:
            return space + block.replace("\n", self.newline)
        return space + scalar(value, quote=node.style if node.style in ("'", '"') else "")

    def _lines(self, parent: NodeText, key: str | None, value: Any) -> list[str]:
        if key is None:
            return item_lines([value], parent.column, self.style)
        return entry_lines(key, value, parent.column, self.style)

    # --- entries -----------------------------------------------------------------------------------------------------

    def insert(self, parent: NodeText, after: int, key: str | None, value: Any) -> None:
        """Insert an entry after the one with that number (-1: before all)."""
        if parent.flow:
            self._insert_inline(parent, after, self._inline(key, value))
            return
        self.insert_lines(parent, after, "".join(line + self.newline for line in self._lines(parent, key, value)))

    def insert_lines(self, parent: NodeText, after: int, lines: str) -> None:
        """Insert finished lines after the entry with that number."""
        if after < 0:
            self._own_line(parent.entries[0])
            position = self._line_start(parent.entries[0].start)
        else:
            position = self._next_line(parent.entries[after].value.end)
        self._put(position, position, lines)

    def _insert_inline(self, parent: NodeText, after: int, new: str) -> None:
        if not parent.entries or after < 0:
            raise CannotEdit
        position = parent.entries[after].value.end
        self._put(position, position, f", {new}")

    def remove(self, parent: NodeText, gone: Iterable[int]) -> None:
        """Remove entries with the comments right above them; at least one entry of the parent must stay."""
        numbers = sorted(gone)
        if parent.flow:
            for run in _runs(numbers):
                self._remove_inline(parent, run[0], run[-1])
            return
        first = _runs(numbers)[0] if numbers and numbers[0] == 0 else []
        if first and not self._alone(parent.entries[0]):
            self._remove_first(parent, len(first))
            numbers = numbers[len(first) :]
        for number in numbers:
            start, end = self.lines_of(parent, number)
            self._put(self._blank_above(start, end), end, "")

    def lines_of(self, parent: NodeText, number: int) -> tuple[int, int]:
        """The start and end of a block entry's lines and of the comments right above it; not of the first."""
        entry = parent.entries[number]
        self._own_line(entry)
        start = self._line_start(entry.start)
        above = self._line_start(start - 1) if start else start
        while number > 0 and above < start and re.match(rf" {{{parent.column}}}#", self.text[above:start]):
            start, above = above, self._line_start(above - 1) if above else above
        return start, self._next_line(entry.value.end)

    def _blank_above(self, start: int, end: int) -> int:
        """The start of a blank line above if there is another below: one of the two is removed as well."""
        above = self._line_start(start - 1) if start else start
        blank_above = above < start and not self.text[above:start].strip()
        blank_below = not self.text[end : self._next_line(end)].strip()
        return above if blank_above and blank_below else start

    def _remove_inline(self, parent: NodeText, first: int, last: int) -> None:
        if last + 1 < len(parent.entries):
            self._put(parent.entries[first].start, parent.entries[last + 1].start, "")
        elif first > 0:
            self._put(parent.entries[first - 1].value.end, parent.entries[last].value.end, "")
        else:
            raise CannotEdit

    def _remove_first(self, parent: NodeText, count: int) -> None:
        """Remove an item's first keys: the next key moves up behind the dash, comments in between move above it."""
        if count >= len(parent.entries):
            raise CannotEdit
        start, end = parent.entries[0].start, parent.entries[count].start
        between = self.text[self._next_line(parent.entries[count - 1].value.end) : end]
        dash = self._line_start(start)
        if between.strip():
            self._put(dash, dash, between.rstrip(" "))
        self._put(start, end, "")

    # --- places ------------------------------------------------------------------------------------------------------

    def _put(self, start: int, end: int, new: str) -> None:
        self._edits.append((start, end, new))

    def _line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def _next_line(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end + 1

    def _line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        if end < 0:
            return len(self.text)
        return end - 1 if self.text[end - 1] == "\r" and end > position else end

    def _alone(self, entry: Entry) -> bool:
        return not self.text[self._line_start(entry.start) : entry.start].strip()

    def _own_line(self, entry: Entry) -> None:
        if not self._alone(entry):
            raise CannotEdit


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Group consecutive numbers."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][-1] == number - 1:
            out[-1].append(number)
        else:
            out.append([number])
    return out
